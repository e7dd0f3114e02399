"""What strangers can make the worker's socket do: nothing for nothing, little for little, never at others' cost."""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from itertools import pairwise

import pytest
from aioice import stun

from bench import processes
from foundation.clock import FakeClock
from foundation.errors import Unavailable
from foundation.tasks import Tasks
from media.address import Address, key
from media.api import ConnectionState, Direction
from media.dtls import Certificate, DtlsSession, DtlsState
from media.fan_out import FanOut
from media.outgoing import Outgoing
from media.settings import WorkerSettings
from media.sockets import bind
from media.transport import Transport
from tests.media.test_seam import check
from tests.media.test_transport import Client, Owner, Stranger, client_hello, greeting, until
from tests.media.test_transport import place as where

_RECORD, _HANDSHAKE = struct.Struct("!BHHLHH"), struct.Struct("!B3sH3s3s")
FACTOR = 3
"""Never more than three times what an unverified address has sent."""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def transport(clock: FakeClock, tasks: Tasks) -> Transport:
    transport = Transport(WorkerSettings("w", "t", max_handshakes=64, max_connections=200), clock)
    tasks.start("transport", transport.run())
    await asyncio.sleep(0)
    return transport


@pytest.fixture
async def stranger(transport: Transport) -> AsyncIterator[Stranger]:
    stranger = Stranger(transport)
    yield stranger
    stranger.close()


@pytest.fixture
async def client(transport: Transport, clock: FakeClock) -> AsyncIterator[Client]:
    client = Client(transport, clock)
    yield client
    client.close()


async def everything(stranger: Stranger) -> list[bytes]:
    """All that the worker sends until it falls silent."""
    heard = []
    while (datagram := await stranger.hears()) is not None:
        heard.append(datagram)
    return heard


def fragments(hello: bytes, *cuts: int, number: int = 0) -> list[bytes]:
    """A ClientHello, which comes as one record, cut into handshake fragments (RFC 6347 §4.2.3)."""
    body = hello[_RECORD.size + _HANDSHAKE.size :]
    places = (0, *cuts, len(body))
    return [piece(body, first, last, number=number + place) for place, (first, last) in enumerate(_pairs(places))]


