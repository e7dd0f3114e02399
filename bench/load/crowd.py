"""A crowd of load peers at one server: connected, kept alive, and measured."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import processes
from bench.forwarders import Forwarder
from bench.load.build import CannotMeasure
from bench.load.engine import Engine
from bench.load.payload import Payload
from bench.load.peer import Identity, Peer

CONSENT_S = 2.5
"""Chromium pings a connection that works this often."""
_AT_ONCE = 12
_DRAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Measured:
    """One measured window. Cores are seconds of processor time a second."""

    connections: int
    cores: float
    user_cores: float
    system_cores: float
    p50_ms: float
    p99_ms: float
    delivered: float
    """Fraction of the packets sent to all viewers that came, whole and new."""
    packets_out: float
    """Packets a second that reached viewers."""
    rss_mb: float
    bytes_per_connection: float
    load_cores: float
    """What the load peer itself took, of its one core."""
    other_cores: float
    """What everything else on the machine took: noise."""
    load_dropped: int
    """Datagrams for which the load peer's sockets had no room: they tell of the load peer, not of the server."""
    server_dropped: int
    setup_s: float
    agreed_up: str
    agreed_down: str
    totals: dict[str, int]


class Crowd:
    """Peers of one server: a room of one publisher for each of `fans`, which is the number of its viewers.

    Use it as a context: the end closes engine and sockets.
    """

    def __init__(
        self, server: Forwarder, library: Path, payload: Payload, *, fans: Sequence[int], transport_feedback: bool
    ) -> None:
        self._server = server
        self._fans = tuple(fans)
        identity = Identity()
        self._publishers = [Peer(identity, transport_feedback=transport_feedback) for _ in fans]
        self._viewers = [Peer(identity, transport_feedback=transport_feedback) for _ in range(sum(fans))]
        self._engine = Engine(library, max(len(fans), sum(fans)), payload)
        self._connected: dict[int, Peer] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._setup_s = 0.0
        self._empty = 0

    async def __aenter__(self) -> Crowd:
        self._keeper = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        self._engine.close()
        for peer in (*self._publishers, *self._viewers):
            peer.close()

    async def connect(self) -> None:
        """Bring every connection up. Raises CannotMeasure."""
        began = time.monotonic()
        self._empty = processes.resident_bytes(self._server.pid)
        limit = asyncio.Semaphore(_AT_ONCE)

        async def up(room: int, peer: Peer, negotiate: Callable[[int, Peer], Awaitable[None]]) -> None:
            async with limit:
                await negotiate(room, peer)
                keys = await asyncio.to_thread(peer.connect)
                if negotiate == self._server.publish:
                    peer.publish(self._engine, keys, self._fans[room])
                else:
                    peer.view(self._engine, keys)
                peer.check_at = time.monotonic() + random.uniform(0, CONSENT_S)
                self._connected[peer.socket.fileno()] = peer

        try:
            await asyncio.gather(*(up(room, peer, self._server.publish) for room, peer in enumerate(self._publishers)))
            rooms = (room for room, viewers in enumerate(self._fans) for _ in range(viewers))
            await asyncio.gather(
                *(up(room, peer, self._server.view) for room, peer in zip(rooms, self._viewers, strict=True))
            )
        except TimeoutError as error:
            raise CannotMeasure(f"a load peer could not connect: {error}") from error
        self._setup_s = time.monotonic() - began

    def start(self) -> None:
        """Send and receive from now on."""
        self._engine.start()

    async def measure(self, warm_s: float, seconds: float) -> Measured:
        """Send, warm up, and measure for so many seconds. Raises CannotMeasure when nothing arrived at some viewer."""
        pid, me = self._server.pid, os.getpid()
        mine = [peer.port for peer in self._connected.values()]
        theirs = {peer.server_port for peer in self._connected.values()}
        self.start()
        await asyncio.sleep(warm_s)
        lost, refused = processes.dropped(mine), processes.dropped(theirs)
        self._engine.open_window()
        busy, server, own = processes.machine_busy_s(), processes.times(pid), processes.times(me)
        await asyncio.sleep(seconds)
        server, own = processes.times(pid) - server, processes.times(me) - own
        busy = processes.machine_busy_s() - busy
        elapsed = self._engine.close_window()
        resident = processes.resident_bytes(pid)
        await asyncio.sleep(_DRAIN_S)
        self._engine.stop()
        totals = self._engine.totals()
        if totals["silent"] or not totals["sent"]:
            raise CannotMeasure(f"{totals['silent']} of {len(self._viewers)} viewers received nothing: {totals}")
        connections = len(self._connected)
        return Measured(
            connections=connections,
            cores=server.run / elapsed,
            user_cores=server.user / elapsed,
            system_cores=server.system / elapsed,
            p50_ms=self._engine.latency_ms(0.50),
            p99_ms=self._engine.latency_ms(0.99),
            delivered=totals["received"] / totals["expected"],
            packets_out=totals["received"] / elapsed,
            rss_mb=resident / 1e6,
            bytes_per_connection=(resident - self._empty) / connections,
            load_cores=own.run / elapsed,
            other_cores=max(0.0, (busy - server.user - server.system - own.user - own.system) / elapsed),
            load_dropped=processes.dropped(mine) - lost,
            server_dropped=processes.dropped(theirs) - refused,
            setup_s=self._setup_s,
            agreed_up=self._publishers[0].agreed,
            agreed_down=self._viewers[0].agreed,
            totals=totals,
        )

    async def _keep(self) -> None:
        """What Chromium does beside media: consent checks, and answers to what the server asks."""
        while True:
            now = time.monotonic()
            for peer in self._connected.values():
                if now >= peer.check_at:
                    peer.check_at = now + CONSENT_S
                    peer.check_consent()
            for descriptor, datagram in self._engine.strange():
                if (peer_of := self._connected.get(descriptor)) is not None:
                    peer_of.take(datagram)
            await asyncio.sleep(0.02)
