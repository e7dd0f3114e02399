"""What a viewer's line carries, estimated by the sender (draft-ietf-rmcat-gcc-02): from transport-wide feedback the
trend of the delay, the losses, and probes; without it, receiver reports and REMB.

Delivered bits are the measure of everything. While a queue stands before the line, what is delivered *is* what the line
carries: the rate falls below that until the queue is gone, then returns to just under it.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Sequence
from math import inf

from media.delay import DelayTrend, Usage
from media.loss import LossBound
from media.probing import Probe, Prober
from media.transport_feedback import CLOCK_S

START = 1_000_000.0
"""Bit/s before anything is known."""
LEAST, MOST = 24_000.0, 20_000_000.0
"""Bounds of an estimate, bit/s: one voice, and more than eight participants send."""
RING = 1_024
"""Packets that may be under way: a second at 10 Mbit/s."""

_MASK = RING - 1
_SIZE = 0x7FFF
_LOST = 0x8000
_BURST_S = 0.005
_LONGEST_BURST_S = 0.1
_RATE_S = 0.5
_SHORT_RATE_S = 0.25
_FEWEST_BURSTS = 8
_DECREASE = 0.85
_DRAINING = 0.7
_LONG_QUEUE_S = 0.25
_RETURN = 0.95
_DRAINED_S = 0.03
_GROWTH = 0.08
"""Of the rate, each second, while no limit of the line is known (§5.5)."""
_NEAR_GROWTH = 0.01
"""Of what the line carried when it was last full, each second, near that."""
_LIMITED = 0.8
"""An application that sends less than this part of the estimate does not test it, so it may not grow."""
_SILENCE_S = 0.7
_SILENT_DECREASE = 0.8
_LIMIT_S = 5.0
_REPORTS_S = 1.0
_LOW_LOSS, _HIGH_LOSS = 0.02, 0.1


class SendSideEstimate:
    """The estimate for one viewer's line. Times are monotonic seconds, rates bit/s, sizes octets on the wire."""

    __slots__ = (
        "_arrival", "_begin", "_capacity", "_clock", "_controlled_at", "_decreased_at", "_delay", "_draining",
        "_fed_at", "_first", "_last", "_limit", "_limited_at", "_loss", "_loss_at", "_loss_of_reports", "_marks",
        "_next", "_octets", "_prober", "_rate", "_recent", "_recent_octets", "_sending", "_sent", "_silent_at",
        "_stood_s", "_target", "_times", "round_trip_s",
    )  # fmt: skip

    def __init__(self) -> None:
        self._times = array("d", bytes(8 * RING))
        self._marks = array("L", bytes(array("L").itemsize * RING))
        """Number << 16 | a flag when told lost << 15 | size, which becomes 0 once the packet is known to have come."""
        self._last = 0
        self._next: int | None = None
        self._clock = 0.0
        # The burst being gathered: first and last time of sending, first and last arrival, octets.
        self._first = self._sent = self._begin = self._arrival = -inf
        self._octets = 0
        self._recent: deque[tuple[float, float, int]] = deque()
        """Bursts of the last half second: sent, arrival, octets."""
        self._recent_octets = 0
        self._rate = 0.0
        self._sending = 0.0
        self._delay = DelayTrend()
        self._loss = LossBound()
        self._prober = Prober()
        self._target = START
        self._capacity: float | None = None
        self._draining = False
        self._stood_s = inf
        self._decreased_at = -inf
        self._controlled_at = -inf
        self._fed_at = -inf
        self._silent_at = -inf
        self._limit = inf
        self._limited_at = -inf
        self._loss_at = -inf
        self._loss_of_reports = 0.0
        self.round_trip_s = 0.1
        """From sending to feedback, smoothed; contains the time for which the viewer gathers feedback."""

    @property
    def bitrate(self) -> float:
        """What may be sent: bit/s."""
        return max(LEAST, min(self._target, self._loss.bound, self._limit, MOST))

    @property
    def fed(self) -> bool:
        """Whether the viewer has ever said what arrived."""
        return self._fed_at > -inf

    @property
    def limited(self) -> bool:
        """Whether a receiver report or a REMB has ever spoken of this line."""
        return self._loss_at > -inf or self._limited_at > -inf

    @property
    def acknowledged(self) -> float:
        """What arrived of late: bit/s; 0 before the first feedback."""
        return self._rate

    @property
    def loss_rate(self) -> float:
        """Losses of late, 0 to 1."""
        return self._loss.rate if self._fed_at > -inf else self._loss_of_reports

    @property
    def queue_s(self) -> float:
        """How long packets stand in the line's queue, beyond what their own bursts take."""
        return self._delay.standing_s

    def sent(self, number: int, size: int, now: float) -> None:
        """A packet left with this transport-wide number. Called for each packet."""
        slot = number & _MASK
        self._times[slot] = now
        self._marks[slot] = number << 16 | size & _SIZE
        self._last = slot

    def feedback(self, report: Sequence[tuple[int, float | None]], now: float) -> None:
        """Take a report as `transport_feedback.read` gives it."""
        if not report:
            return
        arrived, lost = self._match(report)
        if not arrived and not lost:
            return
        if self._fed_at == -inf:
            self._controlled_at = now
        self._fed_at = self._silent_at = now
        if arrived:
            self.round_trip_s += 0.125 * (min(2.0, now - arrived[-1][0]) - self.round_trip_s)
            self._gather(arrived)
        self._loss.note(len(arrived), lost)
        self._measure()
        finding = self._prober.take(arrived, now, self._loss.own) if self._prober.active else None
        usage = self._delay.judge(now)
        full = self._loss.judge(now, self._rate, self._delay.standing_s, self.round_trip_s)
        if full is not None:
            # It drops what exceeds this without queueing it.
            self._capacity, self._target = full, min(self._target, full)
            self._prober.congested(now)
        if finding is not None and usage is not Usage.OVER:
            carried = finding.bitrate * (_RETURN if finding.full else 1.0)
            if finding.full:
                self._capacity = finding.bitrate
            elif self._capacity is not None and carried > self._capacity:
                self._capacity = None
            self._target = max(self._target, min(MOST, carried))
        self._control(usage, now)

    def loss(self, fraction: float, now: float) -> None:
        """A receiver report's fraction lost (0 to 1). Says nothing new while feedback comes."""
        if now - self._fed_at < 2 * _REPORTS_S:
            return
        self._loss_of_reports = max(fraction, self._loss_of_reports)
        elapsed = now - self._loss_at
        if elapsed < _REPORTS_S:
            return  # each stream has reports of its own
        self._loss_at = now
        if self._loss_of_reports > _HIGH_LOSS:
            self._target = max(LEAST, self._target * (1 - 0.5 * self._loss_of_reports))
        elif self._loss_of_reports < _LOW_LOSS:
            self._target = min(MOST, self._target * (1 + _GROWTH * min(elapsed, 2 * _REPORTS_S)))
        self._loss_of_reports = fraction

    def limit(self, bitrate: float, now: float, sending: float | None = None) -> None:
        """A REMB: what the receiver estimates. Holds for five seconds.

        With `sending`, what is being sent (bit/s), a limit above that is no limit of the line: a receiver that gets
        little cannot estimate much.
        """
        self._limited_at = now
        self._limit = inf if sending is not None and bitrate > 1.05 * sending else bitrate
        if self._fed_at == -inf and self._limit < self._target:
            self._target = max(LEAST, bitrate)

    def probe(self, now: float, goal: float = inf) -> Probe | None:
        """Padding to send now, if the estimate may be too low for `goal` (what the viewer's wishes need, bit/s)."""
        if now - self._fed_at > _SILENCE_S or self._draining or self._loss.trying:
            return None
        return self._prober.begin(now, self.bitrate, self._sending, min(goal, MOST), self.round_trip_s)

    def tick(self, now: float) -> None:
        """What falls due with time. Called about ten times a second."""
        if self._limit < inf and now - self._limited_at > _LIMIT_S:
            self._limit = inf
        if self._fed_at == -inf or self._times[self._last] < self._fed_at + 0.1:
            return
        # Nothing comes back of what was sent: the line may be dead, and should not be found with a full queue.
        if now - self._silent_at > _SILENCE_S + 2 * self.round_trip_s:
            self._silent_at = now - 2 * self.round_trip_s
            self._target = max(LEAST, self._target * _SILENT_DECREASE)

    def _match(self, report: Sequence[tuple[int, float | None]]) -> tuple[list[tuple[float, float, int]], int]:
        """Packets that newly arrived, as (sent, arrival, octets) in the order of sending, and how many were lost."""
        times, marks = self._times, self._marks
        clock = self._synchronize(report)
        arrived: list[tuple[float, float, int]] = []
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
        first, following = report[0][0], report[-1][0] + 1 & 0xFFFF
        if arrived and self._next is not None and 0 < (gap := first - self._next & 0xFFFF) < RING // 2:
            # A feedback was lost on its way: count what it would have told among what it was sent with.
            octets = 0
            for number in range(self._next, self._next + gap):
                mark = marks[number & _MASK]
                if mark >> 16 == number & 0xFFFF:
                    octets += mark & _SIZE
            sent, arrival, size = arrived[0]
            arrived[0] = (sent, arrival, size + octets)
        if self._next is None or following - self._next & 0x8000 == 0:
            self._next = following
        arrived.sort()
        return arrived, lost

    def _synchronize(self, report: Sequence[tuple[int, float | None]]) -> float:
        """What to add to the report's arrivals: the reporter's clock starts again every twelve days."""
        if self._arrival > -inf:
            for _, arrival in report:
                if arrival is not None:
                    ahead = arrival + self._clock - self._arrival
                    if abs(ahead) > CLOCK_S / 2:
                        self._clock -= round(ahead / CLOCK_S) * CLOCK_S
                    break
        return self._clock

    def _gather(self, arrived: list[tuple[float, float, int]]) -> None:
        """Gather packets into bursts (§5.2): sent together, or held up together and let go at once."""
        first, last, begin, end, octets = self._first, self._sent, self._begin, self._arrival, self._octets
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
                self._close(last, end, octets)
            first = last = sent
            begin = end = arrival
            octets = size
        self._first, self._sent, self._begin, self._arrival, self._octets = first, last, begin, end, octets

    def _close(self, sent: float, arrival: float, octets: int) -> None:
        self._recent.append((sent, arrival, octets))
        self._recent_octets += octets
        prober = self._prober
        self._delay.add(sent, arrival, probing=prober.began <= sent <= prober.quiet_until)

    def _measure(self) -> None:
        """What was sent and delivered over the last half second."""
        recent = self._recent
        if len(recent) < 2:
            return
        newest = recent[-1][1]
        while len(recent) > _FEWEST_BURSTS and recent[1][1] < newest - _RATE_S:
            self._recent_octets -= recent.popleft()[2]
        oldest = recent[0]
        bits = (self._recent_octets - oldest[2]) * 8
        self._rate = bits / max(newest - oldest[1], _SHORT_RATE_S)
        self._sending = bits / max(recent[-1][0] - oldest[0], _SHORT_RATE_S) / (1 - min(0.9, self._loss.rate))

    def _delivered(self) -> float:
        """What was delivered most lately: over 0.25 s, or longer where bursts are rare."""
        recent = self._recent
        newest, bits, bursts = recent[-1][1], 0, 0
        for _, arrival, octets in reversed(recent):
            if bursts >= _FEWEST_BURSTS and newest - arrival >= _SHORT_RATE_S:
                break
            bits += octets * 8
            bursts += 1
        first = recent[-bursts]
        span = newest - first[1]
        delivered = (bits - first[2] * 8) / span if span > 0.02 else self._rate
        return min(delivered, self._rate) / (1 - self._loss.own)

    def _control(self, usage: Usage, now: float) -> None:
        """Let the rate fall, wait or rise (§5.5)."""
        elapsed = min(0.5, now - self._controlled_at)
        self._controlled_at = now
        standing_s = self._delay.standing_s
        if usage is Usage.OVER:
            if now - self._decreased_at >= self.round_trip_s + 0.1:
                self._fall(standing_s, now)
            return
        if self._draining:
            self._drain(standing_s, now)
            return
        if usage is Usage.UNDER or self._loss.holds or self._sending < _LIMITED * self.bitrate:
            return
        capacity = self._capacity
        if capacity is not None and self._target > 1.1 * capacity:
            self._capacity = capacity = None
        if capacity is not None and self._target > 0.9 * capacity:
            self._target += _NEAR_GROWTH * capacity * elapsed
        else:
            self._target *= 1 + _GROWTH * elapsed
        self._target = min(self._target, MOST)

    def _fall(self, standing_s: float, now: float) -> None:
        carried = self._delivered()
        self._capacity = carried
        self._target = max(LEAST, min(self._target, carried * (_DRAINING if standing_s > _LONG_QUEUE_S else _DECREASE)))
        self._draining, self._decreased_at, self._stood_s = True, now, standing_s
        self._prober.congested(now)

    def _drain(self, standing_s: float, now: float) -> None:
        """Wait below what the line carries until its queue is gone."""
        capacity = self._capacity or self._target
        if standing_s > _DRAINED_S:
            self._capacity = capacity = 0.7 * capacity + 0.3 * self._delivered()
            if now - self._decreased_at > 2.0:
                # A queue that does not shrink although less is sent than is delivered is none: the path got longer.
                if standing_s > 0.9 * self._stood_s and self._sending <= 1.02 * self._rate and not self._loss.holds:
                    self._delay.rebase()
                self._decreased_at, self._stood_s = now, standing_s
            return
        self._draining = False
        self._target = max(self._target, min(MOST, _RETURN * capacity))
