"""A clinic and its hospital in the running application, for the tests of the clinical pages."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestServer
from argon2 import PasswordHasher
from limits.aio.storage import MemoryStorage

from consult_rooms.model import Consult
from consult_rooms.requests import Requests
from consult_rooms.shared_work import SharedWork
from foundation.bus import Bus
from foundation.clock import FakeClock
from foundation.database import Database
from foundation.files import Files
from foundation.ids import ConsultId, SpecialtyId
from foundation.sealing import Sealer
from identity.authentication import Authentication
from identity.entries import SpecialtyEntry, StaffEntry
from identity.model import Role, Staff
from identity.passwords import Passwords
from identity.throttle import Throttle
from records_panel.additions import Additions
from records_panel.break_glass import BreakGlass
from records_panel.panel import Panel
from records_panel.searches import Searches
from records_panel.writeback_desk import WritebackDesk
from tests.conftest import compiled
from tests.consult_rooms.conftest import World, build
from tests.consult_rooms.desk import desk_of
from tests.records_panel.conftest import LANH, ZONE, Records
from tests.web.conftest import OPERATOR, PASSWORD, SEALER, Browser, Cast, Site
from web import application
from web.services import Services

SCRIPT = {"X-Fragment": "1"}


@dataclass
class Clinic:
    """The application, the people's browsers, and the services behind them."""

    site: Site
    world: World
    records: Records
    cast: Cast
    doctor: Browser
    specialist: Browser
    expert: Staff
    second: Staff
    coordinator: Staff
    stroke: SpecialtyId
    burns: SpecialtyId

    async def form(self, urgency: str = "emergency") -> dict[str, Any]:
        """What the open form sends with the stroke specialty chosen."""
        await self.doctor.get(f"/requests/new?urgency={urgency}")
        return {
            "urgency": urgency,
            "specialty_id": self.stroke,
            "idempotency_key": hidden(self.doctor.page, "idempotency_key"),
        }

    async def ask(self, **fields: Any) -> ConsultId:
        """Send an emergency; its id."""
        response = await self.doctor.post("/requests/new", await self.form() | fields)
        assert response.status == 303
        return ConsultId(response.headers["Location"].removeprefix("/requests/"))

    async def consult(self, consult_id: ConsultId) -> Consult:
        return (await self.world.queries.consult(self.cast.doctor, consult_id)).consult

    async def proof(self) -> str:
        """Find and confirm the known patient, as at the bedside."""
        await self.records.add(LANH)
        await self.doctor.get("/requests/new")
        fields = {"name": LANH.name, "birth_year": str(LANH.birth_date.year)}
        await self.doctor.post("/patients/search", fields)
        patient_id = hidden(self.doctor.page, "patient_id")
        fields = {"patient_id": patient_id, "name": LANH.name, "birth_date": f"{LANH.birth_date:%d/%m/%Y}"}
        await self.doctor.post("/patients/confirm", fields)
        return hidden(self.doctor.page, "patient")


def hidden(page: str, name: str) -> str:
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]+)"', page)
    assert found, name
    return html.unescape(found[1])


def section(page: str, mark: str) -> str:
    """The text of one section of the home page."""
    found = re.search(rf'<section class="tile" id="{mark}".*?</section>', page, re.S)
    assert found, mark
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", found[0])))


async def part(browser: Browser, path: str, fields: dict[str, Any] | None = None) -> tuple[ClientResponse, str]:
    """Ask as the page's script does; the CSRF token stays that of the page."""
    csrf = browser.csrf
    ask = browser.get(path, headers=SCRIPT) if fields is None else browser.post(path, fields, headers=SCRIPT)
    response = await ask
    browser.csrf = csrf
    text = html.unescape(await response.text())
    return response, text


@pytest.fixture
async def clinic(
    sqlite_database: Database,
    bus: Bus,
    clock: FakeClock,
    sealer: Sealer,
    services: Services,
    people: Cast,
    tmp_path: Path,
) -> AsyncIterator[Clinic]:
    stroke = await services.administration.create_specialty(OPERATOR, SpecialtyEntry("stroke", "Đột quỵ", "Stroke"))
    burns = await services.administration.create_specialty(OPERATOR, SpecialtyEntry("burns", "Bỏng", "Burns"))

    async def hire(user_name: str, name: str, role: Role) -> Staff:
        fields = frozenset({stroke.id}) if role is Role.SPECIALIST else frozenset()
        entry = StaffEntry(
            user_name,
            name,
            people.hospital.id,
            frozenset({role}),
            specialties=fields,
            licence_number="0001",
            licence_expires=date(2030, 1, 1),
        )
        return (await services.accounts.create_staff(OPERATOR, entry, password=PASSWORD))[0]

    expert = await hire("bs.ha", "BS. Hà", Role.SPECIALIST)
    second = await hire("bs.an", "BS. An", Role.SPECIALIST)
    coordinator = await hire("dp.khue", "CN. Khuê", Role.COORDINATOR)
    world = await build(sqlite_database, clock, bus, sealer, {}, rota=False)
    records = Records(sqlite_database, clock, sealer)
    for weekday in range(7):
        await world.rota.add(
            coordinator,
            staff_id=expert.id,
            specialty_id=stroke.id,
            facility_id=people.hospital.id,
            weekday=weekday,
            starts=time(7),
            ends=time(19),
        )
    additions = Additions(
        sqlite_database,
        world.store,
        world.log,
        world.directory,
        services.audit,
        records.book,
        Files(tmp_path / "files", sealer, most_bytes=2 * 1024 * 1024),
    )
    world.requests = Requests(
        sqlite_database,
        world.store,
        world.log,
        world.runner,
        world.directory,
        services.audit,
        world.claims,
        ZONE,
        additions.follow,
    )
    panel = Panel(sqlite_database, world.store, services.audit, records.book, zone=ZONE)
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))
    whole = replace(
        services,
        settings=services.settings.model_copy(update={"file_megabytes": 2}),
        additions=additions,
        patients=records.patients,
        panel=panel,
        break_glass=BreakGlass(
            sqlite_database,
            services.audit,
            Authentication(sqlite_database, passwords, Throttle(MemoryStorage()), services.audit),
            services.directory,
            panel,
            Searches(MemoryStorage()),
            SEALER,
            bus,
        ),
        requests=world.requests,
        rooms=world.rooms,
        shared=SharedWork.over(world.database, world.store, world.log, world.directory),
        write_backs=WritebackDesk(world.database, world.store, services.audit, {}),
        desk=desk_of(world, tmp_path / "desk"),
        queries=world.queries,
        intake=world.intake,
        board=world.board,
        rota=world.rota,
        duty=world.duty,
        rulebook=world.rulebook,
        forecast=world.forecast,
        presence=world.presence,
        scheduling=world.scheduling,
    )
    server = TestServer(application.build(whole, compiled()), host="127.0.0.1")
    await server.start_server()
    site = Site(server, whole)
    doctor, specialist = await site.browser(), await site.browser()
    await doctor.sign_in("bs.bao")
    await specialist.sign_in("bs.ha")
    yield Clinic(site, world, records, people, doctor, specialist, expert, second, coordinator, stroke.id, burns.id)
    await site.close()
