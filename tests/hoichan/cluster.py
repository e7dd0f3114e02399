"""A small cluster of real processes: two web nodes, a media worker, PostgreSQL, a Redis of its own, and a balancer.

Each part is started, stopped, killed and started again by itself, as an administrator or bad luck would do it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from tests.conftest import PostgresServer, _program, free_port
from tests.hoichan.program import Program, invoke
from tests.protocol_client import ProtocolClient, connected


class RedisServer:
    """A Redis that keeps nothing on disk: started again, it is empty."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        program = [_program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen([*program, "--appendonly", "no"], cwd=self._folder, stdout=subprocess.DEVNULL)
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return

    def kill(self) -> None:
        """End it without a goodbye, whatever state it is in."""
        self.process.kill()
        self.process.wait(10)


class Balancer:
    """What stands before the nodes: each connection goes to a node that takes it.

    To the one with the fewest; with `sticky` always to the first that lives, as long polling needs it.
    """

    def __init__(self, nodes: list[Program], *, sticky: bool = False) -> None:
        self._nodes = nodes
        self._sticky = sticky
        self._carried = [0] * len(nodes)
        self._open: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Its address."""
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for writer in list(self._open):
                writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        order = range(len(self._nodes))
        for number in order if self._sticky else sorted(order, key=self._carried.__getitem__):
            try:
                back, forth = await asyncio.open_connection("127.0.0.1", str(self._nodes[number].port))
            except OSError:
                continue
            self._carried[number] += 1
            self._open |= {writer, forth}
            await asyncio.gather(_pass(reader, forth), _pass(back, writer))
            self._open -= {writer, forth}
            self._carried[number] -= 1
            return
        writer.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while octets := await reader.read(65_536):
            writer.write(octets)
            await writer.drain()
    writer.close()


class Cluster:
    """Two nodes `a` and `b`, one worker, and the services under them, with the demo's people."""

    def __init__(self, folder: Path, database: str, redis: RedisServer) -> None:
        self.database, self.redis = database, redis
        self._folder = folder
        keys = [base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2)]
        (folder / "keys").write_text(f"0:{keys[0]}\n1:{keys[1]}\n")
        (folder / "token").write_text(secrets.token_hex(16))
        self._shared = {
            "database_url": database,
            "redis_url": f"redis://127.0.0.1:{redis.port}/0",
            "keys_file": folder / "keys",
            "media_token_file": folder / "token",
            "var": folder / "var",
        }
        for command in (["migrate"], ["seed", "--demo"]):
            done = invoke(*command, **self._shared)
            assert done.exit_code == 0, done.output
        entries = json.loads((folder / "var" / "demo-sign-ins.json").read_text(encoding="utf-8"))
        self.passwords = {entry["user_name"]: entry["password"] for entry in entries}
        self.media = Program(folder, "media", "media", media_control=f"127.0.0.1:{free_port()}", **self._shared)
        self._ports = [free_port(), free_port()]
        self.nodes = [self._node(0), self._node(1)]
        for node in self.nodes:
            node.until_ready()

    @property
    def a(self) -> Program:
        return self.nodes[0]

    @property
    def b(self) -> Program:
        return self.nodes[1]

    def mend(self) -> None:
        """Start every node again that has ended, and wait until it is ready."""
        for number, node in enumerate(self.nodes):
            if node.process.poll() is not None:
                self.nodes[number] = self._node(number)
                self.nodes[number].until_ready()

    def end(self) -> None:
        """End what runs; every part has to end well."""
        for program in (*self.nodes, self.media):
            if program.process.poll() is None:
                assert program.end() == 0, program.log[-4000:]
            assert "Traceback" not in program.log, program.log[-4000:]

    @asynccontextmanager
    async def person(self, node: Program, user_name: str) -> AsyncIterator[ProtocolClient]:
        """Somebody of the demo, connected to that node."""
        async with connected(node.url, user_name, self.passwords[user_name]) as client:
            yield client

    def _node(self, number: int) -> Program:
        port = self._ports[number]
        return Program(
            self._folder, f"web{number}", "web", port=port, origins=f"http://127.0.0.1:{port}", **self._shared
        )


@contextmanager
def running_cluster(postgres: PostgresServer, folder: Path) -> Iterator[Cluster]:
    """A cluster for the tests of a module."""
    name = f"cluster_{uuid4().hex}"
    postgres.sql(f"CREATE DATABASE {name}")
    redis = RedisServer(folder)
    try:
        running = Cluster(folder, postgres.url(name), redis)
        try:
            yield running
        finally:
            redis.process.send_signal(signal.SIGCONT)
            running.end()
    finally:
        redis.kill()
