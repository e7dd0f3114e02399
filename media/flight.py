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
_LOST = 0x8000
_NONE = array("H", bytes(2 * RING))


class Flight:
    """The packets of one connection by their 16-bit numbers.

    A slot of the ring does not keep its number: one that was told of is empty, and one that was never told of is
    overwritten 1,024 packets later. A viewer who tells of packets that were not sent finds nothing, or at most deceives
    itself.
    """

    __slots__ = ("_clock", "_last", "_latest", "_next", "_sizes", "_times")

    def __init__(self) -> None:
        self._times = array("d", bytes(8 * RING))
        self._sizes = array("H", _NONE)
        """Octets, and a flag when the packet was told lost; 0 once it is known to have come."""
        self._last = array("H", (0,))
        self._next: int | None = None
        self._clock = 0.0
        self._latest = -inf

    @property
    def sent_at(self) -> float:
        """When the last packet left; 0 before the first."""
        return self._times[self._last[0]]

    @property
    def places(self) -> tuple[int, int, int]:
        """Where times, sizes and the last slot lie in memory, for `fan_out.c`, which does what `sent` does."""
        return self._times.buffer_info()[0], self._sizes.buffer_info()[0], self._last.buffer_info()[0]

    def sent(self, number: int, size: int, now: float) -> None:
        """A packet of `size` octets (below 32,768) left with this transport-wide number. Called for each packet."""
        self._last[0] = slot = number & _MASK
        self._times[slot] = now
        self._sizes[slot] = size

    def match(self, report: Sequence[tuple[int, float | None]]) -> tuple[list[Arrived], int]:
        """Packets that newly arrived, in the order of sending, and how many are newly lost (negative when some that
        were told lost have come after all)."""
        first, count = report[0][0], len(report)
        octets = self._skipped(first)
        following = first + count & 0xFFFF
        if self._next is None or following - self._next & 0x8000 == 0:
            self._next = following
        arrivals = [arrival for _, arrival in report if arrival is not None]
        if arrivals and max(arrivals) - min(arrivals) > CLOCK_S / 2:
            # The reporter's clock starts again, every twelve days, and does so within this report.
            report = [(number, at + CLOCK_S if at is not None and at < CLOCK_S / 2 else at) for number, at in report]
            arrivals = [arrival for _, arrival in report if arrival is not None]
        clock = self._synchronize(arrivals)
        begin = first & _MASK
        end = begin + count
        told = self._sizes[begin:end]
        if (
            len(arrivals) == len(told) == count
            and report[-1][0] == following - 1 & 0xFFFF
            and min(told) > 0
            and max(told) < _LOST
        ):
            # Numbers in a row lie in slots in a row, and mostly all of them have come: no look at each then.
            self._sizes[begin:end] = _NONE[:count]
            if clock:
                arrivals = [arrival + clock for arrival in arrivals]
            arrived, lost = list(zip(self._times[begin:end], arrivals, told, strict=True)), 0
        else:
            arrived, lost = self._look(report, clock)
        if arrived:
            if octets:
                sent, arrival, size = arrived[0]
                arrived[0] = (sent, arrival, size + octets)
            self._latest = arrived[-1][1]
            arrived.sort()
        return arrived, lost

    def _look(self, report: Sequence[tuple[int, float | None]], clock: float) -> tuple[list[Arrived], int]:
        times, sizes = self._times, self._sizes
        arrived: list[Arrived] = []
        lost = 0
        for number, arrival in report:
            slot = number & _MASK
            size = sizes[slot]
            if not size:
                continue
            if arrival is None:
                if size < _LOST:
                    sizes[slot] = size | _LOST
                    lost += 1
                continue
            sizes[slot] = 0
            if size >= _LOST:
                lost -= 1
                size -= _LOST
            arrived.append((times[slot], arrival + clock, size))
        return arrived, lost

    def _skipped(self, first: int) -> int:
        """Octets of packets that no feedback told of, since it was lost on its way: they count with what follows."""
        if self._next is None or not 0 < (gap := first - self._next & 0xFFFF) < RING // 2:
            return 0
        octets = 0
        for number in range(self._next, self._next + gap):
            octets += self._sizes[number & _MASK] & ~_LOST
            self._sizes[number & _MASK] = 0
        return octets

    def _synchronize(self, arrivals: Sequence[float]) -> float:
        """What to add to arrivals, since the reporter's clock may have started again."""
        if arrivals and self._latest > -inf:
            ahead = arrivals[0] + self._clock - self._latest
            if abs(ahead) > CLOCK_S / 2:
                self._clock -= round(ahead / CLOCK_S) * CLOCK_S
        return self._clock
