"""The fleet: which of the clinics' terminals are online, since when, and whether their cameras and microphones work.

Who is online stands on a board of the bus, true within 10 s of a dead line. When a terminal was last seen is a row,
written when its last page closes, and each minute while one is open: should its node die, it is a minute old at most.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from foundation.boards import Board
from foundation.bus import Bus
from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import Forbidden, NotFound
from foundation.i18n import N_
from foundation.ids import TerminalId
from identity.model import Facility, Staff, Terminal
from identity.policy import DENIED, Action, Target, may
from identity.rows import facility_of, terminal_of
from identity.store import Directory
from identity.tables import facilities, terminal_sightings, terminals

KEEP_S = 1.0
"""Between renewals: with 9 s until a socket knows that its line is dead, the others know within 10."""
WRITE_S = 60.0
BATCH = 500
"""Rows of one renewal at most; the next takes the rest."""
ROWS = 200
"""Terminals of one page; the filters lead to the others."""


class Working(StrEnum):
    """How a camera or microphone stands, as the terminal's browser says."""

    READY = "ready"
    NOT_ALLOWED = "not_allowed"
    """It is there; nobody was asked yet whether the page may use it."""
    DENIED = "denied"
    MISSING = "missing"
    UNKNOWN = "unknown"


class Look(StrEnum):
    """Which terminals one wants to see."""

    ONLINE = "online"
    OFFLINE = "offline"
    TROUBLE = "trouble"
    """Online, but with an old client, or a camera or microphone that does not work."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a terminal says of itself."""

    version: str = ""
    """That of the client in its open page; empty: not told."""
    camera: Working = Working.UNKNOWN
    microphone: Working = Working.UNKNOWN


@dataclass(frozen=True, slots=True)
class Sight:
    """One terminal as it stands. `since`: online, or last seen then; None: never."""

    terminal: Terminal
    facility: Facility
    online: bool
    since: datetime | None
    report: Report
    old: bool
    """Whether its open page runs another client than this node hands out."""


@dataclass(frozen=True, slots=True)
class FleetView:
    """What a person sees of the terminals in reach: how many there are of each, and a page of them."""

    facilities: tuple[Facility, ...]
    online: int
    offline: int
    trouble: int
    sights: tuple[Sight, ...]
    more: int
    """How many fit the filters beyond this page."""


@dataclass(slots=True)
class _Open:
    """A terminal with pages that are open on this node."""

    sockets: set[str]
    since: datetime
    written_at: float
    report: Report


