"""Rings: who hears them, how they end, and that a lost hint loses nobody."""

from __future__ import annotations

import asyncio

import pytest

from identity.oversight import alert
from tests.consult_rooms.conftest import NAME, STROKE
from tests.signaling.conftest import Live, eventually, lost


async def test_a_request_rings_those_on_call_and_nobody_else(live: Live) -> None:
    lan, ha, khai = await live.connect("lan"), await live.connect("ha"), await live.connect("khai")
    asked = await lan.done(
        "request_consult",
        specialty_id=STROKE,
        urgency="emergency",
        idempotency_key="key-00001",
        age_years=60,
        sex="male",
        question={"situation": "Liệt nửa người phải"},
    )
    ring = await ha.next("ring", consult_id=asked["consult_id"])
    assert (ring["age"], ring["sex"], ring["question"]) == (60, "male", "Liệt nửa người phải")
    assert (ring["specialty"], ring["facility"], ring["requester_name"]) == ("Đột quỵ", "Trạm Đảo", "BS. Lan")
    assert ring["emergency_telephone"] == "0255 000 1001"
    assert ring["rung_at"] <= ring["server_time"] < ring["step_due_at"]
    assert not khai.all("ring")
    again = await lan.done(
        "request_consult", specialty_id=STROKE, urgency="emergency", idempotency_key="key-00001", age_years=60
    )
    assert again["consult_id"] == asked["consult_id"]


async def test_a_ring_names_no_patient(live: Live) -> None:
    ha = await live.connect("ha")
    await live.world.ask()
    assert NAME not in str(await ha.next("ring"))


async def test_the_first_accept_wins_and_the_other_is_told_who(live: Live) -> None:
    ha, khai, lan = await live.connect("ha"), await live.connect("khai"), await live.connect("lan")
    second_page = await live.connect("khai")
    consult = await live.world.ask()
    await lan.done("widen_request", consult_id=consult.id)
    await khai.next("ring", consult_id=consult.id)
    answers = await asyncio.gather(
        ha.call("accept_offer", {"consult_id": consult.id}), khai.call("accept_offer", {"consult_id": consult.id})
    )
    won = [answer for answer in answers if answer.get("ok")]
    lost = [answer["error"] for answer in answers if "error" in answer]
    assert len(won) == len(lost) == 1
    assert won[0]["room_url"] == f"/consults/{consult.id}/room"
    winner = "BS. Hà" if answers[0].get("ok") else "BS. Khải"
    assert lost[0]["code"] == "consult.already_claimed"
    assert winner in lost[0]["message"]
    for client in (ha, khai, second_page):
        stopped = await client.next("ring_stopped", consult_id=consult.id)
        assert (stopped["reason"], stopped["by_name"]) == ("claimed", winner)
        assert len(client.all("ring_stopped")) == 1
    assert (await lan.next("consult", consult_id=consult.id, state="claimed")) is not None


async def test_declining_stops_the_ring_on_all_own_pages_and_rings_on(live: Live) -> None:
    ha, own_second, lan = await live.connect("ha"), await live.connect("ha"), await live.connect("lan")
    khai = await live.connect("khai")
    consult = await live.world.ask()
    await own_second.next("ring")
    await lan.done("watch_consult", consult_id=consult.id)
    await ha.done("decline_offer", consult_id=consult.id, reason="in_procedure")
    for client in (ha, own_second):
        assert (await client.next("ring_stopped"))["reason"] == "declined"
    await khai.next("ring")  # everybody on call has declined: the next step begins at once
    await eventually(lambda: "declined" in lan.kinds(consult))
    texts = [entry["text"] for log in lan.all("log") for entry in log["entries"] if entry["kind"] == "declined"]
    assert texts == ["BS. Hà từ chối: đang làm thủ thuật"]


async def test_cancelling_stops_every_ring(live: Live) -> None:
    ha, lan = await live.connect("ha"), await live.connect("lan")
    consult = await live.world.ask()
    await ha.next("ring")
    await lan.done("cancel_request", consult_id=consult.id, reason="transferred")
    assert (await ha.next("ring_stopped"))["reason"] == "cancelled"
    assert (await ha.error("accept_offer", consult_id=consult.id))["code"] == "consult.cancelled"


