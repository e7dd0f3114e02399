"""Media events for several listeners, each with a bounded queue of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress

from media.api import MediaEvent

log = logging.getLogger(__name__)

_MOST_WAITING = 10_000


class Events:
    """Hands every event to every listener."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[MediaEvent]] = set()

    def emit(self, event: MediaEvent) -> None:
        """Hand an event on. A listener that has fallen far behind loses its oldest one."""
        for queue in self._queues:
            if queue.full():
                log.warning("a listener to media events is too slow and loses one")
                with suppress(asyncio.QueueEmpty):
                    queue.get_nowait()
            queue.put_nowait(event)

    def listen(self) -> AsyncIterator[MediaEvent]:
        """Every event from this call on (not from the first step of the iteration)."""
        queue: asyncio.Queue[MediaEvent] = asyncio.Queue(_MOST_WAITING)
        self._queues.add(queue)
        return self._drain(queue)

    async def _drain(self, queue: asyncio.Queue[MediaEvent]) -> AsyncIterator[MediaEvent]:
        try:
            while True:
                yield await queue.get()
        finally:
            self._queues.discard(queue)
