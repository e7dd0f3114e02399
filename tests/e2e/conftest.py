"""The server and the browser that the end-to-end tests share."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
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


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Headless Chromium from the system, with a fake camera and microphone."""
    program = shutil.which("chromium") or "/usr/bin/chromium"
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=program, args=BROWSER_ARGUMENTS)
        yield running
        await running.close()


@pytest.fixture
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a test leaves its pictures."""
    return tmp_path_factory.mktemp("screenshots")
