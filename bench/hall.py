"""A hall for the bench of signalling: PostgreSQL, Redis and web nodes of this run, and people who are signed in.

People and sessions are written straight into the store: a sign-in's argon2 is dear on purpose and not what is measured.
Every terminal has a facility of its own, as in a country of commune stations; of each hospital and specialty one
specialist is on call.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import text

from bench.load.build import CannotMeasure
from consult_rooms.tables import on_call_shifts
from foundation.clock import SystemClock
from foundation.database import Database
from foundation.ids import new_id
from hoichan.migrate import upgrade
from identity.credentials import digest
from identity.model import FacilityKind, ManagingLevel, Role, TechnicalLevel
from identity.tables import facilities, links, sessions, specialties, staff, staff_specialties, terminals
from tests.conftest import PostgresServer, free_port

HUBS, SPECIALTIES = 20, 10
_ROWS = 1_000
"""Rows of one INSERT."""


@dataclass(frozen=True, slots=True)
class Seeded:
    """Who sits in the hall."""

    clinics: list[str]
    """Session secrets of people who ask."""
    specialists: list[str]
    """Session secrets of those who are on call."""
    specialty_ids: list[str]


async def seed(url: str, people: int) -> Seeded:
    """Migrate an empty database and fill it with that many signed-in people, each at a terminal."""
    database = Database(url, SystemClock())
    try:
        await upgrade(database)
        rows = _Rows(people)
        async with database.transaction() as tx:
            now = await tx.now()
            for table, found in rows.tables(now):
                for start in range(0, len(found), _ROWS):
                    await tx.execute(table.insert(), found[start : start + _ROWS])
    finally:
        await database.close()
    return Seeded(rows.secrets[HUBS * SPECIALTIES :], rows.secrets[: HUBS * SPECIALTIES], rows.specialties)


async def analyze(url: str) -> None:
    """Give the planner statistics, as autovacuum has by the time that a country's people are there."""
    database = Database(url, SystemClock())
    try:
        async with database.transaction() as tx:
            await tx.execute(text("ANALYZE"))
    finally:
        await database.close()


