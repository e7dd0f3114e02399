"""Where sources disagree: what each says, side by side. Pure; it finds and shows, and never decides who is right.

Works on what a reader may see, so that nothing that is withheld is told here. Somewhat long: each kind of disagreement
is a few lines, and they are read side by side.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from foundation.i18n import N_
from foundation.text import fold
from records_panel.absent_codes import absence_of, is_partial
from records_panel.answers import source_tags
from records_panel.document import Document
from records_panel.dosage import dose_of
from records_panel.fhir_reading import (
    Json,
    any_codes,
    codes,
    concept_text,
    line,
    order,
    when,
    word,
)
from records_panel.likeness import moment, tokens
from records_panel.model import AbsenceKind, When
from records_panel.names import words as name_words
from records_panel.provenance import Conflict, ConflictKind, Side
from records_panel.references import person_name
from records_panel.results import BLOOD_GROUP
from records_panel.sections import ALLERGIES, parts
from records_panel.values import value_text

_MOST = 40
_OVER = frozenset({"inactive", "resolved", "remission"})
_STOPPED = frozenset({"completed", "stopped", "not-taken", "ended", "cancelled"})
_PREGNANCY = frozenset({"82810-3"})
_ABO = re.compile(r"\b(AB|A|B|O)\b[\s,]*(?:rh)?[\s(:]*(\+|-|−|pos|neg|duong|am)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Said:
    """One statement: where it stands (`position` tells whether two differ), and how it is written."""

    resource: Json
    position: tuple[str, ...]
    words: tuple[str, ...]
    text: str = ""

    @property
    def at(self) -> When | None:
        return moment(self.resource)


def conflicts(document: Document, *, several: bool = True) -> tuple[Conflict, ...]:
    """All of them, the dangerous ones first. With one source alone (not `several`) only what it says against itself
    of the person: the rest compares sources, and comparing takes as long as all other reading.
    """
    if not several:
        return (*_blood_groups(document), *_identity(document))[:_MOST]
    found = [
        *_none_against_some(document),
        *_statements(document, ConflictKind.ALLERGY, ("AllergyIntolerance",), _allergy, latest=False),
        *_blood_groups(document),
        *_statements(document, ConflictKind.DRUG, ("MedicationStatement", "MedicationRequest"), _drug),
        *_statements(document, ConflictKind.PREGNANCY, ("Observation",), _pregnancy),
        *_statements(document, ConflictKind.PROBLEM, ("Condition",), _problem),
        *_results(document),
        *_identity(document),
    ]
    return tuple(found[:_MOST])


def _statements(
    document: Document,
    kind: ConflictKind,
    types: tuple[str, ...],
    read: Callable[[Json], _Said | None],
    *,
    latest: bool = True,
) -> Iterable[Conflict]:
    """What sources say of one thing. With `latest`, each source's newest word counts; else every word of it."""
    for group in _things(document, types):
        statements = [made for resource in group if (made := read(resource)) is not None]
        by_source: dict[str, list[_Said]] = {}
        for statement in statements:
            for name in _sources(statement.resource):
                by_source.setdefault(name, []).append(statement)
        if latest:
            by_source = {name: _newest(several) for name, several in by_source.items()}
        positions = {name: _positions(several) for name, several in by_source.items()}
        if any(_differ(one, other) for one in positions.values() for other in positions.values()):
            yield Conflict(kind, _title(document, group), _sides(by_source))


def _things(document: Document, types: tuple[str, ...]) -> list[list[Json]]:
    """Resources in groups of one thing each."""
    groups: list[tuple[set[str], list[Json]]] = []
    by_token: dict[str, int] = {}
    for resource in document.all(*types):
        about = tokens(resource, document.references.resolve)
        if not about or not source_tags(resource):
            continue
        met = sorted({by_token[token] for token in about if token in by_token})
        index = met[0] if met else len(groups)
        if not met:
            groups.append((set(), []))
        for other in met[1:]:  # one resource has shown two groups to be one
            groups[index][0].update(groups[other][0])
            groups[index][1].extend(groups[other][1])
            groups[other][1].clear()
        groups[index][0].update(about)
        groups[index][1].append(resource)
        by_token.update(dict.fromkeys(groups[index][0], index))
    return [resources for _, resources in groups if len(resources) > 1]