async def test_what_rings_is_rung_again_on_connect(live: Live) -> None:
    consult = await live.world.ask()
    ha = await live.connect("ha")
    assert (await ha.next("ring"))["consult_id"] == consult.id
    await live.world.answers.accept(live.world["ha"], consult.id)
    await ha.next("ring_stopped", consult_id=consult.id, reason="claimed")
    assert len(ha.all("ring")) == 1


async def test_the_greeting_and_the_news_of_one_ring_are_one_ring(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    publish = live.world.bus.publish
    monkeypatch.setattr(live.world.bus, "publish", lost)
    lan, consult = await live.connect("lan"), await live.world.ask()
    ha = await live.connect("ha")
    await ha.next("ring", consult_id=consult.id)
    monkeypatch.setattr(live.world.bus, "publish", publish)
    await lan.next("consult", consult_id=consult.id)  # the news comes after the greeting
    assert len(ha.all("ring")) == 1
    live.world.clock.advance(1)
    await lan.done("widen_request", consult_id=consult.id)
    await eventually(lambda: len(ha.all("ring")) == 2)
    assert ha.all("ring")[0]["also_ringing"] != ha.all("ring")[1]["also_ringing"]


async def test_a_lost_hint_is_made_good_by_the_look(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies between commit and publish: the others hear of it all the same."""
    ha, lan = await live.connect("ha"), await live.connect("lan")

    monkeypatch.setattr(live.world.bus, "publish", lost)
    consult = await live.world.ask()
    await ha.next("ring", within_s=1.6, consult_id=consult.id)
    await lan.done("watch_consult", consult_id=consult.id)
    await live.world.answers.accept(live.world["ha"], consult.id)
    await ha.next("ring_stopped", within_s=1.6, consult_id=consult.id)
    await eventually(lambda: lan.kinds(consult) == ["claimed"], 1.6)


async def test_the_waiting_page_follows_the_ladder(live: Live) -> None:
    lan = await live.connect("lan")
    consult = await live.world.ask()
    watched = await lan.done("watch_consult", consult_id=consult.id, after=0)
    assert [entry["number"] for entry in watched["entries"]] == [1, 2, 3]
    view = watched["view"]
    assert (view["state"], view["step"], view["next_step"]) == ("ringing", "on_call", "backup")
    assert [(one["staff_name"], one["answer"]) for one in view["people"]] == [("BS. Hà", "offline")]
    assert [one["number"] for one in view["telephones"]]
    await lan.done("widen_request", consult_id=consult.id)
    await eventually(lambda: lan.numbers(consult))
    later = lan.numbers(consult)
    assert later == list(range(4, 4 + len(later)))


async def test_each_entry_comes_once_and_in_order(live: Live) -> None:
    lan = await live.connect("lan")
    consult = await live.claimed()
    joined = await lan.join(consult)
    known = joined["entries"][-1]["number"]
    for line in range(30):
        await live.world.rooms.chat(live.world["ha"], consult.id, f"dòng {line}", f"client-{line:04}")
    await eventually(lambda: len(lan.numbers(consult)) >= 30)
    await asyncio.sleep(1.2)  # long enough for a look to deliver twice, if it did
    assert lan.numbers(consult) == list(range(known + 1, known + 31))
    assert [line["text"] for line in lan.all("chat")] == [f"dòng {line}" for line in range(30)]


async def test_coordinators_are_told_that_the_queue_changed(live: Live) -> None:
    dieu, xadieu = await live.connect("dieu"), await live.connect("xadieu")
    consult = await live.world.ask()
    assert (await dieu.next("consult"))["consult_id"] == consult.id
    assert not xadieu.all("consult")


async def test_an_agenda_hint_reaches_its_person(live: Live) -> None:
    ha, lan = await live.connect("ha"), await live.connect("lan")
    await live.world.bus.publish("agenda", {"staff": live.world["ha"].id})
    await ha.next("agenda")
    assert not lan.all("agenda")


async def test_a_hint_of_oversight_reaches_its_officer(live: Live) -> None:
    ha, lan = await live.connect("ha"), await live.connect("lan")
    await alert(live.world.bus, [live.world["ha"].id])
    await ha.next("oversight")
    assert not lan.all("oversight")
