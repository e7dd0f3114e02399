"""The on-call rota as its keepers see and change it."""

from __future__ import annotations

import html
import re
from dataclasses import replace

from consult_rooms.quiet import Quiet
from consult_rooms.reaching import Reaching
from notify.subscriptions import Subscriptions
from tests.web.conftest import SEALER, serve
from tests.web.ward import ZONE, Ward, ward

__all__ = ["ward"]


async def test_a_turn_is_added_and_taken_off(ward: Ward) -> None:
    keeper = ward.coordinator
    await keeper.get("/rota")
    assert keeper.page.count("data-gap=") == 7
    offer = f"{ward.expert.id} {ward.specialty_id}"
    turn = {"offer": offer, "weekday": ["0", "6"], "starts": "19:00", "ends": "07:00"}
    assert (await keeper.post("/rota", turn)).status == 303
    await keeper.get("/rota")
    assert re.findall(r'data-gap="([^"]+)"', keeper.page)[:3] == ["07:00-19:00", "07:00-24:00", "00:00-24:00"]
    assert keeper.page.count("(hôm sau)") == 2
    assert html.unescape(keeper.page).count("BS. Hà") >= 2
    again = await keeper.post("/rota", turn | {"weekday": ["0"]})
    assert again.status == 422
    assert "Lượt trực này đã có" in html.unescape(keeper.page) or 'id="offer-problem"' in keeper.page
    more = await keeper.post("/rota", turn | {"weekday": ["0", "1"]})
    assert more.status == 303, "the day on which it stands is left as it is"
    await keeper.get("/rota")
    for shift_id in re.findall(r'data-turn="([^"]+)"', keeper.page):
        csrf = keeper.csrf
        assert (await keeper.post(f"/rota/{shift_id}/remove")).status == 303
        keeper.csrf = csrf
        assert (await keeper.post(f"/rota/{shift_id}/remove")).status == 303, "taken off twice is taken off"
        keeper.csrf = csrf
    await keeper.get("/rota")
    assert "data-turn" not in keeper.page


async def test_a_turn_without_its_parts_keeps_what_was_typed(ward: Ward) -> None:
    await ward.coordinator.get("/rota")
    bare = {"offer": "x", "starts": "25:00", "ends": "07:00"}
    assert (await ward.coordinator.post("/rota", bare)).status == 422
    for name in ("offer", "weekday", "starts"):
        assert f'id="{name}-problem"' in ward.coordinator.page
    assert 'value="25:00"' in ward.coordinator.page


async def test_only_its_keepers_open_a_hospitals_rota(ward: Ward) -> None:
    for browser in (ward.doctor, ward.specialist, ward.stranger):
        assert (await browser.get("/rota")).status == 403
        await browser.get("/")
        assert 'href="/rota"' not in browser.page
    foreign = f"/rota?facility={ward.cast.clinic.id}"
    assert (await ward.coordinator.get(foreign)).status == 403
    chief = await ward.site.browser()
    await chief.sign_in("qt.an")
    assert (await chief.get(foreign)).status == 200
    await chief.get("/rota")
    assert 'href="/rota"' in chief.page
    offer = f"{ward.expert.id} {ward.specialty_id}"
    turn = {"offer": offer, "weekday": "2", "starts": "07:00", "ends": "07:00", "facility": ward.cast.hospital.id}
    assert (await chief.post("/rota", turn)).headers["Location"] == f"/rota?facility={ward.cast.hospital.id}"


async def test_an_administrator_publishes_where_there_is_no_coordinator(ward: Ward) -> None:
    chief = await ward.site.browser()
    await chief.sign_in("qt.an")
    await chief.get("/slots")
    offer = f"{ward.expert.id} {ward.specialty_id}"
    fields = {"offer": offer, "day": str(ward.tomorrow()), "starts": "08:00", "ends": "08:30", "minutes": "30"}
    assert (await chief.post("/slots", fields)).status == 303
    [slot] = await ward.slots("free")
    await chief.get(f"/slots?day={ward.tomorrow()}")
    assert f'data-slot="{slot}"' in chief.page
    assert f'href="/slots/{slot}"' not in chief.page, "booking is for those who coordinate a clinic's consults"
    csrf = chief.csrf
    assert (await chief.get(f"/slots/{slot}")).status == 403
    chief.csrf = csrf
    assert (await chief.post(f"/slots/{slot}/withdraw")).status == 303


async def test_who_is_not_to_be_disturbed_stands_in_the_rota_with_the_hour(ward: Ward) -> None:
    services = ward.site.services
    quiet = Quiet(services.database, services.bus)
    subscriptions = Subscriptions(services.database, services.audit, SEALER)
    site = await serve(replace(services, reaching=Reaching(quiet, subscriptions, None)))
    keeper = await site.browser()
    await keeper.sign_in("dp.khue")
    offer = f"{ward.expert.id} {ward.specialty_id}"
    await keeper.get("/rota")
    await keeper.post("/rota", {"offer": offer, "weekday": ["0"], "starts": "19:00", "ends": "07:00"})
    await keeper.get("/rota")
    assert "data-quiet" not in keeper.page
    until = await quiet.begin(ward.expert, minutes=90)
    await keeper.get("/rota")
    assert "data-quiet" in keeper.page
    assert f"{until.astimezone(ZONE):%H:%M}" in html.unescape(keeper.page).partition("Không làm phiền đến")[2][:40]
    await quiet.end(ward.expert)
    await keeper.get("/rota")
    assert "data-quiet" not in keeper.page
    await site.close()
