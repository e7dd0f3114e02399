"""The waiting page: who is rung, what one may do meanwhile, and where it leads."""

from __future__ import annotations

import re
from datetime import timedelta

from consult_rooms.model import ConsultState, DeclineReason, Step, Urgency
from foundation.ids import ConsultId
from tests.web.clinic import Clinic, clinic, part

__all__ = ["clinic"]


async def test_the_ladder_tells_each_answer_in_words(clinic: Clinic) -> None:
    consult_id = await clinic.ask()
    await clinic.world.presence.beat(clinic.expert.id, "socket")
    response, before = await part(clinic.doctor, f"/requests/{consult_id}?part=ladder")
    assert response.headers["X-Fragment"] == "1"
    assert "<html" not in before
    assert "Đang đổ chuông cho BS. Hà" in before
    assert "14:00:30 gọi thêm BS. An" in before
    await clinic.world.answers.decline(clinic.expert, consult_id, DeclineReason.IN_PROCEDURE)
    _, after = await part(clinic.doctor, f"/requests/{consult_id}?part=ladder")
    assert re.search(r"Từ chối: [đĐ]ang làm thủ thuật", after)
    assert "Chưa ai trong số người được gọi đang trực tuyến" in after  # never "ringing" when it reaches nobody
    assert state_of(before) != state_of(after)


async def test_what_was_asked_is_shown_where_one_waits_with_a_place_to_answer(clinic: Clinic) -> None:
    consult_id = await clinic.ask()
    asked = await clinic.world.inquiries.ask(clinic.expert, consult_id, "Đường huyết?", "ask-0001")
    _, text = await part(clinic.doctor, f"/requests/{consult_id}?part=ladder")
    assert "Đường huyết?" in text
    assert f'action="/requests/{consult_id}/inquiries/{asked}"' in text


def state_of(fragment: str) -> str:
    found = re.search(r'data-state="(\d+:[^"]*)"', fragment)
    assert found
    return found[1]


async def test_widening_rings_the_next_step_until_there_is_none(clinic: Clinic) -> None:
    consult_id = await clinic.ask()
    await clinic.doctor.get(f"/requests/{consult_id}")
    _, text = await part(clinic.doctor, f"/requests/{consult_id}/widen", {})
    assert re.search(r"BS\. An<small", text)
    await part(clinic.doctor, f"/requests/{consult_id}/widen", {})
    response, text = await part(clinic.doctor, f"/requests/{consult_id}/widen", {})
    assert response.status == 200
    assert "data-last-step" in text
    assert "Đã gọi tất cả" in text
    # What follows the last step is a written case; nothing says any more that the request stays open for ever.
    assert "14:05:00 chuyển thành ca trả lời bằng văn bản: chuyên gia trả lời trước 14:35" in text
    assert "vẫn mở" not in text
    caller = (
        await clinic.world.directory.staff((await clinic.world.queries.waiting_view(consult_id)).consult.requester_id)
    ).full_name
    # Being rung makes nobody accountable: the asking doctor is, until a coordinator takes charge or somebody claims it.
    assert f"Người giữ ca lúc này: <strong>{caller}</strong>" in text
    response = await clinic.doctor.post(f"/requests/{consult_id}/widen", {})
    assert response.status == 409  # without script the page says so
    assert 'id="waiting"' in clinic.doctor.page


async def test_the_steps_to_come_say_when_and_how_many_and_what_follows_the_last(clinic: Clinic) -> None:
    consult_id = await clinic.ask()
    _, text = await part(clinic.doctor, f"/requests/{consult_id}?part=ladder")
    steps = [re.sub(r"<[^>]+>|\s+", " ", step) for step in text.split("<li data-state=")[1:]]
    assert len(steps) == len(Step) + 1
    assert re.search(r"14:00:30\s+1 người", steps[2])
    assert "đổ chuông" not in steps[3], "nobody at another hospital"
    assert "14:06:00" in steps[-1]  # 30 s, 30 s, and 300 s of the coordinator
    assert "trả lời bằng văn bản trước 14:36" in steps[-1]


async def test_a_more_urgent_request_waits_shorter_and_a_less_urgent_one_no_longer(clinic: Clinic) -> None:
    proof = await clinic.proof()
    sent = await clinic.form("urgent") | {"patient": proof, "situation": "Đau ngực", "consent_by": "self"}
    response = await clinic.doctor.post("/requests/new", sent | {"consent_consult": "1", "consent_record": "1"})
    consult_id = ConsultId(response.headers["Location"].removeprefix("/requests/"))
    due = (await clinic.consult(consult_id)).step_due_at
    assert due == clinic.world.clock.now() + timedelta(seconds=120)
    asked = {"situation": "Đau ngực, vã mồ hôi", "consent_by": "self", "consent_consult": "1", "consent_record": "1"}
    for urgency, seconds in (("routine", 120), ("emergency", 30), ("urgent", 30), ("routine", 30)):
        await clinic.doctor.get(f"/requests/{consult_id}")
        response, _ = await part(clinic.doctor, f"/requests/{consult_id}/question", asked | {"urgency": urgency})
        assert response.status == 200
        _, text = await part(clinic.doctor, f"/requests/{consult_id}?part=ladder")
        # The head of the page, which lies outside the ladder, takes the urgency from here.
        assert f'data-urgency-now="{urgency}"' in text
        assert ("call-directly" in text) is (urgency == "emergency")
        assert ('id="in-writing"' in text) is (urgency == "routine")
        found = await clinic.consult(consult_id)
        assert found.step_due_at == clinic.world.clock.now() + timedelta(seconds=seconds), urgency
        assert found.urgency == urgency
    response = await clinic.doctor.post(f"/consults/{consult_id}/in-writing")
    assert (response.status, response.headers["Location"]) == (303, f"/consults/{consult_id}")
    assert (await clinic.consult(consult_id)).state is ConsultState.WRITTEN


