"""The benches' bad line as a process, with real datagrams on loopback."""

import asyncio
import socket
import statistics
import struct
import time
from collections.abc import AsyncIterator

import pytest

from bench.link import Link
from bench.path import Conditions, Fate

COUNT = 400


class _Server(asyncio.DatagramProtocol):
    """Notes when each numbered packet came and sends it back."""

    def __init__(self) -> None:
        self.came: dict[int, float] = {}
        self.addresses: set[tuple[str, int]] = set()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # UDP only
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.came[struct.unpack_from("!H", data, 2)[0]] = time.monotonic()
        self.addresses.add(addr)
        assert self._transport is not None
        self._transport.sendto(data, addr)


@pytest.fixture
async def server() -> AsyncIterator[tuple[_Server, int]]:
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        _Server, local_addr=("127.0.0.1", 0)
    )  # fmt: skip
    yield server, transport.get_extra_info("sockname")[1]
    transport.close()


@pytest.fixture
async def link(server: tuple[_Server, int]) -> AsyncIterator[Link]:
    link = await Link.start("a seed")
    await link.aim("127.0.0.1", server[1])
    yield link
    await link.stop()


def _rtp(number: int) -> bytes:
    return struct.pack("!BBHLL", 0x80, 96, number, number * 3_000, 7).ljust(200, b"\0")


async def _send(link: Link) -> dict[int, float]:
    """Send numbered packets, one each 2 ms, from two addresses in turn; when each was sent."""
    sent = {}
    with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as other:
        for number in range(COUNT):
            sent[number] = time.monotonic()
            (one, other)[number % 2].sendto(_rtp(number), ("127.0.0.1", link.port))
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.3)
    return sent


async def test_it_relays_both_ways_and_keeps_addresses_apart(link: Link, server: tuple[_Server, int]) -> None:
    await _send(link)
    assert len(server[0].came) == COUNT
    assert len(server[0].addresses) == 2
    up, down = await link.report()
    assert (up.packets, up.lost, down.packets, down.lost) == (COUNT, 0, COUNT, 0)
    assert up.octets == 200 * COUNT


async def test_it_loses_and_names_what_it_lost(link: Link, server: tuple[_Server, int]) -> None:
    await link.shape(Conditions(loss=0.2), Conditions())
    await _send(link)
    up, down = await link.report()
    assert up.lost / COUNT == pytest.approx(0.2, abs=0.08)
    assert {drop.sequence for drop in up.drops} == set(range(COUNT)) - server[0].came.keys()
    assert {(drop.ssrc, drop.fate) for drop in up.drops} == {(7, Fate.LOST)}
    assert down.packets == COUNT - up.lost
    assert all(drop.timestamp == drop.sequence * 3_000 for drop in up.drops)


async def test_it_delays(link: Link, server: tuple[_Server, int]) -> None:
    await link.shape(Conditions(delay_ms=40), Conditions(delay_ms=40))
    sent = await _send(link)
    delays = [(came - sent[number]) * 1_000 for number, came in server[0].came.items()]
    assert min(delays) >= 40
    assert statistics.median(delays) < 45  # other work may share the machine


async def test_it_holds_the_rate(link: Link, server: tuple[_Server, int]) -> None:
    await link.shape(Conditions(rate_kbps=300), Conditions())
    await _send(link)
    up, _ = await link.report()
    came = sorted(server[0].came.values())
    assert (len(came) - 1) * (200 + 28) * 8 / (came[-1] - came[0]) == pytest.approx(300_000, rel=0.05)
    assert up.overflown == COUNT - len(came) > 0
    assert {drop.fate for drop in up.drops} == {Fate.OVERFLOWN}
