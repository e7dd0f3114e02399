"""Which times of the week nobody is on call. Pure: given the weekly turns of one specialty at one hospital."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from consult_rooms.model import Shift

DAY = 24 * 60
WEEK = 7 * DAY


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of one day without anybody; minutes from local midnight, `ends` may be 1440."""

    weekday: int
    starts: int
    ends: int


def gaps(turns: Iterable[Shift]) -> list[Gap]:
    """The stretches that no turn covers, from Monday on, each within one day."""
    covered: list[tuple[int, int]] = []
    for turn in turns:
        first = turn.weekday * DAY + turn.starts.hour * 60 + turn.starts.minute
        lasts = (turn.ends.hour * 60 + turn.ends.minute - turn.starts.hour * 60 - turn.starts.minute) % DAY or DAY
        covered.append((first, min(first + lasts, WEEK)))
        if first + lasts > WEEK:  # Sunday night ends on Monday
            covered.append((0, first + lasts - WEEK))
    found, free_from = [], 0
    for first, last in [*sorted(covered), (WEEK, WEEK)]:
        while free_from < first:
            weekday, starts = divmod(free_from, DAY)
            ends = min(DAY, starts + first - free_from)
            found.append(Gap(weekday, starts, ends))
            free_from += ends - starts
        free_from = max(free_from, last)
    return found
