"""The hours of a week that nobody holds."""

from __future__ import annotations

from datetime import time

from consult_rooms.coverage import DAY, Gap, gaps
from consult_rooms.model import Shift
from foundation.ids import FacilityId, SpecialtyId, StaffId


def turn(weekday: int, starts: int, ends: int) -> Shift:
    """Whole hours; 24 is midnight."""
    return Shift(
        "shi_1",
        StaffId("stf_1"),
        SpecialtyId("spe_1"),
        FacilityId("fac_1"),
        weekday,
        time(starts % 24),
        time(ends % 24),
    )


def test_a_week_without_turns_is_one_gap_a_day() -> None:
    assert gaps([]) == [Gap(weekday, 0, DAY) for weekday in range(7)]


def test_day_and_night_leave_none() -> None:
    assert gaps(turn(day, *hours) for day in range(7) for hours in ((7, 19), (19, 7))) == []
    assert gaps(turn(day, 7, 7) for day in range(7)) == [], "equal times are a whole day"


def test_sunday_night_ends_on_monday() -> None:
    days = [turn(day, 7, 7) for day in range(1, 7)]
    assert gaps([*days, turn(0, 8, 7)]) == [Gap(0, 7 * 60, 8 * 60)]


def test_gaps_stand_between_turns_that_overlap_and_at_the_ends() -> None:
    days = [turn(day, 0, 24) for day in range(1, 7)]
    assert gaps([*days, turn(0, 6, 12), turn(0, 10, 14), turn(0, 20, 22)]) == [
        Gap(0, 0, 6 * 60),
        Gap(0, 14 * 60, 20 * 60),
        Gap(0, 22 * 60, DAY),
    ]
