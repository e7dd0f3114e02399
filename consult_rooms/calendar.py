"""Quarter-hour units: who holds a person, a terminal or a clinic's room for which quarter of an hour.

A unit is a row whose primary key is (resource, quarter), so the database itself decides of two that want the same one;
on SQLite and PostgreSQL alike, without ranges or exclusion constraints.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from consult_rooms.tables import quarter_units
from foundation.database import Transaction
from foundation.errors import Conflict, Invalid
from foundation.i18n import N_
from foundation.ids import FacilityId, ResourceId, StaffId, TerminalId

QUARTER = timedelta(minutes=15)
LONGEST = timedelta(hours=8)
FARTHEST = timedelta(days=400)
SLOTS = 48
"""Slots that one publishing makes at most."""

TIMES = N_("Slots start on a quarter of an hour and last 5 minutes to 8 hours.")
WINDOW = N_("The end has to be after the start, by the length of one slot at least.")
PAST = N_("This time is in the past.")
FAR = N_("This time is too far away.")
MANY = N_("This makes too many slots at once: %(limit)s at most.")


def of_person(staff_id: StaffId) -> str:
    """The resource that is a specialist's own time."""
    return f"staff:{staff_id}"


def of_clinic(clinic_id: FacilityId, terminal_id: TerminalId | None) -> str:
    """The resource at the clinic's side: the terminal, or the clinic's one room when none is named."""
    return f"clinic:{clinic_id}" if terminal_id is None else f"terminal:{terminal_id}"


def of_resource(resource_id: ResourceId) -> str:
    """The resource that is a device or a room."""
    return f"resource:{resource_id}"


def quarters(starts_at: datetime, ends_at: datetime) -> range:
    """The quarters that a time touches, counted from 1970."""
    size = QUARTER.total_seconds()
    return range(int(starts_at.timestamp() // size), int(-(-ends_at.timestamp() // size)))


def slot_times(starts_at: datetime, ends_at: datetime, minutes: int, now: datetime) -> list[tuple[datetime, datetime]]:
    """Start and end of each slot of `minutes` between the two times; each starts on a quarter.

    Raises Invalid `slot.times`, `slot.window`, `slot.past`, `slot.far` or `slot.many`.
    """
    length = timedelta(minutes=minutes) if 5 <= minutes <= LONGEST.total_seconds() / 60 else None
    if length is None:
        raise Invalid("slot.times", TIMES, field="minutes")
    for field, at in (("starts_at", starts_at), ("ends_at", ends_at)):
        if at.tzinfo is None:
            raise Invalid("slot.times", TIMES, field=field)
    if starts_at.timestamp() % QUARTER.total_seconds():
        raise Invalid("slot.times", TIMES, field="starts_at")
    if ends_at < starts_at + length:
        raise Invalid("slot.window", WINDOW, field="ends_at")
    if starts_at < now:
        raise Invalid("slot.past", PAST, field="starts_at")
    if ends_at > now + FARTHEST:
        raise Invalid("slot.far", FAR, field="ends_at")
    stride = -(-length // QUARTER) * QUARTER
    count = (ends_at - starts_at - length) // stride + 1
    if count > SLOTS:
        raise Invalid("slot.many", MANY, field="ends_at", limit=SLOTS)
    return [(starts_at + n * stride, starts_at + n * stride + length) for n in range(count)]


async def reserve(tx: Transaction, units: Iterable[tuple[str, int, str]], refusal: Conflict) -> None:
    """Take units (resource, quarter, holder), all or none. Raises `refusal` when one is held; the transaction is lost.

    They are taken in one order everywhere, so that two who want some of the same never wait for each other in a ring.
    """
    rows = [{"resource": resource, "quarter": quarter, "holder": holder} for resource, quarter, holder in sorted(units)]
    if not rows:
        return
    try:
        await tx.execute(quarter_units.insert(), rows)
    except IntegrityError as error:
        raise refusal from error


async def release(tx: Transaction, holder: str, *, but: Iterable[int] = ()) -> None:
    """Give back what that slot or appointment holds, except the quarters `but`."""
    query = delete(quarter_units).where(quarter_units.c.holder == holder)
    if kept := list(but):
        query = query.where(quarter_units.c.quarter.not_in(kept))
    await tx.execute(query)
