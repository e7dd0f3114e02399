"""Judging a stretch of a call from a page's own counters."""

from typing import Any

import pytest

from bench.call import Seen
from bench.counters import adapts, camera_fps, concealed, longest_freeze_ms
from bench.frames import Shown


def _seen(kind: str, report_type: str, rows: list[dict[str, Any]], shown: list[Shown] | None = None) -> Seen:
    """A sample each second."""
    reports = [(float(at), [{"type": report_type, "kind": kind, **row}]) for at, row in enumerate(rows)]
    return Seen([], shown or [], reports)


def test_sound_made_up_counts_from_the_sample_before() -> None:
    rows = [{"concealedSamples": 480 * n * n, "totalSamplesReceived": 48_000 * n} for n in range(6)]
    seen = _seen("audio", "inbound-rtp", rows)
    assert concealed(seen, 2.5, 4.5) == pytest.approx(480 * (16 - 4) / 96_000)
    assert concealed(_seen("audio", "inbound-rtp", []), 0, 9) == 1.0


def test_the_cameras_rate_leaves_out_when_it_was_put_aside() -> None:
    rows = [{"frames": 30}, {"frames": 60}, {}, {"frames": 5}, {"frames": 35}]
    assert camera_fps(_seen("video", "media-source", rows), 0, 9) == pytest.approx(30)


def test_a_freeze_that_the_screen_did_not_tell_is_taken_from_the_browser() -> None:
    shown = [Shown(n / 30, 360) for n in range(120)]
    rows: list[dict[str, Any]] = [{"freezeCount": 0, "totalFreezesDuration": 0.0}] * 3
    rows += [{"freezeCount": 2, "totalFreezesDuration": 0.8}]
    assert longest_freeze_ms(_seen("video", "inbound-rtp", rows, shown), 0, 4) == pytest.approx(400)


def test_video_adapts_when_less_comes_and_it_still_moves() -> None:
    shown = [Shown(n / 10, 360) for n in range(300)]
    total, rows = 0, []
    for second in range(31):
        rows.append({"bytesReceived": total})
        total += 150_000 if second < 12 else 60_000
    assert adapts(_seen("video", "inbound-rtp", rows, shown), 10, 30)
    assert not adapts(_seen("video", "inbound-rtp", rows, shown[:150]), 10, 30)
    steady = [{"bytesReceived": 150_000 * second} for second in range(31)]
    assert not adapts(_seen("video", "inbound-rtp", steady, shown), 10, 30)
