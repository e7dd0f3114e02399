"""How a process that serves is stopped: by SIGINT or SIGTERM, at whatever it is, with everything cleaned up."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """The first signal cancels the block, be it migrating, seeding or serving; the block's end is then a clean one.

    Later signals change nothing, so that nobody's impatience leaves a half-closed installation behind.
    """
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None, "called from a coroutine"  # noqa: S101 - for the type checker
    signalled = False

    def stop() -> None:
        nonlocal signalled
        if not signalled:
            signalled = True
            task.cancel()

    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield
    except asyncio.CancelledError:
        if not signalled:
            raise
        task.uncancel()
