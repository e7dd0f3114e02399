"""Who may add to a book during a consult, and who may read what was added. Pure.

The rule is that of `records_panel.grants` for the consult itself. A patient who is not identified yet has no book, but
what the clinic measures belongs to the consult all the same: the rule then is asked as if the identity were known.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Protocol

from consult_rooms.access import speaks
from consult_rooms.model import Consult, IdentityState, Participant
from foundation.ids import FacilityId, PatientId
from identity.model import Staff
from records_panel.grants import Asked, Ground, Limits, decide

_NOBODY = PatientId("-")


class Position(Protocol):
    """What somebody is to a consult, however it was found."""

    @property
    def consult(self) -> Consult: ...
    @property
    def participant(self) -> Participant | None: ...
    @property
    def hub_ids(self) -> frozenset[FacilityId]: ...


def reads_additions(staff: Staff, place: Position, now: datetime, limits: Limits) -> bool:
    """Whether this person may read what was added during the consult: to whom the consult opens the book."""
    consult = place.consult
    if consult.patient.patient_id is None:
        known = replace(consult.patient, identity=IdentityState.ESTABLISHED, patient_id=_NOBODY)
        consult = replace(consult, patient=known)
    asked = Asked(
        person=staff,
        consult=consult,
        participant=place.participant,
        hub_ids=place.hub_ids,
        now=now,
        today=now.date(),
        directives=(),
    )
    decision = decide(asked, limits)
    return decision.opens and decision.ground is Ground.CONSULT


def adds_to_book(staff: Staff, place: Position, now: datetime, limits: Limits) -> bool:
    """Whether this person may write: to whom the consult opens the book, and who is no observer.

    Neither a patient's consent to later reading nor a broken glass lets anybody write.
    """
    return speaks(place.participant) and reads_additions(staff, place, now, limits)
