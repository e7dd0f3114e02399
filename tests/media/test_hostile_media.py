"""Participants who have keys and mean ill: RTP and RTCP that is authentic and yet nothing that a browser would send."""

import gc
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from media import headers, red, rtcp, switching, vp8
from media.api import Direction, Track
from media.codecs import starts_key_frame
from media.connection import MAX_REPORTERS, MAX_STRANGERS, Connection
from media.publisher import MAX_REPAIRS, Publisher
from media.rtcp import MOST_PACKETS
from media.sdp import Codec
from media.tracks import HISTORY, DownTrack, UpTrack
from media.transport_feedback import MOST_STATUSES
from tests.media.test_forwarding import (
    DELTA,
    KEY,
    MEDIA,
    OUT,
    PUBLISHER,
    REPAIR,
    VIEWER,
    Line,
    given_loop,
    media,
    speaking,
    spoken,
)

fan_out = pytest.fixture(params=["python", "c"], autouse=True)(given_loop)


@pytest.fixture
def line() -> Line:
    line = Line()
    line.publish(media(0, KEY))
    assert len(line.seen()) == 1
    return line


def alive(line: Line, sequence: int) -> None:
    """The next honest packet still comes through."""
    line.seen()
    line.publish(media(sequence))
    assert [packet.payload for packet in line.seen()] == [DELTA]


def nonces(line: Line) -> list[tuple[int, int]]:
    """SSRC and sequence number of each sealed packet that waits for the viewer."""
    return [
        (int.from_bytes(data[8:12], "big"), int.from_bytes(data[2:4], "big"))
        for data in line.inbox[VIEWER]
        if not 192 <= data[1] < 224
    ]


def test_replayed_packets_are_forwarded_once(line: Line) -> None:
    line.buffer.put(0, media(1))
    length = line.publisher_end.seal_rtp(line.buffer, len(media(1)))
    sealed = bytes(line.buffer.view[:length])
    for _ in range(50):
        line.buffer.put(0, sealed)
        line.arrive(line.publisher, length, PUBLISHER)
    assert len(line.seen()) == 1
    assert line.layer.reception.received == 2
    alive(line, 2)


def test_truncated_packets_are_nothing(line: Line) -> None:
    whole = media(1, DELTA)
    line.buffer.put(0, whole)
    length = line.publisher_end.seal_rtp(line.buffer, len(whole))
    sealed = bytes(line.buffer.view[:length])
    report = rtcp.write_receiver_report(1, [])
    line.buffer.put(0, report)
    length = line.viewer_end.seal_rtcp(line.buffer, len(report))
    control = bytes(line.buffer.view[:length])
    for cut in range(len(sealed)):
        line.buffer.put(0, sealed[:cut])
        line.arrive(line.publisher, cut, PUBLISHER)
    for cut in range(len(control)):
        line.buffer.put(0, control[:cut])
        line.feedback.receive(line.viewer, line.buffer, cut, line.now)
    assert line.inbox[VIEWER] == []
    alive(line, 1)


@pytest.mark.parametrize("first", range(0x80, 0xC0))
@pytest.mark.parametrize("size", [0, 1, 3, 4, 60, 64])
def test_headers_that_promise_more_than_there_is(line: Line, first: int, size: int) -> None:
    """Up to 15 contributing sources, header extensions and padding, in packets that are too short for them."""
    line.publisher.arrivals = None
    line.publisher.transport_number = 3
    for fill in (b"\0", b"\xff", b"\xbe\xde\xff\xff", b"\x10\0\xff\xff", b"\xbe\xde\0\1\x30"):
        line.publish(media(1, (fill * size)[:size], first=first))
        line.publish(media(2, (fill * size)[:size], first=first, ssrc=77))
    assert all(packet.ssrc == OUT for packet in line.seen())
    alive(line, 9)


@pytest.mark.parametrize("padding", [0, 1, len(DELTA), len(DELTA) + 1, 200, 255])
def test_padding_longer_than_the_packet(line: Line, padding: int) -> None:
    line.publish(media(1, DELTA[:-1] + bytes((padding,)), first=0xA0))
    for packet in line.seen():
        assert len(packet.payload) == len(DELTA) - padding
    alive(line, 2)


