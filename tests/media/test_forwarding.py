"""The hot path and its RTCP, packet by packet, between two real SRTP associations and a clock that is told."""

import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from itertools import pairwise

import pytest
from aiortc import rtp
from hypothesis import given, settings
from hypothesis import strategies as st

from media import headers, red, rtcp, switching, vp8
from media.address import Address
from media.aiortc_seam import AES_128_GCM, PacketBuffer, SrtpSession
from media.api import ConnectionState, Direction, Track
from media.codecs import VP8
from media.connection import MAX_STRANGERS, Connection
from media.datagrams import ffi
from media.fan_out import FanOut, Queue
from media.feedback import Feedback
from media.forwarding import Forwarder
from media.incoming import Incoming
from media.outgoing import Outgoing
from media.repair import LOOK_OCTETS
from media.sdp import Codec
from media.tracks import HISTORY, DownTrack, UpTrack

PUBLISHER, VIEWER = Address("192.0.2.1", 1, b"publisher"), Address("192.0.2.2", 2, b"viewer")
MEDIA, REPAIR, OUT = 1001, 1002, 2001
KEY, DELTA = bytes.fromhex("100000") + b"key frame", bytes.fromhex("100100") + b"delta frame"


class Owner:
    """Learns the repair SSRC by the payload type, as a publisher does."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, str | None]] = []
        self.bind: Callable[[int], None] = lambda _ssrc: None

    def connection_changed(self, connection: Connection, state: ConnectionState) -> None: ...

    def introduce(self, ssrc: int, payload_type: int, mid: str | None, rid: str | None) -> None:
        self.asked.append((ssrc, payload_type, mid))
        self.bind(ssrc)


class Inbox:
    """Keeps what goes out, by its receiver."""

    def __init__(self) -> None:
        self.slots = PacketBuffer.row(8)
        self.queue: Queue | None = None
        self.of: dict[Address, list[bytes]] = {PUBLISHER: [], VIEWER: []}

    def take_slot(self) -> int:
        return 0

    def take_slots(self, count: int) -> int:
        return 0

    def give_back(self, count: int) -> None: ...

    def flush(self) -> None: ...

    def write(self, address: Address, slot: int, length: int) -> None:
        self.of[address].append(bytes(self.slots[slot].view[:length]))

    def write_row(self, addresses: Sequence[Address], first: int, lengths: Sequence[int] | memoryview) -> None:
        for place, address in enumerate(addresses):
            if lengths[place]:
                self.write(address, first + place, lengths[place])

    def keep(self, addresses: Sequence[Address]) -> None:
        raise AssertionError("C keeps nothing here")

    def send(self, data: memoryview | bytes, address: Address) -> None:
        self.of[address].append(bytes(data))


class Batches(Outgoing):
    """The worker's own writing half with its queue in C; what it would send is kept, by its receiver."""

    def __init__(self, bound: socket.socket, loop: FanOut) -> None:
        super().__init__(bound, loop)
        self.of: dict[Address, list[bytes]] = {PUBLISHER: [], VIEWER: []}

    def _send_messages(self, count: int) -> None:
        by_name = {_name(address): address for address in self.of}
        for header in (self._messages[place].msg_hdr for place in range(count)):
            name = bytes(ffi.buffer(ffi.cast("char *", header.msg_name), 16))
            for place in range(header.msg_iovlen):
                vector = header.msg_iov[place]
                data = bytes(ffi.buffer(ffi.cast("char *", vector.iov_base), vector.iov_len))
                self.of[by_name[name]].append(data)


def _name(address: Address) -> bytes:
    return address.key.ljust(16, b"\0")


def vp8_frame(picture: int, base_layer: int, *, key: bool = False, body: bytes = b"frame") -> bytes:
    """A VP8 payload with a picture id of 15 bits and the index of the base layer (RFC 7741 §4.2)."""
    head = bytes((0x90, 0xC0, 0x80 | picture >> 8, picture & 0xFF, base_layer))
    return head + bytes((0 if key else 1,)) + bytes(2) + b"\x9d\x01\x2a" + struct.pack("<HH", 640, 480) + body


BUILT: ContextVar[FanOut | None] = ContextVar("the loop in C, for the tests that run with it", default=None)


