"""Both stores through the same door."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import AsyncExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Column, MetaData, String, Table, func, select, text
from sqlalchemy.exc import IntegrityError

from foundation import resting
from foundation.audit import Audit, AuditEntry, audit_entries
from foundation.clock import FakeClock
from foundation.database import STORE_TIME, Database, Instant
from foundation.errors import Unavailable
from tests.conftest import PostgresServer

own = MetaData()
moments = Table("test_moments", own, Column("name", String(64), primary_key=True), Column("at", Instant))


@pytest.fixture
async def database(database: Database) -> Database:
    """Both stores, with a table of these tests' own."""
    async with database.engine.begin() as connection:
        await connection.run_sync(own.create_all)
    return database


@pytest.fixture
async def sqlite_database(sqlite_database: Database) -> Database:
    """SQLite, with a table of these tests' own."""
    async with sqlite_database.engine.begin() as connection:
        await connection.run_sync(own.create_all)
    return sqlite_database


async def test_instants_come_back_aware_and_compare_in_sql(database: Database, clock: FakeClock) -> None:
    at = datetime(2026, 11, 23, 14, 2, 10, 123456, tzinfo=UTC)
    async with database.transaction() as transaction:
        await transaction.execute(moments.insert().values(name="a", at=at))
    async with database.reading() as read:
        assert (await read.execute(select(moments.c.at))).scalar_one() == at
        later = select(func.count()).where(moments.c.at > at - timedelta(microseconds=1)).select_from(moments)
        assert (await read.execute(later)).scalar_one() == 1
        assert await read.now() == clock.now()


async def test_naive_instants_are_refused(sqlite_database: Database) -> None:
    with pytest.raises(Exception, match="aware"):
        async with sqlite_database.transaction() as transaction:
            await transaction.execute(moments.insert().values(name="a", at=datetime(2026, 1, 1)))  # noqa: DTZ001 - the point


async def test_a_failed_block_changes_nothing_and_runs_no_hint(database: Database) -> None:
    hints: list[str] = []

    async def hint() -> None:
        hints.append("sent")

    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as transaction:
            transaction.after_commit(hint)
            await transaction.execute(moments.insert().values(name="a"))
            raise ZeroDivisionError
    async with database.reading() as read:
        assert (await read.execute(select(func.count()).select_from(moments))).scalar_one() == 0
    assert hints == []


async def test_a_failed_hint_does_not_undo_the_commit(database: Database) -> None:
    async def hint() -> None:
        raise OSError

    async with database.transaction() as transaction:
        transaction.after_commit(hint)
        await transaction.execute(moments.insert().values(name="a"))
    async with database.reading() as read:
        assert (await read.execute(select(func.count()).select_from(moments))).scalar_one() == 1


async def test_fifty_writers_at_once_all_get_their_turn(database: Database) -> None:
    async def write(number: int) -> None:
        async with database.transaction() as transaction:
            await transaction.execute(select(func.count()).select_from(moments))
            await transaction.execute(moments.insert().values(name=f"w{number}"))

    await asyncio.gather(*map(write, range(50)))
    async with database.reading() as read:
        assert (await read.execute(select(func.count()).select_from(moments))).scalar_one() == 50


async def test_a_broken_constraint_is_not_an_outage(database: Database) -> None:
    for attempt in range(2):
        if attempt == 0:
            async with database.transaction() as transaction:
                await transaction.execute(moments.insert().values(name="a"))
        else:
            with pytest.raises(IntegrityError):
                async with database.transaction() as transaction:
                    await transaction.execute(moments.insert().values(name="a"))


async def test_an_absent_database_is_unavailable(tmp_path: Path, clock: FakeClock) -> None:
    for url in (f"sqlite+aiosqlite:///{tmp_path}/no/such/folder/x.db", "postgresql+asyncpg://x@127.0.0.1:1/x"):
        absent = Database(url, clock)
        assert not await absent.ready()
        with pytest.raises(Unavailable, match=r"database\.unavailable"):
            async with absent.transaction():
                pass
        await absent.close()


