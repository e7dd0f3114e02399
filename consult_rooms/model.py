"""The consult from request to close: plain frozen values, no store, no framework. One vocabulary, hence one file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from foundation.ids import (
    ConsultId,
    FacilityId,
    ParticipantId,
    PatientId,
    SpecialtyId,
    StaffId,
    TerminalId,
)


class Urgency(StrEnum):
    """How soon expertise is needed."""

    EMERGENCY = "emergency"
    URGENT = "urgent"
    ROUTINE = "routine"


class ConsultState(StrEnum):
    """Where a consult stands. Call end is not case end: `ended` awaits the opinion, `closed` has it."""

    SCHEDULED = "scheduled"
    RINGING = "ringing"
    CLAIMED = "claimed"
    WRITTEN = "written"
    """Answered in writing by `due_at`: nobody came to the telephone, or the line died, or it was asked for so."""
    ENDED = "ended"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class OfferState(StrEnum):
    """What became of ringing one person."""

    RINGING = "ringing"
    LATER = "later"
    """Promised to answer in some minutes: silent until then."""
    ACCEPTED = "accepted"
    IN_CHARGE = "in_charge"
    """A coordinator who took charge of it, while it rings on."""
    DECLINED = "declined"
    BUSY = "busy"
    FORWARDED = "forwarded"
    """Named a colleague, for whom it rings now."""
    STOPPED = "stopped"
    """Somebody else accepted, or the request was cancelled."""


class Step(StrEnum):
    """The rungs of the ladder, in order. A step adds people and stops nobody."""

    ON_CALL = "on_call"
    BACKUP = "backup"
    """Those on call as backup."""
    SPECIALTY = "specialty"
    """Everybody of the specialty at the first hospitals linked."""
    ALTERNATE = "alternate"
    """Those of the hospitals linked after these."""
    COORDINATOR = "coordinator"


class Level(StrEnum):
    """In which step a turn on call is rung."""

    FIRST = "first"
    BACKUP = "backup"


class DeclineReason(StrEnum):
    """Why a specialist cannot take a case."""

    IN_PROCEDURE = "in_procedure"
    IN_CONSULT = "in_consult"
    OUT_OF_SCOPE = "out_of_scope"
    OTHER = "other"


class HandoverState(StrEnum):
    """What became of offering a claimed consult to another specialist."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    """The consult ended, or was lost to the ladder, before it was answered."""


class CancelReason(StrEnum):
    """Why a request or an appointment is given up."""

    NO_LONGER_NEEDED = "no_longer_needed"
    TRANSFERRED = "transferred"
    MISTAKE = "mistake"
    OTHER = "other"
    NO_SHOW = "no_show"
    """The clinic or the patient did not come; recorded by `Changes.no_show`, not chosen by who cancels."""


CANCEL_REASONS = tuple(reason for reason in CancelReason if reason is not CancelReason.NO_SHOW)
"""What somebody who cancels may choose."""


class WrittenCause(StrEnum):
    """Why a case is answered in writing."""

    ASKED = "asked"
    """The requester asked for it so."""
    UNANSWERED = "unanswered"
    """Nobody took it before the ladder's last timer ran out."""
    CHOSEN = "chosen"
    """One side chose to go on in writing, since the line did not carry a call."""
    LEFT = "left"
    """Everybody was out of the room for long, and nobody had ended the consult."""


class IdentityChange(StrEnum):
    """What was done to the identity after the request."""

    CONFIRMED = "confirmed"
    MERGED = "merged"
    TURNED = "turned"
    """The room turned to another person: question and consent were the earlier one's, and stay with that part."""
    REVERTED = "reverted"


class LineState(StrEnum):
    """A participant's line, as said in words in the room."""

    GOOD = "good"
    WEAK = "weak"
    LOST = "lost"


class Rung(StrEnum):
    """The ladder of a picture, best first; sound outlives every rung."""

    HD = "hd"
    REDUCED = "reduced"
    LOW = "low"
    STILLS = "stills"
    AUDIO = "audio"
    """No picture at all."""


class Way(StrEnum):
    """Which way a participant's pictures became fewer or more, and so why."""

    SENDS = "sends"
    """The participant's uplink."""
    SEES = "sees"
    """The participant's downlink."""
    WISHES = "wishes"
    """The participant chose sound only."""

    @property
    def cause(self) -> str:
        """Why there is less: `uplink`, `downlink` or `wish`."""
        return {Way.SENDS: "uplink", Way.SEES: "downlink", Way.WISHES: "wish"}[self]


class IdentityState(StrEnum):
    """How well the patient is known. Only an established identity opens a book."""

    ESTABLISHED = "established"
    TEMPORARY = "temporary"


