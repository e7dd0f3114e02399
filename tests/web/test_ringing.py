"""One's own ringing: do not disturb, browsers that are rung when closed, the service worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from consult_rooms.quiet import Quiet
from consult_rooms.reaching import Reaching
from foundation.audit import Audit
from foundation.bus import Bus
from foundation.database import Database
from foundation.fetch import Fetcher
from notify.subscriptions import Subscriptions
from notify.webpush import Pusher, PushKey
from tests.notify.conftest import Browser as Subscribed
from tests.notify.conftest import PushService
from tests.web.conftest import SEALER, Browser, Cast, Site, serve
from web.services import Services


@pytest.fixture
async def ringing(
    sqlite_database: Database, bus: Bus, services: Services, people: Cast, tmp_path: Path
) -> AsyncIterator[tuple[Site, Browser, Reaching]]:
    key = PushKey.from_file(tmp_path / "push-key.pem", create=True)
    reaching = Reaching(
        Quiet(sqlite_database, bus),
        Subscriptions(sqlite_database, Audit(sqlite_database), SEALER),
        Pusher(key, Fetcher(), hosts=("push.test",), contact="a@b.vn"),
    )
    site = await serve(replace(services, reaching=reaching))
    browser = await site.browser()
    await browser.sign_in(people.doctor.user_name)
    yield site, browser, reaching
    await site.close()


async def test_do_not_disturb_is_begun_and_ended_on_the_page(
    ringing: tuple[Site, Browser, Reaching], people: Cast
) -> None:
    _, browser, reaching = ringing
    assert (await browser.get("/ringing")).status == 200
    assert (await browser.post("/ringing/quiet", {"minutes": "60"})).status == 303
    assert people.doctor.id in await reaching.quiet.of([people.doctor.id])
    await browser.get("/ringing")
    assert "/ringing/quiet/end" in browser.page
    assert (await browser.post("/ringing/quiet/end")).status == 303
    assert await reaching.quiet.of([people.doctor.id]) == {}
    assert (await browser.post("/ringing/quiet", {"minutes": "100000"})).status == 422


async def test_a_browser_is_added_listed_and_removed(ringing: tuple[Site, Browser, Reaching], people: Cast) -> None:
    _, browser, reaching = ringing
    made = Subscribed(PushService(443)).subscription
    told = {"endpoint": "https://push.test/one", "keys": {"p256dh": made.p256dh, "auth": made.auth}, "name": "Máy bàn"}
    headers = {"X-CSRF-Token": browser.csrf}

    async def add(body: object, **more: str) -> int:
        return (await browser.post("/ringing/devices", data=None, json=body, headers=headers | more)).status

    assert await add(told | {"endpoint": "https://elsewhere.example/one"}) == 422
    assert await add({"endpoint": 7}) == 422
    assert await add(told, **{"X-CSRF-Token": "wrong"}) == 403
    assert await reaching.subscriptions.of(people.doctor.id) == []
    assert await add(told) == 201
    [device] = await reaching.subscriptions.of(people.doctor.id)
    [address] = await reaching.subscriptions.addresses([device.id])
    assert asdict(address.subscription) == asdict(made) | {"endpoint": "https://push.test/one"}
    await browser.get("/ringing")
    assert "Máy bàn" in browser.page
    assert (await browser.post(f"/ringing/devices/{device.id}/remove")).status == 303
    assert await reaching.subscriptions.of(people.doctor.id) == []


async def test_the_service_worker_is_served_above_all_pages(ringing: tuple[Site, Browser, Reaching]) -> None:
    _, browser, _ = ringing
    response = await browser.get("/service-worker.js")
    assert response.status == 200
    assert response.headers["Cache-Control"] == "no-cache"
    assert "showNotification" in await response.text()
