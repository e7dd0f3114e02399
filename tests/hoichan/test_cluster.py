"""Two web nodes and a media worker over PostgreSQL and Redis: pairing across nodes, and past a node's sudden end."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from consult_rooms.tables import consults
from identity.tables import specialties
from tests.conftest import PostgresServer, _program, free_port
from tests.hoichan.program import Program, hoichan
from tests.protocol_client import ProtocolClient, connected

DOCTOR, SPECIALIST = "bs.bao", "bs.thuha"
RING_S = 3.0


class Cluster:
    """Two nodes `a` and `b`, one worker, and the services under them."""

    def __init__(self, folder: Path, database: str, redis: subprocess.Popen[bytes], redis_port: int) -> None:
        self.database, self.redis = database, redis
        keys = [base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2)]
        (folder / "keys").write_text(f"0:{keys[0]}\n1:{keys[1]}\n")
        (folder / "token").write_text(secrets.token_hex(16))
        shared = {
            "database_url": database,
            "redis_url": f"redis://127.0.0.1:{redis_port}/0",
            "keys_file": folder / "keys",
            "media_token_file": folder / "token",
            "var": folder / "var",
        }
        for command in (["migrate"], ["seed", "--demo"]):
            done = hoichan(*command, **shared)
            assert done.returncode == 0, done.stderr
        entries = json.loads((folder / "var" / "demo-sign-ins.json").read_text(encoding="utf-8"))
        self.passwords = {entry["user_name"]: entry["password"] for entry in entries}
        media = Program(folder, "media", "media", media_control=f"127.0.0.1:{free_port()}", **shared)
        ports = [free_port(), free_port()]
        self.a, self.b = (
            Program(folder, f"web{n}", "web", port=port, origins=f"http://127.0.0.1:{port}", **shared)
            for n, port in enumerate(ports)
        )
        self.programs = [self.a, self.b, media]
        self.a.until_ready()
        self.b.until_ready()

    @asynccontextmanager
    async def person(self, node: Program, user_name: str) -> AsyncIterator[ProtocolClient]:
        async with connected(node.url, user_name, self.passwords[user_name]) as client:
            yield client


@pytest.fixture(scope="module")
def cluster(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    name, port = f"cluster_{uuid4().hex}", free_port()
    postgres.sql(f"CREATE DATABASE {name}")
    # A Redis of its own, which a test may stop in the middle of its work.
    program = [_program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with ExitStack() as stack:
        redis = subprocess.Popen(program, cwd=folder, stdout=subprocess.DEVNULL)
        stack.callback(redis.wait, 10)
        stack.callback(redis.terminate)
        stack.callback(redis.send_signal, signal.SIGCONT)
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
        running = Cluster(folder, postgres.url(name), redis, port)
        yield running
        for node in running.programs:
            if node.process.poll() is None:
                assert node.end() == 0, node.log[-4000:]


@pytest.fixture
async def store(cluster: Cluster) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(cluster.database)
    yield engine
    await engine.dispose()


async def requests_held(store: AsyncEngine) -> int:
    async with store.connect() as connection:
        return int((await connection.execute(select(func.count()).select_from(consults))).scalar_one())


async def emergency(store: AsyncEngine) -> dict[str, object]:
    async with store.connect() as connection:
        found = select(specialties.c.id).where(specialties.c.code == "than_kinh_dot_quy")
        specialty = (await connection.execute(found)).scalar_one()
    return {"specialty_id": specialty, "urgency": "emergency", "idempotency_key": secrets.token_hex(8)}


async def test_a_request_at_one_node_is_accepted_at_the_other(cluster: Cluster, store: AsyncEngine) -> None:
    async with cluster.person(cluster.a, DOCTOR) as doctor, cluster.person(cluster.b, SPECIALIST) as specialist:
        asked = await doctor.call("request_consult", **await emergency(store))
        consult_id = asked["consult_id"]
        await specialist.wait_for("ring", RING_S, consult_id=consult_id)
        await specialist.call("accept_offer", consult_id=consult_id)
        await doctor.wait_for("consult", RING_S, consult_id=consult_id, state="claimed")
        await doctor.join(consult_id)
        await specialist.join(consult_id)
        await specialist.say("Tôi nghe đây.")
        assert (await doctor.wait_for("chat", RING_S))["text"] == "Tôi nghe đây."
        await specialist.call("end_consult", consult_id=consult_id)
        await doctor.wait_for("consult", RING_S, consult_id=consult_id, state="ended")


@pytest.mark.timeout(90)
async def test_a_node_that_dies_after_the_commit_has_lost_nothing(cluster: Cluster, store: AsyncEngine) -> None:
    """Redis stands still, so no hint can pass; the node is killed as soon as the request's row is there."""
    before = await requests_held(store)
    async with cluster.person(cluster.b, SPECIALIST) as specialist:
        doctor = ProtocolClient(cluster.a.url)
        await doctor.sign_in(DOCTOR, cluster.passwords[DOCTOR])
        await doctor.connect()
        cluster.redis.send_signal(signal.SIGSTOP)
        try:
            asking = asyncio.create_task(doctor.call("request_consult", **await emergency(store)))
            began = time.monotonic()
            while await requests_held(store) == before:
                assert time.monotonic() - began < 4.5, "an emergency waits for Redis"
                assert not asking.done(), asking.result()
                await asyncio.sleep(0.01)
            cluster.a.process.send_signal(signal.SIGKILL)
            died = time.monotonic()
            assert not any(name == "ring" for name, _ in specialist.events), "it rang before the node died"
            ring = await specialist.wait_for("ring", 10)
            assert time.monotonic() - died < RING_S
        finally:
            cluster.redis.send_signal(signal.SIGCONT)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            await doctor.close()
        await specialist.call("accept_offer", consult_id=ring["consult_id"])
        async with cluster.person(cluster.b, DOCTOR) as again:
            joined = await again.join(ring["consult_id"])
            assert [entry["kind"] for entry in joined["entries"]].count("claimed") == 1
