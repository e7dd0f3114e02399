"""A viewer's line in virtual time: a queue before a bottleneck, then delay, jitter and loss; feedback comes back."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from media import rtcp
from media.bandwidth import SendSideEstimate
from media.transport_feedback import Arrivals, read

AUDIO_OCTETS, AUDIO_S = 140, 0.02
FRAME_S = 1 / 30
STEP_S = 0.001

Carries = Callable[[float], float]
"""Bit/s at a time."""


@dataclass
class SimulatedLine:
    """Sends audio and `video(now)` bit/s of pictures through the line, as the estimate's caller would."""

    carries: Carries
    video: Callable[[float], float] = lambda _now: 0.0
    goal: float = 3_000_000.0
    delay_s: float = 0.04
    jitter_s: float = 0.0
    loss: float = 0.0
    feedback_loss: float = 0.0
    longest_queue_s: float = 0.6
    feedback_s: float = 0.06
    seed: int = 1
    polices: bool = False
    """Drops what exceeds the rate (beyond 16 kB) rather than queueing it."""
    estimate: SendSideEstimate = field(default_factory=SendSideEstimate)
    now: float = 1_000.0

    def __post_init__(self) -> None:
        self.began = self.now
        self.chance = random.Random(self.seed)
        self.arrivals = Arrivals()
        self.history: list[tuple[float, float]] = []
        """Seconds since the start, and the estimate."""
        self.audio_sent = self.audio_lost = 0
        self.late: list[tuple[float, float]] = []
        """Delays of audio packets that arrived, by seconds since the start."""
        self.probes = 0
        self._number = 65_000
        self._queue: deque[tuple[int, int, bool, float]] = deque()
        self._queued = 0.0
        self._credit = 0.0
        self._under_way: list[tuple[float, int, bool, float]] = []
        self._back: deque[tuple[float, bytes]] = deque()
        self._audio_at = self._frame_at = self._feedback_at = self._tick_at = self.now
        self._padding: deque[tuple[float, int]] = deque()
        self._last_out = 0.0

    @property
    def since(self) -> float:
        return self.now - self.began

    def run(self, seconds: float) -> SimulatedLine:
        until = self.now + seconds
        while self.now < until:
            self._step()
            self.now += STEP_S
        return self

    def bitrates(self, begin: float, end: float) -> list[float]:
        return [rate for at, rate in self.history if begin <= at < end]

    def reached(self, after: float, test: Callable[[float], bool]) -> float:
        """Seconds from `after` until the estimate first passes the test; infinite if it never does."""
        return next((at - after for at, rate in self.history if at >= after and test(rate)), float("inf"))

    def _send(self, size: int, is_audio: bool = False) -> None:
        self._number = self._number + 1 & 0xFFFF
        self.estimate.sent(self._number, size, self.now)
        self.audio_sent += is_audio
        rate = self.carries(self.since)
        room = 16_000 if self.polices else max(3_000, rate * self.longest_queue_s / 8)
        if self.chance.random() < self.loss or self._queued + size > room:
            self.audio_lost += is_audio
            return
        if self.polices:
            self._queued += size
            self._travel(self._number, is_audio, self.now)
            return
        self._queue.append((self._number, size, is_audio, self.now))
        self._queued += size

    def _travel(self, number: int, is_audio: bool, sent: float) -> None:
        out = max(self._last_out, self.now + self.delay_s + self.chance.uniform(0, self.jitter_s))
        self._last_out = out
        heappush(self._under_way, (out, number, is_audio, sent))

    def _step(self) -> None:
        now, estimate = self.now, self.estimate
        if now >= self._audio_at:
            self._audio_at += AUDIO_S
            self._send(AUDIO_OCTETS, True)
        if now >= self._frame_at:
            self._frame_at += FRAME_S * self.chance.uniform(0.9, 1.1)
            octets = int(self.video(self.since) * FRAME_S / 8 * self.chance.uniform(0.7, 1.3))
            while octets > 100:
                self._send(min(1_200, octets))
                octets -= 1_200
        while self._padding and self._padding[0][0] <= now:
            self._send(self._padding.popleft()[1])
        # The bottleneck.
        rate = self.carries(self.since) / 8
        if self.polices:
            self._queued = max(0.0, self._queued - rate * STEP_S)
        else:
            # A packet leaves when its last bit has passed.
            self._credit = self._credit + rate * STEP_S if self._queue else 0.0
            while self._queue and self._credit >= self._queue[0][1]:
                number, size, is_audio, sent = self._queue.popleft()
                self._queued -= size
                self._credit -= size
                self._travel(number, is_audio, sent)
        while self._under_way and self._under_way[0][0] <= now:
            at, number, is_audio, sent = heappop(self._under_way)
            self.arrivals.note(number, at - 500.0)  # the viewer's clock is its own
            if is_audio:
                self.late.append((self.since, at - sent))
        if now >= self._feedback_at:
            self._feedback_at += self.feedback_s
            for data in self.arrivals.packets(1, 2):
                if self.chance.random() >= self.feedback_loss:
                    self._back.append((now + self.delay_s, data))
        while self._back and self._back[0][0] <= now:
            data = self._back.popleft()[1]
            for packet in rtcp.walk(data, len(data)):
                estimate.feedback(read(data, packet), now)
        if now >= self._tick_at:
            self._tick_at += 0.1
            estimate.tick(now)
            if (probe := estimate.probe(now, self.goal)) is not None:
                self.probes += 1
                count = -(-probe.octets // probe.packet_octets)
                for index in range(count):
                    self._padding.append((now + index * probe.duration_s / count, probe.octets // count))
            self.history.append((self.since, estimate.bitrate))
