"""The queue before a thin line: audio at once, video evenly, nothing without bound."""

from itertools import pairwise

import pytest

from media.pacing import FACTOR, HORIZON_S, MOST_AUDIO, MOST_VIDEO, Datagram, Pacer
from tests.media.simulated_line import SimulatedLine

VIDEO = bytes(1_200)
AUDIO = bytes(120)


def drain(pacer: Pacer, begin: float, end: float, step: float = 0.005) -> list[tuple[float, Datagram]]:
    """What leaves, and when, while `due` is asked every `step` seconds."""
    gone = []
    for index in range(round((end - begin) / step)):
        now = begin + index * step
        gone += [(now, datagram) for datagram in pacer.due(now)]
    return gone


def test_video_leaves_at_a_multiple_of_the_bitrate() -> None:
    pacer = Pacer(300_000, horizon_s=10)
    for _ in range(100):
        assert pacer.push(VIDEO, False)
    gone = drain(pacer, 50.0, 51.0)
    sent = sum(len(datagram.data) for _, datagram in gone) * 8
    assert sent == pytest.approx(300_000 * FACTOR, rel=0.05)
    assert max(later - earlier for (earlier, _), (later, _) in pairwise(gone)) < 0.045


def test_a_burst_after_a_pause_is_spread_too() -> None:
    pacer = Pacer(1_000_000)
    for begin in (10.0, 60.0):
        for _ in range(20):
            pacer.push(VIDEO, False)
        gone = drain(pacer, begin, begin + 1.0)
        assert len(gone) == 20
        assert gone[-1][0] - begin == pytest.approx(20 * 1_200 * 8 / 1_000_000 / FACTOR, abs=0.025)


def test_audio_overtakes_video_and_is_charged_to_it() -> None:
    pacer = Pacer(100_000)
    for number in range(4):
        pacer.push(VIDEO, False, number)
    pacer.push(AUDIO, True, 9)
    first = pacer.due(5.0)
    assert (first[0].data, first[0].number) == (AUDIO, 9)
    without = Pacer(100_000)
    for number in range(4):
        without.push(VIDEO, False, number)
    without.due(5.0)
    assert pacer.next_at is not None
    assert without.next_at is not None
    assert pacer.next_at - without.next_at == pytest.approx(120 * 8 / 100_000 / FACTOR)


def test_audio_never_waits_even_when_it_exceeds_the_line() -> None:
    pacer = Pacer(10_000)
    for index in range(500):
        pacer.push(AUDIO, True, index)
        assert [datagram.number for datagram in pacer.due(index * 0.02)] == [index]
    pacer.push(VIDEO, False)
    assert pacer.next_at is not None
    assert pacer.next_at <= 10.0 + HORIZON_S


def test_order_is_kept() -> None:
    pacer = Pacer(1_000_000)
    for number in range(30):
        pacer.push(VIDEO, False, number)
    assert [datagram.number for _, datagram in drain(pacer, 0.0, 2.0)] == list(range(30))


def test_a_queue_beyond_the_horizon_overflows_until_it_is_almost_gone() -> None:
    pacer = Pacer(240_000)
    for _ in range(10):
        pacer.push(VIDEO, False)
    assert pacer.wait_s == pytest.approx(0.4)
    assert not pacer.overflowing
    pacer.push(VIDEO, False)
    assert pacer.overflowing
    drain(pacer, 0.0, 0.2)
    assert 0.1 < pacer.wait_s < HORIZON_S
    assert pacer.overflowing
    drain(pacer, 0.2, 0.4)
    assert not pacer.overflowing


def test_a_bitrate_that_falls_makes_the_queue_overflow() -> None:
    pacer = Pacer(2_000_000)
    for _ in range(20):
        pacer.push(VIDEO, False)
    assert not pacer.overflowing
    pacer.bitrate = 300_000
    assert pacer.overflowing
    assert pacer.drop_video() == 20
    assert not pacer.overflowing
    assert pacer.next_at is None


def test_a_still_may_take_its_time() -> None:
    pacer = Pacer(80_000, horizon_s=5.0)
    for _ in range(30):
        assert pacer.push(VIDEO, False)
    assert not pacer.overflowing


def test_queues_are_bounded() -> None:
    pacer = Pacer(1e9)
    taken = sum(pacer.push(b"x", False) for _ in range(MOST_VIDEO + 500))
    assert taken == MOST_VIDEO
    assert pacer.overflowing
    slow = Pacer(100_000)
    taken = sum(slow.push(VIDEO, False) for _ in range(500))
    assert taken * len(VIDEO) * 8 / 100_000 <= 4 * HORIZON_S + 0.1
    for number in range(MOST_AUDIO + 50):
        slow.push(AUDIO, True, number)
    audio = [datagram.number for datagram in slow.due(0.0) if datagram.is_audio]
    assert audio == list(range(50, MOST_AUDIO + 50))


def test_a_probe_is_spread_at_its_own_rate_beside_the_queue() -> None:
    pacer = Pacer(100_000)
    pacer.spread([Datagram(bytes(250), False, number) for number in range(10)], 400_000, 1.0)
    assert pacer.next_at == 1.0
    gone = drain(pacer, 1.0, 2.0)
    assert [datagram.number for _, datagram in gone] == list(range(10))
    assert gone[-1][0] - 1.0 == pytest.approx(9 * 250 * 8 / 400_000, abs=0.01)


class StillsLine(SimulatedLine):
    """Audio and a still every five seconds, both through a pacer."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.pacer = Pacer(1_000_000, horizon_s=4.0)
        self._still_at = self.now + 5.0

    def _send(self, size: int, is_audio: bool = False) -> None:
        if is_audio:
            self.pacer.push(bytes(size), True)
        else:
            super()._send(size)  # padding of a probe has a schedule of its own

    def _step(self) -> None:
        super()._step()
        self.pacer.bitrate = self.estimate.bitrate
        if self.now >= self._still_at:
            self._still_at += 5.0
            for _ in range(10):
                self.pacer.push(VIDEO, False)
        for datagram in self.pacer.due(self.now):
            super()._send(len(datagram.data), datagram.is_audio)


@pytest.mark.parametrize("carries", [80e3, 120e3])
def test_stills_on_a_thin_line_do_not_delay_audio(carries: float) -> None:
    line = StillsLine(lambda _: carries, goal=500e3)
    line.run(40)
    rates = line.bitrates(10, 40)
    assert min(rates) >= 60e3
    assert max(rates) <= 1.1 * carries
    delays = sorted(delay for since, delay in line.late if since > 10)
    assert delays[len(delays) // 2] <= 0.08
    assert delays[len(delays) * 95 // 100] <= 0.25
    assert line.audio_lost == 0


def test_nothing_waits_in_an_empty_pacer() -> None:
    pacer = Pacer(100_000)
    assert pacer.next_at is None
    assert pacer.due(3.0) == []
    pacer.push(AUDIO, True)
    assert pacer.next_at is not None
    assert pacer.next_at <= 3.0
