"""Everything that was measured, over time: one axis a unit, each value with its own range. Pure.

Values of several units share an axis only where one can be turned into the other exactly (`records_panel.units`);
else each unit has a chart of its own. What is known by the year or month alone, or by a limit (`<0.5`), has no exact
place on an axis: it stands among the values and not on the line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
from records_panel.vital_signs import CODES, DIASTOLIC, SYSTOLIC, WEIGHT

WEIGHT_KEY = "weight"
_PRECISE = (Precision.DAY, Precision.TIME)


def trends(values: list[Measured]) -> tuple[Trend, ...]:
    """The trend of each vital sign (its key is the `VitalKind`), of the weight, and of each other thing by its key."""
    signs: list[tuple[str, list[Measured]]] = [
        (VitalKind.BLOOD_PRESSURE, _of(values, frozenset({SYSTOLIC, DIASTOLIC}))),
        *((kind, _of(values, codes)) for kind, codes in CODES.items()),
        (WEIGHT_KEY, _of(values, WEIGHT)),
    ]
    found = [_trend(key, series) for key, series in (*signs, *by_key(values).items()) if series]
    return tuple({trend.key: trend for trend in reversed(found)}.values())


def _of(values: list[Measured], codes: frozenset[str]) -> list[Measured]:
    return [value for value in values if value.quantity is not None and not value.codes.isdisjoint(codes)]


def _trend(key: str, series: list[Measured]) -> Trend:
    """`series` has the oldest first."""
    newest_first = series[::-1]
    values = _pressures(newest_first) if key == VitalKind.BLOOD_PRESSURE else map(_value, newest_first)
    return Trend(key, newest_first[0].name, tuple(values), tuple(_charts(newest_first)))


def _pressures(newest_first: list[Measured]) -> Iterator[TrendValue]:
    """Systolic over diastolic of one moment and unit as one value, as people say it."""
    moments: dict[tuple[float, str], list[Measured]] = {}
    for value in newest_first:
        moments.setdefault((value.order, value.unit_key), []).append(value)
    for measured in moments.values():
        pair = sorted(measured, key=lambda value: SYSTOLIC not in value.codes)
        if [_line_key(value) for value in pair] != [SYSTOLIC, DIASTOLIC]:
            yield from map(_value, measured)
            continue
        upper, lower = pair
        texts = [f"{value.quantity.value:g}" for value in pair if value.quantity]
        bounds = [f"{_bound(value.reference)}" for value in pair]
        yield TrendValue(
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
