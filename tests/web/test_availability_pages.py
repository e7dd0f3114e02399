"""Templates, absences, conflicts and conferences as their keepers see them."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from consult_rooms.planning import Planning
from identity.entries import StaffEntry
from identity.model import Role, Staff
from tests.web.conftest import OPERATOR, PASSWORD, Browser, Site, serve
from tests.web.ward import ZONE, Ward, ward

__all__ = ["ward"]

THURSDAYS = {
    "repeat": "weekly",
    "weekday": ["3"],
    "every": "1",
    "starts_on": "2026-11-23",
    "starts": "08:00",
    "ends": "09:00",
    "minutes": "30",
    "before": "0",
    "after": "0",
    "visit_type": "first",
}
"""The clock stands at Monday, 23 November 2026; the day after is a public holiday."""


@dataclass
class Office:
    """The ward's application with planning, and a second coordinator at another desk."""

    ward: Ward
    site: Site
    keeper: Browser
    second: Browser
    colleague: Staff

    @property
    def offer(self) -> str:
        return f"{self.ward.expert.id} {self.ward.specialty_id}"

    async def create(self, **changed: object) -> str:
        """A template made by the form; its id."""
        await self.keeper.get("/availability/new")
        fields = {"offer": self.offer, "act": "save"} | THURSDAYS | changed
        assert (await self.keeper.post("/availability/new", fields)).status == 303
        await self.keeper.get("/availability")
        return str(re.findall(r'data-template="(avt_[0-9a-f]+)"', self.keeper.page)[-1])


@pytest.fixture
async def office(ward: Ward) -> AsyncIterator[Office]:
    services, world = ward.site.services, ward.world
    colleague, _ = await services.accounts.create_staff(
        OPERATOR,
        StaffEntry(
            "bs.khai",
            "BS. Khải",
            ward.cast.hospital.id,
            frozenset({Role.SPECIALIST}),
            specialties=frozenset({ward.specialty_id}),
            licence_number="0002",
        ),
        password=PASSWORD,
    )
    planning = Planning.over(
        world.database, world.store, world.directory, world.bus, ZONE, ahead=timedelta(days=14), country="VN"
    )
    site = await serve(replace(services, planning=planning))
    keeper, second = await site.browser(), await site.browser()
    for browser in (keeper, second):
        await browser.sign_in("dp.khue")
    yield Office(ward, site, keeper, second, colleague)
    await site.close()


async def test_a_template_is_previewed_saved_changed_and_ended(office: Office) -> None:
    keeper = office.keeper
    await keeper.get("/slots")
    for path in ("/availability", "/availability/conflicts", "/conferences"):
        assert f'href="{path}"' in keeper.page
    await keeper.get("/availability/new")
    fields = {"offer": office.offer, **THURSDAYS, "weekday": ["1", "3"], "act": "preview"}
    assert (await keeper.post("/availability/new", fields)).status == 200
    assert 'data-counts="6 0 0"' in keeper.page
    assert 'data-skipped="holiday"' in keeper.page
    assert 'name="weekday" value="3" checked' in keeper.page
    await keeper.get("/availability")
    assert "data-template" not in keeper.page, "a preview saves nothing"
    template_id = await office.create()
    assert "Thứ Năm" in html.unescape(keeper.page)
    await keeper.get("/slots?day=2026-11-26")
    assert len(re.findall(r'data-slot="[^"]+" data-state="free"', keeper.page)) == 2
    await keeper.get(f"/availability/{template_id}")
    assert 'name="weekday" value="3" checked' in keeper.page
    # Another saves from the same version: the second is told who and what, and loses nothing of what was typed.
    await office.second.get(f"/availability/{template_id}")
    assert (
        await keeper.post(f"/availability/{template_id}", THURSDAYS | {"version": "1", "ends": "10:00"})
    ).status == 303
    later = await office.second.post(f"/availability/{template_id}", THURSDAYS | {"version": "1", "minutes": "15"})
    assert later.status == 409
    text = re.sub(r"<[^>]+>", " ", html.unescape(office.second.page))
    assert re.search(r"09:00\s+10:00", text), "what was, and what is"
    assert "Đỗ Minh Khuê vừa sửa mẫu lịch này" in text
    assert 'id="minutes" name="minutes" value="15"' in office.second.page
    assert 'name="version" value="2"' in office.second.page, "saved once more, it is meant"
    again = THURSDAYS | {"version": "2", "minutes": "15"}
    assert (await office.second.post(f"/availability/{template_id}", again)).status == 303
    await keeper.get(f"/availability/{template_id}")
    assert (await keeper.post(f"/availability/{template_id}/end", {"version": "3"})).status == 303
    await keeper.get("/slots?day=2026-11-26")
    assert "data-slot" not in keeper.page


async def test_what_is_wrong_stands_beside_its_field(office: Office) -> None:
    wrong: list[tuple[dict[str, object], str]] = [
        ({"ends": "07:00"}, "ends"),
        ({"starts": "25:00"}, "starts"),
        ({"weekday": []}, "weekday"),
        ({"repeat": "rule", "rule": "FREQ=SECONDLY"}, "repeat"),
        ({"repeat": "once", "starts_on": "2026-11-20"}, "starts_on"),
        ({"ends_on": "2026-11-01"}, "ends_on"),
        ({"offer": "x"}, "offer"),
        ({"minutes": "999"}, "minutes"),
    ]
    await office.keeper.get("/availability/new")
    for changed, field in wrong:
        fields = {"offer": office.offer, **THURSDAYS, "act": "save"} | changed
        assert (await office.keeper.post("/availability/new", fields)).status == 422
        assert f'id="{field}-problem"' in office.keeper.page


