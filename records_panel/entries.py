"""Entries told in words: problems, procedures, vaccines, devices, family, documents, plans.

The file is long because each of these is one short function over the same three helpers (`absences`, `with_words`,
`_listed`), by which all of them tell a silence in one way; apart they would import each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from records_panel.absent_codes import absence_in_words, absence_of, is_partial, words_of_absence
from records_panel.attachments import file_of
from records_panel.describing import described
from records_panel.document import NO_INFORMATION, Document
from records_panel.fhir_reading import (
    Json,
    as_dict,
    codes,
    concept_text,
    concept_texts,
    dicts,
    first_code,
    first_when,
    line,
    order,
    told,
    when,
    word,
)
from records_panel.model import Absence, AbsenceKind, Entry, Report, Section, Visit
from records_panel.sections import (
    ALERTS,
    DEVICES,
    DOCUMENTS,
    FAMILY,
    FUNCTIONAL,
    PAST_PROBLEMS,
    PLANS,
    PROBLEMS,
    PROCEDURES,
    VACCINES,
    narrative,
)
from records_panel.values import value_text

_OVER = frozenset({"resolved", "inactive", "remission"})
_HOLDS = frozenset({"active", "recurrence", "relapse"})

Item = TypeVar("Item", Entry, Report, Visit)


def newest_first(items: Iterable[Item]) -> tuple[Item, ...]:
    """By time, newest first; entries without a time come last."""
    return tuple(sorted(items, key=lambda item: order(item.origin.when), reverse=True))


def absences(
    document: Document, concepts: Iterable[object], loinc: str, *kinds: str, any_item: bool
) -> tuple[Absence, ...]:
    """The silences beside a section: what entries say of “none”, else its own reason, and what is withheld."""
    said = []
    partial = False
    for concept in concepts:
        if (kind := absence_of(concept)) is not None and not (any_item and not is_partial(concept)):
            said.append(Absence(kind, text=words_of_absence(concept)))
            partial = partial or is_partial(concept)
    held = document.held_back(*kinds)
    if any_item:
        return (*said, *held)
    if said:
        return (*said, *((NO_INFORMATION,) if partial else ()), *held)
    return held or document.silence(loinc)


def with_words(document: Document, section: Section[Entry], loinc: str, *kinds: str) -> Section[Entry]:
    """The section with what only its narrative says, when none of its entries can be read here."""
    text = "" if section.items else document.narrative(loinc, *kinds)
    if not text:
        return section
    if (kind := absence_in_words(text)) is not None:
        silences = [one for one in section.absences if one.kind is not AbsenceKind.NO_INFORMATION]
        return Section((), (*silences, Absence(kind, text=text)))
    return Section((Entry(text),), tuple(one for one in section.absences if one != NO_INFORMATION))


def others_in(document: Document, loinc: str, *kinds: str) -> list[Entry]:
    """What a section refers to that is of none of these types, in words."""
    found = [described(document, resource) for resource in document.besides(loinc, *kinds)]
    return [entry for entry in found if entry.text]


def problems(document: Document) -> tuple[Section[Entry], Section[Entry]]:
    """Active problems and past ones (Condition); one without a status is past when only that section names it."""
    named, past_named = document.ids_in(PROBLEMS), document.ids_in(PAST_PROBLEMS)
    elsewhere = (document.ids_in(FUNCTIONAL) | document.ids_in(ALERTS)) - named - past_named
    active: list[Entry] = []
    past: list[Entry] = []
    concepts: list[object] = []
    past_concepts: list[object] = []
    for resource in document.all("Condition"):
        concept = resource.get("code")
        only_past = id(resource) in past_named - named
        if absence_of(concept) is not None:
            (past_concepts if only_past else concepts).append(concept)
            continue
        entry = _problem(document, resource)
        refuted = "refuted" in codes(resource.get("verificationStatus"))
        # What was ruled out is told only where a section chose to tell it.
        if not entry.text or id(resource) in elsewhere or (refuted and id(resource) not in named | past_named):
            continue
        status = codes(resource.get("clinicalStatus"))
        ended = entry.until is not None or resource.get("abatementBoolean") is True or _abated(resource)
        is_past = bool(status & _OVER) or refuted or (ended and not status & _HOLDS) or (not status and only_past)
        (past if is_past else active).append(entry)
    active += others_in(document, PROBLEMS, "Condition")
    past += others_in(document, PAST_PROBLEMS, "Condition")
    return (
        with_words(
            document,
            Section(newest_first(active), absences(document, concepts, PROBLEMS, "Condition", any_item=bool(active))),
            PROBLEMS,
            "Condition",
        ),
        with_words(
            document,
            Section(newest_first(past), absences(document, past_concepts, PAST_PROBLEMS, any_item=bool(past))),
            PAST_PROBLEMS,
            "Condition",
        ),
    )


def _problem(document: Document, resource: Json) -> Entry:
    began = first_when(resource, "onsetDateTime", "onsetPeriod", "recordedDate", "assertedDate", "dateRecorded")
    ended = first_when(resource, "abatementDateTime", "abatementPeriod")
    said = [concept_text(resource.get("severity")), *concept_texts(resource.get("bodySite")), onset(resource)]
    if "refuted" in codes(resource.get("verificationStatus")):
        said.append(concept_text(resource.get("verificationStatus")))
    text = concept_text(resource.get("code")) or concept_text(resource.get("bodySite"))
    return Entry(
        text=text or line(narrative(resource.get("text"), 300)),
        detail=", ".join(dict.fromkeys(part for part in said if part and part != text)),
        origin=document.references.origin(resource, began),
        until=ended,
        code=first_code(resource.get("code")),
    )


def onset(resource: Json) -> str:
    """When it began, where the record tells an age, a range or words instead of a date."""
    if text := line(resource.get("onsetString")):
        return text
    part = {"valueQuantity": resource.get("onsetAge"), "valueRange": resource.get("onsetRange")}
    return value_text(part)


def _abated(resource: Json) -> bool:
    return any(resource.get(field) for field in ("abatementString", "abatementAge", "abatementRange"))


def _listed(
    document: Document,
    kinds: tuple[str, ...],
    loinc: str,
    concept: Callable[[Json], object],
    entry: Callable[[Json], Entry],
) -> Section[Entry]:
    found: list[Entry] = []
    none: list[object] = []
    for resource in document.all(*kinds):
        said = concept(resource)
        if absence_of(said) is not None:
            none.append(said)
        elif (made := entry(resource)).text:
            found.append(made)
    found += others_in(document, loinc, *kinds)
    section = Section(newest_first(found), absences(document, none, loinc, *kinds, any_item=bool(found)))
    return with_words(document, section, loinc, *kinds)


def procedures(document: Document) -> Section[Entry]:
    """What was done, or was decided against (Procedure)."""

    def entry(resource: Json) -> Entry:
        moment = first_when(
            resource,
            "performedDateTime",
            "performedPeriod",
            "occurrenceDateTime",
            "occurrencePeriod",
            "recorded",
        )
        said = [*concept_texts(resource.get("bodySite")), line(resource.get("performedString"))]
        text = concept_text(resource.get("code"))
        return Entry(
            text=text or line(narrative(resource.get("text"), 300)),
            detail=", ".join(filter(None, [*said, *concept_texts(resource.get("statusReason"))])),
            origin=document.references.origin(resource, moment),
            code=first_code(resource.get("code")),
            not_done=_not_done(resource),
        )

    return _listed(document, ("Procedure",), PROCEDURES, lambda resource: resource.get("code"), entry)


def vaccines(document: Document) -> Section[Entry]:
    """Doses that were given or refused (Immunization); the detail is the dose's number."""

    def entry(resource: Json) -> Entry:
        doses = [*dicts(resource.get("protocolApplied")), *dicts(resource.get("vaccinationProtocol"))]
        fields = ("doseNumberPositiveInt", "doseNumberString", "doseNumber", "doseSequence")
        number = next((dose[field] for dose in doses for field in fields if dose.get(field)), None)
        targets = [text for dose in doses for text in concept_texts(dose.get("targetDisease"))]
        moment = first_when(resource, "occurrenceDateTime", "date", "recorded")
        return Entry(
            text=concept_text(resource.get("vaccineCode")) or ", ".join(targets),
            detail=line(str(number), 40) if isinstance(number, (int, str)) else "",
            origin=document.references.origin(resource, moment),
            code=first_code(resource.get("vaccineCode")),
            not_done=_not_done(resource),
        )

    return _listed(document, ("Immunization",), VACCINES, lambda resource: resource.get("vaccineCode"), entry)


