"""Viewers that offer themselves (WHEP): what they are answered, what comes later, and pictures by aiortc."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from foundation.errors import Invalid, NotFound
from media.api import MediaNodes, SubscribeOffered
from media.fake import FakeMediaNodes
from tests.media.conftest import Plane
from tests.media.peers import SETTINGS, Peer, offer_loopback
from tests.media.test_contract import nodes, offers

__all__ = ["nodes", "offers"]  # fixtures


class Screen:
    """A wall screen made with aiortc: it offers to receive, is answered once, and counts what it decodes."""

    def __init__(self, kinds: tuple[str, ...] = ("audio", "video")) -> None:
        offer_loopback()
        self.connection = RTCPeerConnection(SETTINGS)
        for kind in kinds:
            self.connection.addTransceiver(kind, direction="recvonly")
        self.frames: list[int] = []
        self._readers: set[asyncio.Task[None]] = set()
        self.connection.on("track", self._read)

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        sdp: str = self.connection.localDescription.sdp
        return sdp

    async def take(self, answer: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def view(self, nodes: MediaNodes, room_id: str = "r", name: str = "wall") -> str:
        answer = await nodes.view(room_id, name, await self.offer())
        await self.take(answer)
        return answer

    async def decodes(self, *places: int, count: int = 10) -> None:
        """Wait until that many more frames have been decoded in each of these sections."""
        async with asyncio.timeout(20):
            while len(self.frames) <= max(places):
                await asyncio.sleep(0.02)
            goals = {place: self.frames[place] + count for place in places}
            while any(self.frames[place] < goal for place, goal in goals.items()):
                await asyncio.sleep(0.02)

    async def close(self) -> None:
        await self.connection.close()
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)

    def _read(self, track: MediaStreamTrack) -> None:
        place = len(self.frames)
        self.frames.append(0)

        async def read() -> None:
            with suppress(MediaStreamError):
                while True:
                    await track.recv()
                    self.frames[place] += 1

        self._readers.add(asyncio.get_running_loop().create_task(read()))


@pytest.fixture
async def screen() -> AsyncIterator[Screen]:
    screen = Screen()
    yield screen
    await screen.close()


async def test_every_section_is_answered_as_sending(nodes: MediaNodes, screen: Screen) -> None:
    answer = await nodes.view("r", "wall", await screen.offer())
    lines = answer.split("\r\n")
    assert lines.count("a=sendonly") == 2
    assert lines.count("a=setup:passive") == 2
    assert "a=ice-lite" in lines
    assert len({line for line in lines if line.startswith("a=ssrc:") and "cname" in line}) >= 2
    await screen.take(answer)


async def test_a_viewer_is_offered_nothing_anew(nodes: MediaNodes, screen: Screen, offers: list[str]) -> None:
    await nodes.view("r", "wall", await screen.offer())
    events = nodes.events()
    await nodes.publish("r", "a", offers[0], {})
    with pytest.raises(NotFound, match=r"media\.connection_unknown"):
        await nodes.answer("r", "wall", "v=0", 1)
    await nodes.subscribe("r", "b")
    await nodes.publish("r", "c", offers[1], {})
    async with asyncio.timeout(5):
        async for event in events:
            if isinstance(event, SubscribeOffered):
                assert event.participant_id == "b"
                break


async def test_an_ice_restart_keeps_the_session(nodes: MediaNodes, screen: Screen) -> None:
    offer = await screen.offer()
    first = await nodes.view("r", "wall", offer)
    again = await nodes.view("r", "wall", re.sub(r"a=ice-ufrag:\S+", "a=ice-ufrag:otherone", offer))
    another = await nodes.view("r", "wall", re.sub(r"o=- \d+", "o=- 4711", offer))

    def words(answer: str, name: str) -> set[str]:
        return set(re.findall(rf"a={name}:(\S+)", answer))

    assert words(first, "ice-ufrag") != words(again, "ice-ufrag")
    assert re.findall(r"o=- (\d+)", first) == re.findall(r"o=- (\d+)", again)
    assert re.findall(r"o=- (\d+)", first) != re.findall(r"o=- (\d+)", another)
    assert words(first, "ssrc") == words(again, "ssrc")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a=recvonly", "a=sendonly"),
        ("a=setup:actpass", "a=setup:passive"),
        (r"a=rtpmap:(\d+) (VP8|H264|opus)/", r"a=rtpmap:\1 X/"),
        ("v=0", "v=1"),
    ],
)
async def test_an_offer_that_cannot_be_used_changes_nothing(
    nodes: MediaNodes, screen: Screen, old: str, new: str
) -> None:
    offer = await screen.offer()
    with pytest.raises(Invalid, match=r"media\.sdp_invalid"):
        await nodes.view("r", "wall", re.sub(old, new, offer))
    await nodes.view("r", "wall", offer)


async def test_payload_types_are_the_viewers_own(screen: Screen, offers: list[str]) -> None:
    fake = FakeMediaNodes()
    await fake.publish("r", "a", offers[0], {})
    offer = await screen.offer()
    numbers = {number: str(126 - place) for place, number in enumerate(re.findall(r"a=rtpmap:(\d+) VP8", offer))}
    for number, other in numbers.items():
        offer = re.sub(rf"(a=(?:rtpmap|fmtp|rtcp-fb):){number} ", rf"\g<1>{other} ", offer)
        offer = re.sub(rf"(m=video .*SAVPF.*) {number}\b", rf"\g<1> {other}", offer).replace(
            f"apt={number}", f"apt={other}"
        )
    answer = await fake.view("r", "wall", offer)
    assert set(re.findall(r"a=rtpmap:(\d+) VP8", answer)) == set(numbers.values())


async def test_a_screen_sees_what_is_there_and_then_what_takes_its_place(plane: Plane, screen: Screen) -> None:
    doctor, specialist = Peer(plane.nodes, "r", "doctor"), Peer(plane.nodes, "r", "specialist")
    try:
        await doctor.publish()
        await screen.view(plane.nodes)
        await screen.decodes(0, 1)
        await specialist.publish()  # there is no place for it yet
        await screen.decodes(0, 1)
        await plane.nodes.remove("r", "doctor")
        await screen.decodes(0, 1)
    finally:
        for peer in (doctor, specialist):
            await peer.close()


async def test_a_screen_that_came_first_sees_who_comes(plane: Plane, screen: Screen) -> None:
    await screen.view(plane.nodes)
    doctor = Peer(plane.nodes, "r", "doctor")
    try:
        await doctor.publish()
        await screen.decodes(0, 1)
    finally:
        await doctor.close()
