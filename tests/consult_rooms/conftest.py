"""A small country: one island clinic, two linked hospitals, one that is not linked, and their people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from consult_rooms.answers import Answers
from consult_rooms.appointment import Appointment, Slot
from consult_rooms.board_acts import BoardActs
from consult_rooms.board_duty import BoardDuty
from consult_rooms.board_queries import BoardQueries
from consult_rooms.claims import Claims
from consult_rooms.coordinator_board import CoordinatorBoard
from consult_rooms.duty import Duty
from consult_rooms.figures import FiguresDesk
from consult_rooms.forecast import Forecast
from consult_rooms.handovers import Handovers
from consult_rooms.inquiries import Inquiries
from consult_rooms.intake import Intake
from consult_rooms.ladder_rules import defaults
from consult_rooms.leases import Leases
from consult_rooms.log import ConsultLog
from consult_rooms.milestones import Goal
from consult_rooms.model import Consent, ConsentBy, Consult, IdentityState, Patient, Question, Urgency
from consult_rooms.opinions import Opinions
from consult_rooms.pairing import Pairing
from consult_rooms.phone_tree import PhoneTrees
from consult_rooms.presence import Presence
from consult_rooms.queries import Queries
from consult_rooms.requests import Requests
from consult_rooms.rooms import Rooms
from consult_rooms.roster import Rosters
from consult_rooms.rota import Rota
from consult_rooms.rota_dates import RotaDates
from consult_rooms.rota_import import RotaImport
from consult_rooms.rota_weeks import RotaWeeks
from consult_rooms.rulebook import Rulebook
from consult_rooms.runner import LadderRunner
from consult_rooms.scheduling import Scheduling
from consult_rooms.store import ConsultStore
from consult_rooms.swaps import Swaps
from consult_rooms.timelines import Timelines
from consult_rooms.writing import Writing
from foundation.audit import Audit
from foundation.bus import Bus
from foundation.clock import FakeClock
from foundation.database import Database
from foundation.ids import ConsultId, FacilityId, PatientId, SpecialtyId, StaffId, TerminalId, new_id
from foundation.sealing import Sealer
from identity.model import Staff
from identity.store import Directory
from identity.tables import facilities, links, specialties, staff, staff_specialties, terminals
from records_panel.panel import Panel

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
TARGETS = {
    Urgency.EMERGENCY: timedelta(minutes=2),
    Urgency.URGENT: timedelta(minutes=15),
    Urgency.ROUTINE: timedelta(hours=4),
}
GOALS = {
    Goal.ANSWER: TARGETS,
    Goal.VIDEO: {urgency: timedelta(minutes=2) for urgency in Urgency},
    Goal.OPINION: {urgency: timedelta(hours=1) for urgency in Urgency},
}
RULES = defaults({Urgency.EMERGENCY: 30.0, Urgency.URGENT: 120.0, Urgency.ROUTINE: 300.0}, 300.0)
ANSWER = {
    Urgency.EMERGENCY: timedelta(minutes=2),
    Urgency.URGENT: timedelta(minutes=30),
    Urgency.ROUTINE: timedelta(hours=8),
}

CLINIC = FacilityId("fac_" + "1" * 32)
STROKE_HOSPITAL = FacilityId("fac_" + "2" * 32)
CENTRAL_HOSPITAL = FacilityId("fac_" + "3" * 32)
FOREIGN_HOSPITAL = FacilityId("fac_" + "4" * 32)
OTHER_CLINIC = FacilityId("fac_" + "5" * 32)
STROKE = SpecialtyId("spe_" + "1" * 32)
BURNS = SpecialtyId("spe_" + "2" * 32)
TERMINAL = TerminalId("ter_" + "1" * 32)
OTHER_TERMINAL = TerminalId("ter_" + "2" * 32)

NAME = "Trần Thị Diễm Xưa"
PATIENT = Patient(
    patient_id=PatientId("pat_" + "a" * 32),
    identity=IdentityState.ESTABLISHED,
    name=NAME,
    birth_date=date(1958, 3, 2),
    sex="female",
    masked_number="•••• 4821",
)
UNKNOWN_WOMAN = Patient(patient_id=None, identity=IdentityState.TEMPORARY, sex="female", age_years=70)
QUESTION = Question(situation="Yếu nửa người phải từ 40 phút", recommendation="Có tiêu sợi huyết được không?")
CONSENT = Consent(consult=True, record_view=True, by=ConsentBy.PROXY, note="Con gái đồng ý")


@dataclass
class World:
    """Services over one store, and the people by user name."""

    database: Database
    clock: FakeClock
    bus: Bus
    store: ConsultStore
    directory: Directory
    presence: Presence
    rota: Rota
    duty: Duty
    figures: FiguresDesk
    timelines: Timelines
    rosters: Rosters
    rulebook: Rulebook
    forecast: Forecast
    log: ConsultLog
    runner: LadderRunner
    claims: Claims
    requests: Requests
    answers: Answers
    inquiries: Inquiries
    intake: Intake
    leases: Leases
    handovers: Handovers
    rooms: Rooms
    opinions: Opinions
    scheduling: Scheduling
    queries: Queries
    board: CoordinatorBoard
    people: dict[str, Staff]

    @property
    def pairing(self) -> Pairing:
        """What the edges are given."""
        return Pairing(self.answers, self.inquiries, self.leases, self.handovers)

    def __getitem__(self, user_name: str) -> Staff:
        return self.people[user_name]

    async def opens_book(self, user_name: str, consult_id: ConsultId) -> bool:
        """Whether the patient's book is open to this person by the consult, as `records_panel` decides."""
        no_book: Any = None
        panel = Panel(self.database, self.store, Audit(self.database), no_book, zone=ZONE)
        return panel.access(self[user_name], None, await panel.place(self[user_name], None, consult_id)).opens

    async def ask(
        self,
        key: str = "k",
        urgency: Urgency = Urgency.EMERGENCY,
        patient: Patient = PATIENT,
        question: Question = QUESTION,
        consent: Consent | None = CONSENT,
        by: str = "lan",
    ) -> Consult:
        """A request of the island clinic for a stroke specialist."""
        return await self.requests.create(
            self[by],
            terminal_id=TERMINAL,
            specialty_id=STROKE,
            urgency=urgency,
            patient=patient,
            question=question,
            consent=consent,
            idempotency_key=key,
        )

    async def publish(self, user_name: str = "ha", hours: float = 2, count: int = 1) -> list[Slot]:
        """Half-hour slots of a specialist of the provincial hospital, from that many hours on."""
        starts = self.clock.now() + timedelta(hours=hours)
        ends = starts + count * timedelta(minutes=30)
        return await self.scheduling.publish(self["dieu"], self[user_name].id, STROKE, starts, ends, 30)

    async def book(self, slot: Slot, key: str = "b", terminal_id: TerminalId | None = TERMINAL) -> Appointment:
        """A booking of the island clinic."""
        return await self.scheduling.book(
            self["dieu"], slot.id, CLINIC, terminal_id, self["lan"].id, PATIENT, QUESTION, CONSENT, key
        )

    async def recruit(self, count: int) -> list[Staff]:
        """That many further stroke specialists at the central hospital."""
        ids = [StaffId(new_id("stf")) for _ in range(count)]
        async with self.database.transaction() as tx:
            await tx.execute(
                staff.insert(),
                [
                    {
                        "id": staff_id,
                        "user_name": staff_id,
                        "full_name": f"BS. Số {number}",
                        "facility_id": CENTRAL_HOSPITAL,
                        "roles": ["specialist"],
                        "licence_number": "002",
                        "password_hash": "-",
                        "created_at": self.clock.now(),
                    }
                    for number, staff_id in enumerate(ids)
                ],
            )
            held = [{"staff_id": staff_id, "specialty_id": STROKE} for staff_id in ids]
            await tx.execute(staff_specialties.insert(), held)
        return list((await self.directory.staff_many(ids)).values())

    async def kinds(self, consult: Consult) -> list[str]:
        """The log so far, as kinds."""
        return [entry.kind.value for entry in await self.log.since(consult.id, 0)]


