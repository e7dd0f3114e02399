"""Who has viewed a book: every view with who, when, where and why, as the audit trail has it. Looking is a view too.

One look at a panel is many reads: they are told as one line a person, purpose and visit, which holds the single ones.
A visit is a consult; outside one it is a person's session.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, or_, select

from consult_rooms.tables import consults
from foundation.audit import Audit, AuditEntry, audit_entries
from foundation.database import Database, Transaction
from foundation.errors import TooMany
from foundation.ids import ConsultId, FacilityId, PatientId, StaffId
from foundation.sealing import Sealer
from identity.guard import Guard
from identity.model import Session, Staff
from identity.policy import Action, Target
from identity.store import Directory
from records_panel.break_glass import ACT as BROKE
from records_panel.citizens import MaskedPatient
from records_panel.grants import Decision, Purpose
from records_panel.identifiers import NumberKind, read_bhyt, read_cccd
from records_panel.register import Register
from records_panel.searches import Searches

PAGE = 20
"""Visits."""
ENOUGH = 1_000
"""Single reads after which a page ends, at the end of a visit."""
LOOKED = "book.viewers"
_BOOK = "book."
_FURTHER = ("file.read", "additions.read")
_INTERNAL = "book.consents"
"""This system asked a book's Consents; nobody saw anything."""


@dataclass(frozen=True, slots=True)
class Viewing:
    """One view. `name` is None for what is not a member of staff; unknown codes are empty."""

    number: int
    at: datetime
    name: str | None
    actor: str
    facility: str
    """Where the person worked then."""
    act: str
    """Such as `book.read`."""
    purpose: str
    ground: str
    reason: str
    """Of an emergency opening; of a refusal its code."""
    allowed: bool
    consult_code: str | None
    visit: str
    """The same for all reads of one visit."""

    @property
    def is_emergency(self) -> bool:
        """Whether it was an emergency opening, or a read by one."""
        return self.purpose == Purpose.BREAK_THE_GLASS or self.act == BROKE

    @property
    def group(self) -> tuple[object, ...]:
        """What all reads of one line have in common."""
        return self.visit, self.actor, self.facility, self.is_emergency, self.allowed


@dataclass(frozen=True, slots=True)
class ViewingGroup:
    """The reads of one person for one purpose in one visit, the latest first; never empty."""

    rows: tuple[Viewing, ...]

    @property
    def latest(self) -> Viewing:
        """The last one, which also tells what all have in common."""
        return self.rows[0]

    @property
    def first(self) -> Viewing:
        """The one with which it began."""
        return self.rows[-1]


@dataclass(frozen=True, slots=True)
class ViewingPage:
    """The latest first. `before` is the way to the next page."""

    groups: tuple[ViewingGroup, ...]
    before: int | None

    @property
    def rows(self) -> tuple[Viewing, ...]:
        """Every single read of the page, group by group."""
        return tuple(row for group in self.groups for row in group.rows)


