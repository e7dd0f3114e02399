"""Statistics of one received stream, as receiver reports want them (RFC 3550 §6.4.1, appendix A)."""

from __future__ import annotations

from media.rtcp import ReportBlock


class Reception:
    """Counts the packets of one SSRC."""

    __slots__ = (
        "_base", "_clock_rate", "_cycles", "_expected_before", "_jitter", "_least", "_older_least", "_received",
        "_received_before", "_transit", "highest", "newest_at", "timestamp",
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
        self._least: int | None = None
        """The shortest way of a packet since the last report, as `transit` counts, and that of the time before."""
        self._older_least: int | None = None
        self._jitter = 0.0

    @property
    def received(self) -> int:
        """Packets so far."""
        return self._received

    @property
    def expected(self) -> int:
        """Packets so far, with those that did not come."""
        return self._cycles + self.highest - self._base + 1 if self._base >= 0 else 0

    @property
    def late_s(self) -> float:
        """How much longer the newest packet was on its way than the fastest of the last one to two reports."""
        late = 0
        for least in (self._least, self._older_least):
            if least is not None and not (ahead := self._transit - least & 0xFFFFFFFF) & 0x80000000:
                late = max(late, ahead)
        return late / self._clock_rate

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
        if self._least is None or (transit - self._least) & 0x80000000:
            self._least = transit
        self._received += 1
        return ahead

    def block(self, ssrc: int, last_report: int, delay_s: float) -> ReportBlock:
        """A report of what came since the last one. `last_report` is the middle of the last sender report's NTP
        time, 0 without one, and `delay_s` the seconds since it arrived."""
        highest, expected = self._cycles + self.highest, self.expected
        expected_now, received_now = expected - self._expected_before, self._received - self._received_before
        self._expected_before, self._received_before = expected, self._received
        self._older_least, self._least = self._least, None
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
