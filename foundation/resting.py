"""Connections to PostgreSQL that rest between uses, as SQLAlchemy's pool has given them out.

Giving one back to the pool and taking it out again costs a node as much as a small statement, and a consult does so
some fifteen times. Whoever was refused or interrupted gives its connection back, so that the pool puts it in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from time import monotonic
from typing import Any

from sqlalchemy import Connection, PoolProxiedConnection, QueuePool, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_RESTED_S = 2.0
"""A connection that was used this lately is taken as alive."""
_SINCE = "rests_since"


class Resting:
    """The connections of one pool of that `size`, which `engines` share. Callers see to it that no more are used."""

    def __init__(self, pool: AsyncEngine, size: int) -> None:
        if not isinstance(pool.sync_engine.pool, QueuePool):
            raise TypeError("connections rest in front of a pool that has a size")
        self._pool = pool.sync_engine.pool
        self._size = size
        self._resting: list[tuple[AsyncEngine, AsyncConnection]] = []
        _test_rested(pool)

    @asynccontextmanager
    async def connection(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        """A connection of that engine, the one that rested last: it has the statements prepared."""
        connection = await self._rested(engine) or await self._opened(engine)
        try:
            yield connection
        except BaseException:
            await asyncio.shield(connection.close())
            raise
        if connection.invalidated:
            await connection.close()
            return
        _raw(connection).info[_SINCE] = monotonic()
        self._resting.append((engine, connection))

    async def close(self) -> None:
        """Give back all that rest."""
        while self._resting:
            await self._resting.pop()[1].close()

    async def _rested(self, engine: AsyncEngine) -> AsyncConnection | None:
        while (place := self._last(engine)) is not None:
            _, connection = self._resting.pop(place)
            raw = _raw(connection)
            try:
                if _wants_test(raw.dbapi_connection, raw.info):
                    await connection.run_sync(partial(_test_of, engine))
            except DisconnectionError:
                await connection.invalidate()
                await connection.close()
            except BaseException:
                await asyncio.shield(connection.close())
                raise
            else:
                return connection
        return None

    def _last(self, engine: AsyncEngine) -> int | None:
        return next((n for n in reversed(range(len(self._resting))) if self._resting[n][0] is engine), None)

    async def _opened(self, engine: AsyncEngine) -> AsyncConnection:
        while self._resting and self._pool.checkedout() >= self._size:
            await asyncio.shield(self._resting.pop(0)[1].close())
        return await engine.connect().start()


def _raw(connection: AsyncConnection) -> PoolProxiedConnection:
    if connection.sync_connection is None:
        raise RuntimeError("the connection is not open")
    return connection.sync_connection.connection


def _wants_test(connection: Any, info: dict[Any, Any]) -> bool:
    """Whether it has rested for a while, since the server may have ended it meanwhile. Raises DisconnectionError.

    The library's `pool_pre_ping` tests every time, in three round trips.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError
    rests_since = info.pop(_SINCE, None)
    return rests_since is not None and monotonic() - rests_since >= _RESTED_S


def _test(engine: AsyncEngine, connection: Any) -> None:
    try:
        engine.sync_engine.dialect.do_ping(connection)
    except Exception as error:  # whatever it is: the pool opens another connection in its place
        raise DisconnectionError from error


def _test_of(engine: AsyncEngine, connection: Connection) -> None:
    _test(engine, connection.connection.dbapi_connection)


def _test_rested(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "checkin")
    def on_checkin(_connection: Any, record: Any) -> None:
        record.info.setdefault(_SINCE, monotonic())

    @event.listens_for(engine.sync_engine, "checkout")
    def on_checkout(connection: Any, record: Any, _proxy: Any) -> None:
        if _wants_test(connection, record.info):
            _test(engine, connection)