@pytest.mark.parametrize(
    "extension",
    [
        pytest.param(bytes.fromhex("bede0001") + bytes((0x3F, 1, 2, 3)), id="one-byte: longer than the block"),
        pytest.param(bytes.fromhex("bede0001") + bytes((0xF0, 0x31, 1, 2)), id="one-byte: stopped by number 15"),
        pytest.param(bytes.fromhex("bede0001") + bytes(4), id="one-byte: padding alone"),
        pytest.param(bytes.fromhex("bede0001") + bytes((0, 0, 0, 0x31)), id="one-byte: begins with the last octet"),
        pytest.param(bytes.fromhex("10000001") + bytes((3, 0xFF, 1, 2)), id="two-byte: longer than the block"),
        pytest.param(bytes.fromhex("10000001") + bytes((0, 0, 0, 3)), id="two-byte: without its length"),
        pytest.param(bytes.fromhex("10000001") + bytes((3, 0, 3, 0)), id="two-byte: empty"),
        pytest.param(bytes.fromhex("bede0000"), id="no words"),
        pytest.param(bytes.fromhex("12340001") + bytes(4), id="neither form"),
    ],
)
def test_header_extensions_with_wrong_lengths(line: Line, extension: bytes) -> None:
    raw = media(1, extension + DELTA, first=0x90)
    for number in range(1, 16):
        found = headers.find(raw, len(raw), number)
        assert found is None or found[0] + found[1] <= 12 + len(extension)
    line.publisher.transport_number = line.publisher.level_number = line.publisher.mid_number = 3
    line.publish(raw)
    assert [packet.payload for packet in line.seen()] == [DELTA]
    alive(line, 2)


@pytest.mark.parametrize("whole", [bytes.fromhex("90f08123452a") + bytes(12), bytes.fromhex("90f02a1020") + bytes(12)])
def test_vp8_descriptors_cut_short(line: Line, whole: bytes) -> None:
    line.down.picture_offset, line.down.base_layer_offset = 5, 7
    for cut in range(len(whole)):
        line.publish(media(1 + cut, whole[:cut]))
        found = vp8.read(whole, 0, cut)
        assert found is None or found.end <= cut
        vp8.height(whole, 0, cut)
        vp8.starts_key_frame(whole, 0, cut)
    line.seen()
    line.down.picture_offset = line.down.base_layer_offset = 0
    alive(line, 100)


@pytest.mark.parametrize(
    "payload",
    [
        b"\x18", b"\x18\0", b"\x18\0\0", b"\x18\0\0\0\0\0\0", b"\x18\xff\xff\x67", b"\x18\0\1\x41\xff\xff",
        b"\x18\0\1\x41\0\5\x67", b"\x18" + b"\0\0" * 700, b"\x1c", b"\x1c\x85", b"\x1c\xff", b"\0\0", b"\xff\xff",
    ],
)  # fmt: skip
def test_h264_aggregation_with_wrong_sizes(payload: bytes) -> None:
    for cut in range(len(payload) + 1):
        assert starts_key_frame("H264", payload[:cut], 0, cut) in (True, False)


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"\x80", b"\xef\0\0", b"\xef" * 4, b"\xef" * 24, b"\xef\xff\xff\xff\x6f", b"\x6f", b"\xef\0\4\5\x6fabcde",
        b"\xef\0\0\1\xef\0\0\1\xef\0\0\1\xef\0\0\1\xef\0\0\1\x6fabcdef", b"\xef\0\x0f\xff\x6fabc",
    ],
)  # fmt: skip
def test_redundant_audio_with_bad_heads(payload: bytes) -> None:
    for cut in range(len(payload) + 1):
        blocks = red.read(payload, 0, cut)
        assert blocks is None or all(0 <= start <= end <= cut for _, start, end in blocks)
    line = speaking()
    line.publish(spoken(1, red.write(111, 960, b"one", []), 63))
    line.seen()
    line.publish(spoken(5, payload, 63))
    line.publish(spoken(4, payload, 63))
    assert len(nonces(line)) == len(set(nonces(line)))
    line.seen()
    line.publish(spoken(6, red.write(111, 6 * 960, b"six", []), 63))
    assert line.seen()[-1].payload == b"six"


def test_redundancy_of_long_packets_fits_a_datagram() -> None:
    """An audio packet may have any size, and with what rides along it must still go into one."""
    line = speaking()
    line.down.redundancy = 2
    for sequence in range(1, 5):
        line.publish(spoken(sequence, bytes((sequence,)) * 1_000))
    packets = line.seen()
    assert [packet.payload[-1] for packet in packets] == [1, 2, 3, 4]
    assert all(len(packet.payload) <= 1_300 for packet in packets)
    line.publish(spoken(5, bytes(1_900)))
    assert len(line.seen()) == 1


