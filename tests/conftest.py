"""Real services for tests: SQLite files, a PostgreSQL and a Redis server that this run starts and stops."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from foundation.bus import Bus, MemoryBus
from foundation.clock import FakeClock
from foundation.database import Database
from foundation.i18n import Languages
from foundation.redis_bus import RedisBus
from foundation.sealing import Sealer
from hoichan.schema import metadata
from tests.medplum.process import Medplum
from tests.seeded import SHARED
from web.compiled import CompiledTemplates

for _tables in (
    "foundation.audit",
    "identity.tables",
    "notify.tables",
    "consult_rooms.booking_tables",
    "consult_rooms.tables",
    "consult_rooms.push_tables",
    "consult_rooms.quiet",
    "records_panel.tables",
):
    if importlib.util.find_spec(_tables):
        importlib.import_module(_tables)


@cache
def languages() -> Languages:
    """The languages, read once a process: that takes as long as many a test."""
    return Languages()


@cache
def compiled() -> CompiledTemplates:
    """Templates compiled once a process, for the same reason."""
    return CompiledTemplates()


def free_port() -> int:
    """A TCP port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _program(name: str) -> str:
    """A server program by name, on the PATH or in Debian's folders. Missing ones fail the run: nothing is skipped."""
    folders = [os.environ.get("PATH", ""), *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]
    if found := shutil.which(name, path=os.pathsep.join(folders)):
        return found
    raise RuntimeError(f"the tests need {name}; `make test-services` installs it")


