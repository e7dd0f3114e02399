"""Writes one E Health Book: each method adds the FHIR R4 resources of one entry, dated in days before today.

`site` is always the code of the facility where it happened; it becomes `meta.source` and the shown performer.
Over 300 lines since it holds one short method for each kind of entry, and splitting them would only scatter them.
"""

import hashlib
from datetime import date, timedelta

from hoichan.demo.bedside import vital_sign_parts
from hoichan.demo.content import DEMO_TAG, FhirResource, Sex, VitalSigns
from hoichan.demo.facilities import facilities
from hoichan.demo.laboratory import ANALYTES
from hoichan.demo.resources import (
    ABSENT_UNKNOWN,
    CONFIDENTIALITY,
    ICD10,
    LOINC,
    SOURCE_PREFIX,
    ago,
    concept,
    local_time,
    measured,
    standard,
)

_NAMES = {facility.code: facility.name for facility in facilities()}
# name, LOINC code where one is certain, whether it is radiology (ECG belongs to cardiac testing)
_IMAGING = {
    "chest_xray": ("X-quang ngực thẳng", None, True),
    "foot_xray": ("X-quang bàn chân", None, True),
    "knee_xray": ("X-quang khớp gối", None, True),
    "spine_xray": ("X-quang cột sống thắt lưng", None, True),
    "head_ct": ("CT sọ não không tiêm thuốc cản quang", "24725-4", True),
    "chest_ct": ("CT ngực", "24627-2", True),
    "echo": ("Siêu âm tim qua thành ngực", "42148-7", True),
    "abdomen_us": ("Siêu âm bụng tổng quát", "24558-9", True),
    "fetal_us": ("Siêu âm thai", "11525-3", True),
    "thyroid_us": ("Siêu âm tuyến giáp", None, True),
    "soft_tissue_us": ("Siêu âm phần mềm", None, True),
    "leg_doppler": ("Siêu âm Doppler động mạch chi dưới", None, True),
    "carotid_doppler": ("Siêu âm Doppler động mạch cảnh", None, True),
    "angiography": ("Chụp động mạch vành qua da", None, True),
    "ecg": ("Điện tâm đồ 12 chuyển đạo", "11524-6", False),
    "eeg": ("Điện não đồ", None, False),
}


