"""A slot kept for a moment: for a person who fills the form, or for an entry of the waiting list that it is offered to.

A hold is two columns of the slot's row, written by one compare-and-set against the store's own time. It needs no end:
once its time is over the slot is free to anybody.
"""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select, update

from consult_rooms.busy_units import require_free
from consult_rooms.tables import slots
from foundation.database import Database, Transaction
from foundation.errors import Conflict, NotFound
from foundation.i18n import N_
from foundation.ids import FacilityId, SlotId
from identity.model import Staff
from identity.policy import Action, may, require
from identity.tables import links

HOLD = timedelta(minutes=2)
"""How long a slot is kept while the form is filled, unless settings say otherwise."""
PER_PERSON = 3
"""Slots that one person keeps at a time."""

HELD = N_("Somebody is booking this slot at this moment. Try again in two minutes, or take another.")
MANY = N_("You keep %(most)s slots already. Book or leave one first.")
GONE = N_("This slot is no longer free.")


def unheld(now: datetime, holder: str | None = None) -> ColumnElement[bool]:
    """That a slot is kept for nobody now, or for `holder`."""
    free = or_(slots.c.held_until.is_(None), slots.c.held_until <= now)
    return free if holder is None else or_(free, slots.c.held_by == holder)


async def keep(tx: Transaction, slot_id: SlotId, holder: str, until: datetime) -> bool:
    """Keep a free slot that is to come for `holder`. False when it is not free."""
    now = await tx.now()
    kept = await tx.execute(
        update(slots)
        .where(
            slots.c.id == slot_id,
            slots.c.appointment_id.is_(None),
            slots.c.withdrawn_at.is_(None),
            slots.c.starts_at > now,
            unheld(now, holder),
        )
        .values(held_by=holder, held_until=until)
    )
    return bool(kept.rowcount)


async def let_go(tx: Transaction, slot_id: SlotId, holder: str) -> bool:
    """Give a hold back. False when it was not theirs, or is a booking by now."""
    freed = await tx.execute(
        update(slots).where(slots.c.id == slot_id, slots.c.held_by == holder).values(held_by=None, held_until=None)
    )
    return bool(freed.rowcount)


class Holds:
    """What the form of a booking asks: keep this slot for me while I write."""

    def __init__(self, database: Database, hold_for: timedelta = HOLD) -> None:
        self._database = database
        self._hold_for = hold_for

    async def hold(self, staff: Staff, slot_id: SlotId) -> datetime:
        """Keep a free slot for a coordinator, or for a doctor whose clinic its hospital consults for; again is longer.

        Gives until when. Raises Forbidden, NotFound `slot.unknown`, Conflict `slot.held`, `slot.taken`, `slot.busy`,
        `slot.leave` or `hold.too_many`.
        """
        coordinates = may(staff, Action.COORDINATE)
        if not coordinates:
            require(staff, Action.REQUEST_CONSULT)
        async with self._database.transaction() as tx:
            if not coordinates and not await _for_clinic(tx, slot_id, staff.facility_id):
                raise NotFound("slot.unknown", GONE)
            # One person's holds are counted one after the other, in however many windows they are asked for.
            await tx.lock(zlib.crc32(staff.id.encode()) & 0x7FFF_FFFF)
            now = await tx.now()
            others = select(func.count()).where(
                slots.c.held_by == staff.id,
                slots.c.held_until > now,
                slots.c.appointment_id.is_(None),
                slots.c.id != slot_id,
            )
            if (await tx.execute(others)).scalar_one() >= PER_PERSON:
                raise Conflict("hold.too_many", MANY, most=PER_PERSON)
            until = now + self._hold_for
            if not await keep(tx, slot_id, staff.id, until):
                raise await _why_not(tx, slot_id, now)
            slot = (await tx.execute(select(slots).where(slots.c.id == slot_id))).one()
            await require_free(tx, slot.specialist_id, slot.starts_at, slot.ends_at)
        return until

    async def release(self, staff: Staff, slot_id: SlotId) -> None:
        """Leave the form without booking. Nothing to leave is no error."""
        async with self._database.transaction() as tx:
            await let_go(tx, slot_id, staff.id)


async def _for_clinic(tx: Transaction, slot_id: SlotId, clinic_id: FacilityId) -> bool:
    """Whether the slot's hospital consults for that clinic."""
    query = (
        select(slots.c.id)
        .join(links, links.c.hub_id == slots.c.facility_id)
        .where(slots.c.id == slot_id, links.c.spoke_id == clinic_id)
    )
    return (await tx.execute(query)).first() is not None


async def _why_not(tx: Transaction, slot_id: SlotId, now: datetime) -> Conflict | NotFound:
    row = (await tx.execute(select(slots).where(slots.c.id == slot_id))).one_or_none()
    if row is None or row.withdrawn_at is not None:
        return NotFound("slot.unknown", GONE)
    if row.appointment_id is None and row.held_until is not None and row.held_until > now:
        return Conflict("slot.held", HELD)
    return Conflict("slot.taken", GONE)