def _pairs(places: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    return pairwise(places)


def piece(
    body: bytes, first: int, last: int, *, number: int, of: int | None = None, message: int = 0, kind: int = 1
) -> bytes:
    """One fragment in one record; `of` is the length that it claims for the whole message."""
    of = len(body) if of is None else of
    part = body[first:last]
    head = _HANDSHAKE.pack(kind, of.to_bytes(3, "big"), message, first.to_bytes(3, "big"), len(part).to_bytes(3, "big"))
    return _RECORD.pack(22, 0xFEFD, 0, number >> 16, number & 0xFFFF, len(head) + len(part)) + head + part


def unproven(ufrag: str, password: str) -> Iterator[bytes]:
    """Checks of somebody who does not know the password."""
    whole = check(f"{ufrag}:x", password=password, nominate=True)
    integrity = whole.index(struct.pack("!HH", 8, 20))
    yield check(f"{ufrag}:x", password="w" * 24)
    yield check(f"{ufrag}:x", password="")
    for place in (0, 2, 3, 8, 25, integrity + 4, integrity + 23, len(whole) - 1):
        yield whole[:place] + bytes((whole[place] ^ 1,)) + whole[place + 1 :]
    for cut in (integrity, integrity + 4, integrity + 12):
        short = whole[:cut]
        yield short
        yield short[:2] + struct.pack("!H", len(short) - 20) + short[4:]
    for size in (0, 1, 19, 21, 64):
        value = bytes(size) + bytes(-size % 4)
        body = whole[20:integrity] + struct.pack("!HH", 8, size) + value
        yield whole[:2] + struct.pack("!H", len(body)) + whole[4:20] + body
    plain = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    plain.attributes["USERNAME"] = f"{ufrag}:x"
    plain.add_fingerprint()
    yield bytes(plain)
    for kind in (stun.Class.INDICATION, stun.Class.RESPONSE, stun.Class.ERROR):
        other = stun.Message(stun.Method.BINDING, kind)
        other.attributes["USERNAME"] = f"{ufrag}:x"
        other.add_message_integrity(password.encode())
        yield bytes(other)


async def test_who_does_not_know_the_password_gets_no_answer_at_all(transport: Transport, stranger: Stranger) -> None:
    connection, other = (transport.open(Owner(), Direction.PUBLISH) for _ in range(2))
    for datagram in (
        *unproven(connection.ufrag, connection.password),
        check(f"{connection.ufrag}:x", password=other.password),
    ):
        stranger.send(datagram)
        assert await everything(stranger) == []
    assert connection.address is None
    assert connection.addresses == []


async def test_words_behind_the_integrity_are_not_heard(transport: Transport, stranger: Stranger) -> None:
    """Somebody on the way could add "nominate me" to a check of another's; RFC 8489 §14.5 has it ignored."""
    connection = transport.open(Owner(), Direction.PUBLISH)
    whole = check(f"{connection.ufrag}:x", password=connection.password)
    signed = whole[:-8]  # without its fingerprint
    added = signed + struct.pack("!HH", 0x25, 0)
    first = Stranger(transport)
    first.send(greeting(connection, nominate=True))
    assert await first.hears()
    stranger.send(added[:2] + struct.pack("!H", len(added) - 20) + added[4:])
    await stranger.hears()
    assert where(connection) == first.address
    first.close()


async def test_a_borrowed_source_address_takes_nothing_from_a_living_connection(
    transport: Transport, client: Client, clock: FakeClock
) -> None:
    """Whoever has a connection of its own could send its checks with another's address as their source."""
    owner = Owner()
    connection, theirs = (transport.open(one, Direction.PUBLISH) for one in (owner, Owner()))
    connection.peer_fingerprints = client.fingerprints
    await client.connect(connection)
    await until(owner, ConnectionState.CONNECTED)
    for _ in range(20):
        clock.advance(0.2)
        client.send(greeting(theirs, nominate=True))
        assert await client.hears() is None
    assert where(connection) == client.address
    assert theirs.address is None
    client.send(greeting(connection))
    assert await client.hears()
    assert owner.states == [ConnectionState.CONNECTED]


async def test_an_address_without_a_check_is_sent_nothing_whatever_it_sends(
    transport: Transport, stranger: Stranger, clock: FakeClock
) -> None:
    transport.open(Owner(), Direction.PUBLISH)
    hello = await client_hello(clock)
    for datagram in (hello, *fragments(hello, 40, 90), *(bytes((first,)) * 60 for first in range(256))):
        stranger.send(datagram)
        clock.advance(0.5)
    await asyncio.sleep(0.25)
    assert await everything(stranger) == []


async def test_a_handshake_that_nobody_answers_is_no_amplifier(transport: Transport, clock: FakeClock) -> None:
    """A participant could give its check a victim's address as source: the victim gets three times that, and no more
    however often the handshake's timer runs out."""
    hello = await client_hello(clock)
    victims = [Stranger(transport) for _ in range(4)]
    sent = [0] * len(victims)
    heard: list[list[bytes]] = [[] for _ in victims]
    for index, victim in enumerate(victims):
        connection = transport.open(Owner(), Direction.PUBLISH)
        for datagram in (greeting(connection, nominate=True), hello, *[greeting(connection)] * index):
            victim.send(datagram)
            sent[index] += len(datagram)
    async with asyncio.timeout(10):
        for _ in range(33):  # OpenSSL repeats after 1 s and 2 s more; its timer takes no injected clock
            for victim, datagrams in zip(victims, heard, strict=True):
                datagrams += await everything(victim)
            await asyncio.sleep(0.1)
    for ours, theirs in zip(sent, heard, strict=True):
        assert sum(map(len, theirs)) <= FACTOR * ours
    assert all(any(one[0] == 22 for one in theirs) for theirs in heard), "the first flight has to fit"
    for victim in victims:
        victim.close()


async def test_credit_is_not_carried_to_another_address(
    transport: Transport, stranger: Stranger, clock: FakeClock
) -> None:
    """What an attacker sends from its own address must not pay for what a victim gets."""
    connection = transport.open(Owner(), Direction.PUBLISH)
    for _ in range(100):
        stranger.send(greeting(connection))
        await stranger.hears()
    victim = Stranger(transport)
    victim.send(greeting(connection, nominate=True))
    sent = len(greeting(connection, nominate=True))
    await asyncio.sleep(0.02)
    hello = await client_hello(clock)
    stranger.send(hello)  # by the first address, which is still known
    heard = await everything(victim)
    assert where(connection) == victim.address
    assert sum(map(len, heard)) <= FACTOR * sent
    victim.close()


async def test_a_flight_that_was_held_back_goes_out_with_the_next_check(
    transport: Transport, stranger: Stranger, clock: FakeClock
) -> None:
    connection = transport.open(Owner(), Direction.PUBLISH)
    hello = await client_hello(clock)
    stranger.send(greeting(connection, nominate=True))
    for fragment in fragments(hello, 60):
        stranger.send(fragment)
    for _ in range(3):
        stranger.send(greeting(connection))
    assert any(datagram[0] == 22 for datagram in await everything(stranger))


async def test_ten_thousand_half_open_handshakes(transport: Transport, client: Client, clock: FakeClock) -> None:
    """Most of them from addresses that prove nothing, the others from participants who never go on."""
    hello = await client_hello(clock)
    owner = Owner()

    async def storm(number: int) -> None:
        one = Stranger(transport)
        if number % 10 == 0:
            with suppress(Unavailable):
                one.send(greeting(transport.open(owner, Direction.PUBLISH)))
        one.send(hello)
        one.close()

    async def of(numbers: range) -> None:
        for number in numbers:
            await storm(number)
            if number % 20 == 0:
                clock.advance(0.05)
                await asyncio.sleep(0.001)

    await of(range(1_000))
    before = processes.resident_bytes(os.getpid())
    await of(range(1_000, 10_000))
    grown = processes.resident_bytes(os.getpid()) - before
    assert grown < 8 << 20, f"{grown} bytes"
    assert transport.connections <= 200
    assert transport.handshakes <= 64
    clock.advance(31)  # connections that came to nothing are closed
    await asyncio.sleep(0.25)
    assert transport.connections == 0
    assert transport.handshakes == 0


async def test_others_still_join_while_handshakes_hang(transport: Transport, client: Client, clock: FakeClock) -> None:
    hello = await client_hello(clock)
    hanging = []
    for _ in range(64):
        connection = transport.open(Owner(), Direction.PUBLISH)
        one = Stranger(transport)
        one.send(greeting(connection))
        assert await one.hears()
        one.send(hello)
        hanging.append(one)
    await asyncio.sleep(0.02)
    assert transport.handshakes == 64
    clock.advance(3.5)  # by then an honest one has long answered, or its first message is repeated
    owner = Owner()
    connection = transport.open(owner, Direction.PUBLISH)
    connection.peer_fingerprints = client.fingerprints
    await client.connect(connection)
    await until(owner, ConnectionState.CONNECTED)
    for one in hanging:
        one.close()


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(lambda parts: parts[::-1], id="backwards"),
        pytest.param(lambda parts: [parts[1], parts[0], *parts[2:], parts[1]], id="swapped and repeated"),
        pytest.param(lambda parts: [b"".join(parts[::-1])], id="in one datagram"),
    ],
)
async def test_fragments_in_any_order_make_a_handshake(
    transport: Transport, stranger: Stranger, clock: FakeClock, order: Callable[[list[bytes]], list[bytes]]
) -> None:
    connection = transport.open(Owner(), Direction.PUBLISH)
    stranger.send(greeting(connection, nominate=True))
    hello = await client_hello(clock)
    for datagram in order(fragments(hello, 30, 60, 61, 120)):
        stranger.send(datagram)
    stranger.send(greeting(connection))
    assert any(datagram[0] == 22 for datagram in await everything(stranger))
    assert connection.dtls is not None
    assert connection.dtls.state is DtlsState.HANDSHAKE


