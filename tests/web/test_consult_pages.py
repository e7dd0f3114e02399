"""The consult's page, its closing page, past consults, agenda, queue and slots, over real services and SQLite."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from consult_rooms.model import Consent, ConsentBy, Consult, ConsultState, IdentityState, Patient, Question, Urgency
from foundation.bus import Bus
from foundation.clock import FakeClock
from foundation.database import Database
from foundation.ids import PatientId, SpecialtyId
from foundation.sealing import Sealer
from identity.entries import SpecialtyEntry, StaffEntry
from identity.model import Role, Staff
from records_panel.citizens import Evidence
from tests.consult_rooms.conftest import World, build
from tests.records_panel.conftest import LANH, Records
from tests.web.conftest import OPERATOR, PASSWORD, Browser, Cast, Site, serve
from web.services import Services

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
JSON = {"Accept": "application/json"}
QUESTION = Question(situation="Yếu nửa người phải <13:20>", recommendation="Tái tưới máu?")


@dataclass
class Ward:
    """The application, a browser of each person, and the consult services behind them."""

    site: Site
    world: World
    records: Records
    cast: Cast
    expert: Staff
    keeper: Staff
    specialty_id: SpecialtyId
    patient_id: PatientId
    doctor: Browser
    specialist: Browser
    coordinator: Browser
    stranger: Browser

    async def ask(self, key: str = "key-1") -> Consult:
        """A case that rings."""
        return await self.world.requests.create(
            self.cast.doctor,
            terminal_id=None,
            specialty_id=self.specialty_id,
            urgency=Urgency.EMERGENCY,
            patient=Patient(self.patient_id, IdentityState.ESTABLISHED, LANH.name, LANH.birth_date, LANH.sex),
            question=QUESTION,
            consent=Consent(consult=True, record_view=True, by=ConsentBy.SELF),
            idempotency_key=key,
        )

    async def held(self, key: str = "key-1", *, ended: bool = True) -> Consult:
        """A case that was taken, met in and, unless told otherwise, ended."""
        consult = await self.world.requests.accept(self.expert, (await self.ask(key)).id)
        await self.world.rooms.join(self.cast.doctor, consult.id)
        await self.world.rooms.join(self.expert, consult.id)
        await self.world.rooms.chat(self.cast.doctor, consult.id, "Huyết áp 170/90", "line-0001")
        return await self.world.rooms.end(self.expert, consult.id) if ended else consult

    async def state(self, consult: Consult) -> ConsultState:
        """Where a consult stands now."""
        return (await self.world.queries.consult(self.cast.doctor, consult.id)).consult.state

    def tomorrow(self) -> date:
        """The day after the clock's, in the installation's zone."""
        return (self.world.clock.now() + timedelta(days=1)).astimezone(ZONE).date()

    async def publish(self, starts: str = "08:00", ends: str = "09:00") -> int:
        """Publish the specialist's time of tomorrow as half hours by the page; the answer's status."""
        offer = f"{self.expert.id} {self.specialty_id}"
        fields = {"offer": offer, "day": self.tomorrow(), "starts": starts, "ends": ends, "minutes": "30"}
        return (await self.coordinator.post("/slots", {name: str(value) for name, value in fields.items()})).status

    async def slots(self, state: str) -> list[str]:
        """Ids of tomorrow's slots in that state, as the page shows them."""
        await self.coordinator.get(f"/slots?day={self.tomorrow()}")
        return re.findall(rf'data-slot="(slo_[0-9a-f]+)" data-state="{state}"', self.coordinator.page)

    async def booking(self) -> dict[str, str]:
        """A filled-in booking form."""
        evidence = {Evidence.NAME: LANH.name, Evidence.BIRTH_DATE: LANH.birth_date.strftime("%d/%m/%Y")}
        await self.records.patients.confirm(self.keeper, self.patient_id, evidence)
        return {
            "requester_id": self.cast.doctor.id,
            "patient": self.records.patients.proof(self.keeper, self.patient_id),
            "situation": "Hỏi thuốc chống đông",
            "consent_consult": "1",
            "consent_record": "1",
            "consent_by": "self",
            "idempotency_key": "booking-1",
        }


@pytest.fixture
async def ward(
    sqlite_database: Database, bus: Bus, clock: FakeClock, sealer: Sealer, services: Services, people: Cast
) -> AsyncIterator[Ward]:
    stroke = await services.administration.create_specialty(OPERATOR, SpecialtyEntry("stroke", "Đột quỵ", "Stroke"))
    hospital = people.hospital.id
    expert, _ = await services.accounts.create_staff(
        OPERATOR,
        StaffEntry(
            "bs.ha",
            "BS. Hà",
            hospital,
            frozenset({Role.SPECIALIST}),
            specialties=frozenset({stroke.id}),
            licence_number="0001",
            licence_expires=date(2030, 1, 1),
        ),
        password=PASSWORD,
    )
    keeper, _ = await services.accounts.create_staff(
        OPERATOR, StaffEntry("dp.khue", "Đỗ Minh Khuê", hospital, frozenset({Role.COORDINATOR})), password=PASSWORD
    )
    world = await build(sqlite_database, clock, bus, sealer, {}, rota=False)
    records = Records(sqlite_database, clock, sealer)
    (patient_id,) = await records.add(LANH)
    site = await serve(
        replace(
            services,
            requests=world.requests,
            rooms=world.rooms,
            opinions=world.opinions,
            scheduling=world.scheduling,
            queries=world.queries,
            presence=world.presence,
            rota=world.rota,
            patients=records.patients,
        )
    )
    browsers = [await site.browser() for _ in range(4)]
    for browser, user_name in zip(browsers, ("bs.bao", "bs.ha", "dp.khue", "dd.hoa"), strict=True):
        await browser.sign_in(user_name)
    yield Ward(site, world, records, people, expert, keeper, stroke.id, patient_id, *browsers)
    await site.close()


