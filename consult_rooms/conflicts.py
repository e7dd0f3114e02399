"""Booked slots that availability backs no more: listed until each is kept, moved, cancelled or backed again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from consult_rooms.appointment import Slot, VisitType
from consult_rooms.availability_tables import availability_conflicts
from consult_rooms.closures import Cause
from consult_rooms.joins import Joins
from consult_rooms.offering import Contradiction
from consult_rooms.rows import ConsultRow
from consult_rooms.store import ConsultStore
from consult_rooms.tables import appointments, consults, slots
from foundation.database import Database, Transaction
from foundation.errors import Conflict, NotFound
from foundation.i18n import N_
from foundation.ids import FacilityId, StaffId, new_id
from identity.model import Staff
from identity.policy import Action, Target, require

MOST = 200
"""Conflicts that one look returns at most."""
UNKNOWN = N_("There is no such conflict.")
SETTLED = N_("This conflict has been settled meanwhile.")


class Settlement(StrEnum):
    """How a conflict came to its end."""

    KEPT = "kept"
    """Somebody decided that it takes place all the same."""
    MOVED = "moved"
    """The appointment does not hold that slot any more: it was moved or cancelled."""
    LIFTED = "lifted"
    """What contradicted it holds no more."""


@dataclass(frozen=True, slots=True)
class ConflictRow:
    """A conflict that nobody has settled; `booked` is the appointment's consult as its reader may know it."""

    id: str
    slot: Slot
    staff_name: str
    """Who is away or offers no such time: the slot's specialist, or a member of its conference."""
    specialty_name_vi: str
    specialty_name_en: str
    cause: Cause
    found_at: datetime
    booked: ConsultRow | None


class Conflicts:
    """For coordinators and administrators of a hospital (`Action.KEEP_CALENDAR`)."""

    def __init__(self, database: Database, store: ConsultStore, joins: Joins) -> None:
        self._database = database
        self._store = store
        self._joins = joins

    async def count(self, staff: Staff, facility_id: FacilityId) -> int:
        """How many are open."""
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=facility_id))
        async with self._database.reading() as tx:
            query = select(func.count()).select_from(availability_conflicts).join(slots, _STANDS)
            return int((await tx.execute(query.where(*_open(facility_id)))).scalar_one())

    async def open(self, staff: Staff, facility_id: FacilityId) -> list[ConflictRow]:
        """Those of a hospital that nobody has settled, by the time of the appointment."""
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=facility_id))
        async with self._database.reading() as tx:
            query = (
                select(availability_conflicts, slots)
                .join(slots, _STANDS)
                .where(*_open(facility_id))
                .order_by(slots.c.starts_at, availability_conflicts.c.id)
                .limit(MOST)
            )
            found = (await tx.execute(query)).mappings().all()
            held = [row[slots.c.appointment_id] for row in found]
            booked = await self._store.many(
                tx,
                select(consults)
                .join(appointments, appointments.c.consult_id == consults.c.id)
                .where(appointments.c.id.in_(held)),
            )
            rows = {row.appointment_id: row for row in await self._joins.rows(tx, staff, booked)}
            names = await self._joins.of(
                tx,
                [],
                staff={row[availability_conflicts.c.staff_id] for row in found},
                specialties={row[slots.c.specialty_id] for row in found},
            )
        listed = []
        for row in found:
            slot = _slot(row)
            field = names.specialties[slot.specialty_id]
            listed.append(
                ConflictRow(
                    row[availability_conflicts.c.id],
                    slot,
                    names.staff_name(row[availability_conflicts.c.staff_id]) or "",
                    field.name_vi,
                    field.name_en,
                    Cause(row[availability_conflicts.c.cause]),
                    row[availability_conflicts.c.found_at],
                    None if slot.appointment_id is None else rows.get(slot.appointment_id),
                )
            )
        return listed

    async def keep(self, staff: Staff, conflict_id: str) -> None:
        """Settle that the appointment takes place all the same. Raises NotFound, Conflict `availability.settled`."""
        c = availability_conflicts.c
        async with self._database.transaction() as tx:
            row = (await tx.execute(select(c.facility_id).where(c.id == conflict_id))).one_or_none()
            if row is None:
                raise NotFound("availability.unknown", UNKNOWN)
            require(staff, Action.KEEP_CALENDAR, Target(facility_id=row.facility_id))
            settled = await tx.execute(
                update(availability_conflicts)
                .where(c.id == conflict_id, c.settled_at.is_(None))
                .values(settled_at=await tx.now(), settled_by=staff.id, settlement=Settlement.KEPT)
            )
            if not settled.rowcount:
                raise Conflict("availability.settled", SETTLED)


_STANDS = (slots.c.id == availability_conflicts.c.slot_id) & (
    slots.c.appointment_id == availability_conflicts.c.appointment_id
)
"""The appointment holds that slot still."""


def _open(facility_id: FacilityId) -> tuple[ColumnElement[bool], ...]:
    c = availability_conflicts.c
    return c.facility_id == facility_id, c.settled_at.is_(None)


def _slot(row: Mapping[Any, Any]) -> Slot:
    """Of a row that holds other columns of these names as well."""
    c = slots.c
    return Slot(
        row[c.id],
        row[c.specialist_id],
        row[c.specialty_id],
        row[c.facility_id],
        row[c.starts_at],
        row[c.ends_at],
        row[c.appointment_id],
        visit_type=VisitType(row[c.visit_type]),
        template_id=row[c.template_id],
        conference_id=row[c.conference_id],
    )


async def tell(tx: Transaction, staff_id: StaffId, found: list[Contradiction], now: datetime) -> None:
    """List new contradictions, and close those that are none any more."""
    c = availability_conflicts.c
    open_ones = (
        await tx.execute(select(availability_conflicts).where(c.staff_id == staff_id, c.settled_at.is_(None)))
    ).all()
    standing = {(one.slot.id, one.slot.appointment_id, one.cause.value, one.source) for one in found}
    query = select(slots.c.id, slots.c.appointment_id).where(slots.c.id.in_([one.slot_id for one in open_ones]))
    held = {row.id: row.appointment_id for row in await tx.execute(query)}
    for one in open_ones:
        if (one.slot_id, one.appointment_id, one.cause, one.source) not in standing:
            settlement = Settlement.LIFTED if held.get(one.slot_id) == one.appointment_id else Settlement.MOVED
            await tx.execute(
                update(availability_conflicts).where(c.id == one.id).values(settled_at=now, settlement=settlement)
            )
    if found:
        dialect = sqlite if tx.connection.dialect.name == "sqlite" else postgresql
        again = dialect.insert(availability_conflicts).on_conflict_do_update(
            index_elements=["appointment_id", "slot_id", "staff_id", "cause", "source"],
            set_={"settled_at": None, "settlement": None},
            where=c.settlement == Settlement.LIFTED,
        )
        await tx.execute(
            again,
            [
                {
                    "id": new_id("avc"),
                    "facility_id": one.slot.facility_id,
                    "staff_id": staff_id,
                    "slot_id": one.slot.id,
                    "appointment_id": one.slot.appointment_id,
                    "cause": one.cause,
                    "source": one.source,
                    "found_at": now,
                }
                for one in found
            ],
        )
