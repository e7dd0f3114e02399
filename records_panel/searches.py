"""How often one person may search and try to confirm: a register of citizens is not for browsing.

Counters live in the `limits` library's storage, shared through Redis in a cluster. While Redis is away each node
counts for itself, since an emergency has to go on.
"""

from __future__ import annotations

import logging
import time

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError

from foundation.errors import TooMany
from foundation.i18n import N_

log = logging.getLogger(__name__)

WINDOW_MINUTES = 15


class Searches:
    """Counts searches a minute by actor, and confirmations in 15 minutes by actor and patient."""

    def __init__(self, storage: Storage, *, per_minute: int = 30, confirmations: int = 5) -> None:
        self._shared = MovingWindowRateLimiter(storage)
        self._local = MovingWindowRateLimiter(MemoryStorage())
        self._search = RateLimitItemPerMinute(per_minute)
        self._confirm = RateLimitItemPerMinute(confirmations, WINDOW_MINUTES)

    async def search(self, actor: str) -> None:
        """Count a search. Raises `TooMany("patient.searches")`."""
        await self._hit(self._search, "patient-search", actor)

    async def confirm(self, actor: str, patient_id: str) -> None:
        """Count an attempt to confirm this patient. Raises `TooMany("patient.searches")`."""
        await self._hit(self._confirm, "patient-confirm", f"{actor}:{patient_id}")

    async def _hit(self, item: RateLimitItem, kind: str, key: str) -> None:
        for limiter in (self._shared, self._local):
            try:
                if await limiter.hit(item, kind, key):
                    return
                stats = await limiter.get_window_stats(item, kind, key)
            except StorageError:
                log.warning("the shared counters are away; this node counts searches for itself")
                continue
            # The library has no clock to inject: its windows are times of the machine, or of Redis.
            seconds = max(1, int(stats.reset_time - time.time()) + 1)
            raise TooMany("patient.searches", TOO_MANY, retry_after_s=seconds, seconds=seconds)


TOO_MANY = N_("Too many searches in a short time. Go on in %(seconds)s s. In an emergency use a temporary identity.")
