"""What the ladder would do: for a request that waits, and as a dry run that rings nobody.

Both ask the functions by which it really rings. A dry run writes nothing but the audit, and that before it answers: it
tells who is at hand at which hospital, and with a case's code who answered that patient.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import select

from consult_rooms.candidates import Why, place
from consult_rooms.ladder import Rung, Snapshot, whole
from consult_rooms.ladder_rules import Condition, Rules
from consult_rooms.model import Consult, Step, Urgency
from consult_rooms.roster import Asked, Rosters
from consult_rooms.tables import consults
from foundation.audit import Audit, AuditEntry
from foundation.database import Database
from foundation.errors import Forbidden, Invalid
from foundation.i18n import N_
from foundation.ids import FacilityId, PatientId, SpecialtyId, StaffId
from identity.model import Facility, Staff
from identity.policy import Action, Target, may
from identity.store import Directory

NOBODY = StaffId("")
"""Who asks in a dry run: no one whom the ladder would have to leave out."""
UNKNOWN_CASE = N_("There is no case of this code at this clinic.")
DENIED = N_("Only administrators and the coordinators in charge of a clinic try its ladder.")


@dataclass(frozen=True, slots=True)
class Called:
    """Somebody whom a step would ring, and why, in that order."""

    name: str
    facility: str
    why: tuple[Why, ...]
    behind: tuple[Condition, ...]
    online: bool | None
    load: int


@dataclass(frozen=True, slots=True)
class TriedStep:
    """A step of the dry run; `starts_s` is the seconds from the request to its start."""

    step: Step
    starts_s: float
    seconds: float
    people: tuple[Called, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Somebody who would not be rung, and what speaks against it."""

    name: str
    facility: str
    reasons: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """The ladder of a request that nobody made."""

    steps: tuple[TriedStep, ...]
    left_out: tuple[LeftOut, ...]
    rules: Rules
    total_s: float
    """After which the request would be a written case."""


class Forecast:
    """Looks ahead."""

    def __init__(self, database: Database, rosters: Rosters, directory: Directory, audit: Audit) -> None:
        self._database = database
        self._rosters = rosters
        self._directory = directory
        self._audit = audit

    async def to_come(self, consult: Consult, rung: Collection[StaffId]) -> tuple[tuple[Rung, ...], Rules]:
        """The steps that follow if nobody answers, and the rules that hold. The caller has decided who may see it."""
        roster = await self._rosters.read(
            Asked(consult.requester_facility_id, consult.specialty_id, consult.requester_id, consult.patient.patient_id)
        )
        snapshot = Snapshot(consult.urgency, consult.step, consult.requester_id, roster, frozenset(rung))
        return whole(snapshot), roster.rules

    async def clinics(self, actor: Staff) -> list[Facility]:
        """The facilities whose ladder this person may try, by name."""
        if may(actor, Action.ADMINISTER_ALL):
            return await self._directory.facilities()
        if not may(actor, Action.COORDINATE) and not may(
            actor, Action.ADMINISTER_FACILITY, Target(facility_id=actor.facility_id)
        ):
            return []
        own = await self._directory.facility(actor.facility_id)
        return [own, *await self._directory.spokes_of(own.id)] if may(actor, Action.COORDINATE) else [own]

    async def try_out(
        self, actor: Staff, clinic_id: FacilityId, specialty_id: SpecialtyId, urgency: Urgency, case_code: str = ""
    ) -> Trial:
        """Who would be rung now. `case_code` is that of an earlier case of the patient at that clinic.

        Raises Forbidden, Invalid `dry_run.case`, NotFound for an unknown clinic or specialty.
        """
        await self._require(actor, clinic_id)
        patient_id = await self._patient(clinic_id, case_code) if case_code else None
        roster = await self._rosters.read(Asked(clinic_id, specialty_id, patient_id=patient_id))
        await self._audit.commit(
            AuditEntry(
                actor=actor.id,
                action="ladder.dry_run",
                target=clinic_id,
                patient_id=patient_id,
                details={"specialty": specialty_id, "urgency": urgency.value, "rules": roster.rules.version},
            )
        )
        rungs = whole(Snapshot(urgency, None, NOBODY, roster, frozenset()))
        excluded = place(roster, urgency, NOBODY).excluded
        facts = {fact.person: fact for fact in roster.facts}
        people, facilities = await self._directory.acquainted(
            (fact.person.staff_id for fact in roster.facts), {fact.person.facility_id for fact in roster.facts}
        )
        steps, starts = [], 0.0
        for rung in rungs:
            called = tuple(
                Called(
                    name=people[one.person.staff_id].full_name,
                    facility=facilities[one.person.facility_id].name,
                    why=one.why,
                    behind=one.behind,
                    online=facts[one.person].online,
                    load=facts[one.person].load,
                )
                for one in rung.people
            )
            steps.append(TriedStep(rung.step, starts, rung.seconds, called))
            starts += rung.seconds
        return Trial(
            steps=tuple(steps),
            left_out=tuple(
                LeftOut(people[one.person.staff_id].full_name, facilities[one.person.facility_id].name, one.reasons)
                for one in excluded
            ),
            rules=roster.rules,
            total_s=starts,
        )

    async def _require(self, actor: Staff, clinic_id: FacilityId) -> None:
        await self._directory.facility(clinic_id)
        hubs = frozenset(hub.id for hub in await self._directory.hubs_of(clinic_id))
        there = Target(facility_id=clinic_id, hub_ids=hubs)
        if may(actor, Action.COORDINATE, there) or may(actor, Action.ADMINISTER_FACILITY, there):
            return
        await self._audit.commit(
            AuditEntry(actor=actor.id, action="ladder.dry_run", target=clinic_id, outcome="denied")
        )
        raise Forbidden("dry_run.denied", DENIED)

    async def _patient(self, clinic_id: FacilityId, case_code: str) -> PatientId | None:
        async with self._database.reading() as tx:
            query = select(consults.c.patient_id).where(
                consults.c.code == case_code.strip().upper(), consults.c.requester_facility_id == clinic_id
            )
            found: Mapping[str, str | None] | None = (await tx.execute(query)).mappings().one_or_none()
        if found is None:
            raise Invalid("dry_run.case", UNKNOWN_CASE, field="case_code")
        return None if found["patient_id"] is None else PatientId(found["patient_id"])
