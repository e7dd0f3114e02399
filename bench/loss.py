"""What a bad line does to a consult: loss, a long way and a thin pipe between Chromium and the media server.

A publisher with a fake camera and microphone and one viewer, both the product's own client in Chromium; the line of one
of them is bad, in every case with a round trip of 80 ms. Random loss holds for both directions of a line, a thin pipe
for the direction of the media alone. The same cases then run through Janus (keys beginning with `janus_`).

    .venv/bin/python -m bench.loss [--json] [--quick] [--side-by-side] [--case NAME]... [--trace FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright
from playwright.async_api import Error as PlaywrightError

from bench.call import LEGS, Call, Rooms, Seen, calling, hoichan
from bench.camera import write_camera
from bench.counters import adapts, camera_fps, concealed, longest_freeze_ms
from bench.frames import Step, delivered, repaired, rungs_seen, settled_s
from bench.janus import JanusError
from bench.janus_room import janus
from bench.link import Link, Tally
from bench.load.build import CannotMeasure
from bench.path import Conditions
from bench.report import Figures, show
from foundation.errors import HoichanError
from foundation.tasks import Tasks
from media.api import QualityChanged, Rung, UplinkChanged
from tests.e2e.conftest import BROWSER_ARGUMENTS
from tests.headless import HEADLESS_CHROMIUM

_BOTH_IN_FRONT = ("--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows")
"""One of two pages would count as hidden, and get less of the machine."""
AIMS = {
    "repaired_5pct": "0.999",
    "longest_freeze_5pct_ms": "200",
    "audio_concealed_20pct": "0.05",
    "video_adapts_20pct": "1",
    "audio_loss_ramp": "0.02",
    "down_s": "3",
    "up_s": "10",
}
FAR = Conditions(delay_ms=40)
RAMP_KBPS = (2_000, 300, 80, 300, 2_000)
RIGHT = {
    2_000: {Rung.HD},
    300: {Rung.REDUCED, Rung.LOW},
    80: {Rung.STILLS, Rung.AUDIO},
}
"""The rungs that fit each pipe: below 100 kbit/s sound needs nearly all of it."""
_MEND_S = 1.0
"""A loss this short before the end may still be under repair: it is not counted."""
JANUS = "janus-"
"""Begins the names of Janus's cases."""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds: until a call is steady, of a case with loss, of one step of the ramp."""

    steady: float = 12.0
    loss: float = 120.0
    step: float = 24.0


QUICK = Times(8.0, 15.0, 10.0)


@dataclass(slots=True)
class Outcome:
    """What a case showed; of what it does not ask for there is nothing."""

    repaired: float | None = None
    lost: int = 0
    longest_freeze_ms: float = 0.0
    concealed: float = 0.0
    adapts: bool | None = None
    down_s: float | None = None
    up_s: float | None = None
    told: bool | None = None
    """Whether the server said which rung it chose."""
    changes: int | None = None
    """How often it changed its mind in the ramp; four steps need four changes, or six by way of stills."""
    camera_fps: float = 0.0
    """Pictures that the publisher's browser took from the camera each second: far from 30, the machine was too busy."""
    late_ms: float = 0.0
    """The latest that the line itself was with a packet: much above 1, the machine was too busy."""


async def lossy(call: Call, leg: str, share: float, times: Times) -> tuple[Outcome, Seen, Seen]:
    """Random loss in both directions of one leg."""
    link = _link(call, leg)
    await asyncio.sleep(times.steady)
    await link.report()
    bad = replace(FAR, loss=share)
    begin = await link.shape(bad, bad)
    await asyncio.sleep(times.loss)
    end = time.monotonic()
    await asyncio.sleep(0.5)
    sent, seen = await call.collect()
    tallies = await link.report()
    lost, mended = _mended(leg, tallies, sent, seen, end - _MEND_S)
    outcome = Outcome(
        repaired=mended / lost if lost else None,
        lost=lost,
        longest_freeze_ms=longest_freeze_ms(seen, begin, end),
        concealed=concealed(seen, begin, end),
        adapts=adapts(seen, begin, end),
        camera_fps=camera_fps(sent, begin, end),
        late_ms=max(tally.late_ms for tally in tallies),
    )
    return outcome, sent, seen


