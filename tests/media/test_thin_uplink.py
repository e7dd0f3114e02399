"""A publisher's line grows thin: what helps no picture is not asked for again, and pictures that stand are seen to."""

import random

import pytest
from aiortc import rtp

from media import rtcp, switching
from media.coming import comes, look
from media.publisher import Publisher
from media.tracks import UpLayer
from tests.media.test_forwarding import DELTA, KEY, MEDIA, OUT, REPAIR, Line, fan_out, media
from tests.media.test_viewing import Stage

__all__ = ["fan_out"]
MARKED = 0x80 | 96


@pytest.fixture
def line() -> Line:
    line = Line()
    line.publish(media(0, KEY))
    line.seen()
    line.told()
    return line


def asked(line: Line) -> tuple[list[int], int]:
    """Numbers that the publisher has been asked for since the last look, and how often for a key frame."""
    told = line.told()
    numbers = [number for packet in told if isinstance(packet, rtp.RtcpRtpfbPacket) for number in packet.lost]
    return numbers, sum(isinstance(packet, rtp.RtcpPsfbPacket) for packet in told)


def send(line: Line, first: int, count: int, loss: float, *, late_s: float = 0.0) -> None:
    """Frames of one packet each, thirty a second; the line loses some, and delays what it carries."""
    chance = random.Random(first)
    for number in range(first, first + count):
        line.now = 100.0 + number / 30 + late_s
        if chance.random() >= loss:
            line.publish(media(number, kind=MARKED))
        line.feedback.repair.tick(line.now)


def test_a_full_line_is_asked_for_no_repairs(line: Line) -> None:
    send(line, 1, 30, 0.0)
    send(line, 31, 16, 0.75, late_s=0.3)
    asked(line)
    send(line, 47, 60, 0.75, late_s=0.3)
    assert asked(line) == ([], 0)
    assert not line.layer.asked
    assert line.layer.stands_since < line.now


def test_when_it_has_emptied_a_key_frame_is_asked_for_and_repairs_again(line: Line) -> None:
    send(line, 1, 30, 0.0)
    send(line, 31, 40, 0.75, late_s=0.3)
    assert asked(line)[1] == 0
    send(line, 71, 40, 0.0)
    assert asked(line) == ([], 1)
    line.publish(media(113, kind=MARKED))
    assert asked(line)[0] == [111, 112]


def test_a_late_line_carries_one_key_frame_at_a_time(line: Line) -> None:
    smaller = UpLayer(line.up, "s")
    smaller.ssrc = MEDIA + 50
    line.up.layers.insert(0, smaller)
    send(line, 1, 30, 0.0)
    times: list[float] = []
    for number in range(31, 91):
        send(line, number, 1, 0.0, late_s=0.3)
        line.feedback.repair.ask_key_frame(smaller if number % 2 else line.layer, line.now)
        times += [line.now] * asked(line)[1]
    assert len(times) == 2, "in two seconds, whichever layer it is of"
    assert times[1] - times[0] >= 1.0


@pytest.mark.parametrize("loss", [0.2, 0.5])
def test_a_line_that_loses_by_chance_is_always_repaired(line: Line, loss: float) -> None:
    for number in range(20):
        send(line, 1 + 100 * number, 100, loss)
        assert not line.layer.overflows


def test_what_an_outage_took_is_asked_for(line: Line) -> None:
    send(line, 1, 20, 0.0)
    line.now = 100.0 + 61 / 30
    line.publish(media(61, kind=MARKED))
    assert asked(line)[0] == list(range(21, 61))


def test_a_viewer_on_the_way_down_gets_the_smaller_layers_key_frame() -> None:
    line = Line()
    line.publish(media(0, KEY))
    line.told()
    smaller = UpLayer(line.up, "s")
    smaller.ssrc = MEDIA + 50
    line.up.layers.insert(0, smaller)
    switching.aim(line.down, smaller)
    line.tell(line.viewer_end, line.viewer, rtcp.write_picture_loss(1, OUT))
    (told,) = line.told()
    assert isinstance(told, rtp.RtcpPsfbPacket)
    assert told.media_ssrc == MEDIA + 50


