"""The value of an Observation, a component or an answer in words: every `value[x]` of FHIR R4 and R5."""

from __future__ import annotations

import math

from records_panel.fhir_reading import Json, as_dict, concept_text, line, number, quantity, told
from records_panel.model import Quantity

_WORDS = ("valueString", "valueMarkdown", "valueCode", "valueUri", "valueTime", "valueDateTime", "valueDate")
_AMOUNTS = ("valueQuantity", "valueAge", "valueDuration", "valueSimpleQuantity")
_PLAIN = ("valueInteger", "valueDecimal", "valuePositiveInt", "valueUnsignedInt")


def amount_of(part: Json) -> Quantity | None:
    """The number, when the value is one."""
    for field in _AMOUNTS:
        if field in part and (amount := quantity(part.get(field))) is not None:
            return amount
    for field in _PLAIN:
        if field in part and (whole := number(part.get(field))) is not None:
            return Quantity(whole)
    return None


def value_text(part: Json) -> str:
    """The value as text, a quantity too; empty when there is none."""
    if amount := amount_of(part):
        return f"{amount.comparator}{amount.value:g} {amount.unit}".strip()
    return words_of(part)


def words_of(part: Json) -> str:
    """A value that is no number, in words; without one, why it is missing (`dataAbsentReason`)."""
    if text := concept_text(part.get("valueCodeableConcept")) or concept_text(part.get("valueCoding")):
        return text
    for field in _WORDS:
        if text := told(part, field):
            return text
    boolean = part.get("valueBoolean")
    if isinstance(boolean, bool):
        return "+" if boolean else "−"
    return _compound(part) or concept_text_of_absence(part)


def concept_text_of_absence(part: Json) -> str:
    """Why a value is missing, in the record's words, such as “Masked”."""
    reason = as_dict(part.get("dataAbsentReason"))
    codings = reason.get("coding")
    first = as_dict(codings[0]) if isinstance(codings, list) and codings else {}
    return line(reason.get("text")) or line(first.get("display")) or line(first.get("code"))


def _compound(part: Json) -> str:
    between = as_dict(part.get("valueRange"))
    low, high = quantity(between.get("low")), quantity(between.get("high"))
    if low and high:
        return f"{low.value:g}–{high.value:g} {high.unit}".strip()
    if low or high:
        bound = low or high
        return f"{'≥' if low else '≤'} {bound.value:g} {bound.unit}".strip() if bound else ""
    ratio = as_dict(part.get("valueRatio"))
    above, below = quantity(ratio.get("numerator")), quantity(ratio.get("denominator"))
    if above and below:
        return f"{_amount(above)}:{_amount(below)}"
    period = as_dict(part.get("valuePeriod"))
    if period:
        return "–".join(filter(None, (line(period.get("start"), 25), line(period.get("end"), 25))))
    sampled = as_dict(part.get("valueSampledData"))
    if sampled:
        return line(sampled.get("data"), 120)
    # A quantity whose value is no number is shown as it came.
    odd = as_dict(part.get("valueQuantity"))
    if said := _as_it_came(odd.get("value")):
        return f"{said} {line(odd.get('unit'), 40)}".strip()
    attachment, reference = as_dict(part.get("valueAttachment")), as_dict(part.get("valueReference"))
    return told(attachment, "title") or told(reference, "display")


def _as_it_came(value: object) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:g}"
    return "> 10¹⁵" if isinstance(value, int) and value > 1 else line(value, 60)


def _amount(amount: Quantity) -> str:
    return f"{amount.value:g} {amount.unit}".strip()
