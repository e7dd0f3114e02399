"""Examination checklists that both sides fill, each for itself, and where they agree. Pure.

The lists are data (`examinations.json`). A filled list carries its whole definition, like a sheet of questions; items
that were not looked at stay empty. Agreement is counted over the items that both sides judged, and says nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from consult_rooms import bounds
from consult_rooms.bilingual import Words, words
from foundation.errors import Invalid

FILE = Path(__file__).with_suffix(".json")
UNSEEN = "unseen"
"""The answer of who looked and could not judge; it neither agrees nor disagrees."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at, and what may be found."""

    code: str
    label: Words
    choices: tuple[tuple[str, Words], ...]


@dataclass(frozen=True, slots=True)
class Checklist:
    """The findings of one examination."""

    code: str
    version: int
    title: Words
    items: tuple[Finding, ...]
    data: Mapping[str, Any]
    """As the file has it; what a filled list keeps."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A list as one side filled it: the code of what was found, by item."""

    checklist: Checklist
    found: Mapping[str, str]

    def json(self) -> dict[str, Any]:
        """As it is sealed."""
        return {"checklist": dict(self.checklist.data), "found": dict(self.found)}


@dataclass(frozen=True, slots=True)
class Compared:
    """One item as both sides found it, in words; None where a side said nothing."""

    label: Words
    clinic: Words | None
    hospital: Words | None
    agree: bool | None
    """None unless both judged it."""


def filled(checklist: Checklist, given: Mapping[str, str]) -> Filled:
    """A list of what was found. Raises Invalid `choice.unknown` with the item's code as the field."""
    found = {}
    for item in checklist.items:
        code = given.get(item.code, "")
        if not code:
            continue
        if code not in dict(item.choices):
            raise Invalid("choice.unknown", bounds.UNKNOWN, field=item.code)
        found[item.code] = code
    return Filled(checklist, found)


def compared(clinic: Filled | None, hospital: Filled | None) -> tuple[Compared, ...]:
    """The items that either side found something for, side by side, in the order of the list.

    Lists of two versions are compared by the codes of what both ask.
    """
    rows: dict[str, Finding] = {}
    for side in (clinic, hospital):
        for item in side.checklist.items if side else ():
            rows.setdefault(item.code, item)
    return tuple(
        Compared(item.label, _words(clinic, code), _words(hospital, code), _agree(clinic, hospital, code))
        for code, item in rows.items()
        if any(side and side.found.get(code) for side in (clinic, hospital))
    )


def agreement(rows: tuple[Compared, ...]) -> tuple[int, int]:
    """On how many items both agree, of how many that both judged."""
    judged = [one.agree for one in rows if one.agree is not None]
    return sum(judged), len(judged)


@lru_cache(maxsize=1)
def shipped() -> Mapping[str, Checklist]:
    """The lists of this version of the program, by code, in the order of the file."""
    return {one["code"]: checklist(one) for one in json.loads(FILE.read_text("utf-8"))}


def checklist(data: Mapping[str, Any]) -> Checklist:
    """A list of its JSON. Raises KeyError for what is none."""
    items = tuple(
        Finding(str(one["code"]), words(one), tuple((str(c["code"]), words(c)) for c in one["choices"]))
        for one in data["items"]
    )
    return Checklist(str(data["code"]), int(data["version"]), words(data["title"]), items, data)


def recorded(data: Mapping[str, Any]) -> Filled:
    """The list that was sealed."""
    return Filled(checklist(data["checklist"]), data["found"])


def _words(side: Filled | None, code: str) -> Words | None:
    if side is None or code not in side.found:
        return None
    item = next(one for one in side.checklist.items if one.code == code)
    return dict(item.choices)[side.found[code]]


def _agree(clinic: Filled | None, hospital: Filled | None, code: str) -> bool | None:
    found = [side.found.get(code, UNSEEN) if side else UNSEEN for side in (clinic, hospital)]
    return None if UNSEEN in found else found[0] == found[1]
