"""FHIR resources written by hand for these tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from records_panel.fhir_mapping import book_view
from records_panel.model import BookView
from tests.records_panel.conftest import ZONE

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
LOINC = "http://loinc.org"
Json = dict[str, Any]


def bundle(*resources: Any) -> Json:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource} for resource in resources]}


def view(*resources: Any) -> BookView:
    return book_view(bundle(*resources), NOW, source="A book", zone=ZONE)


def value(
    name: str,
    loinc: str,
    number: float | None,
    unit: str = "mmol/L",
    day: str = "2026-11-18",
    *,
    low: float | None = None,
    high: float | None = None,
    category: str = "laboratory",
    **more: Any,
) -> Json:
    """One Observation with a quantity and perhaps its range."""
    resource: Json = {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"code": category}]}],
        "code": {"text": name, "coding": [{"system": LOINC, "code": loinc}]},
        "effectiveDateTime": day,
        "performer": [{"display": "BV Sông Trà"}],
    }
    if number is not None:
        resource["valueQuantity"] = {"value": number, "unit": unit, "code": unit}
    limits = {
        name: {"value": bound, "unit": unit} for name, bound in (("low", low), ("high", high)) if bound is not None
    }
    if limits:
        resource["referenceRange"] = [limits]
    return resource | more


def allergy(text: str, criticality: str | None = None, **more: Any) -> Json:
    resource: Json = {"resourceType": "AllergyIntolerance", "code": {"text": text}, **more}
    return resource | ({"criticality": criticality} if criticality else {})


def drug(text: str, status: str = "active", dose: str = "", **more: Any) -> Json:
    dosage = [{"text": dose}] if dose else []
    concept = {"text": text}
    return {"resourceType": "MedicationStatement", "status": status, "dosage": dosage} | {
        "medicationCodeableConcept": concept,
        **more,
    }


def restricted(resource: Json) -> Json:
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
    return resource | {"meta": {"security": [label]}}


def composition(loinc: str, reason: str | None = None, text: str = "") -> Json:
    section: Json = {"code": {"coding": [{"system": LOINC, "code": loinc}]}}
    if reason:
        section["emptyReason"] = {"coding": [{"code": reason}]}
    if text:
        section["text"] = {"div": f"<div><p>{text}</p></div>"}
    return {"resourceType": "Composition", "status": "final", "section": [section]}
