"""A viewer who comes just after a key frame begins with it, instead of waiting for another."""

import pytest

from media import switching
from tests.media.test_forwarding import DELTA, KEY, OUT, VIEWER, Line, given_loop, media

MARKED = 0x80 | 96
fan_out = pytest.fixture(params=["python", "c"], autouse=True)(given_loop)


@pytest.fixture
def line() -> Line:
    """A publisher who has sent a key frame and two frames more while nobody watched."""
    line = Line()
    switching.aim(line.down, None)
    for sequence, payload in ((3, DELTA), (4, KEY), (5, DELTA), (6, DELTA)):
        line.publish(media(sequence, payload, kind=MARKED))
    switching.aim(line.down, line.layer)
    assert line.seen() == []
    line.told()
    return line


def replay(line: Line) -> bool:
    return line.feedback.resender.replay(line.down, line.layer, line.now)


def test_it_begins_with_the_key_frame_that_was_and_goes_on(line: Line) -> None:
    assert replay(line)
    line.publish(media(7, kind=MARKED))
    line.publish(media(8, kind=MARKED))
    packets = line.seen()
    assert [packet.payload for packet in packets] == [KEY, DELTA, DELTA, DELTA, DELTA]
    assert {packet.ssrc for packet in packets} == {OUT}
    first = packets[0]
    assert [packet.sequence_number - first.sequence_number & 0xFFFF for packet in packets] == [0, 1, 2, 3, 4]
    assert [packet.timestamp - first.timestamp & 0xFFFFFFFF for packet in packets] == [0, 3_000, 6_000, 9_000, 12_000]
    assert line.told() == []  # no key frame was asked for


def test_what_was_replayed_can_be_asked_for_again(line: Line) -> None:
    assert replay(line)
    before = line.inbox[VIEWER][1]
    lost = line.seen()[1]
    assert line.feedback.resender.repeat(line.down, lost.sequence_number, line.now)
    assert line.inbox[VIEWER] == [before]


def test_a_hole_in_it_needs_another_key_frame(line: Line) -> None:
    line.publish(media(8, kind=MARKED))
    assert not replay(line)
    assert line.seen() == []


def test_an_old_one_is_not_shown(line: Line) -> None:
    for sequence in range(7, 4 + 22):
        line.publish(media(sequence, kind=MARKED))
    assert replay(line) is False


def test_nor_one_of_a_picture_that_stands(line: Line) -> None:
    line.now += 0.8
    assert replay(line) is False


def test_too_much_of_it_is_not_sent(line: Line) -> None:
    line.publish(media(7, KEY, kind=MARKED))
    for sequence in range(8, 8 + 96):
        line.publish(media(sequence, kind=MARKED)[:4] + media(8)[4:])  # of one instant
    assert replay(line) is False


def test_a_viewer_who_has_seen_pictures_is_switched_as_ever(line: Line) -> None:
    assert replay(line)
    switching.aim(line.down, None)
    line.publish(media(7, KEY, kind=MARKED))
    switching.aim(line.down, line.layer)
    assert not replay(line)


def test_payloads_are_kept_for_a_second_and_no_longer(line: Line) -> None:
    for sequence in range(7, 70):
        line.publish(media(sequence, kind=MARKED))
        line.tick()
    kept = [one[0] for one in line.layer.history if one is not None and one[3]]
    assert (min(kept), max(kept)) == (39, 69)  # a thirtieth of a second each
    assert len([one for one in line.layer.history if one is not None]) == 67


def test_little_more_is_kept_when_numbers_leap(line: Line) -> None:
    for sequence in range(30_000, 30_100):
        line.publish(media(sequence, kind=MARKED))
        line.tick()
    assert max(one[0] for one in line.layer.history if one is not None and one[3]) == 30_099
    assert 25 < len([one for one in line.layer.history if one is not None and one[3]]) < 40
