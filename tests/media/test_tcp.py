"""Media by TCP: framing, strangers, bounds, and peers who read too slowly."""

import asyncio
import os
import random
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest
from aioice import stun

from foundation.clock import FakeClock
from foundation.tasks import Tasks
from media import codecs
from media.address import Address
from media.aiortc_seam import PacketBuffer
from media.api import Direction, Track
from media.connection import Connection
from media.description import Endpoint
from media.settings import WorkerSettings
from media.sockets import bind
from media.stream import LATE_S, STALE_S, TcpStream
from media.tcp import TcpListener
from media.tracks import DownTrack, UpTrack
from media.transport import Transport
from tests.media.test_seam import check
from tests.media.test_transport import Owner

SETTINGS = WorkerSettings("w", "t", tcp_streams=6, tcp_streams_per_site=4)
CHECK = check()
AUDIO, RED, VIDEO, REPAIR = 111, 63, 96, 97


def framed(*packets: bytes) -> bytes:
    """Packets as RFC 4571 puts them on the line."""
    return b"".join(len(packet).to_bytes(2, "big") + packet for packet in packets)


def rtp(payload_type: int, number: int, timestamp: int, ssrc: int, size: int) -> bytes:
    return struct.pack("!BBHLL", 0x80, payload_type, number & 0xFFFF, timestamp, ssrc).ljust(size, b"\0")


