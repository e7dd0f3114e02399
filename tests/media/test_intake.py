"""What C takes of a batch is what Python would have made of it: the same packets to viewers, the same counts."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import rtcp, switching, transport_feedback
from media.address import Address
from media.api import Direction, Track
from media.codecs import H264, OPUS, VP8
from media.datagrams import ffi
from media.fan_out import FanOut
from media.sdp import Codec
from media.speakers import hear
from media.tracks import DownTrack, UpTrack
from media.transport_feedback import Arrivals
from tests.media.test_forwarding import BUILT, DELTA, KEY, MEDIA, PUBLISHER, VIEWER, Line, media, vp8_frame

AUDIO, OTHER = 3001, 4001
_TRACKS = ((MEDIA, "video", VP8), (AUDIO, "audio", OPUS), (OTHER, "video", H264))
_BODIES = {
    MEDIA: (DELTA, KEY, vp8_frame(7, 3), vp8_frame(7, 3, key=True), b"", b"\x90", b"\x10"),
    AUDIO: (b"\x78opus", b""),
    OTHER: (b"\x41slice", b"\x65key", b"\x7c\x85first", b"\x78\0\2\x65\0"),
}


@dataclass(frozen=True)
class Sent:
    """A packet of a publisher: what is ordinary about it, and what is not."""

    ssrc: int
    step: int = 1
    frame: bool = True
    body: int = 0
    marker: bool = False
    extension: int = 1
    """0: none; 1: number and level; 2: longer; 3: a mid before them, and as long as 1."""
    padding: int = 0
    sources: int = 0
    kind: int | None = None
    broken: bool = False


class Both(Line):
    """A publisher of three tracks, as one that negotiated all extensions has them."""

    def __init__(self, loop: FanOut | None) -> None:
        token = BUILT.set(loop)
        super().__init__()
        BUILT.reset(token)
        self.forwarder.heard = hear
        self.publisher.level_number, self.publisher.transport_number = 1, 3
        self.publisher.arrivals = Arrivals()
        self.viewer.numbered = True
        self.viewer.numbers[0] = 5
        self.publisher.ups.clear()
        self._numbers, self._stamps, self._wide = dict.fromkeys(_BODIES, 65_530), dict.fromkeys(_BODIES, 0), 0
        self.tracks: list[UpTrack] = []
        for ssrc, kind, codec in _TRACKS:
            up = UpTrack(Track(str(ssrc), "a", kind, "s"), "s", self.publisher, str(ssrc), codec,
                         repair=Codec(97, "RTX", 90_000))  # fmt: skip
            up.layers[0].ssrc = ssrc
            self.publisher.ups[ssrc] = up.layers[0]
            down = DownTrack(up, self.viewer, ssrc + 1, codec.payload_type, "1")
            down.sequence_offset, down.timestamp_offset = 10, 20
            self.viewer.downs[ssrc + 1] = down
            up.viewers = (down,)
            switching.aim(down, up.layers[0])
            self.tracks.append(up)

    def batch(self, packets: Sequence[Sent]) -> None:
        """Packets that lie in the socket together."""
        incoming = self.incoming
        messages = ffi.cast("struct mmsghdr *", incoming.messages_at)
        lengths = []
        for place, sent in enumerate(packets):
            plain = self._packet(sent)
            self.buffer.put(0, plain)
            length = self.publisher_end.seal_rtp(self.buffer, len(plain))
            if sent.broken:
                self.buffer.view[length - 1] ^= 1
            incoming.packets[place].copy(0, self.buffer, 0, length)
            messages[place].msg_len = length
            ffi.memmove(messages[place].msg_hdr.msg_name, PUBLISHER.key.ljust(16, b"\0"), 16)
            lengths.append(length)
        for place in self.forwarder.take(incoming, len(packets), self.now):
            self.forwarder.receive(
                self.publisher, incoming.packets[place], lengths[place], self.now, PUBLISHER.key.ljust(16, b"\0")
            )
        self.feedback.repair.flush(self.now)
        self.now += 0.01

    def _packet(self, sent: Sent) -> bytes:
        ssrc, bodies = sent.ssrc, _BODIES[sent.ssrc]
        self._numbers[ssrc] += sent.step
        self._stamps[ssrc] += 3_000 * sent.frame
        self._wide += 1
        codec = next(codec for one, _, codec in _TRACKS if one == ssrc)
        kind = codec.payload_type if sent.kind is None else sent.kind
        first = 0x80 | sent.sources | 0x10 * bool(sent.extension) | 0x20 * bool(sent.padding)
        head = struct.pack(
            "!BBHLL", first, kind | 0x80 * sent.marker, self._numbers[ssrc] & 0xFFFF, self._stamps[ssrc], ssrc
        )
        head += bytes(4 * sent.sources)
        if sent.extension:
            words = b"\x40m" * (sent.extension == 3) + struct.pack("!BBBH", 0x10, 30, 0x31, self._wide & 0xFFFF)
            size = 3 if sent.extension == 2 else 2
            head += struct.pack("!HH", 0xBEDE, size) + words.ljust(4 * size, b"\0")
        return (
            head
            + bodies[sent.body % len(bodies)]
            + bytes(max(0, sent.padding - 1))
            + bytes([sent.padding] * (sent.padding > 0))
        )

    def state(self) -> list[object]:
        """All that a packet leaves behind."""
        told: list[object] = []
        for up in self.tracks:
            layer, (down,) = up.layers[0], up.viewers
            reception = layer.reception
            told += [
                layer.history, layer.octets, layer.frames, layer.frame_at, reception.highest, reception.timestamp,
                reception.newest_at, reception.received, reception.expected, round(reception.late_s, 9),
                round(reception.state.jitter, 6), down.sent, sorted(layer.asked), round(up.level, 9),
                layer.key_timestamp, layer.key_octets, layer.key_sequence, len(layer.downs), len(layer.awaiting),
            ]  # fmt: skip
            if up.is_video:
                told.append(layer.frame_timestamp)
        arrivals = self.publisher.arrivals
        assert arrivals is not None
        told.append(arrivals.packets(1, 2))
        told += [self.publisher.heard_at, self.forwarder.forwarded, self.viewer.numbers[0]]
        # Each stream keeps its order; which of two is sent on first within a batch is free.
        seen = [(p.ssrc, p.sequence_number, p.timestamp, p.marker, p.payload) for p in self.seen()]
        told.append(sorted(seen, key=lambda packet: packet[0]))
        return told


_ORDINARY = st.builds(Sent, st.sampled_from(list(_BODIES)), frame=st.booleans(), marker=st.booleans())
_ANY = st.builds(
    Sent, st.sampled_from(list(_BODIES)), st.sampled_from([1, 1, 1, 2, 0, -1, -3, 300]), st.booleans(),
    st.integers(0, 6), st.booleans(), st.integers(0, 3), st.sampled_from([0, 0, 1, 4, 255]), st.sampled_from([0, 0, 2]),
    st.sampled_from([None, None, None, 97, 13]), st.sampled_from([False, False, False, True]),
)  # fmt: skip
_BATCH = st.tuples(
    st.lists(st.one_of(_ORDINARY, _ORDINARY, _ANY), min_size=1, max_size=12),
    st.sampled_from(["", "", "", "away", "back", "address", "moved", "level"]),
)


@given(st.lists(_BATCH, min_size=1, max_size=8))
def test_c_and_python_do_the_same(batches: list[tuple[list[Sent], str]]) -> None:
    loop = FanOut.load()
    assert loop is not None
    begin = [Sent(ssrc, body=1 if ssrc != AUDIO else 0, marker=True) for ssrc in _BODIES]
    python, built = Both(None), Both(loop)
    for line in (python, built):
        line.batch(begin)
    for packets, change in batches:
        for line in (python, built):
            line.batch(packets)
            _change(line, change)
        assert built.state() == python.state()


def _change(line: Both, what: str) -> None:
    for up in line.tracks:
        (down,) = up.viewers
        if what == "away":
            switching.aim(down, None)
        elif what == "back" and down.target is None:
            switching.aim(down, up.layers[0])
    if what == "address":
        line.viewer.address = Address(VIEWER.host, VIEWER.port, VIEWER.key)
        line.viewer.changed()
    elif what == "moved":
        line.publisher.disarm()
    elif what == "level":
        line.publisher.route(dict(line.publisher.ups))


def test_ordinary_packets_are_taken_in_c() -> None:
    """Without this all of the above would hold if C never took anything."""
    line = Both(FanOut.load())
    line.batch([Sent(ssrc, body=1 if ssrc != AUDIO else 0, marker=True) for ssrc in _BODIES])
    line.batch([Sent(ssrc) for ssrc in _BODIES])
    handled: list[int] = []
    receive = line.forwarder.receive
    line.forwarder.receive = lambda *given, **more: (handled.append(1), receive(*given, **more))[1]  # type: ignore[method-assign, func-returns-value]  # counts what is left to Python
    for _ in range(10):
        line.batch([Sent(MEDIA), Sent(AUDIO), Sent(MEDIA, frame=False), Sent(AUDIO)])
    assert handled == []
    assert [packet.ssrc for packet in line.seen()].count(MEDIA + 1) == 22


@pytest.mark.parametrize("loop", [None, FanOut.load()], ids=["python", "c"])
def test_a_mid_that_is_left_away_does_not_move_what_stands_behind_it(loop: FanOut | None) -> None:
    """Browsers send the mid until they have been heard; extensions may be as long without it."""
    line = Both(loop)
    line.batch([Sent(AUDIO, extension=3)])
    for extension in (3, 1, 1, 3, 1):
        line.batch([Sent(AUDIO, extension=extension), Sent(AUDIO, extension=extension)])
    assert line.publisher.arrivals is not None
    (written,) = line.publisher.arrivals.packets(1, 2)
    report = transport_feedback.read(written, next(iter(rtcp.walk(written, len(written)))))
    assert [number for number, arrival in report if arrival is not None] == list(range(1, 12))
    level = line.tracks[1].level
    assert 0.2 < level < 1 - 30 / 55


@pytest.mark.parametrize("ended", ["route", "release"])
def test_a_source_that_has_ended_is_not_found(ended: str) -> None:
    line = Both(FanOut.load())
    line.batch([Sent(ssrc, body=1 if ssrc != AUDIO else 0) for ssrc in _BODIES])
    line.batch([Sent(ssrc) for ssrc in _BODIES])
    line.seen()
    layers = list(line.publisher.ups.values())
    assert all(layer.source is not None for layer in layers)
    if ended == "route":
        line.publisher.route({})
    else:
        for layer in layers:
            assert layer.source is not None
            layer.source.release()
        line.publisher.ups.clear()
    line.publisher.strangers |= set(_BODIES)
    line.batch([Sent(ssrc) for ssrc in _BODIES])
    assert line.seen() == []
    assert [layer.source for layer in layers] == [None] * 3


def test_many_sources_come_and_go() -> None:
    """The table of sources is reused, and one that is full leaves packets to Python."""
    line = Both(FanOut.load())
    other, end = line._connect(Direction.PUBLISH, PUBLISHER, 9)
    for number in range(2_100):
        up = UpTrack(Track("t", "a", "audio", "s"), "s", other, "0", OPUS)
        up.layers[0].ssrc = 10_000 + number
        other.ups[10_000 + number] = up.layers[0]
    for ssrc in other.ups:
        line.buffer.put(0, media(1, b"\x78", ssrc=ssrc, kind=111))
        line.arrive(other, end.seal_rtp(line.buffer, 13), PUBLISHER)
    armed = [layer for layer in other.ups.values() if layer.source is not None]
    assert len(armed) == 2_048
    assert sum(layer.reception.received for layer in other.ups.values()) == 2_100
    other.route({})
    line.batch([Sent(ssrc, body=1 if ssrc != AUDIO else 0) for ssrc in _BODIES])
    line.batch([Sent(ssrc) for ssrc in _BODIES])
    assert all(layer.source is not None for layer in line.publisher.ups.values())
