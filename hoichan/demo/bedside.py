"""Vital signs as FHIR R4 Observations, with the ranges that go with the person's age."""

from collections.abc import Iterator

from hoichan.demo.content import FhirResource, VitalSigns
from hoichan.demo.laboratory import Range
from hoichan.demo.resources import LOINC, concept, measured

_FREE: Range = (None, None)


def _ranges(age: int) -> dict[str, Range]:
    """Resting ranges: infants, small children, and from ten years on those of adults."""
    if age < 1:
        return {"systolic": (70, 100), "diastolic": (40, 65), "pulse": (100, 160), "breaths": (30, 60)}
    if age < 6:
        return {"systolic": (85, 110), "diastolic": (45, 70), "pulse": (80, 140), "breaths": (20, 30)}
    if age < 10:
        return {"systolic": (90, 115), "diastolic": (55, 75), "pulse": (70, 120), "breaths": (18, 25)}
    return {"systolic": (90, 139), "diastolic": (60, 89), "pulse": (60, 100), "breaths": (12, 20)}


def vital_sign_parts(signs: VitalSigns, age: int) -> Iterator[FhirResource]:
    """Each sign that was taken, as the code and value parts of an Observation (LOINC, UCUM)."""
    ranges = _ranges(age)
    if signs.blood_pressure is not None:
        systolic, diastolic = signs.blood_pressure
        yield {
            "code": concept("Huyết áp", LOINC, "85354-9", "Blood pressure panel with all children optional"),
            "component": [
                {
                    "code": concept("Huyết áp tâm thu", LOINC, "8480-6", "Systolic blood pressure"),
                    **measured(systolic, "mmHg", "mm[Hg]", ranges["systolic"]),
                },
                {
                    "code": concept("Huyết áp tâm trương", LOINC, "8462-4", "Diastolic blood pressure"),
                    **measured(diastolic, "mmHg", "mm[Hg]", ranges["diastolic"]),
                },
            ],
        }
    single: tuple[tuple[str, str, float | None, str, str, Range], ...] = (
        ("Mạch", "8867-4", signs.pulse, "/phút", "/min", ranges["pulse"]),
        ("Nhịp thở", "9279-1", signs.breaths, "/phút", "/min", ranges["breaths"]),
        ("Nhiệt độ", "8310-5", signs.temperature, "°C", "Cel", (36.0, 37.5)),
        ("SpO₂", "59408-5", signs.oxygen, "%", "%", (94, 100)),
        ("Đường huyết mao mạch", "14743-9", signs.glucose, "mmol/L", "mmol/L", (3.9, 7.8)),
        ("Điểm Glasgow", "9269-2", signs.coma_scale, "điểm", "{score}", (15, 15)),
        ("Điểm đau (0–10)", "72514-3", signs.pain, "điểm", "{score}", _FREE),
        ("Cân nặng", "29463-7", signs.weight, "kg", "kg", _FREE),
        ("Chiều cao", "8302-2", signs.height, "cm", "cm", _FREE),
    )
    for name, loinc, value, unit, ucum, reference in single:
        if value is not None:
            yield {"code": concept(name, LOINC, loinc), **measured(value, unit, ucum, reference)}
