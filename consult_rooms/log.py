"""The consult's own log: append-only, numbered without gaps per consult, the outbox of everything live.

A number is allocated by an UPDATE of the consult's row inside the transaction that makes the change, so entries are in
order and none is missing. What goes over the bus after the commit is a hint alone; who missed it looks by time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import Integer, Row, String, bindparam, func, literal, select, union_all, update

from consult_rooms.log_entry import LogEntry, LogKind
from consult_rooms.model import ConsultState
from consult_rooms.store import UNKNOWN
from consult_rooms.tables import consult_log, consults, offers, participants
from foundation.bus import Bus
from foundation.database import Database, Transaction
from foundation.errors import NotFound
from foundation.ids import ConsultId, StaffId
from identity.rows import coordinates
from identity.tables import staff

TOPIC = "log"
"""The bus topic of hints `{"consult": id, "number": n}`."""
RECENT = 5_000
"""Entries that one look returns at most; the rest come with the next, which starts at the last one's time."""

PAGE = 1_000
"""Entries of one consult that one reading returns, unless told otherwise."""

Data = Mapping[str, str | int | float | bool | None]


class ConsultLog:
    """Appends to and reads the logs of all consults."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus
        self._listeners: list[Callable[[Sequence[LogEntry]], None]] = []

    def tell(self, listener: Callable[[Sequence[LogEntry]], None]) -> None:
        """Let `listener` have what this process writes, once it is committed: it need not read it again."""
        self._listeners.append(listener)

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
        last = (await tx.execute(_GROWN, {"one_id": consult_id, "grown": len(new)})).scalar_one_or_none()
        if last is None:
            raise NotFound("consult.unknown", UNKNOWN)
        return await self.numbered(tx, consult_id, last, new)

    async def numbered(
        self, tx: Transaction, consult_id: ConsultId, last: int, new: Sequence[tuple[LogKind, StaffId | None, Data]]
    ) -> list[LogEntry]:
        """Add entries whose numbers, up to `last`, this transaction has taken.

        By `ConsultStore.change_logged`, or by inserting the consult's row with their count as its number.
        """
        at, first = await tx.now(), last - len(new) + 1
        written = [
            LogEntry(consult_id, first + place, at, kind, actor, _plain(data))
            for place, (kind, actor, data) in enumerate(new)
        ]
        await tx.execute(
            _ADDED,
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
            for listener in self._listeners:
                listener(written)
            await self._bus.publish(TOPIC, {"consult": consult_id, "number": written[-1].number})

        tx.after_commit(hint)
        return written

    async def since(self, consult_id: ConsultId, number: int, *, limit: int = PAGE) -> list[LogEntry]:
        """Entries after that number, in order, at most `limit`; fewer are all that there were."""
        async with self._database.reading() as tx:
            found = await tx.execute(_SINCE, {"one_id": consult_id, "known": number, "most": limit})
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

    async def audience(self, consult_id: ConsultId) -> tuple[ConsultState | None, set[StaffId]]:
        """Its state, and whom its entries concern: requester, everybody rung or in the room, coordinators in charge."""
        async with self._database.reading() as tx:
            rows = (await tx.execute(_AUDIENCE, {"one_id": consult_id})).all()
        state = next((state for state, _ in rows if state), None)
        return (None, set()) if state is None else (ConsultState(state), {staff_id for _, staff_id in rows})


_ONE = bindparam("one_id", type_=String)
# Made once, as below: making a statement takes as long as asking it, and each change asks these.
_GROWN = (
    update(consults)
    .where(consults.c.id == _ONE)
    .values(log_number=consults.c.log_number + bindparam("grown", type_=Integer))
    .returning(consults.c.log_number)
)
_ADDED = consult_log.insert().inline()
_SINCE = (
    select(consult_log)
    .where(consult_log.c.consult_id == _ONE, consult_log.c.number > bindparam("known"))
    .order_by(consult_log.c.number)
    .limit(bindparam("most", type_=Integer))
)
_CLINIC_ID = select(consults.c.requester_facility_id).where(consults.c.id == _ONE).scalar_subquery()
_AUDIENCE = union_all(
    select(consults.c.state, consults.c.requester_id).where(consults.c.id == _ONE),
    select(literal(""), offers.c.staff_id).where(offers.c.consult_id == _ONE),
    select(literal(""), participants.c.staff_id).where(participants.c.consult_id == _ONE),
    select(literal(""), staff.c.id).where(coordinates(_CLINIC_ID)),
)
"""Whom a consult's entries concern, and in the first row its state: one statement, since each change asks it."""


def _plain(data: Data) -> dict[str, str | int | float | bool | None]:
    """As the store gives it back: an enumeration's word as a word."""
    return {key: value.value if isinstance(value, Enum) else value for key, value in data.items()}


def _entry(row: Row[Any]) -> LogEntry:
    return LogEntry(row.consult_id, row.number, row.at, LogKind(row.kind), row.actor, row.data)
