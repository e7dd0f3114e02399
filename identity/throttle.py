"""Slows down guessing: wrong passwords and codes are counted by account and by network address.

A terminal that holds a device credential has counters of its own, so that a stranger who guesses from elsewhere cannot
lock a doctor out of the clinic's computer. Counters live in the `limits` library's storage, shared through Redis in a
cluster; while Redis is away each node counts for itself, since sign-in has to go on.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError

from foundation.addresses import network
from foundation.errors import TooMany
from foundation.i18n import N_

log = logging.getLogger(__name__)
T = TypeVar("T")

WINDOW_MINUTES = 15
HANGS_S = 1.0
"""How long one question to a shared store of counters may take."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt that was let through. `left` is how many more this account has if it fails."""

    account: str
    address: str
    left: int


def counters(redis_url: str) -> Storage:
    """Where counters live: Redis when there is an address of one, this process otherwise."""
    if not redis_url:
        return MemoryStorage()
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import ConnectionError as Cut

    # Somebody waits at the sign-in: a Redis that hangs is given up after 1 s, not the library's 5, and not tried again.
    # The second try is for connections that a restart of Redis has cut.
    options: dict[str, Any] = {
        "socket_connect_timeout": HANGS_S,
        "socket_timeout": HANGS_S,
        "retry": Retry(NoBackoff(), 1, supported_errors=(Cut,)),
    }
    return RedisStorage(
        f"async+{redis_url}", wrap_exceptions=True, implementation="redispy", key_prefix="hoichan:limits", **options
    )


class Throttle:
    """Counts attempts over a moving window of 15 minutes."""

    def __init__(self, storage: Storage, *, per_account: int = 5, per_address: int = 60) -> None:
        self._shared = MovingWindowRateLimiter(storage)
        self._local = MovingWindowRateLimiter(MemoryStorage())
        self._per_account = RateLimitItemPerMinute(per_account, WINDOW_MINUTES)
        self._per_address = RateLimitItemPerMinute(per_address, WINDOW_MINUTES)

    async def begin(self, account: str, *, address: str, terminal: str | None = None) -> Attempt:
        """Count an attempt before its password is looked at, so that attempts in parallel gain nothing.

        Raises `TooMany("sign_in.throttled")` when this account or this address has none left. `account` is the name as
        typed, known or not; only a digest of it is stored.
        """
        account_key = _digest(f"{account}\x00{terminal or ''}")
        address_key = terminal or network(address)
        if not await self._do(lambda limiter: limiter.test(self._per_address, "address", address_key)):
            raise await self._too_many(self._per_address, "address", address_key)
        if not await self._do(lambda limiter: limiter.hit(self._per_account, "account", account_key)):
            raise await self._too_many(self._per_account, "account", account_key)
        stats = await self._do(lambda limiter: limiter.get_window_stats(self._per_account, "account", account_key))
        return Attempt(account_key, address_key, stats.remaining)

    async def failed(self, attempt: Attempt) -> None:
        """The attempt was wrong: it counts against the address too."""
        await self._do(lambda limiter: limiter.hit(self._per_address, "address", attempt.address))

    async def succeeded(self, attempt: Attempt) -> None:
        """The attempt was right: the account starts afresh."""
        await self._do(lambda limiter: limiter.clear(self._per_account, "account", attempt.account))

    async def _too_many(self, item: RateLimitItem, kind: str, key: str) -> TooMany:
        stats = await self._do(lambda limiter: limiter.get_window_stats(item, kind, key))
        # The library has no clock to inject: its windows are times of the machine, or of Redis.
        seconds = max(1, int(stats.reset_time - time.time()) + 1)
        return TooMany("sign_in.throttled", THROTTLED, retry_after_s=seconds, minutes=-(-seconds // 60))

    async def _do(self, act: Callable[[MovingWindowRateLimiter], Awaitable[T]]) -> T:
        try:
            return await act(self._shared)
        except StorageError:
            log.warning("the shared counters are away; this node counts attempts for itself")
            return await act(self._local)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


THROTTLED = N_(
    "Too many attempts. Try again in %(minutes)s min, or ask your facility's administrator for a new password."
)