async def test_a_cancelled_request_leads_on(clinic: Clinic) -> None:
    consult_id = await clinic.ask()
    await clinic.doctor.get(f"/requests/{consult_id}")
    response = await clinic.doctor.post(f"/requests/{consult_id}/cancel", {"reason": "transferred"})
    assert response.headers["Location"] == f"/requests/{consult_id}"
    assert (await clinic.consult(consult_id)).state is ConsultState.CANCELLED
    response = await clinic.doctor.get(f"/requests/{consult_id}")
    assert (response.status, response.headers["Location"]) == (303, f"/consults/{consult_id}")


async def test_an_unknown_reason_cancels_nothing(clinic: Clinic) -> None:
    consult_id = await clinic.ask()
    await clinic.doctor.get(f"/requests/{consult_id}")
    response = await clinic.doctor.post(f"/requests/{consult_id}/cancel", {"reason": "bored"})
    assert response.status == 400 or response.status == 422
    assert (await clinic.consult(consult_id)).state is ConsultState.RINGING


async def test_a_claim_leads_into_the_room_and_nothing_is_cancelled_after_it(clinic: Clinic) -> None:
    consult_id = await clinic.ask()
    await clinic.doctor.get(f"/requests/{consult_id}")
    await clinic.world.answers.accept(clinic.expert, consult_id)
    response = await clinic.doctor.post(f"/requests/{consult_id}/cancel", {"reason": "mistake"})
    assert response.status == 303
    response = await clinic.doctor.get(f"/requests/{consult_id}")
    assert response.headers["Location"] == f"/consults/{consult_id}/room"
    _, text = await part(clinic.doctor, f"/requests/{consult_id}?part=ladder")
    assert f'data-onward="/consults/{consult_id}/room"' in text
    assert (await clinic.consult(consult_id)).state is ConsultState.CLAIMED


async def test_the_question_and_the_consent_can_follow_while_it_rings(clinic: Clinic) -> None:
    consult_id = await clinic.ask()
    await clinic.doctor.get(f"/requests/{consult_id}")
    fields = {"situation": "Co giật", "recommendation": "Thuốc gì?", "consent_by": "proxy", "consent_consult": "1"}
    response, text = await part(clinic.doctor, f"/requests/{consult_id}/question", fields)
    assert response.status == 200
    assert "Đã lưu lúc 14:00:00" in text
    consult = await clinic.consult(consult_id)
    assert consult.question.line == "Co giật Thuốc gì?"
    assert consult.consent is not None
    assert not consult.consent.record_view
    fields = {"situation": "Co giật lại", "consent_consult": "1"}
    response, text = await part(clinic.doctor, f"/requests/{consult_id}/question", fields)
    assert response.status == 422
    assert "Co giật lại" in text
    assert (await clinic.consult(consult_id)).question.situation == "Co giật"


async def test_a_request_without_a_name_does_not_become_urgent_only(clinic: Clinic) -> None:
    consult_id = await clinic.ask()
    await clinic.doctor.get(f"/requests/{consult_id}")
    fields = {"situation": "Sốt", "urgency": "routine"}
    response, text = await part(clinic.doctor, f"/requests/{consult_id}/question", fields)
    assert response.status >= 400
    assert 'role="' in text
    assert (await clinic.consult(consult_id)).urgency is Urgency.EMERGENCY


async def test_strangers_find_no_request(clinic: Clinic) -> None:
    consult_id = await clinic.ask()
    nurse = await clinic.site.browser()
    await nurse.sign_in("dd.hoa")
    for path in ("", "?part=ladder", "?part=patient"):
        assert (await nurse.get(f"/requests/{consult_id}{path}")).status == 404
    await nurse.get("/")
    for act in ("widen", "cancel", "question"):
        assert (await nurse.post(f"/requests/{consult_id}/{act}", {"reason": "mistake"})).status == 404
        await nurse.get("/")
    assert (await clinic.consult(consult_id)).state is ConsultState.RINGING


async def test_a_coordinator_may_watch_and_widen_but_not_see_who_it_is(clinic: Clinic) -> None:
    consult_id = await clinic.ask(situation="Yếu nửa người")
    coordinator = await clinic.site.browser()
    await coordinator.sign_in("dp.khue")
    assert (await coordinator.get(f"/requests/{consult_id}")).status == 200
    assert 'name="consent_by"' not in coordinator.page
    assert (await coordinator.post(f"/requests/{consult_id}/widen", {})).status == 303