def deceitful(hello: bytes) -> Iterator[list[bytes]]:
    """Fragments that contradict each other, claim too much, or never end."""
    body = hello[_RECORD.size + _HANDSHAKE.size :]
    size = len(body)
    yield [piece(body, 0, 80, number=0), piece(body, 40, size, number=1)]  # they overlap
    yield [piece(body, 0, 80, number=0), piece(bytes(size), 40, size, number=1)]  # and differ
    yield [piece(body, 0, 80, number=0), piece(body, 80, size, number=1, of=size + 1)]  # two lengths
    yield [piece(body, 0, 80, number=0, of=0xFFFFFF)]
    yield [piece(body, 0, 80, number=0, of=60)]  # longer than the whole
    yield [piece(body, 0, 0, number=number, of=size) for number in range(50)]  # nothing, again and again
    yield [piece(body, place, place + 1, number=place, of=size) for place in range(size - 1, 0, -1)]  # never the first
    yield [piece(body, 0, 40, number=number, message=number + 1, of=100_000) for number in range(100)]
    yield [piece(body, 0, 40, number=number, message=number, of=16_000, kind=11) for number in range(100)]
    yield [_RECORD.pack(22, 0xFEFD, 0, 0, 0, 0xFFFF) + bytes(100)]  # a record that is longer than its datagram
    yield [_RECORD.pack(22, 0xFEFD, 0xFFFF, 0xFFFFFFFF, 0xFFFF, 50) + bytes(50)]  # the last number of the last epoch
    yield [bytes((kind,)) + hello[1:] for kind in range(20, 64)]
    yield [hello[:cut] for cut in range(1, len(hello), 7)]


