"""Who is in which room on this node, from the join to the leave, across reloads, second tabs and other nodes.

A person holds one place in a room. A socket that breaks keeps it for `GRACE_S`; a second tab takes it over, on
whichever node it opens, told by the bus topic `room`. Who may be there at all is the database's to say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from consult_rooms.model import LineState, Participant
from consult_rooms.rooms import Rooms
from foundation.bus import Bus, Hint
from foundation.clock import Clock
from foundation.errors import Conflict, Unavailable
from foundation.i18n import N_
from foundation.ids import ConsultId, ParticipantId, new_id
from media.api import ConnectionState, Direction, MediaNodes
from signaling.attendance import Attendance, Switches
from signaling.connections import Connection, Connections, Outlet
from signaling.server_events import Room, TakenOver
from signaling.shapes import ParticipantPart

TOPIC = "room"
"""Bus topic of hints `{"consult": id, "node": id}`; with `participant`, `tab` and `stamp` when somebody came in."""
GRACE_S = 20.0
"""How long a place is kept for a socket that broke: a reload, a lift, a change from Wi-Fi to mobile."""
BEAT_S = 10.0
SWEEP_S = 30.0
"""How often the rooms of this node are searched for people whom a node that died left behind."""
TOGETHER_S = 3.0
"""Joins of one person on two nodes within this time are told apart by their stamps, later ones by the hint alone."""


@dataclass(slots=True, eq=False)
class Member:
    """A person's place in a room, held by a socket of this node, or kept for it."""

    participant: Participant
    connection_id: str | None
    tab_id: str
    stamp: str
    entered_at: float
    switches: Switches
    lost_at: float | None = None
    """Monotonic time at which its socket broke."""
    reported: LineState = LineState.GOOD
    """What the client says of its line."""
    media: dict[Direction, ConnectionState] = field(default_factory=dict)
    """What the worker says of its connections."""
    tracks: dict[str, ParticipantId] = field(default_factory=dict)
    """Whose stream each track of the newest subscribe offer is."""
    told: LineState | None = None
    """The last state of the line that was given to the log; None: the place is fresh and may differ from it."""
    beaten_at: float = 0.0

    @property
    def line(self) -> LineState:
        """The worst of what client and worker say."""
        return LineState.LOST if ConnectionState.DISCONNECTED in self.media.values() else self.reported

    @property
    def claim(self) -> dict[str, str]:
        """What other nodes are told of the one who came."""
        return {"participant": self.participant.id, "tab": self.tab_id, "stamp": self.stamp}


