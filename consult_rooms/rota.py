"""Turns on call, in the installation's zone: weekly ones, but on dates on which they are lifted, and turns of one date.

A turn may pass midnight, and Sunday night ends on Monday.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.exc import IntegrityError

from consult_rooms.appointment import Shift
from consult_rooms.candidates import Person
from consult_rooms.model import Level
from consult_rooms.rota_ledger import Change, ChangeKind, locked, record
from consult_rooms.rota_tables import lifted_turns
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
PAST = N_("This date is over.")
UNLICENSED = N_("This specialist has no valid licence on that date.")


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
        day: date | None = None,
        seen: int | None = None,
    ) -> Shift:
        """Put a specialist on call every week, or with `day` on that date alone, which gives the weekday too.

        Equal times mean a whole day; a backup rings in the step after. `seen` is the rota's version that the keeper
        looked at. Raises Forbidden, Invalid `rota.weekday`, `rota.unfit`, `rota.unlicensed` or `rota.past`, Conflict
        `rota.taken` or `rota.stale`.
        """
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=facility_id))
        weekday = weekday if day is None else day.weekday()
        if not 0 <= weekday <= 6:
            raise Invalid("rota.weekday", WEEKDAY, field="weekday")
        require_fit(await self._directory.staff(staff_id), specialty_id, day)
        shift = Shift(
            id=new_id("shi"),
            staff_id=staff_id,
            specialty_id=specialty_id,
            facility_id=facility_id,
            weekday=weekday,
            starts=starts.replace(second=0, microsecond=0, tzinfo=None),
            ends=ends.replace(second=0, microsecond=0, tzinfo=None),
            level=level,
            day=day,
        )
        try:
            async with self._database.transaction() as tx:
                await locked(tx, facility_id)
                if day is not None and day < await self.earliest(tx):
                    raise Invalid("rota.past", PAST, field="day")
                await put(tx, shift)
                await record(tx, facility_id, staff.id, [Change(ChangeKind.ADDED, shift, day)], seen)
                self.hint(tx, staff_id)
        except IntegrityError as error:
            raise Conflict("rota.taken", TAKEN) from error
        return shift

    async def remove(self, staff: Staff, shift_id: str, *, seen: int | None = None) -> None:
        """Take a turn off the rota for good. Raises NotFound("rota.unknown"), Conflict("rota.stale")."""
        async with self._database.transaction() as tx:
            shift = await self.one(tx, shift_id)
            require(staff, Action.KEEP_CALENDAR, Target(facility_id=shift.facility_id))
            await locked(tx, shift.facility_id)
            await tx.execute(delete(on_call_shifts).where(on_call_shifts.c.id == shift_id))
            await record(tx, shift.facility_id, staff.id, [Change(ChangeKind.REMOVED, shift, shift.day)], seen)
            self.hint(tx, shift.staff_id)

    async def one(self, tx: Transaction, shift_id: str) -> Shift:
        """A turn. Raises NotFound("rota.unknown")."""
        query = select(on_call_shifts).where(on_call_shifts.c.id == shift_id)
        row = (await tx.execute(query)).mappings().one_or_none()
        if row is None:
            raise NotFound("rota.unknown", GONE)
        return shift_of(row)

    async def earliest(self, tx: Transaction) -> date:
        """The first date that can still be changed: yesterday, whose night may run now."""
        return (await tx.now()).astimezone(self._zone).date() - timedelta(days=1)

    async def shifts(self, facility_ids: Collection[FacilityId]) -> list[Shift]:
        """The weekly pattern of these hospitals, from Monday on."""
        async with self._database.reading() as tx:
            found = await tx.execute(
                select(on_call_shifts)
                .where(on_call_shifts.c.facility_id.in_(list(facility_ids)), on_call_shifts.c.day == "")
                .order_by(
                    on_call_shifts.c.weekday,
                    on_call_shifts.c.starts_minute,
                    on_call_shifts.c.specialty_id,
                    on_call_shifts.c.staff_id,
                )
            )
            return [shift_of(row) for row in found.mappings()]

    async def running(
        self,
        facility_ids: Collection[FacilityId],
        *,
        at: datetime | None = None,
        level: Level | None = None,
        specialty_id: SpecialtyId | None = None,
    ) -> list[Shift]:
        """The turns that hold at these hospitals at that instant (now). Those who left have none."""
        wanted: list[ColumnElement[bool]] = [
            on_call_shifts.c.facility_id.in_(list(facility_ids)),
            on_call_shifts.c.staff_id.in_(active_staff()),
        ]
        if level is not None:
            wanted.append(on_call_shifts.c.level == level)
        if specialty_id is not None:
            wanted.append(on_call_shifts.c.specialty_id == specialty_id)
        async with self._database.reading() as tx:
            local = (at or await tx.now()).astimezone(self._zone)
            began = began_on(local)
            query = (
                select(on_call_shifts)
                .where(*wanted, or_(on_call_shifts.c.day == "", on_call_shifts.c.day.in_(began)), ~lifted_on(began))
                .order_by(on_call_shifts.c.id)
            )
            rows = (await tx.execute(query)).mappings().all()
        return [shift for shift in map(shift_of, rows) if covers(shift, local)]

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
        people: dict[SpecialtyId, list[Person]] = {}
        for shift in await self.running(facility_ids, at=at, level=level, specialty_id=specialty_id):
            person = Person(shift.staff_id, shift.facility_id)
            if person not in people.setdefault(shift.specialty_id, []):
                people[shift.specialty_id].append(person)
        return people

    def hint(self, tx: Transaction, *people: StaffId) -> None:
        """Tell the nodes after the commit whose turns have changed."""

        async def hint() -> None:
            for staff_id in sorted(set(people)):
                await self._bus.publish("agenda", {"staff": staff_id})

        tx.after_commit(hint)


def require_fit(holder: Staff, specialty_id: SpecialtyId, day: date | None) -> None:
    """Raise Invalid `rota.unfit`, or `rota.unlicensed` on a date on which the licence does not hold."""
    if not holder.active or Role.SPECIALIST not in holder.roles or specialty_id not in holder.specialties:
        raise Invalid("rota.unfit", UNFIT, field="staff_id")
    if day is not None and not holder.licence_valid(day):
        raise Invalid("rota.unlicensed", UNLICENSED, field="staff_id")


async def put(tx: Transaction, *shifts: Shift) -> None:
    """Write turns. Raises IntegrityError when one stands there already."""
    await tx.execute(
        on_call_shifts.insert(),
        [
            {
                "id": shift.id,
                "staff_id": shift.staff_id,
                "specialty_id": shift.specialty_id,
                "facility_id": shift.facility_id,
                "weekday": shift.weekday,
                "starts_minute": _minute(shift.starts),
                "ends_minute": _minute(shift.ends),
                "level": shift.level,
                "day": "" if shift.day is None else shift.day.isoformat(),
            }
            for shift in shifts
        ],
    )


def began_on(local: datetime) -> list[str]:
    """The dates on which a turn that holds now began: today, or yesterday when it goes on past midnight."""
    return [local.date().isoformat(), (local.date() - timedelta(days=1)).isoformat()]


def lifted_on(days: Any) -> ColumnElement[bool]:
    """Whether the turn of `on_call_shifts` is lifted on one of these dates, of which only one can be its own."""
    return (
        select(lifted_turns.c.day)
        .where(lifted_turns.c.shift_id == on_call_shifts.c.id, lifted_turns.c.day.in_(days))
        .exists()
    )


def covers(shift: Shift, local: datetime) -> bool:
    """Whether the turn runs at this local time, unless it is lifted. Its last minute is not part of it."""
    minute = local.hour * 60 + local.minute
    starts, ends = _minute(shift.starts), _minute(shift.ends)
    days_in = (local.weekday() - shift.weekday) % 7 if shift.day is None else (local.date() - shift.day).days
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
        day=date.fromisoformat(row[c.day]) if row[c.day] else None,
    )