def given_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Lines of the test have the forwarder's loop that the parameter names: "python" or "c"."""
    loop = None if request.param == "python" else FanOut.load()
    assert request.param == "python" or loop is not None, "make setup builds media/_fan_out.so where a C compiler is"
    token = BUILT.set(loop)
    yield
    BUILT.reset(token)


# Every test of the hot path runs with the loop in Python and with the one in C.
fan_out = pytest.fixture(params=["python", "c"], autouse=True)(given_loop)


class Line:
    """A publisher and a viewer with the worker's forwarder between them; each end has its own keys."""

    def __init__(self) -> None:
        self.now = 100.0
        loop = BUILT.get()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
            outbox = Inbox() if loop is None else Batches(unused, loop)
            self.incoming = Incoming(unused)
        self._outbox = outbox
        self.buffer = PacketBuffer()
        self.forwarder = Forwarder(outbox, loop)
        self.feedback = Feedback(outbox, self.forwarder, 2_000_000)
        self.owner = Owner()
        self.publisher, self.publisher_end = self._connect(Direction.PUBLISH, PUBLISHER, 1)
        self.viewer, self.viewer_end = self._connect(Direction.SUBSCRIBE, VIEWER, 2)
        track = Track("t", "a", "video", "camera")
        self.up = UpTrack(track, "s", self.publisher, "0", VP8, repair=Codec(97, "RTX", 90_000, 1, "apt=96"))
        (self.layer,) = self.up.layers
        self.layer.ssrc = MEDIA
        self.publisher.ups[MEDIA] = self.layer
        self.publisher.repairs[REPAIR] = self.layer
        self.down = DownTrack(self.up, self.viewer, OUT, 96, "1")
        self.viewer.downs[OUT] = self.down
        self.viewer.repair_budget = 100 * (len(DELTA) + LOOK_OCTETS)
        self.up.viewers = (self.down,)
        switching.aim(self.down, self.layer)

    @property
    def inbox(self) -> dict[Address, list[bytes]]:
        """What has gone out, by its receiver."""
        self._outbox.flush()
        return self._outbox.of

    def arrive(self, connection: Connection, length: int, address: Address) -> None:
        """The RTP packet in the buffer comes from there, alone in its batch."""
        incoming = self.incoming
        incoming.packets[0].copy(0, self.buffer, 0, length)
        message = ffi.cast("struct mmsghdr *", incoming.messages_at)
        message.msg_len = length
        ffi.memmove(message.msg_hdr.msg_name, _name(address), 16)
        for place in self.forwarder.take(incoming, 1, self.now):
            self.forwarder.receive(connection, incoming.packets[place], length, self.now, _name(address))

    def _connect(self, direction: Direction, address: Address, seed: int) -> tuple[Connection, SrtpSession]:
        connection = Connection(self.owner, direction, self.now)
        there, back = bytes([seed]) * 28, bytes([seed + 10]) * 28
        connection.srtp = SrtpSession(AES_128_GCM, there, back)
        # One of its own, since what waits for a peer is noted beside its address.
        connection.address = Address(address.host, address.port, address.key)
        return connection, SrtpSession(AES_128_GCM, back, there)

    def publish(self, packet: bytes) -> None:
        """The publisher sends an RTP packet."""
        self.buffer.put(0, packet)
        length = self.publisher_end.seal_rtp(self.buffer, len(packet))
        self.arrive(self.publisher, length, PUBLISHER)
        self.feedback.repair.flush(self.now)

    def tick(self) -> None:
        """A tenth of a second's worth of looking after everything."""
        self.feedback.repair.tick(self.now)
        for connection in (self.publisher, self.viewer):
            self.feedback.tick(connection, self.now)

    def tell(self, end: SrtpSession, connection: Connection, packet: bytes) -> None:
        """An end sends an RTCP packet."""
        self.buffer.put(0, packet)
        length = end.seal_rtcp(self.buffer, len(packet))
        self.feedback.receive(connection, self.buffer, length, self.now)

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
    assert headers.text(raw, len(raw), 1) == "1"


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


