"""The data protection officers' side of emergency openings: what awaits review, the words, the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select, update

from consult_rooms.tables import consults
from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Forbidden, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import FacilityId, GlassId, StaffId
from foundation.sealing import Sealer
from foundation.text import clean_text
from identity.guard import Guard
from identity.model import Staff
from identity.oversight import oversees
from identity.policy import Action, Target
from identity.store import Directory
from records_panel.break_glass import words_place
from records_panel.glass import Glass, Verdict
from records_panel.glasses import GLASS_COLUMNS, glass_of
from records_panel.tables import break_glass

PAGE = 50
MOST_NOTE = 2000
LEAST_NOTE = 10
ACT = "glass.review"


@dataclass(frozen=True, slots=True)
class GlassRow:
    """One opening in an officer's list; what was written stands on its own page alone."""

    glass: Glass
    person_name: str
    facility_name: str
    asking_facility_id: FacilityId
    consult_code: str | None
    """None: outside any consult."""
    reviewed_at: datetime | None
    reviewer_name: str | None
    verdict: Verdict | None

    def overdue(self, now: datetime) -> bool:
        """Whether it should have been reviewed by now."""
        return self.reviewed_at is None and now >= self.glass.due_at


@dataclass(frozen=True, slots=True)
class GlassCase:
    """One opening whole: with the words of the person, and the officer's note."""

    row: GlassRow
    words: str
    note: str


