"""Whether two FHIR resources tell of the same thing, and whether they say the same about it. Pure.

The same thing: a shared business identifier, a shared code of one system, or the same words in any spelling. The same
said: what the panel shows of it is equal. Only what is both is a duplicate; the first alone may be a conflict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from foundation.text import fold
from records_panel.dosage import dose_of
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
    word,
)
from records_panel.model import Precision, When
from records_panel.values import value_text

_WHEN = (
    "effectiveDateTime",
    "effectiveInstant",
    "effectivePeriod",
    "occurrenceDateTime",
    "performedDateTime",
    "performedPeriod",
    "onsetDateTime",
    "onsetPeriod",
    "authoredOn",
    "recordedDate",
    "dateAsserted",
    "started",
    "period",
    "timingPeriod",
    "date",
    "created",
    "issued",
)
_CONCEPTS = ("code", "medicationCodeableConcept", "vaccineCode", "type", "relationship", "category")


def tokens(resource: Json, named: Callable[[Json, Json], Json]) -> frozenset[str]:
    """What the resource is about, as codes with their systems and as folded words. `named` resolves a Reference."""
    concepts = [resource.get(field) for field in _CONCEPTS[:3]]
    for field in ("medicationReference", "device"):
        meant = named(as_dict(resource.get(field)), resource)
        concepts += [meant.get("code"), meant.get("type"), {"text": as_dict(resource.get(field)).get("display")}]
    if not any(concept_text(concept) for concept in concepts):
        concepts = [one for field in _CONCEPTS[3:] for one in as_list(resource.get(field))]
    found = set[str]()
    for concept in concepts:
        for coding in dicts(as_dict(concept).get("coding")):
            if coding.get("code"):
                found.add(f"{coding.get('system')}|{coding['code']}")
        for text in (line(as_dict(concept).get("text")), concept_text(concept)):
            if text:
                found.add(fold(text))
    return frozenset(found)


def moment(resource: Json) -> When | None:
    """When it was true, for any type."""
    return first_when(resource, *_WHEN)


def said(resource: Json) -> tuple[object, ...] | None:
    """What the panel shows of it besides its name and date, to be compared; None for a type that is never folded."""
    tell = _SAID.get(word(resource.get("resourceType")))
    if tell is None:
        return None
    return (resource["resourceType"], *(fold(part) if isinstance(part, str) else part for part in tell(resource)))


def same_time(one: Json, other: Json) -> bool:
    """Whether two resources are of one moment; a day without a time is any time of that day."""
    first, second = moment(one), moment(other)
    if first is None or second is None:
        return first is second
    if first.instant is not None and second.instant is not None:
        return first.instant == second.instant
    coarse = {Precision.YEAR, Precision.MONTH} & {first.precision, second.precision}
    return first.day == second.day and (not coarse or first.precision is second.precision)


def share_identifier(one: Json, other: Json) -> bool:
    """Whether they have a business identifier in common."""
    return not _identifiers(one).isdisjoint(_identifiers(other))


def _identifiers(resource: Json) -> set[tuple[str, str]]:
    found = ((word(one.get("system")), word(one.get("value"))) for one in dicts(resource.get("identifier")))
    return {(system, value) for system, value in found if system and value}


def _allergy(resource: Json) -> Iterable[object]:
    reactions = dicts(resource.get("reaction"))
    yield codes(resource.get("clinicalStatus"))
    yield codes(resource.get("verificationStatus"))
    yield word(resource.get("criticality"))
    yield ", ".join(text for one in reactions for text in concept_texts(one.get("manifestation")))
    yield frozenset(word(one.get("severity")) for one in reactions)


def _condition(resource: Json) -> Iterable[object]:
    yield codes(resource.get("clinicalStatus"))
    yield codes(resource.get("verificationStatus"))
    yield concept_text(resource.get("severity"))
    yield ", ".join(concept_texts(resource.get("bodySite")))
    yield first_when(resource, "abatementDateTime", "abatementPeriod")


def _drug(resource: Json) -> Iterable[object]:
    yield word(resource.get("status"))
    yield word(resource.get("intent"))
    yield dose_of(resource)
    yield word(as_dict(resource.get("effectivePeriod")).get("end"))


def _observation(resource: Json) -> Iterable[object]:
    yield word(resource.get("status"))
    yield value_text(resource)
    yield tuple(sorted((min(codes(part.get("code")), default=""), value_text(part)) for part in _components(resource)))
    yield ", ".join(concept_texts(resource.get("interpretation")))


def _components(resource: Json) -> list[Json]:
    return dicts(resource.get("component"))


def _report(resource: Json) -> Iterable[object]:
    yield word(resource.get("status"))
    yield paragraph(resource.get("conclusion")) or ", ".join(concept_texts(resource.get("conclusionCode")))
    yield line(resource.get("description"))


def _event(resource: Json) -> Iterable[object]:
    yield word(resource.get("status"))
    yield codes(resource.get("class"))
    yield ", ".join([*concept_texts(resource.get("reasonCode")), *concept_texts(resource.get("bodySite"))])
    yield tuple(
        word(as_dict(resource.get(field)).get("end")) for field in ("period", "performedPeriod", "timingPeriod")
    )
    yield tuple(
        str(one.get("doseNumberPositiveInt") or one.get("doseNumberString") or "")
        for one in dicts(resource.get("protocolApplied"))
    )


def _coverage(resource: Json) -> Iterable[object]:
    yield word(resource.get("status"))
    yield word(as_dict(resource.get("period")).get("end"))


def _family(resource: Json) -> Iterable[object]:
    yield ", ".join(concept_text(one.get("code")) for one in dicts(resource.get("condition")))
    yield any_codes(resource.get("relationship"))


_SAID: Mapping[str, Callable[[Json], Iterable[object]]] = MappingProxyType(
    {
        "AllergyIntolerance": _allergy,
        "Condition": _condition,
        "MedicationStatement": _drug,
        "MedicationRequest": _drug,
        "Observation": _observation,
        "DiagnosticReport": _report,
        "ImagingStudy": _report,
        "Encounter": _event,
        "Immunization": _event,
        "Procedure": _event,
        "DeviceUseStatement": _event,
        "Flag": _event,
        "Coverage": _coverage,
        "FamilyMemberHistory": _family,
    }
)
# Consents, plans and documents are never folded: two that look alike may differ in what is not shown.
