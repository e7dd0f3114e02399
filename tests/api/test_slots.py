"""The calendar: seen by the linked, booked once, moved by who has looked, given back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from foundation.ids import new_id
from tests.api.conftest import CONSENT_BODY, EVIDENCE, QUESTION, Hospital, System
from tests.consult_rooms.conftest import CENTRAL_HOSPITAL, CLINIC, FOREIGN_HOSPITAL, STROKE_HOSPITAL


@pytest.fixture
async def hub(hospital: Hospital) -> System:
    """The system of the hospital whose coordinator is Diệu."""
    return await hospital.system(STROKE_HOSPITAL)


def booking(hospital: Hospital, **changes: Any) -> dict[str, Any]:
    return {
        "coordinator_user_name": "dieu",
        "requester_user_name": "lan",
        "patient": {"identity": "established", "patient_id": hospital.patient_id, "evidence": EVIDENCE},
        "question": QUESTION,
        "consent": CONSENT_BODY,
        **changes,
    }


async def test_the_linked_see_the_times_and_pages_follow(hospital: Hospital, clinic: System, slots: list[str]) -> None:
    first = (await clinic.get("/slots?specialty=stroke&limit=3")).body
    assert [row["id"] for row in first["items"]] == slots[:3]
    assert {row["specialist"]["full_name"] for row in first["items"]} == {"BS. Hà"}
    assert not any(row["booked"] for row in first["items"])
    rest = (await clinic.get(f"/slots?specialty=stroke&limit=3&cursor={first['next']}")).body
    assert ([row["id"] for row in rest["items"]], rest["next"]) == (slots[3:], None)
    assert (await clinic.get("/slots?specialty=burns")).body["items"] == []
    foreign = await hospital.system(FOREIGN_HOSPITAL)
    assert (await foreign.get("/slots")).body["items"] == []


async def test_a_span_is_bounded(hospital: Hospital, clinic: System, slots: list[str]) -> None:
    starts, ends = (at.isoformat().replace("+00:00", "Z") for at in hospital.slot_times())
    inside = await clinic.get(f"/slots?from={starts}&to={ends}")
    assert [row["id"] for row in inside.body["items"]] == slots
    assert (await clinic.get(f"/slots?to={starts}")).body["items"] == []
    for query in (f"from={ends}&to={starts}", f"from={starts}&to=2027-06-01T00:00:00Z"):
        refused = await clinic.get(f"/slots?{query}")
        assert (refused.status, refused.code) == (422, "slots.span")


async def test_booking_moving_and_giving_back(hospital: Hospital, hub: System, slots: list[str]) -> None:
    made = await hub.post(f"/slots/{slots[0]}/book", booking(hospital, terminal_code="P1"), key="1")
    assert made.status == 201
    assert (made.body["slot_id"], made.body["clinic_id"], made.body["version"]) == (slots[0], CLINIC, 1)
    consult = (await hub.get(f"/consults/{made.body['consult_id']}")).body
    assert (consult["consult"]["state"], consult["patient"]["patient_id"]) == ("scheduled", hospital.patient_id)
    move = {"coordinator_user_name": "dieu", "slot_id": slots[1], "version": 1}
    path = f"/appointments/{made.body['id']}"
    moved = await hub.post(f"{path}/move", move)
    assert (moved.body["slot_id"], moved.body["version"]) == (slots[1], 2)
    stale = await hub.post(f"{path}/move", {**move, "slot_id": slots[2]})
    assert (stale.status, stale.code) == (409, "appointment.stale")
    row = (await hub.get("/slots")).body["items"][1]
    assert (row["booked"], row["appointment_id"], row["version"]) == (True, made.body["id"], 2)
    for _ in range(2):
        assert (await hub.post(f"{path}/cancel", {"coordinator_user_name": "dieu"})).status == 204
    assert not any(row["booked"] for row in (await hub.get("/slots")).body["items"])
    entries = await hospital.audited("api.move_appointment")
    assert {entry.consult_id for entry in entries} == {made.body["consult_id"]}
    assert [entry.outcome for entry in entries] == ["success", "failure"]


async def test_one_of_many_gets_the_slot(hospital: Hospital, hub: System, slots: list[str]) -> None:
    # Confirming one patient is limited to five tries in a quarter of an hour.
    replies = await asyncio.gather(
        *(hub.post(f"/slots/{slots[0]}/book", booking(hospital), key=str(number)) for number in range(5))
    )
    assert sorted(reply.status for reply in replies) == [201, 409, 409, 409, 409]
    assert {reply.code for reply in replies if reply.status == 409} == {"slot.taken"}


async def test_the_same_key_books_once(hospital: Hospital, hub: System, slots: list[str]) -> None:
    first, again = [await hub.post(f"/slots/{slots[0]}/book", booking(hospital), key="1") for _ in range(2)]
    assert (first.status, again.status) == (201, 201)
    assert first.body == again.body
    other = await hub.post(f"/slots/{slots[1]}/book", booking(hospital), key="1")
    assert (other.status, other.code) == (409, "idempotency.reused")


async def test_who_may_book(hospital: Hospital, hub: System, clinic: System, slots: list[str]) -> None:
    path = f"/slots/{slots[0]}/book"
    cases = [
        (hub, {"coordinator_user_name": "ha"}, 403, "policy.denied"),
        (hub, {"coordinator_user_name": "xadieu"}, 422, "staff.unknown"),
        (hub, {"requester_user_name": "mai"}, 422, "staff.unknown"),
        (clinic, {}, 422, "staff.unknown"),
    ]
    for number, (system, change, status, code) in enumerate(cases):
        refused = await system.post(path, booking(hospital, **change), key=str(number))
        assert (refused.status, refused.code) == (status, code), change
    gone = await hub.post(f"/slots/{new_id('slo')}/book", booking(hospital), key="x")
    assert (gone.status, gone.code) == (404, "slot.unknown")
    own = await clinic.post(path, booking(hospital, coordinator_user_name="lan"), key="own")
    assert own.status == 201, "the doctor who presents the patient"


async def test_strangers_neither_see_nor_touch_a_booking(hospital: Hospital, hub: System, slots: list[str]) -> None:
    made = await hub.post(f"/slots/{slots[0]}/book", booking(hospital), key="1")
    path = f"/appointments/{made.body['id']}"
    for facility_id, user_name in ((FOREIGN_HOSPITAL, "xadieu"), (CENTRAL_HOSPITAL, "khai")):
        system = await hospital.system(facility_id)
        body = {"coordinator_user_name": user_name}
        move = await system.post(f"{path}/move", {**body, "slot_id": slots[1], "version": 1})
        cancel = await system.post(f"{path}/cancel", body)
        assert {(one.status, one.code) for one in (move, cancel)} == {(404, "appointment.unknown")}


async def test_a_walk_in_is_taken_once_and_nobody_came_is_noted(
    hospital: Hospital, hub: System, clinic: System
) -> None:
    body = booking(hospital, specialist_user_name="ha", specialty="stroke", minutes=20)
    assert (await clinic.post("/walk-ins", body, key="c")).code == "staff.unknown", "another hospital's specialist"
    made = await hub.post("/walk-ins", body, key="w")
    assert made.status == 201
    assert (await hub.post("/walk-ins", body, key="w")).body["id"] == made.body["id"]
    busy = await hub.post("/walk-ins", body, key="x")
    assert (busy.status, busy.code) == (409, "slot.overlaps")
    path, who = f"/appointments/{made.body['id']}/no-show", {"coordinator_user_name": "dieu"}
    for _ in range(2):
        assert (await hub.post(path, who)).status == 204
    assert (await hub.get(f"/consults/{made.body['consult_id']}")).body["consult"]["state"] == "cancelled"
    assert (await clinic.get("/resources")).body["items"] == []