async def test_deceitful_fragments_cost_their_sender_alone(transport: Transport, clock: FakeClock) -> None:
    hello = await client_hello(clock)
    for datagrams in deceitful(hello):
        owner = Owner()
        connection = transport.open(owner, Direction.PUBLISH)
        one = Stranger(transport)
        one.send(greeting(connection, nominate=True))
        sent = len(greeting(connection, nominate=True))
        for datagram in datagrams:
            one.send(datagram)
            sent += len(datagram)
            await asyncio.sleep(0)
        heard = await everything(one)
        assert sum(map(len, heard)) <= FACTOR * sent
        one.close()
        client = Client(transport, clock)
        owner = Owner()
        bystander = transport.open(owner, Direction.PUBLISH)
        bystander.peer_fingerprints = client.fingerprints
        await client.connect(bystander)
        await until(owner, ConnectionState.CONNECTED)
        client.close()


def test_a_handshake_that_never_ends_is_given_up(clock: FakeClock) -> None:
    """Each message may be announced with 100 kB, and ten of them be begun: a session takes in less than that."""
    session = DtlsSession(Certificate(clock.now()))
    sent = 0
    for number in range(20_000):
        part = piece(bytes(1_000), 0, 1_000, number=number, message=1 + number % 9, of=90_000)
        session.receive(part)
        sent += len(part)
        if session.state is DtlsState.ENDED:
            break
    assert session.state is DtlsState.ENDED
    assert sent < 100_000


async def test_what_is_said_by_dtls_after_the_handshake_does_not_pile_up(
    transport: Transport, client: Client, clock: FakeClock
) -> None:
    """A datagram holds many records; all of them are read when it comes."""
    owner = Owner()
    connection = transport.open(owner, Direction.SUBSCRIBE)
    connection.peer_fingerprints = client.fingerprints
    await client.connect(connection)
    await until(owner, ConnectionState.CONNECTED)
    before = processes.resident_bytes(os.getpid())
    for _ in range(2_000):
        client.send(client.said(30))
        await asyncio.sleep(0)
    assert connection.dtls is not None
    assert processes.resident_bytes(os.getpid()) - before < 1 << 20
    assert owner.states == [ConnectionState.CONNECTED]


@pytest.mark.parametrize("native", [None, FanOut.load()], ids=["python", "c"])
def test_large_packets_of_one_size_all_go_out(native: FanOut | None) -> None:
    """The kernel takes 64 kB at once: a run of packets of one size must not exceed that."""
    bound, listening = bind(WorkerSettings("w", "t"))
    assert listening is not None
    listening.close()
    outgoing = Outgoing(bound, native)
    receiving = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiving.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    receiving.bind(("127.0.0.1", 0))
    receiving.setblocking(False)
    address = Address.read(key("127.0.0.1", receiving.getsockname()[1], wide=False))
    for _ in range(60):
        outgoing.send(bytes(1_900), address)
    outgoing.flush()
    assert outgoing.dropped == 0
    assert [len(receiving.recv(2_048)) for _ in range(60)] == [1_900] * 60
    bound.close()
    receiving.close()
