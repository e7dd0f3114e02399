"""Reading the audit trail: what a data protection officer asks of it. Looking at it is itself on the trail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select

from foundation.audit import Audit, AuditEntry, audit_entries
from foundation.database import Database
from foundation.ids import StaffId
from identity.guard import Guard
from identity.model import Staff
from identity.policy import Action, Target, may
from identity.store import Directory
from identity.tables import staff

PAGE = 100


@dataclass(frozen=True, slots=True)
class TrailQuery:
    """Which entries: empty fields ask for nothing. `action` is a beginning, such as `book.`; `about` an opaque id."""

    user_name: str = ""
    action: str = ""
    outcome: str = ""
    about: str = ""
    before: int | None = None
    """Only entries with a smaller number: the way to the next page."""


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """One entry. `actor_name` is None for what is not a member of staff."""

    number: int
    at: datetime
    actor: str
    actor_name: str | None
    action: str
    target: str | None
    patient_id: str | None
    consult_id: str | None
    address: str | None
    outcome: str
    details: Mapping[str, str | int | bool | None]


class AuditTrail:
    """Answers with the latest entries first."""

    def __init__(self, database: Database, audit: Audit, guard: Guard, directory: Directory) -> None:
        self._database = database
        self._audit = audit
        self._guard = guard
        self._directory = directory

    async def latest(self, reader: Staff, query: TrailQuery) -> list[TrailEntry]:
        """At most `PAGE` entries that fit; an officer of one facility reads of its people's acts alone.

        Raises `Forbidden("policy.denied")`. The reading is recorded before anything is read.
        """
        own = Target(facility_id=reader.facility_id)
        await self._guard.require(reader, Action.REVIEW_AUDIT, own, act="audit.read")
        await self._audit.commit(
            AuditEntry(
                actor=reader.id,
                action="audit.read",
                details={"user_name": query.user_name, "action": query.action, "about": query.about},
            )
        )
        c = audit_entries.c
        statement = select(audit_entries).order_by(c.number.desc()).limit(PAGE)
        if not may(reader, Action.REVIEW_AUDIT):
            here = select(staff.c.id).where(staff.c.facility_id == reader.facility_id)
            statement = statement.where(c.actor.in_(here))
        if query.user_name:
            person = await self._directory.staff_by_user_name(query.user_name)
            statement = statement.where(c.actor == (person.id if person else ""))
        if query.action:
            statement = statement.where(c.action.startswith(query.action, autoescape=True))
        if query.outcome:
            statement = statement.where(c.outcome == query.outcome)
        if about := query.about:
            everywhere = (c.actor == about, c.target == about, c.patient_id == about, c.consult_id == about)
            statement = statement.where(or_(*everywhere))
        if query.before is not None:
            statement = statement.where(c.number < query.before)
        async with self._database.reading() as read:
            rows = (await read.execute(statement)).mappings().all()
            people = await self._directory.staff_many({StaffId(row[c.actor]) for row in rows}, tx=read)
        return [
            TrailEntry(
                number=row[c.number],
                at=row[c.at],
                actor=row[c.actor],
                actor_name=people[StaffId(row[c.actor])].full_name if StaffId(row[c.actor]) in people else None,
                action=row[c.action],
                target=row[c.target],
                patient_id=row[c.patient_id],
                consult_id=row[c.consult_id],
                address=row[c.address],
                outcome=row[c.outcome],
                details=row[c.details],
            )
            for row in rows
        ]
