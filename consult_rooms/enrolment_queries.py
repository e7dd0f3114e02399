"""Reading who is followed up at a clinic: the list by what is overdue, one patient, and counts without names.

Only people who request consults at the clinic that enrolled see who is enrolled; coordinators count. The list holds
names and days, and every look at it or into one follow-up is audited before it leaves. Days are those of the
installation's zone by the store's time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, case, func, select

from consult_rooms.enrolment_model import (
    Check,
    ClinicCount,
    Condition,
    Done,
    EndReason,
    Enrolment,
    EnrolmentRow,
    Planned,
)
from consult_rooms.enrolment_tables import done_checks, enrolments, planned_checks
from consult_rooms.model import ConsentBy, ConsultState, Patient
from consult_rooms.store import ConsultStore
from consult_rooms.tables import consults, participants
from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.errors import NotFound
from foundation.i18n import N_
from foundation.ids import ConsultId, EnrolmentId, FacilityId
from identity.model import Session, Staff
from identity.policy import Action, Target, may, require
from identity.store import Directory

PLACE = "enrolments.patient"
ROWS = 100
"""Lines of a page of the list."""
DONE_SHOWN = 200
UNKNOWN = N_("There is no such follow-up at your clinic.")


class EnrolmentQueries:
    """Asked by the pages."""

    def __init__(
        self, database: Database, store: ConsultStore, directory: Directory, audit: Audit, zone: ZoneInfo
    ) -> None:
        self._database = database
        self._store = store
        self._directory = directory
        self._audit = audit
        self._zone = zone

    async def listed(
        self,
        staff: Staff,
        *,
        overdue_only: bool = False,
        condition: Condition | None = None,
        page: int = 0,
        session: Session | None = None,
        address: str | None = None,
    ) -> tuple[list[EnrolmentRow], bool]:
        """A page of the clinic's follow-ups, the longest overdue first, and whether more follow. Audited."""
        require_clinic(staff)
        due = func.min(planned_checks.c.due_on).label("due")
        query = (
            select(enrolments, due)
            .outerjoin(planned_checks, planned_checks.c.enrolment_id == enrolments.c.id)
            .where(*running(staff.facility_id))
            .group_by(enrolments.c.id)
            # Without a planned check last, on both stores.
            .order_by(case((due.is_(None), 1), else_=0), due, enrolments.c.id)
            .limit(ROWS + 1)
            .offset(page * ROWS)
        )
        if condition is not None:
            query = query.where(enrolments.c.condition == condition)
        async with self._database.reading() as tx:
            if overdue_only:
                query = query.having(due < await today(tx, self._zone))
            rows = (await tx.execute(query)).all()
            shown = rows[:ROWS]
            plans = await self._plans(tx, [row.id for row in shown])
        entry = AuditEntry(
            staff.id, "enrolment.list", session.id if session else None, address, target=staff.facility_id
        )
        await self._audit.commit(replace(entry, details={"rows": len(shown), "overdue": overdue_only, "page": page}))
        found = [
            EnrolmentRow(row.id, Condition(row.condition), self._patient(row), plans.get(row.id, ())) for row in shown
        ]
        return found, len(rows) > ROWS

    async def counts(self, staff: Staff) -> list[ClinicCount]:
        """How many each clinic follows up and with how many something is overdue: for a coordinator, without names.

        Of the own facility and of the clinics for which it consults; those that follow up nobody are left out.
        """
        require(staff, Action.COORDINATE)
        own = await self._directory.facility(staff.facility_id)
        places = {one.id: one.name for one in (own, *await self._directory.spokes_of(own.id))}
        async with self._database.reading() as tx:
            late = (
                select(planned_checks.c.enrolment_id)
                .where(planned_checks.c.due_on < await today(tx, self._zone))
                .distinct()
                .subquery()
            )
            query = (
                select(enrolments.c.facility_id, func.count().label("enrolled"), func.count(late.c.enrolment_id))
                .outerjoin(late, late.c.enrolment_id == enrolments.c.id)
                .where(enrolments.c.facility_id.in_(places), enrolments.c.ended_at.is_(None))
                .group_by(enrolments.c.facility_id)
            )
            told = {place: (enrolled, overdue) for place, enrolled, overdue in await tx.execute(query)}
        return [ClinicCount(name, *told[place]) for place, name in places.items() if place in told]

    async def open(
        self, staff: Staff, enrolment_id: EnrolmentId, *, session: Session | None = None, address: str | None = None
    ) -> Enrolment:
        """One patient's follow-up, audited before it leaves. Raises NotFound `enrolment.unknown`, audited too."""
        async with self._database.reading() as tx:
            row = await row_of(tx, enrolment_id)
            found = None
            if row is not None and theirs(staff, row.facility_id):
                found = await self._whole(tx, row)
        entry = entry_of(staff, "enrolment.read", enrolment_id, found.patient.patient_id if found else None)
        entry = replace(entry, session=session.id if session else None, address=address)
        if found is None:
            await self._audit.commit(replace(entry, outcome="denied"))
            raise NotFound("enrolment.unknown", UNKNOWN)
        await self._audit.commit(entry)
        return found

    async def consults(self, staff: Staff, enrolment: Enrolment, *, most: int = 5) -> list[ConsultId]:
        """The person's own consults about this patient, the newest first: through them the book may be open."""
        query = (
            select(consults.c.id)
            .join(participants, participants.c.consult_id == consults.c.id)
            .where(
                consults.c.patient_id == enrolment.patient.patient_id,
                participants.c.staff_id == staff.id,
                consults.c.state != ConsultState.CANCELLED,
            )
            .order_by(consults.c.created_at.desc())
            .limit(most)
        )
        async with self._database.reading() as tx:
            return [ConsultId(one) for one in (await tx.execute(query)).scalars()]

    async def _whole(self, tx: Transaction, row: Row[Any]) -> Enrolment:
        query = select(done_checks).where(done_checks.c.enrolment_id == row.id)
        newest = (done_checks.c.done_on.desc(), done_checks.c.at.desc(), done_checks.c.check_code)
        done = (await tx.execute(query.order_by(*newest).limit(DONE_SHOWN))).all()
        last = select(func.max(consults.c.ended_at)).where(
            consults.c.patient_id == row.patient_id, consults.c.requester_facility_id == row.facility_id
        )
        names = await self._directory.staff_many({row.enrolled_by, *(one.staff_id for one in done)}, tx=tx)
        seal = self._store.sealer
        return Enrolment(
            id=row.id,
            facility_id=row.facility_id,
            condition=Condition(row.condition),
            patient=self._patient(row),
            agreed_by=ConsentBy(row.agreed_by),
            enrolled_at=row.enrolled_at,
            enrolled_by=names[row.enrolled_by].full_name,
            planned=(await self._plans(tx, [row.id])).get(row.id, ()),
            done=tuple(
                Done(
                    Check(one.check_code),
                    one.number,
                    one.done_on,
                    seal.open_text(one.note_sealed, note_place(row.id, one.check_code, one.number)),
                    names[one.staff_id].full_name,
                )
                for one in done
            ),
            ended_at=row.ended_at,
            end_reason=EndReason(row.end_reason) if row.end_reason else None,
            end_note=seal.open_text(row.end_note_sealed, end_place(row.id)) if row.end_note_sealed else "",
            last_consult_at=(await tx.execute(last)).scalar_one(),
        )

    async def _plans(self, tx: Transaction, ids: Iterable[str]) -> dict[EnrolmentId, tuple[Planned, ...]]:
        query = select(planned_checks).where(planned_checks.c.enrolment_id.in_(list(ids)))
        found: dict[EnrolmentId, tuple[Planned, ...]] = {}
        for row in await tx.execute(query.order_by(planned_checks.c.due_on, planned_checks.c.check_code)):
            found[row.enrolment_id] = (*found.get(row.enrolment_id, ()), Planned(Check(row.check_code), row.due_on))
        return found

    def _patient(self, row: Row[Any]) -> Patient:
        return self._store.opened_patient(row.id, row.patient_sealed, PLACE)