async def test_leave_lists_a_booking_which_is_then_kept_moved_or_cancelled(office: Office) -> None:
    keeper, ward = office.keeper, office.ward
    await office.create()
    await keeper.get("/slots?day=2026-11-26")
    first, _ = re.findall(r'data-slot="(slo_[0-9a-f]+)"', keeper.page)
    assert (await keeper.post(f"/slots/{first}", await ward.booking())).status == 303
    await keeper.get("/availability")
    assert (await keeper.post("/availability/leave", {"person": ward.expert.id, "first": ""})).status == 422
    leave = {"person": ward.expert.id, "first": "2026-11-26", "last": "2026-11-25"}
    assert (await keeper.post("/availability/leave", leave)).status == 422
    assert 'id="last-problem"' in keeper.page
    assert (await keeper.post("/availability/leave", leave | {"last": "2026-11-27"})).status == 303
    await keeper.get("/availability")
    assert "26/11/2026 – 27/11/2026" in html.unescape(keeper.page)
    await keeper.get("/availability/conflicts")
    assert keeper.page.count('data-conflict="leave"') == 1
    assert "Nguyễn" in html.unescape(keeper.page) or "BS. Hà" in html.unescape(keeper.page)
    [appointment] = set(re.findall(r'name="appointment_id" value="([^"]+)"', keeper.page))
    target = re.findall(r'<option value="(slo_[0-9a-f]+)"', keeper.page)[0]
    moved = {"appointment_id": appointment, "version": "1", "slot_id": target}
    assert (await keeper.post("/availability/conflicts/move", moved)).status == 303
    await keeper.get("/availability/conflicts")
    assert "data-conflict" not in keeper.page
    assert (await keeper.post("/availability/conflicts/move", moved)).status in (409, 422)
    day = {"kind": "closed", "day": "2026-12-03"}
    assert (await keeper.post("/availability/days", day)).status == 303
    await keeper.get("/availability/conflicts")
    [conflict] = re.findall(r"/availability/conflicts/(avc_[0-9a-f]+)/keep", keeper.page)
    assert (await keeper.post(f"/availability/conflicts/{conflict}/keep")).status == 303
    await keeper.get("/availability/conflicts")
    assert "data-conflict" not in keeper.page
    # A holiday is opened and closed again.
    await keeper.get("/availability")
    assert (await keeper.post("/availability/days", {"kind": "open", "day": "2026-11-24"})).status == 303
    await keeper.get("/availability")
    assert 'data-holiday="2026-11-24"' in keeper.page
    assert (await keeper.post("/availability/days", {"kind": "open", "day": "2026-11-25"})).status == 422


async def test_a_conference_is_planned_and_seen_by_its_members_alone(office: Office) -> None:
    keeper, ward = office.keeper, office.ward
    await keeper.get("/conferences")
    fields = {
        "title": "Hội chẩn u não",
        "chair": office.offer,
        "members": [office.colleague.id],
        "day": "2026-11-25",
        "starts": "14:00",
        "ends": "15:00",
        "minutes": "15",
    }
    assert (await keeper.post("/conferences", fields | {"members": []})).status == 422
    assert 'id="members-problem"' in keeper.page
    assert (await keeper.post("/conferences", fields | {"ends": "13:00"})).status == 422
    assert 'id="ends-problem"' in keeper.page
    made = await keeper.post("/conferences", fields)
    assert made.status == 303
    agenda = made.headers["Location"]
    assert (await keeper.post("/conferences", fields)).status in (403, 409)
    await keeper.get(agenda)
    boxes = re.findall(r'href="/slots/(slo_[0-9a-f]+)"', keeper.page)
    assert len(boxes) == 4
    await keeper.get(f"/slots/{boxes[0]}")
    assert (await keeper.post(f"/slots/{boxes[0]}", await ward.booking())).status == 303
    member = await office.site.browser()
    await member.sign_in("bs.khai")
    await member.get("/conferences")
    assert agenda in member.page
    assert (await member.get(agenda)).status == 200
    assert member.page.count('data-case="booked"') == 1
    [consult] = re.findall(r'href="(/consults/con_[0-9a-f]+)"', member.page)
    assert (await member.get(consult)).status == 200
    assert "Đổi thành viên" not in html.unescape(member.page)
    doctor = await office.site.browser()
    await doctor.sign_in("bs.bao")
    assert (await doctor.get(agenda)).status == 404
    assert (await doctor.get(consult)).status == 200, "its own case it sees"
    await keeper.get(agenda)
    assert (await keeper.post(f"{agenda}/cancel", {"version": "1"})).status == 409
    await keeper.get(agenda)
    assert (await keeper.post(f"{agenda}/members", {"version": "1", "members": []})).status == 422


async def test_only_keepers_plan(office: Office) -> None:
    for who in ("bs.ha", "bs.bao"):
        browser = await office.site.browser()
        await browser.sign_in(who)
        for path in ("/availability", "/availability/new", "/availability/conflicts"):
            assert (await browser.get(path)).status == 403
        await browser.get("/conferences")
        assert "conference-form" not in browser.page
        assert (await browser.post("/conferences", {"title": "x"})).status == 403
