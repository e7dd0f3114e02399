"""Codecs that the worker forwards: choosing them, and seeing where a decoder can begin. Nothing is decoded."""

from __future__ import annotations

from collections.abc import Iterable

from media import sdp, vp8
from media.sdp import Codec, MediaSection

OPUS = Codec(111, "OPUS", 48_000, 2, "minptime=10;useinbandfec=1")
VP8 = Codec(96, "VP8", 90_000)
RED = Codec(63, "RED", 48_000, 2)
"""Redundant audio (RFC 2198) of Opus blocks."""
H264 = Codec(102, "H264", 90_000, 1, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f")
VIDEO = ("VP8", "H264")


def choose(section: MediaSection) -> Codec | None:
    """The first codec of a section, in its author's order of preference, that the worker forwards."""
    for payload in section.formats:
        codec = section.codecs.get(int(payload)) if payload.isdecimal() else None
        if codec is not None and is_forwarded(section.kind, codec):
            return codec
    return None


def is_forwarded(kind: str, codec: Codec) -> bool:
    """Whether the worker forwards that codec in a section of that kind."""
    if kind == "audio":
        return codec.name == "OPUS" and codec.clock_rate == 48_000 and codec.channels == 2
    if codec.clock_rate != 90_000 or codec.name not in VIDEO:
        return False
    return codec.name != "H264" or codec.parameter("packetization-mode") == "1"


def repair_of(section: MediaSection, codec: Codec) -> Codec | None:
    """The retransmission format (RFC 4588) of a codec, when the section offers one."""
    for other in section.codecs.values():
        if other.name == "RTX" and other.parameter("apt") == str(codec.payload_type):
            return other
    return None


def red_of(section: MediaSection, codec: Codec) -> Codec | None:
    """The redundant format whose blocks are of that codec, when the section offers one."""
    for other in section.codecs.values():
        if (
            other.name == "RED"
            and other.clock_rate == codec.clock_rate
            and other.channels == codec.channels
            and other.parameters.partition("/")[0] in ("", str(codec.payload_type))
        ):
            return other
    return None


class PayloadTypes:
    """Payload types of one subscribe connection: one number a codec for its whole life.

    Publishers number their codecs as they like; within a bundle one number must not mean two codecs
    (RFC 9143 §9), so the worker numbers them anew for each viewer.
    """

    def __init__(self) -> None:
        self._numbers = {key(codec): codec.payload_type for codec in (OPUS, VP8, H264)}
        self._repairs = {VP8.payload_type: 97, H264.payload_type: 103}
        taken = {*self._numbers.values(), *self._repairs.values(), RED.payload_type}
        self._free = [number for number in range(127, 95, -1) if number not in taken]

    def of(self, codec: Codec) -> Codec | None:
        """The codec under the viewer's number, or None when all 32 numbers are taken."""
        name = key(codec)
        number = self._numbers.get(name)
        if number is None:
            if not self._free:
                return None
            number = self._numbers[name] = self._free.pop()
        return Codec(number, codec.name, codec.clock_rate, codec.channels, _parameters(codec))

    def repair(self, codec: Codec) -> Codec | None:
        """The retransmission format of a codec that `of` gave, or None when all numbers are taken."""
        number = self._repairs.get(codec.payload_type)
        if number is None:
            if not self._free:
                return None
            number = self._repairs[codec.payload_type] = self._free.pop()
        return Codec(number, "RTX", codec.clock_rate, 1, f"apt={codec.payload_type}")

    def red(self, codec: Codec) -> Codec:
        """The redundant format of Opus blocks under the viewer's number."""
        block = codec.payload_type
        return Codec(RED.payload_type, RED.name, RED.clock_rate, RED.channels, f"{block}/{block}")


def _parameters(codec: Codec) -> str:
    return OPUS.parameters if codec.name == "OPUS" else codec.parameters


def key(codec: Codec) -> tuple[str, str]:
    """Two H.264 formats are one codec when profile and packetization agree (RFC 6184 §8.1)."""
    profile = (codec.parameter("profile-level-id") or "42e01f")[:4].lower() if codec.name == "H264" else ""
    return codec.name, profile


def starts_key_frame(name: str, payload: memoryview | bytes, start: int, end: int) -> bool:
    """Whether a decoder can begin with this payload: a VP8 key frame (RFC 7741 §4), or an H.264 parameter set
    or IDR slice (RFC 6184 §5). `payload[start:end]` is the RTP payload."""
    if end - start < 2:
        return False
    if name == "VP8":
        return vp8.starts_key_frame(payload, start, end)
    if name == "H264":
        return _h264_key_frame(payload, start, end)
    return True


def _h264_key_frame(payload: memoryview | bytes, at: int, end: int) -> bool:
    unit = payload[at] & 31
    if unit == 28:  # FU-A: only the first fragment
        return bool(payload[at + 1] & 0x80) and payload[at + 1] & 31 in (5, 7)
    if unit != 24:
        return unit in (5, 7)
    at += 1
    while at + 2 < end:
        if payload[at + 2] & 31 in (5, 7):
            return True
        at += 2 + (payload[at] << 8 | payload[at + 1])
    return False


def feedback(codec: Codec, *, numbered: bool = True) -> Iterable[str]:
    """Feedback messages that the worker understands for a codec (RFC 4585, RFC 5104, REMB, transport-wide congestion
    control when packets are `numbered`)."""
    transport = (sdp.TRANSPORT_FEEDBACK,) if numbered else ()
    if codec.name in VIDEO:
        return ("nack", "nack pli", "ccm fir", "goog-remb", *transport)
    return transport if codec.name == "OPUS" else ()