class Viewings:
    """Reads a patient's part of the audit trail."""

    def __init__(
        self,
        database: Database,
        audit: Audit,
        guard: Guard,
        directory: Directory,
        sealer: Sealer,
        searches: Searches,
    ) -> None:
        self._database = database
        self._audit = audit
        self._guard = guard
        self._directory = directory
        self._register = Register(sealer)
        self._searches = searches

    async def beside_book(
        self,
        session: Session,
        patient_id: PatientId,
        consult_id: ConsultId | None,
        access: Decision,
        *,
        before: int | None = None,
        address: str | None = None,
    ) -> ViewingPage:
        """For somebody to whom `Panel.open_book` has just opened this book; recorded before it is read.

        `access` is by which right it is open: the look is part of the same visit, for the same purpose.
        """
        entry = _entry(session, address, patient_id)
        why: dict[str, str | int | bool | None] = {"purpose": access.purpose.value, "ground": access.ground}
        if access.glass is not None:
            why["reason"] = access.glass.reason.value
        await self._audit.commit(replace(entry, consult_id=consult_id, details=entry.details | why))
        return await self._page(patient_id, before)

    async def find(
        self, session: Session, kind: NumberKind, number: str, *, address: str | None = None
    ) -> MaskedPatient | None:
        """For a data protection officer: the one citizen of an exact number.

        Raises `Forbidden("policy.denied")`, `TooMany("patient.searches")`, `Invalid` for a number out of form.
        """
        officer = session.staff
        await self._admit(officer)
        entry = AuditEntry(officer.id, "patient.search", session.id, address, details={"by": kind.value})
        try:
            await self._searches.search(officer.id)
        except TooMany as error:
            await self._audit.commit(replace(entry, outcome="denied", details=entry.details | {"reason": error.code}))
            raise
        async with self._database.reading() as tx:
            if kind is NumberKind.CCCD:
                found = await self._register.by_cccd(tx, read_cccd(number))
            else:
                found = await self._register.by_bhyt(tx, read_bhyt(number))
        rows = 1 if found else 0
        details: dict[str, str | int | bool | None] = {"by": kind.value, "rows": rows}
        await self._audit.commit(replace(entry, patient_id=found[0] if found else None, details=details))
        return MaskedPatient.of(*found) if found else None

    async def for_officer(
        self,
        session: Session,
        patient_id: PatientId,
        *,
        before: int | None = None,
        address: str | None = None,
    ) -> tuple[MaskedPatient, ViewingPage]:
        """For a data protection officer: who it is, masked, and the views; recorded before they are read.

        Raises `Forbidden("policy.denied")`, `NotFound("patient.unknown")`.
        """
        await self._admit(session.staff, on=patient_id)
        async with self._database.reading() as tx:
            identity = await self._register.read(tx, patient_id)
        await self._audit.commit(_entry(session, address, patient_id))
        return MaskedPatient.of(patient_id, identity), await self._page(patient_id, before)

    async def _admit(self, officer: Staff, *, on: str | None = None) -> None:
        # A patient's book lists every view, wherever it was had: an officer who may ask at all is told all of it.
        own = Target(facility_id=officer.facility_id)
        await self._guard.require(officer, Action.REVIEW_AUDIT, own, act=LOOKED, on=on)

    async def _page(self, patient_id: PatientId, before: int | None) -> ViewingPage:
        c = audit_entries.c
        visit = func.coalesce(c.consult_id, c.session, c.actor)
        acts = or_(c.action.startswith(_BOOK, autoescape=True), c.action.in_(_FURTHER))
        theirs = (c.patient_id == patient_id, acts, c.action != _INTERNAL)
        latest = func.max(c.number)
        visits = (
            select(visit.label("visit"), latest.label("latest"), func.count().label("reads"))
            .where(*theirs)
            .group_by(visit)
            .order_by(latest.desc())
            .limit(PAGE + 1)
        )
        if before is not None:
            visits = visits.having(latest < before)
        async with self._database.reading() as tx:
            found = list((await tx.execute(visits)).all())
            page = _enough(found)
            shown = select(audit_entries, visit.label("visit")).where(*theirs, visit.in_([one.visit for one in page]))
            rows = list((await tx.execute(shown.order_by(c.number.desc()))).all())
            told = await self._told(tx, rows)
        groups: dict[tuple[object, ...], list[Viewing]] = {}
        for one in told:
            groups.setdefault(one.group, []).append(one)
        more = len(found) > len(page)
        return ViewingPage(
            tuple(ViewingGroup(tuple(group)) for group in groups.values()), page[-1].latest if more else None
        )

    async def _told(self, tx: Transaction, rows: list[Row[Any]]) -> list[Viewing]:
        people = await self._directory.staff_many({StaffId(row.actor) for row in rows}, tx=tx)
        places = {FacilityId(str(row.details["facility"])) for row in rows if row.details.get("facility")}
        places |= {person.facility_id for person in people.values()}
        facilities = await self._directory.facilities_many(places, tx=tx)
        ids = {row.consult_id for row in rows if row.consult_id}
        called = await tx.execute(select(consults.c.id, consults.c.code).where(consults.c.id.in_(ids)))
        codes = {row.id: row.code for row in called}
        # A permission that a Consent of the book took back showed nothing; its refusal bears the same number.
        taken_back = {row.details.get("read") for row in rows if row.outcome == "denied"} - {None}
        told = []
        for row in rows:
            if row.outcome != "denied" and row.details.get("read") in taken_back:
                continue
            person = people.get(StaffId(row.actor))
            at = row.details.get("facility") or (person and person.facility_id)
            facility = facilities.get(FacilityId(str(at)))
            told.append(
                Viewing(
                    number=row.number,
                    at=row.at,
                    name=person.full_name if person else None,
                    actor=row.actor,
                    facility=facility.name if facility else "",
                    act=row.action,
                    purpose=str(row.details.get("purpose") or ""),
                    ground=str(row.details.get("ground") or ""),
                    reason=str(row.details.get("reason") or ""),
                    allowed=row.outcome == "success",
                    consult_code=codes.get(row.consult_id),
                    visit=row.visit,
                )
            )
        return told


def _enough(visits: list[Row[Any]]) -> list[Row[Any]]:
    """At most a page of visits, and fewer when they hold many reads; the first one always."""
    page: list[Row[Any]] = []
    reads = 0
    for one in visits[:PAGE]:
        if page and reads + one.reads > ENOUGH:
            break
        page.append(one)
        reads += one.reads
    return page


def _entry(session: Session, address: str | None, patient_id: PatientId) -> AuditEntry:
    details: dict[str, str | int | bool | None] = {"facility": session.staff.facility_id}
    return AuditEntry(session.staff.id, LOOKED, session.id, address, patient_id=patient_id, details=details)
