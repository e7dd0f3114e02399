"""What systems get of requests and consults."""

from __future__ import annotations

from datetime import date, datetime

from consult_rooms.log_entry import LogKind
from consult_rooms.model import (
    CancelReason,
    ConsentBy,
    ConsultState,
    DeclineReason,
    IdentityState,
    OfferState,
    Step,
    Urgency,
)
from web.api.answers import Answer, StaffRef


class OfferAnswer(Answer):
    """One person who was rung."""

    staff: StaffRef
    step: Step
    state: OfferState
    reason: DeclineReason | None
    rung_at: datetime
    answered_at: datetime | None


class Telephone(Answer):
    """A number that answers at any hour."""

    facility: str
    number: str


class ConsultRow(Answer):
    """A consult in a list: no name of a patient, no clinical text."""

    id: str
    code: str
    state: ConsultState
    urgency: Urgency
    specialty: str
    requester_id: str
    requester_facility_id: str
    specialist_id: str | None
    specialist_facility_id: str | None
    patient_id: str | None
    created_at: datetime
    claimed_at: datetime | None
    starts_at: datetime | None
    ended_at: datetime | None
    closed_at: datetime | None
    cancelled_at: datetime | None
    updated_at: datetime
    log_number: int


class ConsultRows(Answer):
    """A page, the longest unchanged first. `next` is the cursor of the next page, null on the last."""

    items: list[ConsultRow]
    next: str | None


class RequestAnswer(Answer):
    """A request as its own facility sees it: who is rung, who took it; `due_at` while it is a written case."""

    id: str
    code: str
    state: ConsultState
    urgency: Urgency
    specialty: str
    requester: StaffRef
    specialist: StaffRef | None
    step: Step | None
    step_due_at: datetime | None
    offers: list[OfferAnswer]
    emergency_telephones: list[Telephone]
    created_at: datetime
    claimed_at: datetime | None
    cancelled_at: datetime | None
    cancel_reason: CancelReason | None
    due_at: datetime | None
    updated_at: datetime


class ConsultPatient(Answer):
    """The identity as it stands for this consult."""

    identity: IdentityState
    patient_id: str | None
    name: str | None
    birth_date: date | None
    sex: str | None
    age_years: int | None
    masked_number: str | None


class QuestionAnswer(Answer):
    """The question in SBAR form."""

    situation: str
    background: str
    assessment: str
    recommendation: str


class ConsentAnswer(Answer):
    """The patient's consent as recorded."""

    consult: bool
    record_view: bool
    by: ConsentBy
    note: str


class OpinionAnswer(Answer):
    """The specialist's opinion; it is given once it is locked."""

    author: StaffRef
    text: str
    version: int
    closed_at: datetime


class Entry(Answer):
    """One line of the timeline. `data` holds ids, codes and numbers, whatever its kind tells."""

    number: int
    at: datetime
    kind: LogKind
    actor: StaffRef | None
    data: dict[str, str | int | float | bool | None]


class ConsultAnswer(Answer):
    """A whole consult with its timeline, at most 500 entries; ask on with `after` until `log_number` is reached."""

    consult: ConsultRow
    requester: StaffRef
    specialist: StaffRef | None
    patient: ConsultPatient
    question: QuestionAnswer
    consent: ConsentAnswer | None
    opinion: OpinionAnswer | None
    timeline: list[Entry]
