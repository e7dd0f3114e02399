"""The socket, met by strangers: nothing unverified gets an answer, takes memory or takes a call over."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from aioice import stun
from OpenSSL import SSL

from foundation.clock import FakeClock
from foundation.tasks import Tasks
from media.api import ConnectionState, Direction
from media.connection import Connection
from media.dtls import Certificate, DtlsState
from media.settings import WorkerSettings
from media.transport import Transport
from tests.media.test_seam import check


class Owner:
    """Remembers what its connections were told."""

    def __init__(self) -> None:
        self.states: list[ConnectionState] = []

    def connection_changed(self, connection: Connection, state: ConnectionState) -> None:
        self.states.append(state)

    def introduce(self, ssrc: int, payload_type: int, mid: str | None, rid: str | None) -> None: ...


def place(connection: Connection) -> tuple[str, int]:
    """Where the connection's packets go."""
    assert connection.address is not None
    return connection.address.host, connection.address.port


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


class Client(Stranger):
    """A stranger who has a certificate and completes the handshake, as a browser does."""

    def __init__(self, transport: Transport, clock: FakeClock) -> None:
        super().__init__(transport)
        certificate = Certificate(clock.now())
        self.fingerprints = {"sha-256": certificate.fingerprint}
        self._ssl = SSL.Connection(certificate.context)
        self._ssl.set_connect_state()
        self._ssl.set_ciphertext_mtu(1200)

    async def connect(self, connection: Connection, *, lose_last_flight: bool = False) -> None:
        self.send(greeting(connection, nominate=True))
        assert await self.hears()
        flights = 0
        while True:
            with suppress(SSL.WantReadError):
                self._ssl.do_handshake()
                return
            self._flush()
            flights += 1
            while (datagram := await self.hears()) is not None:
                if not (lose_last_flight and flights == 2):
                    self._ssl.bio_write(datagram)
            if lose_last_flight and flights == 2:
                timeout = self._ssl.DTLSv1_get_timeout()
                assert timeout is not None
                await asyncio.sleep(timeout)  # OpenSSL's own timer, which takes no injected clock
                assert self._ssl.DTLSv1_handle_timeout()

    def _flush(self) -> None:
        with suppress(SSL.Error):
            while True:
                self.send(self._ssl.bio_read(1200))

    def said(self, records: int) -> bytes:
        """A datagram with that many records of application data."""
        for _ in range(records):
            self._ssl.send(b"anything")
        return self._ssl.bio_read(4096)

    def read(self, datagram: bytes) -> bytes:
        self._ssl.bio_write(datagram)
        return self._ssl.recv(100)


@pytest.fixture
async def client(transport: Transport, clock: FakeClock) -> AsyncIterator[Client]:
    client = Client(transport, clock)
    yield client
    client.close()


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
    assert place(connection) == stranger.address


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
    assert place(connection) == stranger.address  # a second way that nobody has nominated
    other.send(greeting(connection, nominate=True))
    await other.hears()
    assert place(connection) == other.address
    clock.advance(2)
    stranger.send(greeting(connection))  # the other way fell silent
    await stranger.hears()
    assert place(connection) == stranger.address


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


async def test_silence_is_told_and_so_is_the_return(transport: Transport, client: Client, clock: FakeClock) -> None:
    owner = Owner()
    connection = transport.open(owner, Direction.PUBLISH)
    connection.peer_fingerprints = client.fingerprints
    await client.connect(connection)
    await until(owner, ConnectionState.CONNECTED)
    clock.advance(4.5)
    await asyncio.sleep(0.25)  # two of the transport's ticks, which are real time
    assert owner.states == [ConnectionState.CONNECTED]
    clock.advance(1)
    await until(owner, ConnectionState.CONNECTED, ConnectionState.DISCONNECTED)
    client.send(greeting(connection))
    came_back = [ConnectionState.CONNECTED, ConnectionState.DISCONNECTED, ConnectionState.CONNECTED]
    await until(owner, *came_back)
    clock.advance(61)
    await until(owner, *came_back, ConnectionState.CLOSED)
    assert transport.connections == 0


async def test_no_media_passes_before_the_answer_or_for_another_certificate(
    transport: Transport, client: Client
) -> None:
    owner = Owner()
    connection = transport.open(owner, Direction.SUBSCRIBE)
    await client.connect(connection)
    assert connection.srtp is None
    assert owner.states == []
    connection.peer_fingerprints = {"sha-256": ":".join(["00"] * 32)}
    transport.trust(connection)
    assert owner.states == [ConnectionState.CLOSED]
    assert connection.srtp is None


async def test_the_answer_may_come_after_the_handshake(transport: Transport, client: Client) -> None:
    owner = Owner()
    connection = transport.open(owner, Direction.SUBSCRIBE)
    await client.connect(connection)
    connection.peer_fingerprints = client.fingerprints
    transport.trust(connection)
    assert owner.states == [ConnectionState.CONNECTED]
    assert connection.srtp is not None


async def test_a_lost_last_flight_is_repeated(transport: Transport, client: Client) -> None:
    owner = Owner()
    connection = transport.open(owner, Direction.PUBLISH)
    connection.peer_fingerprints = client.fingerprints
    await client.connect(connection, lose_last_flight=True)
    assert owner.states == [ConnectionState.CONNECTED]


async def test_a_settled_association_still_ends_with_a_goodbye(
    transport: Transport, client: Client, clock: FakeClock
) -> None:
    owner = Owner()
    connection = transport.open(owner, Direction.PUBLISH)
    connection.peer_fingerprints = client.fingerprints
    await client.connect(connection)
    await until(owner, ConnectionState.CONNECTED)
    connection.proved = True  # RTCP has come
    clock.advance(6)
    client.send(greeting(connection))
    await asyncio.sleep(0.25)
    assert connection.dtls is not None
    assert connection.dtls.state is DtlsState.SETTLED
    alert = bytes((21, 254, 253)) + bytes(10)
    # Anybody could have sent this: who sends authentic packets after it has not left.
    client.send(alert)
    for _ in range(4):
        clock.advance(1)
        client.send(greeting(connection))
        await asyncio.sleep(0.25)
    assert owner.states == [ConnectionState.CONNECTED]
    client.send(alert)
    await asyncio.sleep(0.05)
    clock.advance(4)
    await until(owner, ConnectionState.CONNECTED, ConnectionState.CLOSED)


async def test_closing_says_goodbye(transport: Transport, client: Client) -> None:
    connection = transport.open(Owner(), Direction.PUBLISH)
    connection.peer_fingerprints = client.fingerprints
    await client.connect(connection)
    while await client.hears() is not None:
        pass
    transport.close(connection)
    farewell = await client.hears()
    assert farewell is not None
    with pytest.raises(SSL.ZeroReturnError):
        client.read(farewell)


async def test_a_handshake_is_sent_in_datagrams_that_pass(
    transport: Transport, stranger: Stranger, clock: FakeClock
) -> None:
    connection = transport.open(Owner(), Direction.PUBLISH)
    stranger.send(greeting(connection))
    await stranger.hears()
    stranger.send(await client_hello(clock))
    flight = []
    while (datagram := await stranger.hears()) is not None:
        flight.append(datagram)
    assert flight
    assert all(len(datagram) <= 1200 for datagram in flight)
    assert all(datagram[0] == 22 for datagram in flight)
