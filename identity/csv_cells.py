"""What an import knows: the cells of a row, what exists already, and what a row comes to."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.ids import DepartmentId, FacilityId
from foundation.sheets import Row, heading
from identity.csv_columns import CHOICES, FLAGS
from identity.entries import (
    CHOICE,
    DepartmentEntry,
    FacilityEntry,
    LinkEntry,
    SpecialtyEntry,
    StaffEntry,
    TerminalEntry,
)
from identity.model import Facility, Specialty, Staff, Terminal
from identity.policy import Action, Target
from identity.specialty_tree import SpecialtyTree

Choice = TypeVar("Choice", bound=StrEnum)


Entry = FacilityEntry | LinkEntry | DepartmentEntry | SpecialtyEntry | StaffEntry | TerminalEntry


@dataclass(frozen=True, slots=True)
class Existing:
    """What is there before the import, by natural key."""

    facilities: Mapping[str, Facility]
    specialties: Mapping[str, Specialty] = field(default_factory=dict)
    tree: SpecialtyTree = field(default_factory=SpecialtyTree)
    """The specialties as they will be after the file."""
    links: Mapping[tuple[FacilityId, FacilityId], LinkEntry] = field(default_factory=dict)
    departments: Mapping[tuple[FacilityId, str], DepartmentId] = field(default_factory=dict)
    """By facility and folded name."""
    staff: Mapping[str, Staff] = field(default_factory=dict)
    terminals: Mapping[tuple[FacilityId, str], Terminal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Planned:
    """What one row comes to. `before` is what exists under its key; both right checks have to pass."""

    key: Hashable
    key_column: str
    entry: Entry
    before: Facility | Specialty | Staff | Terminal | Entry | None
    unchanged: bool
    action: Action
    targets: tuple[Target, ...]
    problems: list[Invalid]


class Cells:
    """One row's cells, read with a fallback for columns that the file lacks. Problems are gathered."""

    def __init__(self, row: Row) -> None:
        self._cells = row.cells
        self.problems: list[Invalid] = []

    def has(self, name: str) -> bool:
        return name in self._cells

    def text(self, name: str, otherwise: str = "") -> str:
        return self._cells.get(name, otherwise)

    def choice(self, kind: type[Choice], name: str, otherwise: Choice) -> Choice:
        found = CHOICES.get(heading(self._cells[name]))
        if isinstance(found, kind):
            return found
        self.problems.append(Invalid("entry.choice", CHOICE, field=name))
        return otherwise

    def flag(self, name: str, otherwise: bool) -> bool:
        if name not in self._cells:
            return otherwise
        found = FLAGS.get(heading(self._cells[name]))
        if found is None:
            self.problems.append(Invalid("entry.choice", CHOICE, field=name))
        return bool(found)

    def parts(self, name: str) -> list[str]:
        """`a; b`: semicolons, bars or commas divide."""
        return [part.strip() for part in re.split(r"[;|,]", self._cells.get(name, "")) if part.strip()]

    def facility(self, name: str, existing: Existing) -> Facility | None:
        found = existing.facilities.get(self._cells[name])
        if found is None or not found.active:
            found = None
            self.problems.append(Invalid("facility.unknown", UNKNOWN_FACILITY, field=name))
        return found


UNKNOWN_FACILITY = N_("There is no facility of this code.")
