"""Participants made with aiortc: an implementation that shares nothing with the worker's own SDP, ICE and DTLS glue."""

import asyncio
from contextlib import suppress

import aioice.ice
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, MediaStreamTrack, VideoStreamTrack

from foundation.errors import Conflict
from media.api import MediaNodes, SubscribeOffer, SubscribeOffered

SETTINGS = RTCConfiguration(iceServers=[])


def offer_loopback() -> None:
    """aioice leaves 127.0.0.1 out of its candidates, where all the tests' sockets are."""
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


class Peer:
    """A participant with a test picture and silence, who counts what it decodes."""

    def __init__(self, nodes: MediaNodes, room_id: str, name: str) -> None:
        offer_loopback()
        self.nodes = nodes
        self.room_id = room_id
        self.name = name
        self.publishing: RTCPeerConnection | None = None
        self.receiving: RTCPeerConnection | None = None
        self.frames: dict[str, int] = {"audio": 0, "video": 0}
        self.pictures: list[float] = []
        """When each video frame was decoded, in the loop's time."""
        self.offer: SubscribeOffer | None = None
        self._readers: set[asyncio.Task[None]] = set()

    async def publish(self) -> None:
        await self._close(self.publishing)
        connection = self.publishing = RTCPeerConnection(SETTINGS)
        connection.addTrack(AudioStreamTrack())
        connection.addTrack(VideoStreamTrack())
        await connection.setLocalDescription(await connection.createOffer())
        answer = await self.nodes.publish(self.room_id, self.name, connection.localDescription.sdp, {})
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def subscribe(self) -> None:
        await self._close(self.receiving)
        self.receiving = RTCPeerConnection(SETTINGS)
        self.receiving.on("track", self._read)
        await self.take(await self.nodes.subscribe(self.room_id, self.name))

    async def take(self, offer: SubscribeOffer) -> None:
        assert self.receiving is not None
        self.offer = offer
        await self.receiving.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        await self.receiving.setLocalDescription(await self.receiving.createAnswer())
        await self.nodes.answer(self.room_id, self.name, self.receiving.localDescription.sdp, offer.revision)

    async def decodes(self, count: int = 10) -> None:
        """Wait until that many more frames of each kind have been decoded."""
        goal = {kind: frames + count for kind, frames in self.frames.items()}
        async with asyncio.timeout(20):
            while any(self.frames[kind] < frames for kind, frames in goal.items()):
                await asyncio.sleep(0.02)

    async def close(self) -> None:
        await self._close(self.publishing)
        await self._close(self.receiving)
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)

    def _read(self, track: MediaStreamTrack) -> None:
        async def read() -> None:
            with suppress(MediaStreamError):
                while True:
                    await track.recv()
                    self.frames[track.kind] += 1
                    if track.kind == "video":
                        self.pictures.append(asyncio.get_running_loop().time())

        self._readers.add(asyncio.get_running_loop().create_task(read()))

    @staticmethod
    async def _close(connection: RTCPeerConnection | None) -> None:
        if connection is not None:
            await connection.close()


async def relay(nodes: MediaNodes, peers: dict[str, Peer]) -> None:
    """Plays the signalling: hands new offers to their participants."""
    async for event in nodes.events():
        if isinstance(event, SubscribeOffered) and event.participant_id in peers:
            with suppress(Conflict):  # another offer follows
                await peers[event.participant_id].take(event.offer)
