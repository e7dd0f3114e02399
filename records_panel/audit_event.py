"""Audit rows as FHIR R4 AuditEvent, in the profiles of IHE Basic Audit Log Patterns (BALP 1.1.3) where one fits.

BALP's profiles are for what succeeded. A denial is a DICOM security alert (FHIR R4 §6.1.0.6 "Access Denied"), and
what is no access to data, such as a sign-in, has DICOM's own codes (PS3.16 CID 400). Only opaque ids, codes and network
addresses go out: free text and user names of the details stay here, and so does what was typed into a search.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

PROFILES = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
_ENTITY = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_RESTFUL = "http://hl7.org/fhir/restful-interaction"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"

_VERBS = {
    "read": "Read", "viewers": "Read", "consents": "Read", "list": "Read",
    "search": "Query", "confirm": "Query", "names": "Query",
    "create": "Create", "add": "Create", "import": "Create", "enrol": "Create",
    "change": "Update", "withdraw": "Update", "move_in": "Update", "move_out": "Update", "accept": "Update",
    "activate": "Update", "deactivate": "Update", "revoke": "Update", "review": "Update", "issue_code": "Update",
    "reset": "Update", "identity_confirmed": "Update", "identity_reverted": "Update", "identity_changed": "Update",
    "export": "Disclosure", "disclose": "Disclosure",
}  # fmt: skip
"""What the last word of an action is in BALP's terms; other actions are no access to data."""

_INTERACTIONS = {"Read": "read", "Query": "search", "Create": "create", "Update": "update"}
_ACTIONS = {"Read": "R", "Query": "E", "Create": "C", "Update": "U", "Disclosure": "R"}
_OWN = {
    "session.start": ("110114", "User Authentication", "110122", "Login"),
    "session.end": ("110114", "User Authentication", "110123", "Logout"),
    "session.lock": ("110114", "User Authentication", "", ""),
    "session.unlock": ("110114", "User Authentication", "", ""),
    "audit.read": ("110101", "Audit Log Used", "", ""),
    "audit.export": ("110106", "Export", "", ""),
    "book.break_glass": ("110113", "Security Alert", "110127", "Emergency Override Started"),
}
"""Type and subtype in DICOM's terms of what has codes of its own."""

_NOUNS = {
    "pat": "Patient", "con": "Encounter", "sta": "Practitioner", "fac": "Organization", "ter": "Device",
    "dev": "Device", "tok": "Device",
}  # fmt: skip
_CODE = re.compile(r"[A-Za-z0-9_.,:+/|-]{1,128}")
_PRIVATE = frozenset({"user_name"})


@dataclass(frozen=True, slots=True)
class Site:
    """Who records: the address of the installation, such as `https://hoichan.example.vn`, under which its ids stand."""

    address: str

    @property
    def host(self) -> str:
        """The host name alone."""
        return self.address.partition("://")[2].partition("/")[0] or self.address

    def id(self, noun: str, value: str) -> Json:
        """A logical reference (FHIR R4 §2.3.0.2) to a thing by its opaque id."""
        held: Json = {"identifier": {"system": f"{self.address}/ids/{noun.lower()}", "value": value}}
        return held | ({"type": noun} if noun[:1].isupper() else {})

    def thing(self, value: str) -> Json:
        """The same, with the noun read from the id."""
        return self.id(_NOUNS.get(value[:3], "thing"), value)


def audit_event(row: Mapping[str, Any], site: Site) -> Json:
    """One row of the audit as an AuditEvent."""
    verb = _VERBS.get(row["action"].rpartition(".")[2])
    if row["action"] in _OWN or (verb == "Disclosure" and not row["patient_id"]):
        verb = None
    details: Mapping[str, Any] = row["details"]
    event: Json = {"resourceType": "AuditEvent", "id": str(row["number"])}
    if row["outcome"] == "success":
        event |= _permitted(row, verb)
    else:
        interaction = _INTERACTIONS.get(verb or "")
        event["type"] = _coding(_DCM, "110113", "Security Alert")
        event["subtype"] = [_coding(_RESTFUL, interaction)] if interaction else []
        event["action"] = _ACTIONS.get(verb or "", "E")
    event["subtype"] = [*event.get("subtype", []), _coding(f"{site.address}/audit-action", row["action"])]
    event["recorded"] = row["at"].isoformat(timespec="microseconds")
    event["outcome"] = "0" if row["outcome"] == "success" else "4"
    reason = details.get("reason", details.get("code"))
    if event["outcome"] == "4":
        event["outcomeDesc"] = reason if isinstance(reason, str) and _CODE.fullmatch(reason) else "denied"
    if purpose := _purpose(details):
        event["purposeOfEvent"] = purpose
    event["agent"] = _agents(row, verb, site)
    event["source"] = {
        "site": site.host,
        "observer": site.id("Device", site.host),
        "type": [_coding("http://terminology.hl7.org/CodeSystem/security-source-type", "4", "Application Server")],
    }
    event["entity"] = _entities(row, verb, site)
    return event


