"""Three layers from a real Chromium to a real Chromium: switched without a decoder noticing, stopped when unwatched."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Browser

from foundation.tasks import Tasks
from media.api import LayersWanted, QualityChanged, Rung, SubscribeOffered
from tests.media.conftest import Plane
from tests.media.test_chromium import ROOM, Visitor, browser

__all__ = ["browser"]


class Audience:
    """Plays the signalling for one who publishes layers and one who watches, and notes what is told."""

    def __init__(self, publisher: Visitor, viewer: Visitor, plane: Plane) -> None:
        self.publisher = publisher
        self.viewer = viewer
        self.plane = plane
        self.rungs: list[Rung] = []
        self.wanted: list[tuple[str, ...]] = []
        self.track_id = ""

    async def follow(self) -> None:
        async for event in self.plane.nodes.events():
            if isinstance(event, SubscribeOffered) and event.participant_id == self.viewer.name:
                self.track_id = next((t.track_id for t in event.offer.tracks if t.kind == "video"), "")
                await self.viewer.take(event.offer)
            elif isinstance(event, QualityChanged):
                self.rungs.append(event.rung)
            elif isinstance(event, LayersWanted):
                self.wanted.append(event.rids)
                await self.publisher.page.evaluate("rids => send(rids)", list(event.rids))

    async def show(self, height: int) -> None:
        await self.plane.nodes.prefer(ROOM, self.viewer.name, {self.track_id: height})

    async def sees(self, width: int) -> dict[str, Any]:
        seen = await self.viewer.until(lambda seen: any(v["width"] == width for v in seen["video"]))
        return next(video for video in seen["video"] if video["width"] == width)


@pytest.mark.parametrize("codec", ["VP8", pytest.param("H264", marks=pytest.mark.chaos)])
async def test_layers_follow_the_tile(codec: str, browser: Browser, plane: Plane, tasks: Tasks) -> None:
    a, b = [await Visitor.enter(browser, name, plane) for name in ("a", "b")]
    audience = Audience(a, b, plane)
    tasks.start("signalling", audience.follow())
    await b.subscribe()
    await a.page.evaluate("codec => publish(codec, true)", codec)
    beginning = (await audience.sees(1280))["dropped"]  # two cores that start encoders do not show every first frame
    freezes = [0]
    # A busy machine lets a picture stand too, but not each time; a decoder that was given a gap would.
    while len(freezes) < 2 or (freezes[-1] > freezes[-2] and len(freezes) < 4):
        for height, width in ((100, 320), (300, 640), (720, 1280), (100, 320)):
            await audience.show(height)
            video = await audience.sees(width)
            before = video["frames"]
            await b.until(lambda seen, before=before: any(v["frames"] >= before + 20 for v in seen["video"]))  # type: ignore[misc]
        (video,) = (await b.received())["video"]
        freezes.append(video["freezes"])
    assert freezes[-1] == freezes[-2], freezes
    assert video["dropped"] - beginning <= 2
    assert video["pli"] <= 2  # no decoder had to ask: the layers came with their key frames
    async with asyncio.timeout(10):
        while ("q",) not in audience.wanted:
            await asyncio.sleep(0.1)
    sent = await a.page.evaluate("sent()")
    assert sent
    assert audience.rungs[0] in (Rung.REDUCED, Rung.HD, Rung.LOW)
