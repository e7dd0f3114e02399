"""The red line: what must not be overlooked. It lifts what the record says and concludes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from records_panel.absent_codes import absence_in_words, absence_of
from records_panel.describing import described
from records_panel.document import Document
from records_panel.entries import absences
from records_panel.fhir_reading import (
    Json,
    as_dict,
    codes,
    concept_text,
    concept_texts,
    dicts,
    first_when,
    line,
    order,
    when,
    word,
)
from records_panel.histories import directive_text, is_directive
from records_panel.model import Absence, Drug, Entry, RedLine, RedLineKind, Section, When
from records_panel.sections import ALERTS, ALLERGIES, DIRECTIVES, narrative

_OVER = frozenset({"inactive", "resolved"})
# Of DSTU2 too, whose codes were CRITH and CRITL.
_HIGH, _LOW = frozenset({"high", "CRITH"}), frozenset({"low", "CRITL"})
_PREGNANT = frozenset({"LA15173-0", "77386006"})
_DUE = ("11778-8", "11779-6", "11780-4")
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
        ruled_out = "refuted" in codes(resource.get("verificationStatus"))
        if ruled_out or codes(resource.get("clinicalStatus")) & _OVER:
            continue
        reactions = dicts(resource.get("reaction"))
        told = [text for reaction in reactions for text in concept_texts(reaction.get("manifestation"))]
        told = told or [line(reaction.get("description")) for reaction in reactions]
        text = concept_text(concept) or concept_text(resource.get("substance"))
        text = text or concept_text(next((r.get("substance") for r in reactions), None))
        # Something is known to be dangerous even where the record only says what kind of thing it is.
        text = text or narrative(resource.get("text"), 200) or concept_text(resource.get("category"))
        if not text:
            continue
        criticality = word(resource.get("criticality"))
        severe = criticality in _HIGH or any(r.get("severity") == "severe" for r in reactions)
        moment = first_when(
            resource, "recordedDate", "onsetDateTime", "onsetPeriod", "lastOccurrence", "assertedDate", "onset"
        )
        entry = RedLine(
            RedLineKind.ALLERGY,
            text,
            ", ".join(filter(None, told)),
            severe=severe,
            origin=document.references.origin(resource, moment),
        )
        # An allergy whose weight nobody told stands between the severe and the mild.
        rank = 0 if severe else 2 if criticality in _LOW else 1
        found.append((rank, -order(moment), entry))
    foreign = [described(document, resource) for resource in document.besides(ALLERGIES, "AllergyIntolerance")]
    found += [(1, 0.0, RedLine(RedLineKind.ALLERGY, one.text, origin=one.origin)) for one in foreign if one.text]
    found.sort(key=lambda ranked: ranked[:2])
    none = absences(document, silent, ALLERGIES, "AllergyIntolerance", any_item=bool(found))
    if not found and not silent and (words := document.narrative(ALLERGIES, "AllergyIntolerance")):
        kind = absence_in_words(words)
        if kind is None:
            return [RedLine(RedLineKind.ALLERGY, words)], ()
        return [], (Absence(kind, text=words),)
    return [entry for _, _, entry in found], none


def _alerts(document: Document, today: date) -> Iterable[RedLine]:
    for resource in document.all("Flag"):
        ended = when(as_dict(resource.get("period")).get("end"))
        if resource.get("status") == "inactive" or (ended is not None and ended.day < today):
            continue
        if text := described(document, resource).text:
            origin = document.references.origin(resource, first_when(resource, "period"))
            yield RedLine(RedLineKind.ALERT, text, origin=origin)
    for resource in document.besides(ALERTS, "Flag"):
        if (entry := described(document, resource)).text:
            yield RedLine(RedLineKind.ALERT, entry.text, entry.detail[:200], origin=entry.origin)
    words = document.narrative(ALERTS, "Flag")
    if words and absence_in_words(words) is None:
        yield RedLine(RedLineKind.ALERT, words)


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
    origin, text = document.references.origin(resource, moment), concept_text(resource.get("valueCodeableConcept"))
    if due is not None and -_STILL_PREGNANT <= due.day - today <= _FULL_TERM:
        weeks = max(0, (_FULL_TERM - (due.day - today)).days // 7)
        yield RedLine(RedLineKind.PREGNANCY, text, origin=origin, weeks=weeks, due=due.day)
    elif due is None and told_lately:
        yield RedLine(RedLineKind.PREGNANCY, text, origin=origin)


def _directives(document: Document) -> Iterable[RedLine]:
    for resource in document.all("Consent", "DocumentReference"):
        if not is_directive(document, resource):
            continue
        if word(resource.get("status")) in ("rejected", "inactive", "superseded"):
            continue
        origin = document.references.origin(resource, first_when(resource, "dateTime", "date", "period"))
        if text := directive_text(resource):
            yield RedLine(RedLineKind.DIRECTIVE, text, origin=origin)
    words = document.narrative(DIRECTIVES, "Consent")
    if words and absence_in_words(words) is None:
        yield RedLine(RedLineKind.DIRECTIVE, words)
