"""Which turns hold on which dates, and the hours that nobody holds."""

from __future__ import annotations

from datetime import date, time, timedelta

from consult_rooms.appointment import Shift
from consult_rooms.coverage import DAY, Gap, Turn, gaps, lost, turns_between
from consult_rooms.model import Level
from foundation.ids import FacilityId, SpecialtyId, StaffId

MONDAY = date(2026, 11, 23)


def shift(weekday: int, starts: int, ends: int, day: date | None = None, name: str = "") -> Shift:
    """Whole hours; 24 is midnight."""
    return Shift(
        name or f"shi_{weekday}_{starts}_{day}",
        StaffId("stf_1"),
        SpecialtyId("spe_1"),
        FacilityId("fac_1"),
        weekday,
        time(starts % 24),
        time(ends % 24),
        Level.FIRST,
        day,
    )


def holes(*shifts: Shift, lifted: tuple[tuple[str, date], ...] = ()) -> list[Gap]:
    """Those of the week from Monday on."""
    return gaps(turns_between(shifts, lifted, MONDAY - timedelta(days=1), 8), MONDAY, 7)


def test_a_week_without_turns_is_one_gap_a_day() -> None:
    assert holes() == [Gap(MONDAY + timedelta(days=count), 0, DAY) for count in range(7)]


def test_day_and_night_leave_none() -> None:
    assert holes(*(shift(day, *hours) for day in range(7) for hours in ((7, 19), (19, 7)))) == []
    assert holes(*(shift(day, 7, 7) for day in range(7))) == [], "equal times are a whole day"


def test_sunday_night_ends_on_monday() -> None:
    days = [shift(day, 7, 7) for day in range(1, 7)]
    assert holes(*days, shift(0, 8, 7)) == [Gap(MONDAY, 7 * 60, 8 * 60)]


def test_gaps_stand_between_turns_that_overlap_and_at_the_ends() -> None:
    days = [shift(day, 0, 24) for day in range(1, 7)]
    assert holes(*days, shift(0, 6, 12), shift(0, 10, 14), shift(0, 20, 22)) == [
        Gap(MONDAY, 0, 6 * 60),
        Gap(MONDAY, 14 * 60, 20 * 60),
        Gap(MONDAY, 22 * 60, DAY),
    ]


def test_a_turn_lifted_on_a_date_leaves_its_hours_open_that_week_alone() -> None:
    weekly = [shift(day, 7, 7) for day in range(7)]
    tuesday = MONDAY + timedelta(days=1)
    lifted = ((weekly[1].id, tuesday),)
    assert holes(*weekly, lifted=lifted) == [
        Gap(tuesday, 7 * 60, DAY),
        Gap(tuesday + timedelta(days=1), 0, 7 * 60),
    ]
    stand_in = shift(1, 7, 20, tuesday)
    assert holes(*weekly, stand_in, lifted=lifted)[0] == Gap(tuesday, 20 * 60, DAY)
    later = turns_between(weekly, lifted, MONDAY + timedelta(days=7), 7)
    assert gaps(later, MONDAY + timedelta(days=8), 6) == []


def test_turns_come_by_date_each_week_or_once() -> None:
    once = shift(2, 8, 9, MONDAY + timedelta(days=9))
    found = turns_between([shift(2, 7, 8), once], set(), MONDAY, 14)
    assert [(turn.day.day, turn.shift.starts.hour) for turn in found] == [(25, 7), (2, 7), (2, 8)]
    assert turns_between([once], set(), MONDAY, 7) == []


def test_turns_meet_over_midnight() -> None:
    night = Turn(shift(0, 19, 7), MONDAY)
    assert night.meets(Turn(shift(1, 6, 9), MONDAY + timedelta(days=1)))
    assert not night.meets(Turn(shift(1, 7, 9), MONDAY + timedelta(days=1)))


def test_what_is_lost_is_not_what_is_open_by_plan() -> None:
    planned = [Gap(MONDAY, 0, 420), Gap(MONDAY, 600, 700)]
    assert lost([Gap(MONDAY, 0, DAY)], planned) == [Gap(MONDAY, 420, 600), Gap(MONDAY, 700, DAY)]
    assert lost(planned, planned) == []
    assert lost(planned, []) == planned
    assert lost([Gap(MONDAY, 100, 650)], planned) == [Gap(MONDAY, 420, 600)]
