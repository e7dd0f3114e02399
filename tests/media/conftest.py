"""A real worker, as a child process and as an object in the test's own loop."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from foundation.bus import MemoryBus
from foundation.clock import SystemClock
from foundation.tasks import Tasks
from media.directory import BusDirectory
from media.nodes import WorkerNodes
from media.settings import WorkerSettings
from media.supervisor import MediaChild
from media.worker import Worker

TOKEN = "a token for tests"


class Plane:
    """A worker process, kept alive, and a web node's view of it."""

    def __init__(self, nodes: WorkerNodes, child: MediaChild) -> None:
        self.nodes = nodes
        self.child = child

    async def until_ready(self) -> None:
        async with asyncio.timeout(10):
            while not await self.nodes.ready():
                await asyncio.sleep(0.02)


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    tasks = Tasks()
    yield tasks
    await tasks.close()


@pytest.fixture
async def plane(tmp_path: Path, tasks: Tasks) -> AsyncIterator[Plane]:
    path = tmp_path / "control"
    settings = {"worker_id": "w1", "control_token": TOKEN, "control_path": str(path), "stop_with_parent": True}
    clock = SystemClock()
    child = MediaChild([sys.executable, "-m", "tests.media.worker_process", json.dumps(settings)], tasks, clock)
    nodes = WorkerNodes(BusDirectory(MemoryBus(clock)), tasks, TOKEN, [f"unix:{path}"])
    await child.start()
    await nodes.start()
    plane = Plane(nodes, child)
    await plane.until_ready()
    yield plane
    await child.stop()


@pytest.fixture
async def worker(tmp_path: Path, tasks: Tasks) -> AsyncIterator[Worker]:
    settings = WorkerSettings("w1", TOKEN, control_path=tmp_path / "control")
    worker = Worker(settings, SystemClock(), tasks)
    await worker.start()
    yield worker
    await worker.close()
