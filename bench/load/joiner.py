"""Joins one after the other, as often as the worker takes them: a process of its own, started by bench.join.

Each join is whole: subscribe and answer over the control channel, connectivity check, DTLS handshake, and the first
packet forwarded to it, opened with the keys that were agreed. Then it leaves, which is counted as part of it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass

from pylibsrtp import Error, Policy, Session

from bench.load.engine import Keys
from bench.load.peer import Identity, Peer
from foundation.bus import MemoryBus
from foundation.clock import SystemClock
from foundation.tasks import Tasks
from media.directory import BusDirectory
from media.nodes import WorkerNodes

_PACKET_S = 5.0


@dataclass(frozen=True, slots=True)
class Orders:
    """What to join, and when; times are monotonic seconds, which all processes of a machine share."""

    control: str
    token: str
    rooms: tuple[str, ...]
    """One room for each lane of joins."""
    begin: float
    end: float
    transport_feedback: bool


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it. A join counts when it ended between `begin` and `end`."""

    joins: int
    failures: int
    milliseconds: list[float]
    busy_s: float
    """Processor time of this process from `begin` to `end`."""


class Joiner:
    """All lanes of a process."""

    def __init__(self, orders: Orders, nodes: WorkerNodes) -> None:
        self._orders = orders
        self._nodes = nodes
        self._identity = Identity()
        self._milliseconds: list[float] = []
        self._failures = 0

    async def run(self) -> Done:
        """Join from now until the end."""
        measure = asyncio.create_task(self._busy())
        await asyncio.gather(*(self._lane(room) for room in self._orders.rooms))
        return Done(len(self._milliseconds), self._failures, self._milliseconds, await measure)

    async def _busy(self) -> float:
        await asyncio.sleep(max(0.0, self._orders.begin - time.monotonic()))
        began = time.process_time()
        await asyncio.sleep(max(0.0, self._orders.end - time.monotonic()))
        return time.process_time() - began

    async def _lane(self, room: str) -> None:
        number = 0
        while (began := time.monotonic()) < self._orders.end:
            number += 1
            try:
                await self._join(room, f"joiner-{number}")
            except (TimeoutError, OSError):
                self._failures += 1
                continue
            ended = time.monotonic()
            if self._orders.begin <= ended <= self._orders.end:
                self._milliseconds.append(1_000 * (ended - began))

    async def _join(self, room: str, name: str) -> None:
        peer = Peer(self._identity, transport_feedback=self._orders.transport_feedback)
        try:
            offer = await self._nodes.subscribe(room, name)
            await self._nodes.answer(room, name, peer.answer(offer.sdp), offer.revision)
            keys = await asyncio.to_thread(peer.connect)
            await self._first_packet(peer, keys)
        finally:
            await self._nodes.remove(room, name)
            peer.close()

    async def _first_packet(self, peer: Peer, keys: Keys) -> None:
        policy = Policy(
            key=keys.receive, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_128_GCM
        )
        session = Session(policy)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_PACKET_S):
            while True:
                datagram = await loop.sock_recv(peer.socket, 2048)
                if 128 <= datagram[0] < 192 and not 192 <= datagram[1] < 224:
                    try:
                        session.unprotect(datagram)
                    except Error:
                        continue
                    return


async def main() -> None:
    given = json.loads(sys.argv[1])
    orders = Orders(**{**given, "rooms": tuple(given["rooms"])})
    tasks = Tasks()
    nodes = WorkerNodes(BusDirectory(MemoryBus(SystemClock())), tasks, orders.token, [orders.control])
    await nodes.start()
    try:
        print(json.dumps(asdict(await Joiner(orders, nodes).run())))
    finally:
        await tasks.close()


if __name__ == "__main__":
    asyncio.run(main())
