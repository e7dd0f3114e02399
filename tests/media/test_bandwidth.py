"""The send-side estimate on simulated lines: steps down and up, losses of both kinds, jitter, silence, no feedback.

Longer than other files, since every case drives the same two simulated senders.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.allocation import Choice, Layer, Wanted, allocate, enough
from media.api import Rung
from media.bandwidth import LEAST, MOST, START, SendSideEstimate
from media.flight import RING
from media.transport_feedback import CLOCK_S
from tests.media.simulated_line import SimulatedLine

AUDIO_BPS = 56_000
"""What the simulated audio takes of a line."""
RAMP = ((0, 2e6), (15, 300e3), (30, 80e3), (45, 300e3), (60, 2e6))
WANTED = (
    Wanted("voice", -1, None, (), kind="audio"),
    Wanted("camera", 0, None, (Layer("q", 180, 150e3), Layer("h", 360, 500e3), Layer("f", 720, 1_500e3))),
)


def steps(*at: tuple[float, float]) -> Callable[[float], float]:
    """A rate that is each of these from its second on."""
    return lambda since: [rate for begin, rate in at if since >= begin][-1]


def elastic(line: SimulatedLine) -> SimulatedLine:
    """A sender that fills the estimate."""
    line.video = lambda _since: max(0.0, min(2_500_000.0, line.estimate.bitrate - AUDIO_BPS))
    return line


class Viewer:
    """A sender that forwards one of three layers, by the allocation."""

    def __init__(self, line: SimulatedLine) -> None:
        self.line = line
        line.goal = enough(WANTED)
        line.video = self.bitrate
        self.choices: dict[str, Choice] = {}
        self.rungs: list[tuple[float, Rung]] = []
        self._at = 0.0

    def bitrate(self, since: float) -> float:
        if since >= self._at:
            self._at = since + 0.1
            self.choices = allocate(self.line.estimate.bitrate, WANTED, self.choices, self.line.now)
            self.rungs.append((since, self.choices["camera"].rung))
        choice = self.choices["camera"]
        if choice.rung is Rung.STILLS:
            return 22_000
        return 0.0 if choice.layer is None else WANTED[1].layers[choice.layer].bitrate

    def reached(self, after: float, rung: Rung, until: float) -> float:
        """Seconds from `after` until the rung is there to stay."""
        other = [since for since, each in self.rungs if after <= since < until and each is not rung]
        return (other[-1] if other else after) - after

    def turns(self, begin: float, end: float) -> int:
        rungs = [rung for since, rung in self.rungs if begin <= since < end]
        return sum(one is not other for one, other in pairwise(rungs))


def turns(rates: list[float], least: float = 0.1) -> int:
    """How often a rate changes its direction, movements below `least` of it not counted."""
    count, direction, extreme = 0, 0, rates[0]
    for rate in rates:
        if direction >= 0 and rate < extreme * (1 - least):
            count, direction, extreme = count + (direction > 0), -1, rate
        elif direction <= 0 and rate > extreme * (1 + least):
            count, direction, extreme = count + (direction < 0), 1, rate
        elif (rate > extreme) == (direction >= 0):
            extreme = rate
    return count


def test_before_any_feedback_a_megabit_is_assumed() -> None:
    estimate = SendSideEstimate()
    assert estimate.bitrate == START
    assert estimate.acknowledged == 0
    assert estimate.probe(1.0) is None


LINES: dict[str, dict[str, Any]] = {
    "plain": {},
    "jitter": {"jitter_s": 0.02},
    "lossy": {"loss": 0.05},
    "short queue": {"longest_queue_s": 0.2},
    "feedback lost": {"feedback_loss": 0.1},
    "far": {"delay_s": 0.1},
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_steps_of_the_line_are_followed(name: str, seed: int) -> None:
    line = elastic(SimulatedLine(steps(*RAMP), seed=seed, **LINES[name])).run(75)
    assert line.reached(15, lambda rate: rate <= 330e3) <= 1.5
    assert line.reached(30, lambda rate: rate <= 90e3) <= 1.5
    assert line.reached(45, lambda rate: rate >= 240e3) <= 8
    assert line.reached(60, lambda rate: rate >= 1_600e3) <= 8
    for begin, end, carries in ((10, 15, 2e6), (19, 30, 300e3), (34, 45, 80e3), (53, 60, 300e3), (68, 75, 2e6)):
        rates = line.bitrates(begin, end)
        assert 0.6 * carries <= sum(rates) / len(rates) <= 1.2 * carries


def test_a_step_down_is_seen_at_any_moment_of_probing() -> None:
    for phase in range(12):
        line = SimulatedLine(steps((0, 300e3), (10 + phase * 0.37, 80e3)), seed=phase)
        Viewer(line)
        line.run(13 + phase * 0.37)
        assert line.reached(10 + phase * 0.37, lambda rate: rate <= 90e3) <= 1.3


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_right_rung_is_there_soon_and_stays(name: str, seed: int) -> None:
    line = SimulatedLine(steps(*RAMP), seed=seed, **LINES[name])
    viewer = Viewer(line)
    line.run(75)
    assert viewer.reached(0, Rung.HD, 15) <= 5
    assert viewer.reached(15, Rung.LOW, 30) <= 3
    assert viewer.reached(30, Rung.STILLS, 45) <= 5
    assert min(since for since, rung in viewer.rungs if since > 30 and rung in (Rung.STILLS, Rung.AUDIO)) <= 31.5
    assert viewer.reached(45, Rung.LOW, 60) <= 10
    assert viewer.reached(60, Rung.HD, 75) <= 10
    assert line.audio_lost / line.audio_sent <= line.loss + 0.02


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("carries", [80e3, 300e3, 800e3, 2e6])
def test_a_steady_line_is_estimated_without_oscillation(carries: float, seed: int) -> None:
    line = elastic(SimulatedLine(lambda _: carries, seed=seed)).run(60)
    rates = line.bitrates(20, 60)
    assert 0.8 * carries <= sum(rates) / len(rates) <= 1.1 * carries
    assert turns(rates) <= 10
    delays = sorted(delay for since, delay in line.late if since > 20)
    assert delays[len(delays) * 95 // 100] <= 0.3
    layered = SimulatedLine(lambda _: carries, seed=seed)
    viewer = Viewer(layered)
    layered.run(60)
    assert viewer.turns(10, 60) <= 2


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("loss", [0.05, 0.1, 0.2])
def test_losses_at_random_do_not_crush_the_rate(loss: float, seed: int) -> None:
    line = elastic(SimulatedLine(lambda _: 2e6, loss=loss, seed=seed)).run(40)
    rates = line.bitrates(10, 40)
    assert sum(rates) / len(rates) >= 1_700e3
    assert min(rates) >= 1_500e3
    layered = SimulatedLine(lambda _: 2e6, loss=loss, seed=seed)
    viewer = Viewer(layered)
    layered.run(40)
    assert viewer.reached(0, Rung.HD, 40) <= 15
    assert viewer.turns(0, 40) <= 3
    assert layered.estimate.loss_rate == pytest.approx(loss, abs=0.06)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_losses_of_a_policer_are_obeyed(seed: int) -> None:
    line = elastic(SimulatedLine(lambda _: 400e3, polices=True, seed=seed)).run(40)
    rates = line.bitrates(5, 40)
    assert 330e3 <= sum(rates) / len(rates) <= 600e3
    layered = SimulatedLine(lambda _: 400e3, polices=True, seed=seed)
    viewer = Viewer(layered)
    layered.run(60)
    assert sum(rung is Rung.LOW for since, rung in viewer.rungs if since > 5) >= 0.65 * 550
    assert viewer.turns(20, 60) <= 6


@pytest.mark.parametrize("carries", [80e3, 300e3, 800e3, 1_700e3])
def test_key_frames_on_a_thin_line_do_not_move_the_rung(carries: float) -> None:
    line = SimulatedLine(lambda _: carries)
    viewer = Viewer(line)
    next_at = 3.0

    def video(since: float) -> float:
        nonlocal next_at
        bitrate = viewer.bitrate(since)
        if since < next_at:
            return bitrate
        next_at += 4
        return 8 * bitrate

    line.video = video
    line.run(60)
    assert viewer.turns(10, 60) == 0


def test_a_line_that_dies_is_not_filled_and_returns() -> None:
    line = elastic(SimulatedLine(steps((0, 2e6), (10, 100), (16, 2e6)))).run(30)
    assert line.bitrates(15.5, 16)[-1] <= 600e3
    assert line.reached(16, lambda rate: rate >= 1_600e3) <= 8


def test_a_path_that_becomes_longer_is_not_a_queue_for_ever() -> None:
    line = elastic(SimulatedLine(lambda _: 2e6))
    line.run(10)
    line.delay_s += 0.15
    line.run(25)
    assert line.reached(20, lambda rate: rate >= 1_500e3) <= 8


def test_what_is_acknowledged_is_what_arrives() -> None:
    line = SimulatedLine(lambda _: 2e6, lambda _: 500e3).run(10)
    assert line.estimate.acknowledged == pytest.approx(500e3 + AUDIO_BPS, rel=0.25)
    assert line.estimate.round_trip_s == pytest.approx(0.11, abs=0.04)


def test_an_estimate_that_nothing_tests_does_not_grow() -> None:
    line = SimulatedLine(lambda _: 10e6, lambda _: 200e3, goal=0).run(20)
    assert line.probes == 0
    assert line.estimate.bitrate <= 1.1 * START


def test_probes_stop_where_the_goal_is_reached() -> None:
    line = SimulatedLine(lambda _: 20e6, lambda _: 200e3, goal=3e6).run(20)
    assert 2.9e6 <= line.estimate.bitrate <= 3.5e6
    assert line.probes <= 6


def test_the_viewers_clock_may_start_again() -> None:
    estimate = SendSideEstimate()
    chance = random.Random(5)
    for index in range(400):
        now = 50 + index * 0.02
        estimate.sent(index, 500 if index < 200 else 1_000, now)
        arrival = (CLOCK_S - 4 + index * 0.02 + chance.uniform(0, 0.002)) % CLOCK_S
        estimate.feedback([(index, arrival)], now + 0.05)
    assert estimate.acknowledged == pytest.approx(400e3, rel=0.05)
    assert estimate.queue_s < 0.01
    assert estimate.bitrate >= START


def test_a_packet_told_lost_that_comes_late_is_no_loss() -> None:
    estimate = SendSideEstimate()
    for index in range(300):
        now = 50 + index * 0.02
        estimate.sent(index, 500, now)
        late = index % 2 == 0
        estimate.feedback([(index, None if late else index * 0.02)], now + 0.05)
        if late:
            estimate.feedback([(index, index * 0.02)], now + 0.06)
    assert estimate.loss_rate < 0.03


def test_without_feedback_reports_of_loss_decide() -> None:
    estimate = SendSideEstimate()
    for second in range(10):
        estimate.loss(0.0, 100.0 + second)
    raised = estimate.bitrate
    assert START * 1.5 <= raised <= START * 2.5
    estimate.loss(0.3, 111.0)
    assert estimate.bitrate == pytest.approx(raised * 0.85)
    assert estimate.loss_rate == 0.3
    estimate.loss(0.05, 112.5)
    estimate.loss(0.05, 113.7)
    held = estimate.bitrate
    estimate.loss(0.05, 115.0)
    assert estimate.bitrate == held


def test_with_feedback_reports_of_loss_say_nothing_new() -> None:
    line = elastic(SimulatedLine(lambda _: 2e6)).run(5)
    before = line.estimate.bitrate
    line.estimate.loss(0.5, line.now)
    assert line.estimate.bitrate == before


def test_a_receivers_limit_holds_for_a_while() -> None:
    estimate = SendSideEstimate()
    estimate.limit(300_000, 100.0)
    assert estimate.bitrate == 300_000
    estimate.tick(104.0)
    assert estimate.bitrate == 300_000
    estimate.limit(5_000_000, 104.5)
    assert estimate.bitrate == 300_000  # a limit is no promise
    estimate.tick(110.0)
    assert estimate.bitrate >= 300_000


def test_a_limit_above_what_is_sent_is_no_limit_of_the_line() -> None:
    estimate = SendSideEstimate()
    estimate.limit(90_000, 100.0, sending=56_000)
    assert estimate.bitrate == START
    estimate.limit(500_000, 101.0, sending=700_000)
    assert estimate.bitrate == 500_000


def test_packets_that_nobody_sent_change_nothing() -> None:
    estimate = SendSideEstimate()
    estimate.feedback([(number, number / 100) for number in range(500)], 1.0)
    estimate.feedback([(number, None) for number in range(500)], 2.0)
    estimate.feedback([], 3.0)
    assert (estimate.bitrate, estimate.acknowledged, estimate.loss_rate) == (START, 0, 0)


REPORTS = st.lists(
    st.lists(st.tuples(st.integers(0, 0xFFFF), st.none() | st.floats(-10, CLOCK_S + 10)), max_size=40), max_size=20
)


@settings(max_examples=200, deadline=None)
@given(REPORTS, st.integers(0, 0xFFFF))
def test_whatever_a_viewer_reports_the_estimate_keeps_its_bounds(
    reports: list[list[tuple[int, float | None]]], first: int
) -> None:
    estimate = SendSideEstimate()
    now = 10.0
    for report in reports:
        for index in range(50):
            estimate.sent(first + index & 0xFFFF, 1_200, now + index / 1_000)
        now += 0.1
        # Numbers near those sent, so that they are known.
        estimate.feedback([(first + number % 50 & 0xFFFF, arrival) for number, arrival in report], now)
        estimate.tick(now)
        estimate.probe(now)
        first = first + 50 & 0xFFFF
        assert LEAST <= estimate.bitrate <= MOST
        assert estimate.acknowledged >= 0
        assert 0 <= estimate.loss_rate <= 1
    assert len(estimate._delivery._recent) <= RING + 8
