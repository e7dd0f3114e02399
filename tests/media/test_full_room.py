"""Eight in one room: two Chromiums, and six peers who replay packets. Everybody sees the seven others."""

import asyncio
import secrets
import struct
import time
from contextlib import suppress
from fractions import Fraction
from typing import Any

import av
from av.video.codeccontext import VideoCodecContext
from playwright.async_api import Browser, Error

from bench.load.descriptions import offer
from bench.load.peer import Identity, Peer
from foundation.tasks import Tasks
from media.aiortc_seam import AES_128_GCM, PacketBuffer, SrtpSession
from media.api import SubscribeOffer, SubscribeOffered
from tests.media.conftest import Plane
from tests.media.test_chromium import ROOM, Visitor, browser

__all__ = ["browser"]

RATE = 10
SILENCE = bytes.fromhex("f8fffe")
"""An Opus frame of 20 ms in which nothing is heard."""


def film(shade: int) -> list[bytes]:
    """A second of VP8, 160×120, one key frame: each peer's picture has a shade of its own."""
    codec = av.CodecContext.create("libvpx", "w")
    assert isinstance(codec, VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = 160, 120, "yuv420p"
    codec.time_base, codec.bit_rate, codec.gop_size = Fraction(1, RATE), 60_000, RATE
    codec.options = {"deadline": "realtime", "cpu_used": "-6", "lag-in-frames": "0", "auto-alt-ref": "0"}
    frames: list[bytes] = []
    for number in range(RATE):
        frame = av.VideoFrame(160, 120, "yuv420p")
        for plane, value in zip(frame.planes, (shade + number, 128, 128), strict=True):
            plane.update(bytes((value & 255,)) * plane.buffer_size)
        frame.pts = number
        frames += [bytes(packet) for packet in codec.encode(frame)]
    return frames


class Replayer:
    """A publisher without a camera: it sends the same second again and again."""

    def __init__(self, identity: Identity, name: str, shade: int) -> None:
        self.name = name
        self.peer = Peer(identity, transport_feedback=False)
        self._film = film(shade)
        self._buffer = PacketBuffer()
        self._numbers = {"audio": secrets.randbits(15), "video": secrets.randbits(15)}

    async def run(self, plane: Plane) -> None:
        answer = await plane.nodes.publish(ROOM, self.name, offer(self.peer._local, self.peer._sources), {})
        self.peer.take_answer(answer)
        keys = await asyncio.to_thread(self.peer.connect)
        srtp = SrtpSession(AES_128_GCM, keys.receive, keys.send)
        began = time.monotonic()
        frame = 0
        while True:
            body = b"\x90\x80" + (0x8000 | frame & 0x7FFF).to_bytes(2, "big") + self._film[frame % RATE]
            for at in range(0, len(body), 1_100):
                piece = body[at : at + 1_100]
                last = at + 1_100 >= len(body)
                if at:
                    piece = b"\x80\x80" + body[2:4] + piece
                self._send(srtp, "video", 96 | 0x80 * last, frame * 90_000 // RATE, piece)
            for part in range(5):
                self._send(srtp, "audio", 111, (5 * frame + part) * 960, SILENCE)
            if frame % 20 == 0:
                self.peer.check_consent()
            frame += 1
            await asyncio.sleep(max(0.0, began + frame / RATE - time.monotonic()))

    def _send(self, srtp: SrtpSession, kind: str, second: int, timestamp: int, payload: bytes) -> None:
        self._numbers[kind] = number = self._numbers[kind] + 1 & 0xFFFF
        ssrc = getattr(self.peer._sources, kind)
        self._buffer.put(0, struct.pack("!BBHLL", 0x80, second, number, timestamp & 0xFFFFFFFF, ssrc) + payload)
        length = srtp.seal_rtp(self._buffer, 12 + len(payload))
        with suppress(OSError):  # the worker has gone at the end of the test
            self.peer.socket.send(self._buffer.view[:length])


async def test_eight_people_see_each_other(browser: Browser, plane: Plane, tasks: Tasks) -> None:
    identity = Identity()
    visitors = {name: await Visitor.enter(browser, name, plane) for name in ("a", "b")}

    offers: dict[str, asyncio.Queue[SubscribeOffer]] = {name: asyncio.Queue() for name in visitors}

    async def signalling() -> None:
        async for event in plane.nodes.events():
            if isinstance(event, SubscribeOffered) and event.participant_id in offers:
                offers[event.participant_id].put_nowait(event.offer)

    async def take(visitor: Visitor) -> None:
        waiting = offers[visitor.name]
        waiting.put_nowait(await plane.nodes.subscribe(ROOM, visitor.name))
        while True:
            offer = await waiting.get()
            while not waiting.empty():
                offer = max(offer, waiting.get_nowait(), key=lambda one: one.revision)
            with suppress(Error):  # stale: people come faster than browsers answer, and another offer follows
                await visitor.take(offer)

    tasks.start("signalling", signalling())
    replayers = [Replayer(identity, f"r{number}", 40 + 30 * number) for number in range(6)]
    for replayer in replayers:
        tasks.start(replayer.name, replayer.run(plane))
    for visitor in visitors.values():
        tasks.start(f"offers to {visitor.name}", take(visitor))
        await visitor.page.evaluate("publish()")

    def sees_seven(seen: dict[str, Any]) -> bool:
        return len([video for video in seen["video"] if video["frames"] >= 15]) >= 7

    for visitor in visitors.values():
        seen = await visitor.until(sees_seven)
        assert len({video["mid"] for video in seen["video"]}) == 7
        assert len(seen["audio"]) == 7
    for replayer in replayers:
        replayer.peer.close()
