"""The hot path and its RTCP, packet by packet, between two real SRTP associations and a clock that is told."""

import struct
from collections.abc import Callable
from itertools import pairwise

import pytest
from aiortc import rtp
from hypothesis import given, settings
from hypothesis import strategies as st

from media import rtcp
from media.aiortc_seam import AES_128_GCM, Address, PacketBuffer, SrtpSession
from media.api import ConnectionState, Direction, Track
from media.codecs import VP8
from media.connection import MAX_STRANGERS, Connection
from media.feedback import Feedback
from media.forwarding import Forwarder, read_extension
from media.sdp import Codec
from media.tracks import HISTORY, DownTrack, UpTrack, mid_extension

PUBLISHER, VIEWER = ("192.0.2.1", 1), ("192.0.2.2", 2)
MEDIA, REPAIR, OUT = 1001, 1002, 2001
KEY, DELTA = bytes.fromhex("100000") + b"key frame", bytes.fromhex("100100") + b"delta frame"


class Owner:
    """Learns the repair SSRC by the payload type, as a publisher does."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, str | None]] = []
        self.bind: Callable[[int], None] = lambda _ssrc: None

    def connection_changed(self, connection: Connection, state: ConnectionState) -> None: ...

    def introduce(self, ssrc: int, payload_type: int, mid: str | None) -> None:
        self.asked.append((ssrc, payload_type, mid))
        self.bind(ssrc)


class Line:
    """A publisher and a viewer with the worker's forwarder between them; each end has its own keys."""

    def __init__(self) -> None:
        self.now = 100.0
        self.inbox: dict[Address, list[bytes]] = {PUBLISHER: [], VIEWER: []}
        self.buffer, outbound = PacketBuffer(), PacketBuffer()
        self.forwarder = Forwarder(self.buffer, outbound, self._send)
        self.feedback = Feedback(self.buffer, outbound, self._send, self.forwarder, 2_000_000)
        self.owner = Owner()
        self.publisher, self.publisher_end = self._connect(Direction.PUBLISH, PUBLISHER, 1)
        self.viewer, self.viewer_end = self._connect(Direction.SUBSCRIBE, VIEWER, 2)
        track = Track("t", "a", "video", "camera")
        self.up = UpTrack(track, "s", self.publisher, "0", VP8, Codec(97, "RTX", 90_000, 1, "apt=96"))
        self.up.ssrc = MEDIA
        self.publisher.ups[MEDIA] = self.up
        self.publisher.repairs[REPAIR] = self.up
        self.down = DownTrack(self.up, self.viewer, OUT, 96, mid_extension(1, "1"))
        self.viewer.downs[OUT] = self.down
        self.viewer.repair_budget = 100
        self.up.downs = (self.down,)

    def _connect(self, direction: Direction, address: Address, seed: int) -> tuple[Connection, SrtpSession]:
        connection = Connection(self.owner, direction, self.now)
        there, back = bytes([seed]) * 28, bytes([seed + 10]) * 28
        connection.srtp = SrtpSession(AES_128_GCM, there, back)
        connection.address = address
        return connection, SrtpSession(AES_128_GCM, back, there)

    def _send(self, data: memoryview | bytes, address: Address) -> None:
        self.inbox[address].append(bytes(data))

    def publish(self, packet: bytes) -> None:
        """The publisher sends an RTP packet."""
        self.buffer.put(0, packet)
        length = self.publisher_end.seal_rtp(self.buffer, len(packet))
        self.forwarder.receive(self.publisher, length, self.now)

    def tell(self, end: SrtpSession, connection: Connection, packet: bytes) -> None:
        """An end sends an RTCP packet."""
        self.buffer.put(0, packet)
        length = end.seal_rtcp(self.buffer, len(packet))
        self.feedback.receive(connection, length, self.now)

    def seen(self) -> list[rtp.RtpPacket]:
        """What the viewer has received, opened with its keys."""
        packets = []
        for data in self.inbox[VIEWER]:
            self.buffer.put(0, data)
            length = self.viewer_end.open_rtp(self.buffer, len(data))
            if length:
                packets.append(rtp.RtpPacket.parse(bytes(self.buffer.view[:length])))
        self.inbox[VIEWER].clear()
        return packets

    def told(self, address: Address = PUBLISHER) -> list[rtp.AnyRtcpPacket]:
        """RTCP that an end has received, opened with its keys."""
        end = self.publisher_end if address == PUBLISHER else self.viewer_end
        packets: list[rtp.AnyRtcpPacket] = []
        for data in self.inbox[address]:
            if 192 <= data[1] < 224:
                self.buffer.put(0, data)
                length = end.open_rtcp(self.buffer, len(data))
                packets += rtp.RtcpPacket.parse(bytes(self.buffer.view[:length]))
        self.inbox[address].clear()
        return packets


