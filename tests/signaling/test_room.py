"""The room over sockets: joining, chat, media negotiation, reloads, second tabs, broken lines, the end."""

from __future__ import annotations

import asyncio

from consult_rooms.model import Consult, ParticipantRole
from media.api import ConnectionState
from signaling.room_members import GRACE_S
from tests.signaling.conftest import TURN_URLS, Client, Live, eventually, publish_offer


async def kinds(live: Live, consult: Consult) -> list[str]:
    return await live.world.kinds(consult)


async def test_both_sides_join_and_see_each_other(live: Live) -> None:
    lan, ha = await live.connect("lan"), await live.connect("ha")
    consult = await live.claimed()
    first = await lan.join(consult, audio=True, video=False)
    assert (first["role"], first["state"]) == ("requester", "claimed")
    second = await ha.join(consult, tab="tab-of-ha")
    by_name = {person["staff_name"]: person for person in second["participants"]}
    assert (by_name["BS. Lan"]["present"], by_name["BS. Lan"]["connected"]) == (True, True)
    assert (by_name["BS. Lan"]["audio"], by_name["BS. Lan"]["video"]) == (True, False)
    assert by_name["BS. Hà"]["facility_name"] == "Bệnh viện Tỉnh"
    await eventually(lambda: lan.all("room") and all(p["connected"] for p in lan.all("room")[-1]["participants"]))
    await lan.done("set_media", consult_id=consult.id, audio=False, video=True)
    await eventually(lambda: {(p["audio"], p["video"]) for p in ha.all("room")[-1]["participants"]} >= {(False, True)})
    assert "joined" in lan.kinds(consult)


async def test_each_is_given_a_key_of_their_own_to_the_relay(live: Live) -> None:
    lan, ha = await live.connect("lan"), await live.connect("ha")
    consult = await live.claimed()
    joined = [await lan.join(consult), await ha.join(consult, tab="tab-of-ha")]
    for one in joined:
        (server,) = one["ice_servers"]
        assert server["urls"] == list(TURN_URLS)
        expires, _, name = server["username"].partition(":")
        assert name == one["participant_id"]
        assert int(expires) == live.world.clock.now().timestamp() + 12 * 3600
    assert joined[0]["ice_servers"][0]["credential"] != joined[1]["ice_servers"][0]["credential"]


async def test_chat_crosses_and_a_repeated_line_is_kept_once(live: Live) -> None:
    lan, ha = await live.connect("lan"), await live.connect("ha")
    consult = await live.claimed()
    await lan.join(consult)
    await ha.join(consult)
    line = {"consult_id": consult.id, "text": "Đã chụp CT", "client_id": "client-001"}
    first = await lan.done("send_chat", **line)
    again = await lan.done("send_chat", **line)
    assert first == again
    for client in (lan, ha):
        heard = await client.next("chat")
        assert (heard["text"], heard["sender_name"], heard["number"]) == ("Đã chụp CT", "BS. Lan", first["number"])
    await asyncio.sleep(0.1)
    assert len(ha.all("chat")) == 1
    back = await live.connect("ha")
    joined = await back.join(consult)
    assert [one["text"] for one in joined["chat"]] == ["Đã chụp CT"]
    assert (await back.join(consult, after=first["number"]))["chat"] == []


async def publishing(live: Live) -> tuple[Client, Client, Consult]:
    lan, ha = await live.connect("lan"), await live.connect("ha")
    consult = await live.claimed()
    await lan.join(consult)
    await ha.join(consult)
    return lan, ha, consult


async def test_a_published_stream_is_offered_to_the_other(live: Live) -> None:
    lan, ha, consult = await publishing(live)
    nothing = await ha.done("subscribe", consult_id=consult.id)
    assert nothing["tracks"] == []
    offer, sources = await publish_offer()
    answer = await lan.done("publish", consult_id=consult.id, sdp=offer, sources=sources)
    assert answer["sdp"].startswith("v=0")
    offered = await ha.next("subscribe_offer")
    assert offered["revision"] > nothing["revision"]
    lan_id = (await lan.join(consult))["participant_id"]
    assert {(track["source"], track["participant_id"]) for track in offered["tracks"]} == {
        (source, lan_id) for source in sources.values()
    }
    stale = await ha.error("answer", consult_id=consult.id, sdp=offered["sdp"], revision=nothing["revision"])
    assert stale["code"] == "media.revision_stale"
    assert not lan.all("subscribe_offer")


