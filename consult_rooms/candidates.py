"""Who can be rung for one request, in which step and order, and who not and why: one function over a snapshot. Pure.

The ladder and the dry run both ask it, so what the one explains the other does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from consult_rooms.ladder_rules import EDITABLE, OF_COORDINATORS, Condition, Effect, Rules
from consult_rooms.model import Level, Step, Urgency
from foundation.ids import FacilityId, StaffId

_NEVER = datetime.min.replace(tzinfo=UTC)


class Field(StrEnum):
    """How a person's specialties stand to the one that is asked."""

    EXACT = "exact"
    NARROWER = "narrower"
    """A sub-specialty of it."""
    BROADER = "broader"
    """The specialty above the sub-specialty that is asked."""
    NONE = "none"


class Why(StrEnum):
    """Why somebody is rung."""

    ANSWERED_BEFORE = "answered_before"
    """Took this patient's earlier consult from this clinic."""
    ON_CALL = "on_call"
    BACKUP = "backup"
    OF_FIELD = "of_field"
    OF_SUB_SPECIALTY = "of_sub_specialty"
    OTHER_HOSPITAL = "other_hospital"
    COORDINATOR = "coordinator"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can be rung, and the hospital for which."""

    staff_id: StaffId
    facility_id: FacilityId


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of one person at one hospital linked to the clinic (or of the clinic itself) at that moment."""

    person: Person
    rank: int = 1
    """Of the link, 1 first; 0 is the clinic itself."""
    specialist: bool = True
    coordinator: bool = False
    field: Field = Field.EXACT
    on_call: Level | None = None
    licence: bool = True
    in_scope: bool = True
    open: bool = True
    level_enough: bool = True
    speaks: bool = True
    load: int = 0
    """Consults under way."""
    last_rung: datetime | None = None
    online: bool | None = None
    """None: nobody knows, since the bus is down. It does not hold a ring back; the log tells it."""
    disturb: bool = True
    """False while the person asked not to be disturbed."""


@dataclass(frozen=True, slots=True)
class Roster:
    """Everybody who could come into question for one request at one moment, and the rules that hold."""

    facts: tuple[Fact, ...]
    rules: Rules
    returning: StaffId | None = None
    """Who took this patient's last consult from this clinic in this field."""

    def online(self, staff_id: StaffId) -> bool | None:
        """Whether this person is signed in; None: nobody knows."""
        return next((fact.online for fact in self.facts if fact.person.staff_id == staff_id), None)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody whom a step rings: why, and what puts them behind others."""

    person: Person
    step: Step
    why: tuple[Why, ...]
    behind: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Somebody who is not rung, and what speaks against it, the weightiest first."""

    person: Person
    reasons: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Placing:
    """The ladder of one request, if it rang now: nobody stands in two steps."""

    steps: Mapping[Step, tuple[Candidate, ...]]
    excluded: tuple[Exclusion, ...]


def place(roster: Roster, urgency: Urgency, requester_id: StaffId) -> Placing:
    """Put everybody into the first step that rings them, in the order in which they come; or say why not."""
    first_rank = min((fact.rank for fact in roster.facts if fact.rank), default=1)
    placed: dict[StaffId, tuple[Fact, Candidate]] = {}
    refused: dict[StaffId, Exclusion] = {}
    for fact in roster.facts:
        found = _as_specialist(fact, roster, urgency, requester_id, first_rank) if fact.rank else None
        if not isinstance(found, Candidate) and fact.coordinator:
            found = _as_coordinator(fact, roster.rules, urgency, requester_id)
        staff_id = fact.person.staff_id
        if isinstance(found, Exclusion):
            refused.setdefault(staff_id, found)
        elif found is not None:
            known = placed.get(staff_id)
            # One on call at another hospital than their own stands in two facts: the earlier step counts.
            if known is None or (_STEPS[found.step], fact.rank) < (_STEPS[known[1].step], known[0].rank):
                placed[staff_id] = fact, found
    ordered = sorted(placed.values(), key=lambda each: _order(*each))
    return Placing(
        {step: tuple(candidate for _, candidate in ordered if candidate.step is step) for step in Step},
        tuple(exclusion for staff_id, exclusion in refused.items() if staff_id not in placed),
    )