def _permitted(row: Mapping[str, Any], verb: str | None) -> Json:
    """Profile, type, subtype and action of what succeeded."""
    if verb == "Disclosure":
        return {
            "meta": {"profile": [PROFILES + "PrivacyDisclosure.Source"]},
            "type": _coding(_DCM, "110106", "Export"),
            "subtype": [_coding("http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle", "disclose")],
            "action": "R",
        }
    if verb is not None:
        patient = "Patient" if row["patient_id"] else ""
        return {
            "meta": {"profile": [PROFILES + patient + verb]},
            "type": _coding("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "Restful Operation"),
            "subtype": [_coding(_RESTFUL, _INTERACTIONS[verb])],
            "action": _ACTIONS[verb],
        }
    kind, shown, sub, sub_shown = _OWN.get(row["action"], ("110100", "Application Activity", "", ""))
    held: Json = {"type": _coding(_DCM, kind, shown), "action": "E"}
    return held | ({"subtype": [_coding(_DCM, sub, sub_shown)]} if sub else {})


def _agents(row: Mapping[str, Any], verb: str | None, site: Site) -> list[Json]:
    """The browser or system that asked, this server, and the person, if there was one.

    BALP names client and server by the way that data flows: a read has its source here, all else its destination.
    """
    source, destination = _coding(_DCM, "110153", "Source Role ID"), _coding(_DCM, "110152", "Destination Role ID")
    client_type, server_type = (destination, source) if verb in ("Read", "Disclosure") else (source, destination)
    actor: str = row["actor"]
    person = not actor.startswith(("token:", "device:", "-"))
    client = {
        "type": {"coding": [client_type]},
        "who": site.id("session", row["session"]) if row["session"] else {"display": "unknown"},
        "requestor": not person,
        "network": {"address": row["address"], "type": "2"} if row["address"] else _absent(),
    }
    if not person and actor != "-":
        client["who"] = site.id("Device", actor)
    server = {
        "type": {"coding": [server_type]},
        "who": site.id("Device", site.host),
        "requestor": False,
        "network": {"address": site.host, "type": "1"},
    }
    agents: list[Json] = [client, server]
    if person:
        author = verb in ("Create", "Update")
        user: Json = {
            "type": {"coding": [_coding(_PARTICIPATION, "AUT" if author else "IRCP")]},
            "who": site.thing(actor) if actor.startswith("sta_") else site.id("operator", actor),
            "requestor": True,
        }
        if purpose := _purpose(row["details"]):
            user["purposeOfUse"] = purpose
        agents.append(user)
    return agents


def _entities(row: Mapping[str, Any], verb: str | None, site: Site) -> list[Json]:
    entities: list[Json] = []
    if row["patient_id"]:
        entities.append(
            {
                "what": site.id("Patient", row["patient_id"]),
                "type": _coding(_ENTITY, "1", "Person"),
                "role": _coding(_ROLE, "1", "Patient"),
            }
        )
    held = [
        {"type": name, "valueString": str(value).lower() if isinstance(value, bool) else str(value)}
        for name, value in sorted(row["details"].items())
        if value is not None and name not in _PRIVATE and _CODE.fullmatch(str(value))
    ]
    noun = row["action"].partition(".")[0]
    data: Json = {"type": _coding(_ENTITY, "2", "System Object")}
    if verb == "Query":
        # What was typed names a person, so it is not kept: only by what kind of thing it was looked for.
        query = f"POST {'Patient' if noun == 'patient' else noun}/_search"
        data |= {"role": _coding(_ROLE, "24", "Query"), "query": base64.b64encode(query.encode()).decode()}
    else:
        what = row["target"] or (row["patient_id"] if noun in ("book", "patient") else row["consult_id"])
        data["role"] = _coding(_ROLE, "4", "Domain Resource")
        if what is None:
            data["what"] = {"display": noun}
        else:
            data["what"] = site.id("book", what) if noun == "book" and what == row["patient_id"] else site.thing(what)
        if held:
            data["detail"] = held
    entities.append(data)
    if row["consult_id"] and data.get("what") != site.thing(row["consult_id"]):
        encounter: Json = {
            "what": site.thing(row["consult_id"]),
            "type": _coding("http://hl7.org/fhir/resource-types", "Encounter"),
        }
        entities.append(encounter)
    return entities


def _purpose(details: Mapping[str, Any]) -> list[Json]:
    purpose = details.get("purpose")
    return [{"coding": [_coding(_REASON, purpose)]}] if isinstance(purpose, str) and _CODE.fullmatch(purpose) else []


def _absent() -> Json:
    return {"extension": [{"url": _ABSENT, "valueCode": "unknown"}]}


def _coding(system: str, code: str, display: str = "") -> Json:
    return {"system": system, "code": code} | ({"display": display} if display else {})
