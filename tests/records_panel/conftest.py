"""Books and patients over the real stores: a few invented citizens, and the consult services of their neighbours."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from limits.aio.storage import MemoryStorage
from sqlalchemy import select

from foundation.audit import Audit, audit_entries
from foundation.clock import FakeClock
from foundation.database import Database
from foundation.ids import FacilityId, PatientId, StaffId
from foundation.sealing import Sealer
from identity.model import Role, Staff
from records_panel.citizens import Identity
from records_panel.embedded_book import EmbeddedBook, NewBook
from records_panel.patients import Patients
from records_panel.searches import Searches
from tests.consult_rooms.conftest import world

__all__ = ["world"]

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
DOCTOR = Staff(
    id=StaffId("stf_" + "1" * 32),
    user_name="bs.lan",
    full_name="BS. Lan",
    facility_id=FacilityId("fac_" + "1" * 32),
    roles=frozenset({Role.RURAL_DOCTOR}),
)
LANH = Identity(
    name="Nguyễn Văn Lành",
    birth_date=date(1958, 3, 12),
    sex="male",
    commune_code="21591",
    commune="xã đảo Hòn Mây, tỉnh Quảng Ngãi",
    cccd="051058004471",
    bhyt="HT3515158004477",
    bhyt_valid_until=date(2026, 12, 31),
    address="Thôn Đông",
    telephone="0255 002 0001",
)


def neighbour(number: int, **changes: Any) -> Identity:
    """Another citizen of the same name and year, with numbers of their own."""
    base = replace(LANH, cccd=f"0510580{number:05d}", bhyt=None, bhyt_valid_until=None, birth_date=date(1958, 5, 1))
    return replace(base, **changes)


@dataclass
class Records:
    """The book services over one database, and what was written to the audit trail."""

    database: Database
    clock: FakeClock
    sealer: Sealer
    storage: MemoryStorage = field(default_factory=MemoryStorage)

    def __post_init__(self) -> None:
        self.audit = Audit(self.database)
        self.book = EmbeddedBook(self.database, self.sealer)
        searches = Searches(self.storage, per_minute=30, confirmations=5)
        self.patients = Patients(self.database, self.audit, self.sealer, searches, self.clock)

    async def add(self, *identities: Identity, resources: list[dict[str, Any]] | None = None) -> list[PatientId]:
        async with self.database.transaction() as tx:
            books = [NewBook(identity, resources or []) for identity in identities]
            return await self.book.import_many(tx, books, author="demo", demo=True)

    async def trail(self) -> list[Any]:
        async with self.database.reading() as tx:
            return list((await tx.execute(select(audit_entries).order_by(audit_entries.c.number))).all())


@pytest.fixture
async def records(database: Database, clock: FakeClock, sealer: Sealer) -> Records:
    return Records(database, clock, sealer)