class Desk:
    """In the place of the transport: keeps what came, and answers checks when it is told to."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.ended: list[Address] = []
        self.answers = True

    def take(self, packet: PacketBuffer, length: int, address: Address, now: float) -> None:
        self.received.append(bytes(packet.view[:length]))
        if self.answers and packet.view[0] < 4 and address.stream is not None:
            address.stream.prove(lambda ssrc: ssrc == 1)
            address.stream.write(b"\1\1")

    def gone(self, address: Address) -> None:
        self.ended.append(address)


class Caller:
    """A raw TCP client."""

    def __init__(self, port: int, host: str = "127.0.0.1", window: int | None = None) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if window is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.socket.bind((host, 0))
        self.socket.connect(("127.0.0.1", port))
        self.socket.setblocking(False)
        self._kept = b""
        self.ended = False

    def send(self, data: bytes) -> None:
        with suppress(ConnectionError):
            self.socket.sendall(data)

    def read(self, most: int = 1 << 20) -> list[bytes]:
        """Whole frames among what has come."""
        with suppress(BlockingIOError):
            try:
                while chunk := self.socket.recv(most):
                    self._kept += chunk
                self.ended = True
            except ConnectionError:
                self.ended = True
        frames = []
        while len(self._kept) >= 2 and len(self._kept) >= 2 + (length := int.from_bytes(self._kept[:2], "big")):
            frames.append(self._kept[2 : 2 + length])
            self._kept = self._kept[2 + length :]
        return frames

    async def hangs(self) -> bool:
        """Whether the other side lets it stay."""
        for _ in range(20):
            await asyncio.sleep(0)
        self.read()
        return not self.ended

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def listener(desk: Desk, clock: FakeClock) -> AsyncIterator[TcpListener]:
    datagrams, listening = bind(SETTINGS)
    datagrams.close()
    assert listening is not None
    listener = TcpListener(listening, SETTINGS, desk, clock)
    listener.start()
    yield listener
    listener.close()


@pytest.fixture
async def call(listener: TcpListener) -> AsyncIterator[Callable[..., Caller]]:
    callers: list[Caller] = []

    def make(host: str = "127.0.0.1", window: int | None = None) -> Caller:
        callers.append(Caller(listener.port, host, window))
        return callers[-1]

    yield make
    for caller in callers:
        caller.close()


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def welcomed(call: Callable[..., Caller], listener: TcpListener, window: int | None = None) -> Caller:
    """A caller who has shown that it knows the password."""
    caller = call(window=window)
    caller.send(framed(CHECK))
    await turns()
    assert caller.read() == [b"\1\1"]
    return caller


def only_stream(listener: TcpListener) -> TcpStream:
    (stream,) = listener.all()
    return stream


async def test_frames_come_whole_however_they_are_cut(call: Callable[..., Caller], desk: Desk) -> None:
    packets = [CHECK, b"", b"\x80" + bytes(2047), b"\x80", CHECK, *(bytes([128]) * n for n in range(1, 40))]
    line = framed(*packets)
    chance = random.Random(1)
    for pieces in (1, 7, 200):
        desk.received.clear()
        caller = call()
        cuts = sorted(chance.randrange(len(line)) for _ in range(pieces))
        for start, end in zip([0, *cuts], [*cuts, len(line)], strict=True):
            caller.send(line[start:end])
            await turns(3)
        await turns()
        assert desk.received == [packet for packet in packets if packet]


async def test_a_first_frame_that_is_no_check_is_not_even_looked_at(call: Callable[..., Caller], desk: Desk) -> None:
    for first in (
        b"\x80\x60" + bytes(100),
        b"\x16\xfe\xfd" + bytes(60),
        CHECK[:19],
        CHECK[:4] + b"\0\0\0\0" + CHECK[8:],
        b"GET / HTTP/1.1\r\n\r\n",
        bytes(20),
    ):
        caller = call()
        caller.send(framed(first))
        assert not await caller.hangs()
    http = call()
    http.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")  # "GE" is a length of 18,245
    assert not await http.hangs()
    assert desk.received == []


async def test_a_check_that_is_not_answered_ends_it(call: Callable[..., Caller], desk: Desk) -> None:
    desk.answers = False
    caller = call()
    caller.send(framed(CHECK, b"\x80" + bytes(50)))
    assert not await caller.hangs()
    assert desk.received == [CHECK]
    assert len(desk.ended) == 1


async def test_who_says_nothing_is_cut_in_time(
    call: Callable[..., Caller], listener: TcpListener, clock: FakeClock
) -> None:
    silent, slow = call(), call()
    slow.send(framed(CHECK)[:10])
    await turns()
    clock.advance(4.9)
    listener.tick(clock.monotonic())
    assert await silent.hangs()
    clock.advance(0.2)
    slow.send(framed(CHECK)[10:12])  # a byte now and then is no sign of life
    await turns()
    listener.tick(clock.monotonic())
    assert not await silent.hangs()
    assert not await slow.hangs()
    assert listener.streams == 0


async def test_silence_ends_a_connection(call: Callable[..., Caller], listener: TcpListener, clock: FakeClock) -> None:
    caller = await welcomed(call, listener)
    for _ in range(3):
        clock.advance(20)
        listener.tick(clock.monotonic())
        caller.send(framed(CHECK))
        await turns()
    clock.advance(29)
    listener.tick(clock.monotonic())
    assert await caller.hangs()
    clock.advance(2)
    listener.tick(clock.monotonic())
    assert not await caller.hangs()


async def test_an_oversized_frame_ends_it_before_it_comes(call: Callable[..., Caller], listener: TcpListener) -> None:
    caller = await welcomed(call, listener)
    caller.send((2049).to_bytes(2, "big"))
    assert not await caller.hangs()
    assert listener.streams == 0


async def test_connections_are_bounded_in_all_and_by_place(call: Callable[..., Caller], listener: TcpListener) -> None:
    first = [call() for _ in range(5)]
    assert [await caller.hangs() for caller in first] == [True] * 4 + [False]
    second = [call("127.0.0.2") for _ in range(3)]
    assert [await caller.hangs() for caller in second] == [True, True, False]
    assert (listener.streams, listener.refused) == (6, 2)
    first[0].close()
    await turns()
    assert await call("127.0.0.2").hangs()  # a place is free again


async def test_strangers_cost_little_and_pass(call: Callable[..., Caller], listener: TcpListener, desk: Desk) -> None:
    """A thousand connections with junk, one after the other: all gone, and a person still gets in."""
    chance = random.Random(2)
    for _ in range(1000):
        caller = call()
        caller.send(chance.randbytes(chance.randrange(200)))
        if chance.random() < 0.5:
            caller.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        caller.close()
        await turns(3)
    await turns(50)
    assert listener.streams == 0
    assert desk.received == []
    await welcomed(call, listener)


async def test_packets_go_out_framed_and_in_order(call: Callable[..., Caller], listener: TcpListener) -> None:
    caller = await welcomed(call, listener)
    stream = only_stream(listener)
    packets = [rtp(AUDIO, n, n * 960, 1, 60 + n) for n in range(50)]
    for packet in packets:
        stream.write(memoryview(packet))
    await turns()
    assert caller.read() == packets


async def drained(caller: Caller, stream: TcpStream) -> list[bytes]:
    """What a caller gets who reads on until nothing more comes."""
    frames: list[bytes] = []
    idle = 0
    while idle < 20:
        await asyncio.sleep(0.005)
        more = caller.read()
        idle = 0 if more else idle + 1
        frames += more
    return frames


async def test_who_reads_too_slowly_loses_whole_pictures_and_hears_on(
    call: Callable[..., Caller], listener: TcpListener, clock: FakeClock
) -> None:
    """Ten seconds of a call that nobody reads: memory stays bounded, sound stays first, no picture is torn."""
    caller = await welcomed(call, listener, window=4096)
    stream = only_stream(listener)
    pictures, sounds = 300, 500
    due = sorted([(n / 30, "picture", n) for n in range(pictures)] + [(n / 50, "sound", n) for n in range(sounds)])
    now = 0.0
    for at, kind, number in due:
        clock.advance(at - now)
        now = at
        if kind == "sound":
            stream.write(rtp(AUDIO, number, number * 960, 1, 100))
        else:
            for part in range(6):
                stream.write(rtp(VIDEO, number * 6 + part, number * 3000, 2, 1100))
        assert stream.waiting < 128 << 10
    assert stream.dropped > 1000
    frames = await drained(caller, stream)
    heard = [int.from_bytes(frame[2:4], "big") for frame in frames if frame[1] == AUDIO]
    newest = int(LATE_S * 50)
    assert heard[-newest:] == list(range(sounds - newest, sounds))
    assert heard == sorted(heard)
    assert len(heard) < 3 * newest, "what is too late to be played is not sent"
    seen: dict[int, int] = {}
    for frame in frames:
        if frame[1] == VIDEO:
            timestamp = int.from_bytes(frame[4:8], "big")
            seen[timestamp] = seen.get(timestamp, 0) + 1
    assert set(seen.values()) == {6}
    # No later than the freshness that is promised: those of the first quarter of a second, and one more.
    assert max(seen) / 90_000 <= STALE_S + 0.3
    assert stream.waiting == 0
    stream.write(rtp(VIDEO, 9999, 9_999_000, 2, 1100))  # and everything flows again
    await turns()
    assert len(await drained(caller, stream)) == 1


async def test_sound_overtakes_the_picture_that_waits(
    call: Callable[..., Caller], listener: TcpListener, clock: FakeClock
) -> None:
    caller = await welcomed(call, listener, window=4096)
    stream = only_stream(listener)
    for number in range(400):  # one very large key frame
        stream.write(rtp(VIDEO, number, 0, 2, 1100))
    control = b"\x80\xc8" + bytes(26)
    for packet in (rtp(AUDIO, 1, 1, 1, 100), control, CHECK, rtp(RED, 2, 2, 1, 100)):
        stream.write(packet)
    frames = await drained(caller, stream)
    last_urgent = max(place for place, frame in enumerate(frames) if frame[1] != VIDEO)
    assert len(frames) == 404
    assert last_urgent < 300


async def test_repairs_of_a_picture_that_was_cut_are_cut_too(
    call: Callable[..., Caller], listener: TcpListener, clock: FakeClock
) -> None:
    caller = await welcomed(call, listener, window=4096)
    stream = only_stream(listener)
    for number in range(100):
        stream.write(rtp(VIDEO, number, 0, 2, 1100))
    clock.advance(STALE_S + 0.01)
    for number in range(3):
        stream.write(rtp(REPAIR, number, 0, 3, 1100))
        stream.write(rtp(VIDEO, 100 + number, 0, 2, 1100))  # the rest of what is under way
        stream.write(rtp(VIDEO, 200 + number, 3000, 2, 1100))  # a new picture
    assert stream.dropped == 6
    frames = await drained(caller, stream)
    assert len(frames) == 103


async def test_a_peer_who_never_reads_is_bounded_in_sound_too(
    call: Callable[..., Caller], listener: TcpListener, clock: FakeClock
) -> None:
    await welcomed(call, listener, window=4096)
    stream = only_stream(listener)
    for number in range(20_000):
        stream.write(rtp(AUDIO, number, number * 960, 1, 100))
        stream.write(rtp(VIDEO, number, number, number, 1400))  # a source a packet
    assert stream.waiting <= (512 + 64 << 10) + 2
    assert len(stream.address.waiting) == 0


async def test_writing_to_one_who_has_gone_is_no_error(call: Callable[..., Caller], listener: TcpListener) -> None:
    caller = await welcomed(call, listener)
    stream = only_stream(listener)
    caller.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    caller.close()
    for _ in range(5):
        stream.write(rtp(AUDIO, 1, 1, 1, 100))
        await turns(3)
    assert stream.closed
    stream.write(rtp(AUDIO, 1, 1, 1, 100))
    stream.close()
    assert listener.streams == 0


async def test_no_file_descriptors_left_is_lived_through(
    call: Callable[..., Caller], listener: TcpListener, clock: FakeClock
) -> None:
    import resource

    caller = call()  # has been made, not yet accepted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(name) for name in os.listdir("/proc/self/fd"))  # noqa: PTH208
    resource.setrlimit(resource.RLIMIT_NOFILE, (used, hard))
    try:
        filler = []
        with suppress(OSError):
            while True:
                filler.append(socket.socket())
        await turns()
        assert listener.streams == 0
    finally:
        for one in filler:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    listener.tick(clock.monotonic())
    caller.send(framed(CHECK))
    await turns()
    assert caller.read() == [b"\1\1"]


def test_the_port_is_the_same_for_both_unless_told_otherwise() -> None:
    for settings, same in ((WorkerSettings("w", "t"), True), (WorkerSettings("w", "t", tcp_port=None), None)):
        udp, tcp = bind(settings)
        assert (None if tcp is None else tcp.getsockname() == udp.getsockname()) is same
        udp.close()
        if tcp is not None:
            tcp.close()


def test_a_taken_tcp_port_is_told_when_it_was_asked_for() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            bind(WorkerSettings("w", "t", port=taken.getsockname()[1]))


def test_candidates_prefer_udp() -> None:
    lines = Endpoint(("192.0.2.1", "10.0.0.1"), 40000, "AB", 40000).candidates()
    assert lines == [
        "a=candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host",
        "a=candidate:2 1 udp 2130706175 10.0.0.1 40000 typ host",
        "a=candidate:3 1 tcp 1520435199 192.0.2.1 40000 typ host tcptype passive",
        "a=candidate:4 1 tcp 1520434943 10.0.0.1 40000 typ host tcptype passive",
    ]
    assert len(Endpoint(("192.0.2.1",), 40000, "AB").candidates()) == 1


@pytest.fixture
async def transport(clock: FakeClock, tasks: Tasks) -> Transport:
    transport = Transport(WorkerSettings("w", "t"), clock)
    tasks.start("transport", transport.run())
    await turns()
    return transport


def greeting(connection: Connection, *, nominate: bool = False) -> bytes:
    return framed(check(f"{connection.ufrag}:x", password=connection.password, nominate=nominate))


async def test_a_connection_comes_by_tcp_and_comes_back(transport: Transport, clock: FakeClock) -> None:
    assert transport.endpoint.tcp_port is not None
    connection = transport.open(Owner(), Direction.PUBLISH)
    first = Caller(transport.endpoint.tcp_port)
    first.send(greeting(connection, nominate=True))
    await turns()
    (answer,) = first.read()
    assert stun.parse_message(answer).attributes["XOR-MAPPED-ADDRESS"] == first.socket.getsockname()
    old = connection.address
    assert old is not None
    assert old.stream is not None
    first.close()
    await turns()
    second = Caller(transport.endpoint.tcp_port)
    second.send(greeting(connection, nominate=True))
    await turns()
    assert len(second.read()) == 1
    assert connection.address is not old
    third = Caller(transport.endpoint.tcp_port)
    third.send(greeting(connection))
    await turns()
    third.close()
    await turns()
    assert len(connection.addresses) == 2  # the one that is used, and the one that was when it ended
    second.close()


async def test_a_viewers_sound_is_known_by_what_it_is_sent(transport: Transport, clock: FakeClock) -> None:
    publisher = transport.open(Owner(), Direction.PUBLISH)
    viewer = transport.open(Owner(), Direction.SUBSCRIBE)
    for ssrc, kind, codec in ((11, "audio", codecs.OPUS), (12, "video", codecs.VP8)):
        up = UpTrack(Track(kind, "a", kind, "s"), "s", publisher, "0", codec)
        viewer.downs[ssrc] = DownTrack(up, viewer, ssrc, codec.payload_type, "0")
    assert [viewer.is_sound(ssrc) for ssrc in (11, 12, 13)] == [True, False, False]


async def test_strangers_by_tcp_get_no_answer(transport: Transport) -> None:
    assert transport.endpoint.tcp_port is not None
    connection = transport.open(Owner(), Direction.PUBLISH)
    for frame in (
        check(f"{connection.ufrag}:x", password="wrong" * 5),
        check("unknown:x"),
        bytes(stun.Message(stun.Method.BINDING, stun.Class.REQUEST)),
    ):
        caller = Caller(transport.endpoint.tcp_port)
        caller.send(framed(frame))
        await turns()
        assert caller.read() == []
        assert caller.ended
    assert connection.address is None
