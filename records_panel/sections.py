"""The sections of Compositions: which IPS section each one is, what it holds, and what its narrative says.

Other documents give IPS sections other codes (C-CDA, national profiles, older LOINC); they are read by a table. What
is in no table stays a section of its own with its title, and is shown as such.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from types import MappingProxyType

from records_panel.fhir_reading import (
    Json,
    as_dict,
    as_list,
    codes,
    concept_text,
    dicts,
    is_restricted,
    line,
    paragraph,
)
from records_panel.model import AbsenceKind
from records_panel.references import References

PROBLEMS, PAST_PROBLEMS, ALLERGIES, MEDICATIONS = "11450-4", "11348-0", "48765-2", "10160-0"
VACCINES, RESULTS, PROCEDURES, DEVICES, VITAL_SIGNS = "11369-6", "30954-2", "47519-4", "46264-8", "8716-3"
SOCIAL, PREGNANCY, DIRECTIVES, FUNCTIONAL, PLANS = "29762-2", "10162-6", "42348-3", "47420-5", "18776-5"
ALERTS, STORY, FAMILY, VISITS, DOCUMENTS, INSURANCE = "104605-1", "81338-6", "10157-6", "46240-8", "55107-7", "48768-6"

_ALIASES = MappingProxyType(
    {
        PROBLEMS: ("75326-9",),
        PAST_PROBLEMS: (),
        ALLERGIES: ("10155-0", "8658-8", "52473-6"),
        MEDICATIONS: ("19009-0", "29549-3", "10183-2", "42346-7", "57828-6", "52471-0", "56445-0"),
        VACCINES: ("60484-3", "82593-5"),
        RESULTS: ("26436-6", "18719-5", "18748-4", "11502-2", "22634-0"),
        PROCEDURES: ("29554-3",),
        DEVICES: (),
        VITAL_SIGNS: (),
        SOCIAL: (),
        PREGNANCY: ("11449-6", "82810-3"),
        DIRECTIVES: ("81334-5", "75320-2"),
        FUNCTIONAL: ("10158-4",),
        PLANS: ("61146-7", "61145-9", "51847-2"),
        ALERTS: (),
        STORY: (),
        FAMILY: ("8670-2",),
        VISITS: ("ENC",),
        DOCUMENTS: ("77599-9",),
        INSURANCE: (),
    }
)
_SECTIONS = MappingProxyType({code: known for known, others in _ALIASES.items() for code in (known, *others)})
_EMPTY = {
    "nilknown": AbsenceKind.KNOWN_NONE,
    "withheld": AbsenceKind.WITHHELD,
    # HL7's `unavailable` is the author's “no information”; our `unavailable` is a fetch that failed.
    "unavailable": AbsenceKind.NO_INFORMATION,
    "notasked": AbsenceKind.NO_INFORMATION,
    "notstarted": AbsenceKind.NO_INFORMATION,
    "closed": AbsenceKind.NO_INFORMATION,
}
_MOST_DEEP = 4
_MOST_SECTIONS = 300
_MOST_ENTRIES = 5000


@dataclass(frozen=True, slots=True)
class Part:
    """One section. `code` is that of the IPS section, or empty when it is none; `unread` counts entries not found."""

    code: str
    title: str
    resources: tuple[Json, ...]
    unread: int
    reason: AbsenceKind | None
    restricted: bool
    text: object

    @property
    def narrative(self) -> str:
        """The words of its XHTML."""
        return narrative(self.text)


def parts(composition: Json, references: References) -> Iterator[Part]:
    """Every section of a Composition, those inside sections too (R4 Composition.section.section)."""
    for count, (section, within) in enumerate(_all(composition.get("section"), "", 0)):
        if count == _MOST_SECTIONS:
            return
        known = codes(section.get("code"))
        named = [references.resolve(entry, composition) for entry in as_list(section.get("entry"))[:_MOST_ENTRIES]]
        said = codes(section.get("emptyReason"))
        yield Part(
            code=next((_SECTIONS[code] for code in sorted(known) if code in _SECTIONS), "") or within,
            title=line(section.get("title")) or concept_text(section.get("code")),
            resources=tuple(item for resource in named if resource for item in _items(resource, references)),
            unread=sum(not resource for resource in named),
            reason=next((kind for code, kind in _EMPTY.items() if code in said), None),
            restricted=is_restricted(section),
            text=section.get("text"),
        )


def _all(sections: object, within: str, depth: int) -> Iterator[tuple[Json, str]]:
    # A hostile depth is cut. A section inside of an IPS section belongs to it, unless it has a code of its own.
    for section in dicts(sections):
        yield section, within
        if depth < _MOST_DEEP:
            own = next((_SECTIONS[code] for code in sorted(codes(section.get("code"))) if code in _SECTIONS), within)
            yield from _all(section.get("section"), own, depth + 1)


def _items(resource: Json, references: References) -> list[Json]:
    """The resource itself, or what a List holds."""
    if resource.get("resourceType") != "List":
        return [resource]
    named = [references.resolve(entry.get("item"), resource) for entry in dicts(resource.get("entry"))[:_MOST_ENTRIES]]
    return [item for item in named if item] or [resource]


def narrative(text: object, most: int = 4000) -> str:
    """The text of a Narrative's XHTML (or of Markdown), without its marks, scripts and styles."""
    content = as_dict(text).get("div")
    if not isinstance(content, str):
        return ""
    reader = _Words()
    reader.feed(content[: most * 50])
    reader.close()
    return paragraph(" ".join("".join(reader.parts).split()), most)


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base's form
        if tag in ("script", "style"):
            self._silent += 1
        elif tag in ("p", "li", "tr", "td", "th", "br", "div", "h1", "h2", "h3", "h4", "h5", "caption", "thead"):
            self.parts.append(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base's form
        self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._silent = max(0, self._silent - 1)