async def today(tx: Transaction, zone: ZoneInfo) -> date:
    """The store's day in the installation's zone."""
    return (await tx.now()).astimezone(zone).date()


async def row_of(tx: Transaction, enrolment_id: EnrolmentId) -> Row[Any] | None:
    """The stored follow-up."""
    found: Row[Any] | None = (await tx.execute(select(enrolments).where(enrolments.c.id == enrolment_id))).one_or_none()
    return found


def require_clinic(staff: Staff) -> None:
    """Raise Forbidden for who does not request consults for a clinic."""
    require(staff, Action.REQUEST_CONSULT, Target(facility_id=staff.facility_id))


def theirs(staff: Staff, facility_id: FacilityId) -> bool:
    """Whether this is one of the people of the clinic that enrolled."""
    return may(staff, Action.REQUEST_CONSULT) and staff.facility_id == facility_id


def running(facility_id: FacilityId) -> tuple[ColumnElement[bool], ...]:
    """The follow-ups of a clinic that have not ended."""
    return enrolments.c.facility_id == facility_id, enrolments.c.ended_at.is_(None)


def entry_of(staff: Staff, action: str, enrolment_id: EnrolmentId, patient_id: str | None) -> AuditEntry:
    """An entry of the trail about one follow-up."""
    # What an address holds is no id until a row answers to it; more than fits is cut.
    return AuditEntry(staff.id, action, target=enrolment_id[:64], patient_id=patient_id)


def note_place(enrolment_id: str, check: str, number: int) -> str:
    """Where a note says that it stands (`Sealer.seal`)."""
    return f"done_checks.note:{enrolment_id}:{check}:{number}"


def end_place(enrolment_id: str) -> str:
    """Where the note on the end says that it stands."""
    return f"enrolments.end_note:{enrolment_id}"
