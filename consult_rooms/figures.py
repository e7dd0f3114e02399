"""What a hospital's or clinic's consults come to over some weeks: how many, how soon answered, held, and times used.

Requests are those that rang or were written, by the day on which they were asked; the time to answer is that from the
request to the claim that held. Booked consults count on the day for which they were booked. All is read from the rows
of consults and slots by the statements of `figure_queries`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from consult_rooms import figure_queries
from consult_rooms.figure_queries import Span
from consult_rooms.model import Urgency
from consult_rooms.tables import consults
from foundation.database import Database
from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.ids import ConsultId, FacilityId, SpecialtyId
from identity.model import Staff
from identity.policy import Action, Target, require

MOST_WEEKS = 26
CASES = 200
"""Cases of one list at most."""
LEAST = 3
"""Ratings of which a share is told at least; of fewer one could guess who said what."""
TOO_LONG = N_("Figures are told for 1 to %(most)s weeks.")


class Dimension(StrEnum):
    """By what figures are told."""

    SPECIALTY = "specialty"
    HOSPITAL = "hospital"
    """Whose specialist answered, or whose time it was; empty: nobody answered."""
    FACILITY = "facility"
    """Which clinic asked."""
    WEEK = "week"


class Which(StrEnum):
    """Which cases a list shows."""

    ALL = "all"
    LATE = "late"
    """Not answered in time: later, or not at all."""
    MISSED = "missed"
    """Booked and not held, since nobody came."""


@dataclass(slots=True)
class Line:
    """The figures of one value of a dimension, or of all. `key` is an id, or the ISO date of a Monday."""

    key: str = ""
    requests: int = 0
    cancelled: int = 0
    """Given up before anybody answered; they count neither as answered nor as not."""
    answered: int = 0
    in_time: int = 0
    median_s: int | None = None
    ninetieth_s: int | None = None
    booked: int = 0
    missed: int = 0
    offered_minutes: int = 0
    used_minutes: int = 0
    of_use: int = 0
    """Ratings of the use, of both sides; `useful` of them say that it was of use."""
    useful: int = 0
    of_line: int = 0
    """Ratings of the line; `good_line` of them say that it was good."""
    good_line: int = 0

    @property
    def in_time_share(self) -> float | None:
        """Of the requests that were not given up."""
        asked = self.requests - self.cancelled
        return self.in_time / asked if asked else None

    @property
    def used_share(self) -> float | None:
        """Of the time that specialists offered."""
        return self.used_minutes / self.offered_minutes if self.offered_minutes else None

    @property
    def useful_share(self) -> float | None:
        """Of the ratings of the use; None below `LEAST`."""
        return self.useful / self.of_use if self.of_use >= LEAST else None

    @property
    def good_line_share(self) -> float | None:
        """Of the ratings of the line; None below `LEAST`."""
        return self.good_line / self.of_line if self.of_line >= LEAST else None


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of some weeks."""

    first: date
    weeks: int
    total: Line
    by: Mapping[Dimension, tuple[Line, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """One consult in a list, without its patient and what was asked."""

    id: ConsultId
    code: str
    urgency: Urgency
    state: str
    specialty_id: SpecialtyId
    clinic_id: FacilityId
    hospital_id: FacilityId | None
    at: datetime
    """When it was asked for, or the time for which it was booked."""
    waited_s: int | None
    in_time: bool


class FiguresDesk:
    """Reads figures for those who keep the calendar of a hospital or clinic: its coordinators and administrators.

    `targets` is within how long somebody should have answered, by urgency.
    """

    def __init__(self, database: Database, zone: ZoneInfo, targets: Mapping[Urgency, timedelta]) -> None:
        self._database = database
        self._zone = zone
        self._targets = {urgency: round(target.total_seconds()) for urgency, target in targets.items()}

    def span(self, facility_id: FacilityId, first: date, weeks: int) -> Span:
        """Those weeks from a Monday on. Raises Invalid `figures.weeks`."""
        if not 1 <= weeks <= MOST_WEEKS:
            raise Invalid("figures.weeks", TOO_LONG, field="weeks", most=MOST_WEEKS)
        monday = first - timedelta(days=first.weekday())
        mondays = [monday + timedelta(weeks=count) for count in range(weeks + 1)]
        starts = tuple(datetime.combine(day, time(), self._zone) for day in mondays)
        return Span(facility_id, starts, self._targets, self._database.is_sqlite)

    async def read(self, staff: Staff, facility_id: FacilityId, first: date, weeks: int) -> Figures:
        """All figures of a hospital's or clinic's weeks. Raises Forbidden, Invalid `figures.weeks`."""
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=facility_id))
        span = self.span(facility_id, first, weeks)
        total = Line()
        lines: dict[Dimension, dict[str, Line]] = {dimension: {} for dimension in Dimension}
        mondays = [(span.starts[0].date() + timedelta(weeks=count)).isoformat() for count in range(weeks)]
        for monday in mondays:
            lines[Dimension.WEEK][monday] = Line(monday)

        def of(row: Any) -> Iterable[Line]:
            """The lines to which a row of counts belongs."""
            yield total
            for dimension in Dimension:
                if dimension in row:
                    value = row[dimension]
                    key = mondays[value] if dimension is Dimension.WEEK else value or ""
                    yield lines[dimension].setdefault(key, Line(key))

        async with self._database.reading() as tx:
            now = await tx.now()
            for row in (await tx.execute(figure_queries.requests(span))).mappings():
                for line in of(row):
                    line.requests += row["requests"]
                    line.cancelled += row["cancelled"]
                    line.answered += row["answered"]
                    line.in_time += row["in_time"]
            for row in (await tx.execute(figure_queries.bookings(span, now))).mappings():
                for line in of(row):
                    line.booked += row["booked"]
                    line.missed += row["missed"]
            for row in (await tx.execute(figure_queries.times(span))).mappings():
                for line in of(row):
                    line.offered_minutes += row["offered"] // 60
                    line.used_minutes += row["used"] // 60
            for row in (await tx.execute(figure_queries.ratings(span))).mappings():
                for line in of(row):
                    line.of_use += row["of_use"]
                    line.useful += row["useful"]
                    line.of_line += row["of_line"]
                    line.good_line += row["good_line"]
            for row in await tx.execute(figure_queries.waits(span, Dimension)):
                line = total
                if row.dimension:
                    key = mondays[int(row.key)] if row.dimension == Dimension.WEEK else row.key or ""
                    line = lines[Dimension(row.dimension)].setdefault(key, Line(key))
                line.median_s, line.ninetieth_s = row.median, row.ninetieth
        return Figures(span.starts[0].date(), weeks, total, {one: tuple(lines[one].values()) for one in Dimension})

    async def cases(
        self,
        staff: Staff,
        facility_id: FacilityId,
        first: date,
        weeks: int,
        which: Which = Which.ALL,
        dimension: Dimension | None = None,
        key: str = "",
    ) -> list[Case]:
        """The cases behind a figure, the newest first, at most `CASES`. Raises as `read`."""
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=facility_id))
        span = self.span(facility_id, first, weeks)
        async with self._database.reading() as tx:
            query = figure_queries.cases(span, await tx.now(), missed=which is Which.MISSED, late=which is Which.LATE)
            if dimension is Dimension.SPECIALTY:
                query = query.where(consults.c.specialty_id == key)
            elif dimension is Dimension.HOSPITAL:
                query = query.where(consults.c.specialist_facility_id == (key or None))
            elif dimension is Dimension.FACILITY:
                query = query.where(consults.c.requester_facility_id == key)
            return [self._case(row) for row in (await tx.execute(query.limit(CASES))).mappings()]

    def _case(self, row: Any) -> Case:
        urgency, waited = Urgency(row[consults.c.urgency]), row["waited"]
        hospital = row[consults.c.specialist_facility_id]
        return Case(
            id=ConsultId(row[consults.c.id]),
            code=row[consults.c.code],
            urgency=urgency,
            state=row[consults.c.state],
            specialty_id=SpecialtyId(row[consults.c.specialty_id]),
            clinic_id=FacilityId(row[consults.c.requester_facility_id]),
            hospital_id=None if hospital is None else FacilityId(hospital),
            at=row[consults.c.starts_at] or row[consults.c.created_at],
            waited_s=waited,
            in_time=waited is not None and waited <= self._targets[urgency],
        )