class ParticipantRole(StrEnum):
    """What a person in the room is there as. An observer only receives."""

    REQUESTER = "requester"
    SPECIALIST = "specialist"
    INVITED = "invited"
    OBSERVER = "observer"


class ConsentBy(StrEnum):
    """Who consented, or why nobody could be asked."""

    SELF = "self"
    PROXY = "proxy"
    GUARDIAN = "guardian"
    NOT_POSSIBLE = "not_possible"


@dataclass(frozen=True, slots=True)
class Patient:
    """The identity as confirmed at the request, kept with the consult. A temporary one has only age and sex.

    `masked_number` shows the last four digits alone. `age_years` is the estimate of a temporary identity.
    """

    patient_id: PatientId | None
    identity: IdentityState
    name: str | None = None
    birth_date: date | None = None
    sex: str | None = None
    """`male`, `female`, `other` or None (FHIR AdministrativeGender)."""
    masked_number: str | None = None
    age_years: int | None = None

    def age(self, today: date) -> int | None:
        """Age in whole years, exact or estimated."""
        if self.birth_date is None:
            return self.age_years
        had_birthday = (today.month, today.day) >= (self.birth_date.month, self.birth_date.day)
        return today.year - self.birth_date.year - (0 if had_birthday else 1)


@dataclass(frozen=True, slots=True)
class Question:
    """The question in SBAR form; every part may be empty in an emergency."""

    situation: str = ""
    background: str = ""
    assessment: str = ""
    recommendation: str = ""

    @property
    def line(self) -> str:
        """One line for rings and lists."""
        return " ".join(part for part in (self.situation, self.recommendation) if part)


@dataclass(frozen=True, slots=True)
class Consent:
    """The patient's consent to the consult and to record view, given by whom; a refusal is recorded too."""

    consult: bool
    record_view: bool
    by: ConsentBy
    note: str = ""


@dataclass(frozen=True, slots=True)
class Consult:
    """One consult as stored. `log_number` is the number of its last log entry."""

    id: ConsultId
    code: str
    """What people say on the telephone, such as `HC-2611-0412`."""
    state: ConsultState
    urgency: Urgency
    specialty_id: SpecialtyId
    requester_id: StaffId
    requester_facility_id: FacilityId
    owner_id: StaffId
    """Who is accountable now (see `owners`)."""
    terminal_id: TerminalId | None
    patient: Patient
    question: Question
    consent: Consent | None
    created_at: datetime
    step: Step | None
    step_due_at: datetime | None
    specialist_id: StaffId | None
    specialist_facility_id: FacilityId | None
    claimed_at: datetime | None
    opens_at: datetime | None
    """A booked room opens then; None for one that rings."""
    ended_at: datetime | None
    closed_at: datetime | None
    log_number: int
    starts_at: datetime | None = None
    """The booked time; None for one that rings."""
    ends_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancel_reason: CancelReason | None = None
    due_at: datetime | None = None
    """By when a written case is to be answered."""
    coordinator_id: StaffId | None = None
    """The coordinator who took charge of it before anybody claimed it."""
    lease_until: datetime | None = None
    """A claim whose specialist has not entered yet holds until then; None: nothing runs out."""
    paused_at: datetime | None = None
    """Since when the specialist is away in another case."""

    def is_overdue(self, now: datetime) -> bool:
        """Whether the answer in writing should have been there by now."""
        return self.due_at is not None and self.due_at < now


@dataclass(frozen=True, slots=True)
class Offer:
    """One person rung for one consult."""

    consult_id: ConsultId
    staff_id: StaffId
    facility_id: FacilityId
    step: Step
    state: OfferState
    reason: DeclineReason | None
    rung_at: datetime
    answered_at: datetime | None
    later_at: datetime | None = None
    """When it rings again for one who promised to answer later."""


@dataclass(frozen=True, slots=True)
class Participant:
    """A person who may be in the room."""

    id: ParticipantId
    consult_id: ConsultId
    staff_id: StaffId
    role: ParticipantRole
    sees_book: bool
    joined_at: datetime | None
    left_at: datetime | None

    @property
    def present(self) -> bool:
        """Whether this person is in the room now."""
        return self.joined_at is not None and self.left_at is None


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A line of the room's chat; `number` is that of its log entry."""

    consult_id: ConsultId
    number: int
    sender_id: StaffId
    text: str
    at: datetime
    client_id: str


@dataclass(frozen=True, slots=True)
class Opinion:
    """The specialist's opinion about one person of a consult (`identities.Person`). `closed_at` locks it."""

    consult_id: ConsultId
    person: int
    author_id: StaffId
    text: str
    version: int
    saved_at: datetime
    closed_at: datetime | None
