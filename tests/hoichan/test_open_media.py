"""`hoichan media --open` with clients that share nothing with it: aiortc over plain HTTP, and in Chromium the WHIP and
WHEP client that the protocols' author wrote (whip-whep on npm)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack
from playwright.async_api import Browser, Page, async_playwright
from yarl import URL

from tests.conftest import free_port
from tests.headless import HEADLESS_CHROMIUM
from tests.hoichan.program import REPOSITORY, Program, alive
from tests.media.peers import SETTINGS, offer_loopback
from tests.media.test_chromium import ARGUMENTS
from tests.media.test_viewer import Screen

TOKEN = "the-token-of-these-tests"
CLIENT = REPOSITORY / "node_modules" / "whip-whep"
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/sdp"}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    port = free_port()
    arguments = ("media", "--open", "--token", TOKEN, "--http", f"127.0.0.1:{port}")
    # One candidate: when it restarts ICE, the client writes several into one line of the description.
    program = Program(tmp_path_factory.mktemp("open"), "open", *arguments, media_tcp="off")
    program.port = port
    program.until(lambda: f"http://127.0.0.1:{port}/whip/ROOM" in program.out, 40)
    yield program
    children = program.children()
    assert program.end() == 0
    assert not any(alive(child) for child in children)
    assert TOKEN not in program.log
    assert "Traceback" not in program.log


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as http:
        yield http


class Encoder:
    """An encoder of a device: aiortc's test picture and silence, published by WHIP."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str = TOKEN) -> None:
        self._http = http
        self._url = url
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
        self._connection = RTCPeerConnection(SETTINGS)
        self.session = ""

    async def publish(self) -> None:
        offer_loopback()
        self._connection.addTrack(AudioStreamTrack())
        self._connection.addTrack(VideoStreamTrack())
        await self._connection.setLocalDescription(await self._connection.createOffer())
        offer = self._connection.localDescription.sdp
        async with self._http.post(self._url, data=offer.encode(), headers=self.headers) as response:
            assert response.status == 201, await response.text()
            self.session = str(response.url.join(URL(response.headers["Location"])))
            await self._connection.setRemoteDescription(RTCSessionDescription(await response.text(), "answer"))

    async def close(self) -> None:
        await self._connection.close()


@pytest.fixture
async def encoder(http: aiohttp.ClientSession, program: Program) -> AsyncIterator[Callable[[str], Awaitable[Encoder]]]:
    """Publishes into a room by name."""
    made: list[Encoder] = []

    async def publish(room: str) -> Encoder:
        encoder = Encoder(http, f"{program.url}/whip/{room}")
        made.append(encoder)
        await encoder.publish()
        return encoder

    yield publish
    for encoder in made:
        await encoder.close()


async def view(http: aiohttp.ClientSession, program: Program, room: str, screen: Screen) -> str:
    """Play a room by WHEP; the session's address."""
    offer = await screen.offer()
    async with http.post(f"{program.url}/whep/{room}", data=offer.encode(), headers=HEADERS) as response:
        assert response.status == 201, await response.text()
        await screen.take(await response.text())
        return program.url + response.headers["Location"]


async def test_a_screen_plays_what_an_encoder_publishes(
    http: aiohttp.ClientSession, program: Program, encoder: Callable[[str], Awaitable[Encoder]]
) -> None:
    screen = Screen()
    try:
        session = await view(http, program, "theatre-1", screen)  # it is there before anything is published
        first = await encoder("theatre-1")
        await screen.decodes(0, 1)
        async with http.delete(first.session, headers=HEADERS) as response:
            assert response.status == 200
        await encoder("theatre-1")
        await screen.decodes(0, 1)
        async with http.delete(session, headers=HEADERS) as response:
            assert response.status == 200
    finally:
        await screen.close()


async def test_rooms_and_their_token(http: aiohttp.ClientSession, program: Program) -> None:
    async with http.post(f"{program.url}/whip/a", data=b"v=0", headers={"Content-Type": "application/sdp"}) as response:
        assert response.status == 401
    async with http.get(f"{program.url}/healthz") as response:
        assert response.status == 200
    async with http.get(f"{program.url}/sign-in") as response:
        assert response.status == 404


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=HEADLESS_CHROMIUM, headless=True, args=list(ARGUMENTS)
        )
        yield browser
        await browser.close()


@pytest.fixture
async def site() -> AsyncIterator[str]:
    """Another site than the worker's, with the client's page."""
    application = web.Application()
    for path, file in (
        ("/", Path(__file__).with_name("whip_page.html")),
        ("/whip.js", CLIENT / "whip.js"),
        ("/whep.js", CLIENT / "whep.js"),
    ):
        application.router.add_get(path, _file(file))
    async with TestServer(application, host="127.0.0.1") as server:
        yield str(server.make_url("/"))


def _file(path: Path) -> Callable[[web.Request], Awaitable[web.FileResponse]]:
    async def send(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(path)

    return send


@pytest.fixture
async def page(browser: Browser, site: str) -> Callable[[], Awaitable[Page]]:
    """Opens a page with the client loaded."""

    async def opened() -> Page:
        page = await browser.new_page()
        await page.goto(site)
        await page.wait_for_function("window.ready")
        return page

    return opened


async def plays(page: Page, *mids: str, more: int = 30) -> None:
    """Wait until that many more frames or packets with sound have come in each section."""
    before = await page.evaluate("frames()")
    async with asyncio.timeout(25):
        while True:
            now = await page.evaluate("frames()")
            if all(now.get(mid, 0) - before.get(mid, 0) >= more for mid in mids):
                return
            await asyncio.sleep(0.1)


async def test_a_client_that_nobody_here_wrote_publishes_plays_restarts_and_stops(
    page: Callable[[], Awaitable[Page]], program: Program
) -> None:
    camera, screen = await page(), await page()
    failures: list[str] = []
    for one in (camera, screen):
        one.on("pageerror", lambda error: failures.append(str(error)))
    await screen.evaluate(f"view('{program.url}/whep/ward', '{TOKEN}', ['audio', 'video'])")
    await camera.evaluate(f"publish('{program.url}/whip/ward', '{TOKEN}')")
    await plays(screen, "0", "1")
    await camera.evaluate("restart('whip')")
    await plays(screen, "0", "1")
    await screen.evaluate("restart('whep')")
    await plays(screen, "0", "1")
    for one, name in ((camera, "whip"), (screen, "whep")):
        assert await one.evaluate(f"state('{name}')") in ("connected", "completed")
        await one.evaluate(f"stop('{name}')")
    # Its WHEP half sends no If-Match with candidates, for which the draft demands 428; a lite agent needs none of them.
    assert [failure for failure in failures if "428" not in failure] == []


async def test_a_screen_shows_every_track_of_the_room_later_ones_too(
    page: Callable[[], Awaitable[Page]], program: Program, encoder: Callable[[str], Awaitable[Encoder]]
) -> None:
    await encoder("theatre-2")
    screen = await page()
    kinds = "['audio', 'video', 'video', 'audio']"
    await screen.evaluate(f"view('{program.url}/whep/theatre-2', '{TOKEN}', {kinds})")
    await plays(screen, "1")
    camera = await page()
    await camera.evaluate(f"publish('{program.url}/whip/theatre-2', '{TOKEN}')")
    await plays(screen, "1", "2", "3")
