"""What every `MediaNodes` does, be it the fake one or a real worker's."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

from foundation.errors import Conflict, Invalid, NotFound, Unavailable
from foundation.tasks import Tasks
from media.api import MediaEvent, MediaNodes, SubscribeOffer, SubscribeOffered
from media.fake import FakeMediaNodes
from tests.media.conftest import Plane
from tests.media.peers import SETTINGS, offer_loopback


@pytest.fixture(params=["fake", "real"])
def nodes(request: pytest.FixtureRequest) -> MediaNodes:
    if request.param == "fake":
        return FakeMediaNodes()
    plane: Plane = request.getfixturevalue("plane")
    return plane.nodes


@pytest.fixture
async def offers() -> AsyncIterator[list[str]]:
    """Two publish offers of two connections, as aiortc writes them."""
    offer_loopback()
    connections = [RTCPeerConnection(SETTINGS) for _ in range(2)]
    for connection in connections:
        connection.addTrack(AudioStreamTrack())
        connection.addTrack(VideoStreamTrack())
        await connection.setLocalDescription(await connection.createOffer())
    yield [connection.localDescription.sdp for connection in connections]
    for connection in connections:
        await connection.close()


async def answer_to(offer: SubscribeOffer) -> str:
    """aiortc's answer; a peer that knows nothing of the worker finds the offer well formed."""
    offer_loopback()
    connection = RTCPeerConnection(SETTINGS)
    await connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
    await connection.setLocalDescription(await connection.createAnswer())
    sdp: str = connection.localDescription.sdp
    await connection.close()
    return sdp


async def next_offer(events: AsyncIterator[MediaEvent]) -> SubscribeOffered:
    async with asyncio.timeout(5):
        async for event in events:
            if isinstance(event, SubscribeOffered):
                return event
    raise AssertionError


async def test_a_publish_offer_is_answered_section_by_section(nodes: MediaNodes, offers: list[str]) -> None:
    answer = await nodes.publish("r", "a", offers[0], {})
    lines = answer.split("\r\n")
    assert answer.endswith("\r\n")
    assert "a=ice-lite" in lines
    assert lines.count("a=recvonly") == 2
    assert lines.count("a=setup:passive") == 2
    assert [line.split()[0] for line in lines if line.startswith("m=")] == ["m=audio", "m=video"]


async def test_an_empty_room_is_offered_with_idle_sections(nodes: MediaNodes) -> None:
    offer = await nodes.subscribe("r", "a")
    assert offer.tracks == ()
    assert offer.sdp.count("a=inactive") == 2
    await nodes.answer("r", "a", await answer_to(offer), offer.revision)


async def test_those_who_come_later_are_offered_what_is_there(nodes: MediaNodes, offers: list[str]) -> None:
    await nodes.publish("r", "a", offers[0], {"0": "stethoscope"})
    offer = await nodes.subscribe("r", "b")
    assert [(t.participant_id, t.kind, t.source, t.mid) for t in offer.tracks] == [
        ("a", "audio", "stethoscope", "0"),
        ("a", "video", "camera", "1"),
    ]
    assert offer.sdp.count("a=sendonly") == 2
    await nodes.answer("r", "b", await answer_to(offer), offer.revision)


async def test_nobody_is_offered_their_own_tracks(nodes: MediaNodes, offers: list[str]) -> None:
    await nodes.publish("r", "a", offers[0], {})
    assert (await nodes.subscribe("r", "a")).tracks == ()


async def test_rooms_know_nothing_of_each_other(nodes: MediaNodes, offers: list[str]) -> None:
    await nodes.publish("r1", "a", offers[0], {})
    assert (await nodes.subscribe("r2", "b")).tracks == ()


async def test_those_who_are_there_are_offered_anew(nodes: MediaNodes, offers: list[str]) -> None:
    first = await nodes.subscribe("r", "b")
    events = nodes.events()
    await nodes.publish("r", "a", offers[0], {})
    event = await next_offer(events)
    assert (event.room_id, event.participant_id, event.offer.revision) == ("r", "b", first.revision + 1)
    assert [track.kind for track in event.offer.tracks] == ["audio", "video"]
    await nodes.answer("r", "b", await answer_to(event.offer), event.offer.revision)


async def test_sections_are_used_again(nodes: MediaNodes, offers: list[str]) -> None:
    await nodes.subscribe("r", "b")
    events = nodes.events()
    await nodes.publish("r", "a", offers[0], {})
    await next_offer(events)
    await nodes.remove("r", "a")
    assert (await next_offer(events)).offer.tracks == ()
    await nodes.publish("r", "c", offers[1], {})
    again = (await next_offer(events)).offer
    assert [(track.participant_id, track.mid) for track in again.tracks] == [("c", "0"), ("c", "1")]
    assert again.sdp.count("\r\nm=") == 2


