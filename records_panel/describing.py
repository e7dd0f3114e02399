"""Any resource in a few words, whatever its type: what it is about, what it says, when. For what no list knows better.

A section may refer to every type of FHIR (IPS 2.0.0 demands it of readers), and a type that this program has never
seen still has a code, a title, a description or a narrative.
"""

from __future__ import annotations

from collections.abc import Iterator

from records_panel.document import Document
from records_panel.fhir_reading import (
    Json,
    as_dict,
    as_list,
    concept_of,
    concept_text,
    concept_texts,
    dicts,
    first_code,
    first_when,
    line,
    paragraph,
    quantity,
    told,
    when,
    word,
)
from records_panel.model import Entry
from records_panel.sections import narrative
from records_panel.values import value_text

_CONCEPTS = ("code", "vaccineCode", "medicationCodeableConcept", "medication", "procedureCode", "type", "service")
_TITLES = ("title", "name")
_TEXTS = ("description", "summary", "content", "comment")
_DATES = (
    "effectiveDateTime",
    "effectivePeriod",
    "onsetDateTime",
    "onsetPeriod",
    "performedDateTime",
    "performedPeriod",
    "occurrenceDateTime",
    "occurrencePeriod",
    "period",
    "dateTime",
    "date",
    "authoredOn",
    "authored",
    "recordedDate",
    "recorded",
    "created",
    "issued",
    "sent",
    "start",
    "startDate",
    "whenHandedOver",
    "identified",
    "identifiedDateTime",
    "dateAsserted",
    "recordedOn",
)
_REFERENCES = ("medicationReference", "device", "consultant", "actor", "focus")
_MOST_DETAILS = 8
_LONGEST = 1200


def described(document: Document, resource: Json) -> Entry:
    """The resource in words. The text is empty only when it says nothing at all that could be shown."""
    text = heading(document, resource)
    details = [detail for detail in dict.fromkeys(_details(document, resource)) if detail and detail != text]
    told_in_words = narrative(resource.get("text"), _LONGEST) if not text or not details else ""
    if not text:
        text, told_in_words = line(told_in_words), ""
    elif told_in_words and told_in_words != text:
        details.append(told_in_words)
    return Entry(
        text=text or (word(resource.get("resourceType")) if details else ""),
        detail=paragraph("; ".join(details[:_MOST_DETAILS]), _LONGEST),
        origin=document.references.origin(resource, first_when(resource, *_DATES)),
        until=when(as_dict(resource.get("period")).get("end")),
        code=first_code(resource.get("code")),
        not_done=word(resource.get("status")) in ("not-done", "rejected"),
    )


def heading(document: Document, resource: Json) -> str:
    """What a resource is about, in its own words."""
    for field in _CONCEPTS:
        if text := concept_text(resource.get(field)):
            return text
    for field in _REFERENCES:
        reference = as_dict(resource.get(field))
        if text := told(reference, "display"):
            return text
        further = document.references.resolve(reference, resource)
        if text := concept_text(further.get("code")) or concept_text(further.get("type")):
            return text
    for field in _TITLES:
        if text := told(resource, field):
            return text
    for field in ("category", "class", "scope", "relationship"):
        if text := concept_text(resource.get(field)):
            return text
    for field in _TEXTS:
        if text := told(resource, field) or concept_text(resource.get(field)):
            return text
    return ""


def _details(document: Document, resource: Json) -> Iterator[str]:
    yield value_text(resource)
    for part in dicts(resource.get("component"))[:_MOST_DETAILS]:
        value = value_text(part)
        yield f"{concept_text(part.get('code'))}: {value}" if value else ""
    for field in ("description", "summary", "conclusion", "comment", "comments"):
        yield paragraph(resource.get(field), _LONGEST)
    for field in ("severity", "statusReason", "bodySite", "reasonCode", "reason", "valueSet", "outcome"):
        yield ", ".join(concept_texts(resource.get(field)))
    provision = next(iter(dicts(resource.get("provision"))), {})
    yield ", ".join(concept_texts(provision.get("code")))
    for finding in dicts(resource.get("finding"))[:_MOST_DETAILS]:
        yield concept_text(finding.get("itemCodeableConcept")) or concept_text(finding.get("item"))
    for goal in dicts(resource.get("recommendation"))[:_MOST_DETAILS]:
        named = ", ".join(concept_texts(goal.get("vaccineCode")) or concept_texts(goal.get("targetDisease")))
        dates = [line(part.get("value"), 10) for part in dicts(goal.get("dateCriterion"))]
        yield " ".join(filter(None, (named, *dates[:1])))
    for activity in dicts(resource.get("activity"))[:_MOST_DETAILS]:
        detail = as_dict(activity.get("detail"))
        planned = activity.get("reference") or activity.get("plannedActivityReference")
        further = document.references.resolve(planned, resource)
        yield (
            concept_text(detail.get("code"))
            or line(detail.get("description"))
            or told(as_dict(planned), "display")
            or (heading(document, further) if further else "")
        )
    for goal in as_list(resource.get("goal"))[:_MOST_DETAILS]:
        yield concept_text(document.references.resolve(goal, resource).get("description"))
    yield from _answers(resource.get("item"), 0)
    for note in dicts(resource.get("note"))[:_MOST_DETAILS]:
        yield paragraph(note.get("text"), _LONGEST)
    for content in dicts(resource.get("content"))[:_MOST_DETAILS]:
        yield told(as_dict(content.get("attachment")), "title")


def _answers(items: object, depth: int) -> Iterator[str]:
    """The answers of a QuestionnaireResponse."""
    for item in dicts(items)[: _MOST_DETAILS * 2]:
        values = filter(None, (value_text(answer) for answer in dicts(item.get("answer"))[:_MOST_DETAILS]))
        if said := ", ".join(values):
            yield f"{line(item.get('text'))}: {said}".removeprefix(": ")
        if depth < 3:
            yield from _answers(item.get("item"), depth + 1)


def strength(medication: Json) -> str:
    """The strengths of a Medication's ingredients, such as `40 mg`; an amount of one stays unsaid."""
    told_strengths = []
    for ingredient in dicts(medication.get("ingredient"))[:_MOST_DETAILS]:
        ratio = as_dict(ingredient.get("strength") or ingredient.get("strengthRatio"))
        above = quantity(ratio.get("numerator")) or quantity(ingredient.get("strengthQuantity"))
        below = quantity(ratio.get("denominator"))
        if above is None:
            continue
        per = ""
        if below is not None and (below.value != 1 or below.unit not in ("1", "")):
            per = "/" + (f"{below.value:g} {below.unit}" if below.value != 1 else below.unit)
        told_strengths.append(f"{above.value:g} {above.unit}".strip() + per)
    return " + ".join(told_strengths)


def medication_name(document: Document, medication: Json) -> str:
    """The name of a Medication: its code, or what it is made of; with the strength when the name has no number."""
    name = concept_text(medication.get("code"))
    if not name:
        names = []
        for ingredient in dicts(medication.get("ingredient"))[:_MOST_DETAILS]:
            item = ingredient.get("item")
            text = concept_text(ingredient.get("itemCodeableConcept")) or concept_text(concept_of(item))
            reference = ingredient.get("itemReference") or item
            named = document.references.resolve(reference, medication)
            names.append(text or told(as_dict(reference), "display") or concept_text(named.get("code")))
        name = " + ".join(filter(None, names))
    amount = strength(medication)
    if name and amount and not any(character.isdigit() for character in name):
        return f"{name} {amount}"
    return name or narrative(medication.get("text"), 200)
