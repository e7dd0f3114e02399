"""The on-call rota as its keepers see and change it."""

from __future__ import annotations

import html
import io
import re
from dataclasses import replace
from datetime import date

from aiohttp import FormData
from openpyxl import load_workbook

from consult_rooms.quiet import Quiet
from consult_rooms.reaching import Reaching
from identity.entries import StaffEntry
from identity.model import Role, Staff
from notify.subscriptions import Subscriptions
from tests.web.conftest import OPERATOR, PASSWORD, SEALER, Browser, serve
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


async def hire(ward: Ward, user_name: str, full_name: str, role: Role = Role.SPECIALIST) -> Staff:
    """Somebody else at the hospital."""
    fields = frozenset({ward.specialty_id}) if role is Role.SPECIALIST else frozenset()
    entry = StaffEntry(
        user_name,
        full_name,
        ward.cast.hospital.id,
        frozenset({role}),
        specialties=fields,
        licence_number="0002" if fields else "",
        licence_expires=date(2030, 1, 1) if fields else None,
    )
    person, _ = await ward.site.services.accounts.create_staff(OPERATOR, entry, password=PASSWORD)
    return person


async def whole_week(ward: Ward) -> str:
    """The expert on call day and night; the id of Wednesday's turn."""
    offer = f"{ward.expert.id} {ward.specialty_id}"
    await ward.coordinator.get("/rota")
    days = {"offer": offer, "weekday": [str(day) for day in range(7)], "starts": "07:00", "ends": "07:00"}
    await ward.coordinator.post("/rota", days)
    shifts = await ward.site.services.rota.shifts([ward.cast.hospital.id])
    return next(one.id for one in shifts if one.weekday == 2)


def on(page: str, day: str) -> str:
    """What the page shows of a date."""
    found = re.search(rf'data-day="{day}".*?</ol>|data-day="{day}".*?(?=data-day=)', page, re.S)
    return html.unescape(found[0]) if found else ""


async def test_a_date_overrules_the_week_and_gaps_are_told_before(ward: Ward) -> None:
    keeper, wednesday = ward.coordinator, await whole_week(ward)
    other = await hire(ward, "bs.tam", "BS. Tâm")
    await keeper.get("/rota?day=2026-11-26")
    assert "coming-gaps" not in keeper.page
    assert "2026-11-25" in on(keeper.page, "2026-11-25")
    lifted = await keeper.post(f"/rota/{wednesday}/lift", {"on": "2026-12-02", "week": "2026-11-30"})
    assert lifted.headers["Location"] == "/rota?day=2026-11-30"
    await keeper.get(lifted.headers["Location"])
    assert 'id="coming-gaps"' in keeper.page
    assert 'data-gap="07:00-24:00"' in on(keeper.page, "2026-12-02")
    assert "data-lifted" in on(keeper.page, "2026-12-02")
    await keeper.get("/")
    assert "không ai trực" in html.unescape(keeper.page)
    await keeper.get("/rota")
    offer = f"{other.id} {ward.specialty_id}"
    once = {"offer": offer, "date": "2026-12-02", "starts": "07:00", "ends": "07:00", "week": "2026-11-30"}
    await keeper.post("/rota", once)
    await keeper.get("/rota?day=2026-12-02")
    assert "BS. Tâm" in on(keeper.page, "2026-12-02")
    assert "data-gap" not in keeper.page
    await keeper.post(f"/rota/{wednesday}/restore", {"on": "2026-12-02"})
    await keeper.get("/rota?day=2026-12-02")
    leave = {"person": ward.expert.id, "first": "2026-12-03", "last": "2026-12-04", "week": "2026-11-30"}
    assert (await keeper.post("/rota/leave", leave)).status == 303
    await keeper.get("/rota?day=2026-12-02")
    assert keeper.page.count("data-lifted") == 2
    for wrong in ({"last": "2026-12-01"}, {"first": "x"}, {"person": ""}):
        assert (await keeper.post("/rota/leave", leave | wrong)).status == 422
    assert (await keeper.post(f"/rota/{wednesday}/lift", {"on": "2020-01-01"})).status == 422
    assert 'id="act-problem"' in keeper.page


async def test_a_second_keeper_is_told_what_the_first_changed(ward: Ward) -> None:
    wednesday = await whole_week(ward)
    await hire(ward, "dp.hai", "Điều phối Hai", Role.COORDINATOR)
    second = await ward.site.browser()
    await second.sign_in("dp.hai")
    await second.get("/rota")
    seen = re.findall(r'name="version" value="(\d+)"', second.page)[0]
    await ward.coordinator.post(f"/rota/{wednesday}/lift", {"on": "2026-11-25", "version": seen})
    late = await second.post(f"/rota/{wednesday}/remove", {"version": seen})
    assert late.status == 409
    missed = html.unescape(second.page).partition('id="missed"')[2]
    assert "Đỗ Minh Khuê cho BS. Hà nghỉ trực Đột quỵ: Thứ Tư 25/11/2026" in missed
    now = re.findall(r'name="version" value="(\d+)"', second.page)[0]
    assert (await second.post(f"/rota/{wednesday}/remove", {"version": now})).status == 303


