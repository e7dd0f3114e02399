"""The consult's own log: append-only, numbered without gaps per consult, the outbox of everything live.

A number is allocated by an UPDATE of the consult's row inside the transaction that makes the change, so entries are in
order and none is missing. What goes over the bus after the commit is a hint alone; who missed it looks by time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, update

from consult_rooms.model import LogEntry, LogKind
from consult_rooms.store import UNKNOWN
from consult_rooms.tables import consult_log, consults, offers, participants
from foundation.bus import Bus
from foundation.database import Database, Transaction
from foundation.errors import NotFound
from foundation.ids import ConsultId, StaffId
from identity.store import Directory

TOPIC = "log"
"""The bus topic of hints `{"consult": id, "number": n}`."""
RECENT = 5_000
"""Entries that one look returns at most; the rest come with the next, which starts at the last one's time."""

Data = Mapping[str, str | int | float | bool | None]


class ConsultLog:
    """Appends to and reads the logs of all consults."""

    def __init__(self, database: Database, bus: Bus, directory: Directory) -> None:
        self._database = database
        self._bus = bus
        self._directory = directory

    async def append(
        self, tx: Transaction, consult_id: ConsultId, kind: LogKind, actor: StaffId | None, data: Data | None = None
    ) -> LogEntry:
        """Add one entry to the open transaction; `data` holds ids, codes and numbers only."""
        return (await self.extend(tx, consult_id, [(kind, actor, data or {})]))[0]

    async def extend(
        self, tx: Transaction, consult_id: ConsultId, entries: Iterable[tuple[LogKind, StaffId | None, Data]]
    ) -> list[LogEntry]:
        """Add several entries in order, with one hint after the commit."""
        new = list(entries)
        if not new:
            return []
        last = (
            await tx.execute(
                update(consults)
                .where(consults.c.id == consult_id)
                .values(log_number=consults.c.log_number + len(new))
                .returning(consults.c.log_number)
            )
        ).scalar_one_or_none()
        if last is None:
            raise NotFound("consult.unknown", UNKNOWN)
        at = await tx.now()
        first = last - len(new) + 1
        written = [
            LogEntry(consult_id, first + place, at, kind, actor, dict(data))
            for place, (kind, actor, data) in enumerate(new)
        ]
        await tx.execute(
            consult_log.insert(),
            [
                {
                    "consult_id": consult_id,
                    "number": entry.number,
                    "at": at,
                    "kind": entry.kind,
                    "actor": entry.actor,
                    "data": entry.data,
                }
                for entry in written
            ],
        )

        async def hint() -> None:
            await self._bus.publish(TOPIC, {"consult": consult_id, "number": last})

        tx.after_commit(hint)
        return written

    async def since(self, consult_id: ConsultId, number: int, *, limit: int = 1_000) -> list[LogEntry]:
        """Entries after that number, in order, at most `limit`."""
        async with self._database.reading() as tx:
            found = await tx.execute(
                select(consult_log)
                .where(consult_log.c.consult_id == consult_id, consult_log.c.number > number)
                .order_by(consult_log.c.number)
                .limit(limit)
            )
            return [_entry(row) for row in found]

    async def recent(self, since_at: datetime) -> list[LogEntry]:
        """Entries of all consults with `at` from that instant on, by time and number; for looking each second.

        An entry bears the time at which its transaction began, so a slow one appears late: look back a good deal
        further than the last look (10 s), and drop what is known by (consult, number).
        """
        async with self._database.reading() as tx:
            found = await tx.execute(
                select(consult_log)
                .where(consult_log.c.at >= since_at)
                .order_by(consult_log.c.at, consult_log.c.consult_id, consult_log.c.number)
                .limit(RECENT)
            )
            return [_entry(row) for row in found]

    async def heads(self, since_at: datetime) -> dict[ConsultId, int]:
        """The last number of each consult whose log grew from that instant on; the cheap form of `recent`."""
        async with self._database.reading() as tx:
            found = await tx.execute(
                select(consult_log.c.consult_id, func.max(consult_log.c.number))
                .where(consult_log.c.at >= since_at)
                .group_by(consult_log.c.consult_id)
            )
            return dict(iter(found))

    async def audience(self, consult_id: ConsultId) -> set[StaffId]:
        """Whom its entries concern: the requester, everybody rung or in the room, the coordinators in charge."""
        async with self._database.reading() as tx:
            row = (
                await tx.execute(
                    select(consults.c.requester_id, consults.c.requester_facility_id).where(consults.c.id == consult_id)
                )
            ).one_or_none()
            if row is None:
                return set()
            people = {row.requester_id}
            for table in (offers, participants):
                people.update(
                    (await tx.execute(select(table.c.staff_id).where(table.c.consult_id == consult_id))).scalars()
                )
        hubs = await self._directory.hubs_of(row.requester_facility_id)
        coordinators = await self._directory.coordinators_for([row.requester_facility_id, *(hub.id for hub in hubs)])
        return people | {coordinator.id for coordinator in coordinators}


def _entry(row: Row[Any]) -> LogEntry:
    return LogEntry(row.consult_id, row.number, row.at, LogKind(row.kind), row.actor, row.data)
