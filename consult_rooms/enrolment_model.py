"""Long-term follow-up: for which conditions, by which checks, how often. Plain values and their rules.

The intervals are a starting point that each clinic changes (`check_intervals`), not a rule of medicine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType

from dateutil.relativedelta import relativedelta

from consult_rooms.model import ConsentBy, Patient
from foundation.ids import EnrolmentId, FacilityId


class Condition(StrEnum):
    """What a patient is followed up for."""

    HYPERTENSION = "hypertension"
    DIABETES = "diabetes"
    LUNG = "lung"
    """COPD or asthma."""
    HEART_FAILURE = "heart_failure"
    KIDNEY = "kidney"
    """Chronic kidney disease."""
    FRAILTY = "frailty"
    """Old age."""
    STROKE = "stroke"
    """After a stroke."""


class Check(StrEnum):
    """What is looked at on a planned day."""

    BLOOD_PRESSURE = "blood_pressure"
    WEIGHT = "weight"
    GLUCOSE = "glucose"
    HBA1C = "hba1c"
    KIDNEYS = "kidneys"
    LIPIDS = "lipids"
    EYES = "eyes"
    FEET = "feet"
    INHALER = "inhaler"
    SPIROMETRY = "spirometry"
    OEDEMA = "oedema"
    MEDICINES = "medicines"
    FALLS = "falls"
    MEMORY = "memory"
    RECOVERY = "recovery"


class EndReason(StrEnum):
    """Why a follow-up ended."""

    MOVED = "moved"
    TRANSFERRED = "transferred"
    """Another facility follows the patient up from now on."""
    NOT_NEEDED = "not_needed"
    DECLINED = "declined"
    LOST = "lost"
    DIED = "died"
    MISTAKE = "mistake"
    """Enrolled by mistake."""


MOST_MONTHS = 60
INTERVALS: Mapping[Condition, Mapping[Check, int]] = MappingProxyType(
    {
        Condition.HYPERTENSION: {Check.BLOOD_PRESSURE: 1, Check.MEDICINES: 6, Check.KIDNEYS: 12, Check.LIPIDS: 12},
        Condition.DIABETES: {
            Check.GLUCOSE: 1,
            Check.BLOOD_PRESSURE: 1,
            Check.HBA1C: 3,
            Check.FEET: 6,
            Check.KIDNEYS: 12,
            Check.EYES: 12,
        },
        Condition.LUNG: {Check.INHALER: 3, Check.SPIROMETRY: 12},
        Condition.HEART_FAILURE: {
            Check.WEIGHT: 1,
            Check.OEDEMA: 1,
            Check.BLOOD_PRESSURE: 1,
            Check.MEDICINES: 3,
            Check.KIDNEYS: 6,
        },
        Condition.KIDNEY: {Check.BLOOD_PRESSURE: 1, Check.KIDNEYS: 3, Check.MEDICINES: 6},
        Condition.FRAILTY: {Check.WEIGHT: 3, Check.FALLS: 6, Check.MEDICINES: 6, Check.MEMORY: 12},
        Condition.STROKE: {Check.BLOOD_PRESSURE: 1, Check.RECOVERY: 3, Check.MEDICINES: 3},
    }
)
"""Months between two checks, until a clinic says otherwise; 0 leaves a check out."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A check and the day for which it is planned, in the installation's zone."""

    check: Check
    due_on: date


@dataclass(frozen=True, slots=True)
class Done:
    """A check that was done; `number` counts from 1 for each kind of check."""

    check: Check
    number: int
    done_on: date
    note: str
    by_name: str


@dataclass(frozen=True, slots=True)
class EnrolmentRow:
    """One line of the clinic's list: who, for what, and what is planned, the earliest first. Nothing of the book."""

    id: EnrolmentId
    condition: Condition
    patient: Patient
    planned: tuple[Planned, ...]

    def overdue(self, today: date) -> bool:
        """Whether a check should have been done before today."""
        return bool(self.planned) and self.planned[0].due_on < today


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One patient's follow-up as it is open to the clinic that enrolled."""

    id: EnrolmentId
    facility_id: FacilityId
    condition: Condition
    patient: Patient
    agreed_by: ConsentBy
    enrolled_at: datetime
    enrolled_by: str
    planned: tuple[Planned, ...]
    done: tuple[Done, ...]
    """The newest first."""
    ended_at: datetime | None = None
    end_reason: EndReason | None = None
    end_note: str = ""
    last_consult_at: datetime | None = None
    """When the clinic's last consult about this patient ended."""


@dataclass(frozen=True, slots=True)
class ClinicCount:
    """What a coordinator sees of a clinic: numbers, and no patient."""

    name: str
    enrolled: int
    overdue: int


def next_due(done_on: date, months: int) -> date:
    """That many months on; from the 31st to a month's last day where it has no 31st."""
    return done_on + relativedelta(months=months)
