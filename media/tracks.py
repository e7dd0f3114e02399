"""What is forwarded: a published stream (up), its layers, and its copy to one viewer (down).

One vocabulary of values that know each other, hence one file.
"""

from __future__ import annotations

import secrets
from collections import deque
from math import inf
from typing import TYPE_CHECKING, Any

from media.api import Track
from media.headers import mid_and_number_extension, mid_extension
from media.reception import Reception
from media.rtcp import SenderReport
from media.sdp import Codec

if TYPE_CHECKING:
    from media.connection import Connection
    from media.fan_out import Group
    from media.intake import Source

HISTORY = 256
"""Video packets kept a layer for repair: about one second of HD, more of less. A power of two."""
AUDIO_HISTORY = 64
"""Audio packets kept a stream: for redundancy, and to know what came twice. A power of two."""
EPOCHS = 8
"""Stretches of one layer that a viewer's numbers can still be traced back to."""

KEPT_S = 1.0
"""How long payloads are kept: what is older comes too late for any picture."""

Kept = tuple[int, int, int, bytes]
"""A packet in the history: sequence number, timestamp, marker bit (0x80 or 0), payload. One that is too old to be
repeated has no payload any more, and is remembered only so that its number is not used again."""


class UpTrack:
    """A published stream, in one layer or several."""

    __slots__ = (
        "codec", "connection", "is_video", "layers", "level", "priority", "red_type", "repair_type", "sender_mid",
        "stream_id", "track", "viewers",
    )  # fmt: skip

    def __init__(
        self,
        track: Track,
        stream_id: str,
        connection: Connection,
        sender_mid: str,
        codec: Codec,
        *,
        repair: Codec | None = None,
        red: Codec | None = None,
        rids: tuple[str, ...] = (),
    ) -> None:
        self.track = track
        self.is_video = track.kind == "video"
        """Whether it has key frames."""
        self.stream_id = stream_id
        """Streams of one id play in lip sync: a person's camera and microphone."""
        self.connection = connection
        self.sender_mid = sender_mid
        self.codec = codec
        self.repair_type = None if repair is None else repair.payload_type
        self.red_type = None if red is None else red.payload_type
        self.layers = [UpLayer(self, rid) for rid in rids or ("",)]
        """The smallest first, as browsers list them; one without a rid when there is no simulcast."""
        self.viewers: tuple[DownTrack, ...] = ()
        """Everybody who has accepted it, whether fed now or not."""
        self.priority = 3
        """What goes first on a thin line: the smallest number."""
        self.level = 0.0
        """How loud it is, 0 to 1, smoothed; audio alone."""


