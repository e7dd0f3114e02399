"""Consults as they change, page by page, and a whole one for its two sides only."""

from __future__ import annotations

from typing import Any

import pytest

from foundation.ids import ConsultId
from tests.api.conftest import CCCD, NAME, QUESTION, Hospital, System
from tests.consult_rooms.conftest import CENTRAL_HOSPITAL, FOREIGN_HOSPITAL, OTHER_CLINIC, STROKE_HOSPITAL


async def made(hospital: Hospital, system: System, count: int) -> list[ConsultId]:
    """That many requests, a minute apart."""
    ids: list[ConsultId] = []
    for number in range(count):
        body = hospital.new_request(urgency="emergency", patient={"identity": "temporary", "age_years": number})
        ids.append((await system.post("/requests", body, key=f"key {number}")).body["id"])
        hospital.clock.advance(60)
    return ids


async def test_pages_follow_one_another_to_the_end(hospital: Hospital, clinic: System) -> None:
    ids = await made(hospital, clinic, 5)
    seen, cursor, pages = [], "", 0
    while cursor is not None:
        page = (await clinic.get(f"/consults?limit=2{cursor and '&cursor=' + cursor}")).body
        seen += [row["id"] for row in page["items"]]
        cursor, pages = page["next"], pages + 1
    assert (seen, pages) == (ids, 3)
    assert NAME not in str(page)


async def test_a_change_brings_a_consult_back(hospital: Hospital, clinic: System) -> None:
    ids = await made(hospital, clinic, 3)
    since = hospital.clock.now().isoformat().replace("+00:00", "Z")
    assert (await clinic.get(f"/consults?updated_since={since}")).body["items"] == []
    await hospital.world.answers.accept(hospital.world["ha"], ids[1])
    [row] = (await clinic.get(f"/consults?updated_since={since}")).body["items"]
    assert (row["id"], row["state"], row["specialist_facility_id"]) == (ids[1], "claimed", STROKE_HOSPITAL)


async def test_each_side_sees_its_own(hospital: Hospital, clinic: System) -> None:
    [consult_id, *_] = await made(hospital, clinic, 2)
    hub = await hospital.system(STROKE_HOSPITAL)
    assert (await hub.get("/consults")).body["items"] == []
    assert (await hub.get(f"/consults/{consult_id}")).code == "consult.unknown"
    await hospital.world.answers.accept(hospital.world["ha"], consult_id)
    assert [row["id"] for row in (await hub.get("/consults")).body["items"]] == [consult_id]
    assert (await hub.get(f"/consults/{consult_id}")).status == 200
    for stranger in (CENTRAL_HOSPITAL, FOREIGN_HOSPITAL, OTHER_CLINIC):
        system = await hospital.system(stranger)
        assert (await system.get("/consults")).body["items"] == []
        hidden = await system.get(f"/consults/{consult_id}")
        assert (hidden.status, hidden.code) == (404, "consult.unknown")
    refusals = [entry for entry in await hospital.audited("api.show_consult") if entry.outcome == "failure"]
    assert {entry.consult_id for entry in refusals} == {consult_id}


async def test_a_whole_consult_with_opinion_once_it_is_locked(hospital: Hospital, clinic: System) -> None:
    world, ha = hospital.world, hospital.world["ha"]
    consult_id = (await clinic.post("/requests", hospital.new_request(), key="1")).body["id"]
    await world.answers.accept(ha, consult_id)
    await world.rooms.join(ha, consult_id)
    await world.opinions.save(ha, consult_id, "Chuyển viện ngay.", 0)
    await world.rooms.end(ha, consult_id)
    draft = (await clinic.get(f"/consults/{consult_id}")).body
    assert draft["opinion"] is None
    await world.opinions.close(ha, consult_id)
    whole = (await clinic.get(f"/consults/{consult_id}")).body
    assert (whole["opinion"]["text"], whole["opinion"]["author"]["full_name"]) == ("Chuyển viện ngay.", "BS. Hà")
    assert whole["patient"]["name"] == NAME
    assert whole["patient"]["masked_number"] == "••••4821"
    assert whole["question"]["situation"] == QUESTION["situation"]
    assert whole["consent"]["by"] == "proxy"
    kinds = [entry["kind"] for entry in whole["timeline"]]
    assert kinds[0] == "requested"
    assert kinds[-1] == "closed"
    assert [entry["number"] for entry in whole["timeline"]] == list(range(1, whole["consult"]["log_number"] + 1))
    rest = (await clinic.get(f"/consults/{consult_id}?after=2")).body["timeline"]
    assert rest == whole["timeline"][2:]
    last = (await hospital.audited("api.show_consult"))[-1]
    assert (last.outcome, last.consult_id, last.patient_id) == ("success", consult_id, hospital.patient_id)


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("limit=0", "field.range", "limit"),
        ("limit=101", "field.range", "limit"),
        ("limit=many", "field.type", "limit"),
        ("limit=1&limit=2", "field.repeated", None),
        ("updated_since=yesterday", "field.form", "updated_since"),
        ("updated_since=2026-11-23T07:00:00", "field.form", "updated_since"),
        ("updated_since=0001-01-01T00:00:00%2B14:00", "field.form", "updated_since"),
        ("cursor=!!", "cursor.unusable", "cursor"),
        ("cursor=MjAyNiBjb24", "cursor.unusable", "cursor"),
        ("cursor=" + "a" * 201, "field.long", "cursor"),
        (f"patient={CCCD}", "field.unknown", "patient"),
    ],
)
async def test_what_cannot_be_asked_is_told(clinic: System, query: str, code: str, field: Any) -> None:
    refused = await clinic.get(f"/consults?{query}")
    assert (refused.status, refused.code, refused.body.get("field")) == (422, code, field)
