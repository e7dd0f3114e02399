"""Every parser that meets what strangers and participants send, called with any octets. None of them may raise.

`PARSERS` has one function for each kind of input; a folder of a corpus is replayed through all of them, since a file
seldom says what it was made for.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable

from foundation.errors import Invalid
from media import codecs, headers, red, rtcp, sdp, transport_feedback, vp8, wire
from media.aiortc_seam import MAX_PACKET, BindingRequest
from media.fan_out import FanOut
from tests.media.hostile_line import HostileLine
from tests.media.test_forwarding import BUILT

_LONGEST = MAX_PACKET - 200
"""What a datagram of a sender holds at most, with room for what the tests put before it."""
_LOOP = FanOut.load()
PASSWORD = "p" * 24


def description(data: bytes) -> None:
    """An SDP, as it stands and as text of one octet a letter."""
    for encoding in ("utf-8", "latin-1"):
        text = data.decode(encoding, "replace")
        try:
            read = sdp.parse(text)
        except Invalid:
            continue
        for section in read.sections:
            chosen = codecs.choose(section)
            if chosen is not None:
                codecs.repair_of(section, chosen)
                codecs.red_of(section, chosen)
                codecs.key(chosen)
            assert all(0 < ssrc < 1 << 32 for ssrc in section.ssrcs)
            assert len(section.rids) <= sdp.MAX_LAYERS
        assert len(read.sections) <= sdp.MAX_SECTIONS


def control(data: bytes) -> None:
    """An RTCP compound."""
    packets = list(rtcp.walk(data, len(data)))
    assert len(packets) <= rtcp.MOST_PACKETS
    for packet in packets:
        assert 0 <= packet.start < packet.end <= len(data)
        rtcp.sender_report(data, packet)
        rtcp.media_source(data, packet)
        rtcp.bitrate_limit(data, packet)
        assert len(rtcp.report_blocks(data, packet)) <= 31
        assert len(rtcp.missing(data, packet)) <= 17 * len(data) // 4
        assert len(rtcp.key_frame_sources(data, packet)) <= len(data) // 8 + 1
        assert len(transport_feedback.read(data, packet)) <= transport_feedback.MOST_STATUSES


def feedback(data: bytes) -> None:
    """The body of a transport-wide feedback."""
    body = data[: 4 * (len(data) // 4)]
    whole = struct.pack("!BBHLL", 0x8F, 205, 2 + len(body) // 4 & 0xFFFF, 1, 2) + body
    report = transport_feedback.read(whole, rtcp.Packet(205, 15, 0, len(whole)))
    assert len(report) <= transport_feedback.MOST_STATUSES
    assert all(0 <= number <= 0xFFFF for number, _ in report)


def payload(data: bytes) -> None:
    """An RTP payload of each codec."""
    end = len(data)
    blocks = red.read(data, 0, end)
    assert blocks is None or all(0 <= start <= stop <= end for _, start, stop in blocks)
    found = vp8.read(data, 0, end)
    if found is not None:
        assert found.end <= end
        copied = bytearray(data)
        vp8.rewrite(memoryview(copied), 0, found, 0x1234, 7)
        assert len(copied) == end
        again = vp8.read(bytes(copied), 0, end)
        assert again is not None
        assert again.end == found.end
    assert 0 <= vp8.height(data, 0, end) < 1 << 14
    for name in ("VP8", "H264", "OPUS"):
        codecs.starts_key_frame(name, data, 0, end)


def extensions(data: bytes) -> None:
    """An RTP packet with header extensions."""
    packet = data if len(data) >= 12 else data.ljust(12, b"\0")
    for number in range(16):
        found = headers.find(packet, len(packet), number)
        if found is not None:
            assert 12 <= found[0] <= found[0] + found[1] <= len(packet)
        headers.text(packet, len(packet), number)


def check(data: bytes) -> None:
    """A connectivity check."""
    request = BindingRequest.parse(data)
    if request is not None:
        assert not request.is_from_holder_of(PASSWORD)
        assert isinstance(request.username, str)


def line(data: bytes) -> None:
    """A line of the control channel."""

    async def read() -> None:
        reader = asyncio.StreamReader(limit=wire.LIMIT)
        reader.feed_data(data + b"\n")
        reader.feed_eof()
        try:
            message = await wire.read(reader)
        except wire.WireError:
            return
        if message is not None:
            wire.encode(message)
            wire.read_error(message)

    asyncio.run(read())


def datagrams(data: bytes) -> None:
    """Authentic RTP and RTCP with this content, one file holding one datagram; by the loop in C too, where it is."""
    for loop in {None, _LOOP}:
        token = BUILT.set(loop)
        try:
            hostile = HostileLine()
            packet = data[:_LONGEST]
            hostile.media(packet)
            hostile.control(packet)
            hostile.still_forwards()
        finally:
            BUILT.reset(token)


PARSERS: dict[str, Callable[[bytes], None]] = {
    function.__name__: function
    for function in (description, control, feedback, payload, extensions, check, line, datagrams)
}


def parse_all(data: bytes) -> None:
    """Give one input to every parser."""
    for parser in PARSERS.values():
        parser(data)