async def test_the_page_tells_the_whole_consult_to_both_sides(ward: Ward) -> None:
    consult = await ward.held()
    for browser in (ward.doctor, ward.specialist):
        assert (await browser.get(f"/consults/{consult.id}")).status == 200
        page = html.unescape(browser.page)
        for words in (LANH.name, consult.code, "Yếu nửa người phải <13:20>", "Huyết áp 170/90", "BS. Hà đã nhận ca"):
            assert words in page
        assert "<13:20>" not in browser.page
        kinds = re.findall(r'<li data-kind="(\w+)"', page)
        assert kinds[0] == "requested"
        assert {"rung", "claimed", "joined", "ended"} - set(kinds) <= {"rung"}
        assert kinds.index("claimed") < kinds.index("joined") < kinds.index("ended")


async def test_who_has_nothing_to_do_with_a_consult_finds_nothing(ward: Ward) -> None:
    consult = await ward.held()
    for path in (f"/consults/{consult.id}", f"/consults/{consult.id}/opinion", "/consults/con_" + "0" * 32):
        assert (await ward.stranger.get(path)).status == 404
        assert LANH.name not in html.unescape(ward.stranger.page)
    assert (await ward.stranger.post(f"/consults/{consult.id}/opinion", {"text": "x", "version": "0"})).status == 404


async def test_a_coordinator_reads_no_name_no_chat_and_no_opinion(ward: Ward) -> None:
    consult = await ward.held()
    await ward.world.opinions.save(ward.expert, consult.id, "Chuyển ngay.", 0)
    assert (await ward.coordinator.get(f"/consults/{consult.id}")).status == 200
    page = html.unescape(ward.coordinator.page)
    assert consult.code in page
    for words in (LANH.name, "Huyết áp 170/90", "Chuyển ngay."):
        assert words not in page


async def test_the_opinion_is_saved_then_locked_with_the_consult(ward: Ward) -> None:
    consult = await ward.held()
    page = f"/consults/{consult.id}/opinion"
    assert (await ward.specialist.get(page)).status == 200
    saved = await ward.specialist.post(page, {"text": "Chuyển ngay.\nKhông chống đông.", "version": "0", "act": "save"})
    assert saved.headers["Location"] == page
    await ward.specialist.get(page)
    closed = await ward.specialist.post(page, {"text": "Chuyển ngay.", "version": "1", "act": "close"})
    assert closed.headers["Location"] == f"/consults/{consult.id}"
    assert await ward.state(consult) is ConsultState.CLOSED
    await ward.doctor.get(f"/consults/{consult.id}")
    assert "Chuyển ngay." in html.unescape(ward.doctor.page)
    assert (await ward.specialist.get(page)).headers["Location"] == f"/consults/{consult.id}", "nothing more to write"


async def test_a_stale_opinion_overwrites_nothing_and_loses_nothing(ward: Ward) -> None:
    consult = await ward.held()
    page = f"/consults/{consult.id}/opinion"
    await ward.specialist.get(page)
    await ward.world.opinions.save(ward.expert, consult.id, "Từ máy kia.", 0)
    response = await ward.specialist.post(page, {"text": "Từ máy này.", "version": "0", "act": "close"})
    shown = html.unescape(ward.specialist.page)
    assert response.status == 409
    assert "Từ máy này." in shown
    assert "Từ máy kia." in shown
    assert await ward.state(consult) is ConsultState.ENDED


async def test_an_empty_opinion_closes_nothing(ward: Ward) -> None:
    consult = await ward.held()
    await ward.specialist.get(f"/consults/{consult.id}/opinion")
    fields = {"text": "  ", "version": "0", "act": "close"}
    assert (await ward.specialist.post(f"/consults/{consult.id}/opinion", fields)).status == 422
    assert 'aria-invalid="true"' in ward.specialist.page
    assert await ward.state(consult) is ConsultState.ENDED


async def test_the_rooms_script_saves_by_json(ward: Ward) -> None:
    consult = await ward.held(ended=False)
    page, csrf = f"/consults/{consult.id}/opinion", ward.specialist.csrf
    response = await ward.specialist.post(page, {"text": "Đo lại.", "version": "0", "act": "save"}, headers=JSON)
    assert (await response.json())["version"] == 1
    ward.specialist.csrf = csrf
    stale = await ward.specialist.post(page, {"text": "Khác.", "version": "0", "act": "save"}, headers=JSON)
    assert stale.status == 409
    assert (await stale.json())["code"] == "opinion.stale"


