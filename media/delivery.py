"""How much is sent through a line and how much arrives, over bursts of packets (draft-ietf-rmcat-gcc-02 §5.2)."""

from __future__ import annotations

from collections import deque
from math import inf

from media.flight import Arrived

_BURST_S = 0.005
_LONGEST_BURST_S = 0.1
_RATE_S = 0.5
_LATELY_S = 0.3
_FEWEST_BURSTS = 8


class Delivery:
    """Gathers packets into bursts, and measures over the last half second of them. Rates are in bit/s."""

    __slots__ = ("_begin", "_end", "_first", "_last", "_octets", "_recent", "_recent_octets", "rate", "sending")

    def __init__(self) -> None:
        # The burst being gathered: first and last time of sending, first and last arrival, octets.
        self._first = self._last = self._begin = self._end = -inf
        self._octets = 0
        self._recent: deque[tuple[float, float, int]] = deque()
        """Bursts: last sent, last arrival, octets."""
        self._recent_octets = 0
        self.rate = 0.0
        """What arrived."""
        self.sending = 0.0
        """What was sent, of which this arrived."""

    def gather(self, arrived: list[Arrived]) -> list[tuple[float, float]]:
        """Take packets in the order of sending; the bursts that they end, as times of sending and arrival.

        A burst was sent together, or was held up together and let go at once, as radios do.
        """
        first, last, begin, end, octets = self._first, self._last, self._begin, self._end, self._octets
        bursts: list[tuple[float, float]] = []
        for sent, arrival, size in arrived:
            if (
                sent - first <= _BURST_S
                or arrival < end
                or (arrival - end <= _BURST_S and arrival - end < sent - last and arrival - begin < _LONGEST_BURST_S)
            ):
                if sent > last:
                    last = sent
                if arrival > end:
                    end = arrival
                octets += size
                continue
            if octets:
                self._recent.append((last, end, octets))
                self._recent_octets += octets
                bursts.append((last, end))
            first = last = sent
            begin = end = arrival
            octets = size
        self._first, self._last, self._begin, self._end, self._octets = first, last, begin, end, octets
        if bursts:
            self._measure()
        return bursts

    def lately(self, since: float = -inf) -> float | None:
        """What arrived most lately: over 0.3 s, or longer where bursts are rare, but nothing of before `since`: a line
        without a queue was not asked for all that it carries. None when that is too little to tell."""
        recent = self._recent
        if len(recent) < 2:
            return None
        newest, bits, bursts = recent[-1][1], 0, 0
        for _, arrival, octets in reversed(recent):
            if arrival < since or (bursts >= _FEWEST_BURSTS and newest - arrival >= _LATELY_S):
                break
            bits += octets * 8
            bursts += 1
        if bursts < 3:
            return None
        _, first, octets = recent[-bursts]
        return min(self.rate, (bits - octets * 8) / (newest - first)) if newest - first > 0.04 else None

    def _measure(self) -> None:
        recent = self._recent
        newest = recent[-1][1]
        while len(recent) > _FEWEST_BURSTS and recent[1][1] < newest - _RATE_S:
            self._recent_octets -= recent.popleft()[2]
        sent, arrival, octets = recent[0]
        bits = (self._recent_octets - octets) * 8
        self.rate = bits / max(newest - arrival, _LATELY_S)
        self.sending = bits / max(recent[-1][0] - sent, _LATELY_S)
