"""What holds on which dates: the rota as its pages show it, and the hours to come that nobody has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select

from consult_rooms.coverage import Gap, Turn, gaps, lost, turns_between
from consult_rooms.model import Level
from consult_rooms.rota import shift_of
from consult_rooms.rota_ledger import Recorded, latest, since, version_of
from consult_rooms.rota_tables import lifted_turns
from consult_rooms.tables import on_call_shifts
from foundation.database import Database, Transaction
from foundation.ids import FacilityId, SpecialtyId, StaffId
from identity.model import Staff
from identity.store import Directory

AHEAD = 14
"""Days over which gaps are looked for before they happen."""


@dataclass(frozen=True, slots=True)
class RotaWeek:
    """The turns that begin on some dates at one hospital, those lifted among them, and who holds them."""

    first: date
    days: int
    turns: tuple[Turn, ...]
    """Those of the day before as well, since they may pass midnight."""
    people: Mapping[StaffId, Staff]
    version: int
    """Of the rota; who changes it says which one they have seen."""

    def gaps(self, specialty_id: SpecialtyId) -> list[Gap]:
        """When nobody is on call first who may answer: the holder works here still and has a licence on that date.

        A backup covers nothing: it rings when the first has not answered.
        """
        return gaps(
            (turn for turn in self.turns if turn.shift.specialty_id == specialty_id and covering(turn, self.people)),
            self.first,
            self.days,
        )

    def lost(self, specialty_id: SpecialtyId) -> list[Gap]:
        """The gaps in hours that the turns would cover if each holder were there: leave, a licence, somebody who left.

        Not those that the hospital leaves open each week, since others may be on call for its clinics then.
        """
        planned = [
            replace(turn, lifted=False)
            for turn in self.turns
            if turn.shift.specialty_id == specialty_id and turn.shift.level is Level.FIRST
        ]
        return lost(self.gaps(specialty_id), gaps(planned, self.first, self.days))

    @property
    def specialties(self) -> frozenset[SpecialtyId]:
        """The specialties for which somebody is on call first on some date."""
        return frozenset(turn.shift.specialty_id for turn in self.turns if turn.shift.level is Level.FIRST)


@dataclass(frozen=True, slots=True)
class ComingGap:
    """Hours to come in which nobody is on call first, though somebody should be."""

    facility_id: FacilityId
    specialty_id: SpecialtyId
    starts_at: datetime
    ends_at: datetime


class RotaWeeks:
    """Reads the rota by dates, in the installation's zone."""

    def __init__(self, database: Database, directory: Directory, zone: ZoneInfo) -> None:
        self._database = database
        self._directory = directory
        self._zone = zone

    async def today(self) -> date:
        """The date now."""
        async with self._database.reading() as tx:
            return (await tx.now()).astimezone(self._zone).date()

    async def read(self, facility_id: FacilityId, first: date, days: int = 7) -> RotaWeek:
        """The rota of one hospital on these dates. The caller has decided who may see it."""
        async with self._database.reading() as tx:
            version = await version_of(tx, facility_id)
            turns = await turns_of(tx, [facility_id], first, days)
            people = await self._directory.staff_many({turn.shift.staff_id for turn in turns}, tx=tx)
        return RotaWeek(first, days, tuple(turns), people, version)

    async def changes(self, facility_id: FacilityId, seen: int | None = None) -> list[Recorded]:
        """What was changed after a version, in order; without one the last changes, the newest first."""
        async with self._database.reading() as tx:
            return await (latest(tx, facility_id) if seen is None else since(tx, facility_id, seen))

    async def coming_gaps(self, facility_ids: Collection[FacilityId], days: int = AHEAD) -> list[ComingGap]:
        """The hours from now on that nobody has though a turn would cover them (`RotaWeek.lost`), the next first.

        Stretches that meet at midnight are one.
        """
        async with self._database.reading() as tx:
            now = await tx.now()
            first = now.astimezone(self._zone).date()
            turns = await turns_of(tx, facility_ids, first, days)
            people = await self._directory.staff_many({turn.shift.staff_id for turn in turns}, tx=tx)
        found: list[ComingGap] = []
        for facility_id in sorted({turn.shift.facility_id for turn in turns}):
            there = tuple(turn for turn in turns if turn.shift.facility_id == facility_id)
            week = RotaWeek(first, days, there, people, 0)
            for specialty_id in sorted(week.specialties):
                for starts_at, ends_at in _joined(week.lost(specialty_id), self._zone):
                    if ends_at > now:
                        found.append(ComingGap(facility_id, specialty_id, max(starts_at, now), ends_at))
        return sorted(found, key=lambda gap: (gap.starts_at, gap.facility_id, gap.specialty_id))


def covering(turn: Turn, people: Mapping[StaffId, Staff]) -> bool:
    """Whether a turn gives its hours somebody who may answer first."""
    holder = people.get(turn.shift.staff_id)
    return (
        not turn.lifted
        and turn.shift.level is Level.FIRST
        and holder is not None
        and holder.active
        and holder.licence_valid(turn.day)
    )


async def turns_of(tx: Transaction, facility_ids: Collection[FacilityId], first: date, days: int) -> list[Turn]:
    """The turns of these hospitals that begin on these dates or on the day before."""
    before, last = first - timedelta(days=1), first + timedelta(days=days - 1)
    span = before.isoformat(), last.isoformat()
    mine = on_call_shifts.c.facility_id.in_(list(facility_ids))
    rows = await tx.execute(
        select(on_call_shifts).where(mine, or_(on_call_shifts.c.day == "", on_call_shifts.c.day.between(*span)))
    )
    shifts = [shift_of(row) for row in rows.mappings()]
    lifted = await tx.execute(
        select(lifted_turns)
        .join(on_call_shifts, on_call_shifts.c.id == lifted_turns.c.shift_id)
        .where(mine, lifted_turns.c.day.between(*span))
    )
    known = {(row.shift_id, date.fromisoformat(row.day)) for row in lifted}
    return turns_between(shifts, known, before, days + 1)


def _joined(found: Iterable[Gap], zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    spans: list[tuple[datetime, datetime]] = []
    for gap in found:
        midnight = datetime(gap.day.year, gap.day.month, gap.day.day, tzinfo=zone)
        starts_at, ends_at = midnight + timedelta(minutes=gap.starts), midnight + timedelta(minutes=gap.ends)
        if spans and spans[-1][1] == starts_at:
            starts_at = spans.pop()[0]
        spans.append((starts_at, ends_at))
    return spans
