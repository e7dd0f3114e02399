"""Whether packets queue on their way: the delay-based detector of draft-ietf-rmcat-gcc-02 §5, over bursts of packets.

Clocks of sender and receiver differ by an unknown constant, so only changes of the one-way delay mean anything: its
trend over the last bursts, and its distance from the least one seen lately, which is the queue.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from math import inf

WINDOW = 20
"""Bursts over which the trend is taken."""
FEWEST = 8
"""Bursts below which no trend is taken."""

_SMOOTHING = 0.9
_GAIN = 4.0
_MOST_BURSTS = 60
_THRESHOLD_MS = 12.5
_THRESHOLD_RANGE_MS = (6.0, 600.0)
_RISE, _FALL = 0.0087, 0.039
"""How fast the threshold follows a larger and a smaller trend, per millisecond (§5.4)."""
_SPIKE_MS = 15.0
_QUEUE_S = 0.035
"""Below this queue no trend matters: it costs nobody anything."""
_SOME_S = 0.01
_STANDING_S = 0.06
"""A queue that never falls below this and still grows needs no threshold."""
_LONG_S = 0.2
"""A queue of this length is longer than a probe makes it."""
_BASE_S = 15.0
"""The least delay is that of the last one to two such spans; in 30 s two clocks drift apart by 3 ms at most."""
_SHORT_S = 0.15
_PAUSE_S = 1.0


_QUEUE_S = 0.015
"""Less than this is the spread of an empty line."""


class Usage(Enum):
    """What the trend says of the line."""

    UNDER = "under"
    """A queue is being emptied."""
    NORMAL = "normal"
    OVER = "over"
    """A queue grows: more is sent than the line carries."""


class DelayTrend:
    """The trend of one line's delay. `add` takes each burst, `judge` is asked once a feedback."""

    __slots__ = (
        "_bursts", "_judged_at", "_last_sent", "_least", "_older_least", "_older_short", "_over", "_points",
        "_previous", "_short", "_short_until", "_smoothed", "_stood_s", "_threshold", "_until", "base", "queue_s",
        "queued_since",
    )  # fmt: skip

    def __init__(self) -> None:
        self._points: deque[tuple[float, float]] = deque(maxlen=WINDOW)
        self._smoothed = 0.0
        self._bursts = 0
        self._last_sent = -inf
        self._least = self._older_least = inf
        self._until = -inf
        self.base = inf
        """The delay of an empty line, on clocks that differ by a constant."""
        self._short = self._older_short = inf
        self._short_until = -inf
        self._threshold = _THRESHOLD_MS
        self._previous = 0.0
        self._over = 0
        self._judged_at = -inf
        self._stood_s = 0.0
        self.queue_s = 0.0
        """How long the last burst queued."""
        self.queued_since = inf
        """Arrival of the first burst of those that queue now, on the viewer's clock; infinite while none does."""

    @property
    def standing_s(self) -> float:
        """The least queue of the last 0.15 to 0.3 s: what is left of it when a burst of the sender's own has passed."""
        least = min(self._short, self._older_short)
        return max(0.0, least - self.base) if least < inf else 0.0

    def add(self, sent: float, arrival: float, *, probing: bool = False) -> None:
        """A burst whose last packet left at `sent` and arrived at `arrival`, each on a clock of its own.

        What a probe does to the delay is no trend of the line.
        """
        delay = arrival - sent
        if arrival >= self._until:
            self._older_least, self._least = self._least, delay
            self._until = arrival + _BASE_S
            self.base = min(delay, self._older_least)
        elif delay < self._least:
            self._least = delay
            if delay < self.base:
                self.base = delay
        if arrival >= self._short_until:
            self._older_short, self._short = self._short, delay
            self._short_until = arrival + _SHORT_S
        elif delay < self._short:
            self._short = delay
        self.queue_s = delay - self.base
        if self.queue_s < _QUEUE_S:
            self.queued_since = inf
        elif self.queued_since == inf:
            self.queued_since = arrival
        if probing or sent - self._last_sent > _PAUSE_S:
            self._points.clear()
            self._over = 0
        self._last_sent = sent
        if probing:
            return
        self._smoothed = _SMOOTHING * self._smoothed + (1 - _SMOOTHING) * delay if self._points else delay
        self._bursts += 1
        self._points.append((arrival, self._smoothed))

    def rebase(self) -> None:
        """Take the delay as it is now for that of an empty line: the path has become longer."""
        self._older_least = inf
        self.base = self._least = min(self._short, self._older_short)

    def judge(self, now: float) -> Usage:
        """What the bursts so far say."""
        elapsed_ms = min(100.0, (now - self._judged_at) * 1_000)
        self._judged_at = now
        standing_s, stood_s = self.standing_s, self._stood_s
        self._stood_s = standing_s
        if standing_s > _LONG_S and standing_s > stood_s:
            # Longer than any probe or burst makes it, and growing: the trend would only confirm it later.
            return Usage.OVER
        if self.queue_s < _QUEUE_S or len(self._points) < FEWEST:
            # Nearly always so, and then the trend need not be computed.
            self._follow(0.0, elapsed_ms)
            self._over = 0
            return Usage.NORMAL
        slope = self._slope()
        trend_ms = min(self._bursts, _MOST_BURSTS) * slope * _GAIN
        usage = Usage.NORMAL
        if trend_ms > self._threshold or (slope > 0.005 and standing_s > _STANDING_S):
            self._over += 1
            # One judgement may be a spike; two, or a queue well beyond a burst's own, are not.
            # Without a queue that stands, a thin line only takes its time for single packets.
            if standing_s > _SOME_S and trend_ms >= 0.8 * self._previous and (self._over > 1 or standing_s > _QUEUE_S):
                usage = Usage.OVER
        else:
            self._over = 0
            if trend_ms < -self._threshold:
                usage = Usage.UNDER
        self._previous = trend_ms
        self._follow(abs(trend_ms), elapsed_ms)
        return usage

    def _slope(self) -> float:
        """Seconds of delay gained in a second: least squares over the points."""
        points = self._points
        count = len(points)
        mean_at = sum(at for at, _ in points) / count
        mean_delay = sum(delay for _, delay in points) / count
        above = below = 0.0
        for at, delay in points:
            distance = at - mean_at
            above += distance * (delay - mean_delay)
            below += distance * distance
        return above / below if below else 0.0

    def _follow(self, trend_ms: float, elapsed_ms: float) -> None:
        """Let the threshold follow the trend, or flows that fill queues would starve this one (§5.4)."""
        if trend_ms > self._threshold + _SPIKE_MS:
            return
        pace = _FALL if trend_ms < self._threshold else _RISE
        threshold = self._threshold + pace * (trend_ms - self._threshold) * elapsed_ms
        self._threshold = min(_THRESHOLD_RANGE_MS[1], max(_THRESHOLD_RANGE_MS[0], threshold))
