"""What a viewer's line carries, estimated by the sender (draft-ietf-rmcat-gcc-02): from transport-wide feedback the
trend of the delay, the losses, and probes; without it, receiver reports and REMB.

Delivered bits are the measure of everything. While a queue stands before the line, what is delivered *is* what the line
carries: the rate falls below that until the queue is gone, then returns to just under it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

from media.delay import DelayTrend, Usage
from media.delivery import Delivery
from media.flight import Flight
from media.loss import LossBound
from media.probing import Finding, Probe, Prober

START = 1_000_000.0
"""Bit/s before anything is known."""
LEAST, MOST = 24_000.0, 20_000_000.0
"""Bounds of an estimate, bit/s: one voice, and more than eight participants send."""

_DECREASES = ((0.1, 0.9), (0.25, 0.85), (inf, 0.75))
"""By the queue that stands (seconds up to which each holds): a longer one takes a longer way down."""
_FALL_S = 0.3
_SAME = 0.85
_RETURN = 0.95
_DRAINED_S = 0.03
_GROWTH = 0.08
"""Of the rate, each second, while no limit of the line is known (§5.5)."""
_NEAR_GROWTH = 0.01
"""Of what the line carried when it was last full, each second, near that."""
_LIMITED = 0.8
_THIN = 400_000.0
_LONG_QUEUE_S, _LASTS_S = 0.25, 0.3
"""An application that sends less than this part of the estimate does not test it, so it may not grow."""
_TOGETHER_S = 0.055
_CALM_QUEUE_S = 0.02
_CALM_LOSS = 0.01
_NEWS = 1.2
_RISE = 1.05
_SILENCE_S = 0.7
_SILENT_DECREASE = 0.8
_LIMIT_S = 5.0
_REPORTS_S = 1.0
_LOW_LOSS, _HIGH_LOSS = 0.02, 0.1


class SendSideEstimate:
    """The estimate for one viewer's line. Times are monotonic seconds, rates bit/s, sizes octets on the wire."""

    __slots__ = (
        "_capacity", "_controlled_at", "_decreased_at", "_delay", "_delivery", "_draining", "_fed_at", "_limit",
        "_limited_at", "_loss", "_loss_at", "_loss_of_reports", "_over_since", "_prober", "_silent_at", "_stood_s",
        "_target", "_waiting", "flight", "round_trip_s", "sent", "together_s",
    )  # fmt: skip

    def __init__(self) -> None:
        self.flight = Flight()
        self.sent: Callable[[int, int, float], None] = self.flight.sent
        """A packet left: its transport-wide number, its octets, when. Called for each packet, so without a detour."""
        self._waiting: list[tuple[int, float | None]] = []
        self.together_s = _TOGETHER_S
        """How long reports of a line without a queue may wait for each other: longer is cheaper, and later to see."""
        self._delivery = Delivery()
        self._delay = DelayTrend()
        self._loss = LossBound()
        self._prober = Prober()
        self._target = START
        self._capacity: float | None = None
        self._draining = False
        self._stood_s = inf
        self._over_since = inf
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
        return self._delivery.rate

    @property
    def loss_rate(self) -> float:
        """Losses of late, 0 to 1."""
        return self._loss.rate if self._fed_at > -inf else self._loss_of_reports

    @property
    def own_loss(self) -> float:
        """Losses that are the line's own: sending less would not cure them. 0 to 1."""
        return self._loss.own

    @property
    def queue_s(self) -> float:
        """How long packets stand in the line's queue, beyond what their own bursts take."""
        return self._delay.standing_s

    def rests(self, now: float) -> bool:
        """Whether a report that comes now need not be read: the line carries all that is wished and shows no trouble,
        and another was read lately. What it would have told counts with the next one."""
        return (
            self.together_s > _TOGETHER_S
            and now - self._fed_at < self.together_s
            and self._delay.queue_s < _CALM_QUEUE_S
            and not self._prober.active
            and self._loss.rate < _CALM_LOSS
        )

    def feedback(self, report: Sequence[tuple[int, float | None]], now: float) -> None:
        """Take a report as `transport_feedback.read` gives it."""
        self._waiting += report
        if now - self._fed_at < self.together_s and self._delay.queue_s < _CALM_QUEUE_S and not self._prober.active:
            return  # on a calm line several reports are looked at for little more than the price of one
        if self._waiting:
            report, self._waiting = self._waiting, []
            self._digest(report, now)

    def _digest(self, report: Sequence[tuple[int, float | None]], now: float) -> None:
        arrived, lost = self.flight.match(report)
        if not arrived and not lost:
            return
        if self._fed_at == -inf:
            self._controlled_at = now
        self._fed_at = self._silent_at = now
        if arrived:
            self.round_trip_s += 0.125 * (min(2.0, now - arrived[-1][0]) - self.round_trip_s)
            began, quiet_until = self._prober.began, self._prober.quiet_until
            for sent, arrival in self._delivery.gather(arrived):
                self._delay.add(sent, arrival, probing=began <= sent <= quiet_until)
        if self._prober.active and self.bitrate < _THIN:
            # Most of what is sent now is the probe, and what it loses of itself is no news: it is too much on purpose.
            lost = min(lost, round(self._loss.rate * (len(arrived) + lost)))
        self._loss.note(len(arrived), lost)
        finding = self._prober.take(arrived, now, self._loss.own) if self._prober.active else None
        usage = self._delay.judge(now)
        full = self._loss.judge(now, self._delivery.rate, self._delay.standing_s, self.round_trip_s)
        if full is not None:
            # It drops what exceeds this without queueing it.
            self._capacity, self._target = full, min(self._target, full)
            self._prober.congested(now, full, self._sent_bps())
        if finding is not None and usage is not Usage.OVER:
            self._learn(finding, now)
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
        return self._prober.begin(now, self.bitrate, self._sent_bps(), min(goal, MOST), self.round_trip_s)

    def tick(self, now: float) -> None:
        """What falls due with time. Called about ten times a second."""
        if self._limit < inf and now - self._limited_at > _LIMIT_S:
            self._limit = inf
        if self._fed_at == -inf or self.flight.sent_at < self._fed_at + 0.1:
            return
        # Nothing comes back of what was sent: the line may be dead, and should not be found with a full queue.
        if now - self._silent_at > _SILENCE_S + 2 * self.round_trip_s:
            self._silent_at = now - 2 * self.round_trip_s
            self._target = max(LEAST, self._target * _SILENT_DECREASE)

    def _control(self, usage: Usage, now: float) -> None:
        """Let the rate fall, wait or rise (§5.5)."""
        elapsed = min(0.5, now - self._controlled_at)
        self._controlled_at = now
        standing_s = self._delay.standing_s
        if usage is not Usage.OVER:
            self._over_since = inf
        else:
            self._over_since = min(self._over_since, now)
            is_easy = self._sent_bps() < _LIMITED * self.bitrate and standing_s < _LONG_QUEUE_S
            if is_easy and now - self._over_since < _LASTS_S:
                return  # less is sent than has passed before: a delay of the path's own, unless it lasts
        if usage is Usage.OVER:
            if now - self._decreased_at >= _FALL_S:
                self._fall(standing_s, now)
            return
        if self._draining:
            self._drain(standing_s, now)
            return
        if usage is Usage.UNDER or self._loss.holds or self._sent_bps() < _LIMITED * self.bitrate:
            return
        capacity = self._capacity
        if capacity is not None and self._target > 1.1 * capacity:
            self._capacity = capacity = None
        if capacity is not None and self._target > 0.9 * capacity:
            self._target += _NEAR_GROWTH * capacity * elapsed
        else:
            self._target *= 1 + _GROWTH * elapsed
        self._target = min(self._target, MOST)

    def _sent_bps(self) -> float:
        """What is sent, with what does not arrive."""
        return self._delivery.sending / (1 - min(0.9, self._loss.rate))

    def _carried(self) -> float:
        """What the line carries while a queue stands before it. Its own losses take their part on the way."""
        carried = self._delivery.lately(self._delay.queued_since)
        if carried is None:
            # Too little to tell: down by a step.
            carried = max(self._delivery.rate, 0.9 * min(self._target, self._capacity or inf))
        return carried / (1 - self._loss.own)

    def _learn(self, finding: Finding, now: float) -> None:
        """Take what a probe found. Short trains measure roughly, so what is near the known is averaged with it."""
        carried, capacity = finding.bitrate, self._capacity
        if capacity is not None and carried < capacity * _NEWS:
            self._capacity = capacity = max(capacity, 0.5 * (capacity + carried))
            carried = min(carried, _RETURN * capacity)
        elif finding.full:
            self._capacity = carried
            carried *= _RETURN
        else:
            self._capacity = None
        before = self._target
        self._target = max(before, min(MOST, carried))
        if self._target > before * _RISE:
            self._prober.believed(finding, before, now)
        elif finding.full and self._capacity is not None and self._delay.standing_s > _DRAINED_S:
            # Its padding queues now; at nearly full rate the queue would stay.
            self._target = min(self._target, _DECREASES[0][1] * self._capacity)
            self._draining, self._decreased_at, self._stood_s = True, now, self._delay.standing_s

    def _fall(self, standing_s: float, now: float) -> None:
        carried = self._carried()
        self._capacity = carried
        factor = next(factor for queue_s, factor in _DECREASES if standing_s <= queue_s)
        if self._capacity is not None and carried > _SAME * self._capacity:
            # The line is what it was, and the queue is this sender's own: a still and a probe at once, say.
            factor = max(factor, _DECREASES[1][1])
        self._target = max(LEAST, min(self._target, carried * factor))
        self._draining, self._decreased_at, self._stood_s = True, now, standing_s
        self._prober.congested(now, carried, self._sent_bps())

    def _drain(self, standing_s: float, now: float) -> None:
        """Wait below what the line carries until its queue is gone."""
        capacity = self._capacity or self._target
        if standing_s > _DRAINED_S:
            self._capacity = capacity = 0.7 * capacity + 0.3 * self._carried()
            if now - self._decreased_at > 2.0:
                # A queue that does not shrink although less is sent than is delivered is none: the path got longer.
                if (
                    standing_s > 0.9 * self._stood_s
                    and self._delivery.sending <= 1.02 * self._delivery.rate
                    and not self._loss.holds
                ):
                    self._delay.rebase()
                self._decreased_at, self._stood_s = now, standing_s
            return
        self._draining = False
        self._target = max(self._target, min(MOST, _RETURN * capacity))
