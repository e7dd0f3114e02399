"""Rooms of one worker: who publishes, who receives, and who has to be offered anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import inf

from foundation.errors import HoichanError
from media import sdp
from media.api import (
    ConnectionChanged,
    ConnectionState,
    Direction,
    LayersWanted,
    MediaEvent,
    QualityChanged,
    SpeakersChanged,
    SubscribeOffer,
    SubscribeOffered,
    UplinkChanged,
)
from media.errors import connection_unknown, room_full
from media.plane import Plane
from media.publisher import Publisher
from media.speakers import Speakers
from media.subscriber import Subscriber
from media.tracks import UpTrack
from media.turns import Turns
from media.viewer import Viewer

_GOVERN_S, _GOVERN_PARTS = 0.1, 16
"""How often each room weighs its lines, and in how many steps all of them are gone through."""
_TELL_S = 0.3
"""Between two looks at what publishers should know."""
Emit = Callable[[MediaEvent], None]


class Participant:
    """One participant's connections. `revision` outlives a subscribe connection, so that stale answers are seen."""

    __slots__ = ("participant_id", "publisher", "revision", "subscriber")

    def __init__(self, participant_id: str) -> None:
        self.participant_id = participant_id
        self.publisher: Publisher | None = None
        self.subscriber: Subscriber | None = None
        self.revision = 0


class Room:
    """The participants of one room."""

    def __init__(self, room_id: str, plane: Plane, emit: Emit) -> None:
        self.room_id = room_id
        self.participants: dict[str, Participant] = {}
        self._plane = plane
        self._emit = emit
        self._speakers = Speakers()
        self._told_at = -inf

    def publish(
        self, participant: Participant, offer: sdp.SessionDescription, sources: Mapping[str, str], *, leads: bool
    ) -> str:
        """Answer a publish offer; an offer of another session replaces the connection that there was."""
        publisher = participant.publisher
        if publisher is None or not publisher.continues(offer):
            fresh = Publisher(participant.participant_id, self._plane, self._publisher_changed, leads=leads)
            try:
                answer = fresh.answer(offer, sources)
            except HoichanError:
                fresh.close()
                raise
            if publisher is not None:
                publisher.close()
            participant.publisher = fresh
        else:
            answer = publisher.answer(offer, sources)
        self._refresh()
        return answer

    def subscribe(self, participant: Participant, *, restart: bool = False) -> SubscribeOffer:
        """Open the subscribe connection, anew if there is one, and offer everything; or restart ICE of that one."""
        if restart and isinstance(participant.subscriber, Subscriber):
            participant.subscriber.restart_ice()
            return self._offer(participant, participant.subscriber)
        fresh = Subscriber(self._plane, participant.revision, self._subscriber_changed)
        if participant.subscriber is not None:
            participant.subscriber.close()
        participant.subscriber = fresh
        fresh.refresh(self._wanted(participant))
        offer = fresh.offer()
        participant.revision = offer.revision
        return offer

    def view(self, participant: Participant, offer: sdp.SessionDescription) -> str:
        """Answer a viewer's own offer; an offer of another session replaces what it received by before."""
        viewer = participant.subscriber
        if not isinstance(viewer, Viewer) or not viewer.continues(offer):
            fresh = Viewer(self._plane, self._subscriber_changed)
            try:
                answer = fresh.take(offer, self._wanted(participant))
            except HoichanError:
                fresh.close()
                raise
            if viewer is not None:
                viewer.close()
            participant.subscriber = fresh
            return answer
        return viewer.take(offer, self._wanted(participant))

    def remove(self, participant: Participant) -> None:
        """Close both connections of a participant."""
        self.participants.pop(participant.participant_id, None)
        if participant.subscriber is not None:
            participant.subscriber.close()
        if participant.publisher is not None:
            participant.publisher.close()
        self._refresh()

    def states(self) -> list[MediaEvent]:
        """The offers that stand now, for a node that may have missed them."""
        return [
            SubscribeOffered(self.room_id, participant.participant_id, self._offer(participant, subscriber))
            for participant in self.participants.values()
            if (subscriber := participant.subscriber) is not None and not isinstance(subscriber, Viewer)
        ]

    def govern(self, now: float) -> None:
        """Weigh every viewer's line; tell what has changed, which layers are watched, and who speaks."""
        for participant in self.participants.values():
            if participant.subscriber is None:
                continue
            for track_id, rung, cause in participant.subscriber.govern(now):
                self._emit(QualityChanged(self.room_id, participant.participant_id, track_id, rung, cause))
        due = now - self._told_at >= _TELL_S
        if due:
            self._told_at = now
        for participant in self.participants.values():
            publisher = participant.publisher
            if publisher is not None and (publisher.hurried() or due):
                self._tell_publisher(publisher, participant, now)
        speakers = self._speakers.now([p.publisher for p in self.participants.values() if p.publisher is not None])
        if speakers is not None:
            self._emit(SpeakersChanged(self.room_id, speakers))

    def _tell_publisher(self, publisher: Publisher, participant: Participant, now: float) -> None:
        for up in publisher.ups:
            if not up.is_video:
                continue
            wanted: set[int] = set()
            for viewer in self.participants.values():
                if viewer.subscriber is not None:
                    wanted |= viewer.subscriber.wants(up)
            rids = publisher.watch(up, wanted, now)
            if rids is not None:
                self._emit(
                    LayersWanted(self.room_id, participant.participant_id, up.track.track_id, up.sender_mid, rids)
                )
        rung = publisher.uplink(now)
        if rung is not None:
            self._emit(UplinkChanged(self.room_id, participant.participant_id, rung))

    def _offer(self, participant: Participant, subscriber: Subscriber) -> SubscribeOffer:
        offer = subscriber.offer()
        participant.revision = offer.revision
        return offer

    def _wanted(self, viewer: Participant) -> list[UpTrack]:
        return [
            up
            for participant in self.participants.values()
            if participant is not viewer and participant.publisher is not None
            for up in participant.publisher.ups
        ]

    def _refresh(self) -> None:
        for participant in self.participants.values():
            subscriber = participant.subscriber
            if subscriber is not None and subscriber.refresh(self._wanted(participant)):
                offer = self._offer(participant, subscriber)
                self._emit(SubscribeOffered(self.room_id, participant.participant_id, offer))

    def _publisher_changed(self, publisher: Publisher, state: ConnectionState) -> None:
        for participant in list(self.participants.values()):
            if participant.publisher is publisher:
                self._emit(ConnectionChanged(self.room_id, participant.participant_id, Direction.PUBLISH, state))
                if state is ConnectionState.CLOSED:
                    publisher.close()
                    participant.publisher = None
                    self._refresh()

    def _subscriber_changed(self, subscriber: Subscriber, state: ConnectionState) -> None:
        for participant in list(self.participants.values()):
            if participant.subscriber is subscriber:
                self._emit(ConnectionChanged(self.room_id, participant.participant_id, Direction.SUBSCRIBE, state))
                if state is ConnectionState.CLOSED:
                    subscriber.close()
                    participant.subscriber = None


