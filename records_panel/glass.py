"""Breaking the glass: why a closed book is opened in an emergency, and what such an opening is. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from foundation.ids import ConsultId, FacilityId, GlassId, PatientId, StaffId


class GlassReason(StrEnum):
    """Why. One is chosen; words of one's own are written beside it."""

    DANGER = "danger"
    """The patient's life is in danger."""
    UNABLE = "unable"
    """The patient cannot be asked, nor anybody who may answer for them."""
    AFTERCARE = "aftercare"
    """The consult is over and the same illness goes on."""
    RESTRICTED = "restricted"
    """The treatment now depends on entries that are withheld."""

    @property
    def opens_restricted(self) -> bool:
        """Whether it opens restricted entries too. An emergency by itself does not: most need none of them.

        Very restricted entries it never opens: for those there is the scope alone.
        """
        return self is GlassReason.RESTRICTED


OUTSIDE = (GlassReason.DANGER, GlassReason.UNABLE)
"""The reasons for which a book is opened outside any consult; what is withheld in it can be asked for afterwards."""


class Verdict(StrEnum):
    """What a data protection officer makes of an opening."""

    JUSTIFIED = "justified"
    UNJUSTIFIED = "unjustified"
    """Not justified: a matter for the facility, and perhaps a breach to be notified."""


@dataclass(frozen=True, slots=True)
class Glass:
    """One opening: of this patient's book, to this person, for a time."""

    id: GlassId
    staff_id: StaffId
    patient_id: PatientId
    consult_id: ConsultId | None
    """None: outside any consult, of a patient found by the exact number."""
    facility_id: FacilityId
    """Where the person worked then."""
    reason: GlassReason
    at: datetime
    until: datetime
    due_at: datetime
    """By when a data protection officer has to have reviewed it."""

    def opens(self, staff_id: StaffId, patient_id: PatientId | None, now: datetime) -> bool:
        """Whether it holds for that person and patient now."""
        return self.staff_id == staff_id and self.patient_id == patient_id and self.at <= now < self.until
