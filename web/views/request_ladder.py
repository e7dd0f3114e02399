"""The ladder of one request as its page shows it: steps passed, running and to come, with people and times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from consult_rooms.ladder import Rung as Coming
from consult_rooms.ladder_rules import Rules
from consult_rooms.model import ConsultState, Step, Urgency
from consult_rooms.rows import Answer, RungPerson, WaitingView
from web.services import Services

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
    """Whole seconds to the next step, or in the last one to the written case; None when it does not ring."""
    written_at: datetime | None
    """When it becomes a written case if nobody takes it and nothing changes; None when it does not ring."""
    answer_by: datetime | None
    """By when that case is to be answered."""

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
    to_come, rules = await services.forecast.to_come(view.consult, [person.staff_id for person in view.people])
    names = await _names(services, view, to_come)
    written_at = None
    if view.step_due_at is not None:
        written_at = view.step_due_at + timedelta(seconds=sum(rung.seconds for rung in to_come))
    asked = sorted((p for p in view.people if p.answer in _REACH), key=lambda person: _REACH.index(person.answer))
    return Ladder(
        view=view,
        rungs=_rungs(view, names, rules),
        ringing=tuple(person.name for person in asked if person.answer in _REACH[:2]),
        unreached=tuple(person.name for person in asked if person.answer in _REACH[2:]),
        declined=tuple(person.name for person in view.people if person.answer is Answer.DECLINED),
        owners=(view.owner or requester_name,),
        seconds=0 if view.step is None else round(rules.seconds[view.consult.urgency][view.step]),
        left_s=None if view.step_due_at is None else max(0, round((view.step_due_at - now).total_seconds())),
        written_at=written_at,
        answer_by=None if written_at is None else written_at + _due(services, view.consult.urgency),
    )


def _due(services: Services, urgency: Urgency) -> timedelta:
    minutes = {
        Urgency.EMERGENCY: services.settings.written_emergency_minutes,
        Urgency.URGENT: services.settings.written_urgent_minutes,
        Urgency.ROUTINE: services.settings.written_routine_minutes,
    }
    return timedelta(minutes=minutes[urgency])


def _rungs(view: WaitingView, names: Mapping[Step, tuple[str, ...]], rules: Rules) -> tuple[Rung, ...]:
    order = list(Step)
    reached = -1 if view.step is None else order.index(view.step)
    rungs = []
    starts_at = view.step_due_at
    for number, step in enumerate(order):
        coming = number > reached
        to_ring = names.get(step, ()) if coming else ()
        rungs.append(
            Rung(
                step,
                "to-come" if coming else "ringing" if number == reached else "passed",
                tuple(person for person in view.people if person.step is step),
                to_ring,
                starts_at if coming else None,
            )
        )
        if coming and starts_at is not None and to_ring:
            starts_at += timedelta(seconds=rules.seconds[view.consult.urgency][step])
    return tuple(rungs)


async def _names(services: Services, view: WaitingView, to_come: tuple[Coming, ...]) -> dict[Step, tuple[str, ...]]:
    """Whom the later steps would add, as the ladder itself chooses them."""
    if view.consult.state is not ConsultState.RINGING:
        return {}
    ids = [candidate.person.staff_id for rung in to_come for candidate in rung.people]
    people = await services.directory.staff_many(ids)
    return {
        rung.step: tuple(people[candidate.person.staff_id].full_name for candidate in rung.people) for rung in to_come
    }