class Rooms:
    """All rooms of a worker. A room begins with its first participant and ends with its last."""

    def __init__(self, plane: Plane, emit: Emit, ended: Callable[[str], None], *, capacity: int) -> None:
        self._plane = plane
        self._emit = emit
        self._ended = ended
        self._capacity = capacity
        self._rooms: dict[str, Room] = {}
        self._turns: Turns[Room] = Turns(_GOVERN_S, _GOVERN_PARTS)

    def __contains__(self, room_id: str) -> bool:
        return room_id in self._rooms

    def __len__(self) -> int:
        return len(self._rooms)

    def publish(
        self, room_id: str, participant_id: str, offer_sdp: str, sources: Mapping[str, str], *, leads: bool = False
    ) -> str:
        """See `media.api.MediaNodes`."""
        offer = sdp.parse(offer_sdp)
        room, participant = self._enter(room_id, participant_id)
        try:
            return room.publish(participant, offer, sources, leads=leads)
        finally:
            self._sweep(room)

    def subscribe(self, room_id: str, participant_id: str, *, restart: bool = False) -> SubscribeOffer:
        """See `media.api.MediaNodes`."""
        room, participant = self._enter(room_id, participant_id)
        try:
            return room.subscribe(participant, restart=restart)
        finally:
            self._sweep(room)

    def view(self, room_id: str, participant_id: str, offer_sdp: str) -> str:
        """See `media.api.MediaNodes`."""
        offer = sdp.parse(offer_sdp)
        room, participant = self._enter(room_id, participant_id)
        try:
            return room.view(participant, offer)
        finally:
            self._sweep(room)

    def answer(self, room_id: str, participant_id: str, answer_sdp: str, revision: int) -> None:
        """See `media.api.MediaNodes`."""
        room = self._rooms.get(room_id)
        participant = room.participants.get(participant_id) if room is not None else None
        if participant is None or participant.subscriber is None:
            raise connection_unknown()
        participant.subscriber.answer(answer_sdp, revision)

    def prefer(self, room_id: str, participant_id: str, heights: Mapping[str, int]) -> None:
        """See `media.api.MediaNodes`."""
        room = self._rooms.get(room_id)
        participant = room.participants.get(participant_id) if room is not None else None
        if participant is not None and participant.subscriber is not None:
            participant.subscriber.prefer(heights)

    def remove(self, room_id: str, participant_id: str) -> None:
        """See `media.api.MediaNodes`."""
        room = self._rooms.get(room_id)
        participant = room.participants.get(participant_id) if room is not None else None
        if room is not None and participant is not None:
            room.remove(participant)
            self._sweep(room)

    def close_room(self, room_id: str) -> None:
        """See `media.api.MediaNodes`."""
        room = self._rooms.get(room_id)
        if room is not None:
            participants, room.participants = list(room.participants.values()), {}
            for participant in participants:
                room.remove(participant)
            self._sweep(room)

    def states(self, room_id: str) -> list[MediaEvent]:
        """What a node that comes back to the room has to know."""
        room = self._rooms.get(room_id)
        return [] if room is None else room.states()

    def govern(self, now: float, turn: float) -> Iterator[None]:
        """Weigh the lines of the rooms whose turn it is, by the time of the loop, with a pause after each."""
        for room in self._turns.due(self._rooms.values(), turn):
            if self._rooms.get(room.room_id) is room:
                room.govern(now)
                yield

    def sweep(self) -> None:
        """Forget participants whose connections are both gone, and rooms without participants."""
        for room in list(self._rooms.values()):
            self._sweep(room)

    def _enter(self, room_id: str, participant_id: str) -> tuple[Room, Participant]:
        room = self._rooms.get(room_id)
        if room is None:
            room = self._rooms[room_id] = Room(room_id, self._plane, self._emit)
        participant = room.participants.get(participant_id)
        if participant is None:
            if len(room.participants) >= self._capacity:
                raise room_full()
            participant = room.participants[participant_id] = Participant(participant_id)
        return room, participant

    def _sweep(self, room: Room) -> None:
        for participant in list(room.participants.values()):
            if participant.publisher is None and participant.subscriber is None:
                del room.participants[participant.participant_id]
        if not room.participants and self._rooms.get(room.room_id) is room:
            del self._rooms[room.room_id]
            self._ended(room.room_id)
