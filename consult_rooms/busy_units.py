"""Busy times and the quarters that they hold, inside the caller's transaction; and when a specialist is elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Exists, String, bindparam, delete, exists, select
from sqlalchemy.dialects import postgresql, sqlite

from consult_rooms import calendar
from consult_rooms.availability_tables import availability_exceptions
from consult_rooms.busy_reading import Times, merged
from consult_rooms.calendar_tables import busy_calendars, busy_times
from consult_rooms.closures import ExceptionKind
from consult_rooms.tables import quarter_units, slots
from foundation.database import Instant, Transaction
from foundation.errors import Conflict
from foundation.i18n import N_
from foundation.ids import BusyCalendarId, StaffId

_HELD_AT_ONCE = 500


async def replace(tx: Transaction, calendar_id: BusyCalendarId, staff_id: StaffId, times: Times) -> None:
    """These are the busy times of that calendar now."""
    await tx.execute(delete(busy_times).where(busy_times.c.calendar_id == calendar_id))
    rows = [
        {"calendar_id": calendar_id, "staff_id": staff_id, "starts_at": starts, "ends_at": ends}
        for starts, ends in times
    ]
    if rows:
        await tx.execute(busy_times.insert(), rows)


async def hold(tx: Transaction, staff_id: StaffId) -> None:
    """Hold the person's busy quarters that nobody holds. What slots and appointments hold stays theirs."""
    own = select(busy_calendars.c.id).where(busy_calendars.c.staff_id == staff_id).order_by(busy_calendars.c.id)
    ids: Sequence[str] = (await tx.execute(own)).scalars().all()
    await tx.execute(delete(quarter_units).where(quarter_units.c.holder.in_(ids)))
    busy = select(busy_times).where(busy_times.c.staff_id == staff_id, busy_times.c.ends_at > await tx.now())
    times = merged([(row.starts_at, row.ends_at) for row in await tx.execute(busy)])
    resource = calendar.of_person(staff_id)
    quarters = sorted({quarter for starts, ends in times for quarter in calendar.quarters(starts, ends)})
    rows = [{"resource": resource, "quarter": quarter, "holder": ids[0]} for quarter in quarters]
    new = (sqlite if tx.connection.dialect.name == "sqlite" else postgresql).insert(quarter_units)
    for at in range(0, len(rows), _HELD_AT_ONCE):
        await tx.execute(new.on_conflict_do_nothing(), rows[at : at + _HELD_AT_ONCE])


def attended() -> ColumnElement[bool]:
    """That a slot's specialist is neither busy elsewhere in its time nor on leave: a clause on `slots`."""
    return ~_busy(slots.c.specialist_id, slots.c.starts_at, slots.c.ends_at) & ~_away(
        slots.c.specialist_id, slots.c.starts_at, slots.c.ends_at
    )


async def require_free(tx: Transaction, staff_id: StaffId, starts_at: datetime, ends_at: datetime) -> None:
    """Raise Conflict `slot.busy` or `slot.leave` when the specialist is busy elsewhere in this time, or on leave."""
    told = {"who": staff_id, "begins": starts_at, "closes": ends_at}
    elsewhere = (await tx.execute(_ELSEWHERE, told)).one()
    if elsewhere.busy:
        raise Conflict("slot.busy", BUSY)
    if elsewhere.away:
        raise Conflict("slot.leave", LEAVE)


def _busy(who: Any, begins: Any, closes: Any) -> Exists:
    return exists().where(busy_times.c.staff_id == who, busy_times.c.ends_at > begins, busy_times.c.starts_at < closes)


def _away(who: Any, begins: Any, closes: Any) -> Exists:
    return exists().where(
        availability_exceptions.c.staff_id == who,
        availability_exceptions.c.kind == ExceptionKind.LEAVE,
        availability_exceptions.c.removed_at.is_(None),
        availability_exceptions.c.ends_at > begins,
        availability_exceptions.c.starts_at < closes,
    )


# Made once: making a statement takes as long as asking it.
_OF = bindparam("who", type_=String), bindparam("begins", type_=Instant), bindparam("closes", type_=Instant)
_ELSEWHERE = select(_busy(*_OF).label("busy"), _away(*_OF).label("away"))

BUSY = N_("The specialist's own calendar says that this time is taken.")
LEAVE = N_("The specialist is on leave at this time.")
