"""A bundle taken apart: resources by type without the restricted ones, and what its sections say of their emptiness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser

from records_panel.fhir_reading import (
    Json,
    References,
    any_codes,
    as_dict,
    as_list,
    codes,
    dicts,
    is_restricted,
    is_test,
    paragraph,
    word,
)
from records_panel.model import Absence, AbsenceKind

_MOST_DEEP = 4
_EMPTY = {
    "nilknown": AbsenceKind.KNOWN_NONE,
    "withheld": AbsenceKind.WITHHELD,
    # HL7's `unavailable` is the author's “no information”; our `unavailable` is a fetch that failed.
    "unavailable": AbsenceKind.NO_INFORMATION,
    "notasked": AbsenceKind.NO_INFORMATION,
}
VITAL_SIGNS = "Observation, vital-signs"
"""The type under which restricted vital signs are counted, apart from laboratory results."""
NO_INFORMATION = Absence(AbsenceKind.NO_INFORMATION)


class Document:
    """What one bundle holds. `withheld` counts restricted resources by type; they are nowhere else in here."""

    def __init__(self, bundle: Json) -> None:
        entries = dicts(bundle.get("entry"))
        self.references = References(entries)
        self.withheld: Counter[str] = Counter()
        self.is_test = False
        self._of_type: dict[str, list[Json]] = {}
        for entry in entries:
            resource = as_dict(entry.get("resource"))
            kind = resource.get("resourceType")
            if not isinstance(kind, str):
                continue
            self.is_test = self.is_test or is_test(resource)
            if is_restricted(resource):
                self.withheld[VITAL_SIGNS if "vital-signs" in categories(resource) else kind] += 1
            else:
                self._of_type.setdefault(kind, []).append(resource)
        self._sections = [
            section for composition in self.all("Composition") for section in _sections(composition.get("section"), 0)
        ]

    def all(self, *kinds: str) -> list[Json]:
        """Every readable resource of these types that was not entered in error."""
        return [
            resource
            for kind in kinds
            for resource in self._of_type.get(kind, [])
            if word(resource.get("status")) not in ("entered-in-error", "cancelled")
            and codes(resource.get("verificationStatus")).isdisjoint({"entered-in-error", "refuted"})
        ]

    def in_section(self, loinc: str) -> list[Json]:
        """The readable resources that a section of this LOINC code refers to."""
        found = []
        for section in self._sections:
            if loinc in codes(section.get("code")):
                named = [self.references.resolve(entry, section) for entry in as_list(section.get("entry"))]
                found += [resource for resource in named if resource and not is_restricted(resource)]
        return found

    def silence(self, loinc: str, *kinds: str) -> tuple[Absence, ...]:
        """Why a section has no entry: its empty reason, its narrative alone, or nothing written about it at all."""
        for section in self._sections:
            if loinc not in codes(section.get("code")):
                continue
            said = codes(section.get("emptyReason"))
            if reason := next((kind for code, kind in _EMPTY.items() if code in said), None):
                return (Absence(reason),)
            # A narrative might tell what a label withholds, so it is shown only where nothing is withheld.
            restricted = any(self.withheld[kind] for kind in kinds) or is_restricted(section)
            if not restricted and (text := narrative(section)):
                return (Absence(AbsenceKind.NO_INFORMATION, text=text),)
        return (NO_INFORMATION,)

    def held_back(self, *kinds: str) -> tuple[Absence, ...]:
        """The marker of restricted resources of these types."""
        count = sum(self.withheld[kind] for kind in kinds)
        return (Absence(AbsenceKind.WITHHELD, count=count),) if count else ()


def categories(resource: Json) -> frozenset[str]:
    """All category codes of a resource."""
    return any_codes(resource.get("category"))


def narrative(section: Json) -> str:
    """The text of a section's XHTML, without its marks."""
    content = as_dict(section.get("text")).get("div")
    if not isinstance(content, str):
        return ""
    reader = _Words()
    reader.feed(content)
    reader.close()
    return paragraph(" ".join("".join(reader.parts).split()), 600)


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base's form
        if tag in ("p", "li", "tr", "td", "th", "br", "div"):
            self.parts.append(" ")


def _sections(sections: object, depth: int) -> Iterator[Json]:
    # Sections may hold sections (R4 Composition.section.section); a hostile depth is cut.
    for section in dicts(sections):
        yield section
        if depth < _MOST_DEEP:
            yield from _sections(section.get("section"), depth + 1)
