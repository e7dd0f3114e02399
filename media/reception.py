"""Statistics of one received stream, as receiver reports want them (RFC 3550 §6.4.1, appendix A)."""

from __future__ import annotations

from math import inf
from typing import Any

from media.native import ffi
from media.rtcp import ReportBlock


class Reception:
    """Counts the packets of one SSRC. The counts lie where `intake.c` counts too."""

    __slots__ = ("_expected_before", "_received_before", "state")

    def __init__(self, clock_rate: int) -> None:
        none = dict.fromkeys(("base", "least", "older_least", "frame_timestamp", "key_timestamp"), -1)
        self.state: Any = ffi.new("struct reception *", {"clock_rate": clock_rate, "frame_at": -inf, **none})
        self._expected_before = 0
        self._received_before = 0

    @property
    def highest(self) -> int:
        """The newest sequence number, without its cycles."""
        highest: int = self.state.highest
        return highest

    @property
    def timestamp(self) -> int:
        """Of the packet with that number."""
        timestamp: int = self.state.timestamp
        return timestamp

    @property
    def newest_at(self) -> float:
        """When it came (monotonic seconds)."""
        newest_at: float = self.state.newest_at
        return newest_at

    @property
    def received(self) -> int:
        """Packets so far."""
        received: int = self.state.received
        return received

    @property
    def expected(self) -> int:
        """Packets so far, with those that did not come."""
        state = self.state
        expected: int = state.cycles + state.highest - state.base + 1 if state.base >= 0 else 0
        return expected

    @property
    def late_s(self) -> float:
        """How much longer the newest packet was on its way than the fastest of the last one to two reports."""
        state, late = self.state, 0
        for least in (state.least, state.older_least):
            if least >= 0 and not (ahead := state.transit - least & 0xFFFFFFFF) & 0x80000000:
                late = max(late, ahead)
        return late / float(state.clock_rate)

    def count(self, sequence: int, timestamp: int, now: float) -> int:
        """Take note of a packet that arrived at `now` (monotonic seconds).

        Gives how far it is ahead of the newest one before it: 1 in order, more after a gap, 0 or less when late.
        """
        state = self.state
        transit = (int(now * state.clock_rate) - timestamp) & 0xFFFFFFFF
        ahead = 1
        if state.base < 0:
            state.base = state.highest = sequence
            state.timestamp, state.newest_at = timestamp, now
        else:
            change = (transit - state.transit) & 0xFFFFFFFF
            if change & 0x80000000:
                change = 0x100000000 - change
            state.jitter += (change - state.jitter) / 16
            highest = state.highest
            ahead = (sequence - highest) & 0xFFFF
            if 0 < ahead < 0x8000:
                if sequence < highest:
                    state.cycles += 0x10000
                state.highest = sequence
                state.timestamp, state.newest_at = timestamp, now
            elif ahead:
                ahead -= 0x10000
        state.transit = transit
        least = state.least
        if least < 0 or (transit - least) & 0x80000000:
            state.least = transit
        state.received += 1
        return ahead

    def block(self, ssrc: int, last_report: int, delay_s: float) -> ReportBlock:
        """A report of what came since the last one. `last_report` is the middle of the last sender report's NTP
        time, 0 without one, and `delay_s` the seconds since it arrived."""
        state = self.state
        received, highest, expected = state.received, state.cycles + state.highest, self.expected
        expected_now, received_now = expected - self._expected_before, received - self._received_before
        self._expected_before, self._received_before = expected, received
        state.older_least, state.least = state.least, -1
        missing = expected_now - received_now
        fraction = min(255, (missing << 8) // expected_now) if expected_now > 0 and missing > 0 else 0
        return ReportBlock(
            ssrc=ssrc,
            fraction=fraction,
            lost=expected - received,
            highest=highest & 0xFFFFFFFF,
            jitter=int(state.jitter) & 0xFFFFFFFF,
            last_report=last_report,
            delay=int(delay_s * 65536) & 0xFFFFFFFF if last_report else 0,
        )
