"""A hospital's turns on call from a table: dry run, then apply; and the same table out again.

Each row is one turn, each week or on one date. A row with an error is told with its column and the others are kept.
What stands there already is left as it is, so that importing a file twice changes nothing; nothing is removed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError

from consult_rooms.appointment import Shift
from consult_rooms.model import Level
from consult_rooms.rota import PAST, Rota, put, require_fit, shift_of
from consult_rooms.rota_ledger import Change, ChangeKind, locked, record
from consult_rooms.tables import on_call_shifts
from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.errors import Conflict, HoichanError, Invalid
from foundation.i18n import N_
from foundation.ids import FacilityId, SpecialtyId, new_id
from foundation.sheets import Column, Row, heading, read
from identity.model import Specialty, Staff
from identity.policy import Action, Target, require
from identity.store import Directory
from identity.tables import staff as staff_table

MOST_ROWS = 5_000
COLUMNS = (
    Column("user_name", "Tên đăng nhập", others=("người trực", "user")),
    Column("specialty", "Chuyên khoa", others=("mã chuyên khoa", "specialty_code")),
    Column("day", "Ngày", others=("thứ", "ngày trực", "weekday", "date")),
    Column("starts", "Bắt đầu", others=("từ", "from")),
    Column("ends", "Kết thúc", others=("đến", "to")),
    Column("level", "Bậc", required=False, others=("mức trực",)),
    Column("full_name", "Họ và tên", required=False, others=("họ tên",)),
)
"""`full_name` is for people's eyes alone."""
_WEEKDAYS: Mapping[str, int] = {
    heading(word): number
    for number, words in enumerate(
        (
            ("monday", "mon", "thứ hai", "thứ 2", "t2", "2"),
            ("tuesday", "tue", "thứ ba", "thứ 3", "t3", "3"),
            ("wednesday", "wed", "thứ tư", "thứ 4", "t4", "4"),
            ("thursday", "thu", "thứ năm", "thứ 5", "t5", "5"),
            ("friday", "fri", "thứ sáu", "thứ 6", "t6", "6"),
            ("saturday", "sat", "thứ bảy", "thứ 7", "t7", "7"),
            ("sunday", "sun", "chủ nhật", "cn", "8"),
        )
    )
    for word in words
}
"""As people write them; the numbers are those of Vietnamese, where Monday is the second day."""
WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LEVELS: Mapping[str, Level] = {
    heading(word): level
    for level, words in (
        (Level.FIRST, ("", "first", "trực chính", "chính", "1")),
        (Level.BACKUP, ("backup", "dự phòng", "trực dự phòng", "2")),
    )
    for word in words
}
_EXAMPLE = "07:30"

