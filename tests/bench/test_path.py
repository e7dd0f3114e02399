"""One direction of the benches' bad line, in a time of the test's own."""

import pytest

from bench.path import OVERHEAD, Conditions, Fate, Path


def _path(conditions: Conditions) -> Path[int]:
    path: Path[int] = Path("a seed")
    path.shape(conditions, 0.0)
    return path


def _arrivals(path: Path[int]) -> list[tuple[float, int]]:
    found = []
    while (at := path.next_at) is not None:
        found += [(at, packet) for packet in path.due(at)]
    return found


def test_the_share_that_is_lost_is_the_one_asked_for() -> None:
    path = _path(Conditions(loss=0.05))
    fates = [path.offer(number, 100, number / 1_000) for number in range(20_000)]
    assert fates.count(Fate.LOST) / len(fates) == pytest.approx(0.05, abs=0.005)
    assert len(path.due(100.0)) == fates.count(Fate.PASSED)


def test_equal_seeds_lose_equal_packets() -> None:
    one, other = (_path(Conditions(loss=0.2)) for _ in range(2))
    assert [one.offer(n, 1, 0.0) for n in range(500)] == [other.offer(n, 1, 0.0) for n in range(500)]


def test_each_packet_arrives_after_the_delay() -> None:
    path = _path(Conditions(delay_ms=40))
    for number in range(3):
        path.offer(number, 100, number * 0.01)
    assert path.due(0.0399) == []
    arrivals = _arrivals(path)
    assert [packet for _, packet in arrivals] == [0, 1, 2]
    assert [at for at, _ in arrivals] == pytest.approx([0.04, 0.05, 0.06])


def test_jitter_stays_in_its_bounds_and_keeps_the_order() -> None:
    path = _path(Conditions(delay_ms=40, jitter_ms=20))
    for number in range(500):
        path.offer(number, 100, number * 0.005)
    arrivals = _arrivals(path)
    assert [packet for _, packet in arrivals] == list(range(500))
    delays = [at - packet * 0.005 for at, packet in arrivals]
    assert min(delays) >= 0.04 - 1e-9
    assert max(delays) <= 0.06 + 1e-9
    assert max(delays) - min(delays) > 0.015


def test_a_pipe_passes_its_rate_and_drops_what_its_queue_cannot_hold() -> None:
    path = _path(Conditions(rate_kbps=300, queue_ms=300))
    passed, arrived = 0, []
    for number in range(1_000):  # 2 s at 4 Mbit/s
        now = number * 0.002
        passed += path.offer(number, 1_000 - OVERHEAD, now) is Fate.PASSED
        arrived += path.due(now)
    assert len(arrived) * 8 / 2 == pytest.approx(300, rel=0.02)
    last, _ = _arrivals(path)[-1]
    assert 0.25 < last - 1.998 <= 0.3
    assert passed == len(arrived) + 11  # the queue of 300 ms holds 11 packets of 8,000 bits


def test_a_change_of_rate_holds_for_what_waits_already() -> None:
    path = _path(Conditions(rate_kbps=800, queue_ms=1_000))
    for number in range(10):
        path.offer(number, 1_000 - OVERHEAD, 0.0)  # 10 ms each
    assert len(path.due(0.0201)) == 2
    path.shape(Conditions(rate_kbps=80), 0.0201)
    assert [round(at, 3) for at, _ in _arrivals(path)][:2] == [0.12, 0.22]


def test_without_a_pipe_the_queue_is_let_go_at_once() -> None:
    path = _path(Conditions(rate_kbps=80, queue_ms=1_000))
    for number in range(5):
        path.offer(number, 1_000, 0.0)
    path.shape(Conditions(), 0.05)
    assert path.due(0.05) == list(range(5))
