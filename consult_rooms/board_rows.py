"""What the coordinators' board shows, as frozen rows: open requests, today's lanes, people. No patient's name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from consult_rooms.model import Consult, ConsultState, DeclineReason, OfferState, Urgency
from consult_rooms.rows import Answer
from foundation.ids import AppointmentId, ConsultId, FacilityId, SlotId, SpecialtyId, StaffId, TerminalId
from identity.model import Specialty


@dataclass(frozen=True, slots=True)
class BoardPerson:
    """Somebody who was rung for a request, and what became of it."""

    staff_id: StaffId
    name: str
    state: OfferState
    reason: DeclineReason | None
    rung_at: datetime


@dataclass(frozen=True, slots=True)
class BoardNote:
    """What a coordinator noted about a request; `number` is that of its log entry."""

    number: int
    author_name: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class BoardRow:
    """An open request or a consult that runs. `consult.patient` has age and sex alone."""

    consult: Consult
    specialty: Specialty
    age: int | None
    facility_name: str
    requester_name: str
    owner_name: str
    coordinator_name: str | None
    """Who took charge of it before anybody claimed it."""
    specialist_name: str | None
    due_at: datetime | None
    """By when somebody should take it, or answer it in writing; None once somebody has taken the call."""
    people: tuple[BoardPerson, ...]
    """Everybody rung, in the order of ringing."""
    notes: int
    note: BoardNote | None
    """The last one."""


@dataclass(frozen=True, slots=True)
class LaneSlot:
    """A slot of today in its specialist's lane. What is booked there only coordinators of that clinic are told."""

    id: SlotId
    starts_at: datetime
    ends_at: datetime
    specialty: Specialty
    booked: bool
    consult_id: ConsultId | None = None
    appointment_id: AppointmentId | None = None
    version: int | None = None
    """Of the appointment, for whoever moves it."""
    state: ConsultState | None = None
    urgency: Urgency | None = None
    clinic_name: str | None = None
    terminal_id: TerminalId | None = None
    terminal_name: str | None = None
    displaced: bool = False
    """Whether its specialist is elsewhere: another time is to be chosen."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A specialist's day. An empty one says that nothing is left in it."""

    specialist_id: StaffId
    name: str
    facility_id: FacilityId
    facility_name: str
    slots: tuple[LaneSlot, ...]


@dataclass(frozen=True, slots=True)
class BoardView:
    """The whole board at one moment of the store's time."""

    at: datetime
    day_starts_at: datetime
    """Local midnight, from which lanes count."""
    rows: tuple[BoardRow, ...]
    more: bool
    """Whether there are more than the board holds."""
    lanes: tuple[Lane, ...]


@dataclass(frozen=True, slots=True)
class BoardPlace:
    """Where a consult belongs, open or not: to which clinic, and when it is booked to whose lane."""

    clinic_id: FacilityId
    lane_id: StaffId | None


@dataclass(frozen=True, slots=True)
class BoardChange:
    """What a board has to show anew: rows, consults that it shows no longer, and all lanes."""

    at: datetime
    day_starts_at: datetime
    rows: tuple[BoardRow, ...]
    gone: tuple[ConsultId, ...]
    lanes: tuple[Lane, ...]


@dataclass(frozen=True, slots=True)
class OnDuty:
    """A specialist on call now or with slots today, and whether a ring reaches them."""

    staff_id: StaffId
    name: str
    facility_name: str
    specialties: frozenset[SpecialtyId]
    on_call: bool
    ringing: bool
    """Something rings for them now."""
    reach: Answer
    """`ringing` stands for: can be rung now."""


@dataclass(frozen=True, slots=True)
class DutyGap:
    """A field of a hospital whose rota has turns, with nobody on call now, nor as backup."""

    specialty: Specialty
    facility_name: str


@dataclass(frozen=True, slots=True)
class DutyView:
    """Who is there now, where nobody is, and how today's requests were answered."""

    people: tuple[OnDuty, ...]
    more: int
    """How many beyond those shown."""
    gaps: tuple[DutyGap, ...]
    answered: int
    """Requests of today that somebody took."""
    median_s: float | None
    """The median of their times until somebody took them; None without any."""
