"""Drugs of the book: name, dose as prescribed, whether still taken.

IPS 2.0.0 allows statements, requests, dispenses and administrations; R5 calls the first MedicationStatement or, for a
while, MedicationUsage. A Medication that a section names directly is read too.
"""

from __future__ import annotations

from datetime import date

from records_panel.absent_codes import absence_in_words, absence_of
from records_panel.describing import described, medication_name
from records_panel.document import NO_INFORMATION, Document
from records_panel.dosage import dose_of
from records_panel.drug_groups import is_anticoagulant
from records_panel.entries import absences
from records_panel.fhir_reading import (
    Json,
    as_dict,
    codes,
    concept_of,
    concept_text,
    first_when,
    order,
    told,
    when,
    word,
)
from records_panel.model import Absence, Drug, DrugState, Section
from records_panel.sections import MEDICATIONS, narrative

_KINDS = ("MedicationStatement", "MedicationRequest")
_OTHER_KINDS = ("MedicationUsage", "MedicationDispense", "MedicationAdministration", "MedicationOrder")
_STATES = {
    "active": DrugState.ACTIVE,
    "intended": DrugState.ACTIVE,
    "on-hold": DrugState.ON_HOLD,
    "completed": DrugState.STOPPED,
    "stopped": DrugState.STOPPED,
    "not-taken": DrugState.STOPPED,
    "ended": DrugState.STOPPED,
    "in-progress": DrugState.ACTIVE,
    "preparation": DrugState.ACTIVE,
    "recorded": DrugState.ACTIVE,
}
# Of one act and not of a course: what was dispensed or given once may still be taken.
_ACTS = frozenset({"MedicationDispense", "MedicationAdministration"})
_WRITTEN_ONLY = frozenset({"draft", "proposal", "plan"})
_DATES = (
    "effectiveDateTime",
    "effectivePeriod",
    "occurenceDateTime",
    "occurencePeriod",
    "authoredOn",
    "dateWritten",
    "whenHandedOver",
    "whenPrepared",
    "dateAsserted",
)


def drugs(document: Document, today: date) -> tuple[Section[Drug], Section[Drug], tuple[Drug, ...]]:
    """Drugs in use, stopped ones, and those in use that are anticoagulants. What ended before today is stopped."""
    used: list[Drug] = []
    stopped: list[Drug] = []
    thinning: list[Drug] = []
    silent: list[object] = []
    named = document.in_section(MEDICATIONS)
    direct = [resource for resource in named if resource.get("resourceType") == "Medication"]
    for resource in [*document.all(*_KINDS, *_OTHER_KINDS), *direct]:
        concept = _concept(document, resource)
        if absence_of(concept) is not None:
            silent.append(concept)
            continue
        drug = _drug(document, resource, concept, today)
        written_only = not _WRITTEN_ONLY.isdisjoint((word(resource.get("status")), word(resource.get("intent"))))
        if not drug.text or (written_only and id(resource) not in document.ids_in(MEDICATIONS)):
            continue
        if drug.state is DrugState.STOPPED:
            stopped.append(drug)
            continue
        used.append(drug)
        if is_anticoagulant(drug.text, codes(concept)):
            thinning.append(drug)
    for resource in document.besides(MEDICATIONS, *_KINDS, *_OTHER_KINDS, "Medication"):
        entry = described(document, resource)
        if entry.text:
            used.append(Drug(entry.text, entry.detail, DrugState.UNSURE, entry.origin))
    if not used and not stopped and not silent and (text := document.narrative(MEDICATIONS, *_KINDS)):
        if (kind := absence_in_words(text)) is not None:
            return _none(Absence(kind, text=text))
        used.append(Drug(text, "", DrugState.UNSURE))
    # Unsure ones follow those that are certain; within each, the newest first.
    used.sort(key=lambda drug: (drug.state is not DrugState.UNSURE, order(drug.origin.when)), reverse=True)
    stopped.sort(key=lambda drug: order(drug.until or drug.origin.when), reverse=True)
    return (
        Section(tuple(used), absences(document, silent, MEDICATIONS, *_KINDS, any_item=bool(used))),
        Section(tuple(stopped), () if stopped else (NO_INFORMATION,)),
        tuple(thinning),
    )


def _none(absence: Absence) -> tuple[Section[Drug], Section[Drug], tuple[Drug, ...]]:
    return Section((), (absence,)), Section((), (NO_INFORMATION,)), ()


def _concept(document: Document, resource: Json) -> Json:
    """What the drug is: its concept, the Medication that is referred to, or the text of the reference."""
    if resource.get("resourceType") == "Medication":
        return {**concept_of(resource.get("code")), "text": medication_name(document, resource)}
    concept = concept_of(
        resource.get("medicationCodeableConcept") or as_dict(resource.get("medication")).get("concept")
    )
    if concept_text(concept):
        return concept
    reference = as_dict(resource.get("medicationReference") or resource.get("medication"))
    medication = document.references.resolve(reference, resource)
    named = concept_of(medication.get("code"))
    if medication and (name := medication_name(document, medication)):
        return {**named, "text": name}
    text = told(reference, "display") or narrative(resource.get("text"), 200)
    return {"text": text} if text else concept


def _drug(document: Document, resource: Json, concept: Json, today: date) -> Drug:
    kind, status = resource.get("resourceType"), word(resource.get("status"))
    state = _STATES.get(status, DrugState.UNSURE)
    if kind in _ACTS:
        state = DrugState.UNSURE if state is DrugState.STOPPED and status == "completed" else state
    # R5 tells by adherence what R4 told by status; STU3 by `taken`.
    adherence = codes(as_dict(resource.get("adherence")).get("code"))
    if adherence & {"not-taking", "stopped", "stopped-or-never-started"} or resource.get("taken") == "n":
        state = DrugState.STOPPED
    until = when(as_dict(resource.get("effectivePeriod")).get("end"))
    if until is not None and until.day < today and kind not in _ACTS:
        state = DrugState.STOPPED
    return Drug(
        text=concept_text(concept),
        dose=dose_of(resource),
        state=state,
        origin=document.references.origin(resource, first_when(resource, *_DATES)),
        until=until,
    )
