"""A facility that asks a thousand times a second hears "full" and when to come again; the others do not notice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from foundation.clock import FakeClock
from foundation.paces import Paces, Rates
from identity.sessions import Sessions
from tests.web.conftest import Cast, Site, serve
from web.services import Services

JSON = {"Accept": "application/json"}


@pytest.fixture
async def paced(services: Services, people: Cast, clock: FakeClock) -> AsyncIterator[Site]:
    rates = Rates(person=3, terminal=5, facility=4, address=2, consults=60)
    site = await serve(replace(services, paces=Paces(clock, rates)))
    yield site
    await site.close()


async def test_a_facility_that_asks_too_much_is_refused_and_the_others_are_not(
    paced: Site, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor, nurse, chief = [await paced.browser() for _ in range(3)]
    for browser, user_name in ((doctor, "bs.bao"), (nurse, "dd.hoa"), (chief, "qt.an")):
        await browser.sign_in(user_name)
        clock.advance(60)
    answers: list[Any] = [await (doctor, nurse)[turn % 2].client.get("/password", headers=JSON) for turn in range(60)]
    assert [answer.status for answer in answers].count(200) == 40
    refused = answers[-1]
    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
    told = await refused.json(content_type=None)
    assert told["code"] == "limit.facility"
    assert told["detail"] == "Đang có quá nhiều yêu cầu từ cơ sở của bạn. Hãy tiếp tục sau 1 giây."
    page = await doctor.client.get("/password")
    assert page.status == 429
    assert "cơ sở của bạn" in await page.text()
    assert (await chief.client.get("/password")).status == 200, "another facility"
    assert (await doctor.client.get("/static/favicon.svg")).status == 200

    asked = []
    find = Sessions.find

    async def counted(self: Sessions, secret: str) -> Any:
        asked.append(1)
        return await find(self, secret)

    monkeypatch.setattr(Sessions, "find", counted)
    assert (await doctor.client.get("/password", headers=JSON)).status == 429
    assert asked == [], "it is refused before the database is asked who it is"
    clock.advance(1)
    assert (await doctor.client.get("/password", headers=JSON)).status == 200


async def test_one_person_hears_it_before_the_facility_does(paced: Site, clock: FakeClock) -> None:
    doctor, nurse = await paced.browser(), await paced.browser()
    await doctor.sign_in("bs.bao")
    await nurse.sign_in("dd.hoa")
    clock.advance(60)
    statuses = [(await doctor.client.get("/password", headers=JSON)).status for _ in range(40)]
    assert statuses.count(200) == 30
    refused = await doctor.client.get("/password", headers=JSON)
    assert (await refused.json(content_type=None))["code"] == "limit.person"
    assert (await nurse.client.get("/password")).status == 200


async def test_strangers_are_counted_by_address_and_whoever_is_signed_in_is_not(paced: Site, clock: FakeClock) -> None:
    doctor, stranger = await paced.browser(), await paced.browser()
    await doctor.sign_in("bs.bao")
    clock.advance(60)
    statuses = [(await stranger.client.get("/sign-in", headers=JSON)).status for _ in range(30)]
    assert statuses == [200] * 20 + [429] * 10
    forged = await stranger.client.get("/password", headers={"Cookie": "hoichan_session=forged", **JSON})
    assert (await forged.json(content_type=None))["code"] == "limit.address"
    token = await stranger.client.get("/api/v1/requests/x", headers={"Authorization": "Bearer forged"})
    assert token.status == 429
    assert (await doctor.client.get("/password")).status == 200
    clock.advance(1)
    assert (await stranger.client.get("/sign-in", headers=JSON)).status == 200
