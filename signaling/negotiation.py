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
from media.api import (
    ConnectionChanged,
    ConnectionState,
    Direction,
    LayersWanted,
    MediaNodes,
    QualityChanged,
    RoomLost,
    SpeakersChanged,
    SubscribeOffered,
    UplinkChanged,
)
from signaling.connections import Connection, Connections, Outlet
from signaling.media_events import Layers, MediaLost, Quality, Speakers, SubscribeOffer, Uplink
from signaling.qualities import Qualities
from signaling.room_members import Member, RoomMembers
from signaling.server_events import ServerEvent
from signaling.shapes import TrackPart

log = logging.getLogger(__name__)

OfOne = SubscribeOffered | ConnectionChanged | QualityChanged | UplinkChanged | LayersWanted
"""Media events that name one participant."""
WAIT_S = 8.0
"""The longest that a client waits for the media plane before it hears `media.unavailable`."""


class Negotiation:
    """The peer connections of the members on this node."""

    def __init__(
        self,
        connections: Connections,
        outlet: Outlet,
        members: RoomMembers,
        qualities: Qualities,
        rooms: Rooms,
        media: MediaNodes,
    ) -> None:
        self._connections = connections
        self._outlet = outlet
        self._members = members
        self._qualities = qualities
        self._rooms = rooms
        self._media = media

    async def publish(self, connection: Connection, consult_id: ConsultId, sdp: str, sources: Mapping[str, str]) -> str:
        """The answer to a member's offer. Raises Forbidden("room.observer") and what `media.api` raises."""
        member = self._members.held(connection, consult_id)
        if member.participant.role is ParticipantRole.OBSERVER:
            raise Forbidden("room.observer", ONLY_RECEIVES)
        member.media.pop(Direction.PUBLISH, None)
        async with _patience():
            # The clinic's camera shows the patient: it outlives the other pictures.
            leads = member.participant.role is ParticipantRole.REQUESTER
            return await self._media.publish(consult_id, member.participant.id, sdp, sources, leads=leads)

    async def subscribe(
        self, connection: Connection, consult_id: ConsultId, *, restart: bool = False
    ) -> api.SubscribeOffer:
        """A first offer of what the others send; with `restart`, the next one, with new ICE credentials."""
        member = self._members.held(connection, consult_id)
        member.media.pop(Direction.SUBSCRIBE, None)
        async with _patience():
            offer = await self._media.subscribe(consult_id, member.participant.id, restart=restart)
        self._note(member, offer)
        return offer

    async def answer(self, connection: Connection, consult_id: ConsultId, sdp: str, revision: int) -> None:
        """Take a member's answer."""
        member = self._members.held(connection, consult_id)
        async with _patience():
            await self._media.answer(consult_id, member.participant.id, sdp, revision)

    async def prefer(self, connection: Connection, consult_id: ConsultId, heights: Mapping[str, int]) -> None:
        """How high a member shows streams."""
        member = self._members.held(connection, consult_id)
        async with _patience():
            await self._media.prefer(consult_id, member.participant.id, heights)

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
            case RoomLost():
                for lost in self._members.here(consult_id):
                    lost.media.clear()
                await self._tell_room(consult_id, MediaLost(consult_id))
            case SpeakersChanged(participant_ids=speakers):
                await self._tell_room(consult_id, Speakers(consult_id, list(speakers)))
            case _:
                member = self._members.find(consult_id, ParticipantId(event.participant_id))
                if member is not None:
                    await self._concern(consult_id, member, event)

    async def _concern(self, consult_id: ConsultId, member: Member, event: OfOne) -> None:
        """What concerns one member alone."""
        match event:
            case SubscribeOffered(offer=offer):
                self._note(member, offer)
                await self._tell(member, SubscribeOffer(consult_id, offer.sdp, offer.revision, tracks(offer)))
            case ConnectionChanged(direction=direction, state=state):
                await self._changed(member, direction, state)
            case QualityChanged(track_id=track_id, rung=rung, cause=cause):
                self._qualities.sees(member, event)
                await self._tell(member, Quality(consult_id, track_id, rung, cause))
            case UplinkChanged(rung=rung):
                self._qualities.sends(member, rung)
                await self._tell(member, Uplink(consult_id, rung))
            case LayersWanted(track_id=track_id, mid=mid, rids=rids):
                await self._tell(member, Layers(consult_id, track_id, mid, list(rids)))

    def _note(self, member: Member, offer: api.SubscribeOffer) -> None:
        member.tracks = {track.track_id: ParticipantId(track.participant_id) for track in offer.tracks}
        self._qualities.offered(member)

    async def _tell(self, member: Member, event: ServerEvent) -> None:
        connection = self._connections.get(member.connection_id)
        if connection is not None:
            await self._outlet.send(connection, event)

    async def _tell_room(self, consult_id: ConsultId, event: ServerEvent) -> None:
        for connection in self._members.listeners(consult_id):
            await self._outlet.send(connection, event)

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
