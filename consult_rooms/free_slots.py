"""The next free slots: of a field, at the hospitals that consult for a clinic, of a level, of one specialist first."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, and_, select

from consult_rooms import calendar, holds
from consult_rooms.appointment import Slot
from consult_rooms.bookings import slot_of
from consult_rooms.busy_units import attended
from consult_rooms.tables import quarter_units, slots
from foundation.database import Transaction
from foundation.ids import FacilityId, SpecialtyId, StaffId
from identity.tables import facilities

NEXT = 10
"""Slots that one look gives, unless told otherwise."""


def free(now: datetime, holder: str | None = None) -> ColumnElement[bool]:
    """That a slot can be booked, by `holder` at least, and its specialist is neither busy elsewhere nor on leave."""
    return and_(
        slots.c.appointment_id.is_(None),
        slots.c.withdrawn_at.is_(None),
        slots.c.starts_at > now,
        holds.unheld(now, holder),
        attended(),
    )


async def nearest(
    tx: Transaction,
    specialty_id: SpecialtyId,
    hospitals: Collection[FacilityId],
    now: datetime,
    *,
    level: str | None = None,
    specialist_id: StaffId | None = None,
    same: bool = True,
    holder: str | None = None,
    limit: int = NEXT,
) -> list[Slot]:
    """The next free slots at these hospitals, the soonest first; `same`: of this specialist alone, else of all others.

    `level` is the hospital's technical one; what is kept for `holder` is free to them.
    """
    query = (
        select(slots)
        .where(slots.c.specialty_id == specialty_id, slots.c.facility_id.in_(list(hospitals)), free(now, holder))
        .order_by(slots.c.starts_at, slots.c.id)
        .limit(limit)
    )
    if level is not None:
        query = query.join(facilities, facilities.c.id == slots.c.facility_id).where(
            facilities.c.technical_level == level
        )
    if specialist_id is not None:
        mine = slots.c.specialist_id == specialist_id
        query = query.where(mine if same else ~mine)
    return [slot_of(row) for row in await tx.execute(query)]


async def free_of(tx: Transaction, resource: str, slot: Slot, holder: str) -> bool:
    """Whether a terminal, a room or a device has nothing else in the slot's time."""
    span = calendar.quarters(slot.starts_at, slot.ends_at)
    query = select(quarter_units.c.holder).where(
        quarter_units.c.resource == resource,
        quarter_units.c.quarter.between(span.start, span.stop - 1),
        quarter_units.c.holder != holder,
    )
    return (await tx.execute(query.limit(1))).first() is None
