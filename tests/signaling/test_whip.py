"""WHIP and WHEP as HTTP: every answer that RFC 9725 names, over the fake media plane and, once, over a consult."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from aiortc import RTCPeerConnection
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

from consult_rooms.devices import Devices, DeviceScope
from foundation.audit import Audit
from foundation.bus import Bus
from foundation.clock import FakeClock
from foundation.database import Database
from foundation.sealing import Sealer
from foundation.tasks import Tasks
from media.api import ConnectionState, NoRelays, Relays
from media.fake import FakeMediaNodes
from media.turn import TurnServers
from signaling import sdp_fragment
from signaling.doors import ConsultDoor, Door
from signaling.open_door import OpenDoor
from signaling.whip import WhipEdge
from tests.conftest import languages
from tests.consult_rooms.conftest import build, seed
from tests.media.peers import SETTINGS, offer_loopback
from tests.signaling.conftest import TURN_URLS

TOKEN = "a-token-for-tests"
FRAGMENT = sdp_fragment.CONTENT_TYPE
OTHER = "https://screens.example.vn"


async def offer_of(way: str) -> str:
    """An offer of aiortc to publish or to receive sound and picture."""
    offer_loopback()
    connection = RTCPeerConnection(SETTINGS)
    if way == "whip":
        connection.addTrack(AudioStreamTrack())
        connection.addTrack(VideoStreamTrack())
    else:
        connection.addTransceiver("audio", direction="recvonly")
        connection.addTransceiver("video", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    sdp: str = connection.localDescription.sdp
    await connection.close()
    return sdp


class Caller:
    """A device that speaks HTTP to an edge."""

    def __init__(self, media: FakeMediaNodes, door: Door, relays: Relays, bus: Bus | None = None) -> None:
        self.media = media
        self.tasks = Tasks()
        self.edge = WhipEdge(door, media, relays, languages(), self.tasks, bus, origins=(OTHER,))
        application = web.Application()
        self.edge.attach(application)
        self.client = TestClient(TestServer(application))
        self.token = TOKEN

    async def start(self) -> None:
        await self.client.start_server()
        self.edge.start()

    async def close(self) -> None:
        await self.client.close()
        await self.tasks.close()

    async def call(self, method: str, path: str, body: str | None = None, **headers: str) -> ClientResponse:
        given = {"Authorization": f"Bearer {self.token}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return await self.client.request(
            method, path, data=None if body is None else body.encode(), headers={k: v for k, v in given.items() if v}
        )

    async def begin(self, way: str, room: str = "r") -> ClientResponse:
        response = await self.call("POST", f"/{way}/{room}", await offer_of(way), Content_Type="application/sdp")
        assert response.status == 201, await response.text()
        return response


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    caller = Caller(FakeMediaNodes(), OpenDoor(TOKEN), NoRelays())
    await caller.start()
    yield caller
    await caller.close()


async def refused(response: ClientResponse, status: int, code: str) -> dict[str, Any]:
    assert response.status == status, await response.text()
    assert response.content_type == "application/problem+json"
    problem: dict[str, Any] = await response.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["title"]
    return problem


@pytest.mark.parametrize("way", ["whip", "whep"])
async def test_a_session_begins_and_is_deleted(caller: Caller, way: str) -> None:
    response = await caller.begin(way)
    assert response.content_type == "application/sdp"
    assert (await response.text()).count("a=recvonly" if way == "whip" else "a=sendonly") == 2
    assert re.fullmatch(r'"[0-9a-f]{16}"', response.headers["ETag"])
    assert response.headers["Accept-Patch"] == FRAGMENT
    session = response.headers["Location"]
    assert session.startswith(f"/{way}/r/")
    assert "Link" not in response.headers
    # An entity tag has no meaning here and is ignored (§4.3.1).
    assert (await caller.call("DELETE", session, If_Match='"other"')).status == 200
    await refused(await caller.call("DELETE", session), 404, "device.session_unknown")
    await refused(await caller.call("PATCH", session, "a=x", Content_Type=FRAGMENT), 404, "device.session_unknown")


async def test_what_is_published_is_viewed(caller: Caller) -> None:
    publisher = await caller.begin("whip")
    first = await caller.media.subscribe("r", "somebody")
    assert [track.kind for track in first.tracks] == ["audio", "video"]
    viewer = await (await caller.begin("whep")).text()
    assert all(track.track_id in viewer for track in first.tracks)
    await caller.call("DELETE", publisher.headers["Location"])
    assert (await caller.media.subscribe("r", "somebody")).tracks == ()


async def test_relays_are_named_in_links(clock: FakeClock) -> None:
    relays = TurnServers(TURN_URLS, "a secret", timedelta(hours=12), clock)
    caller = Caller(FakeMediaNodes(), OpenDoor(TOKEN), relays)
    await caller.start()
    try:
        links = (await caller.begin("whip")).headers.getall("Link")
    finally:
        await caller.close()
    assert len(links) == len(TURN_URLS)
    for url, link in zip(TURN_URLS, links, strict=True):
        assert link.startswith(f'<{url}>; rel="ice-server"; username="')
        assert 'credential-type="password"' in link


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer x y", "Basic Zm9v", "Bearer wrong", "Bearer é"])
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
async def test_nothing_without_the_token(caller: Caller, method: str, authorization: str) -> None:
    path = "/whip/r" if method == "POST" else (await caller.begin("whip")).headers["Location"]
    response = await caller.call(method, path, "v=0", Authorization=authorization, Content_Type="application/sdp")
    assert response.status == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert (await response.json())["code"] in ("device.token", "device.token_needed")


async def test_sessions_of_one_room_and_way_are_not_those_of_another(caller: Caller) -> None:
    session = (await caller.begin("whip")).headers["Location"].rpartition("/")[2]
    for path in (f"/whip/other/{session}", f"/whep/r/{session}", "/whip/r/unknown"):
        await refused(await caller.call("DELETE", path), 404, "device.session_unknown")


@pytest.mark.parametrize("path", ["/whip/r", "/whep/r", "/whip/r/s"])
async def test_methods_without_meaning(caller: Caller, path: str) -> None:
    for method in ("GET", "HEAD"):
        response = await caller.call(method, path)
        assert (response.status, await response.read()) == (204, b"")
    for method in ("PUT", "POST" if path.endswith("/s") else "PATCH", "LOCK"):
        problem = await caller.call(method, path, "x", Content_Type="application/sdp")
        await refused(problem, 405, "request.method")
        assert "POST" in problem.headers["Allow"]


async def test_bodies_that_are_refused(caller: Caller) -> None:
    problem = await caller.call("POST", "/whip/r", "{}", Content_Type="application/json")
    await refused(problem, 415, "request.content_type")
    assert problem.headers["Accept-Post"] == "application/sdp"
    for body in ("", "v=0", "hello", "v=0\r\n" * 1000, await offer_of("whip") + "x"):
        problem = await caller.call("POST", "/whip/r", body, Content_Type="application/sdp")
        assert (await refused(problem, 422, "media.sdp_invalid"))["reason"]
    too_large = await caller.call("POST", "/whip/r", "a" * 70_000, Content_Type="application/sdp")
    await refused(too_large, 413, "request.too_large")
    await refused(await caller.call("POST", "/whip/%20", "v=0", Content_Type="application/sdp"), 404, "room.name")
    session = (await caller.begin("whip")).headers["Location"]
    problem = await caller.call("PATCH", session, "x", Content_Type="application/sdp", If_Match="*")
    await refused(problem, 415, "request.content_type")
    assert problem.headers["Accept-Patch"] == FRAGMENT
    for body in ("", "hello", "a=ice-ufrag:abcd", "a=ice-ufrag:abcd\na=ice-ufrag:efgh\na=ice-pwd:" + "x" * 24, "a=\0"):
        problem = await caller.call("PATCH", session, body, Content_Type=FRAGMENT, If_Match="*")
        await refused(problem, 422, "sdp.fragment_invalid")


async def test_half_a_source_is_refused(caller: Caller) -> None:
    offer = re.sub(r"a=rtpmap:(\d+) (VP8|H264)/", r"a=rtpmap:\1 AV9/", await offer_of("whip"))
    response = await caller.call("POST", "/whip/r", offer, Content_Type="application/sdp")
    await refused(response, 422, "media.section_refused")
    assert (await caller.media.subscribe("r", "somebody")).tracks == ()


async def test_a_full_plane_says_when_to_come_again(caller: Caller) -> None:
    caller.media.admits = False
    problem = await caller.call("POST", "/whip/r", await offer_of("whip"), Content_Type="application/sdp")
    await refused(problem, 503, "media.unavailable")
    assert int(problem.headers["Retry-After"]) > 0


@pytest.mark.parametrize("way", ["whip", "whep"])
async def test_trickled_candidates_are_taken(caller: Caller, way: str) -> None:
    offer = await offer_of(way)
    begun = await caller.call("POST", f"/{way}/r", offer, Content_Type="application/sdp")
    session, tag = begun.headers["Location"], begun.headers["ETag"]
    own = sdp_fragment.credentials(offer)
    fragment = (
        f"a=ice-ufrag:{own.ufrag}\r\na=ice-pwd:{own.password}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
        "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n"
    )
    for body in (fragment, fragment.partition("m=")[2].join(["m=", ""])):
        for match in (tag, "*", '"*"'):
            response = await caller.call("PATCH", session, body, Content_Type=FRAGMENT, If_Match=match)
            assert (response.status, await response.read()) == (204, b"")
            assert "ETag" not in response.headers
    await refused(await caller.call("PATCH", session, fragment, Content_Type=FRAGMENT), 428, "session.tag_needed")
    old = await caller.call("PATCH", session, fragment, Content_Type=FRAGMENT, If_Match='"old"')
    await refused(old, 412, "session.tag_old")


@pytest.mark.parametrize("way", ["whip", "whep"])
async def test_ice_is_restarted(caller: Caller, way: str) -> None:
    begun = await caller.begin(way)
    session, tag = begun.headers["Location"], begun.headers["ETag"]
    before = sdp_fragment.credentials(await begun.text())
    fragment = "a=ice-ufrag:newone\r\na=ice-pwd:" + "p" * 24 + "\r\n"
    response = await caller.call("PATCH", session, fragment, Content_Type=FRAGMENT, If_Match="*")
    assert (response.status, response.content_type) == (200, FRAGMENT)
    answer = await response.text()
    after = sdp_fragment.credentials(answer)
    assert after.ufrag != before.ufrag
    assert after.password != before.password
    assert "a=candidate:" in answer
    assert answer.count("m=") == 1
    renewed = response.headers["ETag"]
    assert renewed != tag
    # The same again is no restart, and what the old tag speaks of is over.
    assert (await caller.call("PATCH", session, fragment, Content_Type=FRAGMENT, If_Match=renewed)).status == 204
    await refused(
        await caller.call("PATCH", session, fragment, Content_Type=FRAGMENT, If_Match=tag), 412, "session.tag_old"
    )
    assert (await caller.call("DELETE", session)).status == 200


@pytest.mark.parametrize("way", ["whip", "whep"])
async def test_a_connection_that_is_gone_is_not_restarted(caller: Caller, way: str) -> None:
    session = (await caller.begin(way)).headers["Location"]
    caller.media.lose()  # without telling anybody: the worker died and nobody has noticed
    fragment = "a=ice-ufrag:newone\r\na=ice-pwd:" + "p" * 24 + "\r\n"
    response = await caller.call("PATCH", session, fragment, Content_Type=FRAGMENT, If_Match="*")
    await refused(response, 404, "device.session_unknown")
    assert (await caller.media.subscribe("r", "somebody")).tracks == ()


async def test_sessions_end_with_their_connection_and_their_worker(caller: Caller) -> None:
    one, two = [(await caller.begin("whip", room)).headers["Location"] for room in ("r", "s")]
    caller.media.connect(ConnectionState.CLOSED)

    async def gone(session: str) -> bool:
        return (await caller.call("PATCH", session, "a=x", Content_Type=FRAGMENT, If_Match="*")).status == 404

    assert await gone(one)
    assert await gone(two)
    three = (await caller.begin("whip")).headers["Location"]
    caller.media.lose("r")
    assert await gone(three)


async def test_pages_of_named_sites_may_call(caller: Caller) -> None:
    asked = {"Access_Control_Request_Method": "POST", "Authorization": ""}
    allowed = await caller.call("OPTIONS", "/whip/r", Origin=OTHER, **asked)
    assert allowed.status == 200
    assert allowed.headers["Accept-Post"] == "application/sdp"
    assert allowed.headers["Access-Control-Allow-Origin"] == OTHER
    assert {"Authorization", "Content-Type", "If-Match"} == set(
        allowed.headers["Access-Control-Allow-Headers"].split(", ")
    )
    foreign = await caller.call("OPTIONS", "/whip/r", Origin="https://elsewhere.example", **asked)
    assert foreign.status == 200
    assert not [name for name in foreign.headers if name.startswith("Access-Control")]
    response = await caller.call(
        "POST", "/whip/r", await offer_of("whip"), Content_Type="application/sdp", Origin=OTHER
    )
    assert {"Location", "ETag", "Link"} <= set(response.headers["Access-Control-Expose-Headers"].split(", "))
    refusal = await caller.call("POST", "/whip/r", "", Origin=OTHER)
    assert refusal.headers["Access-Control-Allow-Origin"] == OTHER, "a page reads refusals too"


async def test_errors_speak_the_clients_language(caller: Caller) -> None:
    for language, word in (("en", "bearer"), ("vi", "Cần"), ("", "Cần")):
        problem = await caller.call("POST", "/whip/r", "", Authorization="", Accept_Language=language)
        assert word in (await problem.json())["title"]


async def test_a_consults_link_publishes_under_its_name_until_it_is_revoked(
    sqlite_database: Database, clock: FakeClock, bus: Bus, sealer: Sealer
) -> None:
    world = await build(sqlite_database, clock, bus, sealer, await seed(sqlite_database))
    devices = Devices(world.database, world.store, Audit(world.database), bus)
    consult = await world.ask()
    await world.answers.accept(world["ha"], consult.id)
    publish, secret = await devices.create(
        world["lan"], consult.id, name="Máy siêu âm", scope=DeviceScope.PUBLISH, hours=1
    )
    _, screen = await devices.create(world["ha"], consult.id, name="Màn hình", scope=DeviceScope.VIEW, hours=1)
    media = FakeMediaNodes()
    caller = Caller(media, ConsultDoor(devices), NoRelays(), bus)
    await caller.start()
    try:
        caller.token = secret
        session = (await caller.begin("whip", consult.id)).headers["Location"]
        tracks = (await media.subscribe(consult.id, "somebody")).tracks
        assert {(track.participant_id, track.source) for track in tracks} == {(publish.id, "device:Máy siêu âm")}
        offer = await offer_of("whip")
        foreign = await caller.call("POST", "/whip/con_" + "0" * 32, offer, Content_Type="application/sdp")
        await refused(foreign, 404, "consult.unknown")
        wrong = await caller.call("POST", f"/whep/{consult.id}", offer, Content_Type="application/sdp")
        await refused(wrong, 403, "device.scope")
        # A second offer of the same device takes the place of the first, as after its restart.
        again = (await caller.begin("whip", consult.id)).headers["Location"]
        assert again != session
        await refused(await caller.call("DELETE", session), 404, "device.session_unknown")
        assert len((await media.subscribe(consult.id, "somebody")).tracks) == 2
        caller.token = screen
        await caller.begin("whep", consult.id)
        await devices.revoke(world["ha"], consult.id, publish.id)
        async with asyncio.timeout(4):  # the hint of the revocation, not the look every five seconds
            while (await media.subscribe(consult.id, "somebody")).tracks:
                await asyncio.sleep(0.01)
        caller.token = secret
        await refused(await caller.call("DELETE", again), 401, "device.token")
        await world.rooms.end(world["ha"], consult.id)
        caller.token = screen
        late = await caller.call("POST", f"/whep/{consult.id}", offer, Content_Type="application/sdp")
        await refused(late, 409, "consult.ended")
    finally:
        await caller.close()
