"""The coordinators' boards that are open on this node: what changed is read once for all, and told to whom it may be.

The news of each tick goes out together, however many entries the logs grew by. Who is in charge of a clinic is asked
again each time, so that a role or link that was taken away ends the news at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from consult_rooms.board_queries import BoardQueries
from consult_rooms.board_rows import Lane
from consult_rooms.log_entry import LogKind
from consult_rooms.scheduling import Scheduling
from foundation.clock import Clock
from foundation.ids import AppointmentId, ConsultId, FacilityId, SlotId, StaffId
from identity.model import Staff
from identity.policy import Action, may
from identity.store import Directory
from signaling.acks import Ack, BoardShown, Done
from signaling.board_events import BoardEvent, MoveAppointment, WatchBoard
from signaling.board_parts import lane_part, row_part
from signaling.board_shapes import BoardRowPart
from signaling.connections import Connection, Outlet
from signaling.server_events import Board

TICK_S = 0.2
"""Between looks at what changed: a row is told at most five times a second."""
AT_ONCE = 500
"""Consults of one tick; what is left comes with the next."""
REPLAY = timedelta(minutes=10)
"""What was seen before this is shown whole again after a reconnect."""
_QUIET = frozenset({LogKind.CHAT, LogKind.FIRST_FRAME, LogKind.LINE_CHANGED, LogKind.QUALITY_CHANGED}) | {
    LogKind.ADDED,
    LogKind.ADDITION_WITHDRAWN,
    LogKind.ATTACHED,
}
"""What changes nothing on a board."""


@dataclass(slots=True)
class _Watch:
    """One open board."""

    hubs: frozenset[FacilityId] = frozenset()
    lanes: set[StaffId] = field(default_factory=set)
    """Lanes that it shows, so that it hears of those that end."""
    ready: bool = False
    """False while the first look at it is read; what changes meanwhile comes after it."""
    missed: set[ConsultId] = field(default_factory=set)
    unread: set[StaffId] = field(default_factory=set)


class Boards:
    """Shows boards and keeps them current. `tick` is to be called every `TICK_S`."""

    def __init__(
        self, outlet: Outlet, directory: Directory, queries: BoardQueries, scheduling: Scheduling, clock: Clock
    ) -> None:
        self._outlet = outlet
        self._directory = directory
        self._queries = queries
        self._scheduling = scheduling
        self._clock = clock
        self._watches: dict[Connection, _Watch] = {}
        self._changed: set[ConsultId] = set()
        self._booked: set[StaffId] = set()
        """Specialists whose lanes are to be read again."""

    def changed(self, consult_id: ConsultId, kinds: Collection[LogKind]) -> None:
        """This consult's log grew by entries of these kinds."""
        if self._watches and not _QUIET.issuperset(kinds):
            self._changed.add(consult_id)

    def booked(self, staff_id: StaffId) -> None:
        """This person's slots or appointments changed."""
        if self._watches:
            self._booked.add(staff_id)

    async def carry_out(self, connection: Connection, staff: Staff, event: BoardEvent) -> Ack:
        """Show the board, or move an appointment. Raises Forbidden for anybody who does not coordinate."""
        match event:
            case WatchBoard(after=after):
                watch = self._watches[connection] = _Watch()
                try:
                    shown = await self._show(connection, staff, watch, after)
                except BaseException:
                    self._watches.pop(connection, None)
                    raise
                watch.ready = True
                self._changed |= watch.missed
                self._booked |= watch.unread
                return shown
            case MoveAppointment(appointment_id=appointment_id, slot_id=slot_id, version=version):
                await self._scheduling.move(staff, AppointmentId(appointment_id), SlotId(slot_id), version)
                return Done()

    async def tick(self) -> None:
        """Tell what changed since the last one."""
        for connection in [one for one in self._watches if one.home is None]:
            del self._watches[connection]
        changed, self._changed = set(islice(self._changed, AT_ONCE)), set(islice(self._changed, AT_ONCE, None))
        booked, self._booked = self._booked, set()
        if not self._watches or not (changed or booked):
            return
        for watch in self._watches.values():
            if not watch.ready:
                watch.missed |= changed
                watch.unread |= booked
        try:
            await self._tell(changed, booked)
        except BaseException:
            self._changed |= changed
            self._booked |= booked
            raise

    async def _show(self, connection: Connection, staff: Staff, watch: _Watch, after: datetime | None) -> BoardShown:
        language = connection.language
        watch.hubs = await self._queries.hubs(staff)
        change = None
        if after is not None and self._clock.now() - after <= REPLAY:
            change = await self._queries.since(staff, after)
        view = await self._queries.board(staff) if change is None else None
        seen = change or view
        if seen is None:
            raise AssertionError("one of the two was read")
        watch.lanes = {lane.specialist_id for lane in seen.lanes}
        return BoardShown(
            at=seen.at,
            whole=view is not None,
            day_starts_at=seen.day_starts_at,
            rows=[row_part(row, language) for row in seen.rows],
            gone=[] if change is None else list(change.gone),
            more=view is not None and view.more,
            lanes=[lane_part(lane, language) for lane in seen.lanes],
        )

    async def _tell(self, changed: set[ConsultId], booked: set[StaffId]) -> None:
        places = await self._queries.places(changed)
        rows = await self._queries.rows(changed)
        booked = booked | {place.lane_id for place in places.values() if place.lane_id is not None}
        watching = {one: watch for one, watch in self._watches.items() if watch.ready}
        people = await self._directory.staff_many({one.staff_id for one in watching})
        charges = await self._queries.in_charge(list(people), {place.clinic_id for place in places.values()})
        lanes = await self._lanes(watching, people, booked)
        now = self._clock.now()
        parts: dict[tuple[ConsultId, str], BoardRowPart] = {}
        for connection, watch in watching.items():
            staff = people.get(connection.staff_id)
            if staff is None or not may(staff, Action.COORDINATE):
                self._watches.pop(connection, None)
                continue
            mine = [one for one, place in places.items() if (staff.id, place.clinic_id) in charges]
            shown = []
            for consult_id in mine:
                if (row := rows.get(consult_id)) is not None:
                    key = (consult_id, connection.language.code)
                    part = parts.get(key) or parts.setdefault(key, row_part(row, connection.language))
                    shown.append(part)
            gone: list[str] = [one for one in mine if one not in rows]
            days = [
                lane for lane in lanes.get(staff.facility_id, ()) if lane.slots or lane.specialist_id in watch.lanes
            ]
            if not (shown or gone or days):
                continue
            watch.lanes |= {lane.specialist_id for lane in days}
            told = [lane_part(lane, connection.language) for lane in days]
            await self._outlet.send(connection, Board(now, shown, gone, told))

    async def _lanes(
        self, watching: Mapping[Connection, _Watch], people: Mapping[StaffId, Staff], booked: set[StaffId]
    ) -> dict[FacilityId, list[Lane]]:
        """The lanes of these specialists as each facility's coordinators see them."""
        lanes: dict[FacilityId, list[Lane]] = {}
        if not booked:
            return lanes
        homes = {one.id: one.facility_id for one in (await self._directory.staff_many(booked)).values()}
        for connection, watch in watching.items():
            staff = people.get(connection.staff_id)
            near = [one for one in booked if homes.get(one) in watch.hubs]
            if staff is not None and near and staff.facility_id not in lanes and may(staff, Action.COORDINATE):
                lanes[staff.facility_id] = await self._queries.lanes(staff, near)
        return lanes
