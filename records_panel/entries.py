"""Entries told in words: problems, procedures, vaccines, devices, visits, reports, family, social, documents, plans."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from records_panel.absent_codes import absence_of, is_partial
from records_panel.document import NO_INFORMATION, Document, categories
from records_panel.fhir_reading import (
    Json,
    as_dict,
    as_list,
    codes,
    concept_text,
    dicts,
    first_code,
    first_when,
    line,
    order,
    paragraph,
    when,
    word,
)
from records_panel.model import Absence, Entry, Report, Section, Visit

PROBLEMS, PAST_PROBLEMS, PROCEDURES, VACCINES = "11450-4", "11348-0", "47519-4", "11369-6"
DEVICES, FAMILY, SOCIAL, PLANS, RESULTS, DIRECTIVES = "46264-8", "10157-6", "29762-2", "18776-5", "30954-2", "42348-3"
_OVER = frozenset({"resolved", "inactive", "remission"})
_DONE = frozenset({"not-done", "entered-in-error"})
_SOCIAL_CODES = frozenset({"72166-2", "74013-4", "11331-6", "11367-0", "63512-8", "82589-3"})
_IMAGING = frozenset(
    {"RAD", "LP29684-5", "18726-0", "RUS", "CT", "NMR", "CUS", "imaging", "4201000179104", "363679005"}
)
_CARDIOLOGY = frozenset({"EC", "CUS", "LP29708-2"})
_LABORATORY = frozenset({"LAB", "HM", "CH", "MB", "laboratory", "26436-6", "SR", "SP", "PAT"})
_VISITS = {
    "AMB": "ambulatory",
    "IMP": "inpatient",
    "ACUTE": "inpatient",
    "NONAC": "inpatient",
    "SS": "inpatient",
    "EMER": "emergency",
    "VR": "virtual",
}

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
            said.append(Absence(kind, text=concept_text(concept)))
            partial = partial or is_partial(concept)
    held = document.held_back(*kinds)
    if any_item:
        return (*said, *held)
    if said:
        return (*said, *((NO_INFORMATION,) if partial else ()), *held)
    return held or document.silence(loinc, *kinds)


def problems(document: Document) -> tuple[Section[Entry], Section[Entry]]:
    """Active problems and past ones (Condition); one without a status is past when only that section names it."""
    only_past = _ids(document, PAST_PROBLEMS) - _ids(document, PROBLEMS)
    functional = _ids(document, "47420-5") - _ids(document, PROBLEMS)
    active: list[Entry] = []
    past: list[Entry] = []
    concepts: list[object] = []
    for resource in document.all("Condition"):
        concept = resource.get("code")
        if absence_of(concept) is not None:
            concepts.append(concept)
            continue
        ended = first_when(resource, "abatementDateTime", "abatementPeriod")
        began = first_when(resource, "onsetDateTime", "onsetPeriod", "recordedDate")
        entry = Entry(
            text=concept_text(concept),
            detail=concept_text(resource.get("severity")) or line(resource.get("onsetString")),
            origin=document.references.origin(resource, began),
            until=ended,
            code=first_code(concept),
        )
        if not entry.text or id(resource) in functional:
            continue
        status = codes(resource.get("clinicalStatus"))
        is_past = bool(status & _OVER) or ended is not None or (not status and id(resource) in only_past)
        (past if is_past else active).append(entry)
    return (
        Section(newest_first(active), absences(document, concepts, PROBLEMS, "Condition", any_item=bool(active))),
        Section(newest_first(past), () if past else document.silence(PAST_PROBLEMS, "Condition")),
    )


def _ids(document: Document, loinc: str) -> set[int]:
    return {id(resource) for resource in document.in_section(loinc)}


def _listed(
    document: Document, kind: str, loinc: str, concept: Callable[[Json], object], entry: Callable[[Json], Entry]
) -> Section[Entry]:
    found, none = [], []
    for resource in document.all(kind):
        said = concept(resource)
        if absence_of(said) is not None:
            none.append(said)
        elif word(resource.get("status")) not in _DONE and (made := entry(resource)).text:
            found.append(made)
    return Section(newest_first(found), absences(document, none, loinc, kind, any_item=bool(found)))


def procedures(document: Document) -> Section[Entry]:
    """What was done (Procedure)."""

    def entry(resource: Json) -> Entry:
        moment = first_when(resource, "performedDateTime", "performedPeriod")
        return Entry(
            text=concept_text(resource.get("code")),
            detail=", ".join(filter(None, map(concept_text, as_list(resource.get("bodySite"))))),
            origin=document.references.origin(resource, moment),
            code=first_code(resource.get("code")),
        )

    return _listed(document, "Procedure", PROCEDURES, lambda resource: resource.get("code"), entry)


def vaccines(document: Document) -> Section[Entry]:
    """Doses that were given (Immunization); the detail is the dose's number."""

    def entry(resource: Json) -> Entry:
        doses = dicts(resource.get("protocolApplied"))
        number = next((dose.get("doseNumberPositiveInt") or dose.get("doseNumberString") for dose in doses), None)
        return Entry(
            text=concept_text(resource.get("vaccineCode")),
            detail=line(str(number)) if number is not None else "",
            origin=document.references.origin(resource, first_when(resource, "occurrenceDateTime", "recorded")),
            code=first_code(resource.get("vaccineCode")),
        )

    return _listed(document, "Immunization", VACCINES, lambda resource: resource.get("vaccineCode"), entry)