def test_repairs_of_forged_numbers_seal_nothing_twice(line: Line) -> None:
    """AES-GCM gives its key away when one nonce meets two texts, so no trick may make the worker do that."""
    line.viewer.repair_budget = 1 << 30
    sealed: dict[tuple[int, int], bytes] = {}

    def take() -> None:
        for nonce, data in zip(nonces(line), line.inbox[VIEWER], strict=True):
            assert sealed.setdefault(nonce, data) == data
        line.inbox[VIEWER].clear()

    repair = 0
    for step in range(1, 400):
        sequence = step * 7 % 1_000
        line.publish(media(sequence, b"\x10\1" + bytes((step & 0xFF,)) * 9))
        for forged in (sequence, sequence - 1, sequence - HISTORY, sequence + 1, sequence ^ 0x8000, step):
            repair += 1
            payload = struct.pack("!H", forged & 0xFFFF) + b"\x10\1 other"
            line.publish(media(repair, payload, ssrc=REPAIR, kind=97))
        wanted = [forged + line.down.sequence_offset & 0xFFFF for forged in (sequence, step, sequence - 3)]
        line.tell(line.viewer_end, line.viewer, rtcp.write_nack(1, OUT, wanted))
        take()
    assert len(sealed) > 100


def h264() -> tuple[Line, UpTrack]:
    """A line with two layers of H.264, whose viewer takes no RTX."""
    line = Line()
    track = Track("t", "a", "video", "camera")
    up = UpTrack(track, "s", line.publisher, "0", Codec(102, "H264", 90_000), rids=("l", "h"))
    for ssrc, layer in enumerate(up.layers, 1):
        layer.ssrc = ssrc
        line.publisher.ups[ssrc] = layer
    line.down = DownTrack(up, line.viewer, OUT, 102, "1")
    line.viewer.downs = {OUT: line.down}
    up.viewers = (line.down,)
    line.viewer.repair_budget = 1 << 30
    return line, up


def test_a_layer_that_a_viewer_has_left_repairs_nothing_of_another() -> None:
    """Both layers' numbers lie in one stream: what the old one has sent since must not fill a place of the new one."""
    line, up = h264()
    idr, slice_ = b"\x65key", b"\x41delta"
    switching.aim(line.down, up.layers[0])
    for sequence in range(10):
        line.publish(media(sequence, slice_ if sequence else idr, ssrc=1, kind=102))
    switching.aim(line.down, up.layers[1])
    line.publish(media(500, idr, ssrc=2, kind=102))
    for sequence in range(10, 200):
        line.publish(media(sequence, b"\x41old layer", ssrc=1, kind=102))
    before = [number for _, number in nonces(line)]
    line.inbox[VIEWER].clear()
    ahead = [before[-1] + more & 0xFFFF for more in range(1, 100)]
    line.tell(line.viewer_end, line.viewer, rtcp.write_nack(1, OUT, ahead))
    assert line.inbox[VIEWER] == []
    line.tell(line.viewer_end, line.viewer, rtcp.write_nack(1, OUT, before))
    assert len(line.inbox[VIEWER]) == len(before)  # what was sent is still repaired, of both layers


def test_without_rtx_nothing_numbered_is_repeated(line: Line) -> None:
    """A second answer may leave out the RTX of the first: a repeated packet would then differ under one nonce."""
    line.viewer.numbered = True
    line.publish(media(1))
    number = nonces(line)[-1][1]
    line.inbox[VIEWER].clear()
    line.tell(line.viewer_end, line.viewer, rtcp.write_nack(1, OUT, [number]))
    assert line.inbox[VIEWER] == []


def test_a_repair_stream_for_each_of_many_sources_is_not_learnt() -> None:
    """libsrtp remembers each source for ever, and looks them through one by one."""
    publisher = Publisher("p", None, lambda *_: None)  # type: ignore[arg-type]  # nothing here asks the plane
    connection = publisher._connection = Connection(publisher, Direction.PUBLISH, 0.0)
    track = Track("t", "a", "video", "camera")
    up = UpTrack(track, "s", connection, "0", Codec(96, "VP8", 90_000), repair=Codec(97, "RTX", 90_000, 1, "apt=96"))
    publisher._ups = {"0": up}
    for ssrc in range(1, 10_000):
        publisher.introduce(ssrc, 97, "0", None)
    assert len(connection.repairs) <= MAX_REPAIRS


