"""Verification of the hash chains: rows against links, links against each other, links against the anchors.

Everything is read in pages, so memory does not grow with the chain. After a fault the check goes on from the digest
that stands there, so each tampered row is told once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row, and_, func, select

from foundation.anchors import AnchorKeys, Line, SignedAnchor, anchor_files, name_of, read_lines
from foundation.chain import Source, chain_links, chains, genesis
from foundation.chain_faults import Fault, Found, Kind
from foundation.chain_walk import AnchorWalk, Extent, LinkWalk
from foundation.database import Database

PAGE = 1_000


class ChainCheck:
    """Verifies all chains of these sources against the anchor files of a folder. `found` is filled as it goes."""

    def __init__(self, database: Database, sources: Sequence[Source], folder: Path, keys: AnchorKeys) -> None:
        self._database = database
        self._sources = {source.name: source for source in sources}
        self._folder = folder
        self._keys = keys
        self._files: list[tuple[Path, int]] = []
        self.found: list[Found] = []

    async def faults(self, since: datetime | None = None, until: datetime | None = None) -> AsyncIterator[Fault]:
        """Every fault, chain by chain; with times, of the links between the anchors around them.

        Raises OSError when an anchor file cannot be read, `Unavailable` when the database cannot.
        """
        # The files are measured before the heads are read: what is chained and anchored meanwhile stays out.
        self._files = [(path, path.stat().st_size) for path in anchor_files(self._folder)]
        known = await self._chains()
        for fault in self._line_faults(known):
            yield fault
        for chain in known.values():
            async for fault in self._chain_faults(chain, since, until):
                yield fault

    async def _chains(self) -> dict[tuple[str, int], Extent]:
        """Every chain that has a head or links, and the first one of each source."""
        c, links = chains.c, chain_links.c
        last = select(links.source, links.shard, func.max(links.position).label("links"))
        ends = last.group_by(links.source, links.shard).subquery()
        same = and_(ends.c.source == c.source, ends.c.shard == c.shard)
        async with self._database.reading() as tx:
            heads = (await tx.execute(select(chains, ends.c.links).select_from(chains.outerjoin(ends, same)))).all()
            headless = (
                await tx.execute(select(ends).select_from(ends.outerjoin(chains, same)).where(c.source.is_(None)))
            ).all()
        found = {(name, 0): Extent(source, 0) for name, source in self._sources.items()}
        for row in heads:
            if (source := self._sources.get(row.source)) is not None:
                found[row.source, row.shard] = Extent(
                    source,
                    row.shard,
                    row.shards,
                    row.position,
                    _bytes(row.digest),
                    row.settled,
                    row.anchored_position,
                    row.links or 0,
                )
        for row in headless:
            if (source := self._sources.get(row.source)) is not None:
                found[row.source, row.shard] = Extent(source, row.shard, links=row.links)
        return dict(sorted(found.items()))

    def _line_faults(self, known: dict[tuple[str, int], Extent]) -> Iterator[Fault]:
        """What is wrong with the lines themselves; a chain that only anchors know of joins the known ones."""
        before: Line | None = None
        for line in read_lines(self._files):
            held = line.held
            if before is not None and held is not None and held.before != name_of(before.text):
                yield Fault(Kind.ANCHOR, line.where, "the line before it is not the one that it names")
            elif before is not None and before.held is None and (held is None or not self._keys.hold(held)):
                # What a crash has cut short is named by the line after it; this is not.
                yield Fault(Kind.ANCHOR, before.where, "not an anchor")
            if held is not None:
                source, shard = self._sources.get(held.anchor.source), held.anchor.shard
                if source is None:
                    yield Fault(Kind.ANCHOR, line.where, "of an unknown chain")
                elif (source.name, shard) not in known and self._keys.hold(held):
                    known[source.name, shard] = Extent(source, shard, held.anchor.shards)
            before = line

    def _anchors(self, chain: Extent) -> Iterator[SignedAnchor]:
        for line in read_lines(self._files):
            if line.held and (line.held.anchor.source, line.held.anchor.shard) == (chain.source.name, chain.shard):
                yield line.held

    def _between(self, chain: Extent, since: datetime | None, until: datetime | None) -> tuple[int, int]:
        """The positions after which to begin and at which to end: those of the anchors around the times."""
        first = last = None
        for one in self._anchors(chain) if since or until else ():
            if since and one.anchor.at <= since:
                first = one
            if until and one.anchor.at >= until and last is None:
                last = one
        end = max(chain.position, chain.links)
        begin = first.anchor.position if first and self._keys.hold(first) else 0
        return min(begin, end), min(last.anchor.position, end) if last and self._keys.hold(last) else end

    async def _chain_faults(
        self, chain: Extent, since: datetime | None, until: datetime | None
    ) -> AsyncIterator[Fault]:
        begin, end = self._between(chain, since, until)
        found = Found(chain.name)
        self.found.append(found)
        digest = await self._digest(chain, begin)
        anchored = AnchorWalk(self._anchors(chain), self._keys.hold, found, begin, end if until else None)
        walk = LinkWalk(chain, found, anchored, begin, digest)
        if digest is None:
            yield Fault(Kind.REMOVED, f"{chain.name} position {begin}", "its link is gone")
        else:
            for fault in anchored.faults(begin, digest):
                yield fault
        key = chain.source.number.name
        async for row in self._linked(chain, begin, end):
            held = row._asdict()
            link = held.pop("link_position"), held.pop("link_number"), _bytes(held.pop("link_digest"))
            for fault in walk.faults(*link, None if held[key] is None else held):
                yield fault
        for fault in (*walk.rest(end), *anchored.rest(end)):
            yield fault
        if until is None and chain.anchored > anchored.highest:
            told = f"position {chain.anchored} was anchored, the files reach to {anchored.highest}"
            yield Fault(Kind.ANCHOR, chain.name, told)
        if chain.shard >= chain.shards:  # left over from a larger number of shards
            return
        async for number in self._unlinked(chain):
            if number > chain.settled:
                found.waiting += 1
            elif since is None and until is None:
                yield Fault(Kind.ADDED, f"{chain.source.name} row {number}", "no link holds it")

    async def _digest(self, chain: Extent, position: int) -> bytes | None:
        if not position:
            return genesis(chain.source.name, chain.shard)
        c = chain_links.c
        here = and_(c.source == chain.source.name, c.shard == chain.shard, c.position == position)
        async with self._database.reading() as tx:
            held = (await tx.execute(select(c.digest).where(here))).scalar_one_or_none()
        return None if held is None else _bytes(held)

    async def _linked(self, chain: Extent, begin: int, end: int) -> AsyncIterator[Row[Any]]:
        """The links with their rows. A link's columns come as `link_…`; a row that is gone has a null key."""
        c, source = chain_links.c, chain.source
        own = (c.position.label("link_position"), c.number.label("link_number"), c.digest.label("link_digest"))
        asked = (
            select(*own, *source.columns())
            .select_from(chain_links.outerjoin(source.table, source.number == c.number))
            .where(c.source == source.name, c.shard == chain.shard, c.position <= end)
            .order_by(c.position)
            .limit(PAGE)
        )
        while True:
            async with self._database.reading() as tx:
                rows = (await tx.execute(asked.where(c.position > begin))).all()
            for row in rows:
                yield row
            if len(rows) < PAGE:
                return
            begin = rows[-1].link_position

    async def _unlinked(self, chain: Extent) -> AsyncIterator[int]:
        """The numbers of its shard's rows that no chain has linked."""
        number, begin = chain.source.number, 0
        linked = and_(chain_links.c.source == chain.source.name, chain_links.c.number == number)
        asked = (
            select(number)
            .select_from(chain.source.table.outerjoin(chain_links, linked))
            .where(chain_links.c.number.is_(None), chain.source.of_shard(chain.shard, chain.shards))
            .order_by(number)
            .limit(PAGE)
        )
        while True:
            async with self._database.reading() as tx:
                rows = (await tx.execute(asked.where(number > begin))).scalars().all()
            for one in rows:
                yield one
            if len(rows) < PAGE:
                return
            begin = rows[-1]


def _bytes(value: object) -> bytes:
    """A digest; nothing where somebody has written what is none, as SQLite lets them."""
    return value if isinstance(value, bytes) else b""