UNKNOWN_PERSON = N_("Nobody of this hospital has this user name.")
UNKNOWN_SPECIALTY = N_("There is no specialty of the code “%(specialty)s”.")
NO_DAY = N_("This is neither a day of the week nor a date such as 2027-01-31 or 31/01/2027.")
NO_TIME = N_("This is not a time such as %(example)s.")
NO_LEVEL = N_("This is neither “first” nor “backup”.")
REPEATED = N_("This is the same as row %(other)s.")
OVERTAKEN = N_("Somebody changed the same data at this moment. Nothing was imported; try again.")


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong with a row: the column, where it is one cell, and the sentence."""

    row: int
    column: str | None
    error: HoichanError


@dataclass(frozen=True, slots=True)
class RotaFile:
    """What a file holds, or what it did when `applied`."""

    rows: int
    added: int
    unchanged: int
    problems: tuple[RowProblem, ...]
    applied: bool


class RotaImport:
    """Reads, judges and applies tables of turns."""

    def __init__(self, database: Database, directory: Directory, rota: Rota, audit: Audit) -> None:
        self._database = database
        self._directory = directory
        self._rota = rota
        self._audit = audit

    async def run(
        self, staff: Staff, facility_id: FacilityId, data: bytes, *, apply: bool, seen: int | None = None
    ) -> RotaFile:
        """Judge a file and, with `apply`, write the rows without errors in one transaction.

        Raises Forbidden, Invalid for a file that cannot be used as a whole (`foundation.sheets.read`), Conflict
        `rota.stale` or `import.overtaken`.
        """
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=facility_id))
        sheet = await asyncio.to_thread(read, data, COLUMNS, most_rows=MOST_ROWS)
        fields = {one.code: one for one in await self._directory.specialties()}
        problems = [RowProblem(number, None, problem) for number, problem in sheet.problems]
        try:
            async with self._database.transaction() as tx:
                await locked(tx, facility_id)
                people = await self._people(tx, facility_id, {row.cells["user_name"].lower() for row in sheet.rows})
                first = await self._rota.earliest(tx)
                known = await _known(tx, facility_id, first)
                new: list[Shift] = []
                seen_rows: dict[tuple[object, ...], int] = {}
                unchanged = 0
                for row in sheet.rows:
                    found = _shift(row, facility_id, people, fields, first)
                    if isinstance(found, list):
                        problems += found
                    elif other := seen_rows.get(_key(found)):
                        error = Invalid("import.repeated_row", REPEATED, other=other)
                        problems.append(RowProblem(row.number, None, error))
                    else:
                        seen_rows[_key(found)] = row.number
                        if _key(found) in known:
                            unchanged += 1
                        else:
                            new.append(found)
                if apply and new:
                    await put(tx, *new)
                    changes = [Change(ChangeKind.ADDED, shift, shift.day) for shift in new]
                    await record(tx, facility_id, staff.id, changes, seen)
                    await self._audit.record(
                        tx,
                        AuditEntry(
                            actor=staff.id, action="rota.import", target=facility_id, details={"added": len(new)}
                        ),
                    )
                    self._rota.hint(tx, *(shift.staff_id for shift in new))
        except IntegrityError as error:
            raise Conflict("import.overtaken", OVERTAKEN) from error
        return RotaFile(
            rows=len(sheet.rows) + len(sheet.problems),
            added=len(new),
            unchanged=unchanged,
            problems=tuple(sorted(problems, key=lambda problem: problem.row)),
            applied=apply and bool(new),
        )

    async def table(self, staff: Staff, facility_id: FacilityId) -> list[list[str]]:
        """The turns of the hospital from yesterday on, as rows below the header of `COLUMNS`."""
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=facility_id))
        async with self._database.reading() as tx:
            first = await self._rota.earliest(tx)
            shifts = await _shifts(tx, facility_id, first)
        people = await self._directory.staff_many({shift.staff_id for shift in shifts})
        fields = await self._directory.specialties_many({shift.specialty_id for shift in shifts})
        shifts.sort(key=lambda one: (fields[one.specialty_id].code, str(one.day or ""), one.weekday, one.starts))
        return [
            [column.name for column in COLUMNS],
            *(
                [
                    people[shift.staff_id].user_name,
                    fields[shift.specialty_id].code,
                    WEEKDAY_NAMES[shift.weekday] if shift.day is None else shift.day.isoformat(),
                    shift.starts.isoformat("minutes"),
                    shift.ends.isoformat("minutes"),
                    shift.level.value,
                    people[shift.staff_id].full_name,
                ]
                for shift in shifts
            ),
        ]

    async def _people(self, tx: Transaction, facility_id: FacilityId, names: set[str]) -> dict[str, Staff]:
        """By user name who works at this hospital, or is on call for it already."""
        here = select(on_call_shifts.c.staff_id).where(on_call_shifts.c.facility_id == facility_id)
        fits = or_(staff_table.c.facility_id == facility_id, staff_table.c.id.in_(here))
        query = select(staff_table.c.id).where(staff_table.c.user_name.in_(names), fits)
        ids = (await tx.execute(query)).scalars().all()
        return {person.user_name: person for person in (await self._directory.staff_many(ids, tx=tx)).values()}


def _shift(
    row: Row, facility_id: FacilityId, people: Mapping[str, Staff], fields: Mapping[str, Specialty], first: date
) -> Shift | list[RowProblem]:
    """The turn of a row, or everything that is wrong with it."""
    problems: list[RowProblem] = []

    def refuse(column: str, error: HoichanError) -> None:
        problems.append(RowProblem(row.number, column, error))

    cells = row.cells
    person = people.get(cells["user_name"].lower())
    if person is None:
        refuse("user_name", Invalid("staff.unknown", UNKNOWN_PERSON))
    specialty = fields.get(cells["specialty"].lower())
    if specialty is None:
        refuse("specialty", Invalid("specialty.unknown", UNKNOWN_SPECIALTY, specialty=cells["specialty"][:40]))
    day, weekday = _day(cells["day"])
    if weekday is None:
        refuse("day", Invalid("rota.weekday", NO_DAY))
    elif day is not None and day < first:
        refuse("day", Invalid("rota.past", PAST))
    starts, ends = _time(cells["starts"]), _time(cells["ends"])
    for column, found in (("starts", starts), ("ends", ends)):
        if found is None:
            refuse(column, Invalid("rota.time", NO_TIME, example=_EXAMPLE))
    level = _LEVELS.get(heading(cells.get("level", "")))
    if level is None:
        refuse("level", Invalid("rota.level", NO_LEVEL))
    if person is not None and specialty is not None:
        try:
            require_fit(person, specialty.id, day)
        except Invalid as error:
            refuse("user_name", error)
    if (
        problems
        or person is None
        or specialty is None
        or weekday is None
        or starts is None
        or ends is None
        or not level
    ):
        return problems
    return Shift(
        id=new_id("shi"),
        staff_id=person.id,
        specialty_id=SpecialtyId(specialty.id),
        facility_id=facility_id,
        weekday=weekday,
        starts=starts,
        ends=ends,
        level=level,
        day=day,
    )


def _day(text: str) -> tuple[date | None, int | None]:
    """A date and its weekday, or a day of the week alone; neither when it cannot be read."""
    if (weekday := _WEEKDAYS.get(heading(text))) is not None:
        return None, weekday
    parts = text.split("/")
    try:
        day = date(*map(int, reversed(parts))) if len(parts) == 3 else date.fromisoformat(text)
    except (ValueError, OverflowError):
        return None, None
    return day, day.weekday()


def _time(text: str) -> time | None:
    """`7:30`, `07:30`, `07h30` or `24:00`."""
    hours, _, minutes = text.lower().replace("h", ":").partition(":")
    if not (hours.isdecimal() and (minutes or "0").isdecimal() and len(hours) <= 2 and len(minutes) <= 2):
        return None
    hour, minute = int(hours), int(minutes or "0")
    if (hour, minute) == (24, 0):
        return time()
    return time(hour, minute) if hour < 24 and minute < 60 else None


def _key(shift: Shift) -> tuple[object, ...]:
    """What no two turns have in common (`on_call_shifts`)."""
    return shift.staff_id, shift.specialty_id, shift.weekday, shift.starts, shift.day


async def _shifts(tx: Transaction, facility_id: FacilityId, first: date) -> list[Shift]:
    still = or_(on_call_shifts.c.day == "", on_call_shifts.c.day >= first.isoformat())
    rows = await tx.execute(select(on_call_shifts).where(on_call_shifts.c.facility_id == facility_id, still))
    return [shift_of(row) for row in rows.mappings()]


async def _known(tx: Transaction, facility_id: FacilityId, first: date) -> set[tuple[object, ...]]:
    shifts: Sequence[Shift] = await _shifts(tx, facility_id, first)
    return {_key(shift) for shift in shifts}
