"""Sparklines stay in their box whatever the numbers are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from records_panel.spark import MOST_POINTS, sparkline

numbers = st.floats(allow_nan=True, allow_infinity=True)
bounds = st.one_of(st.none(), numbers)


@given(st.lists(numbers, max_size=30), bounds, bounds)
def test_every_coordinate_lies_within_the_box(values: list[float], low: float | None, high: float | None) -> None:
    line = sparkline(values, low, high, width=60, height=18)
    if line is None:
        return
    points = [tuple(map(float, point.split(","))) for point in line.points.split(" ")]
    assert 2 <= len(points) <= MOST_POINTS
    for x, y in [*points, (line.last_x, line.last_y)]:
        assert 0 <= x <= 60
        assert 0 <= y <= 18
    if line.band_y is not None:
        assert 0 <= line.band_y <= 18
        assert 1 <= line.band_height <= 18


def test_higher_values_stand_higher_and_the_last_eight_are_drawn() -> None:
    line = sparkline([*range(20)], None, None, width=112, height=14)
    assert line is not None
    heights = [float(point.split(",")[1]) for point in line.points.split(" ")]
    assert len(heights) == 8
    assert heights == sorted(heights, reverse=True)
    assert (line.last_x, line.last_y) == (109.0, 3.0)


def test_the_end_outside_its_range_is_told() -> None:
    assert sparkline([4.0, 5.6], 3.5, 5.0, width=60, height=18).off  # type: ignore[union-attr] # two points draw
    assert not sparkline([5.6, 4.0], 3.5, 5.0, width=60, height=18).off  # type: ignore[union-attr] # the same


def test_one_value_is_no_trend() -> None:
    assert sparkline([5.0], 1, 9, width=60, height=18) is None
    assert sparkline([], 1, 9, width=60, height=18) is None
    assert sparkline([float("nan"), 3.0], 1, 9, width=60, height=18) is None
