"""Reading FHIR R4 JSON that others wrote: every helper takes anything and never raises for what is missing or odd.

Dates are as precise as written (FHIR R4 2.24.0.1: `2015`, `2015-03`, `2015-03-08`, or an instant); units compare by
their UCUM code where there is one, else by their text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from foundation.text import clean_line, clean_text
from records_panel.model import Origin, Precision, Quantity, When

Json = dict[str, Any]

SOURCE_PREFIX = "urn:vn:cskcb:"
_MOST_DEEP = 4
_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_CONFIDENTIAL = frozenset({"R", "V"})
# v3-ActCode sensitivity labels: HIV, psychiatry, substance use, sexual and reproductive health, violence.
_SENSITIVE = frozenset(
    {"HIV", "PSY", "PSYTHPN", "ETH", "ETHUD", "SUD", "SEX", "SDV", "STD", "SICKLE", "GDIS", "MH", "RPR"}
)
_WRITERS = (
    "performer",
    "recorder",
    "asserter",
    "serviceProvider",
    "informationSource",
    "source",
    "author",
    "custodian",
    "requester",
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
    """The objects of a list."""
    return [item for item in as_list(value) if isinstance(item, dict)]


def word(value: object) -> str:
    """A code that stands bare, such as a status; anything else is empty."""
    return value if isinstance(value, str) else ""


def line(value: object, most: int = 300) -> str:
    """One clean line of text, cut with an ellipsis; anything else is empty."""
    text = clean_line(value) if isinstance(value, str) else ""
    return text if len(text) <= most else text[: most - 1] + "…"


def paragraph(value: object, most: int = 4000) -> str:
    """Clean text of several lines."""
    text = clean_text(value) if isinstance(value, str) else ""
    return text if len(text) <= most else text[: most - 1] + "…"


def codes(concept: object) -> frozenset[str]:
    """All codes of a CodeableConcept, or the code itself when it stands bare."""
    if isinstance(concept, str):
        return frozenset({concept})
    return frozenset([str(coding["code"]) for coding in dicts(as_dict(concept).get("coding")) if coding.get("code")])


def any_codes(concepts: object) -> frozenset[str]:
    """All codes of several CodeableConcepts."""
    return frozenset().union(*(codes(concept) for concept in as_list(concepts)))


def concept_text(concept: object) -> str:
    """The record's own words, else a display, else a bare code."""
    concept = as_dict(concept)
    if text := line(concept.get("text")):
        return text
    codings = dicts(concept.get("coding"))
    for key in ("display", "code"):
        for coding in codings:
            if text := line(coding.get(key)):
                return text
    return ""


def first_code(concept: object) -> str:
    """The first code, to be carried beside the text."""
    return next((line(coding.get("code"), 64) for coding in dicts(as_dict(concept).get("coding"))), "")


def number(value: object) -> float | None:
    """A finite number; decimals that came as text are read too."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        read = float(value)
    except ValueError:
        return None
    return read if math.isfinite(read) else None


def quantity(value: object) -> Quantity | None:
    """A Quantity that holds a number."""
    fields = as_dict(value)
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
    """A FHIR date, dateTime or instant; None when there is none or it is no date."""
    if not isinstance(value, str) or not (found := _DATE.match(value)):
        return None
    year, month, day = (int(part) if part else None for part in found.groups())
    try:
        start = date(year or 0, month or 1, day or 1)
        if "T" in value:
            instant = datetime.fromisoformat(value)
            # FHIR demands a zone with a time; without one nothing better than UTC is known.
            return When(start, Precision.TIME, instant if instant.tzinfo else instant.replace(tzinfo=UTC))
    except ValueError:
        return None
    return When(start, Precision.DAY if day else Precision.MONTH if month else Precision.YEAR)


def first_when(resource: Json, *fields: str) -> When | None:
    """The first of these fields that holds a date, or a Period with a start or an end."""
    for name in fields:
        value = resource.get(name)
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
    labels = {str(label.get("code")) for label in dicts(as_dict(resource.get("meta")).get("security"))}
    return not labels.isdisjoint(_CONFIDENTIAL) or not labels.isdisjoint(_SENSITIVE)


def is_test(resource: Json) -> bool:
    """Whether it is marked as test data (v3-ActReason HTEST)."""
    return any(tag.get("code") == "HTEST" for tag in dicts(as_dict(resource.get("meta")).get("tag")))


class References:
    """Resolves references inside one bundle: by full URL, by `Type/id`, and `#id` of contained resources."""

    def __init__(self, entries: list[Json]) -> None:
        self._found: dict[str, Json] = {}
        for entry in entries:
            resource = as_dict(entry.get("resource"))
            kind, identifier = resource.get("resourceType"), resource.get("id")
            if isinstance(entry.get("fullUrl"), str):
                self._found[entry["fullUrl"]] = resource
            if isinstance(kind, str) and isinstance(identifier, str):
                self._found.setdefault(f"{kind}/{identifier}", resource)

    def resolve(self, reference: object, within: Json) -> Json:
        """The resource that a Reference names, or an empty one."""
        target = as_dict(reference).get("reference")
        if not isinstance(target, str):
            return {}
        if target.startswith("#"):
            contained = (item for item in dicts(within.get("contained")) if item.get("id") == target[1:])
            return next(contained, {})
        return self._found.get(target) or self._found.get("/".join(target.rsplit("/", 2)[-2:])) or {}

    def name(self, reference: object, within: Json, depth: int = 0) -> str:
        """How a Reference is called: its display, else the name of what it names, its organisation first."""
        if text := line(as_dict(reference).get("display")):
            return text
        resource = self.resolve(reference, within)
        if not resource:
            return ""
        organisation = resource.get("organization")
        # Records may refer in circles.
        if organisation and depth < _MOST_DEEP and (text := self.name(organisation, resource, depth + 1)):
            return text
        named = resource.get("name")
        if isinstance(named, str):
            return line(named)
        return person_name(resource) or ""

    def origin(self, resource: Json, moment: When | None) -> Origin:
        """Who stands behind an entry: the facility or person that it names, and the facility code of its source."""
        source = as_dict(resource.get("meta")).get("source")
        code = (
            source.removeprefix(SOURCE_PREFIX) if isinstance(source, str) and source.startswith(SOURCE_PREFIX) else None
        )
        facility = next((name for writer in self._writers(resource) if (name := self.name(writer, resource))), None)
        return Origin(facility=facility, facility_code=code, when=moment)

    def _writers(self, resource: Json) -> Iterator[Json]:
        for field in _WRITERS:
            for writer in dicts(resource.get(field)):
                yield as_dict(writer.get("actor")) or writer


def person_name(resource: Json) -> str | None:
    """A name as written: `text`, never rebuilt when there is one; else family and given names in Vietnamese order."""
    for name in dicts(resource.get("name")):
        if text := line(name.get("text")):
            return text
    for name in dicts(resource.get("name")):
        given = [part for item in as_list(name.get("given")) if (part := line(item))]
        if parts := [part for part in (line(name.get("family")), *given) if part]:
            return " ".join(parts)
    return None
