"""Weekly turns on call, in the installation's zone; a turn may pass midnight, and Sunday night ends on Monday."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.exc import IntegrityError

from consult_rooms.candidates import Person
from consult_rooms.model import Level, Shift
from consult_rooms.tables import on_call_shifts
from foundation.bus import Bus
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import FacilityId, SpecialtyId, StaffId, new_id
from identity.model import Role, Staff
from identity.policy import Action, Target, require
from identity.rows import active_staff
from identity.store import Directory

UNFIT = N_("Only a specialist of this field can be on call for it.")
TAKEN = N_("This turn is on the rota already.")
GONE = N_("There is no such turn on the rota.")
WEEKDAY = N_("This is not a day of the week.")


class Rota:
    """Adds, removes and reads turns on call. Coordinators and administrators of the hospital keep its rota."""

    def __init__(self, database: Database, directory: Directory, bus: Bus, zone: ZoneInfo) -> None:
        self._database = database
        self._directory = directory
        self._bus = bus
        self._zone = zone

    async def add(
        self,
        staff: Staff,
        *,
        staff_id: StaffId,
        specialty_id: SpecialtyId,
        facility_id: FacilityId,
        weekday: int,
        starts: time,
        ends: time,
        level: Level = Level.FIRST,
    ) -> Shift:
        """Put a specialist on call every week. Equal times mean a whole day; a backup rings in the step after.

        Raises Forbidden, Invalid `rota.weekday` or `rota.unfit`, Conflict `rota.taken`.
        """
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=facility_id))
        if not 0 <= weekday <= 6:
            raise Invalid("rota.weekday", WEEKDAY, field="weekday")
        holder = await self._directory.staff(staff_id)
        if not holder.active or Role.SPECIALIST not in holder.roles or specialty_id not in holder.specialties:
            raise Invalid("rota.unfit", UNFIT, field="staff_id")
        shift = Shift(
            id=new_id("shi"),
            staff_id=staff_id,
            specialty_id=specialty_id,
            facility_id=facility_id,
            weekday=weekday,
            starts=starts.replace(second=0, microsecond=0, tzinfo=None),
            ends=ends.replace(second=0, microsecond=0, tzinfo=None),
            level=level,
        )
        async with self._database.transaction() as tx:
            try:
                await tx.execute(
                    on_call_shifts.insert().values(
                        id=shift.id,
                        staff_id=staff_id,
                        specialty_id=specialty_id,
                        facility_id=facility_id,
                        weekday=weekday,
                        starts_minute=_minute(shift.starts),
                        ends_minute=_minute(shift.ends),
                        level=level,
                    )
                )
            except IntegrityError as error:
                raise Conflict("rota.taken", TAKEN) from error
            self._hint(tx, staff_id)
        return shift

    async def remove(self, staff: Staff, shift_id: str) -> None:
        """Take a turn off the rota. Raises NotFound("rota.unknown")."""
        async with self._database.transaction() as tx:
            row = (await tx.execute(select(on_call_shifts).where(on_call_shifts.c.id == shift_id))).one_or_none()
            if row is None:
                raise NotFound("rota.unknown", GONE)
            require(staff, Action.KEEP_CALENDAR, Target(facility_id=row.facility_id))
            await tx.execute(delete(on_call_shifts).where(on_call_shifts.c.id == shift_id))
            self._hint(tx, row.staff_id)

    async def shifts(self, facility_ids: Collection[FacilityId]) -> list[Shift]:
        """The weekly pattern of these hospitals, from Monday on."""
        async with self._database.reading() as tx:
            found = await tx.execute(
                select(on_call_shifts)
                .where(on_call_shifts.c.facility_id.in_(list(facility_ids)))
                .order_by(
                    on_call_shifts.c.weekday,
                    on_call_shifts.c.starts_minute,
                    on_call_shifts.c.specialty_id,
                    on_call_shifts.c.staff_id,
                )
            )
            return [shift_of(row) for row in found.mappings()]

    async def on_call(
        self,
        facility_ids: Collection[FacilityId],
        specialty_id: SpecialtyId | None = None,
        *,
        level: Level = Level.FIRST,
        at: datetime | None = None,
    ) -> dict[SpecialtyId, list[Person]]:
        """Who is on call at these hospitals at that instant (now), by specialty, or with `level` who is their backup.

        Those who left are not among them.
        """
        wanted: list[ColumnElement[bool]] = [
            on_call_shifts.c.level == level,
            on_call_shifts.c.facility_id.in_(list(facility_ids)),
            on_call_shifts.c.staff_id.in_(active_staff()),
        ]
        if specialty_id is not None:
            wanted.append(on_call_shifts.c.specialty_id == specialty_id)
        async with self._database.reading() as tx:
            query = select(on_call_shifts).where(*wanted).order_by(on_call_shifts.c.id)
            rows = (await tx.execute(query)).mappings().all()
            local = (at or await tx.now()).astimezone(self._zone)
        people: dict[SpecialtyId, list[Person]] = {}
        for shift in map(shift_of, rows):
            person = Person(shift.staff_id, shift.facility_id)
            if covers(shift, local) and person not in people.setdefault(shift.specialty_id, []):
                people[shift.specialty_id].append(person)
        return people

    def _hint(self, tx: Transaction, staff_id: StaffId) -> None:
        async def hint() -> None:
            await self._bus.publish("agenda", {"staff": staff_id})

        tx.after_commit(hint)


def covers(shift: Shift, local: datetime) -> bool:
    """Whether the turn holds at this local time. Its last minute is not part of it."""
    minute = local.hour * 60 + local.minute
    starts, ends = _minute(shift.starts), _minute(shift.ends)
    days_in = (local.weekday() - shift.weekday) % 7
    if days_in == 0:
        return minute >= starts and (ends <= starts or minute < ends)
    return days_in == 1 and ends <= starts and minute < ends


def _minute(at: time) -> int:
    return at.hour * 60 + at.minute


def shift_of(row: Mapping[Any, Any]) -> Shift:
    """A row that holds the columns of `on_call_shifts`."""
    c = on_call_shifts.c
    return Shift(
        id=row[c.id],
        staff_id=row[c.staff_id],
        specialty_id=row[c.specialty_id],
        facility_id=row[c.facility_id],
        weekday=row[c.weekday],
        starts=time(*divmod(row[c.starts_minute], 60)),
        ends=time(*divmod(row[c.ends_minute], 60)),
        level=Level(row[c.level]),
    )
