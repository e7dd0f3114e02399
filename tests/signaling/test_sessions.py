"""A sign-in that ends takes its sockets and its media with it."""

from __future__ import annotations

import time

import pytest

from tests.signaling.conftest import Live, eventually, lost, publish_offer


@pytest.mark.parametrize("hint_lost", [False, True])
async def test_a_revoked_session_is_cut_with_its_media_within_five_seconds(
    live: Live, monkeypatch: pytest.MonkeyPatch, hint_lost: bool
) -> None:
    secret = await live.sign_in("lan")
    lan, ha = await live.connect("lan", secret=secret), await live.connect("ha")
    other = await live.connect("lan")
    consult = await live.claimed()
    await lan.join(consult)
    await ha.join(consult)
    offer, sources = await publish_offer()
    await lan.done("publish", consult_id=consult.id, sdp=offer, sources=sources)
    assert (await ha.done("subscribe", consult_id=consult.id))["tracks"]
    if hint_lost:
        monkeypatch.setattr(live.world.bus, "publish", lost)
    session = await live.node.sessions.find(secret)
    assert session is not None
    began = time.monotonic()
    await live.node.sessions.end(session.id, "signed_out")
    told = await lan.next("session_ended", within_s=5)
    assert told["reason"] == ("ended" if hint_lost else "signed_out")
    await eventually(lambda: not lan.socket.connected, 5)
    gone = await ha.next("subscribe_offer", within_s=5)
    assert gone["tracks"] == []
    assert time.monotonic() - began < 5
    await eventually(lambda: "left" in ha.kinds(consult))
    assert other.socket.connected
    assert not other.all("session_ended")


async def test_a_socket_does_not_keep_the_headers_of_its_handshake(live: Live) -> None:
    ha = await live.connect("ha", Accept="text/plain")
    await ha.done("beat")
    kept = live.node.gateway._server.environ
    assert list(kept.values()) == [{}], "ten thousand sockets would hold them for as long as they live"


async def test_a_person_in_a_room_is_not_idle(live: Live) -> None:
    secret = await live.sign_in("lan")
    lan = await live.connect("lan", secret=secret)
    waiting = await live.sign_in("ha")
    await live.connect("ha", secret=waiting)
    consult = await live.claimed()
    await lan.join(consult)
    for minute in range(20):
        live.world.clock.advance(60)
        if minute % 5 == 0:
            await live.node.gateway._watch.look()
    in_room = await live.node.sessions.find(secret)
    idle = await live.node.sessions.find(waiting)
    assert in_room is not None
    assert idle is not None
    assert (in_room.locked, idle.locked) == (False, True)
