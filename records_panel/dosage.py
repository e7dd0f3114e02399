"""A dose as the record says it: in its words, else in its numbers (FHIR Dosage of R4, R5, STU3 and DSTU2)."""

from __future__ import annotations

from collections.abc import Iterator

from records_panel.fhir_reading import (
    Json,
    as_dict,
    as_list,
    concept_text,
    concept_texts,
    dicts,
    line,
    number,
    quantity,
)
from records_panel.fhir_reading import told as told_of
from records_panel.model import Quantity

_MOST = 8
_FIELDS = ("dosage", "dosageInstruction")


def dose_of(resource: Json) -> str:
    """Every dosage of a drug's resource, in one line."""
    if text := line(resource.get("renderedDosageInstruction")):
        return text
    dosages = [dosage for field in _FIELDS for dosage in dicts(resource.get(field))[:_MOST]]
    return "; ".join(dict.fromkeys(filter(None, map(_dose, dosages))))


def _dose(dosage: Json) -> str:
    """The dose in the record's words; without them, amount, times a period and route, as the codes give them."""
    if text := told_of(dosage, "text") or told_of(dosage, "patientInstruction"):
        return text
    return " · ".join(filter(None, _told(dosage)))


def _told(dosage: Json) -> Iterator[str]:
    for rate in [*dicts(dosage.get("doseAndRate"))[:_MOST], dosage]:  # STU3 has the fields in the dosage itself
        yield _amount(rate.get("doseQuantity") or rate.get("quantity") or rate.get("dose"))
        yield _between(rate.get("doseRange"))
        yield _amount(rate.get("rateQuantity"))
        yield _between(rate.get("rateRange"))
        yield _ratio(rate.get("rateRatio"))
    timing = as_dict(dosage.get("timing"))
    repeat = as_dict(timing.get("repeat"))
    yield _times(repeat)
    yield ", ".join(
        line(part, 8) for field in ("when", "timeOfDay", "dayOfWeek") for part in _strings(repeat.get(field))
    )
    yield concept_text(timing.get("code"))
    yield ", ".join(concept_texts(dosage.get("asNeededFor") or dosage.get("asNeededCodeableConcept")))
    yield concept_text(dosage.get("route"))
    yield concept_text(dosage.get("site") or dosage.get("siteCodeableConcept"))
    yield ", ".join(concept_texts(dosage.get("additionalInstruction")))
    for most in as_list(dosage.get("maxDosePerPeriod"))[:_MOST]:
        ratio = _ratio(most)
        yield f"≤ {ratio}" if ratio else ""


def _times(repeat: Json) -> str:
    unit = line(repeat.get("periodUnit") or repeat.get("periodUnits"), 3)
    if not unit:
        return ""
    often = _span(repeat.get("frequency") or repeat.get("count") or 1, repeat.get("frequencyMax"))
    period = _span(repeat.get("period") or 1, repeat.get("periodMax"))
    return f"{often} × / {f'{period} ' if period != '1' else ''}{unit}"


def _span(least: object, most: object) -> str:
    low, high = number(least), number(most)
    return f"{1 if low is None else low:g}" + (f"–{high:g}" if high is not None and high != low else "")


def _strings(values: object) -> list[str]:
    return [value for value in as_list(values)[:_MOST] if isinstance(value, str)]


def _amount(value: object) -> str:
    amount = quantity(value)
    return _said(amount) if amount is not None else ""


def _between(value: object) -> str:
    low, high = quantity(as_dict(value).get("low")), quantity(as_dict(value).get("high"))
    if low and high:
        return f"{low.value:g}–{high.value:g} {high.unit or low.unit}".strip()
    return _said(low or high) if low or high else ""


def _ratio(value: object) -> str:
    above, below = quantity(as_dict(value).get("numerator")), quantity(as_dict(value).get("denominator"))
    if above is None or below is None:
        return ""
    return f"{_said(above)} / {below.unit if below.value == 1 and below.unit else _said(below)}"


def _said(amount: Quantity | None) -> str:
    return f"{amount.comparator}{amount.value:g} {amount.unit}".strip() if amount else ""
