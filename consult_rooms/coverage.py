"""Which turns hold on which dates, and when nobody is on call. Pure: given the turns of one hospital.

Times are minutes of the wall clock from the first midnight on; a turn that ends before it starts ends on the day after.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from consult_rooms.appointment import Shift

DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn on the date on which it begins. `lifted`: it does not hold on that date."""

    shift: Shift
    day: date
    lifted: bool = False

    @property
    def minutes(self) -> int:
        """How long it lasts."""
        starts, ends = self.shift.starts, self.shift.ends
        return (ends.hour * 60 + ends.minute - starts.hour * 60 - starts.minute) % DAY or DAY

    def span(self, first: date) -> tuple[int, int]:
        """Its start and end in minutes from midnight of `first` on."""
        starts = (self.day - first).days * DAY + self.shift.starts.hour * 60 + self.shift.starts.minute
        return starts, starts + self.minutes

    def meets(self, other: Turn) -> bool:
        """Whether both run at some moment."""
        starts, ends = self.span(self.day)
        others, its_end = other.span(self.day)
        return starts < its_end and others < ends


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of one date without anybody; minutes from local midnight, `ends` may be 1440."""

    day: date
    starts: int
    ends: int


def lost(open_hours: Iterable[Gap], planned: Iterable[Gap]) -> list[Gap]:
    """The parts of `open_hours` that are not open by plan."""
    by_plan = list(planned)
    found = []
    for gap in open_hours:
        starts = gap.starts
        for hole in by_plan:
            if hole.day == gap.day and hole.starts < gap.ends and hole.ends > starts:
                if hole.starts > starts:
                    found.append(Gap(gap.day, starts, hole.starts))
                starts = max(starts, hole.ends)
        if starts < gap.ends:
            found.append(Gap(gap.day, starts, gap.ends))
    return found


def turns_between(shifts: Iterable[Shift], lifted: Collection[tuple[str, date]], first: date, days: int) -> list[Turn]:
    """The turns that begin on these dates, by time. Weekly ones come each week, lifted ones marked so."""
    found = []
    for shift in shifts:
        if shift.day is not None:
            if first <= shift.day < first + timedelta(days=days):
                found.append(Turn(shift, shift.day))
            continue
        for count in range((shift.weekday - first.weekday()) % 7, days, 7):
            day = first + timedelta(days=count)
            found.append(Turn(shift, day, (shift.id, day) in lifted))
    return sorted(
        found, key=lambda turn: (turn.day, turn.shift.starts, turn.shift.level.value != "first", turn.shift.id)
    )


def gaps(turns: Iterable[Turn], first: date, days: int) -> list[Gap]:
    """The stretches of these dates that no turn covers, each within one date.

    The turns of the day before have to be among those given, since they may pass midnight.
    """
    whole = days * DAY
    free_from, found = 0, []
    covered = sorted(turn.span(first) for turn in turns if not turn.lifted)
    for starts, ends in [*covered, (whole, whole)]:
        while free_from < min(starts, whole):
            count, minute = divmod(free_from, DAY)
            until = min(DAY, minute + starts - free_from)
            found.append(Gap(first + timedelta(days=count), minute, until))
            free_from += until - minute
        free_from = max(free_from, ends)
    return found
