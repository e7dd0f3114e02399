"""What goes out of the socket arrives whole and in order, collected by C or by Python, cut up by the kernel or not."""

import gc
import random
import socket
from collections.abc import Iterator

import pytest

from media.address import Address, key
from media.datagrams import WRITE_BATCH
from media.fan_out import FanOut
from media.outgoing import Outgoing


@pytest.fixture
def receivers() -> Iterator[list[socket.socket]]:
    bound = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
    for one in bound:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        one.bind(("127.0.0.1", 0))
        one.setblocking(False)
    yield bound
    for one in bound:
        one.close()


@pytest.fixture(params=["python", "c"])
def outgoing(request: pytest.FixtureRequest) -> Iterator[Outgoing]:
    native = None if request.param == "python" else FanOut.load()
    assert request.param == "python" or native is not None, "make setup builds media/_fan_out.so where a C compiler is"
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind(("127.0.0.1", 0))
    yield Outgoing(bound, native)
    bound.close()


def address(of: socket.socket) -> Address:
    return Address.read(key("127.0.0.1", of.getsockname()[1], wide=False))


def all_of(one: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(one.recv(4_096))
        except BlockingIOError:
            return found


@pytest.mark.parametrize("segments", [True, False])
def test_everything_arrives_as_it_was_sent(
    outgoing: Outgoing, receivers: list[socket.socket], *, segments: bool
) -> None:
    outgoing.segments = segments
    chance = random.Random("sizes")
    peers = [address(one) for one in receivers]
    sent: list[list[bytes]] = [[] for _ in receivers]
    sizes = (1, 40, 40, 1_100, 1_100, 1_100, 1_900)
    for _ in range(30):
        for _ in range(chance.randrange(1, 120)):
            place = chance.randrange(len(peers))
            # Runs of one size, as a frame's packets are, and what is smaller or larger than those before.
            size = chance.choice(sizes)
            for _ in range(chance.randrange(1, 6)):
                sent[place].append(chance.randbytes(size))
                outgoing.send(sent[place][-1], peers[place])
        outgoing.flush()
    assert outgoing.dropped == 0
    assert [all_of(one) for one in receivers] == sent


def test_more_than_there_is_room_for_goes_out_at_once(outgoing: Outgoing, receivers: list[socket.socket]) -> None:
    peer = address(receivers[0])
    sent = [number.to_bytes(2, "big") * 20 for number in range(WRITE_BATCH + 3)]
    for data in sent:
        outgoing.send(data, peer)
    assert len(all_of(receivers[0])) == WRITE_BATCH
    outgoing.flush()
    assert all_of(receivers[0]) == sent[WRITE_BATCH:]


def test_an_address_that_nobody_else_keeps_is_written_to_all_the_same(
    outgoing: Outgoing, receivers: list[socket.socket]
) -> None:
    """C has only its place in memory."""
    for _ in range(50):
        outgoing.send(b"once", address(receivers[0]))
    gc.collect()
    spoilers = [Address.read(key("127.0.0.1", 9, wide=False)) for _ in range(50)]
    outgoing.flush()
    assert all_of(receivers[0]) == [b"once"] * 50
    assert len(spoilers) == 50


def test_a_stream_gets_its_packets_in_order_beside_datagrams(
    outgoing: Outgoing, receivers: list[socket.socket]
) -> None:
    class Written:
        def __init__(self) -> None:
            self.packets: list[bytes] = []

        def write(self, data: memoryview | bytes) -> None:
            self.packets.append(bytes(data))

        def prove(self, is_sound: object) -> None: ...

    stream = Written()
    by_stream = Address("192.0.2.1", 9, b"a stream", stream)
    for number in range(3):
        outgoing.send(bytes((number,)), by_stream)
        outgoing.send(bytes((number,)), address(receivers[1]))
    outgoing.flush()
    assert stream.packets == all_of(receivers[1]) == [b"\0", b"\1", b"\2"]
