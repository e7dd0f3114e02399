"""Transport-wide feedback: what was noted is what is read, and nothing that anybody sends harms the reader."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media import rtcp
from media.transport_feedback import MOST_NOTES, MOST_STATUSES, Arrivals, read

Report = dict[int, float | None]


def told(arrivals: Arrivals) -> list[list[tuple[int, float | None]]]:
    """The reports that a publisher would read, one for each packet."""
    reports = []
    for data in arrivals.packets(1, 2):
        (packet,) = rtcp.walk(data, len(data))
        assert (packet.kind, packet.count, packet.end) == (rtcp.TRANSPORT_FEEDBACK, 15, len(data))
        assert len(data) <= 1_200
        assert rtcp.media_source(data, packet) == 2
        reports.append(read(data, packet))
        assert reports[-1]
    return reports


def merged(reports: list[list[tuple[int, float | None]]]) -> Report:
    return {number: arrival for report in reports for number, arrival in report}


def test_what_arrived_in_order_is_told_to_a_quarter_of_a_millisecond() -> None:
    arrivals = Arrivals()
    for index in range(300):
        arrivals.note(index, 1_000 + index * 0.0071)
    report = merged(told(arrivals))
    assert list(report) == list(range(300))
    for index, arrival in report.items():
        assert arrival is not None
        assert 0 <= 1_000 + index * 0.0071 - arrival < 0.000_26
    assert arrivals.packets(1, 2) == []


def test_the_layout_is_that_of_the_draft() -> None:
    arrivals = Arrivals()
    arrivals.note(0x1234, 6.4)  # 100 x 64 ms
    arrivals.note(0x1235, 6.4025)
    arrivals.note(0x1237, 6.7025)
    (data,) = arrivals.packets(0xAABBCCDD, 0x11223344)
    # Two bits a status, since one of the deltas is large; then 0, 10 and 1,200 quarters of a millisecond.
    assert data.hex() == "8fcd0006aabbccdd112233441234000400006400d480000a04b00000"


def test_a_feedback_of_another_implementation_is_read() -> None:
    # Written by hand after the draft's figures: a run of two small, a vector of one bit, a vector of two bits.
    chunks = struct.pack("!HHH", 0x2002, 0x8000 | 0b10100000000001, 0xC000 | 0b10_00_01_00_00_00_00)
    deltas = bytes((4, 8)) + bytes((1, 1, 1)) + struct.pack("!hB", -4, 12)
    body = struct.pack("!HHL", 65_530, 23, (0xFFFFFF << 8) | 7) + chunks + deltas
    body += bytes(-len(body) % 4)
    data = struct.pack("!BBHLL", 0x8F, 205, 2 + len(body) // 4, 1, 2) + body
    (packet,) = rtcp.walk(data, len(data))
    base = 0xFFFFFF * 0.064
    expected: list[float | None] = [None] * 23
    for place, quarters in ((0, 4), (1, 12), (2, 13), (4, 14), (15, 15), (16, 11), (18, 23)):
        expected[place] = base + quarters / 4_000
    assert expected == [None if at is None else pytest.approx(at, abs=1e-6) for _, at in read(data, packet)]
    assert [number for number, _ in read(data, packet)] == [65_530 + place & 0xFFFF for place in range(23)]


def test_losses_between_two_feedbacks_are_told() -> None:
    arrivals = Arrivals()
    arrivals.note(10, 1.0)
    assert merged(told(arrivals)).keys() == {10}
    arrivals.note(14, 1.1)
    report = merged(told(arrivals))
    assert [report[number] is None for number in (11, 12, 13, 14)] == [True, True, True, False]


def test_a_late_packet_is_told_with_its_neighbours() -> None:
    arrivals = Arrivals()
    for number in (65_534, 65_535, 1, 2):
        arrivals.note(number, 1.0 + (number & 7) / 100)
    assert merged(told(arrivals))[0] is None
    arrivals.note(0, 1.2)
    arrivals.note(3, 1.21)
    report = merged(told(arrivals))
    assert list(report) == [0, 1, 2, 3]
    assert None not in report.values()


def test_a_packet_twice_counts_when_it_came_first() -> None:
    arrivals = Arrivals()
    arrivals.note(5, 1.0)
    arrivals.note(5, 1.5)
    arrivals.note(6, 1.25)
    assert merged(told(arrivals)) == {5: 1.0, 6: 1.25}
    arrivals.note(6, 1.75)
    assert all(arrival != 1.75 for arrival in merged(told(arrivals)).values())


def test_numbers_in_a_row_may_have_come_out_of_it() -> None:
    for times in ([2.0, 1.99, 2.0], [2.0, 1.99, 2.25, 1.5]):
        arrivals = Arrivals()
        for number, now in enumerate(times):
            arrivals.note(number, now)
        report = merged(told(arrivals))
        assert list(report) == list(range(len(times)))
        assert list(report.values()) == pytest.approx(times, abs=0.000_26)


def test_a_claim_of_many_losses_is_not_read() -> None:
    def claimed(count: int) -> int:
        return len(fed(struct.pack("!LLHHLHH", 1, 2, 3, count, 4 << 8, count & 0x1FFF, 0)))

    assert claimed(MOST_STATUSES) == MOST_STATUSES
    assert claimed(MOST_STATUSES + 1) == 0


def test_a_long_silence_needs_a_packet_of_its_own() -> None:
    arrivals = Arrivals()
    arrivals.note(1, 10.0)
    arrivals.note(2, 20.0)
    first, second = told(arrivals)
    assert first == [(1, 10.0)]
    assert second == [(2, 20.0)]


def test_many_arrivals_take_several_packets() -> None:
    arrivals = Arrivals()
    for index in range(1_500):
        arrivals.note(index + 65_000 & 0xFFFF, 50 + index * 0.1)
    reports = told(arrivals)
    assert len(reports) >= 4
    assert [number for report in reports for number, _ in report] == [index + 65_000 & 0xFFFF for index in range(1_500)]


def test_a_flood_is_bounded_and_what_it_pushed_out_is_not_called_lost() -> None:
    arrivals = Arrivals()
    arrivals.note(0, 1.0)
    told(arrivals)
    for index in range(10_000):
        arrivals.note(index & 0xFFFF, 2 + index * 0.000_1)
    report = merged(told(arrivals))
    assert len(report) == MOST_NOTES
    assert None not in report.values()


def test_numbers_that_jump_cost_no_more_than_others() -> None:
    arrivals = Arrivals()
    for index in range(MOST_NOTES - 1):
        arrivals.note(index * 997 & 0xFFFF, 1 + index / 1_000)
    assert sum(map(len, told(arrivals))) <= 2_000


def test_losses_at_the_very_end_wait_for_the_next_packet() -> None:
    arrivals = Arrivals()
    arrivals.note(1, 1.0)
    assert merged(told(arrivals)) == {1: 1.0}
    assert told(arrivals) == []


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 0xFFFF),
    st.integers(0, 2**32),
    st.floats(0, 0.4),
    st.floats(0, 0.5),
    st.sampled_from([0.0, 0.3, 20.0]),
)
def test_any_stream_is_told_as_it_came(first: int, seed: int, loss: float, disorder: float, pause: float) -> None:
    chance = random.Random(seed)
    arrivals, report, expected = Arrivals(), Report(), dict[int, float]()
    now = chance.uniform(0, 100_000)
    sent = []
    for index in range(600):
        now += chance.expovariate(200) + (pause if chance.random() < 0.01 else 0)
        if chance.random() >= loss:
            sent.append((now + (chance.uniform(0, 0.05) if chance.random() < disorder else 0), first + index & 0xFFFF))
    sent.sort()
    for at, number in sent:
        arrivals.note(number, at)
        expected[number] = at
        if chance.random() < 0.05:
            report.update(merged(told(arrivals)))
    report.update(merged(told(arrivals)))
    assert {number for number, arrival in report.items() if arrival is not None} == set(expected)
    clock = now - now % ((1 << 24) * 0.064)
    for number, at in expected.items():
        arrival = report[number]
        assert arrival is not None
        assert abs(clock + arrival - at) < 0.000_26


def fed(rest: bytes) -> list[tuple[int, float | None]]:
    data = struct.pack("!BBH", 0x8F, 205, len(rest) // 4) + rest
    return [row for packet in rtcp.walk(data, len(data)) for row in read(data, packet)]


@settings(max_examples=1_000, deadline=None)
@given(st.binary(max_size=300))
def test_any_octets_are_read_without_error(rest: bytes) -> None:
    assert len(fed(rest)) <= MOST_STATUSES


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 0xFFFF), st.lists(st.integers(0, 0xFFFF), max_size=40), st.binary(max_size=80))
def test_any_chunks_and_deltas_are_read_without_error(count: int, chunks: list[int], deltas: bytes) -> None:
    body = (
        struct.pack("!LLHHL", 1, 2, 3, count, 4 << 8) + b"".join(chunk.to_bytes(2, "big") for chunk in chunks) + deltas
    )
    report = fed(body)
    assert len(report) in (0, count)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_feedback_is_read_without_error(data: st.DataObject) -> None:
    arrivals = Arrivals()
    for number in data.draw(st.lists(st.integers(0, 300), min_size=1, max_size=60)):
        arrivals.note(number, data.draw(st.floats(1, 9)))
    for written in arrivals.packets(1, 2):
        damaged = bytearray(written)
        for _ in range(data.draw(st.integers(1, 4))):
            damaged[data.draw(st.integers(12, len(damaged) - 1))] = data.draw(st.integers(0, 255))
        whole = bytes(damaged[: data.draw(st.integers(4, len(damaged)))])
        for packet in rtcp.walk(whole, len(whole)):
            assert len(read(whole, packet)) <= MOST_STATUSES
