"""From the consults' logs to the sockets that they concern. The log is the outbox; the bus only says where to look.

Each node remembers the last number that it has read of each consult. A hint of the bus topic `log`, or the look each
second that makes good a lost hint, makes it read on from there; what it reads goes to this node's sockets in order,
each entry once. A lock for each consult keeps reading and joining apart, so that a newcomer neither misses an entry nor
gets it twice; consults do not wait for one another, up to `AT_ONCE` of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from consult_rooms.log import PAGE, TOPIC, ConsultLog
from consult_rooms.log_entry import LogEntry
from foundation.bus import Bus
from foundation.clock import Clock
from foundation.database import Database
from foundation.ids import ConsultId, StaffId
from identity import oversight
from signaling.announcements import Announcements
from signaling.connections import Connections

log = logging.getLogger(__name__)

AGENDA = "agenda"
"""Bus topic of hints `{"staff": id}`: this person's slots or booked times changed."""
LATE = timedelta(seconds=15)
"""How late an entry may appear: it bears the time at which its transaction began."""
REMEMBERED = timedelta(hours=1)
"""How long the position in a quiet consult is kept; older entries count as delivered."""
TRIM_S = 300.0
AT_ONCE = 8
"""Consults that are read and delivered at once, fewer than the database has connections."""
KEPT = 1_000
"""Consults whose own entries wait to be delivered at most; of the others they are read."""
DAY = timedelta(days=1)


class Notices:
    """Reads on and hands over. `catch_up` may be called by anyone at any time."""

    def __init__(
        self,
        database: Database,
        consult_log: ConsultLog,
        bus: Bus,
        connections: Connections,
        announcements: Announcements,
        clock: Clock,
    ) -> None:
        self._database = database
        self._log = consult_log
        self._bus = bus
        self._connections = connections
        self._announcements = announcements
        self._clock = clock
        self._locks: WeakValueDictionary[ConsultId, asyncio.Lock] = WeakValueDictionary()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._wanted: set[ConsultId] = set()
        """Consults that wait to be read: one more hint of them says nothing new."""
        self._positions: dict[ConsultId, tuple[int, datetime]] = {}
        """Of each consult, the last number delivered and that entry's time."""
        self._floor: datetime | None = None
        """What is older than this counts as delivered; None before the first look."""
        self._newest: datetime | None = None
        self._trimmed_at = clock.monotonic()
        self._written: dict[ConsultId, list[LogEntry]] = {}
        """What this process itself has committed and not delivered yet: it is not read again."""
        consult_log.tell(self._keep)

    @asynccontextmanager
    async def still(self, consult_id: ConsultId) -> AsyncIterator[None]:
        """Hold a consult's delivery back while a socket is given its first view of it."""
        lock = self._locks.setdefault(consult_id, asyncio.Lock())
        async with lock:
            yield

    async def open(self) -> list[ConsultId]:
        """Begin here, before anything else: what the logs hold by now, a socket is given when it connects.

        Gives the consults of the last day, whose rooms may have been left behind by a process that died.
        """
        async with self._database.reading() as tx:
            now = await tx.now()
        for entry in await self._log.recent(now - LATE):
            self._note(entry)
        self._floor = now - LATE
        self._newest = max(self._newest or now, now)
        return list(await self._log.heads(now - DAY))

    async def listen(self) -> None:
        """Follow hints, for ever."""
        async with self._bus.subscribe(TOPIC) as hints, asyncio.TaskGroup() as group:
            async for hint in hints:
                consult_id = ConsultId(str(hint["consult"]))
                if self._lacks(consult_id, int(hint["number"])) and consult_id not in self._wanted:
                    self._wanted.add(consult_id)
                    group.create_task(self._read_soon(consult_id))

    async def listen_for_agendas(self) -> None:
        """Follow hints of slots and rotas, which stand in no consult's log, for ever."""
        async with self._bus.subscribe(AGENDA) as hints:
            async for hint in hints:
                await self._announcements.agenda(StaffId(str(hint["staff"])))

    async def listen_for_oversight(self) -> None:
        """Follow hints to data protection officers, for ever."""
        async with self._bus.subscribe(oversight.TOPIC) as hints:
            async for hint in hints:
                await self._announcements.oversight(StaffId(str(hint["staff"])))

    async def look(self) -> None:
        """What hints may have missed: every consult whose log grew lately."""
        if self._newest is None:
            raise RuntimeError("open() comes before look()")
        heads = await self._log.heads(self._newest - LATE)
        async with asyncio.TaskGroup() as group:
            for consult_id, number in heads.items():
                if self._lacks(consult_id, number) and consult_id not in self._wanted:
                    self._wanted.add(consult_id)
                    group.create_task(self._read_soon(consult_id))
        self._trim()

    async def catch_up(self, consult_id: ConsultId) -> None:
        """Deliver what this consult's log holds beyond the last number delivered."""
        async with self.still(consult_id):
            position, _ = self._positions.get(consult_id, (0, None))
            more = True
            while more and (entries := self._own(consult_id, position) or await self._log.since(consult_id, position)):
                position, more = entries[-1].number, len(entries) == PAGE
                fresh = entries if consult_id in self._positions else [e for e in entries if self._is_new(e)]
                if fresh and len(self._connections):
                    await self._announcements.make(consult_id, fresh)
                self._note(entries[-1])

    def _keep(self, entries: Sequence[LogEntry]) -> None:
        if len(self._written) >= KEPT:
            self._written.clear()  # hints were lost: the next look reads
        self._written.setdefault(entries[0].consult_id, []).extend(entries)

    def _own(self, consult_id: ConsultId, position: int) -> list[LogEntry]:
        """What this process wrote right after that number; nothing when another's entries stand between."""
        kept = sorted(self._written.pop(consult_id, ()), key=lambda entry: entry.number)
        following = [entry for entry in kept if entry.number > position]
        gapless = all(entry.number == position + 1 + place for place, entry in enumerate(following))
        return following if gapless else []

    async def _read_soon(self, consult_id: ConsultId) -> None:
        try:
            async with self._places:
                self._wanted.discard(consult_id)  # a hint from here on may tell of what this reading misses
                await self.catch_up(consult_id)
        except (
            Exception
        ):  # a task root: one consult's failure must not keep the others' news back; the look comes again
            log.exception("a consult's news could not be delivered and will be tried again")
        finally:
            self._wanted.discard(consult_id)

    def _lacks(self, consult_id: ConsultId, number: int) -> bool:
        known = self._positions.get(consult_id)
        return known is None or known[0] < number

    def _is_new(self, entry: LogEntry) -> bool:
        """Whether an entry of a consult that is not remembered was written since this node began, or since lately."""
        return self._floor is not None and entry.at > self._floor

    def _note(self, entry: LogEntry) -> None:
        known = self._positions.get(entry.consult_id)
        if known is None or known[0] < entry.number:
            self._positions[entry.consult_id] = (entry.number, entry.at)
        self._newest = entry.at if self._newest is None else max(self._newest, entry.at)

    def _trim(self) -> None:
        """Forget quiet consults, so that a node that runs for months holds no more than the last hour's."""
        if self._newest is None or self._clock.monotonic() - self._trimmed_at < TRIM_S:
            return
        self._trimmed_at = self._clock.monotonic()
        floor = self._newest - REMEMBERED
        self._floor = floor if self._floor is None else max(self._floor, floor)
        self._positions = {
            consult_id: (number, at) for consult_id, (number, at) in self._positions.items() if at > floor
        }
