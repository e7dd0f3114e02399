"""What a page's own counters (`getStats`) say of a stretch of a call: sound made up, freezes, bitrates."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from bench.call import Seen
from bench.frames import freezes_ms

_ADAPTED = 0.75
"""Video adapts when it moves on with less than this share of its bitrate before the loss."""


def _between(
    seen: Seen, kind: str, begin: float, end: float, report_type: str = "inbound-rtp"
) -> list[dict[str, float]]:
    """Sums of what a page counted of one kind of media, from the last sample before `begin` to `end`."""
    sums: list[dict[str, float]] = []
    for at, reports in seen.samples:
        if at > end:
            break
        total: dict[str, float] = {"at": at}
        for report in reports:
            if report["type"] == report_type and report["kind"] == kind:
                for name, value in report.items():
                    if isinstance(value, int | float) and not isinstance(value, bool):
                        total[name] = total.get(name, 0) + value
        if at <= begin:
            sums = []
        sums.append(total)
    return sums


def _grown(sums: Sequence[dict[str, float]], name: str) -> float:
    return sums[-1].get(name, 0) - sums[0].get(name, 0) if sums else 0.0


def concealed(seen: Seen, begin: float, end: float) -> float:
    """Share of the sound that the viewer's browser had to make up."""
    sums = _between(seen, "audio", begin, end)
    played = _grown(sums, "totalSamplesReceived")
    return _grown(sums, "concealedSamples") / played if played else 1.0


def camera_fps(sent: Seen, begin: float, end: float) -> float:
    """Pictures taken from the camera each second, while it was in use: for stills it is put aside in between."""
    sums = _between(sent, "video", begin, end, "media-source")
    pairs = [(one, other) for one, other in pairwise(sums) if 0 < one.get("frames", 0) < other.get("frames", 0)]
    seconds = sum(other["at"] - one["at"] for one, other in pairs)
    return sum(other["frames"] - one["frames"] for one, other in pairs) / seconds if seconds else 0.0


def longest_freeze_ms(seen: Seen, begin: float, end: float) -> float:
    """By the frames on the screen, and not less than the browser's own freezes last on average."""
    longest = max(freezes_ms(seen.shown, begin, end))
    sums = _between(seen, "video", begin, end)
    count = _grown(sums, "freezeCount")
    return max(longest, _grown(sums, "totalFreezesDuration") / count * 1_000 if count else 0.0)


def adapts(seen: Seen, begin: float, end: float) -> bool:
    """Whether video needs less than before and its picture still comes, in the second half of the time."""
    middle = (begin + end) / 2
    before = _rate(_between(seen, "video", begin - 5, begin))
    after = _rate(_between(seen, "video", middle, end))
    moves = sum(middle <= frame.at <= end for frame in seen.shown) >= (end - middle) / 10
    return moves and after < _ADAPTED * before


def _rate(sums: Sequence[dict[str, float]]) -> float:
    return _grown(sums, "bytesReceived") / max(1e-3, sums[-1]["at"] - sums[0]["at"]) if sums else 0.0
