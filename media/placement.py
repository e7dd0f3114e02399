"""Which worker a new room goes to: of those that take new rooms, the one that forwards the fewest packets."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from media.facts import WorkerFacts

ROOM_RATE = 400
"""Packets a second that a room counts with until it is measured: two people with sound and picture."""
MEASURED_S = 8.0
"""After this time a room shows in its worker's own measure."""


class Placement:
    """Chooses, and remembers what it chose lately: rooms that begin together must not all go to one worker."""

    def __init__(self) -> None:
        self._fresh: deque[tuple[float, str]] = deque()

    def choose(self, workers: Mapping[str, WorkerFacts], now: float) -> str | None:
        """The name of the worker for one more room, or None when none admits it. `now` is monotonic seconds."""
        while self._fresh and now - self._fresh[0][0] > MEASURED_S:
            self._fresh.popleft()
        pressure = {name: float(facts.rate) for name, facts in workers.items() if facts.admits}
        for _, name in self._fresh:
            if name in pressure:
                pressure[name] += ROOM_RATE
        if not pressure:
            return None
        return min(pressure, key=lambda name: (pressure[name], workers[name].load, name))

    def note(self, name: str, now: float) -> None:
        """A room has gone to that worker."""
        self._fresh.append((now, name))
