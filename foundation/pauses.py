"""Searches for cycles (gc) that stop nobody for long: what is there to stay is left out of them.

A search goes through everything that is not left out, and the process stands still meanwhile: with ten thousand
sockets for a second. So those that have come are left out some hundred at a time, while each search is short; and once
many have left again everything is gone through, since what a socket leaves behind may hold itself.
"""

from __future__ import annotations

import gc

COME = 200
"""So many newcomers are left out together."""
GONE = 10_000
"""After so many leavers everything is gone through, or after as many as are there when that is more. What one leaves
that holds itself is its transport, 2 kB."""


def settle() -> None:
    """Leave out of every later search what there is now."""
    gc.collect()
    gc.freeze()


class Pauses:
    """Follows how many sockets there are. How often Python searches among new objects stays as it is."""

    def __init__(self) -> None:
        self._settled = 0
        self._gone = 0

    def look(self, present: int, gone: int) -> None:
        """Call it every second, with how many are there and how many have left since the start."""
        if gone - self._gone >= max(GONE, present):
            gc.unfreeze()
            settle()
            self._gone, self._settled = gone, present
        elif present - self._settled >= COME:
            gc.collect(1)  # what is young alone: the little else that is no use any more waits for the leavers
            gc.freeze()
            self._settled = present
