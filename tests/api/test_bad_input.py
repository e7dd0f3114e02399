"""Whatever is sent gets a stable code and a sentence in the language asked for, and no patient gets into logs."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.api.conftest import BHYT, CCCD, NAME, Hospital, System

FIND = {"by": "identifier", "kind": "cccd", "number": CCCD}


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"", 400, "json.malformed"),
        (b"{", 400, "json.malformed"),
        (b'{"by": "identifier",}', 400, "json.malformed"),
        (b"\xff\xfe", 400, "json.malformed"),
        (b'{"by": "\\ud800"}', 400, "json.malformed"),
        (b"[" * 20_000, 400, "json.malformed"),
        (b"null", 422, "field.type"),
        (b"[]", 422, "field.type"),
        (b'"text"', 422, "field.type"),
        (b'{"by": "identifier", "kind": "cccd", "number": 51158004821}', 422, "field.type"),
        (b'{"by": "identifier", "kind": "cccd", "number": null}', 422, "field.type"),
        (b'{"by": "identifier", "kind": "cccd", "number": ""}', 422, "field.short"),
        (b'{"by": "identifier", "kind": "cccd", "number": "' + b"1" * 41 + b'"}', 422, "field.long"),
        (b'{"by": "identifier", "kind": "cccd", "number": "1", "more": 1}', 422, "field.unknown"),
        (b" " * 70_000, 413, "request.too_large"),
    ],
)
async def test_bodies_that_cannot_be_used(clinic: System, sent: bytes, status: int, code: str) -> None:
    refused = await clinic.post("/patients/find", data=sent, headers={"Content-Type": "application/json"})
    assert (refused.status, refused.code) == (status, code)
    assert refused.body["detail"]
    assert refused.body["request_id"] == refused.headers["X-Request-Id"]


async def test_the_field_is_named_as_it_was_sent(hospital: Hospital, clinic: System) -> None:
    patient = {"identity": "established", "patient_id": "pat_1", "evidence": {"cccd": CCCD, "shoe_size": "38"}}
    refused = await clinic.post("/requests", hospital.new_request(patient=patient), key="1")
    assert (refused.code, refused.body["field"]) == ("field.form", "patient.patient_id")
    patient["patient_id"] = hospital.patient_id
    refused = await clinic.post("/requests", hospital.new_request(patient=patient), key="1")
    assert (refused.code, refused.body["field"]) == ("field.unknown", "patient.evidence.shoe_size")


async def test_the_media_type_has_to_be_json(clinic: System) -> None:
    for media in ("text/plain", "application/xml", "application/json; charset=latin-1"):
        refused = await clinic.post("/patients/find", data=b"{}", headers={"Content-Type": media})
        assert (refused.status, refused.code) == (415, "request.media_type")


async def test_a_body_where_none_belongs(clinic: System) -> None:
    refused = await clinic.ask("GET", "/specialties", data=b"{}")
    assert (refused.status, refused.code) == (422, "body.unexpected")


async def test_the_language_is_the_one_accepted(clinic: System) -> None:
    english = await clinic.post("/patients/find", {}, headers={"Accept-Language": "en-GB,en;q=0.9"})
    vietnamese = await clinic.post("/patients/find", {}, headers={"Accept-Language": "vi"})
    neither = await clinic.post("/patients/find", {}, headers={"Accept-Language": "fr"})
    assert english.body["detail"] == "This field is needed."
    assert vietnamese.body["detail"] == neither.body["detail"] == "Cần có trường này."
    assert english.code == vietnamese.code
    assert (await clinic.get("/specialties", headers={"Accept-Language": "vi"})).body["items"][0]["name"] == "Bỏng"


async def test_unknown_addresses_and_methods_are_problems_too(clinic: System) -> None:
    missing = await clinic.ask("GET", "/nothing", checked=False)
    assert (missing.status, missing.code) == (404, "page.not_found")
    wrong = await clinic.ask("PUT", "/requests", checked=False)
    assert (wrong.status, wrong.code) == (405, "request.method")
    assert wrong.headers["Allow"] == "POST"


async def test_refused_calls_are_audited_with_their_code(hospital: Hospital, clinic: System) -> None:
    await clinic.post("/patients/find", {"by": "telephone"})
    [entry] = await hospital.audited("api.find_patients")
    assert (entry.outcome, entry.details["code"]) == ("failure", "field.choice")
    assert entry.details["request"]
    assert entry.address == "127.0.0.1"


async def test_no_patient_in_logs_addresses_or_the_audit_trail(
    hospital: Hospital, clinic: System, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = [NAME, CCCD, BHYT, "1958-03-02", "02/03/1958", "Diễm", "diem xua"]
    await clinic.post("/patients/find", FIND)
    by_name: dict[str, Any] = {"by": "name_and_birth_year", "requester_user_name": "lan", "name": "diem xua"}
    await clinic.post("/patients/find", {**by_name, "birth_year": 1958})
    made = await clinic.post("/requests", hospital.new_request(), key="1")
    await clinic.get(f"/consults/{made.body['id']}")
    await clinic.post("/patients/find", {**FIND, CCCD: NAME})
    await clinic.post("/requests", hospital.new_request(patient={NAME: CCCD}), key="2")
    logged = "\n".join(f"{record.getMessage()} {record.exc_text or ''}" for record in caplog.records)
    assert "/api/v1/consults/{consult_id}" in logged
    actions = ("api.find_patients", "api.create_request", "api.show_consult", "patient.search", "patient.confirm")
    entries = [str(tuple(entry)) for action in actions for entry in await hospital.audited(action)]
    assert len(entries) == 9
    kept = "\n".join([logged, *entries, *hospital.calls])
    assert not [secret for secret in secrets if secret in kept]
