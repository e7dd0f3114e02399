"""The ladder: who is rung next, and for how long before the step after. Pure.

Five rungs: those on call, their backup, everybody of the specialty, other hospitals, the coordinators. A step adds
people and stops nobody; one that finds nobody new passes at once. The last has no deadline: the request stays with the
coordinators until it is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from consult_rooms.model import OfferState, Step, Urgency
from foundation.ids import FacilityId, StaffId

STEPS = tuple(Step)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can be rung, and the hospital for which."""

    staff_id: StaffId
    facility_id: FacilityId


@dataclass(frozen=True, slots=True)
class Roster:
    """Who could be rung for one request at one moment, by step, and who of them is signed in."""

    people: Mapping[Step, tuple[Person, ...]]
    online: frozenset[StaffId] | None = None
    """None: nobody knows, since the bus is down. It does not hold a ring back; the log tells it."""


@dataclass(frozen=True, slots=True)
class Rung:
    """A step to start now: whom it adds, and how many seconds it has; None: until somebody takes the case."""

    step: Step
    people: tuple[Person, ...]
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the ladder looks at. `step` is the one that runs, None before the first."""

    urgency: Urgency
    step: Step | None
    requester_id: StaffId
    roster: Roster
    rung: frozenset[StaffId]
    """Everybody rung before, whatever they answered: nobody is rung twice."""


def next_step(snapshot: Snapshot, seconds: Mapping[Urgency, float]) -> tuple[Rung, ...]:
    """The steps to start now, in order: empty ones pass at once, so all but the last are empty.

    Empty when the last step runs already. People offline are rung too: it rings when they sign in.
    """
    first = 0 if snapshot.step is None else STEPS.index(snapshot.step) + 1
    left_out = {*snapshot.rung, snapshot.requester_id}
    started: list[Rung] = []
    for step in STEPS[first:]:
        people = _distinct(person for person in snapshot.roster.people.get(step, ()) if person.staff_id not in left_out)
        last = step is STEPS[-1]
        started.append(Rung(step, people, None if last else seconds[snapshot.urgency] if people else 0.0))
        if people:
            break
    return tuple(started)


def after_step(step: Step | None) -> Step | None:
    """The step that follows, or None."""
    place = 0 if step is None else STEPS.index(step) + 1
    return STEPS[place] if place < len(STEPS) else None


def all_declined(step: Step | None, offers: Iterable[tuple[Step, OfferState]]) -> bool:
    """Whether everybody whom this step added has answered and nobody took it, so that waiting longer is of no use."""
    states = [state for of, state in offers if of is step]
    return bool(states) and OfferState.RINGING not in states


def _distinct(people: Iterable[Person]) -> tuple[Person, ...]:
    found: dict[StaffId, Person] = {}
    for person in people:
        found.setdefault(person.staff_id, person)
    return tuple(found.values())
