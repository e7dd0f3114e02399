"""Walking along one chain: each row against its link, each link against the one before it and against the anchors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from foundation.anchors import Anchor, SignedAnchor
from foundation.chain import Source, link
from foundation.chain_faults import Doubtful, Fault, Found, Kind, explained

DOUBTS = 64
"""Rows that do not fit which are held before they are told, in case two of them have changed places."""


@dataclass(frozen=True, slots=True)
class Extent:
    """A chain as its head tells of it. `links` is the highest position that has a link."""

    source: Source
    shard: int
    shards: int = 1
    position: int = 0
    digest: bytes = b""
    settled: int = 0
    anchored: int = 0
    links: int = 0

    @property
    def name(self) -> str:
        """For people."""
        return self.source.name if self.shards == 1 else f"{self.source.name}:{self.shard}"


class LinkWalk:
    """Takes the links in order. `digest` is that of the link at position `begin`, None when there is none."""

    def __init__(self, chain: Extent, found: Found, anchored: AnchorWalk, begin: int, digest: bytes | None) -> None:
        self._chain = chain
        self._found = found
        self._anchored = anchored
        self._position = begin
        self._digest = digest
        self._gone: list[tuple[int, int]] = []
        self._doubtful: list[Doubtful] = []

    def faults(self, position: int, number: int, digest: bytes, row: Mapping[str, Any] | None) -> Iterator[Fault]:
        """The next link and its row, None when the row is not there."""
        name = self._chain.source.name
        if position != self._position + 1:
            told = f"positions {self._position + 1} to {position - 1}"
            yield Fault(Kind.REMOVED, f"{self._chain.name} {told}", "their links are gone")
            self._digest = None
        if row is None:
            self._gone = [*self._gone[:1], (position, number)]
        else:
            yield from self._told_gone()
            self._found.rows += 1
            if self._digest is not None and link(self._digest, row) != digest:
                self._doubtful.append(Doubtful(position, number, self._digest, digest, row))
                if len(self._doubtful) == DOUBTS:
                    yield from self._told_doubts()
        if self._anchored.past(position, number, self._chain):
            yield Fault(Kind.ADDED, f"{name} row {number} (position {position})", "all before it had been anchored")
        yield from self._anchored.faults(position, digest)
        self._position, self._digest = position, digest

    def rest(self, end: int) -> Iterator[Fault]:
        """What is left to say once no link follows; `end` is the position at which the walk was to end."""
        chain = self._chain
        yield from self._told_gone()
        yield from self._told_doubts()
        if end < chain.position:
            return
        if self._position < chain.position:
            told = f"its head stands at position {chain.position}, its links end at {self._position}"
            yield Fault(Kind.TRUNCATED, chain.name, told)
        elif self._position > chain.position:
            told = f"its links go on to position {self._position}, its head stands at {chain.position}"
            yield Fault(Kind.REWRITTEN, chain.name, told)
        elif chain.digest and self._digest != chain.digest:
            yield Fault(Kind.REWRITTEN, chain.name, "its head is not its last link")

    def _told_gone(self) -> Iterator[Fault]:
        if self._gone:
            (position, number), (last_position, last) = self._gone[0], self._gone[-1]
            one = f"row {number} (position {position})"
            many = f"rows {number} to {last} (positions {position} to {last_position})"
            yield Fault(Kind.REMOVED, f"{self._chain.source.name} {one if last == number else many}")
            self._gone = []

    def _told_doubts(self) -> Iterator[Fault]:
        yield from explained(self._doubtful, self._chain.source)
        self._doubtful = []


class AnchorWalk:
    """The anchors of one chain beside its links. `trusted` says whether a trusted key signed one.

    Anchors before position `begin` are passed over, those after `end` left alone.
    """

    def __init__(
        self,
        signed: Iterator[SignedAnchor],
        trusted: Callable[[SignedAnchor], bool],
        found: Found,
        begin: int,
        end: int | None,
    ) -> None:
        self._chosen = self._choose(signed)
        self._untrusted: list[SignedAnchor] = []
        self._trusted = trusted
        self._found = found
        self._begin, self._end = begin, end
        self._settled: Anchor | None = None
        self._last: Anchor | None = None
        self._differing: list[SignedAnchor] = []
        self._next: SignedAnchor | None = None
        self.highest = 0
        """The highest position that a trusted anchor holds."""

    def past(self, position: int, number: int, chain: Extent) -> bool:
        """Whether a row is linked at `position` though all numbers up to its own had been anchored before."""
        held = self._settled
        if held is None or held.position >= position or number > held.settled:
            return False
        return number % held.shards == chain.shard

    def faults(self, position: int, digest: bytes) -> Iterator[Fault]:
        """Compare the anchors up to this link. To be called for position `begin` too, when it has a link."""
        for one in self._upto(position):
            anchor = one.anchor
            if self._last is not None and anchor.position < self._last.position:
                told = f"the chain was set back from position {self._last.position} to {anchor.position}"
                yield Fault(Kind.REWRITTEN, one.where, told)
            elif anchor.position == position:
                if anchor.digest != digest:
                    self._differing = [*self._differing[:1], one]
                else:
                    yield from self._told_differing()
            self._last = anchor
            if self._settled is None or anchor.settled >= self._settled.settled:
                self._settled = anchor
        yield from self._told_untrusted()

    def rest(self, position: int) -> Iterator[Fault]:
        """What is left to say once the links have ended at `position`."""
        yield from self._told_differing()
        beyond: SignedAnchor | None = None
        for one in self._upto(None):
            if one.anchor.position > position and (beyond is None or one.anchor.position >= self.highest):
                beyond = one
        yield from self._told_untrusted()
        if beyond is not None:
            told = f"it ends at position {position}, the anchor of {beyond.anchor.at:%Y-%m-%dT%H:%M:%SZ} "
            yield Fault(
                Kind.TRUNCATED, self._found.chain, told + f"({beyond.where}) stands at {beyond.anchor.position}"
            )

    def _upto(self, position: int | None) -> Iterator[SignedAnchor]:
        """The trusted anchors whose turn it is once that position is reached; all that are left for None."""
        while (one := self._next or next(self._chosen, None)) is not None:
            self._next = one
            if position is not None and one.anchor.position > position:
                return
            self._next = None
            self._found.anchors += 1
            self._found.last_anchor = one.anchor.at
            self.highest = max(self.highest, one.anchor.position)
            yield one

    def _choose(self, signed: Iterator[SignedAnchor]) -> Iterator[SignedAnchor]:
        for one in signed:
            if one.anchor.position < self._begin or (self._end is not None and one.anchor.position > self._end):
                continue
            if self._trusted(one):
                yield one
            else:
                self._untrusted.append(one)

    def _told_untrusted(self) -> Iterator[Fault]:
        for one in self._untrusted:
            yield Fault(Kind.ANCHOR, one.where, "signed by no trusted key")
        self._untrusted = []

    def _told_differing(self) -> Iterator[Fault]:
        if self._differing:
            first, last = self._differing[0].anchor.position, self._differing[-1].anchor.position
            places = f"positions up to {first}" if first == last else f"positions {first} to {last}"
            told = f"the links are not those of the anchors from {self._differing[0].where} on"
            yield Fault(Kind.REWRITTEN, f"{self._found.chain} {places}", told)
            self._differing = []
