"""The look-up: masked, audited, limited, in bodies alone."""

from __future__ import annotations

from typing import Any

import pytest

from identity.model import Scope
from tests.api.conftest import BHYT, CCCD, NAME, Hospital, System
from tests.consult_rooms.conftest import CLINIC, OTHER_CLINIC

BY_NAME = {"by": "name_and_birth_year", "requester_user_name": "lan", "name": "tran diem xua", "birth_year": 1958}


@pytest.mark.parametrize(("kind", "number"), [("cccd", CCCD), ("bhyt", BHYT), ("cccd", "051 158 004 821")])
async def test_a_number_gives_one_masked_row(hospital: Hospital, clinic: System, kind: str, number: str) -> None:
    found = await clinic.post("/patients/find", {"by": "identifier", "kind": kind, "number": number})
    [row] = found.body["items"]
    assert (row["patient_id"], row["name"], row["birth_year"]) == (hospital.patient_id, NAME, 1958)
    assert (row["masked_cccd"], row["masked_bhyt"]) == ("••••4821", "••••2345")
    assert CCCD not in found.text
    [entry] = await hospital.audited("api.find_patients")
    assert (entry.outcome, entry.patient_id, entry.details["by"]) == ("success", hospital.patient_id, "identifier")
    assert (await hospital.audited("patient.search"))[0].actor == entry.actor


async def test_a_name_needs_the_birth_year_and_a_person(hospital: Hospital, clinic: System) -> None:
    found = await clinic.post("/patients/find", BY_NAME)
    assert [row["patient_id"] for row in found.body["items"]] == [hospital.patient_id]
    assert found.body["more"] is False
    for missing in ("birth_year", "requester_user_name", "name"):
        body = {name: value for name, value in BY_NAME.items() if name != missing}
        refused = await clinic.post("/patients/find", body)
        assert (refused.code, refused.body["field"]) == ("field.missing", missing)
    other = await hospital.system(OTHER_CLINIC)
    assert (await other.post("/patients/find", BY_NAME)).code == "staff.unknown"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"by": "identifier", "kind": "cccd", "number": "12"}, "patient.cccd_form"),
        ({"by": "identifier", "kind": "passport", "number": "12"}, "field.choice"),
        ({"by": "telephone"}, "field.choice"),
        ({}, "field.missing"),
        ({**BY_NAME, "name": "x"}, "patient.name_needed"),
        ({**BY_NAME, "sex": "f"}, "field.choice"),
        ({**BY_NAME, "birth_year": "1958"}, "field.type"),
        ({**BY_NAME, "birth_year": 3000}, "field.range"),
    ],
)
async def test_what_cannot_be_looked_up_is_told(clinic: System, body: dict[str, Any], code: str) -> None:
    refused = await clinic.post("/patients/find", body)
    assert (refused.status, refused.code) == (422, code)


async def test_a_token_cannot_browse_the_register(hospital: Hospital) -> None:
    system = await hospital.system(CLINIC, Scope.PATIENTS_FIND)
    body = {"by": "identifier", "kind": "cccd", "number": CCCD}
    codes = [(await system.post("/patients/find", body)).status for _ in range(31)]
    assert codes[:30] == [200] * 30
    assert codes[30] == 429
    [denied] = [entry for entry in await hospital.audited("patient.search") if entry.outcome == "denied"]
    assert denied.actor.startswith("token:")
