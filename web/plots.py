"""Plots drawn on the server: numbers in, SVG attribute values out. Pure.

Only attributes are used, never inline style, so that `style-src 'self'` holds. Values of one plot have one unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """A column with a part of it filled; heights and positions in the box's units."""

    x: float
    y: float
    width: float
    height: float
    part_y: float
    part_height: float
    middle: float
    """Where its label stands."""


@dataclass(frozen=True, slots=True)
class Bars:
    """Columns side by side. `most` is the value at the top; 0: there is nothing to draw."""

    width: int
    height: int
    most: float
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through the values there are; a missing one breaks it. `lines` are the points of each stretch."""

    lines: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]


def bars(values: Sequence[tuple[float, float]], *, width: int, height: int) -> Bars:
    """Columns of pairs: the whole, and the part of it that is filled."""
    most = max((whole for whole, _ in values), default=0)
    step = width / max(len(values), 1)
    drawn = []
    for place, (whole, part) in enumerate(values):
        tall, filled = (round(height * value / most, 1) if most else 0.0 for value in (whole, part))
        x = round(place * step + step * 0.15, 1)
        drawn.append(
            Bar(
                x=x,
                y=round(height - tall, 1),
                width=round(step * 0.7, 1),
                height=tall,
                part_y=round(height - filled, 1),
                part_height=filled,
                middle=round(place * step + step / 2, 1),
            )
        )
    return Bars(width, height, most, tuple(drawn))


def curve(values: Sequence[float | None], most: float, *, width: int, height: int) -> Curve:
    """A line over the same columns as `bars`; `most` is the value at the top."""
    step = width / max(len(values), 1)
    stretches: list[list[tuple[float, float]]] = [[]]
    for place, value in enumerate(values):
        if value is None or not most:
            stretches.append([])
        else:
            stretches[-1].append((round(place * step + step / 2, 1), round(height - height * value / most, 1)))
    return Curve(
        tuple(" ".join(f"{x},{y}" for x, y in points) for points in stretches if len(points) > 1),
        tuple(point for points in stretches for point in points),
    )
