"""Laboratory analytes of the demo: the clinic's name, LOINC code, unit and reference ranges used in Vietnam."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hoichan.demo.content import Sex

Range = tuple[float | None, float | None]
"""Lowest and highest normal value, both within the range; None is unbounded."""


@dataclass(frozen=True)
class Analyte:
    """One measured substance. `unit` is printed, `ucum` is its code; `child` replaces the range before ten years."""

    name: str
    loinc: str
    unit: str
    ucum: str
    male: Range
    female: Range | None = None
    child: Range | None = None

    def reference(self, sex: Sex, age: int) -> Range:
        """The reference range for a person of this sex and age in years."""
        if self.child is not None and age < 10:
            return self.child
        if sex == "female" and self.female is not None:
            return self.female
        return self.male


ANALYTES: Mapping[str, Analyte] = MappingProxyType(
    {
        "inr": Analyte("INR", "6301-6", "INR", "{INR}", (0.8, 1.2)),
        "aptt": Analyte("aPTT", "14979-9", "giây", "s", (25, 37)),
        "fibrinogen": Analyte("Fibrinogen", "3255-7", "g/L", "g/L", (2.0, 4.0)),
        "glucose": Analyte("Glucose", "14749-6", "mmol/L", "mmol/L", (3.9, 6.4)),
        "hba1c": Analyte("HbA1c", "4548-4", "%", "%", (4.0, 6.0)),
        "urea": Analyte("Urê", "22664-7", "mmol/L", "mmol/L", (2.5, 7.5), child=(1.8, 6.4)),
        "creatinine": Analyte("Creatinin", "14682-9", "µmol/L", "umol/L", (62, 106), (44, 80), (21, 53)),
        "egfr": Analyte("Mức lọc cầu thận (eGFR)", "62238-1", "mL/phút/1,73 m²", "mL/min/{1.73_m2}", (90, None)),
        "sodium": Analyte("Natri", "2951-2", "mmol/L", "mmol/L", (135, 145)),
        "potassium": Analyte("Kali", "2823-3", "mmol/L", "mmol/L", (3.5, 5.0)),
        "uric_acid": Analyte("Acid uric", "14933-6", "µmol/L", "umol/L", (202, 416), (143, 339)),
        "ast": Analyte("AST (GOT)", "1920-8", "U/L", "U/L", (None, 37), (None, 31), (None, 50)),
        "alt": Analyte("ALT (GPT)", "1742-6", "U/L", "U/L", (None, 40), (None, 31), (None, 40)),
        "bilirubin": Analyte("Bilirubin toàn phần", "14631-6", "µmol/L", "umol/L", (None, 17)),
        "albumin": Analyte("Albumin", "1751-7", "g/L", "g/L", (35, 52)),
        "ldh": Analyte("LDH", "2532-0", "U/L", "U/L", (None, 250)),
        "ck": Analyte("CK", "2157-6", "U/L", "U/L", (39, 308), (26, 192)),
        "cholesterol": Analyte("Cholesterol toàn phần", "14647-2", "mmol/L", "mmol/L", (None, 5.2)),
        "ldl": Analyte("LDL-C", "22748-8", "mmol/L", "mmol/L", (None, 3.4)),
        "hdl": Analyte("HDL-C", "14646-4", "mmol/L", "mmol/L", (0.9, None)),
        "triglycerides": Analyte("Triglycerid", "14927-8", "mmol/L", "mmol/L", (None, 1.7)),
        "troponin_t": Analyte("Troponin T hs", "67151-1", "ng/L", "ng/L", (None, 14)),
        "nt_probnp": Analyte("NT-proBNP", "33762-6", "pg/mL", "pg/mL", (None, 125)),
        "tsh": Analyte("TSH", "3016-3", "mIU/L", "m[IU]/L", (0.27, 4.2)),
        "ft4": Analyte("FT4", "14920-3", "pmol/L", "pmol/L", (12, 22)),
        "haemoglobin": Analyte("Hemoglobin", "718-7", "g/L", "g/L", (130, 170), (120, 150), (110, 140)),
        "haematocrit": Analyte("Hematocrit", "4544-3", "%", "%", (40, 50), (36, 46), (34, 40)),
        "leukocytes": Analyte("Bạch cầu", "6690-2", "G/L", "10*9/L", (4.0, 10.0), child=(5.0, 14.5)),
        "neutrophils": Analyte("Bạch cầu trung tính", "770-8", "%", "%", (45, 75), child=(30, 60)),
        "platelets": Analyte("Tiểu cầu", "777-3", "G/L", "10*9/L", (150, 400)),
        "mcv": Analyte("MCV", "787-2", "fL", "fL", (80, 100), child=(75, 90)),
        "ferritin": Analyte("Ferritin", "2276-4", "ng/mL", "ng/mL", (30, 400), (13, 150), (7, 140)),
        "crp": Analyte("CRP", "1988-5", "mg/L", "mg/L", (None, 5)),
        "urine_protein_day": Analyte("Protein niệu 24 giờ", "2889-4", "g/24 giờ", "g/(24.h)", (None, 0.15)),
        "urine_albumin": Analyte("Albumin/creatinin niệu", "9318-7", "mg/g", "mg/g", (None, 30)),
        "lactate": Analyte("Lactat", "2524-7", "mmol/L", "mmol/L", (0.5, 2.2)),
    }
)


def interpretation(value: float, reference: Range) -> str:
    """The HL7 code L, H or N of a value against its range."""
    low, high = reference
    if low is not None and value < low:
        return "L"
    if high is not None and value > high:
        return "H"
    return "N"
