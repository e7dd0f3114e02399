"""Reading FHIR R4 JSON that others wrote: every helper takes anything and never raises for what is missing or odd.

Dates are as precise as written (FHIR R4 2.24.0.1: `2015`, `2015-03`, `2015-03-08`, or an instant); units compare by
their UCUM code where there is one, else by their text.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from typing import Any

from foundation.text import clean_line, clean_text
from records_panel.model import Precision, Quantity, When

Json = dict[str, Any]

_MOST_DEEP = 4
_DATE = re.compile(r"([0-9]{4})(?:-?([0-9]{1,2})(?:-?([0-9]{1,2}))?)?(?![0-9])")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_TIME = re.compile(r"[T ][0-9]{2}:[0-9]{2}")
# An instant so far out is no time of day that anybody took, and moving it to another zone would leave the calendar.
_FIRST_YEAR, _LAST_YEAR = 1000, 9000
# A code that only says why there is none: HL7 NullFlavor and DataAbsentReason.
_NULL_SYSTEMS = ("v3-NullFlavor", "data-absent-reason", "2.16.840.1.113883.5.1008")
_LARGEST = 1e15
_CONFIDENTIAL = frozenset({"R", "V"})
# v3-ActCode sensitivity labels: HIV, psychiatry, substance use, sexual and reproductive health, violence.
_SENSITIVE = frozenset(
    {"HIV", "PSY", "PSYTHPN", "ETH", "ETHUD", "SUD", "SEX", "SDV", "STD", "SICKLE", "GDIS", "MH", "RPR"}
)


def as_dict(value: object) -> Json:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """The list; a lone value as a list of one; nothing as an empty one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def dicts(value: object) -> list[Json]:
    """The objects of a list, or the lone object."""
    if isinstance(value, list):
        return [item for item in value if isinstance(item, dict)]
    return [value] if isinstance(value, dict) else []


def word(value: object) -> str:
    """A code that stands bare, such as a status; anything else is empty."""
    return value if isinstance(value, str) else ""


def line(value: object, most: int = 300) -> str:
    """One clean line of text, cut with an ellipsis; anything else is empty."""
    if not isinstance(value, str):
        return ""
    # Cut first, so that a hostile length costs nothing.
    text = clean_line(value[: most * 8])
    return text if len(text) <= most else text[: most - 1] + "…"


def paragraph(value: object, most: int = 4000) -> str:
    """Clean text of several lines."""
    text = clean_text(value[: most * 8]) if isinstance(value, str) else ""
    return text if len(text) <= most else text[: most - 1] + "…"


def told(fields: Json, name: str) -> str:
    """A text, or else its first translation (FHIR extension `translation` of `_name`)."""
    if text := line(fields.get(name)):
        return text
    beside = fields.get(f"_{name}")
    if beside is None:
        return ""
    for extension in dicts(as_dict(beside).get("extension")):
        for part in dicts(extension.get("extension")):
            if part.get("url") == "content":
                text = line(part.get("valueString")) or line(part.get("valueMarkdown"))
                if text:
                    return text
    return ""


def concept_of(value: object) -> Json:
    """The CodeableConcept of what may be one, a Coding, a list of them, or R5's CodeableReference."""
    if isinstance(value, dict) and "coding" in value and "concept" not in value:
        return value  # as FHIR R4 has it, and so nearly each one
    for _ in range(_MOST_DEEP):
        if isinstance(value, list):
            value = next((item for item in value if isinstance(item, (dict, str))), None)
        elif isinstance(value, dict) and isinstance(value.get("concept"), dict):
            value = value["concept"]
        else:
            break
    if isinstance(value, str):
        return {"coding": [{"code": value}]}
    fields = as_dict(value)
    if "coding" not in fields and "text" not in fields and ("code" in fields or "display" in fields):
        return {"coding": [fields]}
    return fields


def codes(concept: object) -> frozenset[str]:
    """All codes of a CodeableConcept, or the code itself when it stands bare."""
    if isinstance(concept, str):
        return frozenset({concept})
    if concept is None:
        return frozenset()
    return frozenset([str(coding["code"]) for coding in dicts(concept_of(concept).get("coding")) if coding.get("code")])