def test_what_the_worker_lacks_is_asked_of_the_publisher_until_it_comes(line: Line) -> None:
    line.publish(media(1))
    line.publish(media(4))
    (asked,) = line.told()
    assert isinstance(asked, rtp.RtcpRtpfbPacket)
    assert (asked.media_ssrc, asked.lost) == (MEDIA, [2, 3])
    line.feedback.repair.tick(line.now + 0.01)  # too early to ask again
    assert line.told() == []
    line.publish(media(900, struct.pack("!H", 2) + DELTA, ssrc=REPAIR, kind=97))
    line.feedback.repair.tick(line.now + 0.3)
    (again,) = line.told()
    assert isinstance(again, rtp.RtcpRtpfbPacket)
    assert again.lost == [3]
    for second in range(1, 40):
        line.feedback.repair.tick(line.now + second)
    asked_later = len(line.told())
    assert 2 <= asked_later <= 16  # then it is given up
    line.feedback.repair.tick(line.now + 100)
    assert line.told() == []


def test_a_long_gap_asks_for_a_key_frame_instead(line: Line) -> None:
    line.publish(media(900))
    assert [p.fmt for p in line.told() if isinstance(p, rtp.RtcpPsfbPacket)] == [1]
    assert line.layer.asked == {}


def test_repair_has_a_budget(line: Line) -> None:
    line.publish(media(1))
    line.inbox[VIEWER].clear()
    number = (1 + line.down.sequence_offset) & 0xFFFF
    for _ in range(1_000):
        line.tell(line.viewer_end, line.viewer, rtcp.write_nack(1, OUT, [number]))
    assert len(line.inbox[VIEWER]) == 100
    line.tick()
    line.tell(line.viewer_end, line.viewer, rtcp.write_nack(1, OUT, [number]))
    assert len(line.inbox[VIEWER]) == 101


@pytest.mark.parametrize("full_intra", [False, True])
def test_requests_for_key_frames_are_merged(line: Line, full_intra: bool) -> None:
    body = struct.pack("!LLLL", 1, 0, OUT, 1 << 24)
    request = bytes((0x84, 206, 0, 4)) + body if full_intra else rtcp.write_picture_loss(1, OUT)
    for _ in range(20):
        line.tell(line.viewer_end, line.viewer, request)
        line.tick()
        line.now += 0.02
    requests = [packet for packet in line.told() if isinstance(packet, rtp.RtcpPsfbPacket) and packet.fmt == 1]
    assert [packet.media_ssrc for packet in requests] == [MEDIA]
    line.now += 0.6  # those that were held back are not forgotten
    line.tick()
    assert [p.fmt for p in line.told() if isinstance(p, rtp.RtcpPsfbPacket) and p.fmt == 1] == [1]
    line.now += 5
    line.tick()
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
    line.feedback.repair.begun(line.down, line.now)
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
    line.owner.bind = lambda ssrc: line.publisher.ups.update({ssrc: line.layer})
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
        line.forwarder.receive(line.publisher, line.buffer, len(packet), line.now)
        line.feedback.receive(line.publisher, line.buffer, len(packet), line.now)
    assert line.seen() == []
    line.publisher.srtp = None
    line.forwarder.receive(line.publisher, line.buffer, 100, line.now)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 255), st.integers(0, 127), st.binary(max_size=60), st.sampled_from([MEDIA, REPAIR, 9]))
