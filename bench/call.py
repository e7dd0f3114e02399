"""One call on a bad line: a publisher and a viewer in Chromium, a media server, and a relay on each leg.

The pages run the product's own client modules, bundled on the spot. The relays take the server's place in the
descriptions that the browsers get.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from playwright.async_api import Browser, Page

from bench.frames import Encoded, Shown
from bench.link import Link
from bench.path import Conditions
from foundation.bus import MemoryBus
from foundation.clock import SystemClock
from foundation.errors import Conflict
from foundation.tasks import Tasks
from media.api import LayersWanted, MediaEvent, QualityChanged, SubscribeOffer, SubscribeOffered, UplinkChanged
from media.directory import BusDirectory
from media.nodes import WorkerNodes
from media.supervisor import MediaChild

ROOT = Path(__file__).parent.parent
ROOM, DOCTOR, SPECIALIST = "room", "doctor", "specialist"
LEGS = ("uplink", "downlink")
"""The publisher's line and the viewer's."""
_ADDRESS = "http://localhost/"
_CANDIDATE = re.compile(r"(a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1 )(\d+)( typ host)", re.IGNORECASE)
_OTHER_CANDIDATES = re.compile(r"a=candidate:(?!\S+ 1 udp \d+ 127\.0\.0\.1 \d+ typ host).*\r\n", re.IGNORECASE)


class Rooms(Protocol):
    """The part of `media.api.MediaNodes` that a call needs; another server may stand behind it."""

    async def publish(self, room_id: str, participant_id: str, offer_sdp: str, sources: Mapping[str, str]) -> str:
        """Answer a publish offer."""
        ...

    async def subscribe(self, room_id: str, participant_id: str) -> SubscribeOffer:
        """Offer what the others publish."""
        ...

    async def answer(self, room_id: str, participant_id: str, answer_sdp: str, revision: int) -> None:
        """Take the viewer's answer."""
        ...

    async def prefer(self, room_id: str, participant_id: str, heights: Mapping[str, int]) -> None:
        """How high a viewer shows each track."""
        ...

    def events(self) -> AsyncIterator[MediaEvent]:
        """What the server says unasked."""
        ...


@dataclass(slots=True)
class Seen:
    """What one page noted. Times are on this machine's monotonic clock."""

    frames: list[Encoded]
    shown: list[Shown]
    samples: list[tuple[float, list[dict[str, Any]]]]
    """Moments and the reports of `getStats` then."""


@dataclass(slots=True)
class Call:
    """A call under way."""

    publisher: Page
    viewer: Page
    uplink: Link
    downlink: Link
    events: list[tuple[float, MediaEvent]] = field(default_factory=list)

    async def collect(self) -> tuple[Seen, Seen]:
        """What the publisher's page and the viewer's noted so far."""
        # The pages tell wall time; both clocks run alike, so one look at the difference will do.
        offset = time.monotonic() - time.time()
        seen = []
        for page in (self.publisher, self.viewer):
            found = await page.evaluate("bench.collect()")
            seen.append(
                Seen(
                    [Encoded(at / 1_000 + offset, *rest[:3]) for at, *rest in found["frames"]],
                    [Shown(at / 1_000 + offset, height) for at, height, _ in found["shown"]],
                    [(sample["at"] / 1_000 + offset, sample["reports"]) for sample in found["samples"]],
                )
            )
        return seen[0], seen[1]


@asynccontextmanager
async def calling(
    browser: Browser, rooms: Rooms, tasks: Tasks, seed: str, lines: Mapping[str, tuple[Conditions, Conditions]]
) -> AsyncIterator[Call]:
    """Bring the call up; it ends with the block. `lines`: how each leg is from the start, up and down."""
    script = await _script()
    links = [await Link.start(f"{seed} {leg}") for leg in LEGS]
    for link, leg in zip(links, LEGS, strict=True):
        await link.shape(*lines.get(leg, (Conditions(), Conditions())))
    context = await browser.new_context()
    pages = [await context.new_page() for _ in links]
    call = Call(pages[0], pages[1], links[0], links[1])
    telling = None
    try:
        for page, link, name in zip(pages, links, (DOCTOR, SPECIALIST), strict=True):
            await page.expose_function("ask", _Asked(rooms, link, name).ask)
            await page.route(_ADDRESS, lambda route: route.fulfill(path=ROOT / "bench" / "pages" / "loss.html"))
            await page.route(f"{_ADDRESS}loss.js", lambda route: route.fulfill(path=script))
            await page.goto(_ADDRESS)
        telling = tasks.start("bench notices", _tell(rooms, call))
        await call.publisher.evaluate("room => bench.publish(room)", ROOM)
        await call.viewer.evaluate("room => bench.watch(room)", ROOM)
        await call.viewer.wait_for_function("bench.shownFrames > 30", timeout=30_000)
        yield call
    finally:
        if telling is not None:
            telling.cancel()
        await context.close()
        for link in links:
            await link.stop()