def any_codes(concepts: object) -> frozenset[str]:
    """All codes of several CodeableConcepts."""
    listed = as_list(concepts)
    return codes(listed[0]) if len(listed) == 1 else frozenset().union(*map(codes, listed))


def concept_text(concept: object) -> str:
    """The record's own words, else a display, else a bare code. A null flavour says nothing."""
    concept = concept_of(concept)
    if text := told(concept, "text"):
        return text
    codings = dicts(concept.get("coding"))
    for key in ("display", "code"):
        for coding in codings:
            if (text := told(coding, key)) and not word(coding.get("system")).endswith(_NULL_SYSTEMS):
                return text
    return ""


def concept_texts(concepts: object, most: int = 12) -> list[str]:
    """The words of several concepts, each once."""
    return list(dict.fromkeys(filter(None, map(concept_text, as_list(concepts)[:most]))))


def first_code(concept: object) -> str:
    """The first code, to be carried beside the text."""
    for coding in dicts(concept_of(concept).get("coding")):
        return line(coding.get("code"), 64)
    return ""


def number(value: object) -> float | None:
    """A number that something may measure; decimals that came as text are read too, absurdly large ones are not."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if math.isfinite(read) and abs(read) < _LARGEST else None


def quantity(value: object) -> Quantity | None:
    """A Quantity that holds a number."""
    if not isinstance(value, dict):
        return None
    fields = value
    amount = number(fields.get("value"))
    if amount is None:
        return None
    code = line(fields.get("code"), 40)
    unit = line(fields.get("unit"), 40) or code
    comparator = fields.get("comparator")
    return Quantity(
        amount, unit, key=code or unit.casefold(), comparator=comparator if comparator in ("<", "<=", ">=", ">") else ""
    )


def when(value: object) -> When | None:
    """A FHIR date, dateTime or instant, also one without dashes; None when there is none or it is no date."""
    if not isinstance(value, str):
        return None
    if _INSTANT.fullmatch(value) and (read := _instant(value)) is not None:
        return read
    if not (found := _DATE.match(value[:40].strip())):
        return None
    year, month, day = (int(part) if part else None for part in found.groups())
    try:
        start = date(year or 0, month or 1, day or 1)
    except ValueError:
        return None
    if day and _FIRST_YEAR < start.year < _LAST_YEAR and _TIME.match(value.strip(), found.end()):
        try:
            instant = datetime.fromisoformat(value.strip())
        except ValueError:
            return When(start, Precision.DAY)
        # FHIR demands a zone with a time; without one nothing better than UTC is known.
        return When(start, Precision.TIME, instant if instant.tzinfo else instant.replace(tzinfo=UTC))
    return When(start, Precision.DAY if day else Precision.MONTH if month else Precision.YEAR)


def _instant(value: str) -> When | None:
    """What is written as FHIR demands it, the short way."""
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return None
    inside = _FIRST_YEAR < instant.year < _LAST_YEAR
    return When(instant.date(), Precision.TIME, instant) if inside else None


def first_when(resource: Json, *fields: str) -> When | None:
    """The first of these fields that holds a date, or a Period with a start or an end."""
    for name in fields:
        value = resource.get(name)
        if value is None:
            continue
        found = when(value) or when(as_dict(value).get("start")) or when(as_dict(value).get("end"))
        if found:
            return found
    return None


def order(moment: When | None) -> float:
    """Seconds for sorting; unknown comes first, so that it is last in newest-first order."""
    if moment is None:
        return -math.inf
    if moment.instant is not None:
        return moment.instant.timestamp()
    return datetime(moment.day.year, moment.day.month, moment.day.day, tzinfo=UTC).timestamp()


def is_restricted(resource: Json) -> bool:
    """Whether a security label (v3-Confidentiality R or V, or a sensitivity) keeps it from readers without a scope."""
    security = as_dict(resource.get("meta")).get("security")
    if security is None:
        return False
    labels = {str(label.get("code")) for label in dicts(security)}
    return not labels.isdisjoint(_CONFIDENTIAL) or not labels.isdisjoint(_SENSITIVE)


def is_test(resource: Json) -> bool:
    """Whether it is marked as test data (v3-ActReason HTEST)."""
    meta = as_dict(resource.get("meta"))
    if not meta:
        return False
    return any(tag.get("code") == "HTEST" for tag in [*dicts(meta.get("tag")), *dicts(meta.get("security"))])
