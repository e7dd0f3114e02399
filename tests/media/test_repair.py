"""What a viewer misses on a line that loses packets of its own is repeated twice: a lost repair must not wait for the
next question."""

import pytest

from media import rtcp
from media.repair import TWICE_LOSS, TWICE_S
from media.tracks import DownTrack
from tests.media.simulated_line import SimulatedLine
from tests.media.test_forwarding import DELTA, KEY, OUT, VIEWER, Line, media


@pytest.fixture
def line() -> Line:
    """A viewer who takes repairs by a stream of their own, and has seen two pictures."""
    line = Line()
    line.down = DownTrack(line.up, line.viewer, OUT, 96, "1", repair=(OUT + 1, 97))
    line.viewer.downs[OUT] = line.down
    line.layer.awaiting = (line.down,)
    line.viewer.numbered = True
    line.publish(media(0, KEY))
    line.publish(media(1))
    line.seen()
    return line


def repairs(line: Line) -> list[int]:
    """The numbers that were repeated since the last look."""
    return [int.from_bytes(packet.payload[:2], "big") for packet in line.seen() if packet.ssrc == OUT + 1]


def ask(line: Line, number: int) -> None:
    line.tell(line.viewer_end, line.viewer, rtcp.write_nack(1, OUT, [number]))


def lose(line: Line, share: float) -> None:
    """The viewer's line loses this share of packets for some seconds, and the estimate learns it."""
    SimulatedLine(lambda _: 5e6, lambda _: 5e5, loss=share, estimate=line.viewer.estimate).run(8)


def test_a_line_without_losses_gets_a_packet_once(line: Line) -> None:
    number = 1 + line.down.sequence_offset & 0xFFFF
    ask(line, number)
    assert repairs(line) == [number]
    line.now += 2 * TWICE_S
    line.feedback.repair.tick(line.now)
    assert repairs(line) == []


def test_one_with_losses_of_its_own_gets_it_again_a_little_later(line: Line) -> None:
    lose(line, 0.05)
    assert line.viewer.estimate.own_loss > TWICE_LOSS
    number = 1 + line.down.sequence_offset & 0xFFFF
    ask(line, number)
    assert repairs(line) == [number]
    line.feedback.repair.tick(line.now + TWICE_S / 2)
    assert repairs(line) == []
    line.feedback.repair.tick(line.now + 1.1 * TWICE_S)
    assert repairs(line) == [number]
    line.feedback.repair.tick(line.now + 1)
    assert repairs(line) == []


def test_the_second_costs_the_viewers_budget_too(line: Line) -> None:
    lose(line, 0.05)
    before = line.viewer.repair_budget
    ask(line, 1 + line.down.sequence_offset & 0xFFFF)
    assert before - line.viewer.repair_budget >= 2 * len(DELTA)


def test_who_has_gone_gets_nothing_more(line: Line) -> None:
    lose(line, 0.05)
    ask(line, 1 + line.down.sequence_offset & 0xFFFF)
    line.inbox[VIEWER].clear()
    line.viewer.srtp = None
    line.feedback.repair.tick(line.now + 1)
    assert line.inbox[VIEWER] == []
