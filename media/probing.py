"""Probing: a short train of padding beside the media shows whether a line carries more than is sent through it. Without
it a viewer who receives the small layer could never learn that the large one would pass.

A train that does not pass queues for as long as it lasts at twice the rate: 0.1 s at most, which a jitter buffer bears.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

FACTOR = 2.0
"""A probe tries this multiple of the estimate."""
INTERVAL_S = 1.5
LONGEST_INTERVAL_S = 4.0
"""Between probes that show nothing new; a line that recovers is found within this time and a round trip a doubling."""
DOUBT_S = 3.0
"""After congestion."""
MOST_DOUBTED_S = 24.0
"""After probes that promised more than the line then held (a policer lets bursts pass)."""

_SHORTEST_S, _LONGEST_S = 0.05, 0.1
_OCTETS = 12_000
_SMALL, _LARGE = 255, 1_100
_FEWEST = 5
_CARRIED = 0.8
_TRIED = 0.6
_AGAIN_S = 1.0
_KEPT = 0.75
_BROKEN_S = 8.0
_TRUST_S = 20.0


@dataclass(frozen=True, slots=True)
class Probe:
    """What to send now beside the media, evenly over `duration_s`."""

    bitrate: float
    """Bit/s of media and padding together."""
    octets: int
    """Padding in all."""
    packet_octets: int
    """How large a packet should be at most: small ones measure a thin line better, and RTP padding has 255 octets."""
    duration_s: float


@dataclass(frozen=True, slots=True)
class Finding:
    """What a probe showed."""

    bitrate: float
    """Bit/s that arrived."""
    full: bool
    """Whether less arrived than was sent, so that this is all that the line carries."""


class Prober:
    """Decides when to probe one line, and reads what came of it."""

    __slots__ = (
        "_arrived", "_began", "_doubt_s", "_ends", "_found_at", "_interval_s", "_known", "_next_at",
        "_probe", "_promised", "_results_by", "quiet_until",
    )  # fmt: skip

    def __init__(self) -> None:
        self._probe: Probe | None = None
        self._arrived: list[tuple[float, float, int]] = []
        self._began = self._ends = self._results_by = -inf
        self._next_at = -inf
        self._interval_s = INTERVAL_S
        self._found_at = -inf
        self._promised = self._known = 0.0
        """What the last findings promised, and what had been known before them."""
        self._doubt_s = DOUBT_S
        self.quiet_until = -inf
        """Packets sent before this time queue because of the probe, which is no news of the line."""

    @property
    def active(self) -> bool:
        """Whether a probe is under way."""
        return self._probe is not None

    @property
    def began(self) -> float:
        """When the last probe began."""
        return self._began

    def begin(self, now: float, bitrate: float, sending: float, goal: float, round_trip_s: float) -> Probe | None:
        """A probe beyond `bitrate`, if one is due; `goal` is what would do (bit/s)."""
        if self._probe is not None or now < self._next_at:
            return None
        rate = min(FACTOR * bitrate, 1.1 * goal)
        if rate < 1.1 * bitrate:
            return None
        duration = min(_LONGEST_S, max(_SHORTEST_S, 8 * _OCTETS / rate))
        packet = _SMALL if rate < 1_000_000 else _LARGE
        # Media comes in bursts, and may pause just now: half of it is counted on.
        octets = int(max((rate - min(sending, bitrate) / 2) * duration / 8, _FEWEST * _SMALL))
        self._probe = Probe(rate, octets, packet, duration)
        self._arrived = []
        self._began, self._ends = now, now + 1.25 * duration + 0.03
        self._results_by = self._ends + 2 * round_trip_s + 0.5
        self.quiet_until = self._ends + 0.05
        return self._probe

    def take(self, arrived: list[tuple[float, float, int]], now: float, own_loss: float) -> Finding | None:
        """Packets that arrived as (sent, arrival, octets) in the order of sending; a finding when a probe is over."""
        if self._probe is None:
            return None
        self._arrived += [packet for packet in arrived if self._began <= packet[0] <= self._ends]
        if now < self._results_by and not (arrived and arrived[-1][0] > self._ends):
            return None
        probe, self._probe = self._probe, None
        finding = self._measure(probe, own_loss)
        if finding is None:
            self._wait(_AGAIN_S, now)
        else:
            self._wait(self._interval_s, now)
            self._interval_s = min(LONGEST_INTERVAL_S, self._interval_s + 1)
        return finding

    def believed(self, finding: Finding, before: float, now: float) -> None:
        """The estimate has risen from `before` by a finding. What passed may not be all, so go on at once."""
        if now - self._found_at > _BROKEN_S:
            self._known = before
        self._found_at, self._promised, self._interval_s = now, finding.bitrate, INTERVAL_S
        self._wait(self._interval_s if finding.full else 0.0, now)

    def congested(self, now: float, carries: float, sending: float) -> None:
        """The line carries this and no more: no probe for a while, and for longer when one had promised otherwise and
        was believed."""
        believed = now - self._found_at < _BROKEN_S and sending > 1.05 * self._known
        if believed and carries < _KEPT * self._promised:
            self._doubt_s = min(MOST_DOUBTED_S, 2 * self._doubt_s)
        elif now - self._found_at > _TRUST_S:
            self._doubt_s = DOUBT_S
        self._promised = 0.0
        self._probe = None
        self._next_at = max(self._next_at, now + self._doubt_s)

    def _wait(self, wait_s: float, now: float) -> None:
        self._next_at = now + (wait_s if self._doubt_s <= DOUBT_S else max(wait_s, self._doubt_s))

    def _measure(self, probe: Probe, own_loss: float) -> Finding | None:
        train: list[tuple[float, float, int]] = []
        octets = 0
        for packet in sorted(self._arrived):
            train.append(packet)
            octets += packet[2]
            at_once = packet[0] - train[0][0] < 0.01
            # What follows is media alone, and would thin the train out.
            if octets >= 0.9 * (probe.octets if at_once else probe.bitrate * probe.duration_s / 8):
                break
        self._arrived = []
        if len(train) < _FEWEST or octets < 0.5 * probe.octets:
            return None
        last = max(arrival for _, arrival, _ in train)
        first, first_octets = min((arrival, size) for _, arrival, size in train)
        sent_s = train[-1][0] - train[0][0]
        arrived_s = max(last - first, 0.001)
        arrived = (octets - first_octets) * 8 / arrived_s
        sent = (octets - train[-1][2]) * 8 / sent_s if sent_s > 0.005 else inf
        tried = min(sent, probe.bitrate * 1.1)
        rate = min(arrived / (1 - own_loss), tried)
        full = rate < _CARRIED * tried
        if not full and rate < _TRIED * probe.bitrate:
            return None  # part of the train was never sent, or never told of
        return Finding(rate, full)
