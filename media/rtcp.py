"""RTCP packets (RFC 3550 §6, RFC 4585, RFC 5104) as far as the worker reads and writes them.

Readers take a view of a compound packet and never raise on malformed input: they stop at the first packet whose
length does not fit.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

SENDER_REPORT = 200
RECEIVER_REPORT = 201
SOURCE_DESCRIPTION = 202
TRANSPORT_FEEDBACK = 205
PAYLOAD_FEEDBACK = 206
NACK = 1
PICTURE_LOSS = 1
FULL_INTRA = 4
APPLICATION = 15
MOST_PACKETS = 32
"""Packets that are read of one compound: a browser sends a handful, and the smallest has but four octets."""
TRANSPORT_WIDE = 15

Octets = memoryview | bytes
_WORD = struct.Struct("!L")
_BLOCK = struct.Struct("!LLLLLL")
_SENDER_INFO = struct.Struct("!LQLLL")


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet inside a compound packet: `data[start:end]` with header, `count` being its five-bit field."""

    kind: int
    count: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SenderReport:
    """The sender info of a report: `ntp` is 64-bit NTP time, `rtp` the same instant on the media clock."""

    ssrc: int
    ntp: int
    rtp: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver tells a sender about one SSRC; `fraction` in 1/256, `jitter` in clock units."""

    ssrc: int
    fraction: int
    lost: int
    highest: int
    jitter: int
    last_report: int
    delay: int


def walk(data: Octets, length: int) -> Iterator[Packet]:
    """The packets of a compound packet, as far as they are well formed."""
    at = 0
    for _ in range(MOST_PACKETS):
        if at + 4 > length or data[at] >> 6 != 2:
            return
        end = at + 4 * ((data[at + 2] << 8 | data[at + 3]) + 1)
        if end > length:
            return
        yield Packet(data[at + 1], data[at] & 31, at, end)
        at = end


def sender(data: Octets) -> int:
    """The SSRC of who sends a compound packet of eight octets or more, which stands in the clear (RFC 3711 §3.4)."""
    return int(_WORD.unpack_from(data, 4)[0])


def sender_report(data: Octets, packet: Packet) -> SenderReport | None:
    """The sender info, or None when the packet is too short for it."""
    if packet.end - packet.start < 28:
        return None
    return SenderReport(*_SENDER_INFO.unpack_from(data, packet.start + 4))


def report_blocks(data: Octets, packet: Packet) -> list[ReportBlock]:
    """The blocks of a receiver report, as many as it holds whole."""
    blocks = []
    for at in range(packet.start + 8, min(packet.end, packet.start + 8 + 24 * packet.count) - 23, 24):
        ssrc, losses, highest, jitter, last, delay = _BLOCK.unpack_from(data, at)
        lost = losses & 0xFFFFFF
        lost -= (lost & 0x800000) << 1
        blocks.append(ReportBlock(ssrc, losses >> 24, lost, highest, jitter, last, delay))
    return blocks


def bitrate_limit(data: Octets, packet: Packet) -> int | None:
    """The bit/s of a REMB (draft-alvestrand-rmcat-remb-03), or None for other feedback."""
    at = packet.start
    if packet.kind != PAYLOAD_FEEDBACK or packet.count != APPLICATION or packet.end - at < 20:
        return None
    if bytes(data[at + 12 : at + 16]) != b"REMB":
        return None
    return ((data[at + 17] & 3) << 16 | data[at + 18] << 8 | data[at + 19]) << (data[at + 17] >> 2)


def media_source(data: Octets, packet: Packet) -> int | None:
    """The SSRC that a feedback packet speaks of."""
    return _WORD.unpack_from(data, packet.start + 8)[0] if packet.end - packet.start >= 12 else None


def missing(data: Octets, packet: Packet) -> list[int]:
    """Sequence numbers that a generic NACK asks for (RFC 4585 §6.2.1), at most 17 for each of its words."""
    numbers = []
    for at in range(packet.start + 12, packet.end - 3, 4):
        first, mask = data[at] << 8 | data[at + 1], data[at + 2] << 8 | data[at + 3]
        numbers.append(first)
        numbers.extend(first + bit + 1 & 0xFFFF for bit in range(16) if mask >> bit & 1)
    return numbers


def key_frame_sources(data: Octets, packet: Packet) -> list[int]:
    """SSRCs for which a PLI or FIR asks a key frame; empty for other feedback."""
    if packet.kind != PAYLOAD_FEEDBACK:
        return []
    if packet.count == PICTURE_LOSS:
        source = media_source(data, packet)
        return [] if source is None else [source]
    if packet.count == FULL_INTRA:
        return [_WORD.unpack_from(data, at)[0] for at in range(packet.start + 12, packet.end - 7, 8)]
    return []


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def write_picture_loss(sender: int, source: int) -> bytes:
    """A PLI (RFC 4585 §6.3.1)."""
    return _packet(PAYLOAD_FEEDBACK, PICTURE_LOSS, struct.pack("!LL", sender, source))


def write_nack(sender: int, source: int, numbers: Iterable[int]) -> bytes:
    """A generic NACK, neighbours packed into one word where they fit."""
    words: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if words and 1 <= number - words[-1][0] <= 16:
            first, mask = words[-1]
            words[-1] = (first, mask | 1 << number - first - 1)
        else:
            words.append((number, 0))
    body = struct.pack("!LL", sender, source) + b"".join(struct.pack("!HH", *word) for word in words)
    return _packet(TRANSPORT_FEEDBACK, NACK, body)


def write_bitrate_limit(sender: int, bitrate: int, sources: Sequence[int]) -> bytes:
    """A REMB (draft-alvestrand-rmcat-remb-03): `bitrate` in bit/s for all the sources together."""
    exponent = max(0, bitrate.bit_length() - 18)
    mantissa = bitrate >> exponent
    body = struct.pack("!LL4sL", sender, 0, b"REMB", len(sources) << 24 | exponent << 18 | mantissa)
    return _packet(PAYLOAD_FEEDBACK, APPLICATION, body + b"".join(map(_WORD.pack, sources)))


def write_receiver_report(sender: int, blocks: Sequence[ReportBlock]) -> bytes:
    """A receiver report of at most 31 blocks."""
    body = _WORD.pack(sender)
    for block in blocks[:31]:
        lost = max(-0x800000, min(0x7FFFFF, block.lost)) & 0xFFFFFF
        body += _BLOCK.pack(
            block.ssrc, block.fraction << 24 | lost, block.highest, block.jitter, block.last_report, block.delay
        )
    return _packet(RECEIVER_REPORT, len(blocks[:31]), body)


def write_sender_report(report: SenderReport) -> bytes:
    """A sender report without blocks."""
    body = _SENDER_INFO.pack(
        report.ssrc, report.ntp, report.rtp & 0xFFFFFFFF, report.packets & 0xFFFFFFFF, report.octets & 0xFFFFFFFF
    )
    return _packet(SENDER_REPORT, 0, body)


def write_name(ssrc: int, name: str) -> bytes:
    """A source description with the CNAME, which binds the streams of one clock together."""
    text = name.encode()
    chunk = _WORD.pack(ssrc) + bytes((1, len(text))) + text
    return _packet(SOURCE_DESCRIPTION, 1, chunk + bytes(4 - len(chunk) % 4))