async def test_only_the_specialist_writes(ward: Ward) -> None:
    consult = await ward.held()
    page = f"/consults/{consult.id}/opinion"
    assert (await ward.doctor.get(page)).headers["Location"] == f"/consults/{consult.id}"
    await ward.doctor.get(f"/consults/{consult.id}")
    assert (await ward.doctor.post(page, {"text": "x", "version": "0", "act": "save"})).status == 403


async def test_past_consults_come_in_pages_without_gap_or_repeat(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.views.consults.PAGE", 2)
    codes = []
    for number in range(5):
        codes.append((await ward.held(f"key-{number}")).code)
        ward.world.clock.advance(60)
    seen: list[str] = []
    path = "/consults"
    while path:
        assert (await ward.doctor.get(path)).status == 200
        seen += re.findall(r"HC-\d{4}-\d{4}", ward.doctor.page)
        older = re.search(r'href="(/consults\?before=[^"]+)"', ward.doctor.page)
        path = html.unescape(older[1]) if older else ""
    assert seen == codes[::-1]
    assert (await ward.doctor.get("/consults?before=nonsense")).status == 200


async def test_the_queue_shows_what_rings_without_a_name(ward: Ward) -> None:
    consult = await ward.ask()
    assert (await ward.coordinator.get("/coordinator")).status == 200
    page = html.unescape(ward.coordinator.page)
    assert consult.code in page
    assert "Yếu nửa người phải" in page
    assert LANH.name not in page
    assert (await ward.doctor.get("/coordinator")).status == 403


async def test_a_slot_is_published_booked_moved_and_cancelled(ward: Ward) -> None:
    assert await ward.publish() == 303
    first, second = await ward.slots("free")
    await ward.coordinator.get(f"/slots/{first}")
    booked = await ward.coordinator.post(f"/slots/{first}", await ward.booking())
    there = booked.headers["Location"]
    for browser in (ward.doctor, ward.specialist):
        await browser.get("/agenda")
        assert LANH.name in html.unescape(browser.page)
        assert "08:00" in browser.page
    assert await ward.slots("booked") == [first]
    appointment = re.search(r'action="(/appointments/apt_[0-9a-f]+)/move"', ward.coordinator.page)
    version = re.search(r'name="version" value="(\d+)"', ward.coordinator.page)
    assert appointment
    assert version
    moved = await ward.coordinator.post(f"{appointment[1]}/move", {"slot_id": second, "version": version[1]})
    assert moved.status == 303
    assert await ward.slots("booked") == [second]
    stale = await ward.coordinator.post(f"{appointment[1]}/move", {"slot_id": first, "version": version[1]})
    assert stale.status == 409
    await ward.doctor.get(there)
    cancelled = await ward.doctor.post(f"{appointment[1]}/cancel", {"reason": "transferred"})
    assert cancelled.headers["Location"] == "/agenda"
    assert await ward.slots("booked") == []


async def test_a_booking_form_without_its_parts_keeps_what_was_typed(ward: Ward) -> None:
    await ward.publish()
    slot_id = (await ward.slots("free"))[0]
    await ward.coordinator.get(f"/slots/{slot_id}")
    response = await ward.coordinator.post(f"/slots/{slot_id}", {"situation": "Hỏi <thuốc>", "idempotency_key": "k1"})
    assert response.status == 422
    assert "Hỏi <thuốc>" in html.unescape(ward.coordinator.page)
    assert 'value="k1"' in ward.coordinator.page
    assert await ward.slots("booked") == []


async def test_a_slot_taken_meanwhile_is_said_and_books_nothing(ward: Ward) -> None:
    await ward.publish()
    slot_id = (await ward.slots("free"))[0]
    await ward.coordinator.get(f"/slots/{slot_id}")
    fields = await ward.booking()
    assert (await ward.coordinator.post(f"/slots/{slot_id}", fields)).status == 303
    await ward.coordinator.get("/slots")
    response = await ward.coordinator.post(f"/slots/{slot_id}", fields | {"idempotency_key": "booking-2"})
    assert response.status == 409
    assert "Hỏi thuốc chống đông" in html.unescape(ward.coordinator.page)


async def test_published_times_do_not_overlap_and_may_be_taken_back(ward: Ward) -> None:
    assert await ward.publish() == 303
    assert await ward.publish("08:30", "09:30") == 422
    first, second = await ward.slots("free")
    assert (await ward.coordinator.post(f"/slots/{first}/withdraw", {"shown": str(ward.tomorrow())})).status == 303
    assert await ward.slots("free") == [second]


async def test_slots_are_for_coordinators(ward: Ward) -> None:
    await ward.publish()
    slot_id = (await ward.slots("free"))[0]
    for browser in (ward.doctor, ward.specialist):
        for path in ("/slots", f"/slots/{slot_id}"):
            assert (await browser.get(path)).status == 403
        await browser.get("/agenda")
        assert (await browser.post(f"/slots/{slot_id}/withdraw")).status == 403
    assert await ward.slots("free") != []
