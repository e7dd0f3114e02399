"""A real `hoichan run --demo` in a process of its own, as a newcomer starts it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from tests.seeded import copied_demo

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class SignIn:
    """One of the demo's people."""

    user_name: str
    password: str
    role: str
    facility: str


class DemoServer:
    """The server with its folder; `stop` ends it as Ctrl-C does and gives the exit status."""

    def __init__(self, var: Path, port: int, **environment: str) -> None:
        self.var = var
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("HOICHAN_")},
            "HOICHAN_VAR": str(var),
            "HOICHAN_PORT": str(port),
            **environment,
        }
        self.start()

    def start(self) -> None:
        """Start it and wait until all its parts answer."""
        if not self.var.exists():
            copied_demo(self.var)
        self._log = (self.var / "server.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hoichan", "run", "--demo"],
            cwd=REPOSITORY,
            env=self._environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except (URLError, OSError):
                time.sleep(0.05)
        raise RuntimeError(f"the server did not become ready:\n{self.log()[-4000:]}")

    def log(self) -> str:
        """What the server has written so far."""
        return (self.var / "server.log").read_text(errors="replace")

    def rings(self) -> bool:
        """Whether any request rings now."""
        with closing(sqlite3.connect(f"file:{self.var / 'hoichan.db'}?mode=ro", uri=True)) as database:
            return bool(database.execute("select count(*) from consults where state = 'ringing'").fetchone()[0])

    def people(self) -> dict[str, SignIn]:
        """The demo's sign-ins by user name."""
        entries = json.loads((self.var / "demo-sign-ins.json").read_text())
        known = ("user_name", "password", "role", "facility")
        return {entry["user_name"]: SignIn(**{key: entry[key] for key in known}) for entry in entries}

    def stop(self) -> int:
        """Interrupt and wait at most 15 s."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self._log.close()
