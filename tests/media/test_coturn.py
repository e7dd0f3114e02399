"""Our credentials and our configuration before a real coturn on loopback, over UDP, TCP and TLS."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from aioice import stun, turn

from media.turn import credentials
from tests.conftest import free_port
from tests.media.turn_server import REALM, SECRET, TurnServer

TRANSPORTS = ("udp", "tcp", "tls")
STRANGERS = [
    "127.0.0.2",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "198.51.100.1",
]
"""Peers that are no worker: loopback, private, shared, link-local, multicast and public ones."""


class Relayed(asyncio.DatagramProtocol):
    """What comes back through the relay."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[tuple[bytes, tuple[str, int]]] = asyncio.Queue()
        self.errors: asyncio.Queue[Exception] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.received.put_nowait((data, addr))

    def error_received(self, exc: Exception) -> None:
        self.errors.put_nowait(exc)


class Echo(asyncio.DatagramProtocol):
    """Stands where a worker would: says back what it hears, and from where."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.append(addr)
        self._transport.sendto(data[::-1], addr)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TurnServer]:
    folder = tmp_path_factory.mktemp("turn")
    server = TurnServer(folder, "127.0.0.1", free_port(), free_port(), ["127.0.0.1"], "--allow-loopback-peers")
    yield server
    server.stop()


@pytest.fixture
async def worker() -> AsyncIterator[tuple[Echo, tuple[str, int]]]:
    transport, echo = await asyncio.get_running_loop().create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    yield echo, transport.get_extra_info("sockname")
    transport.close()


def fresh(secret: str = SECRET, seconds: float = 60) -> tuple[str, str]:
    return credentials(secret, "par_1", datetime.now(UTC) + timedelta(seconds=seconds))


async def allocate(server: TurnServer, transport: str, login: tuple[str, str]) -> tuple[turn.TurnTransport, Relayed]:
    context: ssl.SSLContext | None = None
    if transport == "tls":
        context = ssl.create_default_context(cafile=str(server.certificate))
    async with asyncio.timeout(10):
        return await turn.create_turn_endpoint(
            Relayed,
            (server.host, server.tls_port if transport == "tls" else server.port),
            *login,
            ssl=context,
            transport="udp" if transport == "udp" else "tcp",
        )


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_participant_reaches_a_worker(
    transport: str, server: TurnServer, worker: tuple[Echo, tuple[str, int]]
) -> None:
    echo, address = worker
    relay, relayed = await allocate(server, transport, fresh())
    relay.sendto(b"abc", address)
    async with asyncio.timeout(5):
        assert await relayed.received.get() == (b"cba", address)
    assert echo.heard == [relay.get_extra_info("sockname")]
    relay.close()


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_who_has_no_key_of_ours_is_refused(transport: str, server: TurnServer) -> None:
    username, password = fresh()
    later = str(int(username.partition(":")[0]) + 3600)
    for why, login in {
        "expired": fresh(seconds=-5),
        "another installation's": fresh(secret="another secret"),
        "prolonged": (f"{later}:par_1", password),
        "another participant's": (username.replace("par_1", "par_2"), password),
        "without an expiry": ("par_1", password),
        "empty": (username, ""),
    }.items():
        with pytest.raises(stun.TransactionFailed) as refused:
            await allocate(server, transport, login)
        assert refused.value.response.error_code == 401, why


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_nobody_but_a_worker_is_reached(
    transport: str, server: TurnServer, worker: tuple[Echo, tuple[str, int]]
) -> None:
    _, address = worker
    relay, relayed = await allocate(server, transport, fresh())
    for stranger in STRANGERS:
        relay.sendto(b"let me in", (stranger, 9))
        async with asyncio.timeout(5):
            error = await relayed.errors.get()
        assert isinstance(error, stun.TransactionFailed), stranger
        assert error.response.error_code == 403, stranger
    relay.sendto(b"abc", address)  # the allocation is none the worse for it
    async with asyncio.timeout(5):
        assert (await relayed.received.get())[0] == b"cba"
    relay.close()


async def test_a_call_outlives_its_credentials(server: TurnServer, worker: tuple[Echo, tuple[str, int]]) -> None:
    """What media/turn.py promises: only the next allocation needs fresh ones."""
    login = fresh(seconds=1)
    relay, relayed = await allocate(server, "udp", login)
    await asyncio.sleep(2.5)
    relay.sendto(b"abc", worker[1])  # asks for a channel, by the credentials that have expired
    async with asyncio.timeout(5):
        assert (await relayed.received.get())[0] == b"cba"
    relay.close()
    with pytest.raises(stun.TransactionFailed):
        await allocate(server, "udp", login)


async def test_one_participant_cannot_take_all_of_it(server: TurnServer) -> None:
    """The quota counts participants: later credentials of the same one count with the earlier."""
    taken: list[turn.TurnTransport] = []
    with pytest.raises(stun.TransactionFailed) as refused:
        for number in range(60):
            login = credentials(SECRET, "par_greedy", datetime.now(UTC) + timedelta(seconds=60 + number))
            relay, _ = await allocate(server, "udp", login)
            taken.append(relay)
    assert refused.value.response.error_code == 486
    assert 20 <= len(taken) <= 40
    other, _ = await allocate(server, "udp", fresh())
    for relay in (*taken, other):
        relay.close()


async def test_an_unverified_request_is_not_amplified(server: TurnServer) -> None:
    """A source address may be forged: what goes to it is at most three times what came (RFC 8656 §21.1.2)."""
    binding = bytes(stun.Message(stun.Method.BINDING, stun.Class.REQUEST))
    request = stun.Message(stun.Method.ALLOCATE, stun.Class.REQUEST)
    request.attributes["REQUESTED-TRANSPORT"] = turn.UDP_TRANSPORT
    transport, relayed = await asyncio.get_running_loop().create_datagram_endpoint(
        Relayed, remote_addr=(server.host, server.port)
    )
    for asked in (binding, bytes(request)):
        transport.sendto(asked)
        async with asyncio.timeout(5):
            answer, _ = await relayed.received.get()
        assert len(answer) <= 3 * len(asked)
    transport.close()


async def test_tls_shows_the_certificate_of_the_relays_name(server: TurnServer) -> None:
    context = ssl.create_default_context(cafile=str(server.certificate))
    _, writer = await asyncio.open_connection(
        server.host, server.tls_port, ssl=context, server_hostname=f"turn.{REALM}"
    )
    assert writer.get_extra_info("ssl_object").version() in ("TLSv1.2", "TLSv1.3")
    writer.close()


def test_the_log_names_nobody(server: TurnServer) -> None:
    assert SECRET not in server.log()
