"""The worker as a child process: started again, stopped, and never left behind."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from foundation.clock import FakeClock, SystemClock
from foundation.tasks import Tasks
from media.supervisor import MediaChild
from tests.media.conftest import TOKEN, Plane

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-m", "tests.media.worker_process", sys.argv[1]], stdin=subprocess.PIPE)
print(child.pid, flush=True)
child.wait()
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_child_that_dies_is_started_again(tasks: Tasks) -> None:
    child = MediaChild([sys.executable, "-c", "input()"], tasks, SystemClock())
    await child.start()
    seen: set[int] = set()
    async with asyncio.timeout(15):
        while len(seen) < 3:
            if child.pid is not None and child.pid not in seen:
                seen.add(child.pid)
                os.kill(child.pid, signal.SIGKILL)
            await asyncio.sleep(0.01)
    await child.stop()
    assert child.pid is None


async def test_a_child_that_never_listens_is_killed_and_started_again(tasks: Tasks, tmp_path: Path) -> None:
    clock = FakeClock()
    child = MediaChild([sys.executable, "-c", "input()"], tasks, clock, control=(f"unix:{tmp_path / 'control'}", TOKEN))
    await child.start()
    async with asyncio.timeout(20):
        while child.pid is None:
            await asyncio.sleep(0.01)
        first = child.pid
        await asyncio.sleep(1.2)  # of the guard's own looks, at which nothing is late yet
        assert child.pid == first
        clock.advance(16)
        while child.pid in (None, first):
            await asyncio.sleep(0.01)
    assert not alive(first)
    await child.stop()


async def test_stopping_ends_the_worker_cleanly(plane: Plane) -> None:
    pid = plane.child.pid
    assert pid is not None
    await plane.child.stop()
    assert not alive(pid)
    assert plane.child.pid is None


async def test_a_worker_ends_with_its_parent(tmp_path: Path) -> None:
    """The parent is killed without a chance to clean up; the worker sees its standard input end."""
    settings = {
        "worker_id": "w",
        "control_token": TOKEN,
        "control_path": str(tmp_path / "control"),
        "stop_with_parent": True,
    }
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, json.dumps(settings)), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    control = tmp_path / "control"
    async with asyncio.timeout(10):
        worker = int(await parent.stdout.readline())
        while not control.exists():
            await asyncio.sleep(0.02)
        parent.kill()
        await parent.wait()
        while alive(worker):
            await asyncio.sleep(0.02)
    assert not control.exists()