async def seed(database: Database) -> dict[str, Staff]:
    """Facilities, links, specialties, terminals and people."""

    def facility(facility_id: FacilityId, code: str, name: str, kind: str, hub: bool) -> dict[str, object]:
        return {
            "id": facility_id,
            "code": code,
            "name": name,
            "kind": kind,
            "technical_level": "basic",
            "managing_level": "provincial" if hub else "commune",
            "province_code": "51",
            "commune_code": "21550",
            "address": "Đường 1",
            "telephone": "0255 000 0100",
            "emergency_telephone": f"0255 000 {code[-4:]}",
            "is_hub": hub,
            "active": True,
            "demo": False,
        }

    def person(
        user_name: str, full_name: str, facility_id: FacilityId, roles: list[str], fields: list[SpecialtyId]
    ) -> tuple[dict[str, object], list[SpecialtyId]]:
        licensed = "specialist" in roles or "rural_doctor" in roles
        row: dict[str, object] = {
            "id": new_id("stf"),
            "user_name": user_name,
            "full_name": full_name,
            "facility_id": facility_id,
            "roles": roles,
            "licence_number": "001" if licensed else None,
            "licence_expires": date(2026, 11, 22) if user_name == "hetha" else None,
            "password_hash": "-",
            "must_change_password": False,
            "language": "vi",
            "active": user_name != "nghi",
            "demo": False,
            "created_at": datetime(2026, 1, 1, tzinfo=UTC),
        }
        return row, fields

    people = [
        person("lan", "BS. Lan", CLINIC, ["rural_doctor"], []),
        person("mai", "BS. Mai", OTHER_CLINIC, ["rural_doctor"], []),
        person("ha", "BS. Hà", STROKE_HOSPITAL, ["specialist"], [STROKE]),
        person("khai", "BS. Khải", CENTRAL_HOSPITAL, ["specialist"], [STROKE]),
        person("an", "BS. An", CENTRAL_HOSPITAL, ["specialist"], [STROKE]),
        person("hetha", "BS. Hết Hạn", CENTRAL_HOSPITAL, ["specialist"], [STROKE]),
        person("nghi", "BS. Nghỉ", CENTRAL_HOSPITAL, ["specialist"], [STROKE]),
        person("bong", "BS. Bỏng", CENTRAL_HOSPITAL, ["specialist"], [BURNS]),
        person("xa", "BS. Xa", FOREIGN_HOSPITAL, ["specialist"], [STROKE]),
        person("dieu", "Điều phối Diệu", STROKE_HOSPITAL, ["coordinator"], []),
        person("xadieu", "Điều phối Xa", FOREIGN_HOSPITAL, ["coordinator"], []),
    ]
    async with database.transaction() as tx:
        await tx.execute(
            facilities.insert(),
            [
                facility(CLINIC, "51001", "Trạm Đảo", "commune_station", False),
                facility(STROKE_HOSPITAL, "51002", "Bệnh viện Tỉnh", "provincial_hospital", True),
                facility(CENTRAL_HOSPITAL, "51003", "Bệnh viện Trung ương", "central_hospital", True),
                facility(FOREIGN_HOSPITAL, "51004", "Bệnh viện Xa", "provincial_hospital", True),
                facility(OTHER_CLINIC, "51005", "Trạm Núi", "commune_station", False),
            ],
        )
        await tx.execute(
            links.insert(),
            [{"spoke_id": CLINIC, "hub_id": STROKE_HOSPITAL}, {"spoke_id": CLINIC, "hub_id": CENTRAL_HOSPITAL}],
        )
        await tx.execute(
            specialties.insert(),
            [
                {"id": STROKE, "code": "stroke", "name_vi": "Đột quỵ", "name_en": "Stroke"},
                {"id": BURNS, "code": "burns", "name_vi": "Bỏng", "name_en": "Burns"},
            ],
        )
        await tx.execute(
            terminals.insert(),
            [
                {"id": TERMINAL, "facility_id": CLINIC, "code": "P1", "name": "Phòng khám", "active": True},
                {"id": OTHER_TERMINAL, "facility_id": OTHER_CLINIC, "code": "P1", "name": "Phòng 1", "active": True},
            ],
        )
        await tx.execute(staff.insert(), [row for row, _ in people])
        held = [{"staff_id": row["id"], "specialty_id": field} for row, fields in people for field in fields]
        await tx.execute(staff_specialties.insert(), held)
    found = await Directory(database).staff_many([StaffId(str(row["id"])) for row, _ in people])
    return {person.user_name: person for person in found.values()}


