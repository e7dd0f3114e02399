"""The socket, met by strangers: nothing unverified gets an answer, takes memory or takes a call over."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator

import pytest
from aioice import stun
from OpenSSL import SSL

from foundation.clock import FakeClock
from foundation.tasks import Tasks
from media.api import ConnectionState, Direction
from media.connection import Connection
from media.dtls import Certificate
from media.settings import WorkerSettings
from media.transport import Transport
from tests.media.test_seam import check


class Owner:
    """Remembers what its connections were told."""

    def __init__(self) -> None:
        self.states: list[ConnectionState] = []

    def connection_changed(self, connection: Connection, state: ConnectionState) -> None:
        self.states.append(state)

    def introduce(self, ssrc: int, payload_type: int, mid: str | None) -> None: ...


class Stranger:
    """A UDP socket that talks to the worker."""

    def __init__(self, transport: Transport) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(("127.0.0.1", 0))
        self._to = ("127.0.0.1", transport.endpoint.port)

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._socket.getsockname()
        return host, port

    def send(self, data: bytes) -> None:
        self._socket.sendto(data, self._to)

    async def hears(self) -> bytes | None:
        """The next datagram, or None when the worker, given its turns, sends none."""
        for _ in range(50):
            await asyncio.sleep(0)
            try:
                return self._socket.recv(2048)
            except BlockingIOError:
                continue
        return None

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def transport(clock: FakeClock, tasks: Tasks) -> Transport:
    transport = Transport(WorkerSettings("w", "t", max_handshakes=2, max_connections=10), clock)
    tasks.start("transport", transport.run())
    await asyncio.sleep(0)
    return transport


@pytest.fixture
async def stranger(transport: Transport) -> AsyncIterator[Stranger]:
    stranger = Stranger(transport)
    yield stranger
    stranger.close()


@pytest.fixture
async def other(transport: Transport) -> AsyncIterator[Stranger]:
    other = Stranger(transport)
    yield other
    other.close()


def greeting(connection: Connection, *, nominate: bool = False) -> bytes:
    return check(f"{connection.ufrag}:x", password=connection.password, nominate=nominate)


async def client_hello(clock: FakeClock) -> bytes:
    context = Certificate(clock.now()).context
    client = SSL.Connection(context)
    client.set_connect_state()
    client.set_ciphertext_mtu(1200)
    with pytest.raises(SSL.WantReadError):
        client.do_handshake()
    return client.bio_read(4096)


async def until(owner: Owner, *states: ConnectionState) -> None:
    async with asyncio.timeout(5):
        while owner.states != list(states):
            await asyncio.sleep(0.01)


async def test_an_authentic_check_is_answered(transport: Transport, stranger: Stranger) -> None:
    connection = transport.open(Owner(), Direction.PUBLISH)
    stranger.send(greeting(connection))
    answer = await stranger.hears()
    assert answer is not None
    assert stun.parse_message(answer).attributes["XOR-MAPPED-ADDRESS"] == stranger.address
    assert connection.address == stranger.address


async def test_strangers_get_no_answer(transport: Transport, stranger: Stranger, clock: FakeClock) -> None:
    connection = transport.open(Owner(), Direction.PUBLISH)
    for data in (
        check(f"{connection.ufrag}:x", password="wrong" * 5),
        check("unknown:x"),
        check(""),
        bytes(stun.Message(stun.Method.BINDING, stun.Class.REQUEST)),
        greeting(connection)[:-4],
        await client_hello(clock),
        b"\x80\x60" + bytes(100),
        b"\x80\xc8" + bytes(100),
        b"",
        b"\x00",
        *(os.urandom(200) for _ in range(50)),
    ):
        stranger.send(data)
    assert await stranger.hears() is None
    assert connection.address is None
    assert connection.dtls is None


async def test_an_address_is_followed_when_it_proves_itself(
    transport: Transport, stranger: Stranger, other: Stranger, clock: FakeClock
) -> None:
    connection = transport.open(Owner(), Direction.PUBLISH)
    stranger.send(greeting(connection))
    await stranger.hears()
    other.send(greeting(connection))
    await other.hears()
    assert connection.address == stranger.address  # a second way that nobody has nominated
    other.send(greeting(connection, nominate=True))
    await other.hears()
    assert connection.address == other.address
    clock.advance(2)
    stranger.send(greeting(connection))  # the other way fell silent
    await stranger.hears()
    assert connection.address == stranger.address


async def test_a_living_calls_address_cannot_be_taken(
    transport: Transport, stranger: Stranger, clock: FakeClock
) -> None:
    mine, theirs = transport.open(Owner(), Direction.PUBLISH), transport.open(Owner(), Direction.PUBLISH)
    stranger.send(greeting(mine, nominate=True))
    assert await stranger.hears()
    stranger.send(greeting(theirs, nominate=True))
    assert await stranger.hears() is None
    assert theirs.address is None
    clock.advance(6)
    stranger.send(greeting(theirs, nominate=True))
    assert await stranger.hears()


async def test_addresses_of_one_connection_are_bounded(transport: Transport) -> None:
    connection = transport.open(Owner(), Direction.PUBLISH)
    strangers = [Stranger(transport) for _ in range(30)]
    for stranger in strangers:
        stranger.send(greeting(connection))
        assert await stranger.hears()
        stranger.close()
    assert len(connection.addresses) <= 8
    assert connection.address == connection.addresses[0]


async def test_half_open_handshakes_are_bounded_and_end(transport: Transport, clock: FakeClock) -> None:
    owner = Owner()
    hello = await client_hello(clock)
    connections = [transport.open(owner, Direction.PUBLISH) for _ in range(4)]
    strangers = [Stranger(transport) for _ in connections]
    for stranger, connection in zip(strangers, connections, strict=True):
        stranger.send(greeting(connection))
        assert await stranger.hears()
        stranger.send(hello)
    answered = [await stranger.hears() for stranger in strangers]
    assert [answer is not None for answer in answered] == [True, True, False, False]
    assert sum(len(answer or b"") for answer in answered) < 2 * 3 * len(hello) + 2 * 1200
    clock.advance(11)
    await until(owner, ConnectionState.CLOSED, ConnectionState.CLOSED)
    strangers[2].send(hello)  # there is room again
    assert await strangers[2].hears()
    clock.advance(30)
    await until(owner, *[ConnectionState.CLOSED] * 4)
    assert transport.connections == 0
    for stranger in strangers:
        stranger.close()


async def test_junk_instead_of_a_handshake_ends_nothing_else(
    transport: Transport, stranger: Stranger, other: Stranger
) -> None:
    connection, bystander = (transport.open(Owner(), Direction.PUBLISH) for _ in range(2))
    stranger.send(greeting(connection))
    await stranger.hears()
    for _ in range(50):
        stranger.send(bytes((22,)) + os.urandom(100))
        stranger.send(b"\x16\xfe\xfd" + os.urandom(60))
    other.send(greeting(bystander))
    assert await other.hears()


async def test_connections_are_bounded(transport: Transport) -> None:
    connections = [transport.open(Owner(), Direction.PUBLISH) for _ in range(10)]
    with pytest.raises(Exception, match=r"media\.unavailable"):
        transport.open(Owner(), Direction.PUBLISH)
    transport.close(connections[0])
    transport.open(Owner(), Direction.PUBLISH)
