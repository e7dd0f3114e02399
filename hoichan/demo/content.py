"""The shapes of Hoichan's demonstration data.

Everything here is plain data about invented people and invented facilities. Only the provinces are real: the 34
provinces and cities in force since 1 July 2025. Loading it into the stores is the business of whoever seeds.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

FhirResource = dict[str, Any]
"""One FHIR R4 (4.0.1) resource as the JSON object that it would be on the wire."""

FacilityKind = Literal["commune_station", "regional_centre", "provincial_hospital", "central_hospital"]
TechnicalLevel = Literal["initial", "basic", "specialised"]
ManagingLevel = Literal["commune", "regional", "provincial", "central"]
StaffRole = Literal["rural_doctor", "specialist", "coordinator", "administrator", "data_protection_officer"]
Sex = Literal["male", "female"]
Urgency = Literal["emergency", "urgent", "routine"]

CCCD_SYSTEM = "http://fhir.hl7.org.vn/core/sid/cccd"
BHYT_SYSTEM = "http://fhir.hl7.org.vn/core/sid/bhyt"

DEMO_TAG: FhirResource = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
    "code": "HTEST",
    "display": "test health data",
}
"""Stands in `meta.tag` of every demo resource, so that it can be told from a real record anywhere."""


@dataclass(frozen=True)
class DemoFacility:
    """A clinic that asks or a hospital that answers.

    `code` is the five-digit facility code (mã CSKCB), always text. `terminals` are (code, name, room) of the shared
    machines of a clinic and empty for a hospital. Technical and managing level are two separate attributes.
    """

    code: str
    name: str
    kind: FacilityKind
    technical_level: TechnicalLevel
    managing_level: ManagingLevel
    province_code: str
    commune_code: str
    address: str
    telephone: str
    emergency_telephone: str
    is_hub: bool
    departments: tuple[str, ...]
    terminals: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class DemoSpecialty:
    """A specialty that one can ask; `code` is an ASCII slug. Of the words in `licence_scopes` a licence bears one."""

    code: str
    name_vi: str
    name_en: str
    licence_scopes: str


@dataclass(frozen=True)
class DemoLink:
    """A clinic (spoke) may ask the specialists of a hospital (hub): of `rank` 1 first, in `hours` (empty: always)."""

    spoke_code: str
    hub_code: str
    rank: int = 1
    hours: str = ""


@dataclass(frozen=True)
class DemoStaff:
    """A person who signs in. `full_name` is shown as it is, title included. Those without a licence have none."""

    user_name: str
    full_name: str
    roles: tuple[StaffRole, ...]
    facility_code: str
    department: str
    specialties: tuple[str, ...]
    licence_number: str | None
    licence_scope: str | None
    licence_expires: date | None


@dataclass(frozen=True)
class DemoShift:
    """A weekly turn on call, in Asia/Ho_Chi_Minh. `weekday` 0 is Monday; `ends` not after `starts` is the next day.

    A backup rings in the step after those who are first on call.
    """

    user_name: str
    specialty_code: str
    facility_code: str
    weekday: int
    starts: str
    ends: str
    level: Literal["first", "backup"] = "first"


@dataclass(frozen=True)
class DemoSlot:
    """A free time that a specialist offers: `offset_days` from today, `starts` as HH:MM local time."""

    user_name: str
    specialty_code: str
    offset_days: int
    starts: str
    minutes: int


@dataclass(frozen=True)
class DemoAppointment:
    """A slot already booked for a clinic and a patient."""

    slot: DemoSlot
    citizen_key: str
    clinic_code: str
    requester: str
    reason: str


@dataclass(frozen=True)
class DemoPastConsult:
    """A consult that ended some days ago, with its question and the specialist's words."""

    citizen_key: str
    specialty_code: str
    clinic_code: str
    requester: str
    specialist: str
    urgency: Urgency
    days_ago: int
    starts: str
    minutes: int
    question: str
    opinion: str


@dataclass(frozen=True)
class DemoCitizen:
    """An invented citizen with an E Health Book.

    `resources` are the book's FHIR R4 resources without the Patient; each refers to `Patient/<key>`.
    `bhyt` has one of the three formats in use, or is None for the uninsured. `story` names a clinical story or is None.
    """

    key: str
    name: str
    birth_date: date
    sex: Sex
    cccd: str
    bhyt: str | None
    bhyt_valid_until: date | None
    province_code: str
    commune_code: str
    address: str
    telephone: str
    resources: list[FhirResource]
    story: str | None = None

    def patient(self) -> FhirResource:
        """The FHIR R4 Patient; the name is text alone, since a Vietnamese name is shown as written."""
        identifiers = [{"use": "official", "system": CCCD_SYSTEM, "value": self.cccd}]
        if self.bhyt is not None:
            identifiers.append({"use": "secondary", "system": BHYT_SYSTEM, "value": self.bhyt})
        return {
            "resourceType": "Patient",
            "id": self.key,
            "meta": {"tag": [dict(DEMO_TAG)]},
            "active": True,
            "identifier": identifiers,
            "name": [{"use": "official", "text": self.name}],
            "telecom": [{"system": "phone", "value": self.telephone, "use": "home"}],
            "gender": self.sex,
            "birthDate": self.birth_date.isoformat(),
            "address": [{"use": "home", "text": self.address, "country": "VN"}],
        }


@dataclass(frozen=True)
class VitalSigns:
    """One set of measurements. Units: mmHg, beats and breaths a minute, %, °C, mmol/L, kg, cm; None is not taken."""

    blood_pressure: tuple[int, int] | None = None
    pulse: int | None = None
    breaths: int | None = None
    temperature: float | None = None
    oxygen: int | None = None
    glucose: float | None = None
    coma_scale: int | None = None
    pain: int | None = None
    weight: float | None = None
    height: float | None = None


@dataclass(frozen=True)
class DemoStory:
    """One of the eight clinical stories: who, where, what is asked, and the vital signs at the moment of asking."""

    code: str
    title_vi: str
    title_en: str
    citizen_key: str
    clinic_code: str
    requester: str
    specialty_code: str
    urgency: Urgency
    situation: str
    background: str
    assessment: str
    recommendation: str
    vital_signs: VitalSigns
