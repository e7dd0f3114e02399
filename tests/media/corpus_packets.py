"""Writes the binary part of the corpus: `python -m tests.media.corpus_packets`. The descriptions are kept by hand."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from aioice import stun
from aiortc import rtp

from media import red, rtcp
from media.transport_feedback import Arrivals
from tests.media.mutations import CORPUS

_ONE_BYTE = bytes.fromhex("bede0003") + b"\x10\x9e" + b"\x31\x12\x34" + b"\x40a" + b"\x51hi" + bytes(2)
_TWO_BYTE = bytes.fromhex("10000004") + b"\x01\x01\x9e" + b"\x03\x02\x12\x34" + b"\x04\x01a" + b"\x05\x00" + bytes(4)
_VP8_KEY = bytes.fromhex("90e0812345 20".replace(" ", "")) + b"\x10\x02\x00\x9d\x01\x2a" + struct.pack("<HH", 640, 480)
_VP8_DELTA = bytes.fromhex("80a08124") + b"\x01" + bytes(20)
_H264_STAP = b"\x78" + b"\x00\x04\x67\x42\xe0\x1f" + b"\x00\x04\x68\xce\x3c\x80" + b"\x00\x06\x65\x88\x84\x00\x10\xff"
_H264_FU = b"\x7c\x85\x88\x84\x00\x33\xff" + bytes(30)


def _rtp(kind: int, payload: bytes, *, first: int = 0x80, extension: bytes = b"", sources: int = 0) -> bytes:
    head = struct.pack("!BBHLL", first | (0x10 if extension else 0) | sources, kind, 4_660, 900_000, 1_001)
    return head + bytes(range(4 * sources)) + extension + payload


def packets() -> Iterator[tuple[str, bytes]]:
    """Name and content of each file."""
    yield "rtp-vp8-key.rtp", _rtp(0x80 | 96, _VP8_KEY + bytes(40), extension=_ONE_BYTE)
    yield "rtp-vp8-delta.rtp", _rtp(96, _VP8_DELTA, extension=_TWO_BYTE)
    yield "rtp-vp8-plain.rtp", _rtp(96, b"\x10\x10\x02\x00\x9d\x01\x2a\x80\x02\xe0\x01" + bytes(9))
    yield "rtp-h264-aggregate.rtp", _rtp(102, _H264_STAP, extension=_ONE_BYTE)
    yield "rtp-h264-fragment.rtp", _rtp(102, _H264_FU)
    yield "rtp-opus.rtp", _rtp(111, b"\x78" + bytes(60), extension=_ONE_BYTE)
    yield "rtp-15-sources.rtp", _rtp(111, b"\x78" + bytes(20), sources=15)
    yield "rtp-padding.rtp", _rtp(97, bytes(254) + b"\xff", first=0xA0)
    yield "rtp-repair.rtp", _rtp(97, struct.pack("!H", 4_659) + _VP8_DELTA)
    yield "rtp-red.rtp", _rtp(63, red.write(111, 4_800, b"now" * 20, [(2_880, b"then" * 10), (3_840, b"before" * 9)]))
    yield "rtp-nothing.rtp", _rtp(96, b"")
    yield "red.payload", red.write(111, 4_800, b"now", [(1_920, b"a"), (2_880, b"bb"), (3_840, b"ccc")])
    yield "vp8-key.payload", _VP8_KEY + bytes(40)
    yield "vp8-delta.payload", _VP8_DELTA
    yield "h264-aggregate.payload", _H264_STAP
    yield "h264-fragment.payload", _H264_FU

    block = rtcp.ReportBlock(1_001, 12, 34, 0x12345, 56, 0xAABBCCDD, 65_536)
    report = rtcp.write_sender_report(rtcp.SenderReport(1_001, 1 << 62, 900_000, 300, 270_000))
    compound = report + rtcp.write_name(1_001, "a name that is common")
    yield "rtcp-sender.rtcp", compound
    yield (
        "rtcp-receiver.rtcp",
        rtcp.write_receiver_report(1, [block] * 3) + rtcp.write_bitrate_limit(1, 800_000, [1_001]),
    )
    yield "rtcp-full.rtcp", rtcp.write_receiver_report(1, [block] * 31)
    yield "rtcp-nack.rtcp", rtcp.write_nack(1, 1_001, [1, 2, 3, 17, 18, 300, 65_535])
    yield "rtcp-loss.rtcp", rtcp.write_picture_loss(1, 1_001)
    yield "rtcp-intra.rtcp", struct.pack("!BBHLLLLLL", 0x84, 206, 6, 1, 0, 1_001, 1 << 24, 1_002, 2 << 24)
    yield "rtcp-bye.rtcp", bytes(rtp.RtcpByePacket(sources=[1_001, 1_002]))
    yield (
        "rtcp-blocks-in-sender.rtcp",
        bytes(
            rtp.RtcpSrPacket(
                ssrc=1_001,
                sender_info=rtp.RtcpSenderInfo(1 << 40, 90_000, 5, 600),
                reports=[rtp.RtcpReceiverInfo(7, 1, 2, 3, 4, 5, 6)] * 2,
            )
        ),
    )
    yield "rtcp-application.rtcp", struct.pack("!BBHL4sL", 0x81, 204, 3, 1, b"name", 0)
    arrivals = Arrivals()
    for number in range(60):
        if number % 7 and not 30 < number < 50:
            arrivals.note(65_510 + number & 0xFFFF, 10 + number * (0.004 if number % 5 else 0.08))
    for place, data in enumerate(arrivals.packets(1, 1_001)):
        yield f"rtcp-transport-{place}.rtcp", data
        yield f"transport-{place}.feedback", data[12:]

    for name, nominate in (("check", False), ("nomination", True)):
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, transaction_id=b"0123456789ab")
        message.attributes["USERNAME"] = "ours:theirs"
        message.attributes["PRIORITY"] = 1_853_824_767
        message.attributes["ICE-CONTROLLING"] = 7
        if nominate:
            message.attributes["USE-CANDIDATE"] = None
        message.add_message_integrity(b"another password of 24 ch")
        yield f"{name}.stun", bytes(message)
    answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, transaction_id=b"0123456789ab")
    answer.attributes["XOR-MAPPED-ADDRESS"] = ("2001:db8::1", 40_000)
    yield "answer.stun", bytes(answer)
    yield "hello.line", b'{"nonce":"0123456789abcdef","proof":"ab"}'
    yield "command.line", b'{"id":7,"do":"answer","room":"r","participant":"p","sdp":"v=0\\r\\n","revision":3}'
    yield "error.line", b'{"id":7,"error":{"class":"Invalid","code":"media.sdp_invalid","message":"no","reason":"x"}}'


if __name__ == "__main__":
    for name, data in packets():
        (CORPUS / name).write_bytes(data)
