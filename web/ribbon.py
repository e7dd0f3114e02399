"""The ribbon of a sitting, drawn on the server: a row for each person, each stretch a band, the lower the worse. Pure.

Only attributes are used, as in `plots`. The box is stretched to the page's width, so it holds no text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from consult_rooms.sittings import Lane, Level, Sitting, Stretch

WIDTH, HEIGHT = 1000, 40
THIN = 2.0
"""Units that the shortest stretch is wide, to be seen."""
HEIGHTS: Mapping[Level, int] = {
    Level.FULL: 40,
    Level.WEAK: 31,
    Level.LOW: 23,
    Level.STILLS: 16,
    Level.SOUND: 10,
    Level.CHOSEN: 10,
    Level.LOST: 5,
}


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch as a rectangle, in the box's units."""

    stretch: Stretch
    x: float
    width: float
    y: int
    height: int


def bands(sitting: Sitting, lane: Lane) -> tuple[Band, ...]:
    """One person's row."""
    whole = max((sitting.ends_at - sitting.starts_at).total_seconds(), 1.0)
    found = []
    for one in lane.stretches:
        width = max(round(one.seconds / whole * WIDTH, 1), THIN)
        x = round((one.starts_at - sitting.starts_at).total_seconds() / whole * WIDTH, 1)
        height = HEIGHTS[one.level]
        found.append(Band(one, max(min(x, WIDTH - width), 0.0), width, HEIGHT - height, height))
    return tuple(found)
