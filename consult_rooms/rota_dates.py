"""What holds on one date though the weekly turns say otherwise: a turn lifted, somebody else instead, leave."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from consult_rooms.appointment import Shift
from consult_rooms.coverage import turns_between
from consult_rooms.rota import PAST, TAKEN, WEEKDAY, Rota, put, require_fit, shift_of
from consult_rooms.rota_ledger import Change, ChangeKind, locked, record
from consult_rooms.rota_tables import lifted_turns
from consult_rooms.tables import on_call_shifts
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import FacilityId, StaffId, new_id
from identity.model import Staff
from identity.policy import Action, Target, require
from identity.store import Directory

LONGEST_LEAVE = 92
"""Days."""
LIFTED = N_("This turn does not hold on that date already.")
INVERTED = N_("The last day is before the first, or more than %(most)s days after it.")
NOT_LIFTED = N_("This turn is not lifted on that date.")


class RotaDates:
    """Changes single dates. For those who keep the hospital's calendar; `seen` is the version that they looked at."""

    def __init__(self, database: Database, directory: Directory, rota: Rota) -> None:
        self._database = database
        self._directory = directory
        self._rota = rota

    async def lift(
        self, staff: Staff, shift_id: str, day: date, *, instead: StaffId | None = None, seen: int | None = None
    ) -> None:
        """Let a weekly turn not hold on that date; `instead` has it then.

        Raises Forbidden, NotFound `rota.unknown`, Invalid `rota.weekday`, `rota.past`, `rota.unfit` or
        `rota.unlicensed`, Conflict `rota.lifted`, `rota.taken` or `rota.stale`.
        """
        async with self._database.transaction() as tx:
            shift = await self._weekly(tx, staff, shift_id, day)
            if instead is not None:
                require_fit(await self._directory.staff(instead, tx=tx), shift.specialty_id, day)
            changes = [Change(ChangeKind.LIFTED, shift, day)]
            await lift(tx, shift, day)
            if instead is not None:
                stand_in = dated(shift, day, instead)
                try:
                    await put(tx, stand_in)
                except IntegrityError as error:
                    raise Conflict("rota.taken", TAKEN) from error
                changes.append(Change(ChangeKind.ADDED, stand_in, day))
                self._rota.hint(tx, instead)
            await record(tx, shift.facility_id, staff.id, changes, seen)
            self._rota.hint(tx, shift.staff_id)

    async def restore(self, staff: Staff, shift_id: str, day: date, *, seen: int | None = None) -> None:
        """Let it hold on that date after all. Who was put in its place stays. Raises as `lift`."""
        async with self._database.transaction() as tx:
            shift = await self._weekly(tx, staff, shift_id, day)
            gone = await tx.execute(
                delete(lifted_turns).where(lifted_turns.c.shift_id == shift_id, lifted_turns.c.day == day.isoformat())
            )
            if not gone.rowcount:
                raise NotFound("rota.unknown", NOT_LIFTED)
            await record(tx, shift.facility_id, staff.id, [Change(ChangeKind.RESTORED, shift, day)], seen)
            self._rota.hint(tx, shift.staff_id)

    async def leave(
        self,
        staff: Staff,
        facility_id: FacilityId,
        person: StaffId,
        first: date,
        last: date,
        *,
        seen: int | None = None,
    ) -> int:
        """Take somebody off every turn that begins on these dates at this hospital; how many there were.

        Weekly turns are lifted, those of one date removed. Raises Forbidden, Invalid `rota.inverted` or `rota.past`,
        Conflict `rota.stale`.
        """
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=facility_id))
        days = (last - first).days + 1
        if not 1 <= days <= LONGEST_LEAVE:
            raise Invalid("rota.inverted", INVERTED, field="last", most=LONGEST_LEAVE)
        async with self._database.transaction() as tx:
            await locked(tx, facility_id)
            if first < await self._rota.earliest(tx):
                raise Invalid("rota.past", PAST, field="first")
            mine = on_call_shifts.c.staff_id == person, on_call_shifts.c.facility_id == facility_id
            rows = await tx.execute(select(on_call_shifts).where(*mine))
            shifts = [shift_of(row) for row in rows.mappings()]
            known = await lifted_between(tx, facility_id, first, days)
            turns = [turn for turn in turns_between(shifts, known, first, days) if not turn.lifted]
            for turn in turns:
                if turn.shift.day is None:
                    await lift(tx, turn.shift, turn.day)
                else:
                    await tx.execute(delete(on_call_shifts).where(on_call_shifts.c.id == turn.shift.id))
            changes = [
                Change(ChangeKind.LIFTED if turn.shift.day is None else ChangeKind.REMOVED, turn.shift, turn.day)
                for turn in turns
            ]
            await record(tx, facility_id, staff.id, changes, seen)
            self._rota.hint(tx, person)
        return len(turns)

    async def _weekly(self, tx: Transaction, staff: Staff, shift_id: str, day: date) -> Shift:
        """A weekly turn that this person may change on that date, locked with its rota."""
        shift = await self._rota.one(tx, shift_id)
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=shift.facility_id))
        await locked(tx, shift.facility_id)
        if shift.day is not None or day.weekday() != shift.weekday:
            raise Invalid("rota.weekday", WEEKDAY, field="day")
        if day < await self._rota.earliest(tx):
            raise Invalid("rota.past", PAST, field="day")
        return shift


async def lift(tx: Transaction, shift: Shift, day: date) -> None:
    """Write that a weekly turn does not hold on that date. Raises Conflict `rota.lifted`."""
    try:
        await tx.execute(lifted_turns.insert().values(shift_id=shift.id, day=day.isoformat()))
    except IntegrityError as error:
        raise Conflict("rota.lifted", LIFTED) from error


async def lifted_between(tx: Transaction, facility_id: FacilityId, first: date, days: int) -> set[tuple[str, date]]:
    """Which weekly turns of a hospital do not hold on which of these dates."""
    last = first + timedelta(days=days - 1)
    query = (
        select(lifted_turns)
        .join(on_call_shifts, on_call_shifts.c.id == lifted_turns.c.shift_id)
        .where(
            on_call_shifts.c.facility_id == facility_id,
            lifted_turns.c.day.between(first.isoformat(), last.isoformat()),
        )
    )
    return {(row.shift_id, date.fromisoformat(row.day)) for row in await tx.execute(query)}


def dated(shift: Shift, day: date, staff_id: StaffId) -> Shift:
    """The same turn on one date alone, somebody's."""
    return replace(shift, id=new_id("shi"), staff_id=staff_id, day=day)
