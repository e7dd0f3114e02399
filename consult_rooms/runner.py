"""Runs the ladder: starts the next step of a request when its time has come. Any node may, and none does it twice.

A due step is a row whose `step_due_at` has passed by the store's own time. It is taken by a compare-and-set on the step
that runs, so of two nodes one starts the next step and the other finds nothing left to do. After the last step's time
the request is a written case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, update

from consult_rooms.candidates import Candidate, Roster
from consult_rooms.ladder import Rung, Snapshot, after_step, next_step
from consult_rooms.log import ConsultLog, Data
from consult_rooms.log_entry import LogKind
from consult_rooms.model import ConsultState, OfferState, Step, Urgency, WrittenCause
from consult_rooms.roster import Asked, Rosters
from consult_rooms.store import UNKNOWN
from consult_rooms.tables import consults, offers
from consult_rooms.writing import Writing
from foundation.database import Database, Transaction
from foundation.errors import NotFound
from foundation.ids import ConsultId, StaffId

BATCH = 200
"""Due requests that one call of `run_due` takes on at most."""


@dataclass(frozen=True, slots=True)
class Rise:
    """What the start of a step writes: the step, its deadline, whom it adds, its log entries."""

    step: Step
    due_at: datetime
    people: tuple[Candidate, ...]
    entries: tuple[tuple[LogKind, StaffId | None, Data], ...]


class LadderRunner:
    """Starts steps, as `rosters` and the rules in them say; `writing` takes what no step is left for."""

    def __init__(self, database: Database, log: ConsultLog, rosters: Rosters, writing: Writing) -> None:
        self._database = database
        self._log = log
        self._rosters = rosters
        self.writing = writing

    async def roster(self, asked: Asked) -> Roster:
        """Who could be rung now. Reads on its own, so call it before the writing transaction."""
        return await self._rosters.read(asked)

    async def roster_of(self, consult_id: ConsultId) -> Roster:
        """Who could be rung now for that consult. Raises NotFound("consult.unknown")."""
        async with self._database.reading() as tx:
            row = (await tx.execute(_ASKED.where(consults.c.id == consult_id))).one_or_none()
        if row is None:
            raise NotFound("consult.unknown", UNKNOWN)
        return await self._rosters.read(_asked(row))

    async def seconds_of(self, tx: Transaction, urgency: Urgency, step: Step) -> float:
        """How long that step rings by the rules that hold now."""
        return (await self._rosters.rules(tx)).seconds[urgency][step]

    def first(self, urgency: Urgency, requester_id: StaffId, roster: Roster, now: datetime) -> Rise:
        """What the first step of a new request writes."""
        return _rise(next_step(Snapshot(urgency, None, requester_id, roster, frozenset())), roster, now)

    async def ring(self, tx: Transaction, consult_id: ConsultId, rise: Rise) -> None:
        """Write the offers of a step; the caller writes its state and its log entries."""
        if rise.people:
            now = await tx.now()
            await tx.execute(
                _RUNG,
                [
                    {
                        "consult_id": consult_id,
                        "staff_id": candidate.person.staff_id,
                        "facility_id": candidate.person.facility_id,
                        "step": rise.step,
                        "state": OfferState.RINGING,
                        "rung_at": now,
                    }
                    for candidate in rise.people
                ],
            )

    async def climb(
        self,
        tx: Transaction,
        consult_id: ConsultId,
        *,
        urgency: Urgency,
        step: Step | None,
        requester_id: StaffId,
        roster: Roster,
        only_due: bool = False,
    ) -> bool:
        """Start what follows `step` inside the open transaction. False when another step runs by now, or none follows.

        With `only_due`, also False when the running step has time left.
        """
        rung = frozenset(
            (await tx.execute(select(offers.c.staff_id).where(offers.c.consult_id == consult_id))).scalars()
        )
        now = await tx.now()
        started = next_step(Snapshot(urgency, step, requester_id, roster, rung))
        if not started:
            return False
        rise = _rise(started, roster, now)
        taken = update(consults).where(
            consults.c.id == consult_id,
            consults.c.state == ConsultState.RINGING,
            consults.c.step.is_(None) if step is None else consults.c.step == step,
        )
        if only_due:
            taken = taken.where(consults.c.step_due_at <= now)
        if not (await tx.execute(taken.values(step=rise.step, step_due_at=rise.due_at))).rowcount:
            return False
        await self.ring(tx, consult_id, rise)
        await self._log.extend(tx, consult_id, rise.entries)
        return True

    async def run_due(self) -> None:
        """Start the next step of every request whose step has run out; after the last it becomes a written case."""
        async with self._database.reading() as tx:
            due = (
                await tx.execute(
                    _ASKED.where(consults.c.state == ConsultState.RINGING, consults.c.step_due_at <= await tx.now())
                    .order_by(consults.c.step_due_at)
                    .limit(BATCH)
                )
            ).all()
        alike: dict[tuple[str, str], list[Row[Any]]] = {}
        for row in due:
            urgency, step = Urgency(row.urgency), Step(row.step)
            if after_step(step) is None:
                async with self._database.transaction() as tx:
                    await self.writing.begin(tx, row.id, urgency, WrittenCause.UNANSWERED, step=step, only_due=True)
            else:
                alike.setdefault((row.requester_facility_id, row.specialty_id), []).append(row)
        for rows in alike.values():
            # One clinic's requests for one specialty look at the same people: those are read once for all of them.
            rosters = await self._rosters.read_alike([_asked(row) for row in rows])
            for row, roster in zip(rows, rosters, strict=True):
                async with self._database.transaction() as tx:
                    await self.climb(
                        tx,
                        row.id,
                        urgency=Urgency(row.urgency),
                        step=Step(row.step),
                        requester_id=row.requester_id,
                        roster=roster,
                        only_due=True,
                    )


_RUNG = offers.insert().inline()
_ASKED = select(
    consults.c.id,
    consults.c.urgency,
    consults.c.step,
    consults.c.requester_id,
    consults.c.requester_facility_id,
    consults.c.specialty_id,
    consults.c.patient_id,
)


def _asked(row: Row[Any]) -> Asked:
    return Asked(row.requester_facility_id, row.specialty_id, row.requester_id, row.patient_id)


def _rise(started: Sequence[Rung], roster: Roster, now: datetime) -> Rise:
    entries: list[tuple[LogKind, StaffId | None, Data]] = []
    for rung in started:
        told: Data = {"step": rung.step, "people": len(rung.people), "rules": roster.rules.version}
        entries.append((LogKind.STEP_STARTED, None, told))
        entries.extend(
            (
                LogKind.RUNG,
                None,
                {
                    "staff": candidate.person.staff_id,
                    "facility": candidate.person.facility_id,
                    "step": rung.step,
                    "online": roster.online(candidate.person.staff_id),
                },
            )
            for candidate in rung.people
        )
    last = started[-1]
    return Rise(last.step, now + timedelta(seconds=last.seconds), last.people, tuple(entries))