async def test_broken_descriptions_are_refused_by_code(live: Live) -> None:
    lan, _ha, consult = await publishing(live)
    for broken in ("x", "v=0\r\nm=video 9 nonsense\r\n", "\x00" * 50):
        refused = await lan.error("publish", consult_id=consult.id, sdp=broken, sources={"0": "camera"})
        assert refused["code"] == "media.sdp_invalid"
    assert (await lan.error("answer", consult_id=consult.id, sdp="v=0", revision=1))["code"].startswith("media.")
    live.media.admits = False
    offer, sources = await publish_offer()
    refused = await lan.error("publish", consult_id=consult.id, sdp=offer, sources=sources)
    assert refused["code"] == "media.unavailable"


async def test_a_lost_worker_is_told_to_the_room(live: Live) -> None:
    lan, ha, consult = await publishing(live)
    live.media.lose(consult.id)
    for client in (lan, ha):
        await client.next("media_lost", consult_id=consult.id)


async def test_a_silent_line_is_said_in_words_and_again_when_it_is_back(live: Live) -> None:
    lan, ha, consult = await publishing(live)
    offer, sources = await publish_offer()
    await lan.done("publish", consult_id=consult.id, sdp=offer, sources=sources)
    live.media.connect(ConnectionState.CONNECTED)
    live.media.connect(ConnectionState.DISCONNECTED)
    await eventually(lambda: ha.kinds(consult).count("line_changed") == 1)
    live.media.connect(ConnectionState.CONNECTED)
    await eventually(lambda: ha.kinds(consult).count("line_changed") == 2)
    texts = [e["text"] for log in ha.all("log") for e in log["entries"] if e["kind"] == "line_changed"]
    assert texts[0].startswith("BS. Lan")
    await lan.done("report_line", consult_id=consult.id, state="weak")
    await lan.done("report_line", consult_id=consult.id, state="weak")
    await eventually(lambda: ha.kinds(consult).count("line_changed") == 3)


async def test_a_reload_keeps_the_place_and_logs_no_leave(live: Live) -> None:
    lan, ha, consult = await publishing(live)
    before = await lan.join(consult)
    secret = await live.sign_in("lan")
    await lan.socket.disconnect()
    await eventually(
        lambda: any(p["present"] and not p["connected"] for r in ha.all("room") for p in r["participants"])
    )
    live.world.clock.advance(GRACE_S - 2)
    await asyncio.sleep(0.7)
    back = await live.connect("lan", secret=secret)
    again = await back.join(consult)
    assert again["participant_id"] == before["participant_id"]
    live.world.clock.advance(GRACE_S)
    await asyncio.sleep(0.7)
    assert "left" not in await kinds(live, consult)
    assert (await kinds(live, consult)).count("joined") == 2
    assert not ha.all("media_lost")
    assert not ha.all("taken_over")


async def test_who_does_not_come_back_has_left(live: Live) -> None:
    lan, ha, consult = await publishing(live)
    offer, sources = await publish_offer()
    await lan.done("publish", consult_id=consult.id, sdp=offer, sources=sources)
    await ha.done("subscribe", consult_id=consult.id)
    await lan.socket.disconnect()
    await eventually(lambda: any(not p["connected"] for p in ha.all("room")[-1]["participants"]))
    live.world.clock.advance(GRACE_S + 1)
    await eventually(lambda: "left" in ha.kinds(consult))
    gone = await ha.next("subscribe_offer")
    assert gone["tracks"] == []
    await eventually(lambda: any(not p["present"] for p in ha.all("room")[-1]["participants"]))


