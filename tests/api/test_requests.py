"""Asking in a doctor's name: policy holds, the patient is proved, a key makes one request, strangers see nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from foundation.ids import new_id
from identity.model import Scope
from tests.api.conftest import EVIDENCE, NAME, Hospital, System
from tests.consult_rooms.conftest import CENTRAL_HOSPITAL, OTHER_CLINIC, STROKE_HOSPITAL


async def test_a_request_rings_and_is_followed(hospital: Hospital, clinic: System) -> None:
    made = await clinic.post("/requests", hospital.new_request(terminal_code="P1"), key="1")
    assert made.status == 201
    assert made.headers["Location"] == f"/api/v1/requests/{made.body['id']}"
    assert (made.body["state"], made.body["urgency"], made.body["specialty"]) == ("ringing", "urgent", "stroke")
    assert made.body["requester"]["full_name"] == "BS. Lan"
    assert [(one["staff"]["full_name"], one["state"]) for one in made.body["offers"]] == [("BS. Hà", "ringing")]
    assert {one["number"] for one in made.body["emergency_telephones"]} == {"0255 000 1002", "0255 000 1003"}
    await hospital.world.answers.accept(hospital.world["ha"], made.body["id"])
    seen = await clinic.get(f"/requests/{made.body['id']}")
    assert (seen.body["state"], seen.body["specialist"]["full_name"]) == ("claimed", "BS. Hà")
    [entry] = await hospital.audited("api.create_request")
    token = (await clinic.get("/me")).body["id"]
    assert (entry.actor, entry.outcome) == (f"token:{token}", "success")
    assert (entry.consult_id, entry.patient_id) == (made.body["id"], hospital.patient_id)
    assert entry.details["staff"] == hospital.world["lan"].id


async def test_an_emergency_needs_only_its_specialty(hospital: Hospital, clinic: System) -> None:
    body = {
        "requester_user_name": "lan",
        "specialty": "stroke",
        "urgency": "emergency",
        "patient": {"identity": "temporary", "sex": "female", "age_years": 70},
    }
    made = await clinic.post("/requests", body, key="1")
    assert made.status == 201
    held = (await clinic.get(f"/consults/{made.body['id']}")).body["patient"]
    assert held == {
        "identity": "temporary", "patient_id": None, "name": None, "birth_date": None,
        "sex": "female", "age_years": 70, "masked_number": None,
    }  # fmt: skip
    refused = await clinic.post("/requests", {**body, "urgency": "routine"}, key="2")
    assert (refused.status, refused.code) == (422, "patient.not_established")


async def test_a_question_in_writing_rings_for_nobody_and_goes_to_a_call_and_back(
    hospital: Hospital, clinic: System
) -> None:
    refused = await clinic.post("/requests", hospital.new_request(in_writing=True), key="1")
    assert (refused.status, refused.code) == (422, "request.rings")
    asked = hospital.new_request(in_writing=True, urgency="routine")
    made = await clinic.post("/requests", asked, key="2")
    assert (made.body["state"], made.body["offers"]) == ("written", [])
    assert made.body["due_at"] is not None
    path, body = f"/requests/{made.body['id']}", {"requester_user_name": "lan"}
    other = await hospital.system(OTHER_CLINIC)
    for turn in ("call", "in-writing"):
        assert (await other.post(f"{path}/{turn}", {"requester_user_name": "mai"})).code == "consult.unknown"
    rung = await clinic.post(f"{path}/call", body)
    assert (rung.body["state"], [one["state"] for one in rung.body["offers"]]) == ("ringing", ["ringing"])
    quiet = await clinic.post(f"{path}/in-writing", body)
    assert (quiet.body["state"], [one["state"] for one in quiet.body["offers"]]) == ("written", ["stopped"])
    await clinic.post(f"{path}/call", body)
    await hospital.world.answers.accept(hospital.world["ha"], made.body["id"])
    for _ in range(2):
        written = await clinic.post(f"{path}/in-writing", body)
        assert (written.status, written.body["state"]) == (200, "written")
    called = await clinic.post(f"{path}/call", body)
    assert (called.body["state"], called.body["due_at"]) == ("claimed", None)
    urgent = (await clinic.post("/requests", hospital.new_request(), key="3")).body["id"]
    loud = await clinic.post(f"/requests/{urgent}/in-writing", body)
    assert (loud.status, loud.code) == (422, "request.rings")


async def test_the_consulting_side_answers_in_the_name_of_the_specialist(hospital: Hospital, clinic: System) -> None:
    asked = hospital.new_request(in_writing=True, urgency="routine")
    consult_id = (await clinic.post("/requests", asked, key="1")).body["id"]
    path, body = f"/consults/{consult_id}/opinion", {"specialist_user_name": "ha", "text": "Giữ thuốc cũ."}
    hub, part = await hospital.system(STROKE_HOSPITAL), "consult.not_your_part"
    assert (await hub.post(path, body)).code == "consult.unknown"
    await hospital.services.desk.written.take(hospital.world["ha"], consult_id)
    for system, who, code in ((hub, "an", "staff.unknown"), (clinic, "ha", "staff.unknown"), (hub, "dieu", part)):
        assert (await system.post(path, {**body, "specialist_user_name": who})).code == code
    refused = await clinic.post(path, {**body, "specialist_user_name": "lan"})
    assert (refused.status, refused.code) == (403, part)
    assert (await hub.post(path, {**body, "version": 3})).code == "opinion.stale"
    for _ in range(2):
        answered = await hub.post(path, body)
        assert (answered.status, answered.body["state"]) == (200, "closed")
    assert (await hub.post(path, {**body, "text": "Khác."})).code == "consult.closed"
    assert (await clinic.get(f"/consults/{consult_id}")).body["opinion"]["text"] == "Giữ thuốc cũ."
    [*_, last] = await hospital.audited("api.answer_consult")
    assert (last.outcome, last.consult_id, last.patient_id) == ("failure", consult_id, hospital.patient_id)


async def test_a_specialist_takes_a_written_case(hospital: Hospital, clinic: System) -> None:
    asked = hospital.new_request(in_writing=True, urgency="routine")
    consult_id = (await clinic.post("/requests", asked, key="1")).body["id"]
    path, body = f"/consults/{consult_id}/take", {"specialist_user_name": "ha"}
    hub = await hospital.system(STROKE_HOSPITAL)
    mute = await hospital.system(STROKE_HOSPITAL, Scope.CONSULTS_READ)
    assert (await mute.post(path, body)).code == "token.scope"
    assert (await clinic.post(path, body)).code == "staff.unknown"
    assert (await clinic.post(path, {"specialist_user_name": "lan"})).status == 403
    assert (await hub.post(path, {"specialist_user_name": "dieu"})).status == 403
    far = await hospital.system(CENTRAL_HOSPITAL)
    assert (await hub.get(f"/consults/{consult_id}")).code == "consult.unknown"
    for _ in range(2):
        taken = await hub.post(path, body)
        assert (taken.status, taken.body["state"]) == (200, "written")
        assert taken.body["specialist_id"] == hospital.world["ha"].id
    late = await far.post(path, {"specialist_user_name": "an"})
    assert (late.status, late.code) == (409, "consult.already_claimed")
    assert (await hub.post(f"/consults/{'con_' + '0' * 32}/take", body)).code == "consult.unknown"
    entry = next(one for one in await hospital.audited("api.take_consult") if one.outcome == "success")
    assert (entry.consult_id, entry.patient_id) == (consult_id, hospital.patient_id)
    ringing = (await clinic.post("/requests", hospital.new_request(), key="2")).body["id"]
    assert (await hub.post(f"/consults/{ringing}/take", body)).code == "consult.not_claimed"


async def test_the_same_key_makes_one_request(hospital: Hospital, clinic: System) -> None:
    body = hospital.new_request()
    replies = await asyncio.gather(*(clinic.post("/requests", body, key="same") for _ in range(4)))
    assert {reply.status for reply in replies} == {201}
    assert len({reply.body["id"] for reply in replies}) == 1
    other = await clinic.post("/requests", body, key="another")
    assert other.body["id"] != replies[0].body["id"]


async def test_a_key_of_another_patient_or_specialty_is_refused(hospital: Hospital, clinic: System) -> None:
    assert (await clinic.post("/requests", hospital.new_request(), key="1")).status == 201
    for change in ({"specialty": "burns"}, {"patient": {"identity": "temporary"}, "urgency": "emergency"}):
        refused = await clinic.post("/requests", hospital.new_request(**change), key="1")
        assert (refused.status, refused.code) == (409, "idempotency.reused")


@pytest.mark.parametrize("key", [None, "", "ü", "k" * 129])
async def test_a_key_has_to_come_and_be_usable(hospital: Hospital, clinic: System, key: str | None) -> None:
    refused = await clinic.post("/requests", hospital.new_request(), key=key)
    assert (refused.status, refused.code, refused.body["field"]) == (422, "key.unusable", "Idempotency-Key")


@pytest.mark.parametrize("user_name", ["mai", "ha", "nghi", "nobody"])
async def test_only_people_of_the_facility_lend_their_name(hospital: Hospital, clinic: System, user_name: str) -> None:
    refused = await clinic.post("/requests", hospital.new_request(requester_user_name=user_name), key="1")
    assert (refused.code, refused.body["field"]) == ("staff.unknown", "requester_user_name")


async def test_the_persons_own_rights_decide(hospital: Hospital) -> None:
    system = await hospital.system(STROKE_HOSPITAL)
    refused = await system.post("/requests", hospital.new_request(requester_user_name="dieu"), key="1")
    assert (refused.status, refused.code) == (403, "policy.denied")
    [entry] = await hospital.audited("api.create_request")
    assert (entry.outcome, entry.details["code"]) == ("denied", "policy.denied")


@pytest.mark.parametrize(
    ("evidence", "status", "code"),
    [
        ({"cccd": EVIDENCE["cccd"]}, 422, "patient.two_identifiers"),
        ({}, 422, "patient.two_identifiers"),
        ({**EVIDENCE, "birth_date": "03/03/1958"}, 403, "patient.not_confirmed"),
        ({**EVIDENCE, "cccd": "12"}, 422, "patient.cccd_form"),
        ({**EVIDENCE, "birth_date": "soon"}, 422, "patient.birth_date_form"),
    ],
)
async def test_the_patient_is_proved_by_two_identifiers(
    hospital: Hospital, clinic: System, evidence: dict[str, str], status: int, code: str
) -> None:
    patient = {"identity": "established", "patient_id": hospital.patient_id, "evidence": evidence}
    refused = await clinic.post("/requests", hospital.new_request(patient=patient), key="1")
    assert (refused.status, refused.code) == (status, code)
    assert NAME not in refused.text


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"question": {}}, "question.empty"),
        ({"consent": None}, "consent.missing"),
        ({"consent": {"consult": False, "record_view": False, "by": "self"}}, "consent.refused"),
        ({"specialty": "alchemy"}, "specialty.unknown"),
        ({"terminal_code": "P9"}, "terminal.unknown"),
    ],
)
async def test_what_a_request_lacks_is_told(
    hospital: Hospital, clinic: System, change: dict[str, Any], code: str
) -> None:
    refused = await clinic.post("/requests", hospital.new_request(**change), key="1")
    assert (refused.status, refused.code) == (422, code)


async def test_cancelling_stops_the_ring_and_may_be_repeated(hospital: Hospital, clinic: System) -> None:
    made = await clinic.post("/requests", hospital.new_request(), key="1")
    path, body = f"/requests/{made.body['id']}/cancel", {"requester_user_name": "lan", "reason": "transferred"}
    for _ in range(2):
        cancelled = await clinic.post(path, body)
        assert (cancelled.status, cancelled.body["state"], cancelled.body["cancel_reason"]) == (
            200,
            "cancelled",
            "transferred",
        )
    assert {offer["state"] for offer in cancelled.body["offers"]} == {"stopped"}


async def test_a_claimed_request_is_not_cancelled(hospital: Hospital, clinic: System) -> None:
    made = await clinic.post("/requests", hospital.new_request(), key="1")
    await hospital.world.answers.accept(hospital.world["ha"], made.body["id"])
    refused = await clinic.post(f"/requests/{made.body['id']}/cancel", {"requester_user_name": "lan"})
    assert (refused.status, refused.code) == (409, "consult.already_claimed")
    assert "BS. Hà" in refused.body["detail"]


async def test_other_facilities_know_of_no_such_request(hospital: Hospital, clinic: System) -> None:
    made = await clinic.post("/requests", hospital.new_request(), key="1")
    for facility_id, user_name in ((OTHER_CLINIC, "mai"), (STROKE_HOSPITAL, "dieu"), (CENTRAL_HOSPITAL, "khai")):
        system = await hospital.system(facility_id)
        hidden = await system.get(f"/requests/{made.body['id']}")
        cancel = await system.post(f"/requests/{made.body['id']}/cancel", {"requester_user_name": user_name})
        assert (hidden.status, hidden.code, cancel.code) == (404, "consult.unknown", "consult.unknown")
    for nothing in (new_id("con"), "con_1", "1"):
        assert (await clinic.get(f"/requests/{nothing}")).status == 404
    assert (await clinic.get(f"/requests/{made.body['id']}")).body["state"] == "ringing"
