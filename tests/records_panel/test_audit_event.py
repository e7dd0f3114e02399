"""Audit rows as FHIR AuditEvent: R4's own rules, tried on others' examples first, then what each BALP profile asks."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from records_panel.audit_event import PROFILES, Site, audit_event
from tests.records_panel.npm_samples import sample_files

SITE = Site("https://hoichan.example.vn")
DCM, ROLE = "http://dicom.nema.org/resources/ontology/DCM", "http://terminology.hl7.org/CodeSystem/object-role"
CHILDREN = {
    "": {"resourceType", "id", "meta", "text", "type", "subtype", "action", "period", "recorded", "outcome"}
    | {"outcomeDesc", "purposeOfEvent", "agent", "source", "entity"},
    "agent": {"type", "role", "who", "altId", "name", "requestor", "location", "policy", "media", "network"}
    | {"purposeOfUse"},
    "network": {"address", "type", "extension"},
    "source": {"site", "observer", "type"},
    "entity": {"what", "type", "role", "lifecycle", "securityLabel", "name", "description", "query", "detail"},
}
"""FHIR R4 §6.4.6: the elements that there are."""


def row(action: str = "book.read", **given: Any) -> dict[str, Any]:
    held: dict[str, Any] = {
        "number": 7,
        "at": datetime(2026, 11, 23, 7, 0, 1, 5, tzinfo=UTC),
        "actor": "sta_0192",
        "session": "ses_0192",
        "address": "10.1.2.3",
        "action": action,
        "target": None,
        "patient_id": "pat_0192",
        "consult_id": "con_0192",
        "outcome": "success",
        "details": {"purpose": "TREAT", "whole": False},
    }
    return held | given


def check_r4(event: dict[str, Any]) -> None:
    """What FHIR R4 asks of every AuditEvent: cardinalities, required bindings, invariant sev-1, no empty element."""
    assert set(event) <= CHILDREN[""]
    assert event["resourceType"] == "AuditEvent"
    assert re.fullmatch(r"[A-Za-z0-9.-]{1,64}", event["id"])
    assert set(event["type"]) >= {"system", "code"}
    assert event["action"] in set("CRUDE")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", event["recorded"])
    assert event["outcome"] in {"0", "4", "8", "12"}
    assert event["agent"]
    for agent in event["agent"]:
        assert set(agent) <= CHILDREN["agent"]
        assert isinstance(agent["requestor"], bool)
        assert set(agent.get("network", {"type": "1"})) <= CHILDREN["network"]
        assert agent.get("network", {}).get("type", "1") in set("12345")
    assert set(event["source"]) <= CHILDREN["source"]
    assert event["source"]["observer"]
    for entity in event.get("entity", []):
        assert set(entity) <= CHILDREN["entity"]
        assert not ("name" in entity and "query" in entity), "sev-1"
        for detail in entity.get("detail", []):
            assert set(detail) == {"type", "valueString"}
        if "query" in entity:
            base64.b64decode(entity["query"], validate=True)
    assert not _empty(event)


def _empty(value: Any) -> bool:
    if isinstance(value, dict | list):
        parts = list(value.values()) if isinstance(value, dict) else value
        return not parts or any(_empty(part) for part in parts)
    return value is None or value == ""


def of_type(event: dict[str, Any], code: str) -> list[dict[str, Any]]:
    return [agent for agent in event["agent"] if agent["type"]["coding"][0]["code"] == code]


def entities(event: dict[str, Any], code: str) -> list[dict[str, Any]]:
    return [entity for entity in event["entity"] if entity["type"]["code"] == code]


def test_examples_of_others_pass_the_same_check() -> None:
    examples = [path for path in sample_files() if path.name.startswith("AuditEvent")]
    assert len(examples) == 2
    for path in examples:
        check_r4(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("action", "profile", "interaction", "code", "client", "server", "user"),
    [
        ("book.read", "PatientRead", "read", "R", "110152", "110153", "IRCP"),
        ("patient.search", "PatientQuery", "search", "E", "110153", "110152", "IRCP"),
        ("patient.create", "PatientCreate", "create", "C", "110153", "110152", "AUT"),
        ("consult.identity_confirmed", "PatientUpdate", "update", "U", "110153", "110152", "AUT"),
    ],
)
@pytest.mark.parametrize("with_patient", [True, False])
def test_access_follows_its_profile(
    action: str, profile: str, interaction: str, code: str, client: str, server: str, user: str, with_patient: bool
) -> None:
    """Read, Query, Create and Update of BALP 1.1.3, and the same with Patient: codes, agents and entities."""
    event = audit_event(row(action, patient_id="pat_0192" if with_patient else None), SITE)
    check_r4(event)
    profile = profile if with_patient else profile.removeprefix("Patient")
    assert event["meta"]["profile"] == [
        f"https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.{profile}"
    ]
    assert event["type"]["code"] == "rest"
    system = "http://hl7.org/fhir/restful-interaction"
    assert event["subtype"][0] == {"system": system, "code": interaction}
    assert (event["action"], event["outcome"]) == (code, "0")
    for kind in (client, server):
        (agent,) = of_type(event, kind)
        assert agent["who"]
        assert agent["network"]
        assert "media" not in agent
    (person,) = of_type(event, user)
    assert person["requestor"] is True
    assert person["who"]["identifier"]["value"] == "sta_0192"
    assert "network" not in person
    assert person["purposeOfUse"][0]["coding"][0]["code"] == "TREAT"
    (data,) = entities(event, "2")
    if interaction == "search":
        assert data["role"]["code"] == "24"
        assert "query" in data
        assert not {"what", "lifecycle", "detail"} & set(data)
    else:
        assert data["role"]["code"] == "4"
        assert data["what"]
    patients = entities(event, "1")
    assert len(patients) == with_patient
    for patient in patients:
        assert patient["role"] == {"system": ROLE, "code": "1", "display": "Patient"}
        assert patient["what"]["type"] == "Patient"
        assert patient["what"]["identifier"]["value"] == "pat_0192"


def test_a_disclosure_follows_its_profile() -> None:
    """PrivacyDisclosure.Source: the recording server is the source (val-audit-source)."""
    event = audit_event(row("book.export", actor="token:tok_1", session=None), SITE)
    check_r4(event)
    assert event["meta"]["profile"] == [PROFILES + "PrivacyDisclosure.Source"]
    assert (event["type"]["system"], event["type"]["code"], event["action"]) == (DCM, "110106", "R")
    assert event["subtype"][0]["code"] == "disclose"
    (source,), (recipient,) = of_type(event, "110153"), of_type(event, "110152")
    assert source["who"] == event["source"]["observer"]
    assert recipient["who"]["identifier"]["value"] == "token:tok_1"
    assert recipient["requestor"] is True
    assert source["network"]
    assert recipient["network"]
    assert len(event["entity"]) >= 2
    assert len(entities(event, "1")) == 1


@pytest.mark.parametrize("action", ["book.read", "session.start", "staff.create", "patient.search", "odd"])
def test_a_denial_claims_no_profile(action: str) -> None:
    event = audit_event(row(action, outcome="denied", details={"reason": "book.denied"}), SITE)
    check_r4(event)
    assert "meta" not in event
    assert event["type"]["code"] == "110113"
    assert (event["outcome"], event["outcomeDesc"]) == ("4", "book.denied")


@pytest.mark.parametrize(
    ("action", "kind", "sub"),
    [
        ("session.start", "110114", "110122"),
        ("session.end", "110114", "110123"),
        ("audit.read", "110101", "audit.read"),
        ("audit.export", "110106", "audit.export"),
        ("book.break_glass", "110113", "110127"),
        ("device.publish", "110100", "device.publish"),
    ],
)
def test_what_is_no_access_has_dicoms_codes(action: str, kind: str, sub: str) -> None:
    event = audit_event(row(action, patient_id=None, actor="-", session=None, address=None), SITE)
    check_r4(event)
    assert (event["type"]["code"], event["subtype"][0]["code"]) == (kind, sub)
    assert event["agent"][0]["network"]["extension"][0]["valueCode"] == "unknown"
    assert event["subtype"][-1] == {"system": "https://hoichan.example.vn/audit-action", "code": action}


def test_only_codes_and_opaque_ids_go_out() -> None:
    details = {"user_name": "bs.bao", "words": "Nguyễn Thị Lành", "note": "free text of a person", "by": "cccd", "n": 3}
    text = json.dumps([audit_event(row(action, details=details), SITE) for action in ("book.read", "patient.search")])
    assert [word for word in ("bs.bao", "Nguy", "free text") if word in text] == []
    assert '{"type": "by", "valueString": "cccd"}' in text
    denied = audit_event(row(outcome="denied", details={"reason": "Nguyễn Thị Lành"}), SITE)
    assert denied["outcomeDesc"] == "denied"
