"""Written cases over the socket: put in writing, taken, called out of, answered; by whom it may be is decided here."""

from __future__ import annotations

from consult_rooms.model import Urgency
from tests.signaling.conftest import Live


async def test_a_question_goes_from_ringing_to_writing_to_a_call_and_is_answered(live: Live) -> None:
    lan, ha, khai = await live.connect("lan"), await live.connect("ha"), await live.connect("khai")
    consult = await live.world.ask(urgency=Urgency.ROUTINE)
    here = {"consult_id": consult.id}
    await ha.next("ring")
    assert (await ha.error("go_on_in_writing", **here))["code"] == "consult.not_your_part"
    due = (await lan.done("go_on_in_writing", **here))["due_at"]
    assert due == "2026-11-24T07:00:00Z"
    assert (await ha.next("ring_stopped"))["reason"] == "written"
    assert (await lan.next("consult", state="written"))["consult_id"] == consult.id

    # Nobody has it: it rings again from the first step.
    assert await lan.done("call_out", **here) == {"ok": True, "state": "ringing", "room_url": None}
    await lan.done("go_on_in_writing", **here)

    assert (await ha.error("answer_in_writing", **here, text="Sớm quá."))["code"] == "consult.not_your_part"
    assert (await ha.done("take_written", **here))["due_at"] == due
    lost = await khai.error("take_written", **here)
    assert lost["code"] == "consult.already_claimed"
    assert "BS. Hà" in lost["message"]
    for event in ("go_on_in_writing", "call_out", "answer_in_writing"):
        more = {"text": "Không phải của tôi."} if event == "answer_in_writing" else {}
        assert (await khai.error(event, **here, **more))["code"] == "consult.unknown"

    called = await lan.done("call_out", **here)
    assert (called["state"], called["room_url"]) == ("claimed", f"/consults/{consult.id}/room")
    assert (await ha.next("invited", rings=True))["role"] == "specialist"
    await ha.join(consult)
    refused = await ha.error("answer_in_writing", **here, text="Giữ thuốc cũ.")
    assert refused["code"] == "consult.not_ended"
    await ha.done("go_on_in_writing", **here)

    for _ in range(2):
        await ha.done("answer_in_writing", **here, text="Giữ thuốc cũ.")
    assert (await lan.next("consult", state="closed"))["consult_id"] == consult.id
    opinion = await live.world.opinions.closed(consult.id)
    assert opinion is not None
    assert opinion.text == "Giữ thuốc cũ."


async def test_what_is_urgent_rings_and_an_empty_answer_is_none(live: Live) -> None:
    lan = await live.connect("lan")
    consult = await live.world.ask()
    assert (await lan.error("go_on_in_writing", consult_id=consult.id))["code"] == "request.rings"
    refused = await lan.error("answer_in_writing", consult_id=consult.id, text="")
    assert (refused["code"], refused["field"]) == ("event.malformed", "text")
    assert (await lan.error("take_written", consult_id=consult.id))["code"] == "policy.denied"