class _Rows:
    """The rows; the first people are the specialists."""

    def __init__(self, people: int) -> None:
        self.secrets = [secrets.token_urlsafe(32) for _ in range(people)]
        self.specialties = [new_id("spe") for _ in range(SPECIALTIES)]
        self._hubs = [new_id("fac") for _ in range(HUBS)]
        self._clinics = [new_id("fac") for _ in range(people - HUBS * SPECIALTIES)]
        self._staff = [new_id("stf") for _ in range(people)]
        self._terminals = [new_id("ter") for _ in range(people)]

    def _place(self, number: int) -> str:
        ahead = HUBS * SPECIALTIES
        return self._hubs[number // SPECIALTIES] if number < ahead else self._clinics[number - ahead]

    def tables(self, now: Any) -> list[tuple[Any, list[dict[str, Any]]]]:
        """In the order of their references."""
        places = [*self._hubs, *self._clinics]
        on_call = range(HUBS * SPECIALTIES)
        fields = [self.specialties[number % SPECIALTIES] for number in on_call]
        return [
            (facilities, [_facility(place, number, number < HUBS) for number, place in enumerate(places)]),
            (links, [{"spoke_id": c, "hub_id": self._hubs[i % HUBS]} for i, c in enumerate(self._clinics)]),
            (
                specialties,
                [
                    {"id": one, "code": f"field_{number}", "name_vi": f"Khoa {number}", "name_en": f"Field {number}"}
                    for number, one in enumerate(self.specialties)
                ],
            ),
            (staff, [self._person(number, one, now) for number, one in enumerate(self._staff)]),
            (
                staff_specialties,
                [{"staff_id": self._staff[n], "specialty_id": field} for n, field in zip(on_call, fields, strict=True)],
            ),
            (
                on_call_shifts,
                [
                    {
                        "id": new_id("shi"), "staff_id": self._staff[n], "specialty_id": fields[n],
                        "facility_id": self._place(n), "weekday": day, "starts_minute": 0, "ends_minute": 0,
                    }
                    for n in on_call
                    for day in range(7)
                ],
            ),
            (
                terminals,
                [
                    {"id": one, "facility_id": self._place(n), "code": f"T{n}", "name": f"Terminal {n}", "active": True}
                    for n, one in enumerate(self._terminals)
                ],
            ),
            (
                sessions,
                [
                    {
                        "id": new_id("ses"), "secret_hash": digest(secret), "staff_id": self._staff[n],
                        "terminal_id": self._terminals[n], "csrf_token": secret, "address": "127.0.0.1",
                        "created_at": now, "seen_at": now, "expires_at": now + timedelta(hours=12),
                    }
                    for n, secret in enumerate(self.secrets)
                ],
            ),
        ]  # fmt: skip

    def _person(self, number: int, staff_id: str, now: Any) -> dict[str, Any]:
        specialist = number < HUBS * SPECIALTIES
        return {
            "id": staff_id, "user_name": f"bench.{number}", "full_name": f"BS. Nguyễn Văn {number}",
            "facility_id": self._place(number), "roles": [Role.SPECIALIST if specialist else Role.RURAL_DOCTOR],
            "licence_number": f"{number:06}/BYT-CCHN" if specialist else None,
            "licence_expires": date(2099, 1, 1) if specialist else None,
            "password_hash": "none", "language": "vi", "active": True, "installation_wide": False,
            "must_change_password": False, "sensitivities": [], "demo": False, "created_at": now,
        }  # fmt: skip


def _facility(place: str, number: int, hub: bool) -> dict[str, Any]:
    return {
        "id": place, "code": f"{number:05}", "name": f"Cơ sở {number}",
        "kind": FacilityKind.COMMUNE_STATION, "technical_level": TechnicalLevel.BASIC,
        "managing_level": ManagingLevel.COMMUNE, "province_code": "51", "commune_code": "20001",
        "address": "", "telephone": "", "emergency_telephone": "0255 000 0115", "is_hub": hub,
        "active": True, "demo": False,
    }  # fmt: skip


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """A Redis of this run, without a disk; its address."""
    program, port = shutil.which("redis-server"), free_port()
    if program is None:
        raise CannotMeasure("the bench needs redis-server; `make test-services` installs it")
    server = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    try:
        time.sleep(0.5)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(10)


@contextmanager
def postgres_server(folder: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL of this run."""
    folder.mkdir(mode=0o755)
    server = PostgresServer(folder)
    try:
        yield server
    finally:
        server.stop()


class Node:
    """A running `hoichan web`, or any other server that answers at a port."""

    def __init__(self, port: int, process: asyncio.subprocess.Process) -> None:
        self.port = port
        self.process = process

    @property
    def pid(self) -> int:
        return self.process.pid


@asynccontextmanager
async def nodes(folder: Path, database_url: str, redis_url: str, count: int) -> AsyncIterator[list[Node]]:
    """That many web nodes over one store and one Redis."""
    (folder / "token").write_text("bench")
    key = base64.b64encode(bytes(32)).decode()
    (folder / "keys").write_text(f"0:{key}\n1:{key}\n")
    settings = {
        "HOICHAN_DATABASE_URL": database_url,
        "HOICHAN_REDIS_URL": redis_url,
        "HOICHAN_MEDIA_TOKEN_FILE": str(folder / "token"),
        "HOICHAN_KEYS_FILE": str(folder / "keys"),
        "HOICHAN_VAR": str(folder / "var"),
        "HOICHAN_LOG_LEVEL": "WARNING",
    }
    started: list[Node] = []
    try:
        for _ in range(count):
            port = free_port()
            started.append(await _start(["-m", "hoichan", "web"], settings | {"HOICHAN_PORT": str(port)}, port))
        yield started
    finally:
        for node in started:
            await _stop(node)


@asynccontextmanager
async def bare_node() -> AsyncIterator[Node]:
    """A bare python-socketio server."""
    port = free_port()
    node = await _start(["-m", "bench.load.bare", str(port)], {}, port)
    try:
        yield node
    finally:
        await _stop(node)


async def _start(command: list[str], settings: dict[str, str], port: int) -> Node:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, env={**os.environ, **settings}, stdin=subprocess.DEVNULL
    )
    node, deadline = Node(port, process), time.monotonic() + 30
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < deadline and process.returncode is None:
            try:
                async with session.get(f"http://127.0.0.1:{port}/socket.io/?EIO=4&transport=polling"):
                    return node
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
    await _stop(node)
    raise CannotMeasure(f"{' '.join(command)} did not begin to listen")


async def _stop(node: Node) -> None:
    if node.process.returncode is None:
        node.process.terminate()
        try:
            async with asyncio.timeout(20):
                await node.process.wait()
        except TimeoutError:
            node.process.kill()
            await node.process.wait()
