"""The one-read summary of a book: a document Bundle shaped as the International Patient Summary (IPS 2.0.0). Pure.

It holds what the first ten seconds need, bounded, so that a long life still fits one small row: everything that is
active or dangerous, and the last few values of each measured thing. The whole book stays in `resource_log`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from records_panel.citizens import Identity
from records_panel.fhir_reading import Json, any_codes, as_dict, codes, dicts, first_code, first_when, order, word
from records_panel.histories import DIRECTIVE_CODES

LOINC = "http://loinc.org"
CCCD_SYSTEM = "http://fhir.hl7.org.vn/core/sid/cccd"
BHYT_SYSTEM = "http://fhir.hl7.org.vn/core/sid/bhyt"
_VALUES_OF_A_THING = 8
_MOST_OF_A_TYPE = 40
_SECTIONS = (
    ("11450-4", "Problem list", ("Condition",), True),
    ("48765-2", "Allergies and intolerances", ("AllergyIntolerance",), True),
    ("10160-0", "Medication summary", ("MedicationStatement", "MedicationRequest"), True),
    ("30954-2", "Results", ("Observation",), False),
    ("46264-8", "Medical devices", ("DeviceUseStatement",), False),
    ("104605-1", "Alerts", ("Flag",), False),
    ("42348-3", "Advance directives", ("Consent",), False),
    ("48768-6", "Insurance", ("Coverage",), False),
)
_IN_SUMMARY = frozenset(kind for _, _, kinds, _ in _SECTIONS for kind in kinds) | {
    "Composition",
    "Device",
    "DeviceUsage",
    "Medication",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationUsage",
    "Organization",
    "Practitioner",
    "PractitionerRole",
}
"""All else is shown on tabs only, which read the whole book."""
# What the first ten seconds do not read, or what the book itself says: whose it is.
_LEFT_OUT = frozenset({"text", "subject", "patient", "beneficiary", "identifier", "encounter", "basedOn", "specimen"})
_NAMES_ONLY = frozenset({"Organization", "Practitioner", "PractitionerRole"})
_OF_A_NAME = frozenset({"resourceType", "id", "name", "organization", "practitioner"})
_CODED = ("code", "section", "medicationCodeableConcept", "medicationReference", "medication", "device", "category")
_META = ("source", "security", "tag")


def patient_resource(patient_id: str, identity: Identity, *, demo: bool) -> Json:
    """The FHIR Patient of an identity; the name is text alone, since a Vietnamese name is shown as written."""
    identifiers = []
    if identity.cccd:
        identifiers.append({"use": "official", "system": CCCD_SYSTEM, "value": identity.cccd})
    if identity.bhyt:
        identifiers.append({"use": "secondary", "system": BHYT_SYSTEM, "value": identity.bhyt})
    resource: Json = {
        "resourceType": "Patient",
        "id": patient_id,
        "active": True,
        "identifier": identifiers,
        "name": [{"use": "official", "text": identity.name}],
        "gender": identity.sex,
        "birthDate": identity.birth_date.isoformat(),
    }
    if demo:
        tag = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
        resource["meta"] = {"tag": [tag]}
    if identity.address:
        resource["address"] = [{"use": "home", "text": identity.address, "country": "VN"}]
    return resource


def with_insurance(resources: list[Json], identity: Identity) -> list[Json]:
    """Adds the insurance of the register where the book has none of its own."""
    if identity.bhyt_valid_until is None or any(one.get("resourceType") == "Coverage" for one in resources):
        return resources
    coverage: Json = {
        "resourceType": "Coverage",
        "id": "register",
        "status": "active",
        "period": {"end": identity.bhyt_valid_until.isoformat()},
    }
    return [*resources, coverage]


def document(patient: Json, resources: Iterable[Json], made_at: datetime) -> Json:
    """The IPS-shaped document of a book."""
    kept = [_brief(one) for one in _bounded(resource for resource in resources if _belongs(resource))]
    told = {code for one in kept for section in dicts(one.get("section")) for code in codes(section.get("code"))}
    sections = []
    for loinc, title, kinds, required in _SECTIONS:
        entries = [
            {"reference": f"{resource['resourceType']}/{resource['id']}"}
            for resource in kept
            if resource["resourceType"] in kinds and not _said_elsewhere(resource)
        ]
        section: Json = {"title": title, "code": {"coding": [{"system": LOINC, "code": loinc}]}}
        if entries:
            sections.append(section | {"entry": entries})
        elif required and loinc not in told:
            reason = {"system": "http://terminology.hl7.org/CodeSystem/list-empty-reason", "code": "unavailable"}
            sections.append(section | {"emptyReason": {"coding": [reason]}})
    composition: Json = {
        "resourceType": "Composition",
        "id": "summary",
        "status": "final",
        "type": {"coding": [{"system": LOINC, "code": "60591-5"}]},
        "subject": {"reference": f"Patient/{patient['id']}"},
        "date": made_at.isoformat(),
        "title": "Patient summary",
        "section": sections,
    }
    return _bundle("document", made_at, [composition, patient, *kept])


def collection(patient: Json, resources: Iterable[Json], made_at: datetime) -> Json:
    """The whole book, unbounded."""
    return _bundle("collection", made_at, [patient, *resources])


def _bundle(kind: str, made_at: datetime, resources: list[Json]) -> Json:
    return {
        "resourceType": "Bundle",
        "type": kind,
        "timestamp": made_at.isoformat(),
        "entry": [{"resource": resource} for resource in resources],
    }


def _bounded(resources: Iterable[Json]) -> list[Json]:
    groups: dict[str, list[Json]] = {}
    for resource in resources:
        groups.setdefault(_group(resource), []).append(resource)
    kept: list[Json] = []
    for name, group in groups.items():
        group.sort(key=lambda one: order(first_when(one, "effectiveDateTime", "effectivePeriod", "issued")))
        if name.startswith("Observation"):
            kept += group[-_VALUES_OF_A_THING:]
        elif name.startswith("over"):
            kept += group[-_MOST_OF_A_TYPE:]
        else:
            kept += group  # what is active or dangerous is never cut
    return kept


def _group(resource: Json) -> str:
    kind = resource["resourceType"]
    if kind == "Observation":
        concept = as_dict(resource.get("code"))
        units = {str(as_dict(resource.get("valueQuantity")).get("code"))}
        units |= {str(as_dict(part.get("valueQuantity")).get("code")) for part in dicts(resource.get("component"))}
        return f"Observation/{first_code(concept) or concept.get('text')}/{sorted(units)}"
    if kind == "Composition":
        return "over/Composition"
    over = word(resource.get("status")) in ("stopped", "completed") or "resolved" in codes(
        resource.get("clinicalStatus")
    )
    return f"over/{kind}" if over else str(kind)


def _belongs(resource: Json) -> bool:
    kind = resource.get("resourceType")
    # An advance directive may be a document of another type than Consent (IPS 2.0.0).
    if kind == "DocumentReference":
        known = codes(resource.get("type")) | any_codes(resource.get("category"))
        return not known.isdisjoint(DIRECTIVE_CODES)
    return kind in _IN_SUMMARY


def _said_elsewhere(resource: Json) -> bool:
    """Whether it is of a section's type and means something else: a drug only proposed, a consent to a treatment."""
    kind = resource["resourceType"]
    if kind == "MedicationRequest":
        return word(resource.get("intent")) in ("proposal", "plan")
    return kind == "Consent" and codes(resource.get("scope")) == {"treatment"} and not _is_directive(resource)


def _is_directive(resource: Json) -> bool:
    return not any_codes(resource.get("category")).isdisjoint(DIRECTIVE_CODES)


def _brief(resource: Json) -> Json:
    """A resource without what the panel's first screen never reads; restrictions and sources stay."""
    if resource["resourceType"] in _NAMES_ONLY:
        return {key: value for key, value in resource.items() if key in _OF_A_NAME}
    has_code = any(field in resource for field in _CODED)
    brief = {
        key: value
        for key, value in resource.items()
        if (key not in _LEFT_OUT and key != "meta") or (key == "text" and not has_code)
    }
    meta = as_dict(resource.get("meta"))
    if kept := {key: meta[key] for key in _META if meta.get(key)}:
        brief["meta"] = kept
    if "section" in brief:
        brief["section"] = [_brief_section(section) for section in dicts(brief["section"])]
    return brief


def _brief_section(section: Json) -> Json:
    # A section that has entries does not need its narrative on the first screen.
    return {key: value for key, value in section.items() if key != "text" or not section.get("entry")}