def devices(document: Document) -> Section[Entry]:
    """Implants and devices in use (DeviceUseStatement)."""

    def concept(resource: Json) -> object:
        return document.references.resolve(resource.get("device"), resource).get("type")

    def entry(resource: Json) -> Entry:
        name = line(as_dict(resource.get("device")).get("display")) or concept_text(concept(resource))
        moment = first_when(resource, "timingPeriod", "timingDateTime", "recordedOn")
        return Entry(
            text=name,
            detail="; ".join(text for note in dicts(resource.get("note")) if (text := line(note.get("text")))),
            origin=document.references.origin(resource, moment),
            until=when(as_dict(resource.get("timingPeriod")).get("end")),
        )

    return _listed(document, "DeviceUseStatement", DEVICES, concept, entry)


def family(document: Document) -> Section[Entry]:
    """Illness in the family: who, and what."""

    def entry(resource: Json) -> Entry:
        ill = [concept_text(condition.get("code")) for condition in dicts(resource.get("condition"))]
        return Entry(
            text=concept_text(resource.get("relationship")) or line(resource.get("name")),
            detail=", ".join(filter(None, ill)),
            origin=document.references.origin(resource, first_when(resource, "date")),
        )

    return _listed(document, "FamilyMemberHistory", FAMILY, lambda _resource: None, entry)


def social(document: Document) -> Section[Entry]:
    """Social history Observations, in words; pregnancy belongs to the red line."""
    found = []
    for resource in document.all("Observation"):
        known = codes(resource.get("code"))
        if not known & _SOCIAL_CODES:
            continue
        value = as_dict(resource.get("valueQuantity"))
        amount = " ".join(str(part) for part in (value.get("value"), value.get("unit")) if part is not None)
        text = concept_text(resource.get("valueCodeableConcept")) or line(resource.get("valueString")) or amount
        moment = first_when(resource, "effectiveDateTime", "effectivePeriod", "issued")
        if text:
            origin = document.references.origin(resource, moment)
            found.append(Entry(concept_text(resource.get("code")), text, origin))
    return Section(newest_first(found), () if found else document.silence(SOCIAL, "Observation"))


def documents(document: Document) -> Section[Entry]:
    """Documents that the book refers to (DocumentReference)."""

    def entry(resource: Json) -> Entry:
        return Entry(
            text=line(resource.get("description")) or concept_text(resource.get("type")),
            detail=concept_text(next(iter(as_list(resource.get("category"))), None)),
            origin=document.references.origin(resource, first_when(resource, "date")),
        )

    return _listed(document, "DocumentReference", "55107-7", lambda _resource: None, entry)


def plans(document: Document) -> Section[Entry]:
    """Plans of care."""

    def entry(resource: Json) -> Entry:
        return Entry(
            text=line(resource.get("title")) or concept_text(next(iter(as_list(resource.get("category"))), None)),
            detail=paragraph(resource.get("description"), 600),
            origin=document.references.origin(resource, first_when(resource, "created", "period")),
        )

    return _listed(document, "CarePlan", PLANS, lambda _resource: None, entry)


def reports(document: Document) -> Section[Report]:
    """Imaging and functional reports (DiagnosticReport with a conclusion, ImagingStudy)."""
    found = []
    for resource in document.all("DiagnosticReport", "ImagingStudy"):
        study = resource.get("resourceType") == "ImagingStudy"
        section = categories(resource) | codes(as_dict(resource.get("modality")).get("code"))
        name = concept_text(resource.get("code")) or line(resource.get("description"))
        name = name or concept_text(next(iter(as_list(resource.get("procedureCode"))), None))
        conclusion = paragraph(resource.get("conclusion")) or ", ".join(
            filter(None, map(concept_text, as_list(resource.get("conclusionCode"))))
        )
        kind = "imaging" if study or section & _IMAGING else "cardiology" if section & _CARDIOLOGY else "other"
        if section & _LABORATORY:
            kind = "laboratory"
        if (not name and not conclusion) or (kind == "laboratory" and not conclusion):
            continue
        moment = first_when(resource, "effectiveDateTime", "effectivePeriod", "started", "issued")
        found.append(
            Report(
                name=name,
                conclusion=conclusion or "; ".join(paragraph(note.get("text")) for note in dicts(resource.get("note"))),
                kind=kind,
                origin=document.references.origin(resource, moment),
                preliminary=word(resource.get("status")) in ("registered", "partial", "preliminary"),
            )
        )
    held = document.held_back("DiagnosticReport", "ImagingStudy")
    return Section(newest_first(found), held or (() if found else (NO_INFORMATION,)))


def visits(document: Document) -> Section[Visit]:
    """Encounters."""
    found = []
    for resource in document.all("Encounter"):
        period = as_dict(resource.get("period"))
        reasons = [concept_text(reason) for reason in as_list(resource.get("reasonCode"))]
        reasons = reasons or [concept_text(kind) for kind in as_list(resource.get("type"))]
        found.append(
            Visit(
                reason=", ".join(filter(None, reasons)),
                kind=_VISITS.get(str(as_dict(resource.get("class")).get("code")), "other"),
                origin=document.references.origin(resource, when(period.get("start"))),
                until=when(period.get("end")),
            )
        )
    held = document.held_back("Encounter")
    return Section(newest_first(found), held or (() if found else (NO_INFORMATION,)))
