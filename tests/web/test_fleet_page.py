"""The page of the terminals, for coordinators and administrators."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from foundation.bus import Bus
from identity.entries import StaffEntry
from identity.fleet import Fleet, Report, Working
from identity.model import Role
from tests.web.conftest import OPERATOR, PASSWORD, Cast, Site, serve
from web.services import Services


@pytest.fixture
async def fleet_site(services: Services, people: Cast, bus: Bus) -> AsyncIterator[tuple[Site, Fleet]]:
    fleet = Fleet(services.database, bus, services.directory, services.clock)
    site = await serve(replace(services, fleet=fleet))
    yield site, fleet
    await site.close()


async def test_terminals_are_seen_live_narrowed_and_in_both_languages(
    fleet_site: tuple[Site, Fleet], services: Services, people: Cast
) -> None:
    site, fleet = fleet_site
    entry = StaffEntry("dp.khue", "Đỗ Minh Khuê", people.hospital.id, frozenset({Role.COORDINATOR}))
    await services.accounts.create_staff(OPERATOR, entry, password=PASSWORD)
    browser = await site.browser()
    await browser.sign_in("dp.khue")
    assert (await browser.get("/fleet")).status == 200
    page = html.unescape(browser.page)
    assert all(text in page for text in ("HM-02", "Trạm Y tế đảo Hòn Mây", "Ngoại tuyến", "chưa từng kết nối"))
    version = re.search(r'data-version="([0-9a-f]{8})"', page)
    assert version

    fleet.came(people.terminal.id, "one")
    fleet.told(people.terminal.id, Report(version[1], Working.READY, Working.DENIED))
    await fleet.keep()
    part = await browser.client.get("/fleet?look=trouble", headers={"X-Fragment": "1"})
    text = html.unescape(await part.text())
    assert part.headers["X-Fragment"] == "1"
    assert "<html" not in text
    assert all(one in text for one in ("HM-02", "Trực tuyến", "Hoạt động", "Bị chặn trong trình duyệt", version[1]))
    assert "cũ" not in text
    fleet.told(people.terminal.id, Report("0badc0de", Working.READY, Working.READY))
    await fleet.keep()
    await browser.get(f"/fleet?look=trouble&facility={people.clinic.code}")
    assert "Hãy tải lại trang trên máy này." in html.unescape(browser.page)
    await browser.get("/fleet?look=offline")
    assert "Không có máy trạm nào như vậy." in html.unescape(browser.page)
    assert (await browser.get("/fleet?facility=99999")).status == 404

    english = await browser.get("/fleet", headers={"Cookie": "hoichan_language=en; " + cookies(browser.client)})
    told = html.unescape(await english.text())
    assert all(one in told for one in ("Terminals", "Online", "Works", "Load its page anew.", "All facilities"))


async def test_who_looks_after_no_terminals_does_not_see_them(fleet_site: tuple[Site, Fleet], people: Cast) -> None:
    site, _ = fleet_site
    for user_name, status in (("bs.bao", 403), ("qt.tram", 200), ("qt.an", 200)):
        browser = await site.browser()
        await browser.sign_in(user_name)
        assert (await browser.get("/fleet")).status == status
    assert 'id="fleet-facility"' in browser.page


def cookies(client: object) -> str:
    jar = client.session.cookie_jar  # type: ignore[attr-defined]  # a TestClient
    return "; ".join(f"{morsel.key}={morsel.value}" for morsel in jar)
