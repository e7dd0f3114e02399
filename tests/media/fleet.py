"""Several workers as processes of their own, and a web node's view of them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from foundation.bus import MemoryBus
from foundation.clock import SystemClock
from foundation.tasks import Tasks
from media.api import MediaEvent, RoomLost
from media.directory import BusDirectory
from media.nodes import WorkerNodes
from tests.hoichan.program import REPOSITORY
from tests.media.conftest import TOKEN


class Fleet:
    """Workers w0, w1, … that nobody starts again, and a node that knows their control addresses."""

    def __init__(self, folder: Path, tasks: Tasks) -> None:
        self._folder = folder
        self._tasks = tasks
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.bus = MemoryBus(SystemClock())
        self.nodes = WorkerNodes(BusDirectory(self.bus), tasks, TOKEN)

    def address(self, name: str) -> str:
        return f"unix:{self._folder / name}"

    async def start(self, count: int = 2, **settings: Any) -> None:
        names = [f"w{number}" for number in range(count)]
        for name in names:
            given = {"worker_id": name, "control_token": TOKEN, "control_path": str(self._folder / name), **settings}
            self.processes[name] = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.media.worker_process", json.dumps(given)), cwd=REPOSITORY
            )
        self.nodes = WorkerNodes(BusDirectory(self.bus), self._tasks, TOKEN, [self.address(name) for name in names])
        await self.nodes.start()
        async with asyncio.timeout(20):
            while len(self.nodes.fleet()) < count:
                await asyncio.sleep(0.02)

    async def carrier(self, room_id: str) -> str:
        """The name of the worker that holds the room."""
        holder = await BusDirectory(self.bus).holder(room_id)
        assert holder is not None
        return holder.partition("/")[0]

    def signal(self, name: str, number: signal.Signals) -> None:
        os.kill(self.processes[name].pid, number)

    async def close(self) -> None:
        for process in self.processes.values():
            if process.returncode is None:
                process.kill()
            await process.wait()


async def lost(events: AsyncIterator[MediaEvent], room_id: str) -> float:
    """When the room was told lost, in the loop's time."""
    async with asyncio.timeout(20):
        async for event in events:
            if event == RoomLost(room_id):
                return asyncio.get_running_loop().time()
    raise AssertionError
