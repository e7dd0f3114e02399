"""The red line: what must not be overlooked. It lifts what the record says and concludes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from records_panel.absent_codes import absence_of
from records_panel.document import Document, categories
from records_panel.entries import DIRECTIVES, absences
from records_panel.fhir_reading import (
    Json,
    as_dict,
    as_list,
    codes,
    concept_text,
    dicts,
    first_when,
    line,
    order,
    when,
    word,
)
from records_panel.model import Absence, Drug, Entry, RedLine, RedLineKind, Section, When

ALLERGIES = "48765-2"
_OVER = frozenset({"inactive", "resolved"})
_PREGNANT = frozenset({"LA15173-0", "77386006"})
_DUE = ("11778-8", "11779-6", "11780-4")
_DIRECTIVE = frozenset({"acd", "dnr", "emrgonly", "hcd", "npp", "polst", "adr", "42348-3", "75320-2", "81334-5"})
_FULL_TERM = timedelta(weeks=40)
_STILL_PREGNANT = timedelta(days=14)  # after the expected day of birth
_STATUS_HOLDS = timedelta(days=300)


def red_line(document: Document, drugs: Iterable[Drug], implants: Iterable[Entry], today: date) -> Section[RedLine]:
    """Allergies by criticality, then alerts, pregnancy, anticoagulants, implants, directives."""
    allergies, silences = _allergies(document)
    lines = [
        *allergies,
        *_alerts(document, today),
        *_pregnancy(document, today),
        *(RedLine(RedLineKind.ANTICOAGULANT, drug.text, drug.dose, origin=drug.origin) for drug in drugs),
        *(
            RedLine(RedLineKind.IMPLANT, device.text, device.detail, origin=device.origin)
            for device in implants
            if device.until is None or device.until.day >= today
        ),
        *_directives(document),
    ]
    return Section(tuple(lines), silences)


def _allergies(document: Document) -> tuple[list[RedLine], tuple[Absence, ...]]:
    found: list[tuple[int, float, RedLine]] = []
    silent: list[object] = []
    for resource in document.all("AllergyIntolerance"):
        concept = resource.get("code")
        if absence_of(concept) is not None:
            silent.append(concept)
            continue
        if codes(resource.get("clinicalStatus")) & _OVER:
            continue
        reactions = dicts(resource.get("reaction"))
        told = [concept_text(sign) for reaction in reactions for sign in as_list(reaction.get("manifestation"))]
        told = told or [line(reaction.get("description")) for reaction in reactions]
        text = concept_text(concept) or concept_text(next((r.get("substance") for r in reactions), None))
        if not text:
            continue
        severe = resource.get("criticality") == "high" or any(r.get("severity") == "severe" for r in reactions)
        moment = first_when(resource, "recordedDate", "onsetDateTime", "onsetPeriod", "lastOccurrence")
        entry = RedLine(
            RedLineKind.ALLERGY,
            text,
            ", ".join(filter(None, told)),
            severe=severe,
            origin=document.references.origin(resource, moment),
        )
        # An allergy whose weight nobody told stands between the severe and the mild.
        rank = 0 if severe else 2 if resource.get("criticality") == "low" else 1
        found.append((rank, -order(moment), entry))
    found.sort(key=lambda ranked: ranked[:2])
    none = absences(document, silent, ALLERGIES, "AllergyIntolerance", any_item=bool(found))
    return [entry for _, _, entry in found], none


def _alerts(document: Document, today: date) -> Iterable[RedLine]:
    for resource in document.all("Flag"):
        ended = when(as_dict(resource.get("period")).get("end"))
        if resource.get("status") == "inactive" or (ended is not None and ended.day < today):
            continue
        if text := concept_text(resource.get("code")):
            origin = document.references.origin(resource, first_when(resource, "period"))
            yield RedLine(RedLineKind.ALERT, text, origin=origin)


def _pregnancy(document: Document, today: date) -> Iterable[RedLine]:
    latest: dict[str, tuple[float, Json, When | None]] = {}
    for resource in document.all("Observation"):
        known = codes(resource.get("code"))
        key = "status" if "82810-3" in known else "due" if not known.isdisjoint(_DUE) else None
        if key is None:
            continue
        moment = first_when(resource, "effectiveDateTime", "effectivePeriod", "issued")
        if key not in latest or order(moment) >= latest[key][0]:
            latest[key] = (order(moment), resource, moment)
    if "status" not in latest:
        return
    _, resource, moment = latest["status"]
    if not codes(resource.get("valueCodeableConcept")) & _PREGNANT:
        return
    due = when(latest["due"][1].get("valueDateTime")) if "due" in latest else None
    told_lately = moment is not None and today - moment.day <= _STATUS_HOLDS
    if due is not None and due.day + _STILL_PREGNANT >= today and due.day - today <= _FULL_TERM:
        weeks = max(0, (today - (due.day - _FULL_TERM)).days // 7)
        origin = document.references.origin(resource, moment)
        text = concept_text(resource.get("valueCodeableConcept"))
        yield RedLine(RedLineKind.PREGNANCY, text, origin=origin, weeks=weeks, due=due.day)
    elif due is None and told_lately:
        text = concept_text(resource.get("valueCodeableConcept"))
        yield RedLine(RedLineKind.PREGNANCY, text, origin=document.references.origin(resource, moment))


def _directives(document: Document) -> Iterable[RedLine]:
    named = {id(resource) for resource in document.in_section(DIRECTIVES)}
    for resource in document.all("Consent", "DocumentReference"):
        known = categories(resource) | codes(resource.get("scope")) | codes(resource.get("type"))
        if id(resource) not in named and known.isdisjoint(_DIRECTIVE):
            continue
        if word(resource.get("status")) in ("rejected", "inactive", "superseded"):
            continue
        text = next((name for concept in as_list(resource.get("category")) if (name := concept_text(concept))), "")
        text = line(resource.get("description")) or text or concept_text(resource.get("type"))
        origin = document.references.origin(resource, first_when(resource, "dateTime", "date"))
        yield RedLine(RedLineKind.DIRECTIVE, text, origin=origin)
