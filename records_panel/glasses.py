"""Emergency openings as stored: which one holds for a person and a patient now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, exists, select

from foundation.database import STORE_TIME, Transaction
from foundation.ids import ConsultId, FacilityId, GlassId, PatientId, StaffId
from records_panel.glass import Glass, GlassReason
from records_panel.tables import break_glass

GLASS_COLUMNS = tuple(
    break_glass.c[name]
    for name in ("id", "staff_id", "patient_id", "consult_id", "facility_id", "reason", "at", "until", "due_at")
)


async def holding(tx: Transaction, staff_id: StaffId, patient_id: PatientId | None, now: datetime) -> Glass | None:
    """The opening that holds now; of several the one that opens most, then the newest."""
    if patient_id is None:
        return None
    c = break_glass.c
    query = select(*GLASS_COLUMNS).where(c.staff_id == staff_id, c.patient_id == patient_id, c.until > now, c.at <= now)
    found = [glass_of(row) for row in (await tx.execute(query)).mappings()]
    return max(found, key=lambda glass: (glass.reason.opens_restricted, glass.at), default=None)


async def outside_patient(tx: Transaction, staff_id: StaffId, glass_id: GlassId) -> PatientId | None:
    """Whose book this person opened by it outside any consult, however long ago."""
    c = break_glass.c
    query = select(c.patient_id).where(c.id == glass_id, c.staff_id == staff_id, c.consult_id.is_(None))
    found = (await tx.execute(query)).scalar_one_or_none()
    return None if found is None else PatientId(found)


def glass_holds(patient_id: ColumnElement[str | None]) -> ColumnElement[bool]:
    """To be selected with `bindparam("person_id")`: whether `holding` would find one now."""
    c = break_glass.c
    mine = (c.staff_id == bindparam("person_id"), c.patient_id == patient_id)
    return exists().where(*mine, c.until > STORE_TIME.element, c.at <= STORE_TIME.element).label("glass_holds")


def glass_of(row: Mapping[Any, Any]) -> Glass:
    """A row that holds `GLASS_COLUMNS`."""
    c = break_glass.c
    return Glass(
        id=GlassId(row[c.id]),
        staff_id=StaffId(row[c.staff_id]),
        patient_id=PatientId(row[c.patient_id]),
        consult_id=None if row[c.consult_id] is None else ConsultId(row[c.consult_id]),
        facility_id=FacilityId(row[c.facility_id]),
        reason=GlassReason(row[c.reason]),
        at=row[c.at],
        until=row[c.until],
        due_at=row[c.due_at],
    )
