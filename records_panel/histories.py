"""Sections about the person rather than an illness: social history, pregnancies, functions, story, directives.

And the sections that no list of the panel knows: they keep their title and are shown, so that nothing is left out.
"""

from __future__ import annotations

from collections.abc import Iterable

from records_panel.absent_codes import absence_of
from records_panel.describing import described
from records_panel.document import NO_INFORMATION, Document, categories
from records_panel.entries import absences, newest_first, with_words
from records_panel.fhir_reading import Json, codes, concept_text, concept_texts, dicts, first_when, line, paragraph
from records_panel.model import Entry, Section
from records_panel.sections import DIRECTIVES, FUNCTIONAL, PREGNANCY, SOCIAL, STORY, Part

SOCIAL_CODES = frozenset({"72166-2", "74013-4", "11331-6", "11367-0", "63512-8", "82589-3"})
# IPS 2.0.0: pregnancy status, expected day of birth, and the value set of outcomes (pregnancies-summary-uv-ips).
PREGNANCY_CODES = frozenset(
    {"82810-3", "11778-8", "11779-6", "11780-4", "11636-8", "11637-6", "11638-4", "11639-2", "11640-0", "11612-9"}
    | {"11613-7", "11614-5", "33065-4"}
)
DIRECTIVE_CODES = frozenset(
    {"acd", "dnr", "emrgonly", "hcd", "npp", "polst", "adr", "42348-3", "75320-2", "81334-5", "81378-2", "81351-9"}
)
_OVER = frozenset({"inactive", "resolved"})


def social(document: Document) -> Section[Entry]:
    """Social history, in words; what belongs to a pregnancy stands there."""
    named = document.ids_in(SOCIAL)
    found = []
    for resource in document.all("Observation"):
        known = codes(resource.get("code"))
        is_social = known & SOCIAL_CODES or "social-history" in categories(resource) or id(resource) in named
        if is_social and not known & PREGNANCY_CODES and (entry := described(document, resource)).text:
            found.append(entry)
    return _section(document, found, SOCIAL, "Observation")


def pregnancies(document: Document) -> Section[Entry]:
    """Status, expected day of birth, outcomes: as the record tells them, of whatever year."""
    named = document.ids_in(PREGNANCY)
    found = [
        described(document, resource)
        for resource in document.all("Observation")
        if codes(resource.get("code")) & PREGNANCY_CODES or id(resource) in named
    ]
    return _section(document, [entry for entry in found if entry.text], PREGNANCY, "Observation")


def functional(document: Document) -> Section[Entry]:
    """Disabilities and assessments (Condition, ClinicalImpression, Observation)."""
    resources = [*document.in_section(FUNCTIONAL), *document.all("ClinicalImpression")]
    return _section(document, _described(document, resources), FUNCTIONAL, "ClinicalImpression", "Observation")


def story(document: Document) -> Section[Entry]:
    """The patient's story: the narrative is the story, and entries stand beside it."""
    section = _section(document, _described(document, document.in_section(STORY)), STORY)
    if section.items and (text := document.own_words(STORY)):
        return Section((Entry(text), *section.items), section.absences)
    return section


def is_directive(document: Document, resource: Json) -> bool:
    """Whether a Consent or document tells what the person wants done, and not done, in an emergency."""
    known = categories(resource) | codes(resource.get("scope")) | codes(resource.get("type"))
    return id(resource) in document.ids_in(DIRECTIVES) or not known.isdisjoint(DIRECTIVE_CODES)


def directive_text(resource: Json) -> str:
    """What a directive says, shortly."""
    wishes = [text for part in dicts(resource.get("provision"))[:8] for text in concept_texts(part.get("code"))]
    for text in (line(resource.get("description")), concept_text(resource.get("category")), ", ".join(wishes)):
        if text:
            return text
    return (
        concept_text(resource.get("code")) or concept_text(resource.get("type")) or concept_text(resource.get("scope"))
    )


def directives(document: Document) -> Section[Entry]:
    """Every advance directive, those that were rejected or replaced too."""
    kinds = ("Consent", "DocumentReference")
    named = [resource for resource in document.all(*kinds) if is_directive(document, resource)]
    resources = [*named, *document.besides(DIRECTIVES, *kinds)]
    found = [entry for resource in _once(resources) if (entry := _directive(document, resource)).text]
    return _section(document, found, DIRECTIVES, "Consent")


def consents(document: Document) -> Section[Entry]:
    """Consents about privacy, research and treatment that are no directives."""
    resources = [resource for resource in document.all("Consent") if not is_directive(document, resource)]
    found = [entry for resource in resources if (entry := _directive(document, resource)).text]
    held = document.held_back("Consent")
    return Section(newest_first(found), held or (() if found else (NO_INFORMATION,)))


def past_allergies(document: Document) -> Section[Entry]:
    """Allergies that are over, or that were ruled out."""
    found = []
    for resource in document.all("AllergyIntolerance"):
        ruled_out = "refuted" in codes(resource.get("verificationStatus"))
        if not (ruled_out or codes(resource.get("clinicalStatus")) & _OVER) or absence_of(resource.get("code")):
            continue
        said = concept_text(resource.get("verificationStatus" if ruled_out else "clinicalStatus"))
        moment = first_when(resource, "recordedDate", "onsetDateTime", "onsetPeriod", "assertedDate")
        origin = document.references.origin(resource, moment)
        found.append(Entry(concept_text(resource.get("code")) or concept_text(resource.get("substance")), said, origin))
    found = [entry for entry in found if entry.text]
    return Section(newest_first(found), () if found else (NO_INFORMATION,))


def others(document: Document) -> Section[Entry]:
    """The sections that are none of the known ones, each as its title and what is in it."""
    found = [entry for part in document.unplaced() if (entry := _other(document, part)).text and entry.detail]
    return Section(tuple(found), () if found else (NO_INFORMATION,))


def _other(document: Document, part: Part) -> Entry:
    entries = _described(document, document.readable(part))
    said = "; ".join(f"{entry.text}: {entry.detail}" if entry.detail else entry.text for entry in entries)
    return Entry(part.title or "–", paragraph(said or part.narrative))


def _directive(document: Document, resource: Json) -> Entry:
    entry = described(document, resource)
    text = directive_text(resource) or entry.text
    details = [part for part in (entry.text, entry.detail) if part and part != text]
    moment = first_when(resource, "dateTime", "date", "period")
    return Entry(
        text, "; ".join(details), document.references.origin(resource, moment), entry.until, entry.code, entry.not_done
    )


def _described(document: Document, resources: Iterable[Json]) -> list[Entry]:
    found = [described(document, resource) for resource in _once(resources) if absence_of(resource.get("code")) is None]
    return [entry for entry in found if entry.text]


def _once(resources: Iterable[Json]) -> list[Json]:
    return list({id(resource): resource for resource in resources}.values())


def _section(document: Document, found: list[Entry], loinc: str, *kinds: str) -> Section[Entry]:
    silent = [resource.get("code") for resource in document.in_section(loinc)]
    made = Section(newest_first(found), absences(document, silent, loinc, *kinds, any_item=bool(found)))
    return with_words(document, made, loinc, *kinds)