async def test_a_second_tab_takes_over_and_the_first_says_so(live: Live) -> None:
    lan, ha, consult = await publishing(live)
    offer, sources = await publish_offer()
    await lan.done("publish", consult_id=consult.id, sdp=offer, sources=sources)
    await ha.done("subscribe", consult_id=consult.id)
    second = await live.connect("lan")
    await second.join(consult, tab="another-tab")
    await lan.next("taken_over", consult_id=consult.id)
    assert (await ha.next("subscribe_offer"))["tracks"] == []  # the first tab's media is gone
    refused = await lan.error("publish", consult_id=consult.id, sdp=offer, sources=sources)
    assert refused["code"] == "room.not_joined"
    await second.done("publish", consult_id=consult.id, sdp=offer, sources=sources)
    await lan.socket.disconnect()
    live.world.clock.advance(GRACE_S + 1)
    await asyncio.sleep(0.7)
    assert "left" not in await kinds(live, consult)
    assert not ha.all("taken_over")


async def test_leaving_is_not_ending(live: Live) -> None:
    lan, ha, consult = await publishing(live)
    await lan.done("leave_room", consult_id=consult.id)
    await eventually(lambda: "left" in ha.kinds(consult))
    assert (await lan.error("end_consult", consult_id=consult.id))["code"] == "room.not_joined"
    await lan.join(consult)
    assert (await lan.error("end_consult", consult_id=consult.id))["code"] == "consult.not_yours_to_end"
    await ha.done("end_consult", consult_id=consult.id)
    for client in (lan, ha):
        await client.next("consult", consult_id=consult.id, state="ended")
    await eventually(lambda: "ended" in lan.kinds(consult))
    assert (await lan.error("join_room", consult_id=consult.id, tab_id="tab-00001"))["code"] == "consult.ended"
    assert (await ha.error("send_chat", consult_id=consult.id, text="x", client_id="client-001"))["code"] in (
        "room.not_joined",
        "consult.ended",
    )


async def test_an_invited_observer_receives_and_does_not_send(live: Live) -> None:
    lan, ha, consult = await publishing(live)
    khai = await live.connect("khai")
    assert (await khai.error("join_room", consult_id=consult.id, tab_id="tab-00001"))["code"] == "consult.unknown"
    staff_id = live.world["khai"].id
    await ha.done("invite", consult_id=consult.id, staff_id=staff_id, role=ParticipantRole.OBSERVER.value)
    invited = await khai.next("invited", consult_id=consult.id)
    assert (invited["by_name"], invited["role"]) == ("BS. Hà", "observer")
    joined = await khai.join(consult)
    assert joined["role"] == "observer"
    offer, sources = await publish_offer()
    await lan.done("publish", consult_id=consult.id, sdp=offer, sources=sources)
    seen = await khai.done("subscribe", consult_id=consult.id)
    assert len(seen["tracks"]) == len(sources)
    refused = await khai.error("publish", consult_id=consult.id, sdp=offer, sources=sources)
    assert refused["code"] == "room.observer"
    assert (await khai.error("send_chat", consult_id=consult.id, text="x", client_id="client-001"))["code"] == (
        "room.observer"
    )


async def test_the_first_frame_is_logged_once(live: Live) -> None:
    lan, ha, consult = await publishing(live)
    source = (await lan.join(consult))["participant_id"]
    report = {"consult_id": consult.id, "participant_id": source, "kind": "video", "after_ms": 640}
    await ha.done("report_first_frame", **report)
    await ha.done("report_first_frame", **report)
    await eventually(lambda: "first_frame" in lan.kinds(consult))
    assert (await kinds(live, consult)).count("first_frame") == 1


async def test_a_node_keeps_its_people_online_and_says_who_is_in_a_room(live: Live) -> None:
    _lan, ha, consult = await publishing(live)
    everyone = [live.world["ha"].id, live.world["khai"].id]
    assert await live.world.presence.online(everyone) == {live.world["ha"].id}
    live.world.clock.advance(9)
    assert await live.world.presence.online(everyone) == set()
    await live.world.presence.keep()
    assert await live.world.presence.in_consult(everyone) == {live.world["ha"].id: consult.id}
    await ha.socket.disconnect()
    await eventually(lambda: live.world["ha"].id not in live.world.presence._sockets)
    assert await live.world.presence.online(everyone) == set()
