"""Conferences as their readers see them: members and the hospital's keepers; of a case, what each may know of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from consult_rooms.appointment import Slot
from consult_rooms.availability_tables import conference_members, conferences
from consult_rooms.bookings import slot_of
from consult_rooms.conference_table import members
from consult_rooms.joins import Joins
from consult_rooms.rows import ConsultRow
from consult_rooms.store import ConsultStore
from consult_rooms.tables import appointments, consults, slots
from foundation.database import Database, Transaction
from foundation.errors import NotFound
from foundation.i18n import N_
from foundation.ids import ConferenceId, FacilityId, StaffId
from identity.model import Specialty, Staff
from identity.policy import Action, Target, may

MOST = 100
"""Conferences that one look returns at most."""
UNKNOWN = N_("There is no such conference, or you are not part of it.")


@dataclass(frozen=True, slots=True)
class Conference:
    """One session. `title` names no patient."""

    id: ConferenceId
    facility_id: FacilityId
    specialty: Specialty
    title: str
    chair_id: StaffId
    starts_at: datetime
    ends_at: datetime
    case_minutes: int
    version: int
    members: tuple[Staff, ...]
    """Everybody at the table, the chair first."""
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """A time box of the agenda; `booked` is its consult, as the reader may know it."""

    slot: Slot
    booked: ConsultRow | None


class ConferenceQueries:
    """Lists and agendas."""

    def __init__(self, database: Database, store: ConsultStore, joins: Joins) -> None:
        self._database = database
        self._store = store
        self._joins = joins

    async def listed(self, staff: Staff) -> list[Conference]:
        """Those that are not over: of one's hospital for its keepers, else those at whose table one sits."""
        keeps = may(staff, Action.KEEP_CALENDAR, Target(facility_id=staff.facility_id))
        mine = select(conference_members.c.conference_id).where(conference_members.c.staff_id == staff.id)
        c = conferences.c
        async with self._database.reading() as tx:
            query = (
                select(conferences)
                .where(c.facility_id == staff.facility_id if keeps else c.id.in_(mine))
                .where(c.ends_at > await tx.now(), c.cancelled_at.is_(None))
                .order_by(c.starts_at, c.id)
                .limit(MOST)
            )
            return [await self._conference(tx, row) for row in (await tx.execute(query)).all()]

    async def agenda(self, staff: Staff, conference_id: ConferenceId) -> tuple[Conference, list[Case]]:
        """The session and its cases by time, for its members and keepers. Raises NotFound("conference.unknown")."""
        async with self._database.reading() as tx:
            row = await conference_row(tx, conference_id)
            conference = await self._conference(tx, row)
            sits = staff.id in {person.id for person in conference.members}
            if not sits and not may(staff, Action.KEEP_CALENDAR, Target(facility_id=conference.facility_id)):
                raise NotFound("conference.unknown", UNKNOWN)
            query = select(slots).where(slots.c.conference_id == conference_id, slots.c.withdrawn_at.is_(None))
            boxes = [slot_of(one) for one in await tx.execute(query.order_by(slots.c.starts_at))]
            held = [one.appointment_id for one in boxes if one.appointment_id is not None]
            booked = await self._store.many(
                tx,
                select(consults)
                .join(appointments, appointments.c.consult_id == consults.c.id)
                .where(appointments.c.id.in_(held)),
            )
            rows = {one.appointment_id: one for one in await self._joins.rows(tx, staff, booked)}
        cases = [Case(one, None if one.appointment_id is None else rows.get(one.appointment_id)) for one in boxes]
        return conference, cases

    async def _conference(self, tx: Transaction, row: Row[Any]) -> Conference:
        table = await members(tx, row.id)
        names = await self._joins.of(tx, [], staff=table, specialties=[row.specialty_id])
        people = sorted((names.staff[one] for one in table), key=lambda one: (one.id != row.chair_id, one.full_name))
        return Conference(
            row.id,
            row.facility_id,
            names.specialties[row.specialty_id],
            row.title,
            row.chair_id,
            row.starts_at,
            row.ends_at,
            row.case_minutes,
            row.version,
            tuple(people),
            row.cancelled_at is not None,
        )


async def conference_row(tx: Transaction, conference_id: ConferenceId) -> Row[Any]:
    """The row of `conferences`. Raises NotFound("conference.unknown")."""
    row: Row[Any] | None = (
        await tx.execute(select(conferences).where(conferences.c.id == conference_id))
    ).one_or_none()
    if row is None:
        raise NotFound("conference.unknown", UNKNOWN)
    return row
