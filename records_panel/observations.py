"""Observations as series: the same thing measured again and again, read once, compared only within one unit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from records_panel.document import Document, categories
from records_panel.fhir_reading import (
    Json,
    as_list,
    codes,
    concept_of,
    concept_text,
    dicts,
    first_code,
    first_when,
    line,
    order,
    quantity,
    word,
)
from records_panel.model import Mark, Origin, Quantity, Range
from records_panel.units import converted, convertible
from records_panel.values import amount_of, concept_text_of_absence, words_of

_MARKS = {
    "H": Mark.HIGH,
    "HU": Mark.HIGH,
    ">": Mark.HIGH,
    "HH": Mark.VERY_HIGH,
    "L": Mark.LOW,
    "LU": Mark.LOW,
    "<": Mark.LOW,
    "LL": Mark.VERY_LOW,
    "A": Mark.ABNORMAL,
    "AA": Mark.ABNORMAL,
    "POS": Mark.ABNORMAL,
    "HX": Mark.VERY_HIGH,
    "LX": Mark.VERY_LOW,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One value of one thing at one time. `key` is the same for the same thing (LOINC code, else its name)."""

    key: str
    codes: frozenset[str]
    name: str
    quantity: Quantity | None
    text: str
    reference: Range | None
    mark: Mark | None
    origin: Origin
    categories: frozenset[str]
    preliminary: bool
    code: str
    absent: bool = False
    """The text only says why there is no value."""
    source: int = 0
    """`id()` of the Observation that it comes from."""

    @property
    def order(self) -> float:
        """Seconds, for sorting by time."""
        return order(self.origin.when)

    @property
    def unit_key(self) -> str:
        """What tells this value's unit; values with different ones are never compared."""
        return self.quantity.key if self.quantity else ""


def measured(document: Document) -> list[Measured]:
    """Every value of the bundle's Observations, components on their own, oldest first."""
    found: list[Measured] = []
    for resource in document.all("Observation"):
        moment = first_when(
            resource, "effectiveDateTime", "effectiveInstant", "effectivePeriod", "effectiveTiming", "issued"
        )
        origin = document.references.origin(resource, moment)
        sort = categories(resource)
        preliminary = word(resource.get("status")) in ("registered", "preliminary")
        for part in (resource, *dicts(resource.get("component"))):
            value = _value(part, origin, sort, id(resource), preliminary=preliminary)
            if value is not None:
                found.append(value)
    found.sort(key=lambda value: value.order)
    # A value that is missing today does not hide the one of yesterday.
    present = {value.key for value in found if not value.absent}
    return [value for value in found if not value.absent or value.key not in present]


def by_key(values: Iterable[Measured]) -> dict[str, list[Measured]]:
    """Series by thing, each oldest first."""
    series: dict[str, list[Measured]] = {}
    for value in values:
        series.setdefault(value.key, []).append(value)
    return series


def comparable(series: list[Measured]) -> list[float]:
    """The numbers of a series in the unit of its latest value, oldest first; what cannot be turned exactly is left."""
    unit = series[-1].unit_key
    return [
        converted(value.quantity.value, value.unit_key, unit)
        for value in series
        if value.quantity is not None and convertible(value.unit_key, unit) and not value.quantity.comparator
    ]


def _value(part: Json, origin: Origin, sort: frozenset[str], source: int, *, preliminary: bool) -> Measured | None:
    concept = concept_of(part.get("code"))
    name = concept_text(concept)
    if not name:
        return None
    amount = amount_of(part)
    text = "" if amount is not None else words_of(part)
    if amount is None and not text:
        return None  # a heading of a panel
    reference = _reference(part, amount)
    return Measured(
        key=_key(concept, name),
        codes=codes(concept),
        name=name,
        quantity=amount,
        text=text,
        reference=reference,
        mark=_mark(part, amount, reference),
        origin=origin,
        categories=sort,
        preliminary=preliminary,
        code=first_code(concept),
        absent=amount is None and text == concept_text_of_absence(part),
        source=source,
    )


def _key(concept: Json, name: str) -> str:
    for coding in dicts(concept.get("coding")):
        if coding.get("system") == "http://loinc.org":
            return str(coding.get("code")) or first_code(concept) or name.casefold()
    return first_code(concept) or name.casefold()


def _reference(part: Json, amount: Quantity | None) -> Range | None:
    """The range that goes with the value. Of several, only one that holds for everybody; a foreign unit is words."""
    ranges = dicts(part.get("referenceRange"))
    if not ranges:
        return None
    general = [found for found in ranges if not (found.get("appliesTo") or found.get("age"))]
    normal = [found for found in general if codes(found.get("type")) <= {"normal"}]
    for found in normal or (ranges if len(ranges) == 1 else []):
        low, high = quantity(found.get("low")), quantity(found.get("high"))
        text = line(found.get("text"), 60)
        if low is None and high is None:
            if text:
                return Range(text=text)
            continue
        if amount is not None and any(_differs(bound, amount) for bound in (low, high)):
            told = "–".join(f"{bound.value:g} {bound.unit}".strip() for bound in (low, high) if bound)
            return Range(text=text or told)
        return Range(low.value if low else None, high.value if high else None, text)
    return None


def _differs(bound: Quantity | None, amount: Quantity) -> bool:
    return bound is not None and bool(bound.key) and bound.key != amount.key and bound.unit != amount.unit


def _mark(part: Json, amount: Quantity | None, reference: Range | None) -> Mark | None:
    """The laboratory's own mark; without one, the value against its own range."""
    said = [code for concept in as_list(part.get("interpretation")) for code in codes(concept)]
    for code in said:
        if code in _MARKS:
            return _MARKS[code]
    if said or amount is None or reference is None:
        return None
    # `<0.5` is certainly low only when its limit is at most the bound, and so on; the plain rule holds for both.
    if reference.low is not None and amount.value < reference.low and amount.comparator not in (">", ">="):
        return Mark.LOW
    if reference.high is not None and amount.value > reference.high and amount.comparator not in ("<", "<="):
        return Mark.HIGH
    return None