def _not_done(resource: Json) -> bool:
    # STU3 says `notDone` or `notGiven`, DSTU2 `wasNotGiven`.
    flags = (resource.get(field) for field in ("notDone", "notGiven", "wasNotGiven", "notPerformed"))
    return word(resource.get("status")) == "not-done" or any(flag is True for flag in flags)


def devices(document: Document) -> Section[Entry]:
    """Implants and devices in use (DeviceUseStatement, R5 DeviceUsage), and a Device that the section names itself."""
    kinds = ("DeviceUseStatement", "DeviceUsage")

    def device_of(resource: Json) -> Json:
        return document.references.resolve(resource.get("device"), resource)

    def concept(resource: Json) -> object:
        return device_of(resource).get("type") or as_dict(resource.get("device")).get("concept")

    def entry(resource: Json) -> Entry:
        said = as_dict(resource.get("device"))
        name = told(said, "display") or concept_text(concept(resource)) or _device_name(device_of(resource))
        moment = first_when(resource, "timingPeriod", "timingDateTime", "recordedOn", "dateAsserted", "whenUsed")
        notes = [line(note.get("text")) for note in dicts(resource.get("note"))]
        where = concept_texts(resource.get("bodySite"))
        return Entry(
            text=name or line(narrative(resource.get("text"), 300)),
            detail="; ".join(filter(None, [*where, *notes])),
            origin=document.references.origin(resource, moment),
            until=when(as_dict(resource.get("timingPeriod")).get("end")),
        )

    section = _listed(document, kinds, DEVICES, concept, entry)
    if section.items or section.absences != (NO_INFORMATION,):
        return section
    # A record without statements may hold its implants alone.
    alone = [Entry(name, code=first_code(one.get("type"))) for one in document.all("Device") if (name := _implant(one))]
    return Section(tuple(alone), () if alone else section.absences)