def test_sources_are_bounded_before_they_cost_anything() -> None:
    line = Line()
    for ssrc in range(5_000, 5_500):
        line.publish(media(1, ssrc=ssrc))
    assert len(line.owner.asked) <= MAX_STRANGERS
    for ssrc in range(9_000, 9_500):
        line.tell(line.viewer_end, line.viewer, rtcp.write_receiver_report(ssrc, []))
    assert len(line.viewer.reporters) == MAX_REPORTERS
    line.now += 5
    line.tell(line.viewer_end, line.viewer, rtcp.write_receiver_report(9_000, []))
    assert line.viewer.heard_at == line.now  # those who were there first are still heard


def busy(line: Line, packet: bytes, times: int, *, viewer: bool = True) -> float:
    """Seconds of work that a flood of one RTCP packet makes within one tick."""
    end, connection = (line.viewer_end, line.viewer) if viewer else (line.publisher_end, line.publisher)
    sealed = []
    for _ in range(times):
        line.buffer.put(0, packet)
        length = end.seal_rtcp(line.buffer, len(packet))
        sealed.append(bytes(line.buffer.view[:length]))
    with no_collection():
        began = time.process_time()
        for data in sealed:
            line.buffer.put(0, data)
            line.feedback.receive(connection, line.buffer, len(data), line.now)
        return time.process_time() - began


