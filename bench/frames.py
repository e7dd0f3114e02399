"""What a viewer saw, judged from the frames themselves: freezes, repairs, and the rung of the ladder at each moment.

Pure: times are seconds of any one clock.
"""

from __future__ import annotations

import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from media.api import Rung

STILL_S = 0.7
"""A picture that stands longer than this no longer moves."""
SILENT_S = 15.0
"""A picture that stands longer than this is none: stills come more often."""
HOLD_S = 2.0
"""A rung counts as reached when it holds for this long."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A decoded frame on the viewer's screen."""

    at: float
    height: int


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encoded frame, as it leaves the publisher's encoder or reaches the viewer's decoder."""

    at: float
    ssrc: int
    timestamp: int
    """Of RTP, as on the wire."""
    mark: int
    """A hash of the content, which no server changes: the same frame bears it at both ends."""


@dataclass(frozen=True, slots=True)
class Step:
    """From `at` on the rung is this one."""

    at: float
    rung: Rung


def freezes_ms(shown: Sequence[Shown], begin: float, end: float) -> list[float]:
    """How much longer than a frame's usual time each picture stood, in ms, the last one until `end`."""
    moments = [frame.at for frame in shown if begin <= frame.at <= end]
    if len(moments) < 2:
        return [(end - begin) * 1_000]
    gaps = [after - before for before, after in zip(moments, [*moments[1:], end], strict=True)]
    usual = statistics.median(gaps)
    return [max(0.0, gap - usual) * 1_000 for gap in [moments[0] - begin, *gaps]]


def repaired(lost: Iterable[tuple[int, int]], sent: Sequence[Encoded], received: Sequence[Encoded]) -> tuple[int, int]:
    """Of the packets lost before the server, given as (SSRC, timestamp): how many mattered, how many were mended.

    A packet matters when it belongs to the layer that the viewer got before and after it. It was mended when its
    frame reached the decoder, which takes whole frames only.
    """
    marks = {frame.mark for frame in received}
    arrived = [frame for frame in sent if frame.mark in marks]
    times = [frame.at for frame in arrived]
    frames = {(frame.ssrc, frame.timestamp): frame for frame in sent}
    mattered = good = 0
    for key in lost:
        frame = frames.get(key)
        if frame is None:
            continue  # a repeated packet or padding: no frame begins with it
        if frame.mark in marks:
            mattered += 1
            good += 1
            continue
        before, after = bisect_left(times, frame.at) - 1, bisect_right(times, frame.at)
        if before >= 0 and after < len(arrived) and arrived[before].ssrc == arrived[after].ssrc == frame.ssrc:
            mattered += 1
    return mattered, good


def delivered(lost: Iterable[tuple[int, int]], received: Sequence[Encoded]) -> tuple[int, int]:
    """The same for packets lost behind the server, whose SSRC and timestamp are the viewer's own."""
    frames = {(frame.ssrc, frame.timestamp) for frame in received}
    watched = {frame.ssrc for frame in received}
    found = [key in frames for key in lost if key[0] in watched]
    return len(found), sum(found)


def rungs_seen(shown: Sequence[Shown], best: int, end: float) -> list[Step]:
    """The ladder by what was on the screen; `best` is the height of the publisher's best layer."""
    steps: list[Step] = []
    for place, frame in enumerate(shown):
        until = shown[place + 1].at if place + 1 < len(shown) else end
        stood = until - frame.at
        if stood >= SILENT_S:
            rung = Rung.AUDIO
        elif stood >= STILL_S:
            rung = Rung.STILLS
        else:
            rung = Rung.HD if frame.height > 0.75 * best else Rung.REDUCED if frame.height > 0.375 * best else Rung.LOW
        if not steps or steps[-1].rung is not rung:
            steps.append(Step(frame.at, rung))
    return steps


def settled_s(steps: Sequence[Step], right: Collection[Rung], at: float, until: float) -> float:
    """How long after `at` a right rung was reached and held; the whole time when none was."""
    since: float | None = None
    for place, step in enumerate(steps):
        ends = min(until, steps[place + 1].at if place + 1 < len(steps) else until)
        if ends <= at or step.at >= until:
            continue
        if step.rung not in right:
            since = None
            continue
        since = max(at, step.at) if since is None else since
        if ends - since >= min(HOLD_S, until - at):
            return since - at
    return until - at