class GlassReviews:
    """Lists, shows and settles openings, within an officer's reach: the own facility on either side, or all."""

    def __init__(self, database: Database, audit: Audit, guard: Guard, directory: Directory, sealer: Sealer) -> None:
        self._database = database
        self._audit = audit
        self._guard = guard
        self._directory = directory
        self._sealer = sealer

    async def waiting(self, officer: Staff) -> list[GlassRow]:
        """What awaits review, the most urgent first; at most `PAGE`. Raises `Forbidden("policy.denied")`."""
        query = _query().where(break_glass.c.reviewed_at.is_(None)).order_by(break_glass.c.due_at, break_glass.c.id)
        return await self._listed(officer, query)

    async def count(self, officer: Staff) -> int:
        """How many await this officer's review, however many `waiting` lists. Raises `Forbidden("policy.denied")`."""
        await self._admit(officer, "glass.list")
        query = select(func.count()).select_from(break_glass).where(break_glass.c.reviewed_at.is_(None))
        async with self._database.reading() as tx:
            return int((await tx.execute(_within(officer, query))).scalar_one())

    async def settled(self, officer: Staff, before: datetime | None = None) -> list[GlassRow]:
        """What was reviewed, the latest first; `before` is the time of the last one on the page before."""
        reviewed = break_glass.c.reviewed_at
        query = _query().where(reviewed.is_not(None)).order_by(reviewed.desc(), break_glass.c.id)
        return await self._listed(officer, query if before is None else query.where(reviewed < before))

    async def case(self, officer: Staff, glass_id: GlassId) -> GlassCase:
        """One opening with its words, which is recorded. Raises `Forbidden`, `NotFound("glass.unknown")`."""
        await self._admit(officer, "glass.read", glass_id)
        async with self._database.reading() as tx:
            row, words, note = await self._one(tx, officer, glass_id)
        await self._audit.commit(AuditEntry(officer.id, "glass.read", target=glass_id, consult_id=row.glass.consult_id))
        return GlassCase(
            row,
            self._sealer.open_text(words, words_place(glass_id)),
            "" if note is None else self._sealer.open_text(note, _note_place(glass_id)),
        )

    async def review(self, officer: Staff, glass_id: GlassId, verdict: Verdict, note: str) -> None:
        """Record the officer's decision, once and for all.

        Raises `Invalid("glass.note")` when a refusal is not explained, `Forbidden("glass.own")` for the officer's own
        opening, `Conflict("glass.reviewed")` when somebody was first, `NotFound("glass.unknown")`.
        """
        await self._admit(officer, ACT, glass_id)
        note = clean_text(note)
        if len(note) > MOST_NOTE or (verdict is Verdict.UNJUSTIFIED and len(note) < LEAST_NOTE):
            raise Invalid("glass.note", NOTE, field="note", least=LEAST_NOTE, most=MOST_NOTE)
        async with self._database.reading() as tx:
            row, _, _ = await self._one(tx, officer, glass_id)
        glass = row.glass
        entry = AuditEntry(
            officer.id,
            ACT,
            target=glass_id,
            patient_id=glass.patient_id,
            consult_id=glass.consult_id,
            details={"verdict": verdict.value},
        )
        if glass.staff_id == officer.id:
            await self._audit.commit(AuditEntry(officer.id, ACT, target=glass_id, outcome="denied"))
            raise Forbidden("glass.own", OWN)
        async with self._database.transaction() as tx:
            c = break_glass.c
            settled = await tx.execute(
                update(break_glass)
                .where(c.id == glass_id, c.reviewed_at.is_(None))
                .values(
                    reviewed_at=await tx.now(),
                    reviewer_id=officer.id,
                    verdict=verdict,
                    note=self._sealer.seal_text(note, _note_place(glass_id)) if note else None,
                )
            )
            if not settled.rowcount:
                raise Conflict("glass.reviewed", REVIEWED)
            await self._audit.record(tx, entry)

    async def _admit(self, officer: Staff, act: str, glass_id: GlassId | None = None) -> None:
        own = Target(facility_id=officer.facility_id)
        await self._guard.require(officer, Action.REVIEW_AUDIT, own, act=act, on=glass_id)

    async def _listed(self, officer: Staff, query: Select[Any]) -> list[GlassRow]:
        await self._admit(officer, "glass.list")
        async with self._database.reading() as tx:
            rows = (await tx.execute(_within(officer, query).limit(PAGE))).mappings().all()
            return await self._named(tx, rows)

    async def _one(self, tx: Transaction, officer: Staff, glass_id: GlassId) -> tuple[GlassRow, bytes, bytes | None]:
        rows = (await tx.execute(_query().where(break_glass.c.id == glass_id))).mappings().all()
        named = await self._named(tx, rows)
        if not named or not oversees(officer, {named[0].glass.facility_id, named[0].asking_facility_id}):
            raise NotFound("glass.unknown", UNKNOWN)
        return named[0], rows[0][break_glass.c.words], rows[0][break_glass.c.note]

    async def _named(self, tx: Transaction, rows: Any) -> list[GlassRow]:
        c = break_glass.c
        people = {StaffId(row[key]) for row in rows for key in (c.staff_id, c.reviewer_id) if row[key] is not None}
        where = {FacilityId(row[c.facility_id]) for row in rows}
        known, places = await self._directory.acquainted(people, where, tx=tx)
        return [
            GlassRow(
                glass=glass_of(row),
                person_name=known[StaffId(row[c.staff_id])].full_name,
                facility_name=places[FacilityId(row[c.facility_id])].name,
                asking_facility_id=FacilityId(row[c.asking_facility_id]),
                consult_code=row[consults.c.code],
                reviewed_at=row[c.reviewed_at],
                reviewer_name=known[StaffId(row[c.reviewer_id])].full_name if row[c.reviewer_id] else None,
                verdict=Verdict(row[c.verdict]) if row[c.verdict] else None,
            )
            for row in rows
        ]


def _within(officer: Staff, query: Select[Any]) -> Select[Any]:
    """What is within this officer's reach."""
    c = break_glass.c
    if officer.installation_wide:
        return query
    return query.where(or_(c.facility_id == officer.facility_id, c.asking_facility_id == officer.facility_id))


def _query() -> Select[Any]:
    c = break_glass.c
    further = (c.asking_facility_id, c.words, c.note, c.reviewed_at, c.reviewer_id, c.verdict, consults.c.code)
    return select(*GLASS_COLUMNS, *further).outerjoin(consults, consults.c.id == c.consult_id)


def _note_place(glass_id: GlassId) -> str:
    return f"break_glass.note:{glass_id}"


UNKNOWN = N_("There is no such emergency opening.")
OWN = N_("Nobody reviews what they opened themselves. Leave it to another officer.")
REVIEWED = N_("Another officer has reviewed this already.")
NOTE = N_("Say why in %(least)s to %(most)s characters.")