class PostgresServer:
    """A PostgreSQL cluster of this run, with fsync off, reachable on loopback by the user `hoichan`."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._as_user: list[str] = []
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            self._as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            shutil.chown(folder, "postgres", "postgres")
        self._run(
            "initdb",
            "-D",
            str(folder / "data"),
            "-U",
            "hoichan",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
            "--locale=C",
        )
        settings = (
            *("listen_addresses=127.0.0.1", "unix_socket_directories=''", "max_connections=200"),
            # Nothing of it outlives the run: copies of the template cost a fifth of what they would.
            *("fsync=off", "full_page_writes=off", "synchronous_commit=off", "wal_level=minimal", "max_wal_senders=0"),
        )
        options = f"-p {self.port} " + " ".join(f"-c {setting}" for setting in settings)
        self._run("pg_ctl", "-D", str(folder / "data"), "-l", str(folder / "log"), "-w", "-o", options, "start")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [*self._as_user, _program(program), *arguments], check=True, capture_output=True, cwd=self._folder
        )

    def url(self, database: str) -> str:
        """SQLAlchemy's address of one of its databases."""
        return f"postgresql+asyncpg://hoichan@127.0.0.1:{self.port}/{database}"

    def sql(self, statement: str, database: str = "postgres") -> None:
        """Run one statement, of itself in the maintenance database; also while a loop runs."""

        async def run() -> None:
            engine = create_async_engine(self.url(database), isolation_level="AUTOCOMMIT", poolclass=NullPool)
            async with engine.connect() as connection:
                await connection.exec_driver_sql(statement)

        with ThreadPoolExecutor(1) as beside:
            beside.submit(asyncio.run, run()).result()

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "stop")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    # Not below pytest's own folder: each run that begins closes that to everybody but its owner.
    with tempfile.TemporaryDirectory(prefix="hoichan-postgres-") as folder:
        server = PostgresServer(Path(folder))
        yield server
        server.stop()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    program = [_program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(program, cwd=tmp_path_factory.mktemp("redis"), stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        if time.monotonic() > deadline:
            raise RuntimeError("redis-server did not start")
        time.sleep(0.02)
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait(10)


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """A database with all tables, from which each test's own is copied."""

    async def create() -> None:
        database = Database(postgres.url("template_hoichan"), FakeClock())
        async with database.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        await database.close()

    postgres.sql("CREATE DATABASE template_hoichan")
    asyncio.run(create())
    return "template_hoichan"


@pytest.fixture(scope="session")
def postgres_emptied(postgres: PostgresServer, postgres_template: str) -> Callable[[], str]:
    """Gives a database with all tables and nothing in them: one for all tests, since a copy costs fifty times more."""
    name = f"test_{uuid4().hex}"
    postgres.sql(f"CREATE DATABASE {name} TEMPLATE {postgres_template} STRATEGY FILE_COPY")

    def empty() -> str:
        postgres.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        postgres.sql(_EMPTY, name)
        return name

    return empty


_EMPTY = (
    "DO $$ DECLARE found text; BEGIN SET LOCAL session_replication_role = replica; "
    "FOR found IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP "
    f"IF found = ANY ('{{{','.join(metadata.tables)}}}') THEN EXECUTE 'DELETE FROM ' || quote_ident(found); "
    "ELSE EXECUTE 'DROP TABLE ' || quote_ident(found) || ' CASCADE'; END IF; END LOOP; "
    "FOR found IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' LOOP "
    "EXECUTE 'ALTER SEQUENCE ' || quote_ident(found) || ' RESTART'; END LOOP; END $$"
)
"""Empties every table, drops those that a test has made, counts from one again."""


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An SQLite file with all tables, to be copied."""
    path = tmp_path_factory.mktemp("template") / "hoichan.db"

    async def create() -> None:
        database = Database(f"sqlite+aiosqlite:///{path}", FakeClock())
        async with database.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        await database.close()

    with ThreadPoolExecutor(1) as beside:
        beside.submit(asyncio.run, create()).result()
    return path.read_bytes()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database with all tables; the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return _sqlite(tmp_path, request.getfixturevalue("sqlite_template"))
    server: PostgresServer = request.getfixturevalue("postgres")
    empty: Callable[[], str] = request.getfixturevalue("postgres_emptied")
    return server.url(empty())


def _sqlite(folder: Path, template: bytes) -> str:
    path = folder / "hoichan.db"
    path.write_bytes(template)
    return f"sqlite+aiosqlite:///{path}"


def _opened(url: str, clock: FakeClock) -> Database:
    # The store's time is the fake clock's here, on PostgreSQL too; tests of the server's own time say so.
    return Database(url, clock, server_time=False)


@pytest.fixture
async def database(database_url: str, clock: FakeClock) -> AsyncIterator[Database]:
    """Both stores, one after the other."""
    opened = _opened(database_url, clock)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite_database(tmp_path: Path, sqlite_template: bytes, clock: FakeClock) -> AsyncIterator[Database]:
    """SQLite alone, for tests in which the store does not matter."""
    opened = _opened(_sqlite(tmp_path, sqlite_template), clock)
    yield opened
    await opened.close()


@pytest.fixture
async def bus(clock: FakeClock) -> AsyncIterator[Bus]:
    """The in-process bus."""
    opened = MemoryBus(clock)
    yield opened
    await opened.close()


@pytest.fixture(params=["memory", "redis"])
async def any_bus(request: pytest.FixtureRequest, clock: FakeClock) -> AsyncIterator[Bus]:
    """Both buses, one after the other; on Redis each test has keys of its own."""
    opened: Bus
    if request.param == "memory":
        opened = MemoryBus(clock)
    else:
        redis = Redis.from_url(request.getfixturevalue("redis_url"))
        opened = RedisBus(redis, prefix=f"test:{uuid4().hex}:")
    yield opened
    await opened.close()


@pytest.fixture
def sealer() -> Sealer:
    return Sealer({0: bytes(32), 1: bytes(range(32))})


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder that all processes of the run share; the one that starts them makes and removes it."""
    if not hasattr(config, "workerinput"):
        folder = tempfile.mkdtemp(prefix="hoichan-tests-")
        os.environ[SHARED] = folder
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


_PICTURES = ("sees_other", "in_room", "in_a_room", "REMOTE")
"""What a test has that watches a call in browsers, if only in one of its helpers' names."""


@cache
def _watches_calls(path: str) -> bool:
    text = (Path(__file__).parents[1] / path).read_text()
    return "playwright" in text and ("e2e/" not in path or any(word in text for word in _PICTURES))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what watches calls in browsers: such tests run alone, or others would starve their pictures."""
    for item in items:
        if _watches_calls(item.nodeid.partition("::")[0]):
            item.add_marker("browser")


@pytest.fixture(scope="session")
def medplum() -> Iterator[Medplum]:
    """A FHIR R4 server of others, shared by all tests of a process; tests keep apart by patients of their own."""
    server = Medplum()
    yield server
    server.stop()
