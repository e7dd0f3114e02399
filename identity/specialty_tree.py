"""Which specialty stands above which once a file is written: what it makes and moves counts as what is there. Pure.

There are two levels: what is above is no sub-specialty itself, and nothing stands below one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from foundation.ids import SpecialtyId, new_id
from foundation.sheets import Row
from identity.model import Specialty

PARENT_CODE = "parent_code"


@dataclass(frozen=True, slots=True)
class SpecialtyTree:
    """Specialties by code: their ids, those that the file makes among them, and what stands above each."""

    ids: Mapping[str, SpecialtyId] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    uppers: frozenset[str] = frozenset()
    """Those that have something below them."""

    def above(self, code: str, parent: str) -> SpecialtyId | None:
        """The id of `parent` when `code` may stand below it; else None."""
        if parent == code or parent in self.parents or code in self.uppers:
            return None
        return self.ids.get(parent)


def tree_after(rows: Iterable[Row], specialties: Mapping[str, Specialty]) -> SpecialtyTree:
    """The tree as it is with these rows written over these specialties. A specialty that a row makes gets its id."""
    ids = {code: one.id for code, one in specialties.items()}
    codes = {one.id: code for code, one in specialties.items()}
    parents = {code: codes[one.parent_id] for code, one in specialties.items() if one.parent_id is not None}
    for row in rows:
        code = row.cells["code"].lower()
        if code not in ids:
            ids[code] = SpecialtyId(new_id("spe"))
        if PARENT_CODE in row.cells:
            parents.pop(code, None)
            if parent := row.cells[PARENT_CODE].lower():
                parents[code] = parent
    return SpecialtyTree(ids, parents, frozenset(parents.values()))


def misplaced(rows: Sequence[Row], specialties: Mapping[str, Specialty]) -> set[int]:
    """Numbers of the rows that have no place when these alone are written, since what they lean on is not there."""
    kept, gone = list(rows), set[int]()
    while True:
        tree = tree_after(kept, specialties)
        lost = {
            row.number
            for row in kept
            if (parent := row.cells.get(PARENT_CODE, "").lower())
            and tree.above(row.cells["code"].lower(), parent) is None
        }
        if not lost:
            return gone
        gone |= lost
        kept = [row for row in kept if row.number not in lost]