class RoomMembers:
    """The rooms as far as this node carries them."""

    def __init__(
        self,
        connections: Connections,
        outlet: Outlet,
        rooms: Rooms,
        attendance: Attendance,
        media: MediaNodes,
        bus: Bus,
        clock: Clock,
    ) -> None:
        self._connections = connections
        self._outlet = outlet
        self._rooms = rooms
        self._attendance = attendance
        self._media = media
        self._bus = bus
        self._clock = clock
        self._node = new_id("nod")
        self._swept_at = clock.monotonic()
        self._members: dict[ConsultId, dict[ParticipantId, Member]] = defaultdict(dict)

    def here(self, consult_id: ConsultId) -> list[Member]:
        """The members of a room on this node, those with a broken socket included."""
        return list(self._members.get(consult_id, {}).values())

    def of(self, connection: Connection) -> list[Member]:
        """The places that this socket holds."""
        return [m for room in self._members.values() for m in room.values() if m.connection_id == connection.id]

    def present(self) -> set[Connection]:
        """The sockets of this node that hold a place anywhere: found by the places, not by asking every socket."""
        return {connection for consult_id in self._members for connection in self.listeners(consult_id)}

    def find(self, consult_id: ConsultId, participant_id: ParticipantId) -> Member | None:
        """A member by participant, when this node carries it."""
        return self._members.get(consult_id, {}).get(participant_id)

    def held(self, connection: Connection, consult_id: ConsultId) -> Member:
        """The place of this socket in that room. Raises Conflict("room.not_joined")."""
        for member in self.here(consult_id):
            if member.connection_id == connection.id:
                return member
        raise Conflict("room.not_joined", NOT_JOINED)

    def listeners(self, consult_id: ConsultId) -> list[Connection]:
        """The sockets of this node that are in the room."""
        found = (self._connections.get(member.connection_id) for member in self.here(consult_id))
        return [connection for connection in found if connection is not None]

    async def enter(
        self,
        connection: Connection,
        participant: Participant,
        tab_id: str,
        switches: Switches,
    ) -> Member:
        """Give the place to this socket. Whoever held it for another tab is told, and its media closed."""
        consult_id = participant.consult_id
        old = self.find(consult_id, participant.id)
        now = self._clock.monotonic()
        stamp = f"{self._clock.now().isoformat()} {connection.id}"
        member = Member(participant, connection.id, tab_id, stamp, now, switches)
        self._members[consult_id][participant.id] = member
        if old is None or old.tab_id != tab_id:
            await self._media.remove(consult_id, participant.id)
        if old is not None and old.tab_id != tab_id and old.connection_id != connection.id:
            await self._dispossess(consult_id, old)
        await self._beat(member)
        # Whoever enters is given everybody by the acknowledgement.
        await self.announce(consult_id, but=connection)
        await self._bus.publish(TOPIC, {"consult": consult_id, "node": self._node, **member.claim})
        if self._connections.get(connection.id) is None:  # it broke while it came in
            await self.lost(connection)
        return member

    async def change(self, member: Member, switches: Switches) -> None:
        """Microphone or camera went on or off."""
        member.switches = switches
        await self._beat(member)
        await self._tell(member.participant.consult_id)

    async def lost(self, connection: Connection) -> None:
        """A socket broke: its places are kept for a while, and the others read that it is reconnecting."""
        for member in self.of(connection):
            member.connection_id = None
            member.lost_at = self._clock.monotonic()
            await self._drop(member)
            await self._tell(member.participant.consult_id)

    async def leave(self, member: Member) -> None:
        """Give the place up: media closed, the leave logged."""
        consult_id = member.participant.consult_id
        self._forget(member)
        await self._media.remove(consult_id, member.participant.id)
        await self._drop(member)
        await self._rooms.leave(member.participant)
        await self._tell(consult_id)

    async def close(self, consult_id: ConsultId) -> None:
        """The consult has ended: nobody is in its room any more."""
        for member in self.here(consult_id):
            self._forget(member)
            await self._drop(member)
        await self._media.close_room(consult_id)

    async def adopt(self, consult_ids: Iterable[ConsultId]) -> None:
        """Keep the places of people who are in a room by the database but on no node, as after a crash.

        They have the same grace as after a broken line: then they have left.
        """
        now = self._clock.monotonic()
        for consult_id in consult_ids:
            try:
                connected = await self._attendance.connected(consult_id)
            except Unavailable:
                return  # nobody can tell now who is on which node
            for participant in await self._rooms.participants(consult_id):
                if (
                    participant.present
                    and participant.id not in connected
                    and not self.find(consult_id, participant.id)
                ):
                    orphan = Member(participant, None, "", "", now, Switches(audio=False, video=False), lost_at=now)
                    self._members[consult_id][participant.id] = orphan

    async def tick(self) -> None:
        """Each second: renew what others see of our members, and give up places kept long enough."""
        now = self._clock.monotonic()
        if now - self._swept_at >= SWEEP_S:
            self._swept_at = now
            await self.adopt(list(self._members))
        for member in [member for room in self._members.values() for member in room.values()]:
            if member.lost_at is None:
                if now - member.beaten_at >= BEAT_S:
                    await self._beat(member)
            elif now - member.lost_at >= GRACE_S:
                if await self._returned_elsewhere(member):
                    self._forget(member)
                else:
                    await self.leave(member)

    async def listen(self) -> None:
        """Take hints of other nodes, for ever."""
        async with self._bus.subscribe(TOPIC) as hints:
            async for hint in hints:
                if hint.get("node") != self._node:
                    await self._heard(hint)

    async def announce(self, consult_id: ConsultId, *, but: Connection | None = None) -> None:
        """Tell the sockets of this node, all `but` one, who is in the room now."""
        listeners = [connection for connection in self.listeners(consult_id) if connection is not but]
        if listeners:
            people = await self.people(consult_id)
            for connection in listeners:
                await self._outlet.send(connection, Room(consult_id, people))

    async def people(self, consult_id: ConsultId) -> list[ParticipantPart]:
        """Everyone who may be in the room, as all sockets see it. The caller has decided who may know."""
        here = {m.participant.id: m.switches for m in self.here(consult_id) if m.connection_id is not None}
        return await self._attendance.people(consult_id, here)

    async def _beat(self, member: Member) -> None:
        member.beaten_at = self._clock.monotonic()
        await self._attendance.beat(member.participant.consult_id, member.participant.id, member.switches)

    async def _drop(self, member: Member) -> None:
        await self._attendance.drop(member.participant.consult_id, member.participant.id)

    async def _returned_elsewhere(self, member: Member) -> bool:
        try:
            return member.participant.id in await self._attendance.connected(member.participant.consult_id)
        except Unavailable:
            return False

    async def _tell(self, consult_id: ConsultId) -> None:
        """Tell this node's sockets and the other nodes that the people of a room changed."""
        await self.announce(consult_id)
        await self._bus.publish(TOPIC, {"consult": consult_id, "node": self._node})

    async def _heard(self, hint: Hint) -> None:
        consult_id = ConsultId(str(hint["consult"]))
        if "participant" in hint:
            member = self.find(consult_id, ParticipantId(str(hint["participant"])))
            if member is not None and self._yields(member, str(hint["stamp"])):
                self._forget(member)
                if member.tab_id != hint["tab"]:
                    await self._dispossess(consult_id, member)
            elif member is not None:
                # Ours is the later. The other node may have heard of it before its own was there: say it again.
                await self._bus.publish(TOPIC, {"consult": consult_id, "node": self._node, **member.claim})
        await self.announce(consult_id)

    def _yields(self, member: Member, stamp: str) -> bool:
        """Whether the newcomer elsewhere is the later one. Both nodes reach the same answer for joins at one time."""
        if member.connection_id is None:  # whoever comes back elsewhere comes after a socket that broke here
            return True
        return self._clock.monotonic() - member.entered_at > TOGETHER_S or stamp > member.stamp

    async def _dispossess(self, consult_id: ConsultId, member: Member) -> None:
        connection = self._connections.get(member.connection_id)
        if connection is not None:
            connection.unfollow(consult_id)
            await self._outlet.send(connection, TakenOver(consult_id))

    def _forget(self, member: Member) -> None:
        room = self._members.get(member.participant.consult_id, {})
        if room.get(member.participant.id) is member:
            del room[member.participant.id]
            if not room:
                del self._members[member.participant.consult_id]


NOT_JOINED = N_("You are not in this room, or it is open in another window. Join first.")
