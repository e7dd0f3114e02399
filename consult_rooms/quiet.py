"""Do not disturb: until when somebody is not to be rung. It ends by itself, and the ladder heeds it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Column, ForeignKey, Table, delete, select

from foundation.bus import Bus
from foundation.database import Database, Instant, Transaction, metadata
from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.ids import StaffId
from identity.model import Staff

LONGEST = timedelta(hours=24)

quiet_times = Table(
    "quiet_times",
    metadata,
    Column("staff_id", ForeignKey("staff.id"), primary_key=True),
    Column("until", Instant, nullable=False),
)
"""Who asked not to be rung, and until when. What is past counts for nothing."""


class Quiet:
    """Everybody sets one's own."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus

    async def begin(self, staff: Staff, *, minutes: int) -> datetime:
        """Ask not to be rung for that long; gives the end. Raises Invalid `quiet.length`."""
        if not timedelta(0) < timedelta(minutes=minutes) <= LONGEST:
            raise Invalid("quiet.length", LENGTH, field="minutes")
        async with self._database.transaction() as tx:
            until = await tx.now() + timedelta(minutes=minutes)
            await tx.execute(delete(quiet_times).where(quiet_times.c.staff_id == staff.id))
            await tx.execute(quiet_times.insert().values(staff_id=staff.id, until=until))
            self._hint(tx, staff.id)
        return until

    async def end(self, staff: Staff) -> None:
        """Be rung again from now on."""
        async with self._database.transaction() as tx:
            await tx.execute(delete(quiet_times).where(quiet_times.c.staff_id == staff.id))
            self._hint(tx, staff.id)

    async def of(self, staff_ids: Iterable[StaffId], tx: Transaction | None = None) -> dict[StaffId, datetime]:
        """Those of them who are not to be rung now, each with its end; in the transaction given, or one of its own."""
        wanted = set(staff_ids)
        if not wanted:
            return {}
        if tx is None:
            async with self._database.reading() as own:
                return await self.of(wanted, own)
        rows = await tx.execute(
            select(quiet_times).where(quiet_times.c.staff_id.in_(wanted), quiet_times.c.until > await tx.now())
        )
        return {StaffId(row.staff_id): row.until for row in rows}

    def _hint(self, tx: Transaction, staff_id: StaffId) -> None:
        async def hint() -> None:
            await self._bus.publish("agenda", {"staff": staff_id})

        tx.after_commit(hint)


LENGTH = N_("Choose between a minute and 24 hours.")
