"""A book as an International Patient Summary: a FHIR R4 document Bundle with the sections of IPS 2.0.0. Pure.

What IPS demands of a document is kept: one Composition first with author, date and subject, every section with a
narrative, entries under `urn:uuid:` with all references inside, the three required sections even when empty (with
a reason). The entries are the record's own, as they came: an entry that broke the rules of FHIR still does.
"""

from __future__ import annotations

import html
import uuid
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from records_panel import sections as ips
from records_panel.describing import heading
from records_panel.document import NO_INFORMATION, Document, categories
from records_panel.fhir_reading import Json, as_dict, codes, dicts, word
from records_panel.histories import PREGNANCY_CODES, is_directive
from records_panel.importing import ORIGINAL, with_references
from records_panel.model import AbsenceKind

_TITLES: Mapping[str, str] = MappingProxyType(
    {
        ips.PROBLEMS: "Problems",
        ips.ALLERGIES: "Allergies and intolerances",
        ips.MEDICATIONS: "Medications",
        ips.VACCINES: "Immunizations",
        ips.RESULTS: "Results",
        ips.PROCEDURES: "History of procedures",
        ips.DEVICES: "Medical devices",
        ips.VITAL_SIGNS: "Vital signs",
        ips.PAST_PROBLEMS: "Past problems",
        ips.SOCIAL: "Social history",
        ips.PLANS: "Plan of care",
        ips.PREGNANCY: "Pregnancy",
        ips.DIRECTIVES: "Advance directives",
        ips.FUNCTIONAL: "Functional status",
        ips.ALERTS: "Alerts",
        ips.STORY: "Patient story",
    }
)
_REQUIRED = (ips.PROBLEMS, ips.ALLERGIES, ips.MEDICATIONS)
_OF_TYPE = MappingProxyType(
    {
        "AllergyIntolerance": ips.ALLERGIES,
        "MedicationStatement": ips.MEDICATIONS,
        "MedicationRequest": ips.MEDICATIONS,
        "Immunization": ips.VACCINES,
        "DiagnosticReport": ips.RESULTS,
        "Procedure": ips.PROCEDURES,
        "DeviceUseStatement": ips.DEVICES,
        "CarePlan": ips.PLANS,
        "ImmunizationRecommendation": ips.PLANS,
        "ClinicalImpression": ips.FUNCTIONAL,
        "Flag": ips.ALERTS,
    }
)
_SUBJECT = MappingProxyType(
    dict.fromkeys(("AllergyIntolerance", "Immunization", "Consent", "FamilyMemberHistory"), "patient")
    | {"Coverage": "beneficiary"}
    | dict.fromkeys(
        (
            "Condition",
            "MedicationStatement",
            "MedicationRequest",
            "Procedure",
            "DeviceUseStatement",
            "Flag",
            "CarePlan",
        ),
        "subject",
    )
)
_REASONS = {
    AbsenceKind.KNOWN_NONE: ("nilknown", "Nil Known"),
    AbsenceKind.WITHHELD: ("withheld", "Information Withheld"),
}
_SYSTEM = "http://terminology.hl7.org/CodeSystem/list-empty-reason"
_NAMESPACE = uuid.UUID("6d1f0d3c-54b6-4a0e-9a6c-7d7a1f1f3a55")
"""Of the `urn:uuid:` names, so that the same book gives the same document."""


def ips_document(bundle: Json, made_at: datetime) -> Json:
    """The document of a whole book, as `HealthBook.fetch(whole=True)` gives it. Restricted entries are left out."""
    document = Document(bundle)
    patient = document.patient
    resources = [one for one in _readable(bundle, document) if word(one.get("resourceType")) != "Composition"]
    names = {_key(one): _name(patient, _key(one)) for one in resources}
    author = next((_key(one) for one in resources if one["resourceType"] in ("Organization", "Practitioner")), "")
    composition = _composition(document, resources, names, author, made_at)
    entries = [{"fullUrl": _name(patient, "document"), "resource": composition}]
    for resource in sorted(resources, key=lambda one: one["resourceType"] != "Patient"):
        field = _SUBJECT.get(resource["resourceType"])
        whole = resource | ({field: {"reference": _key(patient)}} if field and field not in resource else {})
        entries.append({"fullUrl": names[_key(resource)], "resource": with_references(whole, names.get)})
    return {
        "resourceType": "Bundle",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid.uuid4()}"},
        "type": "document",
        "timestamp": made_at.isoformat(),
        "entry": entries,
    }