@pytest.fixture
async def world(database: Database, clock: FakeClock, bus: Bus, sealer: Sealer) -> World:
    """The country with BS. Hà on call for stroke day and night, on both stores in turn."""
    people = await seed(database)
    return await build(database, clock, bus, sealer, people)


async def build(
    database: Database, clock: FakeClock, bus: Bus, sealer: Sealer, people: dict[str, Staff], *, rota: bool = True
) -> World:
    """Services as `hoichan.wiring` builds them; once more for a second node."""
    directory = Directory(database)
    store = ConsultStore(sealer)
    presence = Presence(bus)
    turns = Rota(database, directory, bus, ZONE)
    log = ConsultLog(database, bus)
    rosters = Rosters(database, presence, ZONE, RULES)
    runner = LadderRunner(database, log, rosters, Writing(log))
    claims = Claims(store, log, directory, ZONE)
    audit = Audit(database)
    if rota:
        for weekday in range(7):
            await turns.add(
                people["dieu"],
                staff_id=people["ha"].id,
                specialty_id=STROKE,
                facility_id=STROKE_HOSPITAL,
                weekday=weekday,
                starts=time(7),
                ends=time(7),
            )
    return World(
        database=database,
        clock=clock,
        bus=bus,
        store=store,
        directory=directory,
        presence=presence,
        rota=turns,
        figures=FiguresDesk(database, ZONE, TARGETS),
        timelines=Timelines(database, store, directory, log, audit, GOALS),
        duty=Duty(
            RotaDates(database, directory, turns),
            RotaWeeks(database, directory, ZONE),
            Swaps(database, directory, turns, ZONE),
            RotaImport(database, directory, turns, audit),
        ),
        rosters=rosters,
        rulebook=Rulebook(database, Audit(database), RULES),
        forecast=Forecast(database, rosters, directory, Audit(database)),
        log=log,
        runner=runner,
        claims=claims,
        requests=Requests(database, store, log, runner, directory, audit, claims, ZONE),
        answers=Answers(database, store, log, runner, directory, audit, claims, ZONE),
        inquiries=Inquiries(database, store, log, claims),
        intake=Intake.over(database, store, log, audit, clock, ZONE),
        leases=Leases(database, store, log, runner, claims),
        handovers=Handovers(database, store, log, directory, audit, claims, ZONE),
        rooms=Rooms(database, store, log, directory, ZONE),
        opinions=Opinions(database, store, log),
        scheduling=Scheduling(database, store, log, directory, bus, ZONE, timedelta(minutes=15)),
        queries=Queries(database, store, log, directory, turns, presence, ZONE),
        board=CoordinatorBoard(
            BoardQueries(database, store, ZONE, ANSWER),
            BoardDuty(database, directory, turns, presence, ZONE),
            BoardActs(database, store, log, runner, directory, audit, claims, ZONE),
            PhoneTrees(database, directory, turns, audit, ZONE),
        ),
        people=people,
    )