@contextmanager
def no_collection() -> Iterator[None]:
    """As in a worker, which looks for cycles only beside its work."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


FLOOD = 300
_EACH_S = 0.000_5
"""Of processor time for a datagram of a flood: ten times what a plain one takes."""


def test_a_flood_of_nacks_is_answered_within_the_budget(line: Line) -> None:
    for sequence in range(1, 200):
        line.publish(media(sequence))
    line.inbox[VIEWER].clear()
    line.tick()
    everything = b"".join(struct.pack("!HH", line.down.sequence_offset + step & 0xFFFF, 0xFFFF) for step in range(330))
    packet = struct.pack("!BBHLL", 0x81, 205, 2 + len(everything) // 4, 1, OUT) + everything
    assert busy(line, packet, FLOOD) < FLOOD * _EACH_S
    assert len(line.inbox[VIEWER]) <= 2_000
    line.inbox[VIEWER].clear()
    line.now += 0.1
    line.tick()
    line.tell(line.viewer_end, line.viewer, rtcp.write_nack(1, OUT, [line.down.sequence_offset + 190 & 0xFFFF]))
    assert len(line.inbox[VIEWER]) == 1


def test_nacks_for_packets_never_sent_cost_little(line: Line) -> None:
    line.tick()
    never = line.down.sequence_offset + 1_000
    words = b"".join(struct.pack("!HH", never + 17 * step & 0xFFFF, 0xFFFF) for step in range(330))
    packet = struct.pack("!BBHLL", 0x81, 205, 2 + len(words) // 4, 1, OUT) + words
    assert busy(line, packet, FLOOD) < FLOOD * _EACH_S
    assert line.inbox[VIEWER] == []


def test_a_flood_of_key_frame_requests_asks_once(line: Line) -> None:
    line.told()
    requests = rtcp.write_picture_loss(1, OUT) * 100
    assert busy(line, requests, FLOOD) < FLOOD * _EACH_S
    entries = struct.pack("!LL", OUT, 0) * 170
    assert busy(line, struct.pack("!BBHLL", 0x84, 206, 2 + len(entries) // 4, 1, 0) + entries, FLOOD) < FLOOD * _EACH_S
    assert len(line.told()) == 1
    for _ in range(50):
        line.now += 0.02
        line.feedback.repair.tick(line.now)
    assert len(line.told()) <= 1


def test_a_flood_of_transport_feedback_is_read_within_the_budget(line: Line) -> None:
    line.viewer.numbered = True
    one = struct.pack("!BBHLLHHL", 0x8F, 205, 5, 1, 2, 0, MOST_STATUSES, 0) + struct.pack("!HH", MOST_STATUSES, 0)
    assert busy(line, one * 50, FLOOD) < FLOOD * _EACH_S
    alive(line, 1)


def test_a_flood_of_small_packets_is_not_walked_to_its_end(line: Line) -> None:
    assert busy(line, rtcp.write_receiver_report(1, []) + bytes((0x80, 210, 0, 0)) * 340, FLOOD) < FLOOD * _EACH_S
    data = bytes((0x80, 210, 0, 0)) * 340
    assert len(list(rtcp.walk(data, len(data)))) == MOST_PACKETS


def test_a_flood_of_sender_reports_is_passed_on_once(line: Line) -> None:
    report = rtcp.write_sender_report(rtcp.SenderReport(MEDIA, 1 << 40, 5, 6, 7))
    assert busy(line, report * 40, FLOOD, viewer=False) < FLOOD * _EACH_S
    assert len(line.told(VIEWER)) <= 2  # a report and a name
    line.now += 1
    line.tell(line.publisher_end, line.publisher, report)
    assert len(line.told(VIEWER)) == 2


def test_numbers_that_leap_cost_little(line: Line) -> None:
    packets = []
    for step in range(1, FLOOD):
        line.buffer.put(0, media(step * 999))
        length = line.publisher_end.seal_rtp(line.buffer, len(media(0)))
        packets.append(bytes(line.buffer.view[:length]))
    with no_collection():
        began = time.process_time()
        for data in packets:
            line.buffer.put(0, data)
            line.arrive(line.publisher, len(data), PUBLISHER)
        line.feedback.repair.flush(line.now)
        assert time.process_time() - began < FLOOD * _EACH_S
    assert len(line.layer.asked) <= 400


@pytest.mark.parametrize("exponent", [0, 20, 63])
@pytest.mark.parametrize("mantissa", [0, 1, 0x3FFFF])
def test_absurd_limits(line: Line, exponent: int, mantissa: int) -> None:
    body = struct.pack("!LL4sL", 1, 0, b"REMB", 255 << 24 | exponent << 18 | mantissa)
    for packet in (body, body[:-1], body[:-4]):
        data = struct.pack("!BBH", 0x8F, 206, len(packet) // 4) + packet
        line.tell(line.viewer_end, line.viewer, data)
    assert 0 < line.viewer.estimate.bitrate < 1e9
    alive(line, 1)


def test_absurd_reports(line: Line) -> None:
    worst = struct.pack("!LLLLLL", OUT, 0xFFFFFFFF, *([0xFFFFFFFF] * 4)) * 31
    for count in (0, 1, 31):
        line.tell(line.viewer_end, line.viewer, struct.pack("!BBHL", 0x80 | count, 201, 1 + len(worst) // 4, 1) + worst)
    report = rtcp.SenderReport(MEDIA, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
    line.tell(line.publisher_end, line.publisher, rtcp.write_sender_report(report))
    line.now += 5
    line.tick()
    alive(line, 1)


@pytest.mark.parametrize("status", range(4))
@pytest.mark.parametrize("count", [0, 1, 13, 1_024, 1_025, 65_535])
@pytest.mark.parametrize("rest", [b"", b"\0", bytes(14), b"\xff" * 600])
def test_malformed_transport_feedback(line: Line, status: int, count: int, rest: bytes) -> None:
    line.viewer.numbered = True
    for chunk in (status << 13 | count & 0x1FFF, 0x8000 | count & 0x3FFF, 0xC000 | count & 0x3FFF):
        for number in (0, 65_535):
            body = struct.pack("!HHLH", number, count, 0xFFFFFFFF, chunk) + rest
            body += bytes(-len(body) % 4)
            data = struct.pack("!BBHLL", 0x8F, 205, 2 + len(body) // 4, 1, 2) + body
            line.tell(line.viewer_end, line.viewer, data)
            line.now += 0.2
    assert 0 < line.viewer.estimate.bitrate < 1e9
    alive(line, 1)


def test_feedback_for_packets_never_sent_moves_nothing_far(line: Line) -> None:
    line.viewer.numbered = True
    for place in range(200):
        line.now += 0.1
        deltas = bytes(100)
        body = struct.pack("!HHLH", place * 100 & 0xFFFF, 100, place << 8, 1 << 13 | 100) + deltas
        body += bytes(-len(body) % 4)
        line.tell(line.viewer_end, line.viewer, struct.pack("!BBHLL", 0x8F, 205, 2 + len(body) // 4, 1, 2) + body)
    assert line.viewer.estimate.bitrate <= 1_000_000
    alive(line, 1)
