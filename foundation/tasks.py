"""The one place where background tasks start, so that none is lost, silent or left running."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any

log = logging.getLogger(__name__)


AGAIN_S = 5.0
"""How long a cancelled task may clean up before it is cancelled once more."""


async def end(tasks: Collection[asyncio.Task[Any]], *, again_s: float = AGAIN_S) -> None:
    """Cancel tasks and wait until each has ended; again, since a library may turn a cancellation into its own error."""
    while living := [task for task in tasks if not task.done()]:
        for task in living:
            task.cancel()
        await asyncio.wait(living, timeout=again_s)
    await asyncio.gather(*tasks, return_exceptions=True)


class Tasks:
    """Background tasks of one process. A task that fails is logged with its traceback; `close` ends them all."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    def start(self, name: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run `work` in the background. Raises RuntimeError after `close`."""
        if self._closed:
            work.close()
            raise RuntimeError("no task may start after close")
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    def forever(self, name: str, work: Callable[[], Awaitable[None]], *, pause_s: float = 1.0) -> asyncio.Task[Any]:
        """Call `work` again and again, `pause_s` apart; a failure is logged and does not end the loop."""

        async def loop() -> None:
            while not self._closed:
                try:
                    await work()
                except Exception:  # a task root: the loop has to outlive any one failure
                    log.exception("task %s failed and will be tried again", name)
                await asyncio.sleep(pause_s)

        return self.start(name, loop())

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task %s failed", task.get_name(), exc_info=error)

    async def close(self) -> None:
        """Cancel every task and wait until each has cleaned up."""
        self._closed = True
        await end(list(self._running))
