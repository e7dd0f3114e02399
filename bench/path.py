"""One direction of a bad line: packets are lost, wait for a thin pipe and arrive late. Pure: time is given."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

Packet = TypeVar("Packet")

OVERHEAD = 28
"""Bytes of the IPv4 and UDP headers, which a real line carries too."""
_LEAST_QUEUE = 3_000
"""Bytes: even the thinnest pipe's queue holds two full packets."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a direction does to packets. Nothing is held back by default."""

    loss: float = 0.0
    """Chance that a packet is lost, each for itself."""
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    """Added to the delay, evenly between 0 and this; packets keep their order."""
    rate_kbps: float = 0.0
    """Pipe in kbit/s, headers included; 0: as wide as it takes."""
    queue_ms: float = 300.0
    """What the pipe's queue holds; packets beyond it are dropped on arrival."""


class Fate(StrEnum):
    """What became of a packet when it entered the line."""

    PASSED = "passed"
    LOST = "lost"
    OVERFLOWN = "overflown"
    """No room was left in the queue of the pipe."""


class Path(Generic[Packet]):
    """A queue before a pipe, and what is under way behind it. Times are seconds of any one clock."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)
        self._conditions = Conditions()
        self._queue: deque[tuple[int, Packet]] = deque()
        self._queued = 0
        self._head_done = 0.0
        """When the first packet of the queue has gone through the pipe."""
        self._flying: deque[tuple[float, Packet]] = deque()
        self._last_due = 0.0

    def shape(self, conditions: Conditions, now: float) -> None:
        """Change the line from now on; what waits in the queue goes on at the new rate."""
        self._serve(now)
        self._conditions = conditions
        if not conditions.rate_kbps:
            while self._queue:
                self._fly(now, self._queue.popleft()[1])
            self._queued = 0
        elif self._queue:
            self._head_done = now + self._seconds(self._queue[0][0])

    def offer(self, packet: Packet, size: int, now: float) -> Fate:
        """A packet of so many bytes of UDP payload enters."""
        conditions = self._conditions
        if conditions.loss and self._random.random() < conditions.loss:
            return Fate.LOST
        if not conditions.rate_kbps:
            self._fly(now, packet)
            return Fate.PASSED
        self._serve(now)
        size += OVERHEAD
        if self._queued + size > max(_LEAST_QUEUE, conditions.rate_kbps * conditions.queue_ms / 8):
            return Fate.OVERFLOWN
        if not self._queue:
            self._head_done = now + self._seconds(size)
        self._queue.append((size, packet))
        self._queued += size
        return Fate.PASSED

    def due(self, now: float) -> list[Packet]:
        """The packets that arrive by now, in the order in which they entered."""
        self._serve(now)
        arrived = []
        while self._flying and self._flying[0][0] <= now:
            arrived.append(self._flying.popleft()[1])
        return arrived

    @property
    def next_at(self) -> float | None:
        """When `due` next has something to do; None while the line is empty."""
        moments = [self._flying[0][0]] if self._flying else []
        if self._queue:
            moments.append(self._head_done)
        return min(moments, default=None)

    def _serve(self, now: float) -> None:
        while self._queue and self._head_done <= now:
            size, packet = self._queue.popleft()
            self._queued -= size
            self._fly(self._head_done, packet)
            if self._queue:
                self._head_done += self._seconds(self._queue[0][0])

    def _seconds(self, size: int) -> float:
        return size * 8 / (self._conditions.rate_kbps * 1_000)

    def _fly(self, now: float, packet: Packet) -> None:
        delay = self._conditions.delay_ms
        if self._conditions.jitter_ms:
            delay += self._random.uniform(0, self._conditions.jitter_ms)
        self._last_due = max(self._last_due, now + delay / 1_000)
        self._flying.append((self._last_due, packet))
