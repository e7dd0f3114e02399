"""A room of Janus that speaks the contract of `media.api`, as far as one publisher and one viewer need it."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from bench.janus import Janus, JanusClient, JanusError, Message
from foundation.tasks import Tasks
from media.api import MediaEvent, SubscribeOffer, Track

_ROOM = 1
_CONNECT_S = 10.0


class JanusRoom:
    """The video room, its publisher and its viewer. Janus says nothing unasked that the bench would pass on."""

    def __init__(self, client: JanusClient) -> None:
        self._client = client
        self._feed: int | None = None
        self._viewer = ""

    async def publish(self, room_id: str, participant_id: str, offer_sdp: str, sources: Mapping[str, str]) -> str:  # noqa: ARG002 - the contract's
        """Make the room and publish in it."""
        handle = await self._client.attach()
        # What helps on a bad line and is off by default: FEC of Opus. Transport-wide feedback and NACK are on.
        room = {"request": "create", "room": _ROOM, "publishers": 2, "videocodec": "vp8", "opus_fec": True}
        await self._client.ask(handle, room)
        joined = await self._client.ask(handle, {"request": "join", "ptype": "publisher", "room": _ROOM})
        self._feed = joined["id"]
        answer = await self._client.ask(handle, {"request": "publish"}, jsep={"type": "offer", "sdp": offer_sdp})
        assert answer["jsep"] is not None
        return str(answer["jsep"]["sdp"])

    async def subscribe(self, room_id: str, participant_id: str) -> SubscribeOffer:  # noqa: ARG002 - the contract's
        """Offer what the publisher sends."""
        self._viewer = await self._client.attach()
        asked = {"request": "join", "ptype": "subscriber", "room": _ROOM, "streams": [{"feed": self._feed}]}
        async with asyncio.timeout(_CONNECT_S):
            while (offer := await self._joined(asked)) is None:  # noqa: ASYNC110 - Janus announces nothing here
                await asyncio.sleep(0.1)
        sources = {"audio": "microphone", "video": "camera"}
        tracks = tuple(
            Track(f"janus-{stream['mid']}", str(self._feed), stream["type"], sources[stream["type"]], stream["mid"])
            for stream in offer["streams"]
            if stream["type"] in sources
        )
        assert offer["jsep"] is not None
        return SubscribeOffer(offer["jsep"]["sdp"], 0, tracks)

    async def _joined(self, asked: Message) -> Message | None:
        """The offer; None while the publisher is not connected, since Janus knows no feed of his before."""
        try:
            return await self._client.ask(self._viewer, asked)
        except JanusError:
            return None

    async def answer(self, room_id: str, participant_id: str, answer_sdp: str, revision: int) -> None:  # noqa: ARG002 - the contract's
        """Take the viewer's answer."""
        await self._client.ask(self._viewer, {"request": "start"}, jsep={"type": "answer", "sdp": answer_sdp})

    async def prefer(self, room_id: str, participant_id: str, heights: Mapping[str, int]) -> None:
        """Janus is told no heights: it sends the best layer that comes."""

    async def events(self) -> AsyncIterator[MediaEvent]:
        """None ever."""
        await asyncio.Event().wait()
        return
        yield  # makes this a generator


@asynccontextmanager
async def janus() -> AsyncIterator[tuple[JanusRoom, Tasks]]:
    """A Janus process of its own. Raises CannotMeasure where it is not installed."""
    tasks = Tasks()
    with tempfile.TemporaryDirectory(prefix="hoichan-janus-") as folder:
        server = Janus(Path(folder), max(os.sched_getaffinity(0)))
        try:
            await server.ready()
            async with JanusClient(server.url) as client:
                yield JanusRoom(client), tasks
                await tasks.close()
        finally:
            await asyncio.to_thread(server.stop)
