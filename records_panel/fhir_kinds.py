"""Which FHIR R4 resource types the panel needs, how each names its patient, and what others they refer to."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from records_panel.fhir_reading import Json, as_dict, word

SUMMARY_KINDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "AllergyIntolerance": {},
        "Condition": {},
        "MedicationStatement": {"_include": "MedicationStatement:medication"},
        "MedicationRequest": {"_include": "MedicationRequest:medication"},
        "Observation": {"_sort": "-date"},
        "DeviceUseStatement": {"_include": "DeviceUseStatement:device"},
        "Flag": {},
        "Consent": {},
        "Coverage": {},
    }
)
"""What the first ten seconds need, each with the parameters of its search beside `patient`."""

WHOLE_KINDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        **SUMMARY_KINDS,
        "DiagnosticReport": {},
        "ImagingStudy": {},
        "Encounter": {},
        "Immunization": {},
        "Procedure": {},
        "DocumentReference": {},
        "CarePlan": {},
        "FamilyMemberHistory": {},
    }
)
"""The same for the whole book."""

REFERRED_KINDS = ("Medication", "Device", "Organization", "Practitioner", "PractitionerRole")
"""Types that tell of no patient and give names to what does."""

_SUBJECTS = ("subject", "patient", "beneficiary")
_REFERRING = ("medicationReference", "device", "serviceProvider", "custodian", "recorder", "asserter", "requester")
_LISTS = ("performer", "author")


def subject(resource: Json) -> str | None:
    """The reference to its patient, without a version; None when it has none."""
    for field in _SUBJECTS:
        if reference := word(as_dict(resource.get(field)).get("reference")):
            return reference.partition("/_history/")[0]
    return None


def referred(resource: Json) -> set[tuple[str, str]]:
    """Type and id of what this resource names by reference alone, and whose name the panel wants."""
    found: set[tuple[str, str]] = set()
    references = [resource.get(field) for field in _REFERRING]
    for field in _LISTS:
        value = resource.get(field)
        references += [as_dict(one).get("actor") or one for one in value] if isinstance(value, list) else [value]
    for reference in map(as_dict, references):
        parts = word(reference.get("reference")).partition("/_history/")[0].split("/")
        is_needed = parts[0] in ("Medication", "Device") or not reference.get("display")
        if len(parts) == 2 and parts[0] in REFERRED_KINDS and is_needed:
            found.add((parts[0], parts[1]))
    return found
