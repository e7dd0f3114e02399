"""The end of background tasks: whatever a library makes of a cancellation, `close` comes back."""

from __future__ import annotations

import asyncio

from foundation.tasks import Tasks, end


async def deaf(deaf_to: int) -> None:
    """Turns that many cancellations into something else and goes on, as clients of databases have done."""
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            if not deaf_to:
                raise
            deaf_to -= 1


async def test_a_task_that_lost_its_cancellation_is_cancelled_again() -> None:
    task = asyncio.create_task(deaf(2))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end([task], again_s=0.01)
    assert task.cancelled()


async def test_a_loop_ends_with_the_call_that_lost_its_cancellation() -> None:
    tasks, called = Tasks(), asyncio.Event()

    async def work() -> None:
        called.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise OSError("the line broke") from None

    loop = tasks.forever("loop", work, pause_s=0)
    await called.wait()
    async with asyncio.timeout(2):
        await tasks.close()
    assert loop.done()