def media(sequence: int, payload: bytes = DELTA, *, ssrc: int = MEDIA, kind: int = 96, first: int = 0x80) -> bytes:
    return struct.pack("!BBHLL", first, kind, sequence & 0xFFFF, sequence * 3_000, ssrc) + payload


@pytest.fixture
def line() -> Line:
    line = Line()
    line.publish(media(0, KEY))
    assert len(line.seen()) == 1
    return line


def test_a_viewers_packets_begin_with_a_key_frame() -> None:
    line = Line()
    line.publish(media(0))
    assert line.seen() == []
    assert [type(packet).__name__ for packet in line.told()] == ["RtcpPsfbPacket"]
    line.publish(media(1, KEY))
    line.publish(media(2))
    assert [packet.payload for packet in line.seen()] == [KEY, DELTA]


def test_the_header_is_the_viewers_own(line: Line) -> None:
    line.publish(media(7, kind=0x80 | 96))
    (packet,) = line.seen()
    assert (packet.ssrc, packet.payload_type, packet.marker) == (OUT, 96, 1)
    assert packet.sequence_number == (7 + line.down.sequence_offset) & 0xFFFF
    assert packet.timestamp == (21_000 + line.down.timestamp_offset) & 0xFFFFFFFF
    assert packet.payload == DELTA
    raw = bytes([0x90]) + bytes(11) + line.down.extension
    assert read_extension(raw, len(raw), 1) == "1"


def test_extensions_sources_and_padding_of_the_publisher_stay_behind(line: Line) -> None:
    header = media(1, b"", first=0x80 | 0x20 | 0x10 | 2)
    body = bytes(8) + struct.pack("!HH", 0xBEDE, 1) + b"\x10x\0\0" + DELTA + b"\0\0\3"
    line.publish(header + body)
    (packet,) = line.seen()
    assert (packet.payload, packet.csrc, packet.padding_size) == (DELTA, [], 0)


def test_numbers_wrap_without_a_gap() -> None:
    line = Line()
    line.publish(media(65_529, KEY))
    for sequence in range(65_530, 65_545):
        line.publish(media(sequence))
    numbers = [packet.sequence_number for packet in line.seen()]
    assert [(b - a) & 0xFFFF for a, b in pairwise(numbers)] == [1] * 15


def test_a_repaired_packet_takes_its_old_place(line: Line) -> None:
    line.publish(media(1))
    line.publish(media(3))
    line.publish(media(900, struct.pack("!H", 2) + b"\x10\1\0late", ssrc=REPAIR, kind=97))
    packets = line.seen()
    assert [(p.sequence_number - line.down.sequence_offset) & 0xFFFF for p in packets] == [1, 3, 2]
    assert (packets[-1].payload, packets[-1].payload_type, packets[-1].ssrc) == (b"\x10\1\0late", 96, OUT)


def test_padding_on_the_repair_stream_is_no_media(line: Line) -> None:
    line.publish(media(900, bytes(99) + b"\x64", ssrc=REPAIR, kind=97, first=0xA0))
    line.publish(media(901, b"", ssrc=REPAIR, kind=97))
    assert line.seen() == []


