"""FHIR R4 Consent about a book's privacy, read into rules: who may read, until when, and what of it not.

In R4 a Consent's `provision` is an exception to its base policy (`policyRule` OPTIN or OPTOUT), unless it bears a type
of its own, and nested provisions are exceptions to it (Consent.provision.provision). What closes is read widely and
what opens narrowly: a refusal whose person cannot be told applies to everybody, a permission to nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from records_panel.fhir_reading import Json, any_codes, as_dict, codes, dicts, when, word
from records_panel.model import Precision
from records_panel.references import References

FACILITY_PREFIX = "urn:vn:cskcb:"
_PRIVACY = frozenset({"patient-privacy", "59284-0", "57016-8", "57017-6", "INFA", "INFAO", "INFASO", "IDSCL"})
_OPT_IN, _OPT_OUT = frozenset({"OPTIN", "OPTINR"}), frozenset({"OPTOUT", "OPTOUTE"})
_READING = frozenset({"access", "use", "disclose", "collect"})
_CUSTODIAN = "CST"
_MOST_DEEP = 4


@dataclass(frozen=True, slots=True)
class Portion:
    """A part of a book: what meets every criterion that is not empty, by any one of its values."""

    labels: frozenset[str] = frozenset()
    """Codes of security labels."""
    types: frozenset[str] = frozenset()
    """FHIR resource types."""
    codes: frozenset[str] = frozenset()
    references: frozenset[str] = frozenset()
    """`Type/id`."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One provision. `permits` None only groups its exceptions; `only` None is about the whole book."""

    permits: bool | None
    starts: datetime | None = None
    ends: datetime | None = None
    facilities: frozenset[str] = frozenset()
    """Facility codes (mã CSKCB) of whom it names."""
    licences: frozenset[str] = frozenset()
    """Licence numbers of whom it names."""
    names: bool = False
    """Whether it names anybody."""
    unknown: bool = False
    """Whether somebody whom it names cannot be told."""
    purposes: frozenset[str] = frozenset()
    only: Portion | None = None
    exceptions: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Directive:
    """One Consent in force: its base policy (None: it states none) and its rule."""

    base: bool | None
    rule: Rule


def directives(bundle: Json, zone: ZoneInfo) -> tuple[Directive, ...]:
    """Those of a book's active Consents that are about the privacy of its record; restricted ones count too.

    A period's bare days are days of `zone`.
    """
    entries = dicts(bundle.get("entry"))
    references = References(entries)
    found = []
    for entry in entries:
        resource = as_dict(entry.get("resource"))
        in_force = resource.get("resourceType") == "Consent" and word(resource.get("status")) == "active"
        if in_force and (directive := _directive(resource, references, zone)):
            found.append(directive)
    return tuple(found)


def _directive(resource: Json, references: References, zone: ZoneInfo) -> Directive | None:
    policy = codes(resource.get("policyRule"))
    about = codes(resource.get("scope")) | any_codes(resource.get("category"))
    if about.isdisjoint(_PRIVACY) and policy.isdisjoint(_OPT_IN | _OPT_OUT):
        return None
    base = True if policy & _OPT_IN else False if policy & _OPT_OUT else None
    root = as_dict(resource.get("provision"))
    permits = _type(root)
    if permits is None and base is not None and _conditions(root):
        permits = not base
    return Directive(base, _rule(root, permits, resource, references, zone))


def _type(provision: Json) -> bool | None:
    return {"permit": True, "deny": False}.get(word(provision.get("type")))


def _conditions(provision: Json) -> bool:
    named = ("actor", "action", "securityLabel", "purpose", "class", "code", "dataPeriod", "data")
    return any(provision.get(name) for name in named)


def _rule(
    provision: Json, permits: bool | None, within: Json, references: References, zone: ZoneInfo, depth: int = 0
) -> Rule:
    period = as_dict(provision.get("period"))
    facilities, licences, unknown, names = _actors(provision, within, references)
    actions = any_codes(provision.get("action"))
    if actions and actions.isdisjoint(_READING):
        permits = None
    nested = dicts(provision.get("provision")) if depth < _MOST_DEEP else []
    return Rule(
        permits,
        starts=_instant(period.get("start"), zone, last=False),
        ends=_instant(period.get("end"), zone, last=True),
        facilities=facilities,
        licences=licences,
        names=names,
        unknown=unknown,
        purposes=_coded(provision.get("purpose")),
        only=_portion(provision, permits),
        exceptions=tuple(_rule(part, _type(part), within, references, zone, depth + 1) for part in nested),
    )


def _portion(provision: Json, permits: bool | None) -> Portion | None:
    data = (as_dict(part.get("reference")).get("reference") for part in dicts(provision.get("data")))
    found = Portion(
        labels=frozenset(code.upper() for code in _coded(provision.get("securityLabel"))),
        types=_coded(provision.get("class")),
        codes=any_codes(provision.get("code")),
        references=frozenset("/".join(text.rsplit("/", 2)[-2:]) for text in data if isinstance(text, str)),
    )
    # A refusal for a span of time of the data is read as one of all; a permission for one opens nothing.
    if found == Portion() and not (provision.get("dataPeriod") and permits):
        return None
    return found


def _actors(provision: Json, within: Json, references: References) -> tuple[frozenset[str], frozenset[str], bool, bool]:
    """Facility codes, licence numbers, whether somebody cannot be told, and whether anybody is named."""
    facilities: set[str] = set()
    licences: set[str] = set()
    unknown = names = False
    for actor in dicts(provision.get("actor")):
        if _CUSTODIAN in codes(actor.get("role")):
            continue  # who keeps the book, not who reads it
        names = True
        told = list(_identifiers(as_dict(actor.get("reference")), within, references))
        facilities |= {value for kind, value in told if kind == "facility"}
        licences |= {value for kind, value in told if kind == "licence"}
        unknown = unknown or not told
    return frozenset(facilities), frozenset(licences), unknown, names


def _identifiers(reference: Json, within: Json, references: References) -> Iterator[tuple[str, str]]:
    target = word(reference.get("reference"))
    if target.startswith(FACILITY_PREFIX):
        yield "facility", target.removeprefix(FACILITY_PREFIX)
    resource = references.resolve(reference, within)
    for identifier in [as_dict(reference.get("identifier")), *dicts(resource.get("identifier"))]:
        system, value = word(identifier.get("system")).lower(), word(identifier.get("value")).strip()
        if value and ("cskcb" in system or system.endswith(("/facility", "facility_id"))):
            yield "facility", value
        elif value and any(part in system for part in ("licence", "license", "gphn", "cchn")):
            yield "licence", value


def _coded(value: object) -> frozenset[str]:
    """Codes of Codings that stand bare in a list, or of CodeableConcepts."""
    bare = {str(coding["code"]) for coding in dicts(value) if coding.get("code")}
    return frozenset(bare) | any_codes(value)


def _instant(value: object, zone: ZoneInfo, *, last: bool) -> datetime | None:
    """A bound of a period as an instant; a day counts whole (FHIR R4 Period: inclusive)."""
    moment = when(value)
    if moment is None:
        return None
    if moment.instant is not None:
        return moment.instant
    days = {Precision.YEAR: 366, Precision.MONTH: 31}.get(moment.precision, 1) if last else 0
    try:
        return datetime.combine(moment.day + timedelta(days=days), time(), zone).astimezone(UTC)
    except OverflowError:  # the years 1 and 9999 have no neighbours
        return datetime.max.replace(tzinfo=UTC) if last else datetime.min.replace(tzinfo=UTC)
