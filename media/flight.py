"""Packets on their way to a viewer: what was sent and when, until transport-wide feedback tells what became of it."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import inf

from media.transport_feedback import CLOCK_S

RING = 1_024
"""Packets that may be under way: a second at 10 Mbit/s."""

Arrived = tuple[float, float, int]
"""A packet that arrived: when it was sent, when it arrived (each on a clock of its own, in seconds), octets."""

_MASK = RING - 1
_SIZE = 0x7FFF
_LOST = 0x8000


class Flight:
    """The packets of one connection by their 16-bit numbers."""

    __slots__ = ("_clock", "_last", "_latest", "_marks", "_next", "_times")

    def __init__(self) -> None:
        self._times = array("d", bytes(8 * RING))
        self._marks = array("L", bytes(array("L").itemsize * RING))
        """Number << 16 | a flag when told lost << 15 | size, which becomes 0 once the packet is known to have come."""
        self._last = 0
        self._next: int | None = None
        self._clock = 0.0
        self._latest = -inf

    @property
    def sent_at(self) -> float:
        """When the last packet left; 0 before the first."""
        return self._times[self._last]

    def sent(self, number: int, size: int, now: float) -> None:
        """A packet of `size` octets left with this transport-wide number. Called for each packet."""
        slot = number & _MASK
        self._times[slot] = now
        self._marks[slot] = number << 16 | size & _SIZE
        self._last = slot

    def match(self, report: Sequence[tuple[int, float | None]]) -> tuple[list[Arrived], int]:
        """Packets that newly arrived, in the order of sending, and how many are newly lost (negative when some that
        were told lost have come after all)."""
        times, marks = self._times, self._marks
        clock = self._synchronize(report)
        arrived: list[Arrived] = []
        lost = 0
        for number, arrival in report:
            slot = number & _MASK
            mark = marks[slot]
            size = mark & _SIZE
            if mark >> 16 != number or not size:
                continue
            if arrival is None:
                if not mark & _LOST:
                    marks[slot] = mark | _LOST
                    lost += 1
                continue
            if mark & _LOST:
                lost -= 1
            marks[slot] = number << 16
            arrived.append((times[slot], arrival + clock, size))
        if arrived:
            self._fill(arrived, report[0][0])
            self._latest = arrived[-1][1]
            arrived.sort()
        following = report[-1][0] + 1 & 0xFFFF
        if self._next is None or following - self._next & 0x8000 == 0:
            self._next = following
        return arrived, lost

    def _fill(self, arrived: list[Arrived], first: int) -> None:
        """Where a feedback was lost on its way, count what it would have told among what it was sent with."""
        if self._next is None or not 0 < (gap := first - self._next & 0xFFFF) < RING // 2:
            return
        octets = 0
        for number in range(self._next, self._next + gap):
            mark = self._marks[number & _MASK]
            if mark >> 16 == number & 0xFFFF:
                octets += mark & _SIZE
        sent, arrival, size = arrived[0]
        arrived[0] = (sent, arrival, size + octets)

    def _synchronize(self, report: Sequence[tuple[int, float | None]]) -> float:
        """What to add to the report's arrivals: the reporter's clock starts again every twelve days."""
        if self._latest > -inf:
            for _, arrival in report:
                if arrival is not None:
                    ahead = arrival + self._clock - self._latest
                    if abs(ahead) > CLOCK_S / 2:
                        self._clock -= round(ahead / CLOCK_S) * CLOCK_S
                    break
        return self._clock
