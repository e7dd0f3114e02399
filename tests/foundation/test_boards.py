"""One write serves all who were waiting for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from foundation.boards import Board
from foundation.bus import MemoryBus
from foundation.clock import FakeClock


class Distant(MemoryBus):
    """A bus that answers some turns of the loop later."""

    writes = 0

    async def note(
        self, board: str, holder: str, ttl_s: float, changes: Mapping[str, str | None], *, whole: bool = False
    ) -> bool:
        self.writes += 1
        for _ in range(10):
            await asyncio.sleep(0)
        return await super().note(board, holder, ttl_s, changes, whole=whole)


async def test_who_comes_during_a_write_shares_the_next(clock: FakeClock) -> None:
    bus = Distant(clock)
    board = Board(bus, "presence")
    await board.keep()

    async def come(number: int) -> None:
        for _ in range(number):
            await asyncio.sleep(0)
        await board.put(f"person {number}", "here")

    bus.writes = 0
    await asyncio.gather(*(come(number) for number in range(200)))
    assert len(await board.read(f"person {number}" for number in range(200))) == 200
    assert bus.writes <= 10
