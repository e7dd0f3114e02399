"""Judging what a viewer saw from the frames themselves."""

import pytest

from bench.frames import Encoded, Shown, Step, delivered, freezes_ms, repaired, rungs_seen, settled_s
from media.api import Rung


def _moving(begin: float, end: float, height: int) -> list[Shown]:
    return [Shown(begin + n / 20, height) for n in range(round((end - begin) * 20))]


def test_a_freeze_is_what_a_picture_stood_too_long() -> None:
    shown = [*_moving(0, 2, 360), *_moving(2.3, 4, 360)]
    assert max(freezes_ms(shown, 0.0, 4.0)) == pytest.approx(300)
    assert max(freezes_ms(shown, 2.3, 4.0)) == pytest.approx(0, abs=1e-6)


def test_a_picture_that_never_moves_again_is_frozen_to_the_end() -> None:
    assert max(freezes_ms(_moving(0, 2, 360), 0.0, 10.0)) == pytest.approx(8_000)
    assert freezes_ms([], 0.0, 10.0) == [10_000]


def _frames(ssrc: int, count: int = 5) -> list[Encoded]:
    return [Encoded(n / 30, ssrc, n * 3_000, ssrc * 100 + n) for n in range(count)]


def test_a_packet_is_made_good_when_its_frame_arrives_under_whatever_number() -> None:
    sent = _frames(1)
    received = [Encoded(frame.at + 0.1, 9, frame.timestamp + 77, frame.mark) for frame in sent if frame.mark != 102]
    lost = [(1, 3_000), (1, 6_000), (4, 3_000)]
    assert repaired(lost, sent, received) == (2, 1)
    assert delivered([(9, 3_077), (9, 6_077), (4, 3_077)], received) == (2, 1)


def test_what_is_lost_of_a_layer_that_nobody_watches_does_not_matter() -> None:
    low, high = _frames(1), _frames(2)
    sent = sorted([*low, *high], key=lambda frame: frame.at)
    assert repaired([(1, 3_000), (2, 6_000)], sent, high) == (1, 1)


def test_rungs_are_read_off_the_screen() -> None:
    shown = [*_moving(0, 5, 360), *_moving(5, 8, 180), *_moving(8, 9, 90), Shown(9, 360), Shown(13, 360)]
    steps = rungs_seen(shown, 360, 40.0)
    assert [(step.at, step.rung) for step in steps] == [
        (0, Rung.HD), (5, Rung.REDUCED), (8, Rung.LOW), (9, Rung.STILLS), (13, Rung.AUDIO),
    ]  # fmt: skip


def test_a_rung_is_reached_when_it_holds() -> None:
    steps = [Step(0, Rung.HD), Step(11, Rung.LOW), Step(12, Rung.HD), Step(13, Rung.LOW), Step(14.5, Rung.REDUCED)]
    assert settled_s(steps, {Rung.LOW, Rung.REDUCED}, 10, 30) == 3
    assert settled_s(steps, {Rung.HD}, 10, 30) == 20
    assert settled_s(steps, {Rung.HD}, 2, 10) == 0
