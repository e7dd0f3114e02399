"""Reports that a calm line has no need of are let pass unopened; what stands beside one is read."""

import pytest

from media import rtcp
from media.bandwidth import SendSideEstimate
from media.transport_feedback import Arrivals
from tests.media.test_forwarding import Line


class Calm(SendSideEstimate):
    """Of a line whose next report need not be read."""

    __slots__ = ("reports",)

    def __init__(self) -> None:
        super().__init__()
        self.reports = 0

    def rests(self, now: float) -> bool:
        del now
        return True

    def feedback(self, report: object, now: float) -> None:
        self.reports += 1


@pytest.fixture
def line() -> Line:
    line = Line()
    line.viewer.numbered, line.viewer.estimate = True, Calm()
    line.feedback.tick(line.viewer, line.now)
    line.now += 0.01
    return line


def report() -> bytes:
    arrivals = Arrivals()
    arrivals.note(1, 100.0)
    (packet,) = arrivals.packets(7, 1)
    return packet


def heard(line: Line, packet: bytes) -> bool:
    """Whether an authentic RTCP packet of the viewer was opened."""
    line.tell(line.viewer_end, line.viewer, packet)
    return line.viewer.heard_at == line.now


def test_a_report_alone_is_not_opened(line: Line) -> None:
    assert not heard(line, report())


def test_one_with_something_behind_it_is(line: Line) -> None:
    assert heard(line, report() + rtcp.write_receiver_report(7, []))


def test_so_is_every_report_of_a_line_that_does_not_rest(line: Line) -> None:
    line.viewer.estimate = SendSideEstimate()
    assert heard(line, report())
