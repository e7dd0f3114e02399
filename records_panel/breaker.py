"""A circuit breaker: a source that fails again and again is left alone for a moment, then tried by one call.

Own, since it is forty lines and the libraries for it have not been kept.
"""

from __future__ import annotations

from foundation.clock import Clock

MOST_FAILURES = 5
REST_S = 30.0


class Breaker:
    """Counts failures in a row. Open: nothing is asked. After the rest one call tries; its outcome decides."""

    def __init__(self, clock: Clock, *, most_failures: int = MOST_FAILURES, rest_s: float = REST_S) -> None:
        self._clock = clock
        self._most = most_failures
        self._rest_s = rest_s
        self._failures = 0
        self._rests_until: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether it rests now."""
        return self._rests_until is not None and self._clock.monotonic() < self._rests_until

    def admits(self) -> bool:
        """Whether a call may be made now. The first one after the rest keeps the others away for another rest."""
        if self._rests_until is None:
            return True
        if self.is_open:
            return False
        self._rests_until = self._clock.monotonic() + self._rest_s
        return True

    def succeeded(self) -> None:
        """The source answered, whatever it said."""
        self._failures = 0
        self._rests_until = None

    def failed(self) -> None:
        """It did not answer, or with an error of its own."""
        self._failures += 1
        if self._failures >= self._most:
            self._rests_until = self._clock.monotonic() + self._rest_s
