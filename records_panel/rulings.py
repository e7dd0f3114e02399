"""What the Consents of a book say of one reader at one time. Pure.

A refusal outweighs a permission: of several Consents the strictest counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from records_panel.consents import Directive, Portion, Rule

TREATMENT, EMERGENCY = frozenset({"TREAT", "CAREMGT", "COC"}), frozenset({"ETREAT", "BTG"})
"""Codes of v3-ActReason (PurposeOfUse)."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads, as a Consent names people: by the facility's code and the licence's number."""

    facility_code: str = ""
    licence_number: str | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    """`denies` the reader the book; `denies_emergency` even then; `permits` names the reader, `until` when."""

    denies: bool = False
    denies_emergency: bool = False
    permits: bool = False
    until: datetime | None = None
    withheld: tuple[Portion, ...] = ()


def ruling(directives: Iterable[Directive], reader: Reader, now: datetime) -> Ruling:
    """The directives put together."""
    denies = denies_emergency = permits = False
    until: datetime | None = None
    withheld: list[Portion] = []
    for directive in directives:
        said = _said(directive.rule, reader, now, withheld)
        verdict = directive.base if said is None else said.permits
        denies = denies or verdict is False
        denies_emergency = denies_emergency or (
            verdict is False and said is not None and bool(said.purposes & EMERGENCY)
        )
        if verdict and said is not None and said.names:
            permits = True
            until = said.ends if until is None else min(until, said.ends or until)
    return Ruling(denies, denies_emergency, permits and not denies, until, tuple(withheld))


def _said(rule: Rule, reader: Reader, now: datetime, withheld: list[Portion]) -> Rule | None:
    """The innermost rule that applies to the reader and the whole book; of exceptions side by side a refusal."""
    if not _applies(rule, reader, now):
        return None
    if rule.only is not None:
        if rule.permits is False:
            withheld.append(rule.only)
        return None
    deeper = [said for part in rule.exceptions if (said := _said(part, reader, now, withheld)) is not None]
    if deeper:
        return next((said for said in deeper if said.permits is False), deeper[0])
    return None if rule.permits is None else rule


def _applies(rule: Rule, reader: Reader, now: datetime) -> bool:
    if (rule.starts and now < rule.starts) or (rule.ends and now >= rule.ends):
        return False
    if rule.purposes and rule.purposes.isdisjoint(TREATMENT | EMERGENCY):
        return False
    if not rule.names:
        return True
    named = reader.facility_code in rule.facilities or (
        reader.licence_number is not None and reader.licence_number in rule.licences
    )
    return named or (rule.unknown and rule.permits is False)
