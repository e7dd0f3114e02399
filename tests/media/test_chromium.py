"""Two headless Chromiums through a real worker process, with fake cameras and microphones on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

from media.api import SubscribeOffered
from tests.media.conftest import Plane

ARGUMENTS = (
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--autoplay-policy=no-user-gesture-required",
)
ROOM = "room"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", headless=True, args=list(ARGUMENTS)
        )
        yield browser
        await browser.close()


class Visitor:
    """A page that holds one participant's two connections."""

    def __init__(self, page: Page, name: str, plane: Plane) -> None:
        self.page = page
        self.name = name
        self.nodes = plane.nodes

    @classmethod
    async def enter(cls, browser: Browser, name: str, plane: Plane) -> "Visitor":
        page = await browser.new_page()
        visitor = cls(page, name, plane)
        await page.expose_function("py_publish", visitor._publish)
        await page.expose_function("py_answer", visitor._answer)
        await page.route("http://localhost/", lambda route: route.fulfill(path=Path(__file__).with_name("page.html")))
        await page.goto("http://localhost/")
        return visitor

    async def _publish(self, sdp: str, sources: dict[str, str]) -> str:
        return await self.nodes.publish(ROOM, self.name, sdp, sources)

    async def _answer(self, sdp: str, revision: int) -> None:
        await self.nodes.answer(ROOM, self.name, sdp, revision)

    async def take(self, offer: Any) -> None:
        await self.page.evaluate("o => take(o)", {"sdp": offer.sdp, "revision": offer.revision})

    async def subscribe(self) -> None:
        await self.take(await self.nodes.subscribe(ROOM, self.name))

    async def received(self) -> dict[str, Any]:
        result: dict[str, Any] = await self.page.evaluate("received()")
        return result

    async def until(self, enough: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        try:
            async with asyncio.timeout(20):
                while not enough(seen := await self.received()):
                    await asyncio.sleep(0.1)
        except TimeoutError:
            pytest.fail(f"{self.name} received only {seen}")
        return seen


def sees_and_hears(seen: dict[str, Any]) -> bool:
    return (
        any(video["frames"] >= 60 for video in seen["video"])
        and any(audio["energy"] > 0 for audio in seen["audio"])
    )  # fmt: skip


async def relay(visitors: dict[str, Visitor], plane: Plane) -> None:
    """Plays the signalling: hands new offers to their participants."""
    async for event in plane.nodes.events():
        if isinstance(event, SubscribeOffered):
            await visitors[event.participant_id].take(event.offer)


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_two_people_see_and_hear_each_other(codec: str, browser: Browser, plane: Plane, tasks: Any) -> None:
    a, b = [await Visitor.enter(browser, name, plane) for name in ("a", "b")]
    tasks.start("relay", relay({"a": a, "b": b}, plane))
    await a.subscribe()
    await a.page.evaluate("c => publish(c)", codec)
    await asyncio.sleep(1.0)  # the other one joins late and needs a key frame
    await b.subscribe()
    await b.page.evaluate("c => publish(c)", codec)
    for visitor in (a, b):
        seen = await visitor.until(sees_and_hears)
        print(seen, await visitor.page.evaluate("sent()"))  # noqa: T201
        assert "GCM" in seen["srtp"]
        assert all(video["lost"] <= 0 and video["dropped"] <= 5 for video in seen["video"])
