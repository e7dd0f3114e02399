"""Calls between aiortc's peer connections through a real worker process."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable

import pytest

from foundation.errors import Conflict, Invalid
from foundation.tasks import Tasks
from media.api import ConnectionChanged, ConnectionState, Direction, MediaEvent, RoomLost, SubscribeOffered
from tests.media.conftest import Plane
from tests.media.peers import Peer, relay

ROOM = "room"


@pytest.fixture
async def call(plane: Plane, tasks: Tasks) -> AsyncIterator[Callable[[str], Peer]]:
    """Makes peers of one room, whose offers are handed on and who hang up in the end."""
    peers: dict[str, Peer] = {}

    def join(name: str) -> Peer:
        peers[name] = Peer(plane.nodes, ROOM, name)
        return peers[name]

    tasks.start("relay", relay(plane.nodes, peers))
    yield join
    await asyncio.gather(*(peer.close() for peer in peers.values()))


async def until(events: AsyncIterator[MediaEvent], wanted: Callable[[MediaEvent], bool]) -> MediaEvent:
    async with asyncio.timeout(15):
        async for event in events:
            if wanted(event):
                return event
    raise AssertionError


async def test_both_sides_decode_the_other(call: Callable[[str], Peer]) -> None:
    a, b = call("a"), call("b")
    for peer in (a, b):
        await peer.subscribe()
        await peer.publish()
    await asyncio.gather(a.decodes(), b.decodes())


async def test_a_late_joiner_gets_a_key_frame_at_once(call: Callable[[str], Peer]) -> None:
    a, b = call("a"), call("b")
    await a.publish()
    await asyncio.sleep(2)  # the first key frame has long gone by
    began = asyncio.get_running_loop().time()
    await b.subscribe()
    await b.decodes(1)
    assert b.pictures[0] - began < 2


async def test_leaving_takes_the_tracks_away(call: Callable[[str], Peer], plane: Plane) -> None:
    a, b = call("a"), call("b")
    await a.publish()
    await b.subscribe()
    assert b.offer is not None
    assert [(track.kind, track.source, track.participant_id) for track in b.offer.tracks] == [
        ("audio", "microphone", "a"),
        ("video", "camera", "a"),
    ]
    events = plane.nodes.events()
    await plane.nodes.remove(ROOM, "a")
    event = await until(events, lambda event: isinstance(event, SubscribeOffered))
    assert isinstance(event, SubscribeOffered)
    assert event.participant_id == "b"
    assert event.offer.tracks == ()
    assert event.offer.sdp.count("a=inactive") == 2


async def test_a_new_publish_connection_replaces_the_old(call: Callable[[str], Peer]) -> None:
    a, b = call("a"), call("b")
    await a.publish()
    await b.subscribe()
    await b.decodes()
    await a.publish()
    await b.decodes(30)
    assert b.offer is not None
    assert len(b.offer.tracks) == 2


async def test_a_stale_answer_is_refused(call: Callable[[str], Peer], plane: Plane) -> None:
    b = call("b")
    await b.subscribe()
    assert b.receiving is not None
    sdp = b.receiving.localDescription.sdp
    await plane.nodes.subscribe(ROOM, "b")
    with pytest.raises(Conflict) as refused:
        await plane.nodes.answer(ROOM, "b", sdp, 1)
    assert refused.value.code == "media.revision_stale"


async def test_an_answer_with_another_certificate_gets_no_media(call: Callable[[str], Peer], plane: Plane) -> None:
    a, b = call("a"), call("b")
    await a.publish()
    events = plane.nodes.events()
    await b.subscribe()
    await until(events, lambda e: isinstance(e, ConnectionChanged) and e.participant_id == "b")
    assert b.receiving is not None
    assert b.offer is not None
    forged = "\r\n".join(
        "a=fingerprint:sha-256 " + ":".join(["00"] * 32) if line.startswith("a=fingerprint:sha-256") else line
        for line in b.receiving.localDescription.sdp.splitlines()
        if not line.startswith(("a=fingerprint:sha-384", "a=fingerprint:sha-512"))
    )
    with pytest.raises(Invalid) as refused:
        await plane.nodes.answer(ROOM, "b", forged, b.offer.revision)
    assert refused.value.code == "media.sdp_invalid"


async def test_hanging_up_is_told(call: Callable[[str], Peer], plane: Plane) -> None:
    a, b = call("a"), call("b")
    events = plane.nodes.events()
    await b.subscribe()
    await a.publish()
    await b.decodes(1)
    assert a.publishing is not None
    await a.publishing.close()

    def closed(event: MediaEvent) -> bool:
        return (
            isinstance(event, ConnectionChanged)
            and (event.participant_id, event.direction) == ("a", Direction.PUBLISH)
            and event.state is not ConnectionState.CONNECTED
        )

    await until(events, closed)


async def test_a_killed_worker_loses_its_rooms_and_comes_back(call: Callable[[str], Peer], plane: Plane) -> None:
    a, b = call("a"), call("b")
    await a.publish()
    await b.subscribe()
    await b.decodes(1)
    events = plane.nodes.events()
    killed = plane.child.pid
    assert killed is not None
    began = asyncio.get_running_loop().time()
    os.kill(killed, signal.SIGKILL)
    lost = await until(events, lambda event: isinstance(event, RoomLost))
    assert lost.room_id == ROOM
    assert asyncio.get_running_loop().time() - began < 1
    await b.subscribe()  # waits for the worker that is starting again
    await a.publish()
    await b.decodes(10)
    assert plane.child.pid != killed
