"""Identity's services over a real store, with two facilities, and people who can sign in."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from argon2 import PasswordHasher
from limits.aio.storage import MemoryStorage
from sqlalchemy import select

from foundation.audit import Audit, audit_entries
from foundation.bus import Bus
from foundation.clock import FakeClock
from foundation.database import Database
from identity.accounts import Accounts
from identity.administration import Administration
from identity.authentication import Authentication
from identity.csv_import import CsvImport
from identity.entries import FacilityEntry, SpecialtyEntry, StaffEntry, TerminalEntry
from identity.guard import Guard, Operator
from identity.model import Facility, FacilityKind, ManagingLevel, Role, Session, Staff, TechnicalLevel, Terminal
from identity.passwords import Passwords
from identity.sessions import Sessions
from identity.store import Directory
from identity.terminals import Terminals
from identity.throttle import Throttle
from identity.tokens import ApiTokens

OPERATOR = Operator()
PASSWORD = "một-câu-dễ-nhớ"
ADDRESS = "192.0.2.7"


class CountingPasswords(Passwords):
    """The real thing, with cheap parameters, that remembers how long each verification took."""

    def __init__(self) -> None:
        super().__init__(PasswordHasher(time_cost=2, memory_cost=8192, parallelism=1))
        self.took: list[float] = []

    def _verify(self, stored: str | None, password: str) -> bool:
        began = time.thread_time()
        try:
            return super()._verify(stored, password)
        finally:
            self.took.append(time.thread_time() - began)


@dataclass
class Identity:
    """All services, and what the fixture `world` puts into them."""

    database: Database
    bus: Bus
    clock: FakeClock
    directory: Directory
    passwords: CountingPasswords
    sessions: Sessions
    accounts: Accounts
    terminals: Terminals
    tokens: ApiTokens
    administration: Administration
    importer: CsvImport

    async def facility(self, code: str, *, hub: bool = False) -> Facility:
        return await self.administration.create_facility(OPERATOR, facility_entry(code, hub=hub))

    async def person(self, user_name: str, facility: Facility, *roles: Role, **more: Any) -> Staff:
        """Somebody with a password of their own: `PASSWORD`."""
        entry = StaffEntry(user_name, f"BS. {user_name}", facility.id, frozenset(roles), **more)
        return (await self.accounts.create_staff(OPERATOR, entry, password=PASSWORD))[0]

    async def sign_in(self, user_name: str, **more: Any) -> tuple[Session, str]:
        return await self.accounts.sign_in(user_name, PASSWORD, address=ADDRESS, **more)

    async def enrolled(self, facility: Facility, code: str = "M1") -> tuple[Terminal, str]:
        """A terminal with its credential."""
        terminal = await self.terminals.create(OPERATOR, TerminalEntry(facility.id, code, "Máy phòng khám"))
        one_time, _ = await self.terminals.issue_code(OPERATOR, terminal.id)
        return await self.terminals.enrol(one_time, address=ADDRESS)

    async def audited(self, action: str) -> list[Any]:
        async with self.database.reading() as read:
            found = await read.execute(
                select(audit_entries).where(audit_entries.c.action == action).order_by(audit_entries.c.number)
            )
            return list(found.all())


def facility_entry(code: str, *, hub: bool = False, **more: Any) -> FacilityEntry:
    values: dict[str, Any] = {
        "code": code,
        "name": f"Cơ sở {code}",
        "kind": FacilityKind.PROVINCIAL_HOSPITAL if hub else FacilityKind.COMMUNE_STATION,
        "technical_level": TechnicalLevel.SPECIALISED if hub else TechnicalLevel.INITIAL,
        "managing_level": ManagingLevel.PROVINCIAL if hub else ManagingLevel.COMMUNE,
        "province_code": code[:2],
        "commune_code": "21001",
        "emergency_telephone": "0255 0120" if hub else "",
        "is_hub": hub,
    }
    return FacilityEntry(**values | more)


@pytest.fixture
async def identity(database: Database, bus: Bus, clock: FakeClock) -> AsyncIterator[Identity]:
    audit, directory, passwords = Audit(database), Directory(database), CountingPasswords()
    guard = Guard(audit)
    throttle = Throttle(MemoryStorage(), per_account=5, per_address=20)
    authentication = Authentication(database, passwords, throttle, audit)
    sessions = Sessions(database, bus, audit, authentication, hours=12, idle_minutes=15)
    terminals = Terminals(database, audit, guard, directory, sessions, throttle)
    yield Identity(
        database=database,
        bus=bus,
        clock=clock,
        directory=directory,
        passwords=passwords,
        sessions=sessions,
        accounts=Accounts(database, audit, guard, directory, authentication, passwords, sessions, terminals),
        terminals=terminals,
        tokens=ApiTokens(database, audit, guard, directory),
        administration=Administration(database, audit, guard, directory, sessions),
        importer=CsvImport(database, audit, passwords, sessions),
    )
    passwords.close()


@dataclass
class World:
    """A hospital and a linked clinic with their people."""

    hub: Facility
    clinic: Facility
    doctor: Staff
    nurse: Staff
    specialist: Staff
    local_admin: Staff
    chief: Staff
    """An installation-wide administrator at the hospital."""


@pytest.fixture
async def world(identity: Identity) -> World:
    hub, clinic = await identity.facility("51921", hub=True), await identity.facility("51901")
    await identity.administration.link(OPERATOR, clinic.id, hub.id)
    field = await identity.administration.create_specialty(
        OPERATOR, SpecialtyEntry("neurology", "Thần kinh", "Neurology")
    )
    return World(
        hub=hub,
        clinic=clinic,
        doctor=await identity.person("bs.bao", clinic, Role.RURAL_DOCTOR),
        nurse=await identity.person("ys.loan", clinic, Role.RURAL_DOCTOR),
        specialist=await identity.person("bs.thuha", hub, Role.SPECIALIST, specialties=frozenset({field.id})),
        local_admin=await identity.person("qt.clinic", clinic, Role.ADMINISTRATOR),
        chief=await identity.person("qt.hieu", hub, Role.ADMINISTRATOR, installation_wide=True),
    )
