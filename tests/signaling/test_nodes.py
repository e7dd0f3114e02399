"""Two nodes over one store and one bus, in-process and Redis: what happens on one is told on the other."""

from __future__ import annotations

import asyncio

from signaling.room_members import GRACE_S, SWEEP_S
from tests.signaling.conftest import Live, eventually, publish_offer


async def test_rings_claims_and_chat_cross_nodes(pair: Live) -> None:
    here, there = pair.nodes
    lan, ha = await pair.connect("lan", node=here), await pair.connect("ha", node=there)
    ha_here = await pair.connect("ha", node=here)
    consult = await pair.world.ask()
    await lan.done("watch_consult", consult_id=consult.id)
    await ha.next("ring")
    await ha.done("accept_offer", consult_id=consult.id)
    assert (await ha_here.next("ring_stopped"))["by_name"] == "BS. Hà"
    await eventually(lambda: "claimed" in lan.kinds(consult))
    await lan.join(consult)
    await ha.join(consult)
    await eventually(lambda: all(p["connected"] for p in lan.all("room")[-1]["participants"]))
    await lan.done("send_chat", consult_id=consult.id, text="Nghe rõ không?", client_id="client-001")
    assert (await ha.next("chat"))["text"] == "Nghe rõ không?"
    await lan.done("set_media", consult_id=consult.id, audio=False, video=True)
    await eventually(lambda: any(not p["audio"] for p in ha.all("room")[-1]["participants"]))
    numbers = lan.numbers(consult)
    await asyncio.sleep(1.1)
    assert numbers == sorted(set(lan.numbers(consult)))


async def test_media_offers_reach_the_participant_on_the_other_node(pair: Live) -> None:
    here, there = pair.nodes
    lan, ha = await pair.connect("lan", node=here), await pair.connect("ha", node=there)
    consult = await pair.claimed()
    await lan.join(consult)
    await ha.join(consult)
    await ha.done("subscribe", consult_id=consult.id)
    offer, sources = await publish_offer()
    await lan.done("publish", consult_id=consult.id, sdp=offer, sources=sources)
    assert len((await ha.next("subscribe_offer"))["tracks"]) == 2
    await asyncio.sleep(0.1)
    assert len(ha.all("subscribe_offer")) == 1
    await ha.done("end_consult", consult_id=consult.id)
    await lan.next("consult", consult_id=consult.id, state="ended")


async def test_a_second_tab_on_another_node_takes_over(pair: Live) -> None:
    here, there = pair.nodes
    lan, ha = await pair.connect("lan", node=here), await pair.connect("ha", node=here)
    consult = await pair.claimed()
    await lan.join(consult)
    await ha.join(consult)
    pair.world.clock.advance(5)
    second = await pair.connect("lan", node=there)
    await second.join(consult, tab="another-tab")
    await lan.next("taken_over", consult_id=consult.id)
    assert (await lan.error("leave_room", consult_id=consult.id))["code"] == "room.not_joined"
    await lan.socket.disconnect()
    pair.world.clock.advance(GRACE_S + 1)
    await asyncio.sleep(0.7)
    assert "left" not in await pair.world.kinds(consult)
    assert not second.all("taken_over")


async def test_a_reconnect_to_another_node_is_no_leave(pair: Live) -> None:
    here, there = pair.nodes
    lan, ha = await pair.connect("lan", node=here), await pair.connect("ha", node=here)
    consult = await pair.claimed()
    before = await lan.join(consult)
    await ha.join(consult)
    await lan.socket.disconnect()
    back = await pair.connect("lan", node=there)
    assert (await back.join(consult))["participant_id"] == before["participant_id"]
    for _ in range(4):
        pair.world.clock.advance(GRACE_S / 2)
        await back.done("beat")
        await asyncio.sleep(0.6)
    assert "left" not in await pair.world.kinds(consult)
    people = {person["staff_name"]: person["connected"] for person in (await ha.join(consult))["participants"]}
    assert people == {"BS. Lan": True, "BS. Hà": True}


