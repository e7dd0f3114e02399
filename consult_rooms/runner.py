"""Runs the ladder: starts the next step of a request when its time has come. Any node may, and none does it twice.

A due step is a row whose `step_due_at` has passed by the store's own time. It is taken by a compare-and-set on the step
that runs, so of two nodes one starts the next step and the other finds nothing left to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from consult_rooms.ladder import Person, Roster, Rung, Snapshot, after_step, next_step
from consult_rooms.log import ConsultLog, Data
from consult_rooms.model import ConsultState, LogKind, OfferState, Step, Urgency
from consult_rooms.presence import Presence
from consult_rooms.rota import Rota
from consult_rooms.store import UNKNOWN
from consult_rooms.tables import consults, offers
from foundation.database import Database, Transaction
from foundation.errors import NotFound, Unavailable
from foundation.ids import ConsultId, FacilityId, SpecialtyId, StaffId
from identity.store import Directory

BATCH = 200
"""Due requests that one call of `run_due` takes on at most."""


@dataclass(frozen=True, slots=True)
class Rise:
    """What the start of a step writes: the step, its deadline (None: none), whom it adds, its log entries."""

    step: Step
    due_at: datetime | None
    people: tuple[Person, ...]
    entries: tuple[tuple[LogKind, StaffId | None, Data], ...]


class LadderRunner:
    """Starts steps. `seconds` is how long a step rings, by urgency."""

    def __init__(
        self,
        database: Database,
        log: ConsultLog,
        directory: Directory,
        rota: Rota,
        presence: Presence,
        seconds: Mapping[Urgency, float],
    ) -> None:
        self._database = database
        self._log = log
        self._directory = directory
        self._rota = rota
        self._presence = presence
        self.seconds = dict(seconds)

    async def roster(self, facility_id: FacilityId, specialty_id: SpecialtyId) -> Roster:
        """Who could be rung now for that facility. Reads on its own, so call it before the writing transaction."""
        on_call = await self._rota.on_call_for(facility_id, specialty_id)
        of_specialty, coordinators = await self._directory.to_ring(facility_id, specialty_id)
        people = {
            Step.ON_CALL: tuple(on_call),
            Step.SPECIALTY: tuple(Person(staff.id, staff.facility_id) for staff in of_specialty),
            Step.COORDINATOR: tuple(Person(staff.id, staff.facility_id) for staff in coordinators),
        }
        everybody = {person.staff_id for step in people.values() for person in step}
        try:
            online = frozenset(await self._presence.online(everybody))
        except Unavailable:
            # Who is signed in is good to know; a request rings without it.
            return Roster(people)
        return Roster(people, online)

    async def roster_of(self, consult_id: ConsultId) -> Roster:
        """Who could be rung now for that consult. Raises NotFound("consult.unknown")."""
        async with self._database.reading() as tx:
            asked = select(consults.c.requester_facility_id, consults.c.specialty_id).where(consults.c.id == consult_id)
            row = (await tx.execute(asked)).one_or_none()
        if row is None:
            raise NotFound("consult.unknown", UNKNOWN)
        return await self.roster(row.requester_facility_id, row.specialty_id)

    async def seconds_of(self, _tx: Transaction, urgency: Urgency, step: Step) -> float | None:
        """How long that step rings; None: until somebody takes the case."""
        return None if after_step(step) is None else self.seconds[urgency]

    def first(self, urgency: Urgency, requester_id: StaffId, roster: Roster, now: datetime) -> Rise:
        """What the first step of a new request writes."""
        return self._rise(
            next_step(Snapshot(urgency, None, requester_id, roster, frozenset()), self.seconds), roster, now
        )

    def _rise(self, started: Sequence[Rung], roster: Roster, now: datetime) -> Rise:
        online = roster.online
        entries: list[tuple[LogKind, StaffId | None, Data]] = []
        for rung in started:
            entries.append((LogKind.STEP_STARTED, None, {"step": rung.step, "people": len(rung.people)}))
            entries.extend(
                (
                    LogKind.RUNG,
                    None,
                    {
                        "staff": person.staff_id,
                        "facility": person.facility_id,
                        "step": rung.step,
                        "online": None if online is None else person.staff_id in online,
                    },
                )
                for person in rung.people
            )
        last = started[-1]
        due_at = None if last.seconds is None else now + timedelta(seconds=last.seconds)
        return Rise(last.step, due_at, last.people, tuple(entries))

    async def ring(self, tx: Transaction, consult_id: ConsultId, rise: Rise) -> None:
        """Write the offers of a step; the caller writes its state and its log entries."""
        if rise.people:
            now = await tx.now()
            await tx.execute(
                offers.insert(),
                [
                    {
                        "consult_id": consult_id,
                        "staff_id": person.staff_id,
                        "facility_id": person.facility_id,
                        "step": rise.step,
                        "state": OfferState.RINGING,
                        "rung_at": now,
                    }
                    for person in rise.people
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
        started = next_step(Snapshot(urgency, step, requester_id, roster, rung), self.seconds)
        if not started:
            return False
        rise = self._rise(started, roster, now)
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
        """Start the next step of every request whose step has run out."""
        async with self._database.reading() as tx:
            due = (
                await tx.execute(
                    select(
                        consults.c.id,
                        consults.c.urgency,
                        consults.c.step,
                        consults.c.requester_id,
                        consults.c.requester_facility_id,
                        consults.c.specialty_id,
                    )
                    .where(consults.c.state == ConsultState.RINGING, consults.c.step_due_at <= await tx.now())
                    .order_by(consults.c.step_due_at)
                    .limit(BATCH)
                )
            ).all()
        rosters: dict[tuple[FacilityId, SpecialtyId], Roster] = {}
        for row in due:
            asked = (row.requester_facility_id, row.specialty_id)
            if asked not in rosters:
                rosters[asked] = await self.roster(*asked)
            async with self._database.transaction() as tx:
                await self.climb(
                    tx,
                    row.id,
                    urgency=Urgency(row.urgency),
                    step=Step(row.step),
                    requester_id=row.requester_id,
                    roster=rosters[asked],
                    only_due=True,
                )
