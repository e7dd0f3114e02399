"""Laboratory results: the latest of each, the abnormal ones first, change and line within one unit alone."""

from __future__ import annotations

from records_panel.absent_codes import absence_in_words
from records_panel.describing import described
from records_panel.document import Document
from records_panel.histories import PREGNANCY_CODES, SOCIAL_CODES
from records_panel.model import Absence, AbsenceKind, Mark, Result, Section
from records_panel.observations import Measured, by_key, comparable
from records_panel.sections import FUNCTIONAL, PREGNANCY, RESULTS, SOCIAL, VITAL_SIGNS
from records_panel.spark import sparkline
from records_panel.vital_signs import is_on_panel, is_vital

BLOOD_GROUP = frozenset({"882-1", "883-9", "10331-7", "34530-6", "77397-8"})
_NOT_RESULTS = frozenset({"social-history", "survey", "exam", "activity", "therapy"})
_GRAVE = (Mark.VERY_HIGH, Mark.VERY_LOW)
_SPARK = (60, 18)


def results(document: Document, values: list[Measured]) -> tuple[Section[Result], Section[Result]]:
    """Abnormal results, the grave ones first, and all results; each list has the newest first."""
    named = document.ids_in(RESULTS)
    found = _newest([value for value in values if _is_result(value, named)])
    if not found and (text := document.narrative(RESULTS, "Observation")):
        if (kind := absence_in_words(text)) is not None:
            return Section((), (Absence(kind, text=text),)), Section((), (Absence(kind, text=text),))
        found = [Result(text, None, "", None, None, None, None)]
    abnormal = sorted((result for result in found if result.mark), key=lambda result: result.mark not in _GRAVE)
    held = document.held_back("Observation")
    everything = Section(tuple(found), held or (() if found else document.silence(RESULTS)))
    if abnormal:
        return Section(tuple(abnormal), held), everything
    if found:
        # Results are there and none of them is marked: that is something known, and not a silence of the record.
        return Section((), (Absence(AbsenceKind.KNOWN_NONE), *held)), everything
    return Section((), everything.absences), everything


def measures(document: Document, values: list[Measured]) -> Section[Result]:
    """Height, scores, examinations: what is measured and is neither a vital sign of the panel nor a result."""
    results_named = document.ids_in(RESULTS)
    elsewhere = document.ids_in(SOCIAL) | document.ids_in(PREGNANCY) | document.ids_in(FUNCTIONAL)
    left = [
        value
        for value in values
        if not _is_result(value, results_named)
        and not is_on_panel(value)
        and value.source not in elsewhere
        and value.categories.isdisjoint({"social-history"})
        and value.codes.isdisjoint(BLOOD_GROUP | PREGNANCY_CODES | SOCIAL_CODES)
    ]
    found = _newest(left)
    for resource in document.besides(VITAL_SIGNS, "Observation"):
        entry = described(document, resource)
        found.append(Result(entry.text, None, entry.detail, None, None, None, None, entry.origin))
    if not found and (text := document.narrative(VITAL_SIGNS, "Observation")) and absence_in_words(text) is None:
        found.append(Result(text, None, "", None, None, None, None))
    return Section(tuple(found), () if found else document.silence(VITAL_SIGNS))


def _newest(values: list[Measured]) -> list[Result]:
    series = list(by_key(values).values())
    series.sort(key=lambda one: one[-1].order, reverse=True)
    return [_result(one) for one in series]


def blood_group(values: list[Measured]) -> str | None:
    """ABO and Rh as the record has them; the combined result before the two single ones."""
    latest = {code: value.text for value in values for code in value.codes & BLOOD_GROUP if value.text}
    combined = latest.get("882-1") or latest.get("34530-6")
    if combined or "883-9" not in latest:
        return combined or None
    return f"{latest['883-9']}, {latest['10331-7']}" if "10331-7" in latest else latest["883-9"]


def _is_result(value: Measured, named: frozenset[int]) -> bool:
    if value.codes & (BLOOD_GROUP | PREGNANCY_CODES | SOCIAL_CODES):
        return False
    if is_on_panel(value) and "laboratory" not in value.categories:
        return False  # a summary may keep vital signs among its results; they have their own place
    if value.source in named:
        return True
    if is_vital(value):
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
        trend=latest.key,
    )