def _newest(statements: list[_Said]) -> list[_Said]:
    last = max(order(one.at) for one in statements)
    return [one for one in statements if order(one.at) == last]


def _positions(statements: list[_Said]) -> frozenset[tuple[str, ...]]:
    return frozenset(one.position for one in statements)


def _differ(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> bool:
    """Whether two sources differ in a part that both tell; an empty part is not told."""

    def parts_of(positions: frozenset[tuple[str, ...]], index: int) -> set[str]:
        return {position[index] for position in positions if position[index]}

    for index in range(max((len(position) for position in one | other), default=0)):
        first, second = parts_of(one, index), parts_of(other, index)
        if first and second and first != second:
            return True
    return False


def _sides(by_source: Mapping[str, list[_Said]]) -> tuple[Side, ...]:
    return tuple(
        dict.fromkeys(Side(name, one.words, one.text, one.at) for name, several in by_source.items() for one in several)
    )


def _sources(resource: Json) -> list[str]:
    return [name for tag in source_tags(resource) if (name := line(tag.get("display"), 100))]


def _title(document: Document, group: list[Json]) -> str:
    for resource in group:
        for field in ("code", "medicationCodeableConcept"):
            if text := concept_text(resource.get(field)):
                return text
        reference = resource.get("medicationReference")
        if text := document.references.name(reference, resource) or concept_text(
            document.references.resolve(reference, resource).get("code")
        ):
            return text
    return ""


def _class(resource: Json) -> str:
    verification = codes(resource.get("verificationStatus"))
    if "refuted" in verification:
        return "refuted"
    return "over" if codes(resource.get("clinicalStatus")) & _OVER else "active"


_CLASSES = MappingProxyType({"active": N_("holds"), "over": N_("is over"), "refuted": N_("was ruled out")})
_RISKS = MappingProxyType({"high": N_("high risk"), "low": N_("low risk")})


def _allergy(resource: Json) -> _Said | None:
    if absence_of(resource.get("code")) is not None:
        return None
    state, risk = _class(resource), word(resource.get("criticality"))
    risk = risk if risk in _RISKS else ""
    told = [_CLASSES[state], *([_RISKS[risk]] if risk else [])]
    return _Said(resource, (state, risk), tuple(told))


def _problem(resource: Json) -> _Said | None:
    if absence_of(resource.get("code")) is not None:
        return None
    return _Said(resource, (_class(resource),), (_CLASSES[_class(resource)],))


def _drug(resource: Json) -> _Said | None:
    status = word(resource.get("status"))
    if absence_of(resource.get("medicationCodeableConcept")) is not None or status in ("draft", "unknown"):
        return None
    stopped, dose = status in _STOPPED, dose_of(resource)
    position = ("stopped" if stopped else "used", "" if stopped else fold(dose))
    return _Said(resource, position, (N_("stopped") if stopped else N_("in use"),), dose)


def _pregnancy(resource: Json) -> _Said | None:
    if codes(resource.get("code")).isdisjoint(_PREGNANCY):
        return None
    text = value_text(resource)
    known = any_codes(resource.get("valueCodeableConcept"))
    return _Said(resource, (min(known, default=fold(text)),), (), text) if text else None


def _none_against_some(document: Document) -> Iterable[Conflict]:
    """One source knows of no allergy, another one of some."""
    some: list[Side] = []
    none: list[Side] = []
    for resource in document.all("AllergyIntolerance"):
        concept = resource.get("code")
        silence = absence_of(concept)
        for name in _sources(resource):
            if silence is AbsenceKind.KNOWN_NONE and not is_partial(concept):
                none.append(Side(name, (N_("none known"),), concept_text(concept), moment(resource)))
            elif silence is None and _class(resource) == "active":
                some.append(Side(name, (), concept_text(concept), moment(resource)))
    for composition in document.all("Composition"):
        sections = parts(composition, document.references)
        if any(one.code == ALLERGIES and one.reason is AbsenceKind.KNOWN_NONE for one in sections):
            day = when(composition.get("date"))
            none += [Side(name, (N_("none known"),), "", day) for name in _sources(composition)]
    sources = {side.source for side in none}
    if any(side.source not in sources for side in some) and none:
        yield Conflict(ConflictKind.ALLERGY, "", tuple(dict.fromkeys((*none, *some))))


def blood_groups(document: Document) -> dict[str, list[Json]]:
    """Observations by the blood group that they tell, in one spelling: `O+`, `AB−`, or the words themselves."""
    found: dict[str, list[Json]] = {}
    for resource in document.all("Observation"):
        known = codes(resource.get("code")) & {"882-1", "34530-6"}
        text = value_text(resource) if known else ""
        if text:
            found.setdefault(_group(text), []).append(resource)
    return found


def _group(text: str) -> str:
    match = _ABO.search(fold(text).upper())
    if match is None or match[2] is None:
        return fold(text)
    sign = "+" if match[2].lower() in ("+", "pos", "duong") else "−"
    return match[1].upper() + sign


def _blood_groups(document: Document) -> Iterable[Conflict]:
    groups = blood_groups(document)
    if len(groups) > 1:
        sides = [
            Side(name, (), value_text(resource), moment(resource))
            for resources in groups.values()
            for resource in resources
            for name in _sources(resource) or [""]
        ]
        yield Conflict(ConflictKind.BLOOD_GROUP, "", tuple(dict.fromkeys(sides)))


def _results(document: Document) -> Iterable[Conflict]:
    """Two values of one thing at one instant."""
    at_once: dict[tuple[str, object], list[Json]] = {}
    for resource in document.all("Observation"):
        at = moment(resource)
        known = codes(resource.get("code"))
        if at is None or at.instant is None or not value_text(resource) or known & (BLOOD_GROUP | _PREGNANCY):
            continue
        for code in known:
            at_once.setdefault((code, at.instant), []).append(resource)
    told = set[frozenset[int]]()
    for group in at_once.values():
        texts = {fold(value_text(resource)) for resource in group}
        sources = [frozenset(_sources(resource)) for resource in group]
        same = frozenset(map(id, group))
        if len(texts) > 1 and len(set(sources)) > 1 and same not in told:
            told.add(same)
            sides = [Side(name, (), value_text(one), moment(one)) for one in group for name in _sources(one)]
            yield Conflict(ConflictKind.RESULT, concept_text(group[0].get("code")), tuple(dict.fromkeys(sides)))


def _identity(document: Document) -> Iterable[Conflict]:
    """Name, birth date and sex as the sources have them."""
    patients = [one for one in document.all("Patient") if source_tags(one)]
    for title, read in _READINGS:
        values = [(patient, read(patient)) for patient in patients]
        if len({told.position for _, told in values if told is not None}) > 1:
            sides = [
                Side(name, told.words, told.text, when(patient.get("birthDate")) if title == _BIRTH else None)
                for patient, told in values
                if told is not None
                for name in _sources(patient)
            ]
            yield Conflict(ConflictKind.IDENTITY, title, tuple(dict.fromkeys(sides)))


def _name(patient: Json) -> _Said | None:
    name = person_name(patient)
    return _Said(patient, tuple(sorted(name_words(name))), (), name) if name else None


def _birth(patient: Json) -> _Said | None:
    text = word(patient.get("birthDate"))
    return _Said(patient, (text,), ()) if len(text) == len("2026-01-01") else None


def _sex(patient: Json) -> _Said | None:
    sex = word(patient.get("gender"))
    return _Said(patient, (sex,), (_SEXES[sex],)) if sex in _SEXES else None


_SEXES = MappingProxyType({"male": N_("Male"), "female": N_("Female")})
_BIRTH = N_("Birth date")
_READINGS: tuple[tuple[str, Callable[[Json], _Said | None]], ...] = (
    (N_("Name"), _name),
    (_BIRTH, _birth),
    (N_("Sex"), _sex),
)