def _as_specialist(
    fact: Fact, roster: Roster, urgency: Urgency, requester_id: StaffId, first_rank: int
) -> Candidate | Exclusion | None:
    if not fact.specialist and fact.on_call is None:
        return None
    against, behind = _weigh(_met(fact, roster.rules, requester_id), roster.rules, urgency)
    if against:
        return Exclusion(fact.person, against)
    why: list[Why] = []
    if fact.on_call is not None:
        why.append(Why.ON_CALL if fact.on_call is Level.FIRST else Why.BACKUP)
    if fact.rank > first_rank:
        why.append(Why.OTHER_HOSPITAL)
        step = Step.ALTERNATE
    elif fact.on_call is None:
        step = Step.SPECIALTY
    else:
        step = Step.ON_CALL if fact.on_call is Level.FIRST else Step.BACKUP
    why.append(Why.OF_SUB_SPECIALTY if fact.field is Field.NARROWER else Why.OF_FIELD)
    # Only one who can answer now: else the first step would wait for a person who is away.
    if fact.person.staff_id == roster.returning and not behind:
        return Candidate(fact.person, Step.ON_CALL, (Why.ANSWERED_BEFORE, *why))
    return Candidate(fact.person, step, tuple(why), behind)


def _as_coordinator(fact: Fact, rules: Rules, urgency: Urgency, requester_id: StaffId) -> Candidate | Exclusion:
    met = [condition for condition in _met(fact, rules, requester_id) if condition in OF_COORDINATORS]
    against, behind = _weigh(met, rules, urgency)
    if against:
        return Exclusion(fact.person, against)
    return Candidate(fact.person, Step.COORDINATOR, (Why.COORDINATOR,), behind)


def _met(fact: Fact, rules: Rules, requester_id: StaffId) -> list[Condition]:
    """The conditions that hold, the weightiest first."""
    met = {
        Condition.REQUESTER: fact.person.staff_id == requester_id,
        Condition.NOT_IN_FIELD: not fact.specialist or fact.field is Field.NONE,
        Condition.LICENCE_EXPIRED: not fact.licence,
        Condition.OUT_OF_SCOPE: not fact.in_scope,
        Condition.CLOSED: not fact.open,
        Condition.DO_NOT_DISTURB: not fact.disturb,
        Condition.OFFLINE: fact.online is False,
        Condition.BUSY: fact.load >= rules.busy_from,
        Condition.NO_COMMON_LANGUAGE: not fact.speaks,
        Condition.LOWER_LEVEL: not fact.level_enough,
        Condition.BROADER_FIELD: fact.field is Field.BROADER,
    }
    return [condition for condition in Condition if met[condition]]


def _weigh(
    met: Iterable[Condition], rules: Rules, urgency: Urgency
) -> tuple[tuple[Condition, ...], tuple[Condition, ...]]:
    """Which of the conditions exclude, and which put last."""
    effects = [(condition, rules.effect(condition, urgency)) for condition in met]
    return (
        tuple(condition for condition, effect in effects if effect is Effect.EXCLUDE),
        tuple(condition for condition, effect in effects if effect is Effect.LAST),
    )


def _order(fact: Fact, candidate: Candidate) -> tuple[object, ...]:
    """Who answered before; nothing speaks against it; on call; the nearer hospital; less at work; longest not rung."""
    return (
        Why.ANSWERED_BEFORE not in candidate.why,
        tuple(condition in candidate.behind for condition in EDITABLE),
        fact.on_call is None,
        fact.rank,
        fact.load,
        fact.last_rung or _NEVER,
        fact.person.staff_id,
    )


_STEPS = {step: place for place, step in enumerate(Step)}
