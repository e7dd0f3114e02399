"""Laboratory results: the latest of each, the abnormal ones first, change and line within one unit alone."""

from __future__ import annotations

from records_panel.document import Document
from records_panel.entries import RESULTS
from records_panel.model import Absence, AbsenceKind, Mark, Result, Section
from records_panel.observations import Measured, by_key, comparable
from records_panel.spark import sparkline
from records_panel.vital_signs import is_vital

BLOOD_GROUP = frozenset({"882-1", "883-9", "10331-7", "34530-6", "77397-8"})
_NOT_RESULTS = frozenset({"social-history", "survey", "exam", "activity"})
_GRAVE = (Mark.VERY_HIGH, Mark.VERY_LOW)
_SPARK = (60, 18)


def results(document: Document, values: list[Measured]) -> tuple[Section[Result], Section[Result]]:
    """Abnormal results, the grave ones first, and all results; each list has the newest first."""
    chosen = [value for value in values if _is_result(value)]
    found = [_result(series) for series in by_key(chosen).values()]
    times = {id(result): series[-1].order for result, series in zip(found, by_key(chosen).values(), strict=True)}
    found.sort(key=lambda result: times[id(result)], reverse=True)
    abnormal = sorted((result for result in found if result.mark), key=lambda result: result.mark not in _GRAVE)
    held = document.held_back("Observation")
    everything = Section(tuple(found), held or (() if found else document.silence(RESULTS, "Observation")))
    if abnormal:
        return Section(tuple(abnormal), held), everything
    if found:
        # Results are there and none of them is marked: that is something known, and not a silence of the record.
        return Section((), (Absence(AbsenceKind.KNOWN_NONE), *held)), everything
    return Section((), everything.absences), everything


def blood_group(values: list[Measured]) -> str | None:
    """ABO and Rh as the record has them; the combined result before the two single ones."""
    latest = {code: value.text for value in values for code in value.codes & BLOOD_GROUP if value.text}
    combined = latest.get("882-1") or latest.get("34530-6")
    if combined or "883-9" not in latest:
        return combined or None
    return f"{latest['883-9']}, {latest['10331-7']}" if "10331-7" in latest else latest["883-9"]


def _is_result(value: Measured) -> bool:
    if is_vital(value) or value.codes & BLOOD_GROUP:
        return False
    return "laboratory" in value.categories or not value.categories & _NOT_RESULTS


def _result(series: list[Measured]) -> Result:
    latest = series[-1]
    numbers = comparable(series)
    reference = latest.reference
    compares = latest.quantity is not None and not latest.quantity.comparator and len(numbers) > 1
    width, height = _SPARK
    return Result(
        name=latest.name,
        quantity=latest.quantity,
        text=latest.text,
        reference=reference,
        mark=latest.mark,
        change=round(numbers[-1] - numbers[-2], 6) if compares else None,
        spark=sparkline(
            numbers,
            reference.low if reference else None,
            reference.high if reference else None,
            width=width,
            height=height,
        )
        if compares
        else None,
        origin=latest.origin,
        preliminary=latest.preliminary,
        code=latest.code,
    )
