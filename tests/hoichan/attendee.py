"""One side of a consult, who comes back whenever the line breaks, as docs/protocol.md says, and misses nothing."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress

import aiohttp
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack
from av import VideoFrame
from socketio.exceptions import SocketIOError  # type: ignore[import-untyped]  # python-socketio has no type marker

from tests.protocol_client import Heard, ProtocolClient, Refused

PASSING = {"room.not_joined", "session.ended", "database.unavailable", "bus.unavailable", "media.unavailable"}
"""Refusals after which the same may be asked again."""
CALL_S = 3.0


class Picture(VideoStreamTrack):
    """A small grey picture: many of them are sent and decoded in one test process."""

    async def recv(self) -> VideoFrame:
        pts, time_base = await self.next_timestamp()
        frame = VideoFrame(width=160, height=120, format="yuv420p")
        for plane in frame.planes:
            plane.update(bytes([pts // 3_000 % 256]) * plane.buffer_size)
        frame.pts, frame.time_base = pts, time_base
        return frame


class Attendee:
    """Enters a room and stays in it; `stay` runs beside the rest. `back` counts how often it had to come back."""

    def __init__(self, client: ProtocolClient, consult_id: str, *, media: bool) -> None:
        self.client = client
        self.consult_id = consult_id
        self.media = media
        self.back = 0
        self.places: set[tuple[str, str]] = set()
        """Participant and role of each time it entered: one and the same."""

    @property
    def lines(self) -> list[str]:
        """The chat as it stands on the screen."""
        return [line["text"] for line in self.client.chat]

    async def enter(self) -> None:
        """Join, by the number of the last entry that came, and build both connections."""
        joined = await self.client.join(self.consult_id)
        self.places.add((joined["participant_id"], joined["role"]))
        if self.media:
            await self.client.publish(AudioStreamTrack(), Picture())
            await self.client.subscribe()

    async def stay(self) -> None:
        """Come back whenever the line breaks, for ever."""
        while True:
            while self.client.online:
                await asyncio.sleep(0.02)
            self.back += 1
            while not await self._again():
                await asyncio.sleep(0.1)

    async def _again(self) -> bool:
        try:
            async with asyncio.timeout(10):
                await self.client.drop()
                await self.client.connect()
                await self.enter()
        except Refused as refusal:
            if refusal.code not in PASSING:
                raise
        except (SocketIOError, aiohttp.ClientError, TimeoutError):
            pass
        else:
            return True
        return False

    async def say(self, text: str) -> None:
        """Write a line, again under the same id until it is acknowledged."""
        line = {"consult_id": self.consult_id, "text": text, "client_id": secrets.token_hex(8)}
        while True:
            with suppress(SocketIOError, TimeoutError):
                async with asyncio.timeout(CALL_S):
                    try:
                        await self.client.call("send_chat", **line)
                    except Refused as refusal:
                        if refusal.code not in PASSING:
                            raise
                    else:
                        return
            await asyncio.sleep(0.1)

    async def sees_and_hears(self, other: Attendee, within_s: float = 20) -> None:
        """Wait for some more of the other's picture and sound than came so far."""
        other_id = other.client.participant_id
        before = self.client.heard.get(other_id, Heard())
        video, audio = before.video_frames + 10, before.audio_frames + 20
        await self.client.decoded(other_id, video=video, audio=audio, within_s=within_s)