class Book:
    """The growing book of one citizen. `resources` is what has been written so far, in the order of writing."""

    def __init__(self, key: str, birth: date, sex: Sex, today: date) -> None:
        self.resources: list[FhirResource] = []
        self._key = key
        self._birth = birth
        self._sex = sex
        self._today = today

    def problem(
        self,
        text: str,
        icd10: str,
        days: int,
        site: str,
        *,
        until: int | None = None,
        restricted: bool = False,
    ) -> None:
        """A condition since `days` ago; `until` days ago it was over. `restricted` carries the security label R."""
        onset = ago(self._today, days)
        fields: FhirResource = {
            "clinicalStatus": standard("condition-clinical", "active" if until is None else "resolved"),
            "verificationStatus": standard("condition-ver-status", "confirmed"),
            "category": [standard("condition-category", "problem-list-item")],
            "code": concept(text, ICD10, icd10),
            "subject": self._subject(),
            "onsetDateTime": onset.isoformat(),
            "recordedDate": onset.isoformat(),
            "recorder": {"display": _NAMES[site]},
            "asserter": {"display": _NAMES[site]},
        }
        if until is not None:
            fields["abatementDateTime"] = ago(self._today, until).isoformat()
        self._add("Condition", site, fields, restricted=restricted)

    def allergy(
        self,
        text: str,
        reaction: str,
        days: int,
        site: str,
        *,
        severe: bool,
        category: str = "medication",
    ) -> None:
        """An allergy with what happened; `severe` is criticality high."""
        first = ago(self._today, days).isoformat()
        fields: FhirResource = {
            "clinicalStatus": standard("allergyintolerance-clinical", "active"),
            "verificationStatus": standard("allergyintolerance-verification", "confirmed"),
            "type": "allergy",
            "category": [category],
            "criticality": "high" if severe else "low",
            "code": concept(text),
            "patient": self._subject(),
            "onsetDateTime": first,
            "recordedDate": first,
            "recorder": {"display": _NAMES[site]},
            "asserter": {"display": _NAMES[site]},
            "reaction": [{"manifestation": [concept(reaction)], "severity": "severe" if severe else "mild"}],
        }
        self._add("AllergyIntolerance", site, fields)

    def no_allergy(self, days: int, site: str) -> None:
        """“Known none” as the IPS writes it: somebody asked, and there is none."""
        fields: FhirResource = {
            "clinicalStatus": standard("allergyintolerance-clinical", "active"),
            "verificationStatus": standard("allergyintolerance-verification", "confirmed"),
            "code": concept("Đã hỏi, không có dị ứng", ABSENT_UNKNOWN, "no-known-allergies", "No known allergies"),
            "patient": self._subject(),
            "recordedDate": ago(self._today, days).isoformat(),
            "recorder": {"display": _NAMES[site]},
            "asserter": {"display": _NAMES[site]},
        }
        self._add("AllergyIntolerance", site, fields)

    def drug(
        self,
        text: str,
        dose: str,
        days: int,
        site: str,
        *,
        until: int | None = None,
        restricted: bool = False,
    ) -> None:
        """A drug taken since `days` ago, with the dose as prescribed; `until` days ago it was stopped."""
        period = {"start": ago(self._today, days).isoformat()}
        if until is not None:
            period["end"] = ago(self._today, until).isoformat()
        fields: FhirResource = {
            "status": "active" if until is None else "completed",
            "medicationCodeableConcept": concept(text),
            "subject": self._subject(),
            "effectivePeriod": period,
            "dateAsserted": period["start"],
            "informationSource": {"display": _NAMES[site]},
            "dosage": [{"text": dose}],
        }
        self._add("MedicationStatement", site, fields, restricted=restricted)

    def results(self, days: int, site: str, clock: str = "08:40", /, **values: float) -> None:
        """One blood or urine sample: values by the names of `laboratory.ANALYTES`."""
        for name, value in values.items():
            analyte = ANALYTES[name]
            reference = analyte.reference(self._sex, self._age(days))
            parts: FhirResource = {
                "code": concept(analyte.name, LOINC, analyte.loinc),
                **measured(value, analyte.unit, analyte.ucum, reference),
            }
            self._observe("laboratory", days, clock, site, parts)

    def finding(self, text: str, outcome: str, days: int, site: str, loinc: str | None = None) -> None:
        """A laboratory result in words, such as a rapid test."""
        parts: FhirResource = {
            "code": concept(text, LOINC, loinc) if loinc else concept(text),
            "valueCodeableConcept": concept(outcome),
        }
        self._observe("laboratory", days, "09:10", site, parts)

    def vitals(self, days: int, site: str, signs: VitalSigns, clock: str = "08:10") -> None:
        """One set of vital signs."""
        for parts in vital_sign_parts(signs, self._age(days)):
            self._observe("vital-signs", days, clock, site, parts)

    def blood_group(self, abo: str, rh: str, days: int, site: str) -> None:
        """ABO group and RhD (`+` or `-`) as three Observations: LOINC 882-1, 883-9 and 10331-7."""
        sign = "dương" if rh == "+" else "âm"
        for name, loinc, value in (
            ("Nhóm máu ABO và Rh", "882-1", f"{abo}{rh}"),
            ("Nhóm máu ABO", "883-9", abo),
            ("Rh(D)", "10331-7", f"Rh {sign}"),
        ):
            parts: FhirResource = {
                "code": concept(name, LOINC, loinc),
                "valueCodeableConcept": concept(value),
            }
            self._observe("laboratory", days, "08:40", site, parts)

    def pregnancy(self, weeks: int, site: str, days: int = 7) -> None:
        """Pregnant, `weeks` completed today: status and the expected day of birth (40 weeks)."""
        due = self._today + timedelta(weeks=40 - weeks)
        status: FhirResource = {
            "code": concept("Tình trạng thai", LOINC, "82810-3", "Pregnancy status"),
            "valueCodeableConcept": concept("Đang mang thai", LOINC, "LA15173-0", "Pregnant"),
        }
        expected: FhirResource = {
            "code": concept("Ngày dự sinh", LOINC, "11778-8", "Delivery date Estimated"),
            "valueDateTime": due.isoformat(),
        }
        for parts in (status, expected):
            self._observe("social-history", days, "08:10", site, parts)

    def smoking(self, text: str, days: int, site: str) -> None:
        """Tobacco use in words (LOINC 72166-2)."""
        parts: FhirResource = {
            "code": concept("Hút thuốc lá", LOINC, "72166-2", "Tobacco smoking status"),
            "valueCodeableConcept": concept(text),
        }
        self._observe("social-history", days, "08:10", site, parts)

    def imaging(self, kind: str, conclusion: str, days: int, site: str, clock: str = "09:30") -> None:
        """A report with its conclusion; `kind` is one of the names above, ECG and EEG included."""
        name, loinc, radiology = _IMAGING[kind]
        moment = local_time(ago(self._today, days), clock)
        section = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "OTH"}]}
        if radiology:
            section["coding"][0]["code"] = "RAD"
            section["coding"].append({"system": LOINC, "code": "LP29684-5"})
        elif kind == "ecg":
            section["coding"][0]["code"] = "EC"
        fields: FhirResource = {
            "status": "final",
            "category": [section],
            "code": concept(name, LOINC, loinc) if loinc else concept(name),
            "subject": self._subject(),
            "effectiveDateTime": moment.isoformat(),
            "issued": (moment + timedelta(minutes=40)).isoformat(),
            "performer": [{"display": _NAMES[site]}],
            "conclusion": conclusion,
        }
        self._add("DiagnosticReport", site, fields)

    def visit(self, reason: str, days: int, site: str, *, nights: int = 0, emergency: bool = False) -> None:
        """A visit of 45 minutes, or a stay of some nights."""
        begin = local_time(ago(self._today, days), "08:00")
        end = begin + (timedelta(days=nights, hours=2) if nights else timedelta(minutes=45))
        kind = "IMP" if nights else "EMER" if emergency else "AMB"
        fields: FhirResource = {
            "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": kind},
            "subject": self._subject(),
            "period": {"start": begin.isoformat(), "end": end.isoformat()},
            "reasonCode": [concept(reason)],
            "serviceProvider": {"display": _NAMES[site]},
        }
        self._add("Encounter", site, fields)

    def procedure(self, text: str, days: int, site: str) -> None:
        """An operation or intervention that was done."""
        fields: FhirResource = {
            "status": "completed",
            "code": concept(text),
            "subject": self._subject(),
            "performedDateTime": ago(self._today, days).isoformat(),
            "performer": [{"actor": {"display": _NAMES[site]}}],
        }
        self._add("Procedure", site, fields)

    def vaccine(self, text: str, days: int, site: str, dose: int = 1) -> None:
        """One dose of a vaccine."""
        fields: FhirResource = {
            "status": "completed",
            "vaccineCode": concept(text),
            "patient": self._subject(),
            "occurrenceDateTime": ago(self._today, days).isoformat(),
            "primarySource": True,
            "performer": [{"actor": {"display": _NAMES[site]}}],
            "protocolApplied": [{"doseNumberPositiveInt": dose}],
        }
        self._add("Immunization", site, fields)

    def device(self, text: str, days: int, site: str, note: str) -> None:
        """An implant in use."""
        fields: FhirResource = {
            "status": "active",
            "subject": self._subject(),
            "timingPeriod": {"start": ago(self._today, days).isoformat()},
            "recordedOn": ago(self._today, days).isoformat(),
            "source": {"display": _NAMES[site]},
            "device": {"display": text},
            "note": [{"text": note}],
        }
        self._add("DeviceUseStatement", site, fields)

    def alert(self, text: str, days: int, site: str) -> None:
        """A warning for whoever treats next, that no other entry already says."""
        fields: FhirResource = {
            "status": "active",
            "category": [standard("flag-category", "clinical")],
            "code": concept(text),
            "subject": self._subject(),
            "period": {"start": ago(self._today, days).isoformat()},
            "author": {"display": _NAMES[site]},
        }
        self._add("Flag", site, fields)

    def insurance(self, number: str, valid_until: date, site: str) -> None:
        """The health insurance of this year."""
        fields: FhirResource = {
            "status": "active",
            "type": concept("Bảo hiểm y tế"),
            "subscriberId": number,
            "beneficiary": self._subject(),
            "period": {"start": date(self._today.year, 1, 1).isoformat(), "end": valid_until.isoformat()},
            "payor": [{"display": "Bảo hiểm xã hội Việt Nam"}],
        }
        self._add("Coverage", site, fields)

    def _observe(self, category: str, days: int, clock: str, site: str, parts: FhirResource) -> None:
        moment = local_time(ago(self._today, days), clock).isoformat()
        fields: FhirResource = {
            "status": "final",
            "category": [standard("observation-category", category)],
            "subject": self._subject(),
            "effectiveDateTime": moment,
            "issued": moment,
            "performer": [{"display": _NAMES[site]}],
            **parts,
        }
        self._add("Observation", site, fields)

    def _add(self, kind: str, site: str, fields: FhirResource, *, restricted: bool = False) -> None:
        # The id depends on nothing but the citizen's key and the place in the book: same seed, same ids.
        stem = f"{self._key}/{len(self.resources)}/{kind}"
        meta: FhirResource = {"source": SOURCE_PREFIX + site, "tag": [dict(DEMO_TAG)]}
        if restricted:
            meta["security"] = [{"system": CONFIDENTIALITY, "code": "R", "display": "restricted"}]
        identifier = hashlib.sha256(stem.encode()).hexdigest()[:24]
        self.resources.append({"resourceType": kind, "id": identifier, "meta": meta, **fields})

    def _subject(self) -> FhirResource:
        return {"reference": f"Patient/{self._key}"}

    def _age(self, days: int) -> int:
        then = ago(self._today, days)
        return then.year - self._birth.year - ((then.month, then.day) < (self._birth.month, self._birth.day))
