"""Small FHIR R4 pieces that every resource of the demo is made of."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hoichan.demo.content import FhirResource
from hoichan.demo.laboratory import Range, interpretation

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
ABSENT_UNKNOWN = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
SOURCE_PREFIX = "urn:vn:cskcb:"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
_MARKS = {"L": "Low", "H": "High", "N": "Normal"}


def concept(text: str, system: str | None = None, code: str | None = None, display: str | None = None) -> FhirResource:
    """A CodeableConcept: the text as the clinic wrote it, with a coding where one is certain."""
    result: FhirResource = {"text": text}
    if system is not None and code is not None:
        coding = {"system": system, "code": code}
        if display is not None:
            coding["display"] = display
        result["coding"] = [coding]
    return result


def standard(system: str, code: str) -> FhirResource:
    """A CodeableConcept of HL7's own terminology, such as a clinical status."""
    return {"coding": [{"system": _TERMINOLOGY + system, "code": code}]}


def local_time(day: date, clock: str) -> datetime:
    """`HH:MM` of a day in Vietnam, aware."""
    return datetime.combine(day, time.fromisoformat(clock), tzinfo=_ZONE)


def ago(today: date, days: int) -> date:
    """The day `days` before today."""
    return today - timedelta(days=days)


def measured(value: float, unit: str, ucum: str, reference: Range) -> FhirResource:
    """The value part of an Observation: quantity, its own range and the mark that follows from both."""
    low, high = reference
    bounds: FhirResource = {}
    for name, bound in (("low", low), ("high", high)):
        if bound is not None:
            bounds[name] = {"value": bound, "unit": unit, "system": UCUM, "code": ucum}
    mark = interpretation(value, reference)
    part: FhirResource = {"valueQuantity": {"value": value, "unit": unit, "system": UCUM, "code": ucum}}
    if bounds:
        part["referenceRange"] = [bounds]
        part["interpretation"] = [
            {
                "coding": [
                    {
                        "system": _TERMINOLOGY + "v3-ObservationInterpretation",
                        "code": mark,
                        "display": _MARKS[mark],
                    }
                ]
            }
        ]
    return part