def test_no_number_is_sealed_with_two_contents(line: Line) -> None:
    """AES-GCM under one nonce twice would give the viewer's key away to a publisher who plays such games."""
    line.publish(media(400))
    line.seen()
    for forged in (400, 400 - HISTORY, 401, 40_000):
        line.publish(media(500 + forged, struct.pack("!H", forged & 0xFFFF) + b"other", ssrc=REPAIR, kind=97))
    assert line.inbox[VIEWER] == []  # nothing is even sealed
    line.publish(media(990, struct.pack("!H", 399) + b"first", ssrc=REPAIR, kind=97))
    line.publish(media(399, b"second"))
    assert len(line.inbox[VIEWER]) == 1
    assert [packet.payload for packet in line.seen()] == [b"first"]


def test_a_viewers_nack_is_answered_from_the_history(line: Line) -> None:
    for sequence in range(1, 10):
        line.publish(media(sequence))
    lost = line.inbox[VIEWER][4]
    line.inbox[VIEWER].clear()
    number = (5 + line.down.sequence_offset) & 0xFFFF
    line.tell(line.viewer_end, line.viewer, rtcp.write_nack(1, OUT, [number]))
    assert line.inbox[VIEWER] == [lost]  # octet for octet the packet that was lost
    assert line.inbox[PUBLISHER] == []


def test_what_the_worker_lacks_is_asked_of_the_publisher_once(line: Line) -> None:
    line.publish(media(1))
    line.publish(media(4))
    numbers = [(n + line.down.sequence_offset) & 0xFFFF for n in (2, 3)]
    for _ in range(3):
        line.tell(line.viewer_end, line.viewer, rtcp.write_nack(1, OUT, numbers))
    (asked,) = line.told()
    assert isinstance(asked, rtp.RtcpRtpfbPacket)
    assert (asked.media_ssrc, asked.lost) == (MEDIA, [2, 3])
    line.now += 0.05
    line.tell(line.viewer_end, line.viewer, rtcp.write_nack(1, OUT, numbers))
    assert len(line.told()) == 1


def test_repair_has_a_budget(line: Line) -> None:
    line.publish(media(1))
    line.inbox[VIEWER].clear()
    number = (1 + line.down.sequence_offset) & 0xFFFF
    for _ in range(1_000):
        line.tell(line.viewer_end, line.viewer, rtcp.write_nack(1, OUT, [number]))
    assert len(line.inbox[VIEWER]) == 100
    line.feedback.tick(line.viewer, line.now)
    line.tell(line.viewer_end, line.viewer, rtcp.write_nack(1, OUT, [number]))
    assert len(line.inbox[VIEWER]) == 101


@pytest.mark.parametrize("full_intra", [False, True])
def test_requests_for_key_frames_are_merged(line: Line, full_intra: bool) -> None:
    body = struct.pack("!LLLL", 1, 0, OUT, 1 << 24)
    request = bytes((0x84, 206, 0, 4)) + body if full_intra else rtcp.write_picture_loss(1, OUT)
    for _ in range(20):
        line.tell(line.viewer_end, line.viewer, request)
        line.feedback.tick(line.publisher, line.now)
        line.now += 0.02
    requests = [packet for packet in line.told() if isinstance(packet, rtp.RtcpPsfbPacket) and packet.fmt == 1]
    assert [packet.media_ssrc for packet in requests] == [MEDIA]
    line.now += 0.5  # those that were held back are not forgotten
    line.feedback.tick(line.publisher, line.now)
    assert [p.fmt for p in line.told() if isinstance(p, rtp.RtcpPsfbPacket) and p.fmt == 1] == [1]
    line.now += 5
    line.feedback.tick(line.publisher, line.now)
    assert [p for p in line.told() if isinstance(p, rtp.RtcpPsfbPacket) and p.fmt == 1] == []