def test_authentic_nonsense_never_raises(first: int, kind: int, rest: bytes, ssrc: int) -> None:
    """A signed-in publisher may send anything at all under its own keys."""
    line = Line()
    line.publish(media(0, KEY))
    line.publisher.mid_number = 1
    for kinds in (kind, 96, 97):
        line.publish(struct.pack("!BBHLL", 0x80 | first & 0x3F, kinds, 1, 2, ssrc) + rest)
    line.tell(line.viewer_end, line.viewer, bytes((0x80 | first & 0x3F, 200 + kind % 8, 0, len(rest) // 4)) + rest)
    line.seen()


def simulcast() -> tuple[Line, UpTrack]:
    """A line whose publisher sends two layers, q under SSRC 1 and f under SSRC 2; the viewer is fed from q."""
    line = Line()
    up = UpTrack(line.up.track, "s", line.publisher, "0", VP8, rids=("q", "f"))
    line.publisher.ups.clear()
    line.viewer.downs.clear()
    for number, layer in enumerate(up.layers, 1):
        layer.ssrc = number
        line.publisher.ups[number] = layer
    line.down = DownTrack(up, line.viewer, OUT, 96, "1", repair=(OUT + 1, 97))
    line.viewer.downs[OUT] = line.down
    switching.aim(line.down, up.layers[0])
    line.publish(media(100, vp8_frame(7, 3, key=True), ssrc=1))
    line.publish(media(101, vp8_frame(8, 4), ssrc=1))
    line.publish(media(5_000, vp8_frame(900, 77, key=True), ssrc=2))
    return line, up


def test_a_switch_of_layers_leaves_no_gap() -> None:
    line, up = simulcast()
    line.now += 1 / 30
    switching.aim(line.down, up.layers[1])
    line.publish(media(5_001, vp8_frame(901, 78), ssrc=2))  # no key frame: the old layer goes on
    line.publish(media(102, vp8_frame(9, 5), ssrc=1))
    line.now += 1 / 30
    line.publish(media(5_002, vp8_frame(902, 79, key=True), ssrc=2))
    line.publish(media(103, vp8_frame(10, 6), ssrc=1))  # too late
    line.publish(media(5_003, vp8_frame(903, 80), ssrc=2))
    packets = line.seen()
    assert [(b.sequence_number - a.sequence_number) & 0xFFFF for a, b in pairwise(packets)] == [1] * 4
    descriptors = [vp8.read(packet.payload, 0, len(packet.payload)) for packet in packets]
    assert [found.picture_id for found in descriptors if found] == [7, 8, 9, 10, 11]
    assert [found.base_layer_index for found in descriptors if found] == [3, 4, 5, 6, 7]
    steps = [(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(packets)]
    assert 0 < steps[2] < 90_000
    assert {packet.ssrc for packet in packets} == {OUT}
    assert up.layers[1].height == 480


def test_by_the_senders_clock_a_switch_keeps_time() -> None:
    line, up = simulcast()
    for ssrc, rtp_time in ((1, 101 * 3_000), (2, 5_000 * 3_000)):
        report = rtcp.SenderReport(ssrc, 50 << 32, rtp_time, 1, 1)
        line.tell(line.publisher_end, line.publisher, rtcp.write_sender_report(report))
    switching.aim(line.down, up.layers[1])
    line.now += 0.2  # it came late, but was sent two frames later
    line.publish(media(5_002, vp8_frame(902, 79, key=True), ssrc=2))
    before, after = line.seen()[-2:]
    assert (after.timestamp - before.timestamp) & 0xFFFFFFFF == 6_000


def test_a_paused_stream_goes_on_where_it_stood() -> None:
    line, up = simulcast()
    last = line.seen()[-1]
    switching.aim(line.down, None)
    line.publish(media(102, vp8_frame(9, 5), ssrc=1))
    assert line.seen() == []
    line.now += 30
    switching.aim(line.down, up.layers[0])
    line.publish(media(990, vp8_frame(400, 60, key=True), ssrc=1))
    (packet,) = line.seen()
    found = vp8.read(packet.payload, 0, len(packet.payload))
    assert found is not None
    assert (packet.sequence_number - last.sequence_number) & 0xFFFF == 1
    assert found.picture_id == 9
    assert 29 * 90_000 < (packet.timestamp - last.timestamp) & 0xFFFFFFFF < 31 * 90_000


def test_a_still_is_one_frame() -> None:
    line, up = simulcast()
    line.seen()
    switching.aim(line.down, None)
    line.down.single = True
    switching.aim(line.down, up.layers[1])
    first, second = (vp8_frame(910, 90, key=True), b"\x80\x80\x03\x8e more of it")
    stamp = struct.pack("!L", 77)
    for sequence, kind, payload in ((6_000, 96, first), (6_001, 0x80 | 96, second)):
        line.publish(media(sequence, payload, ssrc=2, kind=kind)[:4] + stamp + media(0, payload, ssrc=2)[8:])
    line.publish(media(6_002, vp8_frame(911, 91), ssrc=2))
    assert len(line.seen()) == 2
    assert line.down.layer is None


def test_repairs_go_by_their_own_stream() -> None:
    line, up = simulcast()
    switching.aim(line.down, up.layers[1])
    line.publish(media(5_002, vp8_frame(902, 79, key=True), ssrc=2))
    line.publish(media(5_003, vp8_frame(903, 80, body=b"the lost one"), ssrc=2))
    lost = line.seen()[-1]
    for _ in range(2):
        line.tell(line.viewer_end, line.viewer, rtcp.write_nack(1, OUT, [lost.sequence_number]))
    one, two = line.seen()
    assert (one.ssrc, one.payload_type) == (OUT + 1, 97)
    assert one.payload == struct.pack("!H", lost.sequence_number) + lost.payload
    assert one.timestamp == lost.timestamp
    assert (two.sequence_number - one.sequence_number) & 0xFFFF == 1


def spoken(sequence: int, payload: bytes, kind: int = 111) -> bytes:
    return struct.pack("!BBHLL", 0x80, kind, sequence, sequence * 960, MEDIA) + payload


def speaking() -> Line:
    """A line whose publisher speaks, plainly or with redundancy."""
    line = Line()
    opus = Codec(111, "OPUS", 48_000, 2)
    up = UpTrack(
        Track("t", "a", "audio", "microphone"), "s", line.publisher, "0", opus, red=Codec(63, "RED", 48_000, 2)
    )
    (layer,) = up.layers
    line.publisher.ups = {MEDIA: layer}
    line.down = DownTrack(up, line.viewer, OUT, 109, "0", red_type=63)
    line.viewer.downs = {OUT: line.down}
    switching.aim(line.down, layer)
    return line


def test_what_was_lost_is_taken_from_the_redundancy_of_what_follows() -> None:
    line = speaking()
    line.publish(spoken(1, red.write(111, 960, b"one", []), 63))
    line.publish(spoken(3, red.write(111, 3 * 960, b"three", [(2 * 960, b"two")]), 63))
    packets = line.seen()
    assert [packet.payload for packet in packets] == [b"one", b"two", b"three"]
    assert [(b.sequence_number - a.sequence_number) & 0xFFFF for a, b in pairwise(packets)] == [1, 1]
    assert {packet.payload_type for packet in packets} == {109}
    line.publish(spoken(2, red.write(111, 2 * 960, b"other", []), 63))  # late: it was played already
    assert line.inbox[VIEWER] == []


def test_viewers_who_lose_audio_get_redundancy() -> None:
    line = speaking()
    for sequence in (1, 2):
        line.publish(spoken(sequence, b"frame %d" % sequence))
    line.seen()
    block = rtcp.ReportBlock(OUT, 60, 10, 2, 0, 0, 0)
    line.tell(line.viewer_end, line.viewer, rtcp.write_receiver_report(1, [block]))
    line.publish(spoken(3, b"frame 3"))
    (packet,) = line.seen()
    blocks = red.read(packet.payload, 0, len(packet.payload))
    assert blocks is not None
    assert packet.payload_type == 63
    assert [(offset, packet.payload[start:end]) for offset, start, end in blocks] == [
        (1_920, b"frame 1"), (960, b"frame 2"), (0, b"frame 3"),
    ]  # fmt: skip
    for _ in range(3):
        clean = rtcp.ReportBlock(OUT, 0, 10, 2, 0, 0, 0)
        line.tell(line.viewer_end, line.viewer, rtcp.write_receiver_report(1, [clean]))
    line.publish(spoken(4, b"frame 4"))
    assert [packet.payload_type for packet in line.seen()] == [109]


def test_audio_is_never_sealed_twice_under_one_number() -> None:
    line = speaking()
    line.publish(spoken(1, b"one"))
    line.publish(spoken(2, b"two"))
    number = line.seen()[-1].sequence_number
    line.tell(line.viewer_end, line.viewer, rtcp.write_nack(1, OUT, [number]))
    assert line.inbox[VIEWER] == []


def test_levels_of_audio_are_heard() -> None:
    line = speaking()
    line.publisher.level_number = 3
    heard: list[int] = []
    line.forwarder.heard = lambda _layer, level: heard.append(level)
    extension = struct.pack("!HH", 0xBEDE, 1) + bytes((0x30, 0x80 | 20, 0, 0))
    packet = spoken(1, b"")
    line.publish(bytes([0x90]) + packet[1:] + extension + b"voice")
    assert heard == [20]
