"""`hoichan media` and the workers of `hoichan run`: several on a machine, asked, drained, ended, replaced."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from foundation.bus import MemoryBus
from foundation.clock import SystemClock
from foundation.tasks import Tasks
from media.directory import BusDirectory
from media.nodes import WorkerNodes
from tests.conftest import free_port
from tests.hoichan.program import Program, alive, invoke

TOKEN = "a token for tests of the command"


class Machine:
    """A media machine with two workers, and what it is asked with."""

    def __init__(self, folder: Path) -> None:
        (folder / "token").write_text(TOKEN)
        self.controls = [f"unix:{folder / 'control'}", f"unix:{folder / 'control'}.1"]
        self.settings = {
            "media_token_file": folder / "token",
            "media_control": self.controls[0],
            "media_workers": 2,
            "media_drain_seconds": 60,
        }
        self.program = Program(folder, "media", "media", "--worker-id", "machine", **self.settings)

    def status(self) -> dict[str, list[str]]:
        """The words of each line of --status by its control address."""
        told = invoke("media", "--status", **self.settings).stdout.splitlines()[1:]
        return {line.split()[1]: line.split() for line in told}

    def until_ready(self) -> None:
        sockets = [Path(control.removeprefix("unix:")) for control in self.controls]
        self.program.until(lambda: all(socket.exists() for socket in sockets), 30)
        self.program.until(lambda: invoke("media", "--check", **self.settings).exit_code == 0, 30)

    @asynccontextmanager
    async def nodes(self) -> AsyncIterator[WorkerNodes]:
        tasks = Tasks()
        nodes = WorkerNodes(BusDirectory(MemoryBus(SystemClock())), tasks, TOKEN, self.controls)
        await nodes.start()
        async with asyncio.timeout(20):
            while len(nodes.fleet()) < 2:
                await asyncio.sleep(0.02)
        yield nodes
        await tasks.close()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    children = machine.program.children()
    machine.program.end()
    assert not any(alive(child) for child in children)


async def test_workers_are_asked_drained_and_the_command_ends_with_the_last(machine: Machine) -> None:
    machine.until_ready()
    first = machine.status()
    assert {name: words[2] for name, words in first.items()} == dict.fromkeys(machine.controls, "admits")
    assert [words[0].partition("/")[0] for words in first.values()] == ["machine-0", "machine-1"]
    async with machine.nodes() as nodes:
        for room in ("a", "b"):
            await nodes.subscribe(room, "p")
        assert sorted(words[5] for words in machine.status().values()) == ["1", "1"]
        drained = invoke("media", "--drain", "--control", machine.controls[0], **machine.settings)
        assert drained.exit_code == 0, drained.stderr
        assert "draining" in drained.stdout
        assert {name: words[2] for name, words in machine.status().items()} == {
            machine.controls[0]: "draining",
            machine.controls[1]: "admits",
        }
        machine.program.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(1.0)
        assert machine.program.process.poll() is None, "rooms go on"
        await nodes.close_room("a")
        await nodes.close_room("b")
    assert machine.program.process.wait(10) == 0
    assert "Traceback" not in machine.program.log


async def test_a_second_signal_ends_rooms_too(machine: Machine) -> None:
    machine.until_ready()
    async with machine.nodes() as nodes:
        for room in ("a", "b"):
            await nodes.subscribe(room, "p")
        began = time.monotonic()
        machine.program.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.5)
        assert machine.program.end(signal.SIGTERM) == 0
        assert time.monotonic() - began < 5


def test_nobody_to_ask_is_said(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    settings = {"media_token_file": tmp_path / "token", "media_control": f"127.0.0.1:{free_port()}"}
    status = invoke("media", "--status", **settings)
    assert (status.exit_code, "silent" in status.stdout) == (1, True)
    assert invoke("media", "--drain", **settings).exit_code == 1
    assert invoke("media", "--check", **settings).exit_code == 1
    without = invoke("media", "--status")
    assert "HOICHAN_MEDIA_TOKEN_FILE" in without.stderr


def test_workers_of_one_machine_that_hang_or_die_are_replaced(tmp_path: Path) -> None:
    program = Program(tmp_path, "run", "run", var=tmp_path / "var", port=free_port(), media_workers=2)
    try:
        program.until_ready()
        program.until(lambda: program.log.count("serves UDP port") == 2, 20)
        hanging, dying = program.children()
        os.kill(hanging, signal.SIGSTOP)
        os.kill(dying, signal.SIGKILL)
        program.until(lambda: not alive(hanging) and not alive(dying) and len(program.children()) == 2, 20)
        program.until_ready()
        assert "hangs and is killed" in program.log
    finally:
        assert program.end() == 0
