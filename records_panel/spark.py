"""Sparklines drawn on the server: numbers in, SVG attribute values out. Pure.

Only attributes are used, never inline style, so that `style-src 'self'` holds. The caller gives values of one unit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from records_panel.model import Sparkline

MOST_POINTS = 8
_MARGIN = 3.0  # room for the last point's circle (radius 2.6) inside the box


def sparkline(
    values: Sequence[float], low: float | None, high: float | None, *, width: int, height: int
) -> Sparkline | None:
    """The line of the last eight values, oldest first, over the band of the reference range.

    A bound that is None is open: the band then reaches the edge of the box. None when there are not two finite
    values to compare: one point is no trend.
    """
    finite = [value for value in values if math.isfinite(value)][-MOST_POINTS:]
    if len(finite) < 2:
        return None
    low = low if low is not None and math.isfinite(low) else None
    high = high if high is not None and math.isfinite(high) else None
    floor = min([*finite, *(bound for bound in (low, high) if bound is not None)])
    ceiling = max([*finite, *(bound for bound in (low, high) if bound is not None)])
    span = ceiling - floor
    inner = height - 2 * _MARGIN

    def y(value: float) -> float:
        share = 0.5 if span == 0 or not math.isfinite(span) else (value - floor) / span
        return round(height - _MARGIN - share * inner, 1)

    step = (width - 2 * _MARGIN) / (len(finite) - 1)
    points = [(round(_MARGIN + index * step, 1), y(value)) for index, value in enumerate(finite)]
    band_y, band_height = None, 0.0
    if low is not None or high is not None:
        band_y = y(high) if high is not None else 0.0
        band_height = round(max((y(low) if low is not None else float(height)) - band_y, 1.0), 1)
    last = finite[-1]
    return Sparkline(
        width=width,
        height=height,
        points=" ".join(f"{x},{value}" for x, value in points),
        last_x=points[-1][0],
        last_y=points[-1][1],
        band_y=band_y,
        band_height=band_height,
        off=(low is not None and last < low) or (high is not None and last > high),
    )