class UpLayer:
    """One encoding of a published stream: one SSRC, its statistics and its history."""

    __slots__ = (
        "_awaiting", "_downs", "_group", "_kept_from", "asked", "bitrate", "broken_since", "counted_at",
        "counted_frames", "counted_octets", "extension_words", "frame_rate", "gaps", "height", "history",
        "key_asked_at", "key_sequence", "key_wanted", "known_bitrate", "level_at", "level_head",
        "needed_at", "number_at", "number_head", "overflown_at", "overflows", "paused", "reception", "report",
        "report_at", "rid", "source", "ssrc", "stalled_at", "up", "wanted", "wanted_at", "window",
    )  # fmt: skip

    def __init__(self, up: UpTrack, rid: str) -> None:
        self.up = up
        self.rid = rid
        self.ssrc: int | None = None
        self.source: Source | None = None
        """By which C takes its packets while they are ordinary ones (`intake.py`)."""
        self._downs: tuple[DownTrack, ...] = ()
        self._group: Group | None = None
        self._awaiting: tuple[DownTrack, ...] = ()
        self.reception = Reception(up.codec.clock_rate)
        self.report: SenderReport | None = None
        self.report_at = 0.0
        self._kept_from = -1
        """The oldest number whose payload may still be kept."""
        self.history: list[Kept | None] = [None] * (HISTORY if up.is_video else AUDIO_HISTORY)
        self.asked: dict[int, tuple[float, int, float]] = {}
        """Sequence numbers that are missing, as they were found: when asked for last, how often, and when first."""
        self.broken_since = inf
        """Since when only a key frame helps; infinite while pictures are whole or may be repaired."""
        self.overflows = False
        """Whether its publisher's line drops most of it: repairs would only fill the line further."""
        self.overflown_at = -inf
        """When that began last."""
        self.paused = False
        """Whether its publisher has been told to leave it for a while, for that reason."""
        self.window = (0, 0)
        """Packets expected and received when losses were last looked at."""
        self.stalled_at = -inf
        """When its pictures were last seen to stand."""
        self.key_asked_at = -1.0
        self.key_wanted = False
        self.key_sequence = -1
        """The number of its first packet."""
        self.height = 0
        """Rows of the newest key frame; 0 when the codec does not tell."""
        self.bitrate = 0.0
        """Payload and header bits a second over the last second or so; 0 when nothing comes."""
        self.known_bitrate = 0.0
        """The last `bitrate` that was not 0, for a layer that has been stopped."""
        self.frame_rate = 0.0
        """Frames a second over the last second or so."""
        self.counted_octets = self.counted_frames = 0
        self.counted_at = 0.0
        self.wanted = True
        """Whether the publisher has been told that somebody watches it."""
        self.wanted_at = -inf
        """When it was last told so after it had been told otherwise."""
        self.needed_at = 0.0
        """When a viewer needed it last; 0 before the first look."""
        self.extension_words = -1
        self.number_at = self.level_at = self.number_head = self.level_head = 0
        """Where packets with that many words of header extensions have their transport-wide number and audio level."""

    @property
    def downs(self) -> tuple[DownTrack, ...]:
        """Viewers who are fed from it now. Replaced whole, so that a loop over it is never disturbed."""
        return self._downs

    @downs.setter
    def downs(self, downs: tuple[DownTrack, ...]) -> None:
        self._downs = downs
        self.disarm()

    @property
    def awaiting(self) -> tuple[DownTrack, ...]:
        """Viewers who are to be fed from it from its next key frame on."""
        return self._awaiting

    @awaiting.setter
    def awaiting(self, awaiting: tuple[DownTrack, ...]) -> None:
        self._awaiting = awaiting
        self.disarm()

    @property
    def group(self) -> Group | None:
        """`downs` as C sees them; None when that has to be made anew."""
        return self._group

    @group.setter
    def group(self, group: Group | None) -> None:
        self._group = group
        self.disarm()

    @property
    def octets(self) -> int:
        """Payload octets so far."""
        octets: int = self.reception.state.octets
        return octets

    @property
    def frames(self) -> int:
        """Packets with a marker so far: in video, the last of each frame."""
        frames: int = self.reception.state.frames
        return frames

    @property
    def frame_at(self) -> float:
        """When the last of them came that was no repair (monotonic seconds)."""
        frame_at: float = self.reception.state.frame_at
        return frame_at

    @property
    def frame_timestamp(self) -> int:
        """Of the last packet of video forwarded; -1 before the first."""
        frame_timestamp: int = self.reception.state.frame_timestamp
        return frame_timestamp

    @property
    def key_timestamp(self) -> int:
        """Of the newest key frame; -1 before the first."""
        key_timestamp: int = self.reception.state.key_timestamp
        return key_timestamp

    @property
    def key_octets(self) -> int:
        """Size of the newest key frame as far as it came."""
        key_octets: int = self.reception.state.key_octets
        return key_octets

    def disarm(self) -> None:
        """What happens to its packets is to be decided by Python again."""
        if self.source is not None:
            self.source.disarm()

    @property
    def watched(self) -> bool:
        """Whether somebody waits for its pictures, or sees them and is not on the way to smaller ones."""
        layers = self.up.layers
        return bool(self.awaiting) or any(
            down.target is None or layers.index(down.target) >= layers.index(self) for down in self.downs
        )

    @property
    def stands_since(self) -> float:
        """When its picture began to stand for want of what is missing; infinite while nothing is."""
        oldest = next(iter(self.asked.values()), None)
        return self.broken_since if oldest is None else min(oldest[2], self.broken_since)

    def forget(self) -> None:
        """Let go of payloads that have become too old to be repeated. Called often, it looks at few packets."""
        newest, oldest = self.reception.timestamp, int(KEPT_S * self.up.codec.clock_rate)
        history, highest, number = self.history, self.reception.highest, self._kept_from
        mask = len(history) - 1
        if number < 0 or (highest - number & 0xFFFF) > mask:
            number = highest - mask & 0xFFFF
        while number != highest:
            kept = history[number & mask]
            if kept is not None and kept[0] == number and kept[3]:
                if not oldest < (newest - kept[1] & 0xFFFFFFFF) < 0x80000000:
                    break
                history[number & mask] = (number, kept[1], kept[2], b"")
            number = number + 1 & 0xFFFF
        self._kept_from = number


