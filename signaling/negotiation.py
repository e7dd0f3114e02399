"""Between sockets and the media plane: offers and answers go in, new offers and broken lines come out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from consult_rooms.model import LineState, ParticipantRole
from consult_rooms.rooms import Rooms
from foundation.errors import Forbidden, HoichanError, Unavailable
from foundation.i18n import N_
from foundation.ids import ConsultId, ParticipantId
from media import api
from media.api import ConnectionChanged, ConnectionState, Direction, MediaNodes, RoomLost, SubscribeOffered
from signaling.connections import Connection, Connections, Outlet
from signaling.room_members import Member, RoomMembers
from signaling.server_events import MediaLost, SubscribeOffer
from signaling.shapes import TrackPart

log = logging.getLogger(__name__)

WAIT_S = 8.0
"""The longest that a client waits for the media plane before it hears `media.unavailable`."""


class Negotiation:
    """The peer connections of the members on this node."""

    def __init__(
        self, connections: Connections, outlet: Outlet, members: RoomMembers, rooms: Rooms, media: MediaNodes
    ) -> None:
        self._connections = connections
        self._outlet = outlet
        self._members = members
        self._rooms = rooms
        self._media = media

    async def publish(self, connection: Connection, consult_id: ConsultId, sdp: str, sources: Mapping[str, str]) -> str:
        """The answer to a member's offer. Raises Forbidden("room.observer") and what `media.api` raises."""
        member = self._members.held(connection, consult_id)
        if member.participant.role is ParticipantRole.OBSERVER:
            raise Forbidden("room.observer", ONLY_RECEIVES)
        member.media.pop(Direction.PUBLISH, None)
        async with _patience():
            return await self._media.publish(consult_id, member.participant.id, sdp, sources)

    async def subscribe(self, connection: Connection, consult_id: ConsultId) -> api.SubscribeOffer:
        """A first offer of what the others send."""
        member = self._members.held(connection, consult_id)
        member.media.pop(Direction.SUBSCRIBE, None)
        async with _patience():
            return await self._media.subscribe(consult_id, member.participant.id)

    async def answer(self, connection: Connection, consult_id: ConsultId, sdp: str, revision: int) -> None:
        """Take a member's answer."""
        member = self._members.held(connection, consult_id)
        async with _patience():
            await self._media.answer(consult_id, member.participant.id, sdp, revision)

    async def report(self, connection: Connection, consult_id: ConsultId, state: LineState) -> None:
        """The client says how its line is."""
        member = self._members.held(connection, consult_id)
        member.reported = state
        await self._tell_line(member)

    async def listen(self) -> None:
        """Carry the media plane's events to the members of this node, for ever."""
        async for event in self._media.events():
            try:
                await self._handle(event)
            except HoichanError as error:  # such as a database that is down: the next event may pass
                log.warning("a media event was not carried out: %s", error.code)

    async def _handle(self, event: api.MediaEvent) -> None:
        consult_id = ConsultId(event.room_id)
        match event:
            case SubscribeOffered(participant_id=participant_id, offer=offer):
                member = self._members.find(consult_id, ParticipantId(participant_id))
                if member is not None:
                    await self._offer(consult_id, member, offer)
            case ConnectionChanged(participant_id=participant_id, direction=direction, state=state):
                member = self._members.find(consult_id, ParticipantId(participant_id))
                if member is not None:
                    await self._changed(member, direction, state)
            case RoomLost():
                for member in self._members.here(consult_id):
                    member.media.clear()
                for connection in self._members.listeners(consult_id):
                    await self._outlet.send(connection, MediaLost(consult_id))

    async def _offer(self, consult_id: ConsultId, member: Member, offer: api.SubscribeOffer) -> None:
        connection = self._connections.get(member.connection_id)
        if connection is not None:
            await self._outlet.send(connection, SubscribeOffer(consult_id, offer.sdp, offer.revision, tracks(offer)))

    async def _changed(self, member: Member, direction: Direction, state: ConnectionState) -> None:
        if state is ConnectionState.CLOSED:
            member.media.pop(direction, None)
        else:
            member.media[direction] = state
        await self._tell_line(member)

    async def _tell_line(self, member: Member) -> None:
        line = member.line
        if line is not member.told:
            await self._rooms.line_changed(member.participant, line)
            member.told = line


def tracks(offer: api.SubscribeOffer) -> list[TrackPart]:
    """The tracks of an offer as the protocol says them."""
    return [
        TrackPart(track.mid, track.track_id, track.participant_id, track.kind, track.source) for track in offer.tracks
    ]


@asynccontextmanager
async def _patience() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(WAIT_S):
            yield
    except TimeoutError as error:
        raise Unavailable("media.unavailable", NO_ANSWER) from error


ONLY_RECEIVES = N_("An observer only watches and listens.")
NO_ANSWER = N_("The video service does not answer now. Please try again in a moment.")
