"""The ladder of one request as its page shows it: steps passed, running and to come, with people and times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from consult_rooms.model import Step
from consult_rooms.rows import Answer, RungPerson, WaitingView
from web.services import Services
from web.views.requests import step_seconds

_REACH = (Answer.RINGING, Answer.UNKNOWN, Answer.BUSY, Answer.OFFLINE)
"""Answers of those who have not answered: best reached first."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One step. `state` is `passed`, `ringing` or `to-come`; `starts_at` is that of a step to come, if it is known."""

    step: Step
    state: str
    people: tuple[RungPerson, ...]
    to_ring: tuple[str, ...]
    """Names of those whom a step to come would add."""
    starts_at: datetime | None


@dataclass(frozen=True, slots=True)
class Ladder:
    """What the waiting page says. Names in the order in which a ring reaches them."""

    view: WaitingView
    rungs: tuple[Rung, ...]
    ringing: tuple[str, ...]
    """Those whom a ring reaches, or may reach."""
    unreached: tuple[str, ...]
    """Those rung who are offline or in another room."""
    declined: tuple[str, ...]
    owners: tuple[str, ...]
    """Who holds the request: the requester, or in the last step the coordinators."""
    seconds: int
    """How long the running step rings in all."""
    left_s: int | None
    """Whole seconds to the next step; None when there is none."""

    @property
    def coming(self) -> Rung | None:
        """The next step that adds somebody; when none does, the next."""
        to_come = [rung for rung in self.rungs if rung.state == "to-come"]
        return next((rung for rung in to_come if rung.to_ring), to_come[0] if to_come else None)

    @property
    def state(self) -> str:
        """A short text that changes when anything on the ladder does; a script compares it."""
        answers = ",".join(person.answer for person in self.view.people)
        return f"{self.view.log_number}:{answers}"


async def ladder_of(services: Services, view: WaitingView, requester_name: str, now: datetime) -> Ladder:
    """The ladder of this request now."""
    coordinators = [person for person in view.people if person.step is Step.COORDINATOR]
    to_ring = await _to_ring(services, view)
    seconds = step_seconds(services.settings)[view.consult.urgency]
    order = list(Step)
    reached = -1 if view.step is None else order.index(view.step)
    rungs = []
    starts_at = view.step_due_at
    for place, step in enumerate(order):
        coming = place > reached
        names = to_ring.get(step, ()) if coming else ()
        rungs.append(
            Rung(
                step,
                "to-come" if coming else "ringing" if place == reached else "passed",
                tuple(person for person in view.people if person.step is step),
                names,
                starts_at if coming else None,
            )
        )
        if coming and starts_at is not None and names:
            starts_at += timedelta(seconds=seconds)
    asked = sorted((p for p in view.people if p.answer in _REACH), key=lambda person: _REACH.index(person.answer))
    return Ladder(
        view=view,
        rungs=tuple(rungs),
        ringing=tuple(person.name for person in asked if person.answer in _REACH[:2]),
        unreached=tuple(person.name for person in asked if person.answer in _REACH[2:]),
        declined=tuple(person.name for person in view.people if person.answer is Answer.DECLINED),
        owners=tuple(person.name for person in coordinators) or (requester_name,),
        seconds=seconds,
        left_s=None if view.step_due_at is None else max(0, round((view.step_due_at - now).total_seconds())),
    )


async def _to_ring(services: Services, view: WaitingView) -> dict[Step, tuple[str, ...]]:
    """Whom the later steps would add, as the ladder itself chooses them: nobody is rung twice."""
    consult = view.consult
    of_specialty, coordinators = await services.directory.to_ring(consult.requester_facility_id, consult.specialty_id)
    seen = {person.staff_id for person in view.people} | {consult.requester_id}
    found: dict[Step, tuple[str, ...]] = {}
    for step, people in ((Step.SPECIALTY, of_specialty), (Step.COORDINATOR, coordinators)):
        found[step] = tuple(person.full_name for person in people if person.id not in seen)
        seen |= {person.id for person in people}
    return found
