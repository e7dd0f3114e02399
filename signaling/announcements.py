"""What new log entries mean to this node's sockets: rings and their end, log lines, chat, people, hints to look."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from consult_rooms.log import ConsultLog
from consult_rooms.log_entry import LogEntry, LogKind
from consult_rooms.model import ParticipantRole
from consult_rooms.queries import Queries
from consult_rooms.rooms import Rooms
from consult_rooms.rows import RingView, TimelineRow
from foundation.errors import Forbidden, NotFound
from foundation.ids import ConsultId, StaffId
from identity.store import Directory
from signaling.advice_shapes import Advice
from signaling.boards import Boards
from signaling.connections import Connection, Connections, Outlet
from signaling.drawing_events import Strokes
from signaling.room_members import RoomMembers
from signaling.server_events import Agenda, Consult, Invited, Log, Overdue, Oversight, RingStopped
from signaling.shapes import ChatPart
from signaling.views import Views, chat_event

_STARTS = frozenset({LogKind.RUNG, LogKind.HANDOVER_OFFERED})
"""What rings for the person whom the entry names."""
_RINGS = _STARTS | {
    LogKind.STEP_STARTED,
    LogKind.QUESTION_CHANGED,
    LogKind.IDENTITY_CHANGED,
    LogKind.ASKED,
    LogKind.ANSWERED,
    LogKind.CLAIM_LOST,
    LogKind.ESCALATED,
}
"""What starts a ring or changes its content."""
_PEOPLE = frozenset({LogKind.JOINED, LogKind.LEFT, LogKind.INVITED})
_QUIET = frozenset({LogKind.CHAT, LogKind.FIRST_FRAME, LogKind.LINE_CHANGED, LogKind.QUALITY_CHANGED, LogKind.RUNG}) | {
    LogKind.ADDED,
    LogKind.ADDITION_WITHDRAWN,
    LogKind.ATTACHED,
    LogKind.DRAWN,
}
"""What changes nothing on a list of consults."""
_BOOKED = frozenset(
    {
        *(LogKind.SCHEDULED, LogKind.MOVED, LogKind.CANCELLED),
        *(LogKind.DISPLACED, LogKind.KEPT, LogKind.DELAYED, LogKind.NO_SHOW),
    }
)
_STOPS: Mapping[LogKind, Literal["claimed", "cancelled", "declined", "answered", "withdrawn", "ended", "written"]] = (
    MappingProxyType(
        {
            LogKind.CLAIMED: "claimed",
            LogKind.CANCELLED: "cancelled",
            LogKind.DECLINED: "declined",
            LogKind.BUSY: "answered",
            LogKind.LATER: "answered",
            LogKind.FORWARDED: "answered",
            LogKind.OWNER_CHANGED: "answered",
            LogKind.HANDOVER_DECLINED: "declined",
            LogKind.HANDOVER_WITHDRAWN: "withdrawn",
            LogKind.HANDED_OVER: "claimed",
            LogKind.ENDED: "ended",
            LogKind.WRITTEN: "written",
        }
    )
)
_OWN = frozenset({"declined", "answered"})
"""Ends that concern the rings of the one who answered alone."""
_TELLING = frozenset({*_STOPS, LogKind.INVITED, LogKind.RAISED, LogKind.OVERDUE})
"""What names somebody to people who do not follow the log."""


class Announcements:
    """Makes the emits of log entries. Called under the locks of `Notices`: each consult's entries in order.

    Should a call fail half-way it is made again with the same entries: what each socket has had by then is noted on it.
    """

    def __init__(
        self,
        connections: Connections,
        outlet: Outlet,
        members: RoomMembers,
        consult_log: ConsultLog,
        queries: Queries,
        rooms: Rooms,
        directory: Directory,
        views: Views,
        boards: Boards,
    ) -> None:
        self._connections = connections
        self._outlet = outlet
        self._members = members
        self._log = consult_log
        self._queries = queries
        self._rooms = rooms
        self._directory = directory
        self._views = views
        self._boards = boards

    async def make(self, consult_id: ConsultId, entries: Sequence[LogEntry]) -> None:
        """Tell this node's sockets what these new entries of one consult mean to them."""
        kinds = {entry.kind for entry in entries}
        self._boards.changed(consult_id, kinds)
        for connection in self._connections.greeted:
            connection.overtaken.add(consult_id)
        rung: set[Connection] = set()
        if kinds & _RINGS:  # before everything else: somebody waits for it
            rung = await self._ring(consult_id, entries)
        if kinds & _TELLING or self._connections.watching(consult_id):
            rows = await self._queries.described(list(entries))
            await self._stop(consult_id, rows, rung)
            await self._follow(consult_id, rows)
            await self._invite(consult_id, rows)
        if kinds - _QUIET:
            await self._hint(consult_id, kinds)
        if kinds & _PEOPLE:
            await self._members.announce(consult_id)
        if kinds & {LogKind.ENDED, LogKind.WRITTEN, LogKind.CLAIM_LOST}:
            await self._members.close(consult_id)

    async def greet(self, connection: Connection) -> None:
        """Give a new socket what rings for its person now."""
        self._connections.greeted.add(connection)
        try:
            again: set[ConsultId] | None = None
            while again is None or again:
                connection.overtaken.clear()
                rings = await self._queries.rings_for(connection.staff_id)
                for view in rings:
                    if (again is None or view.consult_id in again) and view.consult_id not in connection.overtaken:
                        await self._ring_at(connection, view)
                # What changed while it was read is read again: it may have begun or ceased to ring meanwhile.
                again = set(connection.overtaken)
        finally:
            self._connections.greeted.discard(connection)

    async def agenda(self, staff_id: StaffId) -> None:
        """This person's booked times changed."""
        self._boards.booked(staff_id)
        for connection in self._connections.of([staff_id]):
            await self._outlet.send(connection, Agenda())

    async def oversight(self, staff_id: StaffId) -> None:
        """Something awaits this data protection officer."""
        for connection in self._connections.of([staff_id]):
            await self._outlet.send(connection, Oversight())

    async def _ring(self, consult_id: ConsultId, entries: Sequence[LogEntry]) -> set[Connection]:
        """Ring for whom the consult rings now; gives the sockets that rang."""
        people = {StaffId(str(entry.data["staff"])) for entry in entries if entry.kind in _STARTS}
        people.update(connection.staff_id for connection in self._connections.ringing(consult_id))
        here = {staff_id: sockets for staff_id in people if (sockets := self._connections.of([staff_id]))}
        if not here:
            return set()
        rings = await self._queries.rings_of(consult_id, here)
        if any(entry.kind is LogKind.HANDOVER_OFFERED for entry in entries):
            rings |= await self._queries.handover_of(consult_id, here)
        for lost in (entry for entry in entries if entry.kind is LogKind.CLAIM_LOST):
            for connection in self._connections.ringing(consult_id):
                if connection.staff_id not in rings:  # what rang there was a handover of the claim that is lost
                    connection.hush(consult_id)
                    await self._outlet.send(connection, RingStopped(consult_id, "withdrawn", None, lost.at))
        rung = set()
        for staff_id, view in rings.items():
            for connection in here[staff_id]:
                rung.add(connection)
                await self._ring_at(connection, view)
        return rung

    async def _ring_at(self, connection: Connection, view: RingView) -> None:
        """Ring there, or say what is new of it: a greeting and the news of one ring are one ring."""
        if connection.ring(view):
            await self._outlet.send(connection, self._views.ring(view, connection.language))

    async def _stop(self, consult_id: ConsultId, rows: Sequence[TimelineRow], rung: Collection[Connection]) -> None:
        """End what these entries ended. What `rung` after they were written, as the store has it, goes on."""
        for row in rows:
            reason = _STOPS.get(row.entry.kind)
            if reason is None:
                continue
            stopped = RingStopped(consult_id, reason, row.actor_name, row.entry.at)
            for connection in self._connections.ringing(consult_id):
                concerned = reason not in _OWN or connection.staff_id == row.entry.actor
                if concerned and connection not in rung:
                    connection.hush(consult_id)
                    await self._outlet.send(connection, stopped)

    async def _follow(self, consult_id: ConsultId, rows: Sequence[TimelineRow]) -> None:
        followers = self._connections.watching(consult_id)
        if not followers:
            return
        listeners = self._members.listeners(consult_id)
        lines: list[ChatPart] = []
        if listeners and any(row.entry.kind is LogKind.CHAT for row in rows):
            lines = await self._chat(consult_id, [row.entry for row in rows], listeners)
        await self._draw(consult_id, [row.entry for row in rows], listeners)
        await self._advise(consult_id, [row.entry for row in rows], listeners)
        for connection in followers:
            seen = connection.watched[consult_id]
            unseen = [row for row in rows if row.entry.number > seen]
            if not unseen:
                continue
            connection.follow(consult_id, unseen[-1].entry.number)
            if connection in listeners:  # before their numbers: whoever drops in between asks for the lines again
                for line in lines:
                    if line.number > seen:
                        await self._outlet.send(connection, chat_event(consult_id, line))
            await self._outlet.send(connection, Log(consult_id, self._views.entries(unseen, connection.language)))

    async def _advise(
        self, consult_id: ConsultId, entries: Sequence[LogEntry], listeners: Sequence[Connection]
    ) -> None:
        """The items of advice that these entries changed, to everyone in the room who may read them."""
        changed = {str(entry.data["advice"]) for entry in entries if entry.kind is LogKind.ADVISED}
        if not changed or not listeners:
            return
        staff = await self._directory.staff_many({one.staff_id for one in listeners})
        for staff_id, person in staff.items():
            items = [part for part in await self._views.advice(person, consult_id) if part.advice_id in changed]
            for connection in listeners:
                if items and connection.staff_id == staff_id:
                    await self._outlet.send(connection, Advice(consult_id, items))

    async def _draw(self, consult_id: ConsultId, entries: Sequence[LogEntry], listeners: Sequence[Connection]) -> None:
        """The strokes that these entries made or took back, to everyone in the room: all of them read the thread."""
        drawn = [entry for entry in entries if entry.kind is LogKind.DRAWN]
        if not drawn or not listeners:
            return
        staff = await self._directory.staff_many({one.staff_id for one in listeners})
        told = Strokes(consult_id, await self._views.strokes(staff.values(), consult_id, drawn))
        for connection in listeners:
            await self._outlet.send(connection, told)

    async def _chat(
        self, consult_id: ConsultId, entries: Sequence[LogEntry], listeners: Sequence[Connection]
    ) -> list[ChatPart]:
        """The lines as the first listener may read them; everyone in the room reads the same chat."""
        for staff in (await self._directory.staff_many({one.staff_id for one in listeners})).values():
            try:
                messages = await self._rooms.chat_since(staff, consult_id, entries[0].number - 1)
            except (Forbidden, NotFound):
                continue
            return await self._views.chat([line for line in messages if line.number <= entries[-1].number])
        return []

    async def _invite(self, consult_id: ConsultId, rows: Sequence[TimelineRow]) -> None:
        for row in rows:
            sockets = self._connections.of([StaffId(str(row.entry.data.get("staff")))])
            if row.entry.kind is LogKind.OVERDUE:
                for connection in sockets:
                    await self._outlet.send(connection, Overdue(consult_id))
            called = row.entry.kind is LogKind.RAISED
            if (called or row.entry.kind is LogKind.INVITED) and sockets:
                waiting = await self._queries.waiting_view(consult_id)
                requester = waiting.consult.requester_id == row.entry.data["staff"]
                side = ParticipantRole.REQUESTER if requester else ParticipantRole.SPECIALIST
                role = side if called else ParticipantRole(str(row.entry.data["role"]))
                url = f"/consults/{consult_id}/room"
                for connection in sockets:
                    invited = Invited(consult_id, waiting.consult.code, row.actor_name or "", role, url, called)
                    await self._outlet.send(connection, invited)

    async def _hint(self, consult_id: ConsultId, kinds: set[LogKind]) -> None:
        state, people = await self._log.audience(consult_id)
        if state is None:
            return
        for connection in self._connections.of(people):
            await self._outlet.send(connection, Consult(consult_id, state.value))
            if kinds & _BOOKED:
                await self._outlet.send(connection, Agenda())
