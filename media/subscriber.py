"""A participant's subscribe connection: the worker offers what the others publish, again whenever that changes."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import inf

from media import codecs, headers, sdp, switching
from media.api import ConnectionState, Direction, SubscribeOffer, Track
from media.connection import Connection
from media.description import Section, write
from media.errors import revision_stale, sdp_invalid
from media.plane import Plane
from media.sdp import Codec, MediaSection
from media.tracks import DownTrack, UpTrack
from media.viewing import Changes, Viewing

_IDLE = {"audio": (codecs.OPUS,), "video": (codecs.VP8, codecs.H264)}
_EXTENSIONS = {sdp.MID_URI: headers.MID_NUMBER, sdp.TRANSPORT_URI: headers.TRANSPORT_NUMBER}

Changed = Callable[["Subscriber", ConnectionState], None]


class Slot:
    """One m-section, used again for another stream of its kind when its first one is gone."""

    __slots__ = (
        "accepted",
        "codec",
        "down",
        "height",
        "kind",
        "mid",
        "red_type",
        "repair_accepted",
        "repair_ssrc",
        "ssrc",
        "up",
    )

    def __init__(self, mid: str, kind: str) -> None:
        self.mid = mid
        self.kind = kind
        self.up: UpTrack | None = None
        self.codec: sdp.Codec | None = None
        self.ssrc = self.repair_ssrc = 0
        self.accepted = False
        """Whether the newest answer takes what the slot offers."""
        self.repair_accepted = False
        self.red_type: int | None = None
        """Payload type of redundant audio, when the newest answer takes it."""
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
        self._viewing = Viewing(self._connection, plane)
        self._early: Changes = []
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
            self._weigh(slot, section)
            if not slot.accepted and slot.down is not None:
                self._stop(slot)
        taken = [(slot, section) for slot, section in zip(self._slots, answer.sections, strict=True) if slot.accepted]
        # Without RTX a repeated packet has to be the very same, and could not bear a new number.
        if taken and all(
            sdp.TRANSPORT_URI in section.extensions and (slot.repair_accepted or slot.kind == "audio")
            for slot, section in taken
        ):
            self._connection.numbered = True
        self._plane.trust(self._connection)
        self._begin()

    def restart_ice(self) -> None:
        """New ICE credentials, which the next offer tells."""
        self._plane.restart_ice(self._connection)

    def govern(self, now: float) -> Changes:
        """Weigh the line and the viewer's wishes; what has changed for the viewer."""
        early, self._early = self._early, []
        connection = self._connection
        if connection.srtp is None or (now < self._viewing.due_at and not connection.hurried):
            return early
        connection.hurried = False
        shown = [(slot.down, slot.height) for slot in self._slots if slot.down is not None]
        return early + self._viewing.govern(shown, now)

    def wants(self, up: UpTrack) -> set[int]:
        """The layers of a track that this viewer needs, by index."""
        return self._viewing.wants(up)

    def prefer(self, heights: Mapping[str, int]) -> None:
        """See `media.api.MediaNodes`."""
        for slot in self._slots:
            if slot.up is not None and slot.up.track.track_id in heights:
                slot.height = heights[slot.up.track.track_id]
                self._viewing.due_at = -inf

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

    def introduce(self, ssrc: int, payload_type: int, mid: str | None, rid: str | None) -> None:
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
        slot.ssrc, slot.repair_ssrc = fresh_ssrcs()
        return True

    def _clear(self, slot: Slot) -> None:
        self._stop(slot)
        slot.up, slot.codec, slot.accepted, slot.height = None, None, False, None

    def _stop(self, slot: Slot) -> None:
        down, slot.down = slot.down, None
        if down is not None:
            switching.aim(down, None)
            down.up.viewers = tuple(other for other in down.up.viewers if other is not down)
            self._connection.downs.pop(down.ssrc, None)
            if down.srtp is not None:
                down.srtp.forget_sent(down.ssrc)
                if down.repair_ssrc:
                    down.srtp.forget_sent(down.repair_ssrc)

    def _begin(self) -> None:
        connection = self._connection
        if connection.srtp is None:
            return
        for slot in self._slots:
            if slot.up is not None and slot.codec is not None and slot.accepted and slot.down is None:
                repair = self._payload_types.repair(slot.codec) if slot.repair_accepted else None
                down = slot.down = DownTrack(
                    slot.up,
                    connection,
                    slot.ssrc,
                    slot.codec.payload_type,
                    slot.mid,
                    repair=None if repair is None else (slot.repair_ssrc, repair.payload_type),
                    red_type=slot.red_type,
                )
                connection.downs[slot.ssrc] = down
                slot.up.viewers = (*slot.up.viewers, down)
        # At once, so that the first packet need not wait for the next look; what it means is told with that.
        self._viewing.due_at = -inf
        self._early += self.govern(self._plane.now())

    def _section(self, slot: Slot) -> Section:
        section = Section(slot.kind, slot.mid, codecs=self._formats(slot), extensions=dict(_EXTENSIONS))
        if slot.up is not None and slot.codec is not None:
            section.direction = "sendonly"
            section.ssrc = slot.ssrc
            section.repair_ssrc = slot.repair_ssrc if slot.kind == "video" else None
            section.name = slot.up.stream_id
            section.track_id = slot.up.track.track_id
        return section

    def _formats(self, slot: Slot) -> list[Codec]:
        """The codec of what is sent, or all of an idle section, with what repairs it."""
        types = self._payload_types
        sent = [slot.codec] if slot.codec is not None else list(_IDLE[slot.kind])
        if slot.kind == "audio":
            return [*sent, types.red(sent[0])]
        repairs = [repair for codec in sent if (repair := types.repair(codec)) is not None]
        return [*sent, *repairs]

    def _weigh(self, slot: Slot, section: MediaSection) -> None:
        """Note what the newest answer takes of a slot."""
        slot.accepted = _accepts(section, slot)
        slot.repair_accepted, slot.red_type = False, None
        if not slot.accepted or slot.codec is None:
            return
        if slot.kind == "audio":
            red = self._payload_types.red(slot.codec).payload_type
            slot.red_type = red if str(red) in section.formats else None
        else:
            repair = self._payload_types.repair(slot.codec)
            slot.repair_accepted = repair is not None and str(repair.payload_type) in section.formats


def fresh_ssrcs() -> tuple[int, int]:
    """SSRCs for a stream and for its repair: odd and even, so that they are never the same."""
    return secrets.randbits(31) | 1, secrets.randbits(31) << 1


def _accepts(section: MediaSection, slot: Slot) -> bool:
    return slot.codec is not None and section.receives and str(slot.codec.payload_type) in section.formats
