"""The database, SQLite or PostgreSQL behind the same two doors: `transaction` writes, `reading` reads.

SQLite runs in WAL mode with one writing connection: writers wait in this process's queue rather than in SQLite's
busy loop, and `BEGIN IMMEDIATE` makes a read-then-write transaction safe. PostgreSQL runs READ COMMITTED, so every
race is decided by a compare-and-set UPDATE or by a row lock. Both compare deadlines with the store's own time.
One file above 300 lines, since each difference between the two is to stand where the other is in sight.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Lock
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    DateTime,
    Dialect,
    MetaData,
    TableValuedAlias,
    TypeDecorator,
    bindparam,
    event,
    func,
    literal,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from foundation.aiosqlite_seam import open_one_trip
from foundation.clock import Clock
from foundation.errors import Unavailable
from foundation.i18n import N_
from foundation.resting import Resting

log = logging.getLogger(__name__)

_KNOWN_STATEMENTS = 500
"""Statements that each connection keeps prepared: more than a node has, so that none is planned again."""
_PATIENCE_S = 10.0
"""How long anybody waits for a free connection to PostgreSQL."""

_LOG_PAGES = 4_096
"""SQLite's own checkpoint comes at that many pages of its log (16 MiB): a backstop for programs that do not call
`Database.checkpoint`. At its usual 1,000 pages it comes inside somebody's commit, who waits for all the copying."""

_LOG_WRITES = 100
"""So many transactions are copied together: each checkpoint flushes the disk, and a commit beside it waits for that."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""All tables of the program; each package's `tables.py` adds its own."""


def unnested(values: Iterable[str], *, sqlite: bool) -> TableValuedAlias:
    """A table with the column `value` that holds these: one parameter, however many they are."""
    listed = literal(list(values), JSON())
    made = func.json_each(listed) if sqlite else func.json_array_elements_text(listed)
    return made.table_valued("value")


Json = JSON().with_variant(JSONB(), "postgresql")


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime: timestamptz in PostgreSQL, sortable text in SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored instant has to be aware")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - SQLAlchemy passes it by position
    ) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


STORE_TIME: ColumnElement[datetime] = func.coalesce(
    bindparam("store_time", type_=Instant), func.now(), type_=Instant
).label("store_time")
"""The store's time inside a statement, which then needs no trip of its own; `Transaction.clocked` runs it."""


class Transaction:
    """One open transaction. What is registered by `after_commit` runs once it is durable, and never otherwise."""

    def __init__(self, connection: AsyncConnection, clock: Clock | None) -> None:
        self.connection = connection
        self._clock = clock
        self._now: datetime | None = None
        self._after: list[Callable[[], Awaitable[None]]] = []

    async def now(self) -> datetime:
        """The store's time; on PostgreSQL that of the database server, the same through the transaction."""
        if self._now is None:
            if self._clock is not None:
                self._now = self._clock.now()
            else:
                self._now = (await self.connection.execute(text("SELECT now()"))).scalar_one().astimezone(UTC)
        return self._now

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        """Run a statement; the same as on the connection."""
        return await self.connection.execute(statement, parameters)

    async def lock(self, number: int) -> None:
        """Hold a lock of this program until the transaction ends. On SQLite each writer has the database alone."""
        if self.connection.dialect.name == "postgresql":
            await self.connection.execute(text("SELECT pg_advisory_xact_lock(4801, :number)"), {"number": number})

    async def clocked(self, statement: Any, parameters: dict[str, Any] | None = None) -> Any:
        """Run a statement that holds `STORE_TIME`."""
        told = self._now if self._clock is None else self._clock.now()
        return await self.connection.execute(statement, {**(parameters or {}), "store_time": told})

    def learn(self, now: datetime) -> None:
        """Keep the time that a statement brought along: `now` answers with it from here on."""
        if self._now is None:
            self._now = now

    def after_commit(self, action: Callable[[], Awaitable[None]]) -> None:
        """Run `action` after the commit. Its failure is logged: what matters is already in the database."""
        self._after.append(action)

    async def committed(self) -> None:
        """Run what waited for the commit."""
        for action in self._after:
            try:
                await action()
            except Exception:  # a hint that gets lost is made good by the readers' own looking each second
                log.exception("an action after the commit failed")


