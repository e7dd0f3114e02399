"""Drugs of the book (MedicationStatement, MedicationRequest): name, dose as prescribed, whether still taken."""

from __future__ import annotations

from datetime import date

from records_panel.absent_codes import absence_of
from records_panel.document import NO_INFORMATION, Document
from records_panel.drug_groups import is_anticoagulant
from records_panel.entries import absences
from records_panel.fhir_reading import (
    Json,
    as_dict,
    as_list,
    codes,
    concept_text,
    dicts,
    first_when,
    line,
    number,
    order,
    quantity,
    when,
    word,
)
from records_panel.model import Drug, DrugState, Section

MEDICATIONS = "10160-0"
_KINDS = ("MedicationStatement", "MedicationRequest")
_STATES = {
    "active": DrugState.ACTIVE,
    "intended": DrugState.ACTIVE,
    "on-hold": DrugState.ON_HOLD,
    "completed": DrugState.STOPPED,
    "stopped": DrugState.STOPPED,
    "not-taken": DrugState.STOPPED,
    "ended": DrugState.STOPPED,
}
_WRITTEN_ONLY = frozenset({"draft", "proposal", "plan"})


def drugs(document: Document, today: date) -> tuple[Section[Drug], Section[Drug], tuple[Drug, ...]]:
    """Drugs in use, stopped ones, and those in use that are anticoagulants. What ended before today is stopped."""
    used: list[Drug] = []
    stopped: list[Drug] = []
    thinning: list[Drug] = []
    silent: list[object] = []
    for resource in document.all(*_KINDS):
        concept = _concept(document, resource)
        if absence_of(concept) is not None:
            silent.append(concept)
            continue
        drug = _drug(document, resource, concept, today)
        if (
            not drug.text
            or word(resource.get("status")) in _WRITTEN_ONLY
            or word(resource.get("intent")) in _WRITTEN_ONLY
        ):
            continue
        if drug.state is DrugState.STOPPED:
            stopped.append(drug)
            continue
        used.append(drug)
        if is_anticoagulant(drug.text, codes(concept)):
            thinning.append(drug)
    # Unsure ones follow those that are certain; within each, the newest first.
    used.sort(key=lambda drug: (drug.state is not DrugState.UNSURE, order(drug.origin.when)), reverse=True)
    stopped.sort(key=lambda drug: order(drug.until or drug.origin.when), reverse=True)
    return (
        Section(tuple(used), absences(document, silent, MEDICATIONS, *_KINDS, any_item=bool(used))),
        Section(tuple(stopped), () if stopped else (NO_INFORMATION,)),
        tuple(thinning),
    )


def _concept(document: Document, resource: Json) -> Json:
    concept = as_dict(resource.get("medicationCodeableConcept"))
    if concept:
        return concept
    reference = as_dict(resource.get("medicationReference"))
    named = as_dict(document.references.resolve(reference, resource).get("code"))
    return named if concept_text(named) else {"text": line(reference.get("display"))}


def _drug(document: Document, resource: Json, concept: Json, today: date) -> Drug:
    state = _STATES.get(word(resource.get("status")), DrugState.UNSURE)
    until = when(as_dict(resource.get("effectivePeriod")).get("end"))
    if until is not None and until.day < today:
        state = DrugState.STOPPED
    moment = first_when(resource, "effectiveDateTime", "effectivePeriod", "authoredOn", "dateAsserted")
    return Drug(
        text=concept_text(concept),
        dose="; ".join(filter(None, (_dose(dosage) for dosage in _dosages(resource)))),
        state=state,
        origin=document.references.origin(resource, moment),
        until=until,
    )


def _dosages(resource: Json) -> list[Json]:
    return dicts(resource.get("dosage")) or dicts(resource.get("dosageInstruction"))


def _dose(dosage: Json) -> str:
    """The dose in the record's words; without them, amount, times a period and route, as the codes give them."""
    if text := line(dosage.get("text")) or line(dosage.get("patientInstruction")):
        return text
    parts = []
    for rate in dicts(dosage.get("doseAndRate")):
        dose = quantity(rate.get("doseQuantity"))
        if dose is not None:
            parts.append(f"{dose.value:g} {dose.unit}".strip())
    timing = as_dict(dosage.get("timing"))
    repeat = as_dict(timing.get("repeat"))
    unit = line(repeat.get("periodUnit"), 3)
    if unit:
        times = number(repeat.get("frequency") or repeat.get("count")) or 1
        period = number(repeat.get("period")) or 1
        parts.append(f"{times:g} × / {f'{period:g} ' if period != 1 else ''}{unit}")
    parts += [moment for moment in as_list(repeat.get("when")) if isinstance(moment, str)]
    parts.append(concept_text(timing.get("code")))
    parts.append(concept_text(dosage.get("route")))
    return " · ".join(filter(None, parts))
