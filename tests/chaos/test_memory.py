"""People come and go all day: after ten thousand joins a media worker holds no more memory than after a few hundred.

Each join is whole: two connections with connectivity check and DTLS handshake of their own, one that publishes sound
and a picture, and one that is forwarded what the participant before publishes. `HOICHAN_CHAOS_JOINS` makes it shorter.
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pylibsrtp import Error, Policy, Session

from bench import processes
from bench.load.engine import Keys
from bench.load.peer import Identity, Peer
from foundation.bus import MemoryBus
from foundation.clock import SystemClock
from foundation.tasks import Tasks
from media import rtcp
from media.directory import BusDirectory
from media.nodes import WorkerNodes
from tests.hoichan.program import REPOSITORY
from tests.media.conftest import TOKEN

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(3_600)]

JOINS = int(os.environ.get("HOICHAN_CHAOS_JOINS", "10000"))
LANES = 4
"""Rooms that people join at the same time."""
WARM = 1_000
"""Joins after which caches, arenas and tables have their size."""
MOST_GROWTH = 5 << 20
_KEY_FRAME = bytes.fromhex("10") + bytes.fromhex("500000") + b"\x9d\x01\x2a" + struct.pack("<HH", 640, 480) + bytes(900)
_SENDINGS = 20
"""Rounds of packets at most until the first of them comes back."""


@dataclass
class Somebody:
    """A participant, connected both ways."""

    name: str
    publishing: Peer
    receiving: Peer
    sender: Session
    receiver: Session
    sequence: int = 0

    def send(self) -> None:
        """A frame of sound, a key frame in five packets, and a report."""
        sources = self.publishing.sources
        self.sequence += 1
        packets = [struct.pack("!BBHLL", 0x80, 111, self.sequence, self.sequence * 960, sources.audio) + bytes(80)]
        for part in range(5):
            number = self.sequence * 5 + part
            head = struct.pack("!BBHLL", 0x80, (part == 4) << 7 | 96, number, self.sequence * 3_000, sources.video)
            packets.append(head + (_KEY_FRAME if part == 0 else b"\0" + bytes(900)))
        for packet in packets:
            self.publishing.socket.send(self.sender.protect(packet))
        report = rtcp.write_sender_report(rtcp.SenderReport(sources.audio, self.sequence << 32, 960, 1, 80))
        self.publishing.socket.send(self.sender.protect_rtcp(report))

    def hears(self) -> bool:
        """Whether a forwarded packet has come, opened with the keys of this connection."""
        while True:
            try:
                datagram = self.receiving.socket.recv(2_048)
            except BlockingIOError:
                return False
            if 128 <= datagram[0] < 192 and not 192 <= datagram[1] < 224:
                try:
                    self.receiver.unprotect(datagram)
                except Error:
                    continue
                return True

    def close(self) -> None:
        self.publishing.close()
        self.receiving.close()


def session(key: bytes, direction: int) -> Session:
    return Session(Policy(key=key, ssrc_type=direction, srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_128_GCM))


class Passage:
    """Joins and leaves, one after the other in each room. Somebody leaves when the next one has arrived."""

    def __init__(self, nodes: WorkerNodes) -> None:
        self._nodes = nodes
        self._identity = Identity()
        self._left = 0
        self.joined = 0
        self.heard = 0

    async def of(self, joins: int) -> None:
        """Join that many times more, all rooms together, and leave."""
        self._left = joins
        await asyncio.gather(*(self._lane(f"room-{lane}") for lane in range(LANES)))

    async def _lane(self, room: str) -> None:
        before: Somebody | None = None
        try:
            while self._left > 0:
                self._left -= 1
                somebody = await self._join(room, f"p{self.joined}")
                self.joined += 1
                if before is not None:
                    await self._meet(before, somebody)
                    await self._leave(room, before)
                before = somebody
        finally:
            if before is not None:
                await self._leave(room, before)

    async def _join(self, room: str, name: str) -> Somebody:
        publishing, receiving = (Peer(self._identity, transport_feedback=True) for _ in range(2))
        publishing.take_answer(await self._nodes.publish(room, name, publishing.offer(), {}))
        sending: Keys = await asyncio.to_thread(publishing.connect)
        offer = await self._nodes.subscribe(room, name)
        await self._nodes.answer(room, name, receiving.answer(offer.sdp), offer.revision)
        keys: Keys = await asyncio.to_thread(receiving.connect)
        return Somebody(
            name,
            publishing,
            receiving,
            session(sending.send, Policy.SSRC_ANY_OUTBOUND),
            session(keys.receive, Policy.SSRC_ANY_INBOUND),
        )

    async def _meet(self, one: Somebody, other: Somebody) -> None:
        for _ in range(_SENDINGS):
            one.send()
            other.send()
            await asyncio.sleep(0.01)
            if other.hears():
                self.heard += 1
                return

    async def _leave(self, room: str, somebody: Somebody) -> None:
        await self._nodes.remove(room, somebody.name)
        somebody.close()


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[tuple[int, WorkerNodes]]:
    """A worker's process and a node that drives it."""
    control = tmp_path / "control"
    settings = {"worker_id": "w", "control_token": TOKEN, "control_path": str(control), "max_load": 100.0}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.media.worker_process", json.dumps(settings), cwd=REPOSITORY
    )
    tasks = Tasks()
    nodes = WorkerNodes(BusDirectory(MemoryBus(SystemClock())), tasks, TOKEN, [f"unix:{control}"])
    await nodes.start()
    async with asyncio.timeout(20):
        while not await nodes.ready():
            await asyncio.sleep(0.05)
    yield process.pid, nodes
    await tasks.close()
    process.terminate()
    await process.wait()


async def test_memory_does_not_grow_with_joins_and_leaves(worker: tuple[int, WorkerNodes]) -> None:
    pid, nodes = worker
    passage = Passage(nodes)
    await passage.of(WARM)
    await asyncio.sleep(1)
    begun = before = processes.resident_bytes(pid)
    while passage.joined < WARM + JOINS:
        await passage.of(min(500, WARM + JOINS - passage.joined))
        await asyncio.sleep(0.5)
        now = processes.resident_bytes(pid)
        sys.stdout.write(f"{passage.joined - WARM:6} joins: {now / 1e6:7.2f} MB {(now - before) / 1e3:+9.1f} kB\n")
        sys.stdout.flush()
        before = now
    assert passage.heard > 0.95 * (passage.joined - 2 * LANES * (passage.joined // 500 + 2))
    assert before - begun < MOST_GROWTH, f"{(before - begun) / 1e6:.1f} MB more after {JOINS} joins"
