"""The two servers that carry the same load: a worker of this project, driven over its control channel, and Janus."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from bench.janus import Janus, JanusClient
from bench.load.build import CannotMeasure
from bench.load.peer import Peer
from foundation.bus import MemoryBus
from foundation.clock import SystemClock
from foundation.errors import Conflict
from foundation.tasks import Tasks
from media.api import SubscribeOffered
from media.directory import BusDirectory
from media.nodes import WorkerNodes

_START_S = 15.0


class Forwarder(Protocol):
    """A server with rooms of one publisher each, numbered from 0."""

    pid: int

    async def start(self) -> None:
        """Wait until the process serves. Raises CannotMeasure."""
        ...

    async def publish(self, room: int, peer: Peer) -> None:
        """Exchange a publisher's descriptions."""
        ...

    async def view(self, room: int, peer: Peer) -> None:
        """Exchange a viewer's descriptions. The room's publisher is there."""
        ...

    async def stop(self) -> None:
        """End the process."""
        ...


class WorkerForwarder:
    """A media worker in a process of its own, pinned to one core."""

    def __init__(self, folder: Path, core: int) -> None:
        self.control = folder / f"control-{secrets.token_hex(4)}"
        self.token = secrets.token_hex(16)
        settings = {
            "worker_id": "bench",
            "control_token": self.token,
            "control_path": str(self.control),
            "stop_with_parent": True,
            "max_load": 100.0,  # the bench asks what a core carries, so nothing is refused
        }
        arguments = ["taskset", "--cpu-list", str(core), sys.executable, "-m", "tests.media.worker_process"]
        self._process = subprocess.Popen([*arguments, json.dumps(settings)], stdin=subprocess.PIPE)
        self.pid = self._process.pid
        self._tasks = Tasks()
        self.nodes = WorkerNodes(
            BusDirectory(MemoryBus(SystemClock())), self._tasks, self.token, [f"unix:{self.control}"]
        )
        self._names = itertools.count()
        self._viewers: dict[str, Peer] = {}

    async def start(self) -> None:
        await self.nodes.start()
        self._tasks.start("renegotiation", self._renegotiate())
        with suppress(TimeoutError):
            async with asyncio.timeout(_START_S):
                while self._process.poll() is None:
                    if await self.nodes.ready():
                        return
                    await asyncio.sleep(0.05)
        raise CannotMeasure("the media worker did not start")

    async def publish(self, room: int, peer: Peer) -> None:
        peer.take_answer(await self.nodes.publish(f"room-{room}", "publisher", peer.offer(), {}))

    async def view(self, room: int, peer: Peer) -> None:
        name = f"viewer-{next(self._names)}"
        self._viewers[name] = peer
        offer = await self.nodes.subscribe(f"room-{room}", name)
        await self.nodes.answer(f"room-{room}", name, peer.answer(offer.sdp), offer.revision)

    async def stop(self) -> None:
        await self._tasks.close()
        self._process.terminate()
        try:
            await asyncio.to_thread(self._process.wait, 10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)

    async def _renegotiate(self) -> None:
        """A worker may offer anew at any time; a viewer accepts the same again."""
        async for event in self.nodes.events():
            if isinstance(event, SubscribeOffered) and (peer := self._viewers.get(event.participant_id)) is not None:
                with suppress(Conflict):  # another offer follows
                    answer = peer.answer(event.offer.sdp)
                    await self.nodes.answer(event.room_id, event.participant_id, answer, event.offer.revision)


class JanusForwarder:
    """Janus's video room, pinned to one core."""

    def __init__(self, folder: Path, core: int) -> None:
        self._janus = Janus(folder, core)
        self.pid = self._janus.pid
        self._client = JanusClient(self._janus.url)
        self._feeds: dict[int, int] = {}

    async def start(self) -> None:
        await self._janus.ready()
        await self._client.__aenter__()

    async def publish(self, room: int, peer: Peer) -> None:
        client, handle = self._client, await self._client.attach()
        number = room + 1
        await client.ask(handle, {"request": "create", "room": number, "publishers": 6, "videocodec": "vp8"})
        joined = await client.ask(handle, {"request": "join", "ptype": "publisher", "room": number})
        self._feeds[room] = joined["id"]
        jsep = {"type": "offer", "sdp": peer.offer()}
        peer.take_answer((await client.ask(handle, {"request": "publish"}, jsep=jsep))["jsep"]["sdp"])

    async def view(self, room: int, peer: Peer) -> None:
        client, handle = self._client, await self._client.attach()
        streams = [{"feed": self._feeds[room]}]
        asked = {"request": "join", "ptype": "subscriber", "room": room + 1, "streams": streams}
        offer = (await client.ask(handle, asked))["jsep"]["sdp"]
        await client.ask(handle, {"request": "start"}, jsep={"type": "answer", "sdp": peer.answer(offer)})

    async def stop(self) -> None:
        with suppress(AttributeError):  # it may never have come up
            await self._client.__aexit__()
        await asyncio.to_thread(self._janus.stop)
