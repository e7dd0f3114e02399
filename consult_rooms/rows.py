"""What pages and sockets are given: frozen rows with names joined, and nothing that their reader may not know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from consult_rooms.access import Relation
from consult_rooms.appointment import Slot
from consult_rooms.inquiries import Inquiry
from consult_rooms.log_entry import LogEntry
from consult_rooms.model import Consult, DeclineReason, Participant, Step, Urgency
from foundation.ids import AppointmentId, ConsultId, FacilityId, StaffId
from identity.model import Facility, Specialty, Terminal


class Answer(StrEnum):
    """What somebody who was rung does, as the waiting page says it."""

    RINGING = "ringing"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    STOPPED = "stopped"
    LATER = "later"
    """Promised to answer at a time."""
    FORWARDED = "forwarded"
    IN_CHARGE = "in_charge"
    BUSY = "busy"
    """Said so, or was rung while in another consult's room."""
    OFFLINE = "offline"
    """Not signed in; it rings when they sign in."""
    UNKNOWN = "unknown"
    """Rung; whether it reaches them nobody knows, since the bus is down."""


@dataclass(frozen=True, slots=True)
class Telephone:
    """A number that answers at any hour, and whose it is."""

    name: str
    number: str


@dataclass(frozen=True, slots=True)
class RoomPerson:
    """A participant with names."""

    participant: Participant
    name: str
    facility_name: str


@dataclass(frozen=True, slots=True)
class ConsultView:
    """One consult as its reader may see it: without `names_patient`, `consult.patient` has age and sex alone."""

    consult: Consult
    related: Relation
    names_patient: bool
    reads_opinion: bool
    room_open: bool
    participant: Participant | None
    """The reader's own place in the room."""
    specialty: Specialty
    requester_name: str
    facility: Facility
    """The requesting one."""
    terminal: Terminal | None
    specialist_name: str | None
    specialist_facility: Facility | None
    people: tuple[RoomPerson, ...]
    telephones: tuple[Telephone, ...]
    """Emergency numbers of the linked hospitals, the specialist's first."""
    appointment_id: AppointmentId | None
    appointment_version: int | None
    identity_changes: int
    """How many changes of identity there were; one that holds can be taken back."""


@dataclass(frozen=True, slots=True)
class ConsultRow:
    """A consult in a list. `patient_name` is None when the reader may not know it or nobody does."""

    consult: Consult
    related: Relation
    patient_name: str | None
    age: int | None
    specialty: Specialty
    requester_name: str
    facility: Facility
    specialist_name: str | None
    specialist_facility_name: str | None
    owner_name: str
    """Who is accountable now."""
    appointment_id: AppointmentId | None = None
    appointment_version: int | None = None


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A consult on a coordinator's board. Of clinical text it has the question's line alone."""

    row: ConsultRow
    rung: int
    declined: int


@dataclass(frozen=True, slots=True)
class RingView:
    """What a ring card shows. No name or number of the patient."""

    consult_id: ConsultId
    code: str
    urgency: Urgency
    specialty: Specialty
    facility: Facility
    requester_name: str
    age: int | None
    sex: str | None
    question: str
    rung_at: datetime
    step: Step
    """The step that rang this person."""
    step_due_at: datetime | None
    also_ringing: tuple[str, ...]
    emergency_telephone: str
    """Of the requesting facility."""
    handover_from: str | None = None
    """Who offers a running consult; None: it is a request that rings."""
    inquiries: tuple[Inquiry, ...] = ()
    """What was asked of the requester meanwhile, and the answers."""
    as_coordinator: bool = False
    """Whether the person is rung to take charge of the request, not to take the case."""


@dataclass(frozen=True, slots=True)
class RungPerson:
    """One line of the ladder."""

    staff_id: StaffId
    name: str
    facility_name: str
    step: Step
    answer: Answer
    reason: DeclineReason | None
    rung_at: datetime
    answered_at: datetime | None
    later_at: datetime | None = None
    """When somebody who answers later is rung again."""


@dataclass(frozen=True, slots=True)
class WaitingView:
    """The waiting page: who is being rung, what comes next and when, and whom to telephone meanwhile."""

    consult: Consult
    specialty: Specialty
    people: tuple[RungPerson, ...]
    step: Step | None
    step_due_at: datetime | None
    next_step: Step | None
    telephones: tuple[Telephone, ...]
    claimed_by: str | None
    claimed_facility_name: str | None
    log_number: int
    owner: str = ""
    """Who is accountable now, by name."""
    inquiries: tuple[Inquiry, ...] = ()


@dataclass(frozen=True, slots=True)
class OnCallPerson:
    """Somebody on call now."""

    staff_id: StaffId
    name: str
    facility_id: FacilityId
    facility_name: str
    answer: Answer
    """`ringing` stands for: can be rung now."""


@dataclass(frozen=True, slots=True)
class OnCallRow:
    """A specialty and who is on call for it; nobody is an empty tuple, which a page has to say."""

    specialty: Specialty
    people: tuple[OnCallPerson, ...]
    backups: tuple[OnCallPerson, ...] = ()
    """Who is rung when these do not answer, and is not among them."""


@dataclass(frozen=True, slots=True)
class SlotRow:
    """A published slot; `booked` is the appointment's consult when the reader may know of it."""

    slot: Slot
    specialist_name: str
    facility_name: str
    specialty: Specialty
    booked: ConsultRow | None


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """A log entry with the names of the people in it, for `wording.sentence`."""

    entry: LogEntry
    actor_name: str | None
    names: Mapping[str, str]
    """Names by staff id of everybody whom `entry` mentions."""
