"""Booked times: a specialist's slot, the appointment that takes it, a turn on call. Plain frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum

from consult_rooms.model import Level
from foundation.ids import (
    AppointmentId,
    ConferenceId,
    ConsultId,
    FacilityId,
    SlotId,
    SpecialtyId,
    StaffId,
    TemplateId,
    TerminalId,
)


class MoveReason(StrEnum):
    """Why an appointment gets another time."""

    CLINIC = "clinic"
    """The clinic or the patient asked for it."""
    HOSPITAL = "hospital"
    """The specialist or the hospital did."""
    DISPLACED = "displaced"
    """An emergency took its time."""
    OTHER = "other"


class Displacement(StrEnum):
    """Why an appointment stands without its specialist."""

    EMERGENCY = "emergency"
    ABSENT = "absent"
    """The specialist did not come."""


class VisitType(StrEnum):
    """What a slot is for, which says how long it usually is."""

    FIRST = "first"
    RETURN = "return"
    """A patient whom the specialist has seen before."""
    RESULTS = "results"
    """Findings or pictures are gone through."""
    CONFERENCE = "conference"
    """A case before several specialists."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A specialist's published time. `held_by` is a person or an entry of the waiting list, and holds until then."""

    id: SlotId
    specialist_id: StaffId
    specialty_id: SpecialtyId
    facility_id: FacilityId
    starts_at: datetime
    ends_at: datetime
    appointment_id: AppointmentId | None
    held_by: str | None = None
    held_until: datetime | None = None
    visit_type: VisitType = VisitType.FIRST
    template_id: TemplateId | None = None
    """The template from which it was made; None: published by hand, or a case of a conference."""
    conference_id: ConferenceId | None = None

    def held(self, now: datetime) -> bool:
        """Whether it is kept for somebody now."""
        return self.held_until is not None and self.held_until > now


@dataclass(frozen=True, slots=True)
class Appointment:
    """A booked slot; its room is opened `room_opens_minutes` before. `version` grows with each move.

    With `displaced_at` its specialist is elsewhere, and it waits for another time or for them. `late_until` is when
    the later side said that it comes.
    """

    id: AppointmentId
    slot_id: SlotId
    consult_id: ConsultId
    clinic_id: FacilityId
    terminal_id: TerminalId | None
    requester_id: StaffId
    starts_at: datetime
    ends_at: datetime
    version: int
    displaced_at: datetime | None = None
    late_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Shift:
    """A turn on call, in local time. `weekday` 0 is Monday; `ends` not after `starts` is the next day."""

    id: str
    staff_id: StaffId
    specialty_id: SpecialtyId
    facility_id: FacilityId
    weekday: int
    starts: time
    ends: time
    level: Level = Level.FIRST
    day: date | None = None
    """The one date on which it begins; None: each week."""
