"""What a clinic measures at the bedside and types into a quick form: signs with their fixed units and bounds. Pure.

A value outside what is usual is asked about and then taken, since an emergency is unusual; only what no body and no
instrument can give is refused. The bounds judge typing, not patients: no diagnosis is made from them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.text import clean_line

_NUMBER = re.compile(r"([0-9]{1,4})(?:[.,]([0-9]{1,3}))?")
_COMPARED = re.compile(r"(<=|>=|<|>|≤|≥)?\s*(-?[0-9]{1,9}(?:[.,][0-9]{1,6})?)")
_COMPARATORS = {"≤": "<=", "≥": ">="}
NAME, UNIT, VALUE, DESCRIPTION, DEVICE = 120, 40, 200, 300, 80


class Sign(StrEnum):
    """The fields of the form, in its order."""

    SYSTOLIC = "systolic"
    DIASTOLIC = "diastolic"
    PULSE = "pulse"
    OXYGEN = "oxygen"
    TEMPERATURE = "temperature"
    BREATHS = "breaths"
    GLUCOSE = "glucose"
    COMA_SCALE = "coma_scale"
    PAIN = "pain"
    WEIGHT = "weight"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one sign: its fixed unit (UCUM), decimals, what is `usual` and what is `possible`; both ends count."""

    unit: str
    decimals: int
    usual: tuple[float, float]
    possible: tuple[float, float]


BOUNDS: Mapping[Sign, Bounds] = {
    Sign.SYSTOLIC: Bounds("mm[Hg]", 0, (70, 220), (0, 350)),
    Sign.DIASTOLIC: Bounds("mm[Hg]", 0, (40, 130), (0, 300)),
    Sign.PULSE: Bounds("/min", 0, (40, 180), (0, 400)),
    Sign.OXYGEN: Bounds("%", 0, (85, 100), (1, 100)),
    Sign.TEMPERATURE: Bounds("Cel", 1, (34, 41), (10, 47)),
    Sign.BREATHS: Bounds("/min", 0, (8, 60), (0, 150)),
    Sign.GLUCOSE: Bounds("mmol/L", 1, (3, 25), (0.1, 150)),
    Sign.COMA_SCALE: Bounds("{score}", 0, (3, 15), (3, 15)),
    Sign.PAIN: Bounds("{score}", 0, (0, 10), (0, 10)),
    Sign.WEIGHT: Bounds("kg", 2, (2, 150), (0.2, 650)),
}


@dataclass(frozen=True, slots=True)
class Signs:
    """Values in the units of `BOUNDS`. `device` names the instrument that gave some of them, when one did."""

    values: Mapping[Sign, float]
    device: str = ""

    @property
    def unusual(self) -> tuple[Sign, ...]:
        """What somebody should look at once more before it is written."""
        found = [
            sign for sign, value in self.values.items() if not BOUNDS[sign].usual[0] <= value <= BOUNDS[sign].usual[1]
        ]
        return tuple(found)


@dataclass(frozen=True, slots=True)
class LabResult:
    """A laboratory result as the clinic reads it off: a number with its comparator, or words."""

    name: str
    number: float | None
    comparator: str
    words: str
    unit: str
    low: float | None
    high: float | None


def signs(typed: Mapping[str, str], device: str = "") -> Signs:
    """The signs of a form; blank fields are not measured. Comma or point may divide decimals.

    Raises Invalid `addition.empty`, or with the field `addition.number`, `addition.impossible`, `addition.pressure`.
    """
    values: dict[Sign, float] = {}
    for sign in Sign:
        if text := clean_line(typed.get(sign.value, "")[:40]):
            values[sign] = _value(sign, text)
    upper, lower = values.get(Sign.SYSTOLIC), values.get(Sign.DIASTOLIC)
    if (upper is None) != (lower is None):
        missing = Sign.SYSTOLIC if upper is None else Sign.DIASTOLIC
        raise Invalid("addition.pressure", BOTH, field=missing.value)
    if upper is not None and lower is not None and lower > upper:
        raise Invalid("addition.pressure", TURNED, field=Sign.DIASTOLIC.value)
    if not values:
        raise Invalid("addition.empty", EMPTY, field=Sign.SYSTOLIC.value)
    return Signs(values, clean_line(device[: 4 * DEVICE])[:DEVICE])


def lab_result(name: str, value: str, unit: str, low: str, high: str) -> LabResult:
    """A result as typed. A value that is a number keeps its comparator; any other is kept in words.

    Raises Invalid `text.empty` or `text.too_long` with the field, `addition.number` for a bound that is no number,
    `addition.range` for bounds in the wrong order.
    """
    test, told = _line(name, NAME, "test"), _line(value, VALUE, "value")
    measured = _line(unit, UNIT, "unit", empty=True)
    bounds = _bound(low, "low"), _bound(high, "high")
    if bounds[0] is not None and bounds[1] is not None and bounds[0] > bounds[1]:
        raise Invalid("addition.range", N_("The lower limit is above the upper one."), field="low")
    found = _COMPARED.fullmatch(told)
    if found is None:
        return LabResult(test, None, "", told, measured, *bounds)
    mark = found[1] or ""
    return LabResult(test, _decimal(found[2]), _COMPARATORS.get(mark, mark), "", measured, *bounds)


def description(text: str, *, empty: bool = True) -> str:
    """The short words beside a picture or document. Raises Invalid `text.too_long`."""
    return _line(text, DESCRIPTION, "description", empty=empty)


def _value(sign: Sign, text: str) -> float:
    bounds, found = BOUNDS[sign], _NUMBER.fullmatch(text)
    if found is None or len((found[2] or "").rstrip("0")) > bounds.decimals:
        form = NUMBER if bounds.decimals else WHOLE
        raise Invalid("addition.number", form, field=sign.value, decimals=bounds.decimals)
    value = _decimal(text)
    if not bounds.possible[0] <= value <= bounds.possible[1]:
        low, high = bounds.possible
        raise Invalid("addition.impossible", IMPOSSIBLE, field=sign.value, low=f"{low:g}", high=f"{high:g}")
    return value


def _bound(text: str, field: str) -> float | None:
    cleaned = clean_line(text[:40])
    if not cleaned:
        return None
    found = _COMPARED.fullmatch(cleaned)
    if found is None or found[1]:
        raise Invalid("addition.number", N_("This is not a number."), field=field)
    return _decimal(found[2])


def _decimal(text: str) -> float:
    return float(text.replace(",", "."))


def _line(text: str, most: int, field: str, *, empty: bool = False) -> str:
    cleaned = clean_line(text[: 4 * most])
    if len(cleaned) > most:
        raise Invalid("text.too_long", TOO_LONG, field=field, limit=most)
    if not cleaned and not empty:
        raise Invalid("text.empty", N_("This cannot be empty."), field=field)
    return cleaned


TOO_LONG = N_("This text is too long: %(limit)s characters at most.")
EMPTY = N_("Fill in at least one value.")
BOTH = N_("Blood pressure needs both numbers.")
TURNED = N_("The lower number of the blood pressure is above the upper one.")
NUMBER = N_("Write a number with at most %(decimals)s decimals.")
WHOLE = N_("Write a whole number.")
IMPOSSIBLE = N_("This value is not possible; it has to lie between %(low)s and %(high)s.")
