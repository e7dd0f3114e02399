"""Statistics of one received stream, as receiver reports want them (RFC 3550 §6.4.1, appendix A)."""

from __future__ import annotations

from media.rtcp import ReportBlock


class Reception:
    """Counts the packets of one SSRC."""

    __slots__ = (
        "_base", "_clock_rate", "_cycles", "_expected_before", "_jitter", "_received", "_received_before", "_transit",
        "highest", "newest_at", "timestamp",
    )  # fmt: skip

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._base = -1
        self._cycles = 0
        self.highest = 0
        """The newest sequence number, without its cycles."""
        self.timestamp = 0
        """Of the packet with that number."""
        self.newest_at = 0.0
        """When it came (monotonic seconds)."""
        self._received = 0
        self._expected_before = 0
        self._received_before = 0
        self._transit = 0
        self._jitter = 0.0

    @property
    def received(self) -> int:
        """Packets so far."""
        return self._received

    def count(self, sequence: int, timestamp: int, now: float) -> int:
        """Take note of a packet that arrived at `now` (monotonic seconds).

        Gives how far it is ahead of the newest one before it: 1 in order, more after a gap, 0 or less when late.
        """
        transit = (int(now * self._clock_rate) - timestamp) & 0xFFFFFFFF
        ahead = 1
        if self._base < 0:
            self._base = self.highest = sequence
            self.timestamp, self.newest_at = timestamp, now
        else:
            change = (transit - self._transit) & 0xFFFFFFFF
            if change & 0x80000000:
                change = 0x100000000 - change
            self._jitter += (change - self._jitter) / 16
            ahead = (sequence - self.highest) & 0xFFFF
            if 0 < ahead < 0x8000:
                if sequence < self.highest:
                    self._cycles += 0x10000
                self.highest = sequence
                self.timestamp, self.newest_at = timestamp, now
            elif ahead:
                ahead -= 0x10000
        self._transit = transit
        self._received += 1
        return ahead

    def block(self, ssrc: int, last_report: int, delay_s: float) -> ReportBlock:
        """A report of what came since the last one. `last_report` is the middle of the last sender report's NTP
        time, 0 without one, and `delay_s` the seconds since it arrived."""
        highest = self._cycles + self.highest
        expected = highest - self._base + 1 if self._base >= 0 else 0
        expected_now, received_now = expected - self._expected_before, self._received - self._received_before
        self._expected_before, self._received_before = expected, self._received
        missing = expected_now - received_now
        fraction = min(255, (missing << 8) // expected_now) if expected_now > 0 and missing > 0 else 0
        return ReportBlock(
            ssrc=ssrc,
            fraction=fraction,
            lost=expected - self._received,
            highest=highest & 0xFFFFFFFF,
            jitter=int(self._jitter) & 0xFFFFFFFF,
            last_report=last_report,
            delay=int(delay_s * 65536) & 0xFFFFFFFF if last_report else 0,
        )
