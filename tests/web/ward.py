"""A specialist, a coordinator, the clinic's two doctors, and the consult services behind their browsers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from consult_rooms.aftercare import Aftercare
from consult_rooms.desk import Desk
from consult_rooms.model import Consent, ConsentBy, Consult, ConsultState, IdentityState, Patient, Question, Urgency
from consult_rooms.shared_work import SharedWork
from foundation.bus import Bus
from foundation.clock import FakeClock
from foundation.database import Database
from foundation.ids import PatientId, SpecialtyId
from foundation.sealing import Sealer
from identity.entries import SpecialtyEntry, StaffEntry
from identity.model import Role, Staff
from records_panel.citizens import Evidence
from records_panel.panel import Panel
from records_panel.writeback_desk import WritebackDesk
from tests.consult_rooms.conftest import World, build
from tests.consult_rooms.desk import desk_of
from tests.records_panel.conftest import LANH, Records
from tests.web.conftest import OPERATOR, PASSWORD, Browser, Cast, Site, serve
from web.services import Services

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
QUESTION = Question(situation="Yếu nửa người phải <13:20>", recommendation="Tái tưới máu?")


@dataclass
class Ward:
    """The application, a browser of each person, and the consult services behind them."""

    site: Site
    world: World
    desk: Desk
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
        consult = await self.world.answers.accept(self.expert, (await self.ask(key)).id)
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
    sqlite_database: Database,
    bus: Bus,
    clock: FakeClock,
    sealer: Sealer,
    services: Services,
    people: Cast,
    tmp_path: Path,
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
    desk = desk_of(world, tmp_path)
    site = await serve(
        replace(
            services,
            requests=world.requests,
            rooms=world.rooms,
            opinions=world.opinions,
            shared=SharedWork.over(world.database, world.store, world.log, world.directory),
            write_backs=WritebackDesk(world.database, world.store, services.audit, {}),
            scheduling=world.scheduling,
            queries=world.queries,
            intake=world.intake,
            board=world.board,
            presence=world.presence,
            rota=world.rota,
            duty=world.duty,
            figures=world.figures,
            timelines=world.timelines,
            desk=desk,
            aftercare=Aftercare.over(
                world.database,
                world.store,
                world.log,
                world.directory,
                world.requests,
                ZONE,
                audit=services.audit,
            ),
            rulebook=world.rulebook,
            forecast=world.forecast,
            patients=records.patients,
            panel=Panel(sqlite_database, world.store, services.audit, records.book, zone=ZONE),
        )
    )
    browsers = [await site.browser() for _ in range(4)]
    for browser, user_name in zip(browsers, ("bs.bao", "bs.ha", "dp.khue", "dd.hoa"), strict=True):
        await browser.sign_in(user_name)
    yield Ward(site, world, desk, records, people, expert, keeper, stroke.id, patient_id, *browsers)
    await site.close()