def _device_name(device: Json) -> str:
    names = [*dicts(device.get("deviceName")), *dicts(device.get("udiDeviceName")), *dicts(device.get("name"))]
    named = next((text for name in names if (text := told(name, "name") or told(name, "value"))), "")
    return named or concept_text(device.get("type")) or told(device, "modelNumber") or told(device, "model")


def _implant(device: Json) -> str:
    """The name of a Device that belongs to the patient; others are instruments and authors of documents."""
    if not device.get("patient") or absence_of(device.get("type")) is not None:
        return ""
    return concept_text(device.get("type")) or _device_name(device)


def family(document: Document) -> Section[Entry]:
    """Illness in the family: who, and what."""

    def entry(resource: Json) -> Entry:
        ill = [concept_text(condition.get("code")) for condition in dicts(resource.get("condition"))]
        notes = [line(note.get("text")) for note in dicts(resource.get("note"))]
        return Entry(
            text=concept_text(resource.get("relationship")) or line(resource.get("name")),
            detail=", ".join(filter(None, ill)) or "; ".join(filter(None, notes)),
            origin=document.references.origin(resource, first_when(resource, "date")),
        )

    return _listed(document, ("FamilyMemberHistory",), FAMILY, lambda _resource: None, entry)


def documents(document: Document) -> Section[Entry]:
    """Documents that the book refers to (DocumentReference), and pictures that were added to it (Media)."""

    def entry(resource: Json) -> Entry:
        titles = [told(as_dict(content.get("attachment")), "title") for content in dicts(resource.get("content"))]
        kind, file = concept_text(resource.get("type")), file_of(resource)
        if resource.get("resourceType") == "Media":
            # Pictures of other systems stand with the report or section that is about them.
            text = (told(as_dict(resource.get("content")), "title") or "Ảnh") if file else ""
        else:
            text = line(resource.get("description")) or kind or next(filter(None, titles), "")
        return Entry(
            text=text or ("Tài liệu" if file else ""),
            detail=concept_text(resource.get("category")),
            origin=document.references.origin(
                resource, first_when(resource, "date", "createdDateTime", "indexed", "created")
            ),
            file=file,
        )

    return _listed(document, ("DocumentReference", "Media"), DOCUMENTS, lambda _resource: None, entry)


def plans(document: Document) -> Section[Entry]:
    """Plans of care, and what is recommended or ordered within their section."""
    kinds = ("CarePlan", "ImmunizationRecommendation")
    found = [entry for resource in document.all(*kinds) if (entry := described(document, resource)).text]
    found += others_in(document, PLANS, *kinds)
    section = Section(newest_first(found), absences(document, (), PLANS, *kinds, any_item=bool(found)))
    return with_words(document, section, PLANS, *kinds)
