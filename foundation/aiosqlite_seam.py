"""The only file that touches undocumented names of aiosqlite: a statement goes to the connection's thread once.

SQLAlchemy opens a cursor, executes, fetches and closes it; aiosqlite hands each of the four to its thread and waits.
The work of a small query takes some 20 µs; each handing over changes threads twice, and on a busy machine each change
waits for the scheduler: a page that asked ten times waited forty times. Here one call does the four.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import aiosqlite


class OneTripCursor:
    """A cursor that has fetched every row when `execute` returns (PEP 249, asynchronous).

    `description`, `rowcount` and `lastrowid` are those of the statement that ran last.
    """

    def __init__(self, connection: OneTripConnection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> OneTripCursor:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> OneTripCursor:
        """Run one statement. Raises the errors of sqlite3."""
        return await self._run(sqlite3.Cursor.execute, sql, parameters)

    async def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> OneTripCursor:
        """Run one statement once for each of the parameters."""
        return await self._run(sqlite3.Cursor.executemany, sql, parameters)

    async def fetchall(self) -> list[Any]:
        """The rows that are left."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Nothing is open any more."""

    async def _run(self, act: Any, sql: str, parameters: Any) -> OneTripCursor:
        self._rows, self.description, self.rowcount, self.lastrowid = await self._connection.trip(act, sql, parameters)
        return self


class OneTripConnection(aiosqlite.Connection):
    """aiosqlite's connection, whose cursors need one trip to its thread for each statement."""

    _sent = 0
    """Calls given to the thread; written by the loop's thread alone."""
    _done = 0
    """Calls that it has finished, also those that nobody waits for any more; written by it alone."""

    def cursor(self) -> OneTripCursor:  # type: ignore[override]  # used by SQLAlchemy alone, as a context manager
        """A new cursor."""
        return OneTripCursor(self)

    async def trip(self, act: Any, sql: str, parameters: Any) -> tuple[list[Any], Any, int, int | None]:
        """Open a cursor, run, fetch and close, all on the connection's thread."""
        found: tuple[list[Any], Any, int, int | None] = await self._execute(_whole, self._conn, act, sql, parameters)
        return found

    async def rollback(self) -> None:
        """Roll back; spares the trip when there is nothing to: the pool asks for it after each use."""
        if self._sent != self._done or self.in_transaction:
            await super().rollback()

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._sent += 1
        return await super()._execute(self._counted, fn, *args, **kwargs)  # type: ignore[no-untyped-call]  # aiosqlite leaves it untyped

    def _counted(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return fn(*args, **kwargs)
        finally:
            self._done += 1


def _whole(
    connection: sqlite3.Connection, act: Any, sql: str, parameters: Any
) -> tuple[list[Any], Any, int, int | None]:
    cursor = connection.cursor()
    try:
        act(cursor, sql, parameters)
        # Rows first: the count of a statement with RETURNING is known once they are fetched.
        rows = [] if cursor.description is None else cursor.fetchall()
        return rows, cursor.description, cursor.rowcount, cursor.lastrowid
    finally:
        cursor.close()


def open_one_trip(database: str, **options: Any) -> OneTripConnection:
    """A connection to be awaited, as `aiosqlite.connect` gives it; `options` are those of `sqlite3.connect`."""
    connection = OneTripConnection(partial(sqlite3.connect, database, **options), 64)
    # A connection that is never closed, as after a failed start, must not keep the process alive.
    connection._thread.daemon = True
    return connection