async def ramp(call: Call, leg: str, times: Times) -> tuple[Outcome, Seen, Seen]:
    """A pipe that becomes thin and wide again."""
    link = _link(call, leg)
    starts = []
    for rate in RAMP_KBPS:
        thin = replace(FAR, rate_kbps=rate)
        starts.append(await (link.shape(thin, FAR) if leg == "uplink" else link.shape(FAR, thin)))
        await asyncio.sleep(times.step if len(starts) > 1 else times.step + times.steady)
    end = time.monotonic()
    sent, seen = await call.collect()
    best = max((frame.height for frame in seen.shown), default=0)
    ladders = [rungs_seen(seen.shown, best, end)]
    told = _told(call)
    if told:
        ladders.append(told)
    waits = [
        max(settled_s(ladder, RIGHT[rate], at, until) for ladder in ladders)
        for rate, at, until in zip(RAMP_KBPS, starts, [*starts[1:], end], strict=True)
    ]
    outcome = Outcome(
        longest_freeze_ms=longest_freeze_ms(seen, starts[0], end),
        concealed=concealed(seen, starts[1], end),
        down_s=max(waits[1:3]),
        up_s=max(waits[3:]),
        told=bool(told),
        changes=sum(step.at >= starts[1] for step in told),
        camera_fps=camera_fps(sent, starts[0], end),
        late_ms=max(tally.late_ms for tally in await link.report()),
    )
    return outcome, sent, seen


def _link(call: Call, leg: str) -> Link:
    return call.uplink if leg == "uplink" else call.downlink


def _mended(leg: str, tallies: tuple[Tally, Tally], sent: Seen, seen: Seen, until: float) -> tuple[int, int]:
    """Packets of video that the line swallowed on their way to the viewer, and those whose frame was decoded all the
    same. Each packet counts once, even if its repetition was lost as well."""
    drops = tallies[0 if leg == "uplink" else 1].drops
    packets = {(drop.ssrc, drop.sequence): drop.timestamp for drop in drops if drop.at < until}
    lost = [(ssrc, timestamp) for (ssrc, _), timestamp in packets.items()]
    return repaired(lost, sent.frames, seen.frames) if leg == "uplink" else delivered(lost, seen.frames)


def _told(call: Call) -> list[Step]:
    """The viewer's ladder by the server's own words."""
    return [Step(at, event.rung) for at, event in call.events if isinstance(event, QualityChanged)]


CASES: dict[str, Callable[[Call, str, Times], Any]] = {
    "calm": lambda call, leg, times: lossy(call, leg, 0.0, times),
    "5pct": lambda call, leg, times: lossy(call, leg, 0.05, times),
    "20pct": lambda call, leg, times: lossy(call, leg, 0.20, times),
    "ramp": ramp,
}
"""`calm` is no figure: it tells what the machine alone does to a picture."""


def figures(outcomes: dict[str, Outcome], server: str = "") -> Figures:
    """The keys of the report, each by the worse of the two legs; only those whose cases ran."""
    found: Figures = {}

    def worst(
        key: str, case: str, value: Callable[[Outcome], float | None], pick: Callable[[list[float]], float]
    ) -> None:
        values = [value(outcomes[name]) for leg in LEGS if (name := f"{server}{case}-{leg}") in outcomes]
        known = [number for number in values if number is not None]
        if known:
            found[server.replace("-", "_") + key] = pick(known)

    worst("repaired_5pct", "5pct", lambda one: one.repaired, min)
    worst("longest_freeze_5pct_ms", "5pct", lambda one: one.longest_freeze_ms, max)
    worst("audio_concealed_20pct", "20pct", lambda one: one.concealed, max)
    worst("video_adapts_20pct", "20pct", lambda one: one.adapts, all)
    worst("audio_loss_ramp", "ramp", lambda one: one.concealed, max)
    worst("down_s", "ramp", lambda one: one.down_s, max)
    worst("up_s", "ramp", lambda one: one.up_s, max)
    return {name: value if isinstance(value, bool | dict) else round(value, 4) for name, value in found.items()}


