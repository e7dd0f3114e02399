"""Leave of a person; days that a hospital closes, or opens although they are public holidays.

Free slots of that time go when it is noted; bookings stay and are listed (`conflicts`).
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from sqlalchemy import select, update

from consult_rooms import calendar
from consult_rooms.availability_tables import availability_exceptions
from consult_rooms.closures import AvailabilityException, ExceptionKind, public_holidays
from consult_rooms.materialising import Materialising, mark_due
from consult_rooms.stands import exceptions
from consult_rooms.turn_notices import TurnNotices
from foundation.database import Database, Transaction
from foundation.errors import Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import ExceptionId, FacilityId, StaffId, new_id
from identity.model import Role, Staff
from identity.policy import Action, Target, require
from identity.store import Directory
from identity.tables import staff as staff_table

LONGEST_LEAVE = timedelta(days=400)
MOST = 500
"""Exceptions of one hospital that a look returns at most."""

UNKNOWN = N_("There is no such leave or day.")
BACKWARDS = N_("The end has to be after the start.")
TOO_LONG = N_("This is too long: %(limit)s days at most.")
NO_HOLIDAY = N_("This day is no public holiday.")


class Absences:
    """For coordinators and administrators of a hospital (`Action.KEEP_CALENDAR`)."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        materialising: Materialising,
        notices: TurnNotices | None = None,
    ) -> None:
        self._database = database
        self._directory = directory
        self._materialising = materialising
        self._notices = notices

    @property
    def country(self) -> str:
        """Whose public holidays are kept (ISO 3166-1); empty: none."""
        return self._materialising.country

    async def listed(self, staff: Staff, facility_id: FacilityId) -> list[AvailabilityException]:
        """Leave and other days of a hospital that are not over."""
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=facility_id))
        async with self._database.reading() as tx:
            return (await exceptions(tx, facility_id, await tx.now()))[:MOST]

    async def leave(self, staff: Staff, person_id: StaffId, starts_at: datetime, ends_at: datetime) -> ExceptionId:
        """Note that somebody is away. Free slots go, bookings are listed. Raises Invalid by field."""
        person = await self._directory.staff(person_id)
        return await self._except(staff, person.facility_id, ExceptionKind.LEAVE, starts_at, ends_at, person)

    async def close(self, staff: Staff, facility_id: FacilityId, first: date, last: date) -> ExceptionId:
        """Close a hospital for all its specialists on these days, both counted. Raises Invalid by field."""
        return await self._days(staff, facility_id, ExceptionKind.CLOSED, first, last)

    async def open(self, staff: Staff, facility_id: FacilityId, day: date) -> ExceptionId:
        """Offer times on a public holiday as on any other day. Raises Invalid `availability.no_holiday`."""
        if day not in public_holidays(self._materialising.country, day.year):
            raise Invalid("availability.no_holiday", NO_HOLIDAY, field="day")
        return await self._days(staff, facility_id, ExceptionKind.OPEN, day, day)

    async def remove(self, staff: Staff, exception_id: ExceptionId) -> None:
        """Take an exception back; slots come back as templates say. Raises NotFound("availability.unknown")."""
        async with self._database.transaction() as tx:
            c = availability_exceptions.c
            row = (
                await tx.execute(
                    select(availability_exceptions)
                    .where(c.id == exception_id, c.removed_at.is_(None))
                    .with_for_update()
                )
            ).one_or_none()
            if row is None:
                raise NotFound("availability.unknown", UNKNOWN)
            require(staff, Action.KEEP_CALENDAR, Target(facility_id=row.facility_id))
            now = await tx.now()
            removed = update(availability_exceptions).where(c.id == exception_id)
            await tx.execute(removed.values(removed_at=now, removed_by=staff.id))
            people = await self._concerned(tx, row.facility_id, row.staff_id)
            await mark_due(tx, people, now)
        await self._materialising.make(people)

    async def _except(
        self,
        staff: Staff,
        facility_id: FacilityId,
        kind: ExceptionKind,
        starts_at: datetime,
        ends_at: datetime,
        person: Staff | None = None,
    ) -> ExceptionId:
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=facility_id))
        if ends_at <= starts_at:
            raise Invalid("availability.inverted", BACKWARDS, field="ends")
        if ends_at - starts_at > LONGEST_LEAVE:
            raise Invalid("availability.long", TOO_LONG, field="ends", limit=LONGEST_LEAVE.days)
        exception_id = ExceptionId(new_id("avx"))
        async with self._database.transaction() as tx:
            now = await tx.now()
            if ends_at <= now:
                raise Invalid("slot.past", calendar.PAST, field="ends")
            if starts_at > now + calendar.FARTHEST:
                raise Invalid("slot.far", calendar.FAR, field="starts")
            await tx.execute(
                availability_exceptions.insert().values(
                    id=exception_id,
                    facility_id=facility_id,
                    staff_id=None if person is None else person.id,
                    kind=kind,
                    starts_at=starts_at,
                    ends_at=ends_at,
                    created_by=staff.id,
                    created_at=now,
                )
            )
            if person is not None and person.id != staff.id and self._notices is not None:
                await self._notices.leave(tx, exception_id, facility_id, person.id, starts_at)
            people = await self._concerned(tx, facility_id, None if person is None else person.id)
            await mark_due(tx, people, now)
        await self._materialising.make(people)
        return exception_id

    async def _days(
        self, staff: Staff, facility_id: FacilityId, kind: ExceptionKind, first: date, last: date
    ) -> ExceptionId:
        zone = await self._materialising.zone_of(facility_id)
        starts, ends = (datetime.combine(day, time(), zone) for day in (first, last + timedelta(days=1)))
        return await self._except(staff, facility_id, kind, starts, ends)

    async def _concerned(self, tx: Transaction, facility_id: FacilityId, staff_id: StaffId | None) -> list[StaffId]:
        if staff_id is not None:
            return [staff_id]
        rows = await tx.execute(
            select(staff_table.c.id, staff_table.c.roles).where(
                staff_table.c.facility_id == facility_id, staff_table.c.active
            )
        )
        return [StaffId(row.id) for row in rows if Role.SPECIALIST in row.roles]