def _in_the_file(path: Path) -> int:
    """How many rows SQLite's file holds without its log."""
    alone = path.with_name("alone.db")
    alone.write_bytes(path.read_bytes())
    with closing(sqlite3.connect(alone)) as connection:
        return int(connection.execute("SELECT count(*) FROM test_moments").fetchone()[0])


async def test_the_log_goes_into_the_file_beside_a_writer_and_never_in_a_commit(
    sqlite_database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "hoichan.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    async with sqlite_database.transaction() as tx:
        await tx.execute(text("CREATE TABLE filling (bytes BLOB)"))
        await tx.execute(text("INSERT INTO filling VALUES (zeroblob(8 * 1024 * 1024))"))
    for number in range(50):
        await sqlite_database.once(moments.insert().values(name=f"once{number}"))
    await sqlite_database.checkpoint()
    assert _in_the_file(path) == 0, "8 MiB of log, twice what SQLite waits for, cost no commit anything"
    for number in range(49):
        async with sqlite_database.transaction() as tx:
            await tx.execute(moments.insert().values(name=f"n{number}"))
    async with sqlite_database.transaction() as tx:
        await tx.execute(moments.insert().values(name="open"))
        async with asyncio.timeout(5):
            await sqlite_database.checkpoint()
        assert _in_the_file(path) == 99, "what is committed, while one still writes"


async def test_who_never_calls_for_checkpoints_has_a_bounded_log(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "own.db"
    database = Database(f"sqlite+aiosqlite:///{path}", clock)
    async with database.engine.connect() as connection:
        pages = (await connection.exec_driver_sql("PRAGMA wal_autocheckpoint")).scalar_one()
        size = (await connection.exec_driver_sql("PRAGMA page_size")).scalar_one()
    await database.close()
    assert 8 * 1024 * 1024 < pages * size <= 64 * 1024 * 1024


async def test_a_checkpoint_asks_nothing_of_postgresql(database: Database) -> None:
    await database.checkpoint()
    assert await database.ready()


async def test_postgresql_tells_its_own_time(
    postgres: PostgresServer, postgres_template: str, clock: FakeClock
) -> None:
    database = Database(postgres.url(postgres_template), clock)
    async with database.reading() as read:
        assert abs((await read.now() - datetime.now(UTC)).total_seconds()) < 5
        assert await read.now() != clock.now()
    await database.close()


async def test_one_statement_is_a_transaction_and_brings_the_stores_time(database: Database, clock: FakeClock) -> None:
    await database.once(moments.insert().values(at=STORE_TIME), {"name": "a"})
    async with database.reading() as read:
        row = (await read.clocked(select(moments.c.at, STORE_TIME))).one()
        assert row.at == row.store_time == clock.now()
    with pytest.raises(IntegrityError):
        await database.once(moments.insert().values(at=STORE_TIME), {"name": "a"})


async def test_on_postgresql_a_statement_brings_the_servers_time(
    postgres: PostgresServer, postgres_template: str, clock: FakeClock
) -> None:
    database = Database(postgres.url(postgres_template), clock)
    async with database.transaction() as tx:
        brought = (await tx.clocked(select(STORE_TIME))).scalar_one()
        assert brought == await tx.now() != clock.now()
    await database.close()


@pytest.mark.parametrize("way", ["transaction", "reading"])
@pytest.mark.parametrize("heard", [True, False])
async def test_connections_that_the_server_ended_are_not_used_again(
    postgres: PostgresServer,
    postgres_template: str,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    heard: bool,
) -> None:
    database = Database(postgres.url(postgres_template), clock)
    if not heard:
        monkeypatch.setattr(resting, "_RESTED_S", 0.0)  # it is asked, since it has rested for a while

    async def process() -> int:
        async with getattr(database, way)() as tx:
            return int((await tx.execute(text("SELECT pg_backend_pid()"))).scalar_one())

    first = await process()
    assert await process() == first
    postgres.sql(f"SELECT pg_terminate_backend({first})")
    if heard:
        await asyncio.sleep(0.1)  # until the end of the connection has arrived
    assert await process() != first
    await database.close()


async def test_those_who_write_have_the_connections_with_which_others_read(
    postgres: PostgresServer, postgres_template: str, clock: FakeClock
) -> None:
    database = Database(postgres.url(postgres_template), clock, pool_size=2)
    try:

        async def process(way: str) -> int:
            async with getattr(database, way)() as tx:
                await asyncio.sleep(0)
                return int((await tx.execute(text("SELECT pg_backend_pid()"))).scalar_one())

        seen: set[int] = set()
        for ways in (["reading"] * 4, ["transaction"] * 4, ["reading"] * 4, ["reading", "transaction"] * 6):
            async with asyncio.timeout(5):
                seen.update(await asyncio.gather(*map(process, ways)))
        assert len(seen) == 2
    finally:
        await database.close()


async def test_audit_rows_are_durable_when_commit_returns(database: Database, clock: FakeClock) -> None:
    audit = Audit(database)
    await audit.commit(AuditEntry(actor="sta_1", action="book.read", patient_id="pat_1", outcome="denied"))
    async with database.reading() as read:
        row = (await read.execute(select(audit_entries))).one()
    assert (row.actor, row.action, row.patient_id, row.outcome, row.at) == (
        "sta_1",
        "book.read",
        "pat_1",
        "denied",
        clock.now(),
    )


async def test_who_waits_for_the_first_connection_has_it_when_its_opener_is_cancelled(
    tmp_path: Path, clock: FakeClock
) -> None:
    for number in range(40):
        database = Database(f"sqlite+aiosqlite:///{tmp_path / str(number)}.db", clock)

        async def write(database: Database = database) -> None:
            async with database.transaction() as tx:
                await tx.execute(text("SELECT 1"))

        first, *others = [asyncio.create_task(write()) for _ in range(3)]
        for _ in range(number % 8):
            await asyncio.sleep(0)
        first.cancel()
        async with asyncio.timeout(5):
            await asyncio.gather(*others)
        await asyncio.gather(first, return_exceptions=True)
        await database.close()


@pytest.mark.parametrize("way", ["transaction", "reading", "once"])
async def test_a_pool_without_a_free_connection_is_unavailable(database: Database, way: str) -> None:
    database._patience_s = 0.05
    for engine in database.engines:
        engine.sync_engine.pool._timeout = 0.05  # type: ignore[attr-defined]  # nobody here waits ten seconds
    async with AsyncExitStack() as held:
        with pytest.raises(Unavailable) as refused:
            while True:
                if way == "once":
                    await database.once(moments.delete())
                hold = database.reading if way == "reading" else database.transaction
                await held.enter_async_context(hold())
    assert refused.value.code == "database.unavailable"


async def test_connections_are_given_in_the_order_in_which_they_were_asked_for(
    postgres: PostgresServer, postgres_template: str, clock: FakeClock
) -> None:
    database, order = Database(postgres.url(postgres_template), clock, pool_size=1), list[str]()
    try:

        async def use(name: str, times: int) -> None:
            for _ in range(times):
                async with database.reading() as read:
                    await read.execute(text("SELECT 1"))
                order.append(name)

        # One who asks again and again would otherwise always be before those who wait.
        await asyncio.gather(use("busy", 5), *(use(f"waiting {place}", 1) for place in range(5)))
        assert order[:6] == ["busy", *(f"waiting {place}" for place in range(5))]
    finally:
        await database.close()


async def test_after_a_burst_the_connection_that_knows_the_statements_is_used_again(
    postgres: PostgresServer, postgres_template: str, clock: FakeClock
) -> None:
    database = Database(postgres.url(postgres_template), clock, pool_size=4)
    try:

        async def process() -> int:
            async with database.reading() as read:
                await asyncio.sleep(0)  # another may ask for a connection meanwhile
                return int((await read.execute(text("SELECT pg_backend_pid()"))).scalar_one())

        burst = set(await asyncio.gather(*(process() for _ in range(12))))
        assert 1 < len(burst) <= 4, "none is opened for a moment alone"
        assert len({await process() for _ in range(8)}) == 1
    finally:
        await database.close()