def test_a_layer_that_its_line_drops_is_left_at_once_for_a_smaller_one_and_rests(line: Line) -> None:
    smaller = UpLayer(line.up, "s")
    line.up.layers.insert(0, smaller)
    publisher = Publisher.__new__(Publisher)
    publisher._connection = line.publisher
    send(line, 1, 30, 0.0)
    assert publisher.watch(line.up, {0, 1}, line.now) is None
    assert comes(line.layer, line.now)
    send(line, 31, 16, 0.75, late_s=0.3)
    assert not comes(line.layer, line.now)
    assert line.viewer.hurried, "its viewers wait for no usual look"
    assert publisher.hurried()
    assert not publisher.hurried()
    dropped_at = line.now
    assert publisher.watch(line.up, {0, 1}, dropped_at) == ("s",)
    assert publisher.watch(line.up, {0, 1}, dropped_at + 1) is None
    switching.aim(line.down, smaller)
    line.feedback.repair.tick(line.now)
    assert not comes(line.layer, line.now), "nobody waits for it any more, but it comes no better"
    assert publisher.watch(line.up, {0, 1}, dropped_at + 4) == ("s", "")
    line.now += 4
    line.publish(media(200, kind=MARKED))
    assert comes(line.layer, line.now), "what comes after a silence is a new beginning"


def test_a_picture_that_stood_and_was_let_go_is_not_back_at_once(line: Line) -> None:
    number = moving(line.layer, line, 4, 30, 1)
    line.publish(media(number + 1, kind=MARKED))
    for later in range(number + 2, number + 60):
        line.now += 0.03
        line.publish(media(later, kind=MARKED))
    assert not comes(line.layer, line.now)
    switching.aim(line.down, None)
    line.feedback.repair.tick(line.now)
    assert line.layer.stands_since > line.now, "nothing of it is waited for any more"
    assert not comes(line.layer, line.now)


def test_what_nobody_watches_is_not_asked_for(line: Line) -> None:
    switching.aim(line.down, None)
    line.publish(media(1))
    line.publish(media(4))
    assert asked(line)[0] == []


def test_nor_what_all_its_viewers_leave_for_something_smaller() -> None:
    stage = Stage()
    stage.run(1)
    small, large = stage.up.layers[0], stage.up.layers[2]
    assert large.downs
    assert large.watched
    switching.aim(stage.down, small)
    assert not large.watched
    assert small.watched


def test_a_repair_is_no_sign_that_pictures_come(line: Line) -> None:
    line.publish(media(1, kind=MARKED))
    before = line.layer.frame_at
    line.publish(media(3, kind=MARKED))
    seen_at = line.layer.frame_at
    assert seen_at >= before
    line.now += 1
    line.publish(media(9, (2).to_bytes(2, "big") + DELTA, ssrc=REPAIR, kind=0x80 | 97))
    assert line.layer.frame_at == seen_at
    assert MEDIA in line.publisher.ups


def test_a_picture_that_waits_for_a_packet_does_not_come(line: Line) -> None:
    for number in range(1, 20):
        line.now += 0.03
        line.publish(media(number, kind=MARKED))
    line.publish(media(21, kind=MARKED))
    for number in range(22, 90):
        assert comes(line.layer, line.now) == (line.now - line.layer.stands_since < 1.5)
        line.now += 0.03
        line.publish(media(number, kind=MARKED))
    assert not comes(line.layer, line.now)
    line.publish(media(9, (20).to_bytes(2, "big") + DELTA, ssrc=REPAIR, kind=97))
    assert comes(line.layer, line.now)


def moving(layer: UpLayer, line: Line, seconds: float, rate: float, first: int) -> int:
    """Whole frames at that rate, with the looks and reports that come with time; the next number."""
    until, due = line.now + seconds, line.now
    while line.now < until:
        line.now += 0.01
        if line.now >= due:
            due += 1 / rate
            line.publish(media(first, kind=MARKED))
            first += 1
        if round(line.now * 100) % 30 == 0:
            look(layer, line.now)
        if round(line.now * 100) % 100 == 0:
            line.feedback.report(line.publisher, line.now)
    return first


def test_a_camera_that_stops_is_never_taken_for_stills(line: Line) -> None:
    moving(line.layer, line, 4, 30, 1)
    assert comes(line.layer, line.now)
    stopped = line.now
    for _ in range(60):
        line.now += 0.1
        look(line.layer, line.now)
        if round((line.now - stopped) * 10) % 10 == 0:
            line.feedback.report(line.publisher, line.now)
        assert comes(line.layer, line.now) == (line.now - line.layer.frame_at < 1.5)


def test_stills_are_seen_to_come(line: Line) -> None:
    number = moving(line.layer, line, 4, 30, 1)
    moving(line.layer, line, 15, 1 / 3, number)
    assert 0 < line.layer.frame_rate < 1
    assert comes(line.layer, line.now)


def test_pictures_that_stood_are_back_when_they_move_for_a_second(line: Line) -> None:
    number = moving(line.layer, line, 4, 30, 1)
    line.now += 3
    look(line.layer, line.now)
    assert not comes(line.layer, line.now)
    line.feedback.report(line.publisher, line.now)
    number = moving(line.layer, line, 0.5, 30, number)
    assert not comes(line.layer, line.now)
    moving(line.layer, line, 2, 30, number)
    assert comes(line.layer, line.now)
