"""The latest vital signs, each with its age, its mark and its line."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from records_panel.absent_codes import absence_in_words
from records_panel.document import VITAL_SIGNS, Document
from records_panel.model import Absence, Mark, Quantity, Section, Sparkline, Vital, VitalKind, When
from records_panel.observations import Measured, comparable
from records_panel.sections import VITAL_SIGNS as _SECTION
from records_panel.spark import sparkline

SYSTOLIC, DIASTOLIC = "8480-6", "8462-4"
WEIGHT = frozenset({"29463-7", "3141-9", "8335-2"})
CODES: Mapping[VitalKind, frozenset[str]] = MappingProxyType(
    {
        VitalKind.PULSE: frozenset({"8867-4", "8889-8", "8893-0", "68999-0", "364075005"}),
        VitalKind.OXYGEN: frozenset({"59408-5", "2708-6", "20564-1"}),
        VitalKind.TEMPERATURE: frozenset({"8310-5", "8331-1", "8329-5", "8328-7", "60830-8", "8332-9"}),
        VitalKind.BREATHS: frozenset({"9279-1", "86290005"}),
        VitalKind.GLUCOSE: frozenset({"14743-9", "32016-8", "41653-7", "15074-8", "2339-0"}),
        VitalKind.COMA_SCALE: frozenset({"9269-2"}),
        VitalKind.PAIN: frozenset({"72514-3", "38208-5", "38221-8"}),
    }
)
_ALL = frozenset().union(*CODES.values(), WEIGHT, {SYSTOLIC, DIASTOLIC, "85354-9", "55284-4", "8302-2", "39156-5"})
_ON_PANEL = frozenset().union(*CODES.values(), WEIGHT, {SYSTOLIC, DIASTOLIC})
_SPARK = (112, 14)


def is_vital(value: Measured) -> bool:
    """Whether a value belongs to the vital signs and not to the laboratory's results."""
    return "vital-signs" in value.categories or not value.codes.isdisjoint(_ALL)


def is_on_panel(value: Measured) -> bool:
    """Whether it is one of the signs that the panel shows by name, or the weight of its banner."""
    return value.quantity is not None and not value.codes.isdisjoint(_ON_PANEL)


def vital_signs(document: Document, values: list[Measured]) -> Section[Vital]:
    """One entry a sign in the panel's order; a sign that was never measured is there without a value."""
    values = [value for value in values if is_on_panel(value)]
    found = [_blood_pressure(values), *(_single(kind, values) for kind in VitalKind if kind in CODES)]
    if any(vital.values for vital in found):
        return Section(tuple(found), document.held_back(VITAL_SIGNS))
    held = document.held_back(VITAL_SIGNS)
    text = document.narrative(_SECTION, VITAL_SIGNS)
    if not held and text and (kind := absence_in_words(text)) is not None:
        return Section((), (Absence(kind, text=text),))
    return Section((), held or document.silence(_SECTION))


def weight(values: list[Measured]) -> tuple[Quantity | None, When | None]:
    """The latest weight and when it was taken."""
    taken = [value for value in values if value.quantity is not None and not value.codes.isdisjoint(WEIGHT)]
    return (taken[-1].quantity, taken[-1].origin.when) if taken else (None, None)


def _single(kind: VitalKind, values: list[Measured]) -> Vital:
    series = [value for value in values if value.quantity is not None and not value.codes.isdisjoint(CODES[kind])]
    if not series:
        return Vital(kind)
    latest = series[-1]
    amount = latest.quantity
    return Vital(
        kind,
        values=(amount.value,) if amount else (),
        unit=amount.unit if amount else "",
        mark=latest.mark,
        origin=latest.origin,
        spark=_line(series),
    )


def _blood_pressure(values: list[Measured]) -> Vital:
    """Systolic over diastolic of one moment; the line is the systolic one, the mark whichever is off."""
    upper = [value for value in values if SYSTOLIC in value.codes and value.quantity is not None]
    lower = [value for value in values if DIASTOLIC in value.codes and value.quantity is not None]
    if not upper:
        return Vital(VitalKind.BLOOD_PRESSURE)
    latest = upper[-1]
    pair = [value for value in lower if value.order == latest.order and value.unit_key == latest.unit_key]
    both = [latest, *pair[-1:]]
    marks: list[Mark] = [value.mark for value in both if value.mark is not None]
    return Vital(
        VitalKind.BLOOD_PRESSURE,
        values=tuple(value.quantity.value for value in both if value.quantity is not None),
        unit=latest.quantity.unit if latest.quantity else "",
        mark=marks[0] if marks else None,
        origin=latest.origin,
        spark=_line(upper),
    )


def _line(series: list[Measured]) -> Sparkline | None:
    reference = series[-1].reference
    width, height = _SPARK
    return sparkline(
        comparable(series),
        reference.low if reference else None,
        reference.high if reference else None,
        width=width,
        height=height,
    )
