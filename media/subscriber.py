"""A participant's subscribe connection: the worker offers what the others publish, again whenever that changes."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from media import codecs, sdp
from media.api import ConnectionState, Direction, SubscribeOffer, Track
from media.connection import Connection
from media.description import Section, write
from media.errors import revision_stale, sdp_invalid
from media.plane import Plane
from media.sdp import MediaSection
from media.tracks import DownTrack, UpTrack, mid_extension

_MID_NUMBER = 1
_IDLE = {"audio": (codecs.OPUS,), "video": (codecs.VP8, codecs.H264)}

Changed = Callable[["Subscriber", ConnectionState], None]


class Slot:
    """One m-section, used again for another stream of its kind when its first one is gone."""

    __slots__ = ("accepted", "codec", "down", "height", "kind", "mid", "ssrc", "up")

    def __init__(self, mid: str, kind: str) -> None:
        self.mid = mid
        self.kind = kind
        self.up: UpTrack | None = None
        self.codec: sdp.Codec | None = None
        self.ssrc = 0
        self.accepted = False
        """Whether the newest answer takes what the slot offers."""
        self.down: DownTrack | None = None
        self.height: int | None = None
        """How high the viewer shows it, in device pixels; None: as high as it comes."""


class Subscriber:
    """What one participant receives."""

    def __init__(self, plane: Plane, revision: int, changed: Changed) -> None:
        self._plane = plane
        self._changed = changed
        self._session_id = secrets.randbits(62)
        self._payload_types = codecs.PayloadTypes()
        # Two idle sections let ICE and DTLS finish before anybody publishes: joining then costs no handshake.
        self._slots = [Slot("0", "audio"), Slot("1", "video")]
        self._connection = plane.open(self, Direction.SUBSCRIBE)
        self.revision = revision
        """Of the newest offer."""

    def refresh(self, wanted: Sequence[UpTrack]) -> bool:
        """Give each wanted stream a slot and clear the others. Whether a new offer is needed."""
        changed = False
        for slot in self._slots:
            if slot.up is not None and slot.up not in wanted:
                self._clear(slot)
                changed = True
        carried = [slot.up for slot in self._slots]
        for up in wanted:
            if up not in carried:
                changed = self._assign(up) or changed
        return changed

    def offer(self) -> SubscribeOffer:
        """A new offer of everything that has a slot; older ones can no longer be answered."""
        self.revision += 1
        text = write(
            self._session_id,
            self.revision,
            [self._section(slot) for slot in self._slots],
            self._plane.endpoint,
            ufrag=self._connection.ufrag,
            password=self._connection.password,
            setup="actpass",
        )
        return SubscribeOffer(text, self.revision, self.tracks)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """What the slots carry, with their mids."""
        return tuple(replace(slot.up.track, mid=slot.mid) for slot in self._slots if slot.up is not None)

    def answer(self, text: str, revision: int) -> None:
        """Take the answer to the newest offer and begin to forward what it accepts."""
        if revision != self.revision:
            raise revision_stale()
        answer = sdp.parse(text)
        if [section.mid for section in answer.sections] != [slot.mid for slot in self._slots]:
            raise sdp_invalid("the answer has other sections than the offer")
        transport = answer.transport
        if transport.setup != "active":
            raise sdp_invalid("the answer leaves no passive role to the worker")
        known = self._connection.peer_fingerprints
        if known and not sdp.same_peer(known, transport.fingerprints):
            raise sdp_invalid("the certificate has changed")
        self._connection.peer_fingerprints = dict(transport.fingerprints)
        for slot, section in zip(self._slots, answer.sections, strict=True):
            slot.accepted = _accepts(section, slot)
            if not slot.accepted and slot.down is not None:
                self._stop(slot)
        self._plane.trust(self._connection)
        self._begin()

    def prefer(self, heights: Mapping[str, int]) -> None:
        """See `media.api.MediaNodes`."""
        for slot in self._slots:
            if slot.up is not None and slot.up.track.track_id in heights:
                slot.height = heights[slot.up.track.track_id]

    def close(self) -> None:
        """End the connection; nothing is forwarded to it any more."""
        for slot in self._slots:
            if slot.up is not None:
                self._clear(slot)
        self._plane.close(self._connection)

    def connection_changed(self, connection: Connection, state: ConnectionState) -> None:
        """Called by the transport."""
        if connection is self._connection and state is ConnectionState.CONNECTED:
            self._begin()
        self._changed(self, state)

    def introduce(self, ssrc: int, payload_type: int, mid: str | None) -> None:
        """Viewers send no media."""

    def _assign(self, up: UpTrack) -> bool:
        codec = self._payload_types.of(up.codec)
        slot = next((slot for slot in self._slots if slot.up is None and slot.kind == up.track.kind), None)
        if codec is None or (slot is None and len(self._slots) >= sdp.MAX_SECTIONS):
            return False
        if slot is None:
            slot = Slot(str(len(self._slots)), up.track.kind)
            self._slots.append(slot)
        slot.up, slot.codec, slot.accepted = up, codec, False
        slot.ssrc = secrets.randbits(31) | 1
        return True

    def _clear(self, slot: Slot) -> None:
        self._stop(slot)
        slot.up, slot.codec, slot.accepted, slot.height = None, None, False, None

    def _stop(self, slot: Slot) -> None:
        down, slot.down = slot.down, None
        if down is not None:
            down.up.downs = tuple(other for other in down.up.downs if other is not down)
            self._connection.downs.pop(down.ssrc, None)
            if down.srtp is not None:
                down.srtp.forget_sent(down.ssrc)

    def _begin(self) -> None:
        connection = self._connection
        if connection.srtp is None:
            return
        for slot in self._slots:
            if slot.up is not None and slot.codec is not None and slot.accepted and slot.down is None:
                extension = mid_extension(_MID_NUMBER, slot.mid)
                slot.down = DownTrack(slot.up, connection, slot.ssrc, slot.codec.payload_type, extension)
                connection.downs[slot.ssrc] = slot.down
                slot.up.downs = (*slot.up.downs, slot.down)
        self._plane.begin(connection)

    def _section(self, slot: Slot) -> Section:
        section = Section(slot.kind, slot.mid, codecs=_IDLE[slot.kind], extensions={sdp.MID_URI: _MID_NUMBER})
        if slot.up is not None and slot.codec is not None:
            section.direction = "sendonly"
            section.codecs = (slot.codec,)
            section.ssrc = slot.ssrc
            section.name = slot.up.stream_id
            section.track_id = slot.up.track.track_id
        return section


def _accepts(section: MediaSection, slot: Slot) -> bool:
    return slot.codec is not None and section.receives and str(slot.codec.payload_type) in section.formats
