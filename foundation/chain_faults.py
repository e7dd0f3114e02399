"""What can be wrong with a hash chain, and how two rows that changed places are told from two that were changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from foundation.chain import Source, link


class Kind(StrEnum):
    """What is wrong."""

    CHANGED = "changed"
    """The row is not the one that was linked."""
    REMOVED = "removed"
    """The row that was linked is not there, or its link is not."""
    REORDERED = "reordered"
    """The row stands where another one was linked."""
    ADDED = "added"
    """The row came where none could come any more."""
    TRUNCATED = "truncated"
    """The chain ends before what was linked or anchored."""
    REWRITTEN = "rewritten"
    """The links are not those that were anchored, or that their head tells of."""
    ANCHOR = "anchor"
    """An anchor is missing, changed, or signed by no trusted key."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and where: numbers of rows, positions in a chain, lines of anchor files."""

    kind: Kind
    where: str
    told: str = ""

    def __str__(self) -> str:
        return f"{self.kind:10} {self.where}" + (f": {self.told}" if self.told else "")


@dataclass(slots=True)
class Found:
    """What was found of a chain, whole or not, for a summary."""

    chain: str
    rows: int = 0
    anchors: int = 0
    waiting: int = 0
    """Rows that no link holds yet: the chainer is about a second behind, or does not run."""
    last_anchor: datetime | None = None


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A row that does not give its link's digest."""

    position: int
    number: int
    before: bytes
    digest: bytes
    row: Mapping[str, Any]


def explained(doubtful: Sequence[Doubtful], source: Source) -> Iterator[Fault]:
    """A fault for each: reordered when the row that was linked is found at another one's place, else changed."""
    for one in doubtful:
        where = f"{source.name} row {one.number} (position {one.position})"
        other = next((other for other in doubtful if other is not one and _stood_here(one, other, source)), None)
        if other is None:
            yield Fault(Kind.CHANGED, where)
        else:
            yield Fault(Kind.REORDERED, where, f"what was linked here stands at row {other.number}")


def _stood_here(one: Doubtful, other: Doubtful, source: Source) -> bool:
    def with_place(row: Mapping[str, Any], of: Mapping[str, Any], place: tuple[str, ...]) -> dict[str, Any]:
        return {**row, **{name: of[name] for name in place}}

    tried = [with_place(other.row, one.row, place) for place in ((), *source.places)]
    tried += [with_place(one.row, other.row, place) for place in source.places]
    return any(link(one.before, row) == one.digest for row in tried)