def test_sender_reports_are_passed_on_in_the_viewers_numbers(line: Line) -> None:
    report = rtcp.SenderReport(MEDIA, 5 << 32, 3_000, 10, 1_000)
    line.tell(line.publisher_end, line.publisher, rtcp.write_sender_report(report))
    sender, name = line.told(VIEWER)
    assert isinstance(sender, rtp.RtcpSrPacket)
    assert sender.ssrc == OUT
    assert sender.sender_info.ntp_timestamp == 5 << 32
    assert sender.sender_info.rtp_timestamp == (3_000 + line.down.timestamp_offset) & 0xFFFFFFFF
    assert (sender.sender_info.packet_count, sender.sender_info.octet_count) == (1, len(KEY))
    assert isinstance(name, rtp.RtcpSdesPacket)
    assert name.chunks[0].items == [(1, b"s")]
    # One who begins two seconds later is told the same clock, two seconds on.
    line.now += 2
    line.feedback.begin(line.down, line.now)
    later = next(packet for packet in line.told(VIEWER) if isinstance(packet, rtp.RtcpSrPacket))
    assert later.sender_info.ntp_timestamp == 7 << 32
    assert later.sender_info.rtp_timestamp == (183_000 + line.down.timestamp_offset) & 0xFFFFFFFF


def test_publishers_are_told_loss_and_limit(line: Line) -> None:
    for sequence in (1, 2, 5):
        line.publish(media(sequence))
    line.tell(
        line.publisher_end, line.publisher, rtcp.write_sender_report(rtcp.SenderReport(MEDIA, 0x1234567890, 0, 0, 0))
    )
    line.inbox[PUBLISHER].clear()
    line.now += 1
    line.feedback.tick(line.publisher, line.now)
    receiver, _, limit = line.told()
    assert isinstance(receiver, rtp.RtcpRrPacket)
    (block,) = receiver.reports
    assert (block.ssrc, block.packets_lost, block.highest_sequence) == (MEDIA, 2, 5)
    assert (block.lsr, block.dlsr) == (0x00123456, 65_536)
    assert isinstance(limit, rtp.RtcpPsfbPacket)
    assert rtp.unpack_remb_fci(limit.fci)[1] == [MEDIA]
    assert rtp.unpack_remb_fci(limit.fci)[0] == pytest.approx(2_000_000, rel=0.001)


def test_unknown_streams_are_introduced_once_and_bounded(line: Line) -> None:
    for ssrc in range(5_000, 5_000 + 3 * MAX_STRANGERS):
        line.publish(media(1, ssrc=ssrc))
        line.publish(media(2, ssrc=ssrc))
    assert line.owner.asked == [(ssrc, 96, None) for ssrc in range(5_000, 5_000 + MAX_STRANGERS)]
    assert line.seen() == []


def test_a_stream_is_known_by_its_mid(line: Line) -> None:
    line.publisher.mid_number = 4
    line.owner.bind = lambda ssrc: line.publisher.ups.update({ssrc: line.up})
    extension = struct.pack("!HH", 0xBEDE, 2) + bytes((0x10, 0x7F, 0x41)) + b"m1" + bytes(3)
    line.publish(media(1, extension + DELTA, ssrc=7_777, first=0x90))
    assert line.owner.asked == [(7_777, 96, "m1")]
    assert [packet.payload for packet in line.seen()] == [DELTA]


def test_foreign_payload_types_are_not_forwarded(line: Line) -> None:
    line.publish(media(1, kind=98))
    assert line.seen() == []


def test_nothing_passes_without_authentic_keys(line: Line) -> None:
    for packet in (media(1) + bytes(16), b"", b"\x80", bytes(2_000)):
        line.buffer.put(0, packet)
        line.forwarder.receive(line.publisher, len(packet), line.now)
        line.feedback.receive(line.publisher, len(packet), line.now)
    assert line.seen() == []
    line.publisher.srtp = None
    line.forwarder.receive(line.publisher, 100, line.now)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 255), st.integers(0, 127), st.binary(max_size=60), st.sampled_from([MEDIA, REPAIR, 9]))
def test_authentic_nonsense_never_raises(first: int, kind: int, rest: bytes, ssrc: int) -> None:
    """A signed-in publisher may send anything at all under its own keys."""
    line = Line()
    line.down.waiting = False
    line.publisher.mid_number = 1
    for kinds in (kind, 96, 97):
        line.publish(struct.pack("!BBHLL", 0x80 | first & 0x3F, kinds, 1, 2, ssrc) + rest)
    line.tell(line.viewer_end, line.viewer, bytes((0x80 | first & 0x3F, 200 + kind % 8, 0, len(rest) // 4)) + rest)
    line.seen()
