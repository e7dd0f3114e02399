"""What a person may read of a book: one pure function. What nothing opens is closed.

Access = role ∧ facility ∧ (consult relation ∨ consent ∨ break-glass) ∧ purpose ∧ not expired ∧ sensitivity. Whoever
shows anything of a record asks `records_panel.panel`, which asks here; a page never decides by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from consult_rooms.model import ConsentBy, Consult, ConsultState, IdentityState, Participant, ParticipantRole
from foundation.ids import FacilityId, PatientId
from identity.model import Role, Sensitivity, Staff
from identity.policy import Action, may
from records_panel.consents import Directive, Portion
from records_panel.glass import Glass
from records_panel.rulings import Reader, Ruling, ruling


class Purpose(StrEnum):
    """Why a record is read: codes of HL7 v3-ActReason (PurposeOfUse)."""

    TREATMENT = "TREAT"
    BREAK_THE_GLASS = "BTG"
    RESEARCH = "HRESCH"
    TRAINING = "TRAIN"
    OPERATIONS = "HOPERAT"
    PAYMENT = "HPAYMT"


class Ground(StrEnum):
    """By which right a book is open."""

    CONSULT = "consult"
    CONSENT = "consent"
    BREAK_GLASS = "break_glass"


class Why(StrEnum):
    """The answer in one word; everything but `open` is a refusal."""

    OPEN = "open"
    NOT_ESTABLISHED = "not_established"
    """Nobody knows yet whose book it would be."""
    ROLE = "role"
    """Not active, or no role in which books are read."""
    PURPOSE = "purpose"
    FACILITY = "facility"
    """Works at no facility of this consult."""
    NO_PLACE = "no_place"
    """Nothing to the consult, or in it without the book: coordinators, observers, whoever was only rung."""
    NOT_YET = "not_yet"
    OVER = "over"
    """The opinion is closed or the consult was cancelled."""
    EXPIRED = "expired"
    REFUSED = "refused"
    """The patient refused it for this consult."""
    DENIED = "denied"
    """A Consent in the book denies it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things stay open, and what breaking the glass asks for. Each is a setting."""

    grant: timedelta = timedelta(hours=24)
    """The longest that a consult opens a book, from the claim or the booked time."""
    before: timedelta = timedelta(minutes=30)
    """How long before its time a booked consult opens it."""
    glass: timedelta = timedelta(hours=4)
    glass_words: int = 10
    """Characters to be written at least."""
    review: timedelta = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for the book of a consult's patient, why, when, and all that decides. `today` is the facility's day."""

    person: Staff
    consult: Consult | None
    """None: outside any consult. Then it is the book of `outside`, and an emergency alone can open it."""
    participant: Participant | None
    hub_ids: frozenset[FacilityId]
    """Hospitals linked to the requesting facility."""
    now: datetime
    today: date
    purpose: Purpose = Purpose.TREATMENT
    facility_code: str = ""
    """Of the person's facility, by which a Consent may name it."""
    glass: Glass | None = None
    directives: tuple[Directive, ...] | None = None
    """Of the book's Consents; None: they are not known before it is fetched."""
    outside: PatientId | None = None

    @property
    def patient_id(self) -> PatientId | None:
        """Whose book it is; None while nobody knows."""
        if self.consult is None:
            return self.outside
        patient = self.consult.patient
        return patient.patient_id if patient.identity is IdentityState.ESTABLISHED else None


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer. When `opens`: by which `ground`, `until` when, and what of it is withheld."""

    why: Why
    ground: Ground | None = None
    until: datetime | None = None
    kinds: frozenset[Sensitivity] = frozenset()
    """Kinds of restricted entries that are shown; all others are withheld, and that something is, is said."""
    portions: tuple[Portion, ...] = ()
    """What a Consent withholds besides."""
    glass: Glass | None = None
    """The emergency opening without which less would be shown."""
    breakable: bool = False
    """Whether breaking the glass could show more."""
    pending: bool = False
    """Closed, unless a Consent of the book, which was not known, opens it."""

    @property
    def opens(self) -> bool:
        """Whether the book is open."""
        return self.why is Why.OPEN

    @property
    def withheld(self) -> frozenset[Sensitivity]:
        """Kinds of restricted entries that are not shown."""
        return frozenset(Sensitivity) - self.kinds

    @property
    def purpose(self) -> Purpose:
        """For what it is read, as the audit trail has it."""
        return Purpose.BREAK_THE_GLASS if self.glass is not None else Purpose.TREATMENT


def decide(asked: Asked, limits: Limits) -> Decision:
    """What this person may read of this book now."""
    person = asked.person
    if asked.patient_id is None:
        return Decision(Why.NOT_ESTABLISHED)
    if not may(person, Action.TAKE_PART):
        return Decision(Why.ROLE)
    if asked.purpose is not Purpose.TREATMENT:
        return Decision(Why.PURPOSE)
    said = ruling(asked.directives or (), Reader(asked.facility_code, person.licence_number), asked.now)
    ordinary = _ordinary(asked, said, limits)
    if said.denies_emergency or not _may_break(asked):
        return ordinary
    return _with_glass(asked, said, ordinary)


def _ordinary(asked: Asked, said: Ruling, limits: Limits) -> Decision:
    """By consult or by consent; no glass."""
    why, until = _by_consult(asked, limits)
    ground = Ground.CONSULT
    participant = asked.participant
    if why in (Why.OVER, Why.EXPIRED) and participant and participant.role is not ParticipantRole.OBSERVER:
        if asked.directives is None:
            return Decision(why, pending=True)
        if said.permits:
            why, until, ground = Why.OPEN, said.until, Ground.CONSENT
    if why is not Why.OPEN:
        return Decision(why)
    if said.denies:
        return Decision(Why.DENIED)
    return Decision(why, ground, until, asked.person.sensitivities, said.withheld)


def _by_consult(asked: Asked, limits: Limits) -> tuple[Why, datetime | None]:
    """Whether the consult itself opens the book to this person, and until when."""
    consult, participant, now = asked.consult, asked.participant, asked.now
    if consult is None:
        return Why.NO_PLACE, None
    theirs = participant is not None and (participant.staff_id, participant.consult_id) == (asked.person.id, consult.id)
    if participant is None or not theirs or not participant.sees_book:
        return Why.NO_PLACE, None
    if asked.person.facility_id not in _facilities(asked) | asked.hub_ids:
        return Why.FACILITY, None
    consent = consult.consent
    if consent is not None and not consent.record_view and consent.by is not ConsentBy.NOT_POSSIBLE:
        return Why.REFUSED, None
    if consult.state in (ConsultState.CLOSED, ConsultState.CANCELLED):
        return Why.OVER, None
    starts = consult.claimed_at if consult.starts_at is None else consult.starts_at - limits.before
    if consult.state is ConsultState.RINGING or starts is None or now < starts:
        return Why.NOT_YET, None
    until = (starts if consult.starts_at is None else consult.starts_at) + limits.grant
    return (Why.OPEN, until) if now < until else (Why.EXPIRED, None)


def _with_glass(asked: Asked, said: Ruling, ordinary: Decision) -> Decision:
    glass, person = asked.glass, asked.person
    if glass is None or not glass.opens(person.id, asked.patient_id, asked.now):
        return replace(ordinary, breakable=not ordinary.opens or _more(ordinary.kinds))
    kinds = person.sensitivities
    if glass.reason.opens_restricted:
        kinds |= frozenset(Sensitivity) - {Sensitivity.VERY_RESTRICTED}
    if ordinary.opens:
        if kinds == ordinary.kinds:
            return replace(ordinary, breakable=_more(kinds))
        return replace(ordinary, kinds=kinds, glass=glass)
    # A refusal that stands in the book for a part of it holds on: only the whole may be opened by an emergency.
    return Decision(Why.OPEN, Ground.BREAK_GLASS, glass.until, kinds, said.withheld, glass, breakable=_more(kinds))


def _more(kinds: frozenset[Sensitivity]) -> bool:
    """Whether a reason that opens restricted entries would add any."""
    return not kinds >= frozenset(Sensitivity) - {Sensitivity.VERY_RESTRICTED}


def _may_break(asked: Asked) -> bool:
    """A clinician with a licence that has not run out, of the consult or of one of its two facilities.

    Outside any consult every such clinician: the patient lies in front of them, wherever that is.
    """
    person, participant = asked.person, asked.participant
    if person.roles.isdisjoint({Role.RURAL_DOCTOR, Role.SPECIALIST}):
        return False
    # Physician assistants and nurses of a health station work without a licence of their own.
    without = person.licence_number is None and Role.RURAL_DOCTOR in person.roles
    if not without and not person.licence_valid(asked.today):
        return False
    if asked.consult is None or person.facility_id in _facilities(asked):
        return True
    of_consult = participant is not None and participant.staff_id == person.id
    return of_consult and person.facility_id in asked.hub_ids


def _facilities(asked: Asked) -> frozenset[FacilityId]:
    """The two that hold the consult; none outside one."""
    if asked.consult is None:
        return frozenset()
    both = (asked.consult.requester_facility_id, asked.consult.specialist_facility_id)
    return frozenset(one for one in both if one is not None)
