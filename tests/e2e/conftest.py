"""The server and the browser that the end-to-end tests share."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.conftest import free_port
from tests.e2e.server import DemoServer

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
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Callable[[], Awaitable[Browser]]]:
    """Gives headless Chromium from the system, with a fake camera and microphone; a new one when that has died."""
    program = shutil.which("chromium") or "/usr/bin/chromium"
    async with async_playwright() as playwright:
        running: list[Browser] = []

        async def living() -> Browser:
            if not running or not running[-1].is_connected():
                running.append(await playwright.chromium.launch(executable_path=program, args=BROWSER_ARGUMENTS))
            return running[-1]

        yield living
        for browser in running:
            await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def browser(chromium: Callable[[], Awaitable[Browser]]) -> Browser:
    """The browser, with none of an earlier test's windows."""
    living = await chromium()
    for context in living.contexts:
        await context.close()
    return living


@pytest.fixture
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a test leaves its pictures."""
    return tmp_path_factory.mktemp("screenshots")