async def send(browser: Browser, content: bytes, act: str = "check") -> int:
    await browser.get("/rota/import")
    form = FormData()
    form.add_field("csrf", browser.csrf)
    form.add_field("act", act)
    form.add_field("file", content, filename="truc.csv")
    return (await browser.post("/rota/import", data=form)).status


async def test_a_file_is_checked_taken_and_given_out_again(ward: Ward) -> None:
    keeper = ward.coordinator
    rows = "Tên đăng nhập;Chuyên khoa;Ngày;Bắt đầu;Kết thúc\nbs.ha;stroke;T2;7:00;19:00\nai;stroke;T2;7:00;19:00\n"
    assert await send(keeper, rows.encode("utf-16")) == 200
    assert "1 lỗi. Chưa ghi gì." in keeper.page
    assert 'data-label="Dòng"><span class="cell">3<' in keeper.page
    kept = re.search(r'<textarea name="content" hidden>\n(.*?)</textarea>', keeper.page, re.S)
    assert kept
    fields = {"act": "apply", "content": html.unescape(kept[1])}
    assert (await keeper.post("/rota/import", fields)).status == 200
    assert len(await ward.site.services.rota.shifts([ward.cast.hospital.id])) == 1
    for wrong in (b"", b"PK\x03\x04", b"a;b\n1;2\n"):
        assert await send(keeper, wrong) == 422
        assert 'id="file-problem"' in keeper.page
    told = await (await keeper.get("/rota/export.csv")).read()
    assert "bs.ha,stroke,Monday,07:00,19:00,first,BS. Hà" in told.decode("utf-8-sig")
    book = load_workbook(io.BytesIO(await (await keeper.get("/rota/export.xlsx")).read()))
    assert book.worksheets[0]["A2"].value == "bs.ha"
    for path in ("/rota/export.csv", "/rota/import"):
        assert (await ward.specialist.get(path)).status == 403


async def test_specialists_swap_turns_and_the_coordinator_sees_it(ward: Ward) -> None:
    wednesday = await whole_week(ward)
    other = await hire(ward, "bs.tam", "BS. Tâm")
    await ward.specialist.get("/turns")
    value = f"{wednesday} 2026-12-02"
    assert f'value="{value}"' in ward.specialist.page
    asked = {"given": value, "to_id": other.id, "taken": ""}
    for wrong in ({"given": "x"}, {"to_id": ""}, {"taken": "y"}, {"to_id": ward.expert.id}):
        assert (await ward.specialist.post("/turns/swaps", asked | wrong)).status == 422
    assert (await ward.specialist.post("/turns/swaps", asked)).status == 303
    colleague = await ward.site.browser()
    await colleague.sign_in("bs.tam")
    await colleague.get("/turns")
    assert "BS. Hà nhờ bạn trực thay" in html.unescape(colleague.page)
    path = re.findall(r'action="(/turns/swaps/[^"]+/accept)"', colleague.page)[0]
    assert (await ward.stranger.post(path)).status in (403, 404)
    assert (await colleague.post(path)).status == 303
    await ward.coordinator.get("/rota?day=2026-12-02")
    assert 'data-swap="accepted"' in ward.coordinator.page
    assert "BS. Tâm" in on(ward.coordinator.page, "2026-12-02")
    await colleague.get("/turns")
    assert (await colleague.post(path.replace("accept", "decline"))).status == 409
    assert 'id="swap-problem"' in colleague.page


async def test_figures_are_shown_given_out_and_led_back_to_each_case(ward: Ward) -> None:
    consult = await ward.held()
    keeper = ward.coordinator
    await keeper.get("/figures?weeks=4")
    assert 'data-plot="requests"' in keeper.page
    assert re.search(r'data-key="2026-11-23"', keeper.page)
    await keeper.get("/figures/cases?by=week&key=2026-11-23&which=all&weeks=4")
    assert consult.code in keeper.page
    assert f'href="/consults/{consult.id}/timeline"' in keeper.page
    await keeper.get(f"/consults/{consult.id}/timeline")
    assert 'data-kind="claimed"' in keeper.page
    assert 'data-goal="answer"' in keeper.page
    for word in ("Yếu nửa người", "Lành", "170/90"):
        assert word not in html.unescape(keeper.page)
    assert f'href="/consults/{consult.id}"' not in keeper.page
    told = (await (await keeper.get("/figures/export.csv?weeks=4")).read()).decode("utf-8-sig")
    assert "Theo tuần,2026-11-23,1,0,1,1," in told
    book = load_workbook(io.BytesIO(await (await keeper.get("/figures/export.xlsx?weeks=4")).read()))
    assert book.sheetnames == ["Theo tuần", "Theo chuyên khoa", "Theo bệnh viện", "Theo cơ sở yêu cầu"]
    for browser in (ward.doctor, ward.specialist):
        assert (await browser.get("/figures")).status == 403
    assert (await keeper.get(f"/figures?facility={ward.cast.clinic.id}")).status == 403