def _readable(bundle: Json, document: Document) -> list[Json]:
    kinds = {word(as_dict(entry.get("resource")).get("resourceType")) for entry in dicts(bundle.get("entry"))}
    outer = {id(entry.get("resource")) for entry in dicts(bundle.get("entry"))}
    found = [one for one in document.all(*sorted(kinds)) if id(one) in outer]
    # The text of an entry as it came says again what the entry says, in no form that a reader of IPS knows.
    return [one for one in found if not word(one.get("id")).startswith(ORIGINAL)]


def _composition(
    document: Document, resources: list[Json], names: Mapping[str, str], author: str, made_at: datetime
) -> Json:
    placed: dict[str, list[Json]] = {code: [] for code in _TITLES}
    for resource in resources:
        if code := _place(document, resource):
            placed[code].append(resource)
    sections = []
    for code, title in _TITLES.items():
        said = document.own_words(code)
        if placed[code] or said or code in _REQUIRED or document.silence(code) != (NO_INFORMATION,):
            sections.append(_section(document, code, title, placed[code], names, said))
    return {
        "resourceType": "Composition",
        "status": "final",
        "type": {"coding": [{"system": "http://loinc.org", "code": "60591-5", "display": "Patient summary Document"}]},
        "subject": {"reference": names.get(_key(document.patient), "")},
        "date": made_at.isoformat(),
        "author": [{"reference": names[author]} if author else {"display": "E Health Book"}],
        "title": "Patient Summary",
        "section": sections,
    }


def _section(
    document: Document, code: str, title: str, resources: list[Json], names: Mapping[str, str], said: str
) -> Json:
    items = [heading(document, one) or one["resourceType"] for one in resources]
    words = "".join(f"<li>{html.escape(item)}</li>" for item in items)
    text = f"<ul>{words}</ul>" if words else f"<p>{html.escape(said or 'No information')}</p>"
    section: Json = {
        "title": title,
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'},
    }
    if resources:
        return section | {"entry": [{"reference": names[_key(one)]} for one in resources]}
    if said and code not in _REQUIRED:
        return section
    reason, display = _REASONS.get(document.silence(code)[0].kind, ("unavailable", "Unavailable"))
    return section | {"emptyReason": {"coding": [{"system": _SYSTEM, "code": reason, "display": display}]}}


def _place(document: Document, resource: Json) -> str:
    """The section of a resource: where its document had it, else by its type and codes."""
    for code in _TITLES:
        if id(resource) in document.ids_in(code):
            return code
    kind = resource["resourceType"]
    if kind == "Condition":
        over = codes(resource.get("clinicalStatus")) & {"resolved", "inactive", "remission"}
        return ips.PAST_PROBLEMS if over else ips.PROBLEMS
    if kind == "Observation":
        known = categories(resource)
        if codes(resource.get("code")) & PREGNANCY_CODES:
            return ips.PREGNANCY
        return ips.VITAL_SIGNS if "vital-signs" in known else ips.SOCIAL if "social-history" in known else ips.RESULTS
    if kind in ("Consent", "DocumentReference"):
        return ips.DIRECTIVES if is_directive(document, resource) else ""
    return _OF_TYPE.get(kind, "")


def _name(patient: Json, key: str) -> str:
    return f"urn:uuid:{uuid.uuid5(_NAMESPACE, f'{_key(patient)}/{key}')}"


def _key(resource: Json) -> str:
    return f"{resource.get('resourceType')}/{resource.get('id')}"
