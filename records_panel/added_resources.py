"""What was added during a consult, as FHIR R4 resources: strict when written. Pure.

Vital signs follow R4's vital-signs profiles: the profile's own LOINC code, category `vital-signs`, a UCUM quantity.
Names stand in Vietnamese, the language of the book. The patient is put in when the book takes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from foundation.files import FileKind, Kept
from foundation.ids import new_id
from records_panel.attachments import FILE_PREFIX
from records_panel.bedside import BOUNDS, LabResult, Sign, Signs
from records_panel.fhir_reading import Json
from records_panel.summary import LOINC

UCUM = "http://unitsofmeasure.org"
ADDITION_SYSTEM = "urn:hoichan:addition"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_UNITS = {"mm[Hg]": "mmHg", "/min": "/phút", "Cel": "°C", "{score}": "điểm"}
_SINGLE: Mapping[Sign, tuple[str, tuple[str, ...], str]] = {
    # What the book calls it, its LOINC codes, its category. SpO₂ by pulse oximetry carries both codes (vital-signs
    # profile oxygensat: 2708-6, and 59408-5 where it was measured so).
    Sign.PULSE: ("Mạch", ("8867-4",), "vital-signs"),
    Sign.OXYGEN: ("SpO₂", ("59408-5", "2708-6"), "vital-signs"),
    Sign.TEMPERATURE: ("Nhiệt độ", ("8310-5",), "vital-signs"),
    Sign.BREATHS: ("Nhịp thở", ("9279-1",), "vital-signs"),
    Sign.GLUCOSE: ("Đường huyết mao mạch", ("14743-9",), "laboratory"),
    Sign.COMA_SCALE: ("Điểm Glasgow", ("9269-2",), "survey"),
    Sign.PAIN: ("Điểm đau (0–10)", ("72514-3",), "survey"),
    Sign.WEIGHT: ("Cân nặng", ("29463-7",), "vital-signs"),
}
# Units as laboratories write them, where their UCUM code is certain. Others are kept as text alone.
_LAB_UNITS = {
    "%": "%",
    "mmol/l": "mmol/L",
    "µmol/l": "umol/L",
    "μmol/l": "umol/L",
    "umol/l": "umol/L",
    "nmol/l": "nmol/L",
    "pmol/l": "pmol/L",
    "g/l": "g/L",
    "g/dl": "g/dL",
    "mg/l": "mg/L",
    "mg/dl": "mg/dL",
    "ng/l": "ng/L",
    "ng/ml": "ng/mL",
    "pg/ml": "pg/mL",
    "u/l": "U/L",
    "mmhg": "mm[Hg]",
}


@dataclass(frozen=True, slots=True)
class Author:
    """Who adds, from where and when the value was taken."""

    name: str
    facility: str
    taken_at: datetime


def of_signs(found: Signs, author: Author, addition_id: str) -> list[Json]:
    """One Observation a sign; the two numbers of a blood pressure in one."""
    made = []
    if Sign.SYSTOLIC in found.values:
        parts = [
            {
                "code": _concept("Huyết áp tâm thu", ("8480-6",)),
                "valueQuantity": _quantity(found.values[Sign.SYSTOLIC], "mm[Hg]"),
            },
            {
                "code": _concept("Huyết áp tâm trương", ("8462-4",)),
                "valueQuantity": _quantity(found.values[Sign.DIASTOLIC], "mm[Hg]"),
            },
        ]
        made.append(
            _observation("Huyết áp", ("85354-9",), "vital-signs", author, addition_id, found.device)
            | {"component": parts}
        )
    for sign, value in found.values.items():
        if sign in _SINGLE:
            name, codes, category = _SINGLE[sign]
            made.append(
                _observation(name, codes, category, author, addition_id, found.device)
                | {"valueQuantity": _quantity(value, BOUNDS[sign].unit)}
            )
    return made


def of_result(found: LabResult, author: Author, addition_id: str) -> list[Json]:
    """An Observation of the laboratory. Its mark follows from its own range where it is shown."""
    resource = _observation(found.name, (), "laboratory", author, addition_id, "")
    code = _LAB_UNITS.get(found.unit.casefold().replace(" ", ""))
    unit: Json = {"unit": found.unit} if found.unit else {}
    if code:
        unit |= {"system": UCUM, "code": code}
    if found.number is None:
        resource["valueString"] = f"{found.words} {found.unit}".strip()
    else:
        compared = {"comparator": found.comparator} if found.comparator else {}
        resource["valueQuantity"] = {"value": found.number, **compared, **unit}
    bounds = {
        name: {"value": bound, **unit}
        for name, bound in (("low", found.low), ("high", found.high))
        if bound is not None
    }
    if bounds:
        resource["referenceRange"] = [bounds]
    return [resource]


def of_file(kept: Kept, words: str, author: Author, addition_id: str) -> list[Json]:
    """A Media of a photograph, or a DocumentReference of a document."""
    attachment: Json = {
        "contentType": kept.kind.value,
        "url": FILE_PREFIX + kept.id,
        "size": kept.size,
        "creation": author.taken_at.isoformat(),
    }
    if words:
        attachment["title"] = words
    base: Json = {
        "id": new_id("res").replace("_", "-"),
        "identifier": [{"system": ADDITION_SYSTEM, "value": addition_id}],
        "subject": {},
    }
    if kept.kind is FileKind.PDF:
        return [
            {
                "resourceType": "DocumentReference",
                **base,
                "status": "current",
                "date": author.taken_at.isoformat(),
                "author": [{"display": author.facility}, {"display": author.name}],
                "description": words,
                "content": [{"attachment": attachment}],
            }
        ]
    media: Json = {
        "resourceType": "Media",
        **base,
        "status": "completed",
        "type": {"coding": [{"system": _TERMINOLOGY + "media-type", "code": "image"}]},
        "createdDateTime": author.taken_at.isoformat(),
        "issued": author.taken_at.isoformat(),
        "operator": {"display": f"{author.name}, {author.facility}"},
        "height": kept.height,
        "width": kept.width,
        "content": attachment,
    }
    if words:
        media["note"] = [{"text": words}]
    return [media]


def in_error(resource: Json) -> Json:
    """The same resource taken out of a book: `entered-in-error`, without what it said.

    It may have stood in the wrong person's book, whose readers have no business with its values.
    """
    kept = ("resourceType", "id", "meta", "identifier", "category", "code", "subject", "effectiveDateTime", "type")
    marked = {name: resource[name] for name in kept if name in resource} | {"status": "entered-in-error"}
    match resource["resourceType"]:
        case "Observation":
            error = {"system": _TERMINOLOGY + "data-absent-reason", "code": "error"}
            marked["dataAbsentReason"] = {"coding": [error]}
        case "Media":
            marked["content"] = {"contentType": resource["content"]["contentType"]}
        case _:
            content_type = resource["content"][0]["attachment"]["contentType"]
            marked["content"] = [{"attachment": {"contentType": content_type}}]
    return marked


def _observation(
    name: str, codes: tuple[str, ...], category: str, author: Author, addition_id: str, device: str
) -> Json:
    resource: Json = {
        "resourceType": "Observation",
        "id": new_id("res").replace("_", "-"),
        "identifier": [{"system": ADDITION_SYSTEM, "value": addition_id}],
        "status": "final",
        "category": [{"coding": [{"system": _TERMINOLOGY + "observation-category", "code": category}]}],
        "code": _concept(name, codes),
        "subject": {},
        "effectiveDateTime": author.taken_at.isoformat(),
        "issued": author.taken_at.isoformat(),
        # The facility comes first: lists name the place, and who took it stands beside.
        "performer": [{"display": author.facility}, {"display": author.name}],
    }
    if device:
        resource["device"] = {"display": device}
    return resource


def _concept(name: str, codes: tuple[str, ...]) -> Json:
    concept: Json = {"text": name}
    if codes:
        concept["coding"] = [{"system": LOINC, "code": code} for code in codes]
    return concept


def _quantity(value: float, code: str) -> Json:
    whole = int(value) if value == int(value) else value
    return {"value": whole, "unit": _UNITS.get(code, code), "system": UCUM, "code": code}