async def test_joins_on_two_nodes_at_once_leave_one_of_them(pair: Live) -> None:
    here, there = pair.nodes
    tabs = [await pair.connect("lan", node=here), await pair.connect("lan", node=there)]
    consult = await pair.claimed()
    await asyncio.gather(tabs[0].join(consult, tab="tab-of-here"), tabs[1].join(consult, tab="tab-of-there"))
    await eventually(lambda: sum(bool(tab.all("taken_over")) for tab in tabs) == 1)
    await asyncio.sleep(0.2)
    assert sum(bool(tab.all("taken_over")) for tab in tabs) == 1


async def test_a_node_that_stops_hangs_up_without_a_farewell(live: Live) -> None:
    """Socket.IO protocol 5: after the packet DISCONNECT a client stays away; after a broken line it comes back."""
    reasons: list[str] = []
    for transport in ("websocket", "polling"):
        lan = await live.connect("lan", transport=transport)
        lan.socket.on("disconnect", reasons.append)
    await live.node.gateway.close()
    await eventually(lambda: len(reasons) == 2)
    assert "server disconnect" not in reasons


async def test_a_session_that_ends_is_cut_on_every_node(pair: Live) -> None:
    secret = await pair.sign_in("lan")
    tabs = [await pair.connect("lan", secret=secret, node=node) for node in pair.nodes]
    session = await pair.node.sessions.find(secret)
    assert session is not None
    await pair.node.sessions.end(session.id, "signed_out")
    for tab in tabs:
        assert (await tab.next("session_ended"))["reason"] == "signed_out"


async def test_a_node_that_starts_later_tells_nothing_old(pair: Live) -> None:
    consult = await pair.world.ask()
    await pair.world.answers.accept(pair.world["ha"], consult.id)
    third = await pair.build_node()
    lan = await pair.connect("lan", node=third)
    await asyncio.sleep(1.2)
    assert not lan.all("consult")
    await pair.world.rooms.join(pair.world["ha"], consult.id)
    assert (await lan.next("consult"))["consult_id"] == consult.id


async def test_who_was_left_behind_by_a_node_that_died_has_left_after_the_grace(pair: Live) -> None:
    consult = await pair.claimed()
    await pair.world.rooms.join(pair.world["ha"], consult.id)  # on a node that is no more
    third = await pair.build_node()
    ha = await pair.connect("ha", node=third)
    await asyncio.sleep(0.3)
    pair.world.clock.advance(GRACE_S - 1)
    await asyncio.sleep(0.7)
    assert "left" not in await pair.world.kinds(consult)
    pair.world.clock.advance(2)
    await asyncio.sleep(0.7)
    assert (await pair.world.kinds(consult)).count("left") == 1
    await ha.join(consult)
    assert (await pair.world.kinds(consult))[-1] == "joined"


async def test_who_comes_back_after_a_restart_never_left(pair: Live) -> None:
    consult = await pair.claimed()
    await pair.world.rooms.join(pair.world["ha"], consult.id)
    third = await pair.build_node()
    ha = await pair.connect("ha", node=third)
    await ha.join(consult)
    pair.world.clock.advance(GRACE_S + 1)
    await asyncio.sleep(0.7)
    assert "left" not in await pair.world.kinds(consult)


async def test_a_living_node_finds_whom_a_dead_one_left_in_its_rooms(pair: Live) -> None:
    lan = await pair.connect("lan")
    consult = await pair.claimed()
    await lan.join(consult)
    await pair.world.rooms.join(pair.world["ha"], consult.id)
    pair.world.clock.advance(SWEEP_S)
    await asyncio.sleep(0.7)
    pair.world.clock.advance(GRACE_S)
    await eventually(lambda: "left" in lan.kinds(consult))
