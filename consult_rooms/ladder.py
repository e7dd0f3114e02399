"""The ladder: who is rung next, and for how long before the step after. Pure.

Five rungs: those on call, their backup, everybody of the specialty, other hospitals, the coordinators. A step adds
people and stops nobody; one that finds nobody new passes at once. When the time of the last has run out too, the
request becomes a written case. Who stands in which step is `candidates`' to say, how long each lasts the rules'.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from consult_rooms.candidates import Candidate, Placing, Roster, place
from consult_rooms.ladder_rules import Rules
from consult_rooms.model import OfferState, Step, Urgency
from foundation.ids import StaffId

STEPS = tuple(Step)


@dataclass(frozen=True, slots=True)
class Rung:
    """A step to start now: whom it adds, and how many seconds it has."""

    step: Step
    people: tuple[Candidate, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the ladder looks at. `step` is the one that runs, None before the first."""

    urgency: Urgency
    step: Step | None
    requester_id: StaffId
    roster: Roster
    rung: frozenset[StaffId]
    """Everybody rung before, whatever they answered: nobody is rung twice."""


def next_step(snapshot: Snapshot) -> tuple[Rung, ...]:
    """The steps to start now, in order: empty ones pass at once, so all but the last are empty.

    Empty when the last step runs already. A step also adds those of earlier ones who were not rung then: beyond the
    number that rings at once, on call only since, no longer in another consult.
    """
    placing = place(snapshot.roster, snapshot.urgency, snapshot.requester_id)
    return _started(placing, snapshot.roster.rules, snapshot.urgency, snapshot.step, snapshot.rung)


def whole(snapshot: Snapshot) -> tuple[Rung, ...]:
    """Every step still to come, as they would follow if nobody answered and nothing changed."""
    placing = place(snapshot.roster, snapshot.urgency, snapshot.requester_id)
    step, rung, found = snapshot.step, snapshot.rung, list[Rung]()
    while started := _started(placing, snapshot.roster.rules, snapshot.urgency, step, rung):
        found.extend(started)
        step = started[-1].step
        rung |= {candidate.person.staff_id for candidate in started[-1].people}
    return tuple(found)


def _started(
    placing: Placing, rules: Rules, urgency: Urgency, step: Step | None, rung: frozenset[StaffId]
) -> tuple[Rung, ...]:
    first = 0 if step is None else STEPS.index(step) + 1
    started: list[Rung] = []
    for number, this in enumerate(STEPS[first:], first):
        left = (one for each in STEPS[: number + 1] for one in placing.steps[each] if one.person.staff_id not in rung)
        people = tuple(islice(left, rules.most))
        # Even the last passes at once when nobody at all was rung: waiting would help nobody.
        waits = bool(people) or (this is STEPS[-1] and bool(rung))
        started.append(Rung(this, people, rules.seconds[urgency][this] if waits else 0.0))
        if people:
            break
    return tuple(started)


def after_step(step: Step | None) -> Step | None:
    """The step that follows, or None."""
    number = 0 if step is None else STEPS.index(step) + 1
    return STEPS[number] if number < len(STEPS) else None


def all_declined(step: Step | None, offers: Iterable[tuple[Step, OfferState]]) -> bool:
    """Whether everybody whom this step added has answered and nobody took it, so that waiting longer is of no use."""
    states = [state for of, state in offers if of is step]
    return bool(states) and OfferState.RINGING not in states
