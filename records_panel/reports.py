"""Reports of imaging, function and laboratories with their conclusions, and visits."""

from __future__ import annotations

from records_panel.describing import described
from records_panel.document import NO_INFORMATION, Document, categories
from records_panel.entries import newest_first
from records_panel.fhir_reading import (
    Json,
    any_codes,
    as_dict,
    as_list,
    codes,
    concept_text,
    concept_texts,
    dicts,
    first_when,
    line,
    paragraph,
    told,
    when,
    word,
)
from records_panel.model import Report, Section, Visit
from records_panel.sections import RESULTS, VISITS, narrative

_IMAGING = frozenset(
    {"RAD", "LP29684-5", "18726-0", "18748-4", "RUS", "CT", "NMR", "imaging", "4201000179104", "363679005"}
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
    "outpatient": "ambulatory",
    "inpatient": "inpatient",
    "emergency": "emergency",
    "virtual": "virtual",
}


def reports(document: Document) -> Section[Report]:
    """Imaging and functional reports (DiagnosticReport, ImagingStudy); a laboratory's when it says more than values."""
    kinds = ("DiagnosticReport", "ImagingStudy")
    found = [report for resource in document.all(*kinds) if (report := _report(document, resource)) is not None]
    for resource in document.besides(RESULTS, "Observation", *kinds):
        entry = described(document, resource)
        found.append(Report(entry.text, entry.detail, "other", entry.origin))
    held = document.held_back(*kinds)
    return Section(newest_first(found), held or (() if found else (NO_INFORMATION,)))


def _report(document: Document, resource: Json) -> Report | None:
    study = resource.get("resourceType") == "ImagingStudy"
    section = categories(resource) | any_codes(resource.get("modality")) | any_codes(resource.get("modalityList"))
    name = concept_text(resource.get("code")) or line(resource.get("description"))
    name = name or concept_text(resource.get("procedureCode"))
    conclusion = paragraph(resource.get("conclusion")) or ", ".join(
        concept_texts(resource.get("conclusionCode") or resource.get("codedDiagnosis"))
    )
    kind = "imaging" if study or section & _IMAGING else "cardiology" if section & _CARDIOLOGY else "other"
    if section & _LABORATORY:
        kind = "laboratory"
    forms = [told(form, "title") for form in dicts(resource.get("presentedForm"))]
    if not conclusion:
        has_values = any(document.references.resolve(one, resource) for one in as_list(resource.get("result"))[:200])
        notes = [paragraph(note.get("text")) for note in dicts(resource.get("note"))]
        conclusion = "; ".join(filter(None, notes + forms))
        # The values of a laboratory's report are among the results, and need not stand here without a word.
        if not conclusion and has_values and (kind == "laboratory" or not study):
            return None
        conclusion = conclusion or ("" if study else narrative(resource.get("text"), 1200))
    if not name and not conclusion:
        return None
    moment = first_when(resource, "effectiveDateTime", "effectivePeriod", "started", "issued")
    return Report(
        name=name,
        conclusion=conclusion,
        kind=kind,
        origin=document.references.origin(resource, moment),
        preliminary=word(resource.get("status")) in ("registered", "partial", "preliminary"),
    )


def visits(document: Document) -> Section[Visit]:
    """Encounters."""
    found = []
    for resource in document.all("Encounter"):
        period = as_dict(resource.get("period") or resource.get("actualPeriod"))
        reasons = concept_texts(resource.get("reasonCode"))
        # R5: reason.value is a list of CodeableReference
        reasons = reasons or [text for one in dicts(resource.get("reason")) for text in concept_texts(one.get("value"))]
        reasons = reasons or concept_texts(resource.get("reason")) or concept_texts(resource.get("type"))
        kind = next((_VISITS[code] for code in sorted(codes(resource.get("class"))) if code in _VISITS), "other")
        found.append(
            Visit(
                reason=", ".join(reasons),
                kind=kind,
                origin=document.references.origin(resource, when(period.get("start"))),
                until=when(period.get("end")),
            )
        )
    for resource in document.besides(VISITS, "Encounter"):
        entry = described(document, resource)
        found.append(Visit(entry.text, "other", entry.origin))
    if not found and (text := document.narrative(VISITS, "Encounter")):
        found.append(Visit(text, "other"))
    held = document.held_back("Encounter")
    return Section(newest_first(found), held or (() if found else document.silence(VISITS)))
