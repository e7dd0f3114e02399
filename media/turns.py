"""Regular work on many things, a few at a time, so that packets never wait for all of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import inf
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class Turns(Generic[Thing]):
    """Goes round the things of a collection once every `every_s`, in `parts` steps."""

    def __init__(self, every_s: float, parts: int) -> None:
        self._every_s = every_s
        self._parts = parts
        self._began_at = -inf
        self._left: list[Thing] = []
        self._step = 1

    def due(self, things: Collection[Thing], now: float) -> Iterator[Thing]:
        """Whose turn it is; `now` in seconds of any clock that goes on. Call it `parts` times in `every_s`.

        Who came since the round began has to wait for the next; who has gone may still be given.
        """
        if not self._left and now - self._began_at >= self._every_s:
            self._began_at = now
            self._left = list(things)
            self._step = -(-len(self._left) // self._parts)
        for _ in range(min(self._step, len(self._left))):
            yield self._left.pop()