async def measure(browser: Browser, names: Sequence[str], times: Times, trace: Path | None) -> dict[str, Outcome]:
    """Run the cases, each with a server and pages of its own. One that fails is told, and costs no other its figure."""
    outcomes = {}
    for name in names:
        *others, kind, leg = name.split("-")
        server: AbstractAsyncContextManager[tuple[Rooms, Tasks]] = janus() if others else hoichan()
        try:
            # The way is long from the start: a line that becomes long during a call is another story.
            lines = {leg: (FAR, FAR)}
            async with server as (rooms, tasks), calling(browser, rooms, tasks, f"{kind} {leg}", lines) as call:
                outcome, sent, seen = await CASES[kind](call, leg, times)
        except (CannotMeasure, HoichanError, JanusError, PlaywrightError, TimeoutError, OSError) as error:
            print(f"{name}: {error!r}", file=sys.stderr, flush=True)
            continue
        outcomes[name] = outcome
        found = {key: value for key, value in asdict(outcome).items() if value is not None}
        print(f"{name}: {json.dumps(found)}", file=sys.stderr, flush=True)
        if trace is not None:
            _write(trace, name, call, sent, seen)
    return outcomes


def _write(trace: Path, name: str, call: Call, sent: Seen, seen: Seen) -> None:
    events = [(at, str(event)) for at, event in call.events if isinstance(event, QualityChanged | UplinkChanged)]
    line = {"case": name, "events": events, "sent": asdict(sent), "seen": asdict(seen)}
    with trace.open("a") as file:
        file.write(json.dumps(line) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What a bad line does to a consult.")
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    parser.add_argument("--quick", action="store_true", help="a short run, for a look rather than for a figure")
    parser.add_argument("--side-by-side", action="store_true", help="Janus's cases beside ours: half the time")
    parser.add_argument("--case", action="append", default=[], help="only cases that begin so, as 5pct or ramp-uplink")
    parser.add_argument("--trace", type=Path, help="append all that was noted to this file, a JSON line a case")
    return parser.parse_args()


async def main() -> None:
    options = _arguments()
    every = [f"{server}{kind}-{leg}" for server in ("", JANUS) for kind in CASES for leg in LEGS]
    asked = options.case or [name for name in every if "calm" not in name]
    names = [name for name in every if any(name.startswith(case) for case in asked)]
    theirs = [name for name in names if name.startswith(JANUS)]
    lanes = [[name for name in names if name not in theirs], theirs] if options.side_by_side else [names]
    times = QUICK if options.quick else Times()
    with tempfile.TemporaryDirectory(prefix="hoichan-camera-") as folder:
        camera = Path(folder) / "camera.y4m"
        write_camera(camera)
        async with async_playwright() as playwright:

            async def lane(cases: Sequence[str]) -> dict[str, Outcome]:
                browser = await playwright.chromium.launch(
                    executable_path=HEADLESS_CHROMIUM,
                    args=[*BROWSER_ARGUMENTS, *_BOTH_IN_FRONT, f"--use-file-for-fake-video-capture={camera}"],
                )
                found = await measure(browser, cases, times, options.trace)
                await browser.close()
                return found

            outcomes = {name: one for found in await asyncio.gather(*map(lane, lanes)) for name, one in found.items()}
    show({**figures(outcomes), **figures(outcomes, JANUS)}, AIMS, as_json=options.json)
    if failed := [name for name in names if name not in outcomes]:
        sys.exit(f"not measured: {', '.join(failed)}")


if __name__ == "__main__":
    asyncio.run(main())