class Database:
    """The engines of one process. `server_time` makes deadlines follow the database server's clock."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        *,
        password: str | None = None,
        server_time: bool | None = None,
        pool_size: int = 20,
    ) -> None:
        address = make_url(url)
        if password is not None:
            address = address.set(password=password)
        self.is_sqlite = address.get_backend_name() == "sqlite"
        if server_time is None:
            server_time = not self.is_sqlite
        self._clock = None if server_time else clock
        self._opening = Lock()
        self._is_open = not self.is_sqlite
        self._written = 0
        self._patience_s = _PATIENCE_S
        self._places: asyncio.Semaphore | None = None
        """On PostgreSQL the line of those who wait for a connection. The pool has none: whoever comes when one is free
        takes it from those who wait, some of whom then wait until they are refused."""
        self._resting: Resting | None = None
        if self.is_sqlite:
            driver = {"async_creator_fn": open_one_trip}
            self._writer = create_async_engine(
                address, pool_size=1, max_overflow=0, pool_timeout=30, connect_args=driver
            )
            # A reader sees each statement's newest state, as in READ COMMITTED; with no BEGIN and ROLLBACK it is cheap.
            self._reader = create_async_engine(
                address,
                pool_size=4,
                max_overflow=0,
                pool_timeout=30,
                pool_reset_on_return=None,
                isolation_level="AUTOCOMMIT",
                connect_args=driver,
            )
            # A committed consult outlives a power cut.
            _prepare_sqlite(self._writer, "synchronous=FULL", f"wal_autocheckpoint={_LOG_PAGES}")
            _prepare_sqlite(self._reader, "query_only=ON")

            @event.listens_for(self._writer.sync_engine, "begin")
            def on_begin(connection: Any) -> None:
                if not connection.get_execution_options().get("single"):
                    connection.exec_driver_sql("BEGIN IMMEDIATE")

            # Without a BEGIN each statement is a transaction of its own.
            self._single = self._writer.execution_options(single=True)
        else:
            # The connection that came back last goes out first: it has the statements prepared and is not tested. None
            # is opened for a moment alone, which costs more than the wait for one.
            self._writer = create_async_engine(
                address,
                pool_size=pool_size,
                max_overflow=0,
                pool_timeout=_PATIENCE_S,
                pool_use_lifo=True,
                connect_args={"prepared_statement_cache_size": _KNOWN_STATEMENTS},
            )
            self._places = asyncio.Semaphore(pool_size)
            self._resting = Resting(self._writer, pool_size)
            self._reader = self._writer.execution_options(isolation_level="AUTOCOMMIT")
            self._single = self._reader

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A writing transaction: committed when the block ends, rolled back when it raises.

        Raises `Unavailable("database.unavailable")` when the database cannot be reached or cannot write.
        """
        with _translated():
            if not self._is_open:
                await self._open()
            async with self._connected(self._writer) as connection, connection.begin():
                self._written += 1
                transaction = Transaction(connection, self._clock)
                yield transaction
            # The connection is back in the pool before hints go out.
        await transaction.committed()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """Statements that only read, each on the newest committed state; they never block a writer."""
        with _translated():
            async with self._connected(self._reader) as connection:
                yield Transaction(connection, self._clock)

    async def once(self, statement: Any, parameters: dict[str, Any] | None = None) -> Sequence[Any]:
        """One statement that writes, durable when this returns: a single trip, where `transaction` needs three.

        Gives the rows of its RETURNING. The statement may hold `STORE_TIME`. Raises as `transaction`.
        """
        with _translated():
            if not self._is_open:
                await self._open()
            async with self._connected(self._single) as connection:
                self._written += 1
                done = await Transaction(connection, self._clock).clocked(statement, parameters)
                return done.all() if done.returns_rows else ()

    @asynccontextmanager
    async def _connected(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        """A connection, in the order in which they were asked for. Raises TimeoutError."""
        if self._places is None or self._resting is None:
            async with engine.connect() as connection:
                yield connection
            return
        async with asyncio.timeout(self._patience_s):
            await self._places.acquire()
        try:
            async with self._resting.connection(engine) as connection:
                yield connection
        finally:
            self._places.release()

    async def _open(self) -> None:
        """Open SQLite's writing connection. By itself the pool would leave those who wait for it waiting, when whoever
        was opening it is cancelled."""
        async with self._opening:
            if not self._is_open:
                async with self._writer.connect():
                    self._is_open = True

    async def ready(self) -> bool:
        """Whether a query is answered now."""
        try:
            async with self.reading() as read:
                await read.execute(text("SELECT 1"))
        except (Unavailable, SQLAlchemyError):
            return False
        return True

    async def checkpoint(self) -> None:
        """Copy SQLite's log into its file; neither writers nor readers wait for it. To be called about each second.

        What a reader still holds back is left for the next time. PostgreSQL does so by itself: nothing is done there.
        """
        if self.is_sqlite and self._written >= _LOG_WRITES:
            self._written = 0
            async with self.reading() as read:
                await read.execute(text("PRAGMA wal_checkpoint(PASSIVE)"))

    @property
    def engine(self) -> AsyncEngine:
        """The writing engine, for migrations."""
        return self._writer

    @property
    def engines(self) -> tuple[AsyncEngine, AsyncEngine]:
        """The writing and the reading engine, for those who count statements; on PostgreSQL both share their pool."""
        return self._writer, self._reader

    async def close(self) -> None:
        """Close every connection."""
        self._is_open = not self.is_sqlite
        if self._resting is not None:
            await self._resting.close()
        await self._writer.dispose()
        await self._reader.dispose()


def _prepare_sqlite(engine: AsyncEngine, *pragmas: str) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy begins transactions itself
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "busy_timeout=10000", *pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


@contextmanager
def _translated() -> Iterator[None]:
    """A database that cannot be reached, is full or has no connection free, as `database.unavailable`."""
    try:
        yield
    except DBAPIError as error:
        if error.connection_invalidated or _is_outage(error):
            raise Unavailable("database.unavailable", UNAVAILABLE) from error
        raise
    except (OSError, TimeoutError, PoolTimeout) as error:
        raise Unavailable("database.unavailable", UNAVAILABLE) from error


def _is_outage(error: DBAPIError) -> bool:
    reason = str(error.orig).lower()
    return any(
        word in reason for word in ("disk is full", "disk full", "unable to open", "locked", "connection", "i/o error")
    )


UNAVAILABLE = N_("The database cannot be reached or written now. Nothing was changed; try again in a moment.")