class Epoch:
    """A stretch of a viewer's stream that comes from one layer: how to get from the layer's numbers to the viewer's."""

    __slots__ = ("base", "last", "layer", "sequence_offset", "settled", "timestamp_offset")

    def __init__(self, layer: UpLayer, base: int, sequence_offset: int, timestamp_offset: int) -> None:
        self.layer = layer
        self.base = base
        """The layer's first sequence number in it."""
        self.last: int | None = None
        """The layer's last sequence number in it, once the viewer has left the layer."""
        self.sequence_offset = sequence_offset
        self.timestamp_offset = timestamp_offset
        self.settled = False
        """Whether it began longer ago than the history reaches, so that its beginning need not be looked at."""

    def holds(self, number: int) -> bool:
        """Whether a recent number of the layer belongs to this stretch, and not to what came before it."""
        highest = self.layer.reception.highest
        age = highest - number & 0xFFFF
        if self.last is not None and (self.last - number & 0xFFFF) >= HISTORY:
            return False
        return age < HISTORY and (self.settled or age <= (highest - self.base & 0xFFFF))

    def settle(self) -> None:
        """Note the passing of time, before the numbers come round again."""
        if not self.settled and (self.layer.reception.highest - self.base & 0xFFFF) >= HISTORY:
            self.settled = True


class DownTrack:
    """One viewer's copy of a stream: its own SSRC and numbers, begun at random (RFC 3550 §5.1)."""

    __slots__ = (
        "base_layer_offset", "connection", "epochs", "extension", "layer", "native", "number_after",
        "number_before", "octets", "packets", "payload_type", "picture_offset", "red_type", "redundancy",
        "repair_sequence", "repair_ssrc", "repair_type", "sequence_offset", "single", "srtp", "ssrc", "still_at",
        "tail", "target", "timestamp_offset", "up",
    )  # fmt: skip

    def __init__(
        self,
        up: UpTrack,
        connection: Connection,
        ssrc: int,
        payload_type: int,
        mid: str,
        *,
        repair: tuple[int, int] | None = None,
        red_type: int | None = None,
    ) -> None:
        self.up = up
        self.connection = connection
        self.srtp = connection.srtp
        self.ssrc = ssrc
        self.payload_type = payload_type
        self.extension = mid_extension(mid)
        self.number_before, self.number_after = mid_and_number_extension(mid)
        self.repair_ssrc, self.repair_type = repair or (0, 0)
        """SSRC and payload type of retransmissions (RFC 4588); 0 when the viewer takes none."""
        self.repair_sequence = secrets.randbits(15)
        self.red_type = red_type
        """Payload type of redundant audio, when the viewer takes it."""
        self.redundancy = 0
        """How many earlier audio packets ride along with each."""
        self.layer: UpLayer | None = None
        """What feeds it now."""
        self.target: UpLayer | None = None
        """What shall feed it; until that layer's next key frame `layer` goes on."""
        self.single = False
        """Whether one frame is all it gets before it waits again: a still."""
        self.still_at = 0.0
        self.sequence_offset = secrets.randbits(16)
        self.timestamp_offset = secrets.randbits(32)
        self.picture_offset = 0
        self.base_layer_offset = 0
        self.epochs: deque[Epoch] = deque(maxlen=EPOCHS)
        self.tail: Tail | None = None
        self.packets = 0
        self.octets = 0
        """Sent by the forwarder in Python; see `sent`."""
        self.native: Any = None
        """What `fan_out.c` knows of this viewer, once it has been told."""

    @property
    def sent(self) -> tuple[int, int]:
        """Packets and payload octets sent so far."""
        native = self.native
        if native is None:
            return self.packets, self.octets
        return self.packets + native.packets, self.octets + native.octets


class Tail:
    """Where a viewer's stream stood when a layer stopped feeding it."""

    __slots__ = ("at", "base_layer_index", "picture_id", "sequence", "timestamp")

    def __init__(self, sequence: int, timestamp: int, at: float, picture_id: int, base_layer_index: int) -> None:
        self.sequence = sequence
        self.timestamp = timestamp
        self.at = at
        self.picture_id = picture_id
        self.base_layer_index = base_layer_index
