"""A media worker that is killed or hangs in a consult: both sides see each other again by the other worker."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.conftest import free_port
from tests.e2e.people import FRAMES, Person, signed_in
from tests.e2e.server import DemoServer
from tests.e2e.test_consult import STROKE, end
from tests.hoichan.program import _parents

BACK_S = 12.0
"""On an idle machine pictures are back 1 to 2 s after the death, and 3 s later after a hang; tests share theirs."""


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    running = DemoServer(tmp_path_factory.mktemp("two") / "var", free_port(), HOICHAN_MEDIA_WORKERS="2")
    yield running
    assert running.stop() == 0, running.log()[-4000:]


def spent(pid: int) -> int:
    """Clock ticks of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


async def carrier(server: DemoServer) -> int:
    """The worker that forwards: the one that is busier."""
    workers = [pid for pid, parent in _parents().items() if parent == server.process.pid]
    assert len(workers) == 2
    before = {pid: spent(pid) for pid in workers}
    await asyncio.sleep(1.5)
    return max(workers, key=lambda pid: spent(pid) - before[pid])


async def pictures(person: Person, since: int) -> None:
    """Wait until ten more pictures of the other side were decoded; a fresh element begins to count anew."""
    async with asyncio.timeout(BACK_S + 10):
        while True:
            now = int(await person.page.evaluate(FRAMES))
            if now - since >= 10 or 10 <= now < since:
                return
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.chaos)])
async def test_the_call_goes_on_by_the_other_worker(
    browser: Browser, two_workers: DemoServer, number: signal.Signals
) -> None:
    async with (
        signed_in(browser, two_workers, "bs.thuha") as specialist,
        signed_in(browser, two_workers, "bs.bao") as doctor,
    ):
        await doctor.call_emergency(await doctor.specialty_id(STROKE))
        await specialist.accept()
        await doctor.in_room()
        for person in (doctor, specialist):
            await person.sees_other(20)
        os.kill(await carrier(two_workers), number)
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(0.5)  # what was on its way has arrived
        counts = [int(await person.page.evaluate(FRAMES)) for person in (doctor, specialist)]
        await asyncio.gather(
            *(pictures(person, count) for person, count in zip((doctor, specialist), counts, strict=True))
        )
        back_s = asyncio.get_running_loop().time() - began
        assert back_s < BACK_S, f"{back_s:.1f} s after {number.name}"
        await end(specialist, "Xong.")