class Fleet:
    """Fed by signalling, read by the page of the fleet."""

    def __init__(self, database: Database, bus: Bus, directory: Directory, clock: Clock) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._board = Board(bus, "terminals")
        self._open: dict[TerminalId, _Open] = {}
        self._closed: dict[TerminalId, Report] = {}
        """Those whose last page here has closed, until it is written."""

    def came(self, terminal_id: TerminalId, socket_id: str) -> None:
        """A page of this terminal is open here. Others hear it with the next `keep`."""
        held = self._open.get(terminal_id)
        if held is None:
            report = self._closed.pop(terminal_id, Report())
            held = self._open[terminal_id] = _Open(set(), self._clock.now(), self._clock.monotonic(), report)
            self._tell(terminal_id)
        held.sockets.add(socket_id)

    def told(self, terminal_id: TerminalId, report: Report) -> None:
        """What the terminal said of itself last; of one without an open page it is ignored."""
        held = self._open.get(terminal_id)
        if held is not None and held.report != report:
            held.report = report
            self._tell(terminal_id)

    def gone(self, terminal_id: TerminalId, socket_id: str) -> None:
        """That page has closed."""
        held = self._open.get(terminal_id)
        if held is None:
            return
        held.sockets.discard(socket_id)
        if not held.sockets:
            del self._open[terminal_id]
            self._closed[terminal_id] = held.report
            self._tell(terminal_id)

    async def keep(self) -> None:
        """Renew what other nodes see, and write what is due; call it every `KEEP_S`."""
        await self._board.keep()
        now = self._clock.monotonic()
        due = {one: held.report for one, held in self._open.items() if now - held.written_at >= WRITE_S}
        batch = dict([*self._closed.items(), *due.items()][:BATCH])
        if not batch:
            return
        await self._write(batch)
        for terminal_id, report in batch.items():
            if self._closed.get(terminal_id) == report:
                del self._closed[terminal_id]
            if (held := self._open.get(terminal_id)) is not None:
                held.written_at = now

    async def view(self, staff: Staff, version: str, *, facility: str = "", look: Look | None = None) -> FleetView:
        """The terminals that this person may see, those of the facility of that code alone when one is given.

        `version`: the client that is handed out now. Raises Forbidden, NotFound("facility.unknown"), and
        Unavailable("bus.unavailable"): who is online is not known then, which is not the same as nobody.
        """
        reach = await self._reach(staff)
        chosen = reach
        if facility:
            chosen = [one for one in reach if one.code == facility]
            if not chosen:
                raise NotFound("facility.unknown", UNKNOWN)
        every = select(terminals.c.id).join(facilities).where(terminals.c.active, facilities.c.active)
        if not may(staff, Action.ADMINISTER_ALL) or facility:
            every = every.where(terminals.c.facility_id.in_([one.id for one in chosen]))
        async with self._database.reading() as read:
            rows = await read.execute(every.order_by(facilities.c.code, terminals.c.code))
            ids = [TerminalId(one) for one in rows.scalars()]
        entries = {TerminalId(one): _read(sheets) for one, sheets in (await self._board.read(ids)).items()}
        trouble = {one for one, (_, report) in entries.items() if _troubled(report, version)}
        wanted = {
            None: ids,
            Look.ONLINE: [one for one in ids if one in entries],
            Look.OFFLINE: [one for one in ids if one not in entries],
            Look.TROUBLE: [one for one in ids if one in trouble],
        }[look]
        sights = await self._sights(wanted[:ROWS], entries, version)
        return FleetView(
            facilities=tuple(reach),
            online=len(entries),
            offline=len(ids) - len(entries),
            trouble=len(trouble),
            sights=tuple(sights),
            more=max(0, len(wanted) - ROWS),
        )

    async def _reach(self, staff: Staff) -> list[Facility]:
        """An administrator's own facility or all of them; a coordinator's hospital and the clinics linked to it."""
        if may(staff, Action.ADMINISTER_ALL):
            return await self._directory.facilities()
        coordinates = may(staff, Action.COORDINATE)
        if not coordinates and not may(staff, Action.ADMINISTER_FACILITY, Target(facility_id=staff.facility_id)):
            raise Forbidden("policy.denied", DENIED)
        own = await self._directory.facility(staff.facility_id)
        return [own, *(await self._directory.spokes_of(own.id) if coordinates else ())]

    async def _sights(
        self, ids: Sequence[TerminalId], online: dict[TerminalId, tuple[datetime, Report]], version: str
    ) -> list[Sight]:
        async with self._database.reading() as read:
            rows = await read.execute(
                select(terminals, facilities, terminal_sightings)
                .join(facilities, facilities.c.id == terminals.c.facility_id)
                .outerjoin(terminal_sightings, terminal_sightings.c.terminal_id == terminals.c.id)
                .where(terminals.c.id.in_(ids))
            )
            found = {TerminalId(row[terminals.c.id]): row for row in rows.mappings()}
        sights = []
        for one in ids:
            if (row := found.get(one)) is None:
                continue
            seen = terminal_sightings.c
            last = row[seen.seen_at]
            report = Report() if last is None else _report(row[seen.version], row[seen.camera], row[seen.microphone])
            since, report = online.get(one, (last, report))
            old = one in online and _old(report, version)
            sights.append(Sight(terminal_of(row), facility_of(row), one in online, since, report, old))
        return sights

    async def _write(self, reports: dict[TerminalId, Report]) -> None:
        async with self._database.transaction() as tx:
            now = await tx.now()
            rows = [{"terminal_id": one, "seen_at": now, **asdict(report)} for one, report in sorted(reports.items())]
            new = (sqlite if self._database.is_sqlite else postgresql).insert(terminal_sightings)
            fresh = {name: new.excluded[name] for name in ("seen_at", "version", "camera", "microphone")}
            await tx.execute(new.on_conflict_do_update(index_elements=["terminal_id"], set_=fresh), rows)

    def _tell(self, terminal_id: TerminalId) -> None:
        held = self._open.get(terminal_id)
        told = None if held is None else json.dumps({"since": held.since.isoformat(), **asdict(held.report)})
        self._board.later(terminal_id, told)


def _read(sheets: Iterable[str]) -> tuple[datetime, Report]:
    """Since when it is online anywhere, and what it said where it came last."""
    told: list[dict[str, Any]] = sorted((json.loads(sheet) for sheet in sheets), key=lambda one: str(one["since"]))
    last = told[-1]
    return datetime.fromisoformat(told[0]["since"]), _report(last["version"], last["camera"], last["microphone"])


def _report(version: str, camera: str, microphone: str) -> Report:
    return Report(version, Working(camera), Working(microphone))


def _old(report: Report, version: str) -> bool:
    return report.version not in ("", version)


def _troubled(report: Report, version: str) -> bool:
    """What is not known yet is no trouble."""
    fine = (Working.READY, Working.UNKNOWN)
    return _old(report, version) or report.camera not in fine or report.microphone not in fine


UNKNOWN = N_("There is no such facility.")
