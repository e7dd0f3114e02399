"""`hoichan` as a process of its own: started with settings, asked whether it is ready, ended in every way there is."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

from click.testing import CliRunner, Result

from hoichan.__main__ import main

REPOSITORY = Path(__file__).parents[2]


def environment(**settings: object) -> dict[str, str]:
    """This process's environment with these settings alone: `port=1` is HOICHAN_PORT=1."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HOICHAN_")}
    return kept | {f"HOICHAN_{name.upper()}": str(value) for name, value in settings.items()}


def hoichan(*arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, which has to come within 30 s."""
    return subprocess.run(
        [sys.executable, "-m", "hoichan", *arguments],
        env=environment(**settings),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def invoke(*arguments: str, **settings: object) -> Result:
    """Run a command to its end in this process: what a process of its own would spend seconds to load is there."""
    runner = CliRunner(env={f"HOICHAN_{name.upper()}": str(value) for name, value in settings.items()})
    root = logging.getLogger()  # commands set the logging of their process up, which is this one here
    handlers, level = list(root.handlers), root.level
    try:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return runner.invoke(main, arguments)
        with ThreadPoolExecutor(1) as beside:  # commands run a loop of their own
            return beside.submit(runner.invoke, main, arguments).result()
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


class Program:
    """A command that goes on running. `out` holds its standard output, `log` its standard error."""

    def __init__(self, folder: Path, name: str, *arguments: str, **settings: object) -> None:
        self.port = settings.get("port")
        self._out, self._log = folder / f"{name}.out", folder / f"{name}.log"
        with self._out.open("ab") as out, self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "hoichan", *arguments],
                env=environment(**settings),
                cwd=REPOSITORY,
                stdout=out,
                stderr=log,
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def readiness(self) -> tuple[int, dict[str, bool]]:
        """Status and parts of /readyz; 0 while nothing listens."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=3) as answer:
                return answer.status, json.load(answer)["parts"]
        except HTTPError as refusal:
            return refusal.code, json.load(refusal).get("parts", {})
        except (URLError, OSError):
            return 0, {}

    def until_ready(self, within_s: float = 40) -> None:
        """Wait for 200 of /readyz."""
        self.until(lambda: self.readiness()[0] == 200, within_s)

    def until(self, condition: Any, within_s: float) -> None:
        """Look until the condition holds; fail with the log when it does not, or when the program ended."""
        deadline = time.monotonic() + within_s
        while not condition():
            ended = self.process.poll()
            if ended is not None or time.monotonic() > deadline:
                raise AssertionError(f"not within {within_s} s (status {ended}):\n{self.out}\n{self.log[-4000:]}")
            time.sleep(0.03)

    def children(self) -> list[int]:
        """Process ids of its children."""
        return [pid for pid, parent in _parents().items() if parent == self.process.pid]

    def end(self, number: signal.Signals = signal.SIGINT, within_s: float = 10) -> int:
        """Send the signal and wait for the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(within_s)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()


def alive(pid: int) -> bool:
    """Whether the process runs; one that only awaits its parent's reading counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _parents() -> dict[int, int]:
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it ended meanwhile
    return found
