"""What is relied on in aiosqlite beyond its documentation: one trip to the connection's thread a statement."""

from __future__ import annotations

import asyncio
import sqlite3
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from foundation.aiosqlite_seam import OneTripConnection, open_one_trip
from foundation.database import Database


def test_the_pinned_release_is_installed() -> None:
    """Another minor release may rename what the seam touches: read it anew before this line is changed."""
    assert version("aiosqlite").startswith("0.22.")


async def test_a_cursor_holds_what_the_statement_gave(tmp_path: Path) -> None:
    connection = await open_one_trip(str(tmp_path / "x.db"), isolation_level=None)
    async with connection.cursor() as cursor:
        await cursor.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
        assert cursor.description is None
        await cursor.executemany("INSERT INTO t (name) VALUES (?)", [("a",), ("b",), ("c",)])
        assert cursor.rowcount == 3
        await cursor.execute("INSERT INTO t (name) VALUES (?)", ("d",))
        assert cursor.lastrowid == 4
        await cursor.execute("UPDATE t SET name = name || '!' WHERE id > ? RETURNING id", (2,))
        assert [column[0] for column in cursor.description] == ["id"]
        assert cursor.rowcount == 2
        assert await cursor.fetchall() == [(3,), (4,)]
        assert await cursor.fetchall() == []
        with pytest.raises(sqlite3.IntegrityError):
            await cursor.execute("INSERT INTO t (id) VALUES (1)")
        await cursor.execute("SELECT count(*) FROM t")
        assert await cursor.fetchall() == [(4,)]
    await connection.close()


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every trip from here on, by what it does."""
    made: list[Any] = []
    ask = OneTripConnection._execute

    async def counted(self: OneTripConnection, act: Any, *arguments: Any, **options: Any) -> Any:
        made.append(act)
        return await ask(self, act, *arguments, **options)

    monkeypatch.setattr(OneTripConnection, "_execute", counted)
    return made


async def test_a_statement_is_one_trip(sqlite_database: Database, trips: list[Any]) -> None:
    for number in range(2):
        async with sqlite_database.reading() as read:
            for _ in range(5):
                await read.execute(text("SELECT 1"))
        assert len(trips) == 5 or number == 0, "the first round opens the connection"
        trips.clear()


async def test_a_transaction_adds_its_begin_and_its_commit(sqlite_database: Database, trips: list[Any]) -> None:
    for number in range(2):
        async with sqlite_database.transaction() as tx:
            await tx.execute(text("SELECT 1"))
        assert len(trips) == 3 or number == 0, "the first round opens the connection"
        trips.clear()


async def test_a_statement_that_is_a_transaction_is_one_trip(sqlite_database: Database, trips: list[Any]) -> None:
    async with sqlite_database.transaction() as tx:
        await tx.execute(text("CREATE TABLE t (name TEXT)"))
    trips.clear()
    await sqlite_database.once(text("INSERT INTO t VALUES (:store_time)"))
    assert len(trips) == 1
    # The next transaction begins as ever: what it writes is gone when it fails.
    with pytest.raises(ZeroDivisionError):
        async with sqlite_database.transaction() as tx:
            await tx.execute(text("DELETE FROM t"))
            raise ZeroDivisionError
    async with sqlite_database.reading() as read:
        assert (await read.execute(text("SELECT count(*) FROM t"))).scalar_one() == 1


async def test_a_cancelled_wait_leaves_a_usable_database(sqlite_database: Database) -> None:
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT max(i) FROM n"

    async def ask() -> None:
        async with sqlite_database.reading() as read:
            await read.execute(text(slow))

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0.05)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    async with sqlite_database.reading() as read:
        assert (await read.execute(text("SELECT 1"))).scalar_one() == 1
