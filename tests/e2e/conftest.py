"""The server and the browser that the end-to-end tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from inspect import iscoroutinefunction
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.conftest import free_port
from tests.e2e.server import DemoServer
from tests.headless import HEADLESS_CHROMIUM

BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    """One demo installation for all end-to-end tests; the ladder's first step is long enough to look at."""
    running = DemoServer(tmp_path_factory.mktemp("demo") / "var", free_port())
    yield running
    assert running.stop() == 0, running.log()[-4000:]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These tests share one event loop, since the browser that they share lives in it."""
    for item in items:
        if Path(__file__).parent in item.path.parents and iscoroutinefunction(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


Chromium = Callable[[Sequence[str]], Awaitable[Browser]]
"""Gives a browser with these further arguments."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Chromium]:
    """Headless Chromium from the system, with a fake camera and microphone; a new one when that has died."""
    async with async_playwright() as playwright:
        running: dict[tuple[str, ...], Browser] = {}

        async def living(further: Sequence[str]) -> Browser:
            known = running.get(tuple(further))
            if known is None or not known.is_connected():
                arguments = [*BROWSER_ARGUMENTS, *further]
                known = await playwright.chromium.launch(executable_path=HEADLESS_CHROMIUM, args=arguments)
                running[tuple(further)] = known
            for context in known.contexts:  # none of an earlier test's windows
                await context.close()
            return known

        yield living
        for browser in running.values():
            await browser.close()


@pytest.fixture(scope="session")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a moving picture of 640x360: a sixth of the work of Chromium's own, which is sent as 720p."""
    width, height, path = 640, 360, tmp_path_factory.mktemp("camera") / "camera.y4m"
    ramp, grey = bytes(range(0, 256, 2)) * (width // 128 + 2), bytes((128,)) * (width * height // 2)
    with path.open("wb") as film:
        film.write(f"YUV4MPEG2 W{width} H{height} F20:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(40):
            film.write(b"FRAME\n" + ramp[number * 3 : number * 3 + width] * height + grey)
    return path


@pytest_asyncio.fixture(loop_scope="session")
async def browser(chromium: Chromium, camera: Path) -> Browser:
    """The browser, for whatever does not ask how good a picture is."""
    return await chromium([f"--use-file-for-fake-video-capture={camera}"])


@pytest_asyncio.fixture(loop_scope="session")
async def sharp_browser(chromium: Chromium) -> Browser:
    """The browser with a camera of 720p."""
    return await chromium([])


@pytest.fixture
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a test leaves its pictures."""
    return tmp_path_factory.mktemp("screenshots")