async def test_another_connection_replaces_the_first(nodes: MediaNodes, offers: list[str]) -> None:
    await nodes.publish("r", "a", offers[0], {})
    before = await nodes.subscribe("r", "b")
    events = nodes.events()
    await nodes.publish("r", "a", offers[1], {})
    after = (await next_offer(events)).offer
    assert len(after.tracks) == 2
    assert {t.track_id for t in after.tracks}.isdisjoint(t.track_id for t in before.tracks)


async def test_the_same_connection_keeps_its_tracks(nodes: MediaNodes, offers: list[str]) -> None:
    await nodes.publish("r", "a", offers[0], {})
    before = await nodes.subscribe("r", "b")
    await nodes.publish("r", "a", offers[0], {})
    after = await nodes.subscribe("r", "b")
    assert [t.track_id for t in after.tracks] == [t.track_id for t in before.tracks]
    assert after.revision == before.revision + 1


async def test_a_source_is_kept_until_it_is_named_anew(nodes: MediaNodes, offers: list[str]) -> None:
    await nodes.publish("r", "a", offers[0], {"0": "stethoscope"})
    before = await nodes.subscribe("r", "b")
    await nodes.publish("r", "a", offers[0], {})
    same = await nodes.subscribe("r", "b")
    assert same.tracks == before.tracks
    await nodes.publish("r", "a", offers[0], {"0": "microphone"})
    after = await nodes.subscribe("r", "b")
    assert [track.source for track in after.tracks] == ["microphone", "camera"]
    assert after.tracks[1].track_id == before.tracks[1].track_id


async def test_a_stale_answer_is_refused(nodes: MediaNodes, offers: list[str]) -> None:
    offer = await nodes.subscribe("r", "b")
    sdp = await answer_to(offer)
    await nodes.publish("r", "a", offers[0], {})
    with pytest.raises(Conflict) as refused:
        await nodes.answer("r", "b", sdp, offer.revision)
    assert refused.value.code == "media.revision_stale"


async def test_an_answer_to_nothing_is_refused(nodes: MediaNodes, offers: list[str]) -> None:
    await nodes.publish("r", "a", offers[0], {})
    for participant in ("a", "nobody"):
        with pytest.raises(NotFound) as refused:
            await nodes.answer("r", participant, "v=0\r\n", 1)
        assert refused.value.code == "media.connection_unknown"


@pytest.mark.parametrize(
    "sdp",
    [
        "",
        "nonsense",
        "v=0\r\n",
        "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n",
        "v=0\r\n" + "a=x\r\n" * 30_000,
        "\x00",
        "é",
    ],
)
async def test_broken_descriptions_are_refused(nodes: MediaNodes, sdp: str) -> None:
    offer = await nodes.subscribe("r", "a")
    with pytest.raises(Invalid) as refused:
        await nodes.publish("r", "a", sdp, {})
    assert refused.value.code == "media.sdp_invalid"
    with pytest.raises(Invalid) as refused:
        await nodes.answer("r", "a", sdp, offer.revision)
    assert refused.value.code == "media.sdp_invalid"
    await nodes.answer("r", "a", await answer_to(offer), offer.revision)


async def test_a_full_room_admits_nobody_more(nodes: MediaNodes) -> None:
    for number in range(16):
        await nodes.subscribe("r", str(number))
    with pytest.raises(Conflict) as refused:
        await nodes.subscribe("r", "one too many")
    assert refused.value.code == "media.room_full"
    await nodes.remove("r", "0")
    await nodes.subscribe("r", "one too many")


async def test_closing_a_room_forgets_everyone(nodes: MediaNodes, offers: list[str]) -> None:
    await nodes.publish("r", "a", offers[0], {})
    offer = await nodes.subscribe("r", "b")
    await nodes.close_room("r")
    with pytest.raises(NotFound):
        await nodes.answer("r", "b", await answer_to(offer), offer.revision)
    assert (await nodes.subscribe("r", "b")).tracks == ()


async def test_the_unknown_is_ignored_where_it_does_no_harm(nodes: MediaNodes) -> None:
    await nodes.remove("r", "nobody")
    await nodes.close_room("r")


async def test_it_says_whether_it_is_ready(nodes: MediaNodes) -> None:
    assert await nodes.ready()


async def test_without_a_worker_it_is_not_available() -> None:
    fake = FakeMediaNodes()
    fake.admits = False
    assert not await fake.ready()
    with pytest.raises(Unavailable) as refused:
        await fake.subscribe("r", "a")
    assert refused.value.code == "media.unavailable"


async def test_with_its_worker_stopped_it_is_not_available(plane: Plane, tasks: Tasks) -> None:
    await plane.child.stop()
    assert not await plane.nodes.ready()
    with pytest.raises(Unavailable) as refused:
        await plane.nodes.subscribe("r", "a")
    assert refused.value.code == "media.unavailable"
