"""Patients whom a clinic follows up over years: enrolled, checked, ended. Each act is audited with what it did."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from consult_rooms import bounds
from consult_rooms.check_intervals import intervals_of
from consult_rooms.enrolment_model import Check, Condition, EndReason, next_due
from consult_rooms.enrolment_queries import (
    PLACE,
    UNKNOWN,
    end_place,
    entry_of,
    note_place,
    require_clinic,
    row_of,
    running,
    theirs,
    today,
)
from consult_rooms.enrolment_tables import done_checks, enrolments, planned_checks
from consult_rooms.model import ConsentBy, IdentityState, Patient
from consult_rooms.store import ConsultStore
from foundation.audit import Audit
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import EnrolmentId, new_id
from identity.model import Staff

NOTE = 2_000
"""Characters of a note at most."""
PER_CLINIC = 5_000
FARTHEST = timedelta(days=366)
"""How far back a check may be entered, and how far ahead the first one may lie."""
NOT_AGREED = N_("Only who agrees, or for whom somebody agrees, is followed up.")
MANY = N_("Your clinic follows up %(most)s patients already.")
DAY = N_("This day is not possible here.")
CHANGED = N_("This check was done or moved meanwhile. Look at the page again.")
OVER = N_("This follow-up has ended.")


class Enrolments:
    """The follow-ups of clinics. Who is no doctor or nurse of the clinic that enrolled is refused everything."""

    def __init__(self, database: Database, store: ConsultStore, audit: Audit, zone: ZoneInfo) -> None:
        self._database = database
        self._store = store
        self._audit = audit
        self._zone = zone

    async def enrol(
        self,
        staff: Staff,
        patient: Patient,
        condition: Condition | str,
        agreed_by: ConsentBy | str,
        first_on: date | None = None,
    ) -> EnrolmentId:
        """Begin to follow a patient up; the first checks are planned for `first_on`, else for today. Twice is once.

        Raises Invalid `choice.unknown`, `patient.unusable`, `enrolment.not_agreed`, `day.impossible`, Conflict
        `enrolment.many`.
        """
        require_clinic(staff)
        of = bounds.code(Condition, condition, "condition")
        agreed = bounds.code(ConsentBy, agreed_by, "agreed_by")
        if agreed is ConsentBy.NOT_POSSIBLE:
            raise Invalid("enrolment.not_agreed", NOT_AGREED, field="agreed_by")
        if patient.identity is not IdentityState.ESTABLISHED or patient.patient_id is None:
            raise Invalid("patient.unusable", bounds.UNUSABLE_PATIENT, field="patient")
        kept, enrolment_id = bounds.patient(patient), EnrolmentId(new_id("enr"))
        there = running(staff.facility_id)
        same = (*there, enrolments.c.condition == of, enrolments.c.patient_id == patient.patient_id)
        try:
            async with self._database.transaction() as tx:
                day = await today(tx, self._zone)
                first = first_on or day
                if not day <= first <= day + FARTHEST:
                    raise Invalid("day.impossible", DAY, field="first_on")
                known = (await tx.execute(select(enrolments.c.id).where(*same))).scalar_one_or_none()
                if known is not None:
                    return EnrolmentId(known)
                if (await tx.execute(select(func.count()).where(*there))).scalar_one() >= PER_CLINIC:
                    raise Conflict("enrolment.many", MANY, most=PER_CLINIC)
                await tx.execute(
                    enrolments.insert().values(
                        id=enrolment_id,
                        facility_id=staff.facility_id,
                        condition=of,
                        patient_id=patient.patient_id,
                        patient_sealed=self._store.sealed_patient(enrolment_id, kept, PLACE),
                        agreed_by=agreed,
                        enrolled_by=staff.id,
                        enrolled_at=await tx.now(),
                    )
                )
                plan = [
                    {"enrolment_id": enrolment_id, "check_code": check, "due_on": first}
                    for check, months in (await intervals_of(tx, staff.facility_id, of)).items()
                    if months
                ]
                if plan:
                    await tx.execute(planned_checks.insert(), plan)
                entry = entry_of(staff, "enrolment.begin", enrolment_id, patient.patient_id)
                await self._audit.record(tx, replace(entry, details={"condition": of.value}))
        except IntegrityError:
            # Enrolled twice at once; the other was first.
            async with self._database.reading() as tx:
                known = (await tx.execute(select(enrolments.c.id).where(*same))).scalar_one_or_none()
            if known is None:
                raise
            return EnrolmentId(known)
        return enrolment_id

    async def mark(
        self, staff: Staff, enrolment_id: EnrolmentId, check: Check | str, due_on: date, done_on: date, note: str = ""
    ) -> None:
        """A check is done, and the next one planned from that day by the clinic's interval. The same again is once.

        `due_on` is the planned day that the person saw. Raises NotFound `enrolment.unknown`, Conflict
        `enrolment.over`, `check.changed`, Invalid `choice.unknown`, `day.impossible`, `text.too_long`.
        """
        what, said = bounds.code(Check, check, "check"), bounds.text(note, NOTE, "note")
        async with self._database.transaction() as tx:
            row = await self._held(tx, staff, enrolment_id)
            day = await today(tx, self._zone)
            if not day - FARTHEST <= done_on <= day:
                raise Invalid("day.impossible", DAY, field="done_on")
            newest = (
                await tx.execute(
                    select(done_checks.c.number, done_checks.c.done_on)
                    .where(done_checks.c.enrolment_id == enrolment_id, done_checks.c.check_code == what)
                    .order_by(done_checks.c.number.desc())
                    .limit(1)
                )
            ).one_or_none()
            plan = (planned_checks.c.enrolment_id == enrolment_id, planned_checks.c.check_code == what)
            months = (await intervals_of(tx, row.facility_id, Condition(row.condition))).get(what, 0)
            seen = (*plan, planned_checks.c.due_on == due_on)
            change = (
                update(planned_checks).where(*seen).values(due_on=next_due(done_on, months))
                if months
                else delete(planned_checks).where(*seen)
            )
            if not (await tx.execute(change)).rowcount:
                if newest is not None and newest.done_on == done_on:
                    return
                raise Conflict("check.changed", CHANGED)
            number = 1 if newest is None else newest.number + 1
            await tx.execute(
                done_checks.insert().values(
                    enrolment_id=enrolment_id,
                    check_code=what,
                    number=number,
                    done_on=done_on,
                    note_sealed=self._store.sealer.seal_text(said, note_place(enrolment_id, what, number)),
                    staff_id=staff.id,
                    at=await tx.now(),
                )
            )
            entry = entry_of(staff, "enrolment.check", enrolment_id, row.patient_id)
            await self._audit.record(tx, replace(entry, details={"check": what.value, "number": number}))

    async def move(self, staff: Staff, enrolment_id: EnrolmentId, check: Check | str, due_on: date, to: date) -> None:
        """Plan a check for another day, today at the earliest. The same again is once. Raises as `mark`."""
        what = bounds.code(Check, check, "check")
        async with self._database.transaction() as tx:
            row = await self._held(tx, staff, enrolment_id)
            day = await today(tx, self._zone)
            if not day <= to <= day + FARTHEST:
                raise Invalid("day.impossible", DAY, field="to")
            plan = (planned_checks.c.enrolment_id == enrolment_id, planned_checks.c.check_code == what)
            planned = (await tx.execute(select(planned_checks.c.due_on).where(*plan))).scalar_one_or_none()
            if planned == to:
                return
            if planned != due_on:
                raise Conflict("check.changed", CHANGED)
            await tx.execute(update(planned_checks).where(*plan).values(due_on=to))
            entry = entry_of(staff, "enrolment.move", enrolment_id, row.patient_id)
            await self._audit.record(tx, replace(entry, details={"check": what.value, "to": to.isoformat()}))

    async def end(self, staff: Staff, enrolment_id: EnrolmentId, reason: EndReason | str, note: str = "") -> None:
        """Follow the patient up no longer. Twice is once. Raises NotFound `enrolment.unknown`, Invalid as `mark`."""
        why, said = bounds.code(EndReason, reason, "reason"), bounds.text(note, NOTE, "note")
        async with self._database.transaction() as tx:
            try:
                row = await self._held(tx, staff, enrolment_id)
            except Conflict:
                return
            await tx.execute(
                update(enrolments)
                .where(enrolments.c.id == enrolment_id)
                .values(
                    ended_at=await tx.now(),
                    ended_by=staff.id,
                    end_reason=why,
                    end_note_sealed=self._store.sealer.seal_text(said, end_place(enrolment_id)),
                )
            )
            await tx.execute(delete(planned_checks).where(planned_checks.c.enrolment_id == enrolment_id))
            entry = entry_of(staff, "enrolment.end", enrolment_id, row.patient_id)
            await self._audit.record(tx, replace(entry, details={"reason": why.value}))

    async def _held(self, tx: Transaction, staff: Staff, enrolment_id: EnrolmentId) -> Row[Any]:
        """The running follow-up, locked. Raises as `mark`."""
        # A write of nothing new: it locks the row on both stores.
        lock = update(enrolments).where(enrolments.c.id == enrolment_id).values(condition=enrolments.c.condition)
        await tx.execute(lock)
        row = await row_of(tx, enrolment_id)
        if row is None or not theirs(staff, row.facility_id):
            raise NotFound("enrolment.unknown", UNKNOWN)
        if row.ended_at is not None:
            raise Conflict("enrolment.over", OVER)
        return row
