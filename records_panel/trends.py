"""Everything that was measured, over time: one axis a unit, each value with its own range. Pure.

Values of several units share an axis only where one can be turned into the other exactly (`records_panel.units`);
else each unit has a chart of its own. What is known by the year or month alone, or by a limit (`<0.5`), has no exact
place on an axis: it stands among the values and not on the line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import overload

from records_panel.model import (
    Precision,
    Range,
    Trend,
    TrendChart,
    TrendLine,
    TrendPoint,
    TrendValue,
    VitalKind,
)
from records_panel.observations import Measured, by_key
from records_panel.units import converted, convertible
from records_panel.vital_signs import CODES, DIASTOLIC, SYSTOLIC, WEIGHT, is_on_panel

WEIGHT_KEY = "weight"
_PRECISE = (Precision.DAY, Precision.TIME)


class Trends(Sequence[Trend]):
    """The trends of a book, each made only when it is asked for: the first screen wants to know where there are any."""

    def __init__(self, series: Iterable[tuple[str, list[Measured]]]) -> None:
        """`series` are the values by the key of their trend, the oldest first."""
        self._series = list(series)

    @property
    def several(self) -> frozenset[str]:
        """The keys of those with more than one value."""
        return frozenset(key for key, series in self._series if len(_told(key, series)) > 1)

    def __len__(self) -> int:
        return len(self._series)

    @overload
    def __getitem__(self, index: int) -> Trend: ...
    @overload
    def __getitem__(self, index: slice) -> list[Trend]: ...
    def __getitem__(self, index: int | slice) -> Trend | list[Trend]:
        if isinstance(index, slice):
            return [_trend(key, series) for key, series in self._series[index]]
        return _trend(*self._series[index])


def trends(values: list[Measured]) -> Trends:
    """The trend of each vital sign (its key is the `VitalKind`), of the weight, and of each other thing by its key."""
    shown = [value for value in values if is_on_panel(value)]
    signs: list[tuple[str, list[Measured]]] = [
        (VitalKind.BLOOD_PRESSURE, _of(shown, frozenset({SYSTOLIC, DIASTOLIC}))),
        *((kind, _of(shown, codes)) for kind, codes in CODES.items()),
        (WEIGHT_KEY, _of(shown, WEIGHT)),
    ]
    found = [(key, series) for key, series in (*signs, *by_key(values).items()) if series]
    return Trends(dict(reversed(found)).items())


def _of(values: list[Measured], codes: frozenset[str]) -> list[Measured]:
    return [value for value in values if not value.codes.isdisjoint(codes)]


def _trend(key: str, series: list[Measured]) -> Trend:
    """`series` has the oldest first."""
    newest_first = series[::-1]
    values = [_pressure(upper, lower) if lower else _value(upper) for upper, lower in _told(key, newest_first)]
    return Trend(key, newest_first[0].name, tuple(values), tuple(_charts(newest_first)))


def _told(key: str, series: list[Measured]) -> list[tuple[Measured, Measured | None]]:
    """The values as people say them, in the order given: two pressures of one moment and unit are one."""
    if key != VitalKind.BLOOD_PRESSURE:
        return [(value, None) for value in series]
    moments: dict[tuple[float, str], list[Measured]] = {}
    for value in series:
        moments.setdefault((value.order, value.unit_key), []).append(value)
    told: list[tuple[Measured, Measured | None]] = []
    for measured in moments.values():
        pair = sorted(measured, key=lambda value: SYSTOLIC not in value.codes)
        if [_line_key(value) for value in pair] == [SYSTOLIC, DIASTOLIC]:
            told.append((pair[0], pair[1]))
        else:
            told += [(value, None) for value in measured]
    return told


def _pressure(upper: Measured, lower: Measured) -> TrendValue:
    """Systolic over diastolic as one value."""
    pair = (upper, lower)
    texts = [f"{value.quantity.value:g}" for value in pair if value.quantity]
    bounds = [_bound(value.reference) for value in pair]
    return TrendValue(
        name=upper.name,
        quantity=None,
        text=f"{'/'.join(texts)} {upper.quantity.unit if upper.quantity else ''}".strip(),
        reference=Range(text=" / ".join(bounds)) if all(bounds) else None,
        mark=upper.mark or lower.mark,
        origin=upper.origin,
        preliminary=upper.preliminary or lower.preliminary,
    )


def _bound(reference: Range | None) -> str:
    if reference is None or reference.low is None or reference.high is None:
        return reference.text if reference else ""
    return f"{reference.low:g}–{reference.high:g}"


def _value(value: Measured) -> TrendValue:
    return TrendValue(
        value.name, value.quantity, value.text, value.reference, value.mark, value.origin, value.preliminary
    )


def _charts(newest_first: list[Measured]) -> Iterable[TrendChart]:
    """The unit of the newest value comes first, and takes in what can be turned into it."""
    left = [value for value in newest_first if _has_place(value)]
    while left:
        unit = left[0].unit_key
        here = [value for value in left if convertible(value.unit_key, unit)]
        left = [value for value in left if not convertible(value.unit_key, unit)]
        lines: dict[str, list[Measured]] = {}
        for value in reversed(here):
            lines.setdefault(_line_key(value), []).append(value)
        quantity = here[0].quantity
        yield TrendChart(
            unit=quantity.unit if quantity else "",
            lines=tuple(TrendLine(line[-1].name, tuple(_point(one, unit) for one in line)) for line in lines.values()),
            converted=any(value.unit_key != unit for value in here),
        )


def _line_key(value: Measured) -> str:
    """The two pressures are two lines; whatever else a trend gathers is one thing under several codes."""
    return next((code for code in (SYSTOLIC, DIASTOLIC) if code in value.codes), "")


def _has_place(value: Measured) -> bool:
    at = value.origin.when
    return value.quantity is not None and not value.quantity.comparator and at is not None and at.precision in _PRECISE


def _point(value: Measured, unit: str) -> TrendPoint:
    amount = value.quantity.value if value.quantity else 0.0
    own, reference = value.unit_key, value.reference or Range()
    return TrendPoint(
        at=value.order,
        value=converted(amount, own, unit),
        low=None if reference.low is None else converted(reference.low, own, unit),
        high=None if reference.high is None else converted(reference.high, own, unit),
        mark=value.mark,
    )
