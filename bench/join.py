"""How soon a late joiner sees, and how many joins one core takes.

First Chromium: a page with a fake camera publishes, another joins again and again, each time with a new connection;
timed is the page's own clock from the worker's offer to the first frame on screen. Then joins as fast as the worker
takes them, pinned to one core, by load peers in several processes on another core: subscribe and answer over the
control channel, connectivity check, DTLS handshake, first forwarded packet, leave. While `load_cores` is near 1 and
`server_cores` is not, the peers are what limits; `joins_per_server_second` tells what a second of the worker's own
processor time is good for.

    .venv/bin/python -m bench.join [--json] [--quick]

Needs Debian's `chromium`, `libsrtp2-dev` and a C compiler.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aiohttp import web
from playwright.async_api import Browser, async_playwright

from bench import processes
from bench.forwarders import WorkerForwarder
from bench.load.build import CannotMeasure, engine
from bench.load.crowd import Crowd
from bench.load.joiner import Orders
from bench.load.payload import payload
from bench.report import arguments, percentiles
from media.nodes import WorkerNodes
from tests.e2e.conftest import BROWSER_ARGUMENTS
from tests.headless import HEADLESS_CHROMIUM

ROOM = "late"
_PAGE = Path(__file__).parent / "pages" / "join.html"
_SETTLE_S = 3.0
_PROCESSES, _LANES = 4, 4
_START_S = 4.0
"""Until every process has begun to join."""


class Signalling:
    """The pages' way to the worker: their requests become its commands."""

    def __init__(self, nodes: WorkerNodes) -> None:
        self._nodes = nodes
        application = web.Application()
        application.router.add_get("/", self._page)
        for name in ("publish", "subscribe", "answer", "leave"):
            application.router.add_post(f"/{name}", getattr(self, f"_{name}"))
        self._runner = web.AppRunner(application)

    async def start(self) -> str:
        """Serve on loopback; the address of the page."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/"

    async def stop(self) -> None:
        """Close the port."""
        await self._runner.cleanup()

    async def _page(self, _request: web.Request) -> web.FileResponse:
        return web.FileResponse(_PAGE)

    async def _publish(self, request: web.Request) -> web.Response:
        body = await request.json()
        return web.json_response({"sdp": await self._nodes.publish(body["room"], "publisher", body["sdp"], {})})

    async def _subscribe(self, request: web.Request) -> web.Response:
        body = await request.json()
        offer = await self._nodes.subscribe(body["room"], body["name"])
        return web.json_response({"sdp": offer.sdp, "revision": offer.revision})

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        await self._nodes.answer(body["room"], body["name"], body["sdp"], body["revision"])
        return web.json_response({})

    async def _leave(self, request: web.Request) -> web.Response:
        body = await request.json()
        await self._nodes.remove(body["room"], body["name"])
        return web.json_response({})


async def late_joins(browser: Browser, address: str, count: int) -> list[dict[str, float]]:
    """Join that many times. Raises CannotMeasure when a join shows nothing within 10 s."""
    context = await browser.new_context(permissions=["camera", "microphone"])
    publisher, viewer = await context.new_page(), await context.new_page()
    for page in (publisher, viewer):
        await page.goto(address)
    await publisher.evaluate("room => publish(room)", ROOM)
    await asyncio.sleep(_SETTLE_S)  # the camera's own start and its bandwidth estimate are over
    times = []
    for number in range(count + 2):
        found: dict[str, float] | None = await viewer.evaluate(
            "([room, name]) => join(room, name)", [ROOM, f"v{number}"]
        )
        if found is None:
            raise CannotMeasure("a late joiner saw no frame within 10 s")
        times.append(found)
        await asyncio.sleep(0.7)  # longer than requests for key frames are held together
    await context.close()
    return times[2:]  # the first ones load codecs


async def first_frames(folder: Path, count: int) -> dict[str, Any]:
    """The figures in Chromium. The worker has one core, the browser both."""
    server_core, _ = processes.two_cores()
    worker = WorkerForwarder(folder, server_core)
    signalling = Signalling(worker.nodes)
    try:
        await worker.start()
        address = await signalling.start()
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=HEADLESS_CHROMIUM, args=BROWSER_ARGUMENTS)
            times = await late_joins(browser, address, count)
            await browser.close()
    finally:
        await signalling.stop()
        await worker.stop()
    offered, pressed = (percentiles([time[name] for time in times]) for name in ("offer", "press"))
    return {
        "p50_ms": offered["p50"],
        "p95_ms": offered["p95"],
        "with_subscribe_p50_ms": pressed["p50"],
        "with_subscribe_p95_ms": pressed["p95"],
    }


async def join_rate(folder: Path, seconds: float) -> dict[str, Any]:
    """Joins a second on one core, in rooms whose publishers send at real rate."""
    server_core, load_core = processes.two_cores()
    library, frames = engine(folder), payload()
    worker = WorkerForwarder(folder, server_core)
    os.sched_setaffinity(0, {load_core})
    try:
        await worker.start()
        lanes = _PROCESSES * _LANES
        async with Crowd(worker, library, frames, fans=[0] * lanes, transport_feedback=True) as crowd:
            await crowd.connect()
            crowd.start()
            begin = time.monotonic() + _START_S
            running = [
                await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "bench.load.joiner",
                    json.dumps(asdict(Orders(
                        f"unix:{worker.control}", worker.token,
                        tuple(f"room-{place}" for place in range(group, lanes, _PROCESSES)),
                        begin, begin + seconds, transport_feedback=True,
                    ))),
                    stdout=asyncio.subprocess.PIPE,
                )
                for group in range(_PROCESSES)
            ]  # fmt: skip
            await asyncio.sleep(max(0.0, begin - time.monotonic()))
            server, own = processes.times(worker.pid), processes.times(os.getpid())
            await asyncio.sleep(seconds)
            server, own = processes.times(worker.pid) - server, processes.times(os.getpid()) - own
            said = [(await process.communicate())[0] for process in running]
    finally:
        await worker.stop()
    with suppress(ValueError):
        done = [json.loads(text) for text in said]
        joins = sum(one["joins"] for one in done)
        return {
            "joins_per_s": round(joins / seconds, 1),
            "joins_per_server_second": round(joins / server.run, 1),
            "server_cores": round(server.run / seconds, 3),
            "load_cores": round((own.run + sum(one["busy_s"] for one in done)) / seconds, 3),
            "join_p50_ms": percentiles([value for one in done for value in one["milliseconds"]])["p50"],
            "failed_joins": sum(one["failures"] for one in done),
        }
    raise CannotMeasure("a process that was to join ended early or joined nothing")


async def measure(*, quick: bool) -> dict[str, Any]:
    """Both halves."""
    with tempfile.TemporaryDirectory(prefix="hoichan-bench-") as name:
        folder = Path(name)
        result = await first_frames(folder, 8 if quick else 40)
        return result | await join_rate(folder, 3.0 if quick else 10.0)


def main() -> None:
    options = arguments("How soon a late joiner sees, and how many joins one core takes.")
    try:
        result = asyncio.run(measure(quick=options.quick))
    except CannotMeasure as error:
        sys.exit(str(error))
    if options.json:
        print(json.dumps(result))
        return
    aims = {"p50_ms": "≤ 90", "p95_ms": "≤ 150", "joins_per_s": "≥ 100"}
    for key, value in result.items():
        print(f"{key:28} {value:>10}   {aims.get(key, '')}")


if __name__ == "__main__":
    main()
