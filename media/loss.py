"""What losses say about a line. A line that drops packets because it is full and one that is merely bad look alike in a
single number, so this bound tries: it lowers what is sent to what arrives, once, and looks whether that helps.

Losses that stay are the line's own, and are then expected of it; only what exceeds them lowers the bound again (compare
draft-ietf-rmcat-gcc-02 §6, which takes every loss above 10 % for congestion and so starves a viewer on a bad radio).
"""

from __future__ import annotations

from math import inf, sqrt

WINDOW_S = 1.0
HIGH = 0.10
"""Losses above this, beyond the line's own, lower the bound."""
LOW = 0.02
"""Losses above this, beyond the line's own, forbid a rise."""
SEVERE = 0.4
"""Losses above this are acted on at once, without a window's wait."""

_FEWEST = 10
_MODEST = 0.06
_MOST_OWN = 0.4
_HELPED = 0.6
"""A lower rate helped when it left less than this part of the losses."""
_CALM_QUEUE_S = 0.02


class LossBound:
    """An upper bound from losses. `note` counts, `judge` decides whenever a window is full."""

    __slots__ = ("_before", "_began", "_lost", "_settles_at", "_total", "bound", "own", "rate")

    def __init__(self) -> None:
        self.bound = inf
        """Bit/s; infinite unless a lower rate is being tried."""
        self.own = 0.0
        """The line's own losses, which no lower rate would cure: 0 to 1."""
        self.rate = 0.0
        """Losses of late: 0 to 1."""
        self._lost = self._total = 0
        self._began = -inf
        self._settles_at = -inf
        self._before = 0.0
        """While a lower rate is tried: the loss before."""

    @property
    def holds(self) -> bool:
        """Whether losses forbid a rise."""
        return self.trying or self._excess(self.rate) > LOW

    @property
    def trying(self) -> bool:
        """Whether a lower rate is being tried, which padding would spoil."""
        return self.bound < inf

    def note(self, received: int, lost: int) -> None:
        """Count packets. A negative `lost` takes back what had only come late."""
        self._total += received + lost
        self._lost = max(0, self._lost + lost)

    def judge(self, now: float, delivered: float, standing_s: float, round_trip_s: float) -> float | None:
        """Look at the losses so far: what the line carries (bit/s), if they have just shown that it is full.

        `delivered` is what arrives, in bit/s, and `standing_s` the queue that stands before the line.
        """
        total, lost = self._total, self._lost
        if self._began == -inf:
            self._began = now
        severe = not self.trying and lost >= _FEWEST and self._excess(lost / total) > SEVERE
        if total < _FEWEST or (now - self._began < WINDOW_S and not severe):
            return None
        self._began, self._total, self._lost = now, 0, 0
        loss = lost / total
        if self.trying:
            # A window that began before the rate was lowered for good still holds packets of the higher one.
            return self._conclude(loss) if now - WINDOW_S >= self._settles_at else None
        self.rate = loss if severe else 0.5 * self.rate + 0.5 * loss
        unlikely = lost - total * self.own > 3 * sqrt(total * self.own * (1 - self.own) + 1)
        if unlikely and (severe or self._excess(self.rate) > HIGH):
            self.bound = delivered
            self._before = self.rate
            self._settles_at = now + round_trip_s + 0.2
        elif standing_s < _CALM_QUEUE_S and loss < max(self.own, _MODEST):
            # Modest losses without a queue need no trial: they are taken for the line's own within seconds.
            self.own += (0.3 if loss < self.own else 0.2) * (loss - self.own)
        return None

    def _conclude(self, loss: float) -> float | None:
        """The lower rate has been tried for a window."""
        tried, self.bound = self.bound, inf
        self.rate = loss
        if loss <= _HELPED * self._before:
            return tried
        self.own = min(_MOST_OWN, loss)
        return None

    def _excess(self, loss: float) -> float:
        return max(0.0, (loss - self.own) / (1 - self.own))
