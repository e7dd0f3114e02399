"""Sources that take longer than the first sight of a book may: it is shown without them, and they are fetched on.

Of one source's book of one patient a single fetch runs at a time, in a task that outlives the request which began it;
whoever asks again joins it. What came too late for somebody is kept for a consult's length, in memory alone and
bounded as answers by ETag are. Who may read it is decided, and put on record, for each reader before they ask here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from foundation.clock import Clock
from foundation.tasks import Tasks
from records_panel.answers import answers_of, bundle_of
from records_panel.etags import MOST_BYTES, Etags
from records_panel.merging import Part

FRESH = timedelta(seconds=10)
"""So long what came late is given out without asking the source anew: who was told that it is loading comes for it."""
MOST_AT_ONCE = 64
"""Fetches under way. Beyond them a reader waits for the source in the own request, and nobody goes on without it."""
_PARSED_HERE = 256 * 1024  # larger ones are parsed in a thread: the event loop carries calls too

Fetch = Callable[[], Coroutine[Any, Any, Part]]


@dataclass(slots=True)
class _Running:
    task: asyncio.Task[Part]
    is_late: bool = False
    """Whether somebody went on without it."""


class LateSources:
    """Fetches from sources, and what those that were late have brought. A key names a source, a patient and a size."""

    def __init__(self, tasks: Tasks, clock: Clock, *, most_bytes: int = MOST_BYTES) -> None:
        self._tasks = tasks
        self._clock = clock
        self._kept = Etags(clock, most_bytes=most_bytes)
        self._running: dict[str, _Running] = {}

    async def ask(self, key: str, fetch: Fetch, *, within_s: float | None) -> Part | None:
        """What the source gives, or None when it needs longer than `within_s` seconds (None: its own deadline).

        A source that was late before gives then what it gave earlier in the consult, which bears its time.
        """
        kept = await self._read(key)
        if kept is not None and timedelta() <= self._clock.now() - kept.answer.as_of < FRESH:
            return kept
        running = self._running.get(key)
        if running is None:
            if len(self._running) >= MOST_AT_ONCE:
                return await fetch()
            running = _Running(self._tasks.start("a source of books", self._run(key, fetch)))
            self._running[key] = running
        # Only waited for: a reader who goes away does not end what another one joined.
        await asyncio.wait([running.task], timeout=within_s)
        if running.task.done():
            return running.task.result()
        running.is_late = True
        return kept if kept is not None and kept.bundle is not None else None

    def sweep(self) -> None:
        """Let go what nobody has used for long."""
        self._kept.sweep()

    async def _run(self, key: str, fetch: Fetch) -> Part:
        try:
            part = await fetch()
            if self._running[key].is_late:
                await self._keep(key, part)
            return part
        finally:
            del self._running[key]

    async def _keep(self, key: str, part: Part) -> None:
        answer = part.answer
        bundle = part.bundle if part.bundle is not None else bundle_of((), (answer,), answer.as_of)
        self._kept.keep(key, answer.as_of.isoformat(), await asyncio.to_thread(lambda: json.dumps(bundle).encode()))

    async def _read(self, key: str) -> Part | None:
        self._kept.sweep()
        body = self._kept.confirmed(key)
        if body is None:
            return None
        bundle = json.loads(body) if len(body) <= _PARSED_HERE else await asyncio.to_thread(json.loads, body)
        [answer] = answers_of(bundle)
        return Part(answer, bundle if answer.knows_patient and answer.failed is None else None)
