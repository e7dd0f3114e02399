"""What a process holds open: the database, the bus, and the secrets that lead to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import click

from foundation.bus import Bus, MemoryBus
from foundation.clock import Clock, SystemClock
from foundation.database import Database
from foundation.settings import Settings


def read_secret(path: Path | None) -> str | None:
    """The secret in a file, without its line end; None without a path. A file that cannot be read ends the program."""
    if path is None:
        return None
    try:
        return path.read_text().strip()
    except OSError as error:
        raise click.ClickException(f"the secret file {path.name} cannot be read: {error.strerror}") from error


def redis_address(settings: Settings) -> str:
    """The address of Redis with the password of its file, or nothing."""
    password = read_secret(settings.redis_password_file)
    if not settings.redis_url or not password:
        return settings.redis_url
    scheme, _, rest = settings.redis_url.partition("://")
    return f"{scheme}://:{quote(password, safe='')}@{rest}"


@asynccontextmanager
async def opened_database(settings: Settings, *, told: Clock | None = None) -> AsyncIterator[Database]:
    """The database of the settings; the folder of an embedded one is made. With `told` it takes that clock's time."""
    if not settings.database_url:
        try:
            settings.var.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise click.ClickException(f"the folder {settings.var} cannot be made: {error.strerror}") from error
    password = read_secret(settings.database_password_file)
    clock, server_time = (SystemClock(), None) if told is None else (told, False)
    database = Database(settings.database, clock, password=password, server_time=server_time)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def opened_bus(settings: Settings, clock: Clock) -> AsyncIterator[Bus]:
    """The bus of the settings."""
    bus: Bus
    if settings.redis_url:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        from foundation.redis_bus import RedisBus

        # A request asks Redis who is online before it rings: one that hangs is given up after 2 s, not the library's 5.
        # The second try is for connections that a restart of Redis has cut.
        redis = Redis.from_url(
            redis_address(settings),
            health_check_interval=15,
            socket_connect_timeout=1,
            socket_timeout=1,
            retry=Retry(NoBackoff(), 1),
        )
        bus = RedisBus(redis)
    else:
        bus = MemoryBus(clock)
    try:
        yield bus
    finally:
        await bus.close()
