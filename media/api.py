"""The narrow waist of the media plane: what signalling may ask of it, in plain types.

Media knows no patient and no staff: a room and a participant are opaque strings here. Each participant
holds up to two peer connections: one that publishes (the browser offers) and one that subscribes
(the worker offers, and offers again as tracks come and go), so offers never collide.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Direction(StrEnum):
    """Which of a participant's two peer connections is meant."""

    PUBLISH = "publish"
    SUBSCRIBE = "subscribe"


class ConnectionState(StrEnum):
    """State of one peer connection as the worker sees it (after ICE consent and DTLS)."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    CLOSED = "closed"


class Rung(StrEnum):
    """The ladder of a line: what of a video passes. Audio outlives every rung."""

    HD = "hd"
    """The best layer that the publisher sends (or the only one)."""
    REDUCED = "reduced"
    """The middle layer."""
    LOW = "low"
    """The smallest layer."""
    STILLS = "stills"
    """One sharp frame every few seconds."""
    AUDIO = "audio"
    """No video at all."""


class Cause(StrEnum):
    """Why a viewer receives no more of a track."""

    NONE = "none"
    """Nothing holds it back."""
    UPLINK = "uplink"
    """The publisher's line carries no more."""
    DOWNLINK = "downlink"
    """The viewer's own line carries no more."""
    WISH = "wish"
    """The viewer asked for no more: a small tile, or audio only."""


@dataclass(frozen=True, slots=True)
class Track:
    """One published media stream. `mid` is its m-section in the *subscriber's* offer, when it has one."""

    track_id: str
    participant_id: str
    kind: str
    """`audio` or `video`."""
    source: str
    """What it shows: `camera`, `microphone`, `screen`, or a device's name."""
    mid: str | None = None


@dataclass(frozen=True, slots=True)
class SubscribeOffer:
    """The worker's offer for a participant's subscribe connection. The answer must carry the same revision."""

    sdp: str
    revision: int
    tracks: tuple[Track, ...]


@dataclass(frozen=True, slots=True)
class SubscribeOffered:
    """Tracks changed: this participant's subscribe connection has to be negotiated again."""

    room_id: str
    participant_id: str
    offer: SubscribeOffer


@dataclass(frozen=True, slots=True)
class ConnectionChanged:
    """A peer connection came up, went silent (no packet or consent for 5 s) or was closed."""

    room_id: str
    participant_id: str
    direction: Direction
    state: ConnectionState


@dataclass(frozen=True, slots=True)
class QualityChanged:
    """What a viewer now receives of a video track, and why it is no more than that."""

    room_id: str
    participant_id: str
    """The viewer."""
    track_id: str
    rung: Rung
    cause: Cause


@dataclass(frozen=True, slots=True)
class UplinkChanged:
    """What a publisher's line carries by the worker's measure. Its client fits what it sends to the rung."""

    room_id: str
    participant_id: str
    rung: Rung


@dataclass(frozen=True, slots=True)
class LayersWanted:
    """The simulcast layers of a track that somebody watches now; the publisher's client stops the others."""

    room_id: str
    participant_id: str
    """The publisher."""
    track_id: str
    mid: str
    """The track's m-section in the publisher's own offer."""
    rids: tuple[str, ...]
    """Restriction ids, as the offer has them; without any, nobody watches the track."""


@dataclass(frozen=True, slots=True)
class SpeakersChanged:
    """Who speaks now, the loudest first; empty when nobody does."""

    room_id: str
    participant_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoomLost:
    """The worker that carried the room is gone. Every participant has to publish and subscribe again."""

    room_id: str


MediaEvent = (
    SubscribeOffered | ConnectionChanged | QualityChanged | UplinkChanged | LayersWanted | SpeakersChanged | RoomLost
)


class MediaNodes(Protocol):
    """Every room of the installation, wherever its worker runs.

    Errors are `foundation.errors`: `media.unavailable` when no live worker answers, `media.full` when each has
    as much to do as it takes on,
    `media.sdp_invalid` for an offer or answer that cannot be used, `media.revision_stale` for an answer to
    an offer that has been replaced (harmless: a newer offer is on its way), `media.connection_unknown` for an
    answer with nothing to answer, `media.room_full` for one participant too many.
    """

    async def publish(
        self, room_id: str, participant_id: str, offer_sdp: str, sources: Mapping[str, str], *, leads: bool = False
    ) -> str:
        """Answer a publish offer; `sources` names each mid's source (without it: camera, microphone).

        An offer of the same peer connection renegotiates it (a screen added, a track stopped, an ICE restart), and
        tracks that stay keep their ids and, unless `sources` names them anew, their sources. Any other offer opens a
        new connection, which replaces the earlier one. The connection has 30 s to come up.

        On a viewer's thin line the camera of a participant who `leads` (the clinic's) goes before screens, the others'
        after them.
        """
        ...

    async def subscribe(self, room_id: str, participant_id: str, *, restart: bool = False) -> SubscribeOffer:
        """Open (or open anew) the subscribe connection and offer every track of the others in the room.

        With `restart` the connection that there is stays and gets new ICE credentials (RFC 8445 §9), as after a change
        of network; without one it is opened.

        Without tracks the offer holds idle sections, so that ICE and DTLS are done before anybody publishes. It has
        30 s to be answered and to connect.
        """
        ...

    async def view(self, room_id: str, participant_id: str, offer_sdp: str) -> str:
        """Answer the offer of a viewer that is described once and for all, as a WHEP player.

        Each section that would receive is answered as sending. Tracks of the others, those that come later too, take
        the free sections of their kind in order, as far as there are any whose codecs fit; nothing is offered anew. An
        offer of the same peer connection restarts ICE. Any other one, and `subscribe`, replaces the connection.
        """
        ...

    async def answer(self, room_id: str, participant_id: str, answer_sdp: str, revision: int) -> None:
        """Take the participant's answer to the offer of that revision."""
        ...

    async def prefer(self, room_id: str, participant_id: str, heights: Mapping[str, int]) -> None:
        """How high a viewer shows each track, in device pixels, by track id; 0: not at all, and none is sent.

        What is not named stays as it was; at first every track is wanted as high as it comes. Unknown ones are ignored.
        """
        ...

    async def remove(self, room_id: str, participant_id: str) -> None:
        """Close both connections of a participant; unknown ones are ignored."""
        ...

    async def close_room(self, room_id: str) -> None:
        """End a room and all its connections; an unknown room is ignored."""
        ...

    def events(self) -> AsyncIterator[MediaEvent]:
        """Events of all rooms that this node has used, in the order in which each worker sent them."""
        ...

    async def ready(self) -> bool:
        """Whether a live worker answers, be it full or not (one round trip, at most 1 s)."""
        ...


@dataclass(frozen=True, slots=True)
class IceServer:
    """Relays that a client may reach the workers by, and its own key to them (W3C RTCIceServer)."""

    urls: tuple[str, ...]
    """`turn:` and `turns:` URIs (RFC 7065), the preferred one first."""
    username: str
    credential: str = field(repr=False)


class Relays(Protocol):
    """TURN servers for clients whose network lets no UDP through to the workers."""

    def servers(self, participant_id: str) -> tuple[IceServer, ...]:
        """What this participant may use from now on, for as long as a consult may last."""
        ...


class NoRelays:
    """An installation without TURN."""

    def servers(self, participant_id: str) -> tuple[IceServer, ...]:  # noqa: ARG002 - the protocol's signature
        """None."""
        return ()