async def _script() -> Path:
    """The pages' script, bundled anew: it is the client of this very checkout."""
    target = ROOT / "node_modules" / ".cache" / "bench" / "loss.js"
    partial = target.with_name(f"loss-{secrets.token_hex(4)}.js")  # two calls may begin at once
    source = ROOT / "bench" / "pages" / "loss.ts"
    process = await asyncio.create_subprocess_exec(
        ROOT / "node_modules" / ".bin" / "esbuild", source, "--bundle", "--format=iife", "--target=chrome120",
        "--log-level=warning", f"--outfile={partial}",
    )  # fmt: skip
    if await process.wait():
        raise RuntimeError("the pages' script cannot be bundled")
    return partial.replace(target)


class _Asked:
    """Plays the gateway for one participant."""

    def __init__(self, rooms: Rooms, link: Link, name: str) -> None:
        self._rooms = rooms
        self._link = link
        self._name = name

    async def ask(self, event: str, payload: dict[str, Any]) -> dict[str, Any]:
        """What the client calls on its socket."""
        if event == "publish":
            sdp = await self._rooms.publish(ROOM, self._name, payload["sdp"], payload["sources"])
            return {"sdp": await through(self._link, sdp)}
        if event == "subscribe":
            return await offered(self._link, await self._rooms.subscribe(ROOM, self._name))
        if event == "answer":
            with suppress(Conflict):  # a newer offer is on its way
                await self._rooms.answer(ROOM, self._name, payload["sdp"], payload["revision"])
        if event == "prefer":
            await self._rooms.prefer(ROOM, self._name, payload["heights"])
        return {}


async def through(link: Link, sdp: str) -> str:
    """The description with the relay in the server's place, which the relay learns."""
    rerouted, server = reroute(sdp, link.port)
    await link.aim("127.0.0.1", server)
    return rerouted


def reroute(sdp: str, port: int) -> tuple[str, int]:
    """The description with this port as the only way to the server, and the port that it had. Raises ValueError."""
    sdp = _OTHER_CANDIDATES.sub("", sdp)
    server = _CANDIDATE.search(sdp)
    if server is None:
        raise ValueError("the server offers no UDP candidate on 127.0.0.1")
    return _CANDIDATE.sub(rf"\g<1>{port}\g<3>", sdp), int(server[2])


async def offered(link: Link, offer: SubscribeOffer) -> dict[str, Any]:
    """A subscribe offer as the client gets it."""
    tracks = [
        {name: getattr(track, name) for name in ("mid", "track_id", "participant_id", "kind", "source")}
        for track in offer.tracks
    ]
    sdp = await through(link, offer.sdp)
    return {"consult_id": ROOM, "sdp": sdp, "revision": offer.revision, "tracks": tracks}


async def _tell(rooms: Rooms, call: Call) -> None:
    """Notes what the server says, and passes on to the pages what the gateway would."""
    async for event in rooms.events():
        call.events.append((time.monotonic(), event))
        page = call.publisher if getattr(event, "participant_id", "") == DOCTOR else call.viewer
        if isinstance(event, SubscribeOffered):
            if event.participant_id == SPECIALIST:
                await _notice(page, "subscribe_offer", await offered(call.downlink, event.offer))
        elif isinstance(event, LayersWanted):
            wanted = {"track_id": event.track_id, "mid": event.mid, "rids": list(event.rids)}
            await _notice(page, "layers", wanted)
        elif isinstance(event, UplinkChanged):
            await _notice(page, "uplink", {"rung": event.rung})
        elif isinstance(event, QualityChanged):
            await _notice(page, "quality", {"track_id": event.track_id, "rung": event.rung, "cause": event.cause})


async def _notice(page: Page, event: str, payload: dict[str, Any]) -> None:
    await page.evaluate("([event, payload]) => bench.notice(event, payload)", [event, {"consult_id": ROOM, **payload}])


@asynccontextmanager
async def hoichan() -> AsyncIterator[tuple[Rooms, Tasks]]:
    """A worker process of this checkout."""
    tasks, clock = Tasks(), SystemClock()
    with tempfile.TemporaryDirectory(prefix="hoichan-bench-") as folder:
        path = Path(folder) / "control"
        settings = {"worker_id": "bench", "control_token": "bench", "control_path": str(path), "stop_with_parent": True}
        child = MediaChild([sys.executable, "-m", "tests.media.worker_process", json.dumps(settings)], tasks, clock)
        nodes = WorkerNodes(BusDirectory(MemoryBus(clock)), tasks, "bench", [f"unix:{path}"])
        try:
            await child.start()
            await nodes.start()
            async with asyncio.timeout(10):
                while not await nodes.ready():  # noqa: ASYNC110 - it is asked over the network
                    await asyncio.sleep(0.02)
            yield nodes, tasks
        finally:
            await child.stop()
            await tasks.close()
