"""What is forwarded: a published stream (up) and its copy to one viewer (down)."""

from __future__ import annotations

import secrets
import struct
from typing import TYPE_CHECKING

from media.api import Track
from media.reception import Reception
from media.rtcp import SenderReport
from media.sdp import Codec

if TYPE_CHECKING:
    from media.connection import Connection

HISTORY = 256
"""Video packets kept a track for repair: one to two seconds. A power of two."""
_EXTENSION = struct.Struct("!HHB3s")

Kept = tuple[int, int, int, bytes]
"""A packet in the history: sequence number, timestamp, marker bit (0x80 or 0), payload."""


class UpTrack:
    """A published stream."""

    __slots__ = (
        "asked", "codec", "connection", "downs", "history", "key_asked_at", "key_wanted", "reception", "repair_type",
        "report", "report_at", "sender_mid", "ssrc", "stream_id", "track",
    )  # fmt: skip

    def __init__(
        self, track: Track, stream_id: str, connection: Connection, sender_mid: str, codec: Codec, repair: Codec | None
    ) -> None:
        self.track = track
        self.stream_id = stream_id
        """Streams of one id play in lip sync: a person's camera and microphone."""
        self.connection = connection
        self.sender_mid = sender_mid
        self.codec = codec
        self.repair_type = None if repair is None else repair.payload_type
        self.ssrc: int | None = None
        self.downs: tuple[DownTrack, ...] = ()
        """Viewers that take packets now. Replaced whole, so that a loop over it is never disturbed."""
        self.reception = Reception(codec.clock_rate)
        self.report: SenderReport | None = None
        self.report_at = 0.0
        self.history: list[Kept | None] | None = [None] * HISTORY if track.kind == "video" else None
        self.asked: dict[int, float] = {}
        """Sequence numbers asked of the publisher again, and when."""
        self.key_asked_at = -1.0
        self.key_wanted = False


class DownTrack:
    """One viewer's copy of a stream: its own SSRC and numbers, begun at random (RFC 3550 §5.1)."""

    __slots__ = (
        "connection",
        "extension",
        "octets",
        "packets",
        "payload_type",
        "sequence_offset",
        "srtp",
        "ssrc",
        "timestamp_offset",
        "up",
        "waiting",
    )  # fmt: skip

    def __init__(self, up: UpTrack, connection: Connection, ssrc: int, payload_type: int, extension: bytes) -> None:
        self.up = up
        self.connection = connection
        self.srtp = connection.srtp
        self.ssrc = ssrc
        self.payload_type = payload_type
        self.extension = extension
        """Eight bytes: the header extension with the mid, always the same."""
        self.sequence_offset = secrets.randbits(16)
        self.timestamp_offset = secrets.randbits(32)
        self.packets = 0
        self.octets = 0
        self.waiting = up.track.kind == "video"
        """Nothing is forwarded before a key frame: a decoder could not begin with it."""


def mid_extension(number: int, mid: str) -> bytes:
    """The one-byte header extension (RFC 8285 §4.2) that carries the mid, of one to three letters (RFC 9143 §15)."""
    return _EXTENSION.pack(0xBEDE, 1, number << 4 | len(mid) - 1, mid.encode())
