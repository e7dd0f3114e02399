"""Links committed rows into their hash chains and anchors the heads outside the database. Any node may; one does.

A lease on the bus keeps the nodes from doing the same work. It is not what keeps a chain right: each step is one
compare-and-set on the chain's head together with its links, so of two chainers one wins and the other finds nothing
done, and one that is killed leaves the step done or not done.

A transaction may take a number and commit after a later one, so a gap may still be filled. On PostgreSQL a writer
holds a lock on the table from before it takes a number until it has ended: once all who held one after number N was
seen are gone, whatever is missing below N stays missing. In SQLite writers follow each other, so there are no gaps.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, exists, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from foundation.anchors import Anchor, AnchorFolder
from foundation.bus import Bus
from foundation.chain import Head, Source, chain_links, chains, genesis, link
from foundation.clock import Clock
from foundation.database import Database, Transaction
from foundation.errors import Unavailable
from foundation.ids import new_id

log = logging.getLogger(__name__)

BATCH = 500
"""Rows that one step links; it holds SQLite's only writer for some milliseconds."""
LEASE_S = 15.0
RETRY_S = 10.0
"""Seconds between tries while anchors cannot be written."""
LAST_S = 3.0
"""Seconds that the last step before the end may take."""

_WRITERS = text(
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation'"
    " AND relation = to_regclass(CAST(:name AS text))"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND mode = 'RowExclusiveLock' AND granted"
)


@dataclass(slots=True)
class _Waiting:
    """Whom a gap below number `mark` waits for: the transactions that were open once it had been seen.

    `highest` is the highest number that has been seen; it becomes the next mark.
    """

    mark: int = 0
    highest: int = 0
    writers: frozenset[str] = frozenset()


class Chainer:
    """Chains the sources, each in `shards` parts by a row's number modulo their count.

    `anchor_seconds` is the longest that a moved head goes without an anchor.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        clock: Clock,
        sources: Sequence[Source],
        anchors: AnchorFolder,
        *,
        shards: int = 1,
        anchor_seconds: float = 60.0,
    ) -> None:
        self._database = database
        self._bus = bus
        self._clock = clock
        self._sources = {source.name: source for source in sources}
        self._anchors = anchors
        self._shards = shards
        self._every = timedelta(seconds=anchor_seconds)
        self._me = new_id("chr")
        self._waiting: dict[str, _Waiting] = {}
        self._seen: dict[str, int] = {}
        self._retry_at: float | None = None
        self._stuck = False
        self._busy = asyncio.Lock()
        self._finished = False

    @property
    def sound(self) -> bool:
        """False while this node should link or anchor and cannot. Rows wait; the next anchor covers them all."""
        return self._retry_at is None and not self._stuck

    async def run(self) -> None:
        """Link what has been committed, and anchor what is due. To be called each second, on every node."""
        async with self._busy:
            if not self._finished:
                await self._run()

    async def _run(self) -> None:
        for source in self._sources.values():
            for shard in range(self._shards):
                if await self._leased(f"{source.name}:{shard}"):
                    await self._advance(source, shard)
        await self._anchor(due=True)

    async def finish(self) -> None:
        """Link and anchor what is left, then let other nodes go on. For a clean end; takes 3 s at most."""
        try:
            async with asyncio.timeout(LAST_S), self._busy:
                self._finished = True
                await self._run()
                await self._anchor(due=False)
                for source in self._sources.values():
                    for shard in range(self._shards):
                        await self._bus.release(f"chain:{source.name}:{shard}", self._me)
        except (TimeoutError, Unavailable):
            log.warning("the last audit rows are linked at the next start")

    async def _leased(self, name: str) -> bool:
        try:
            return await self._bus.acquire(f"chain:{name}", self._me, LEASE_S)
        except Unavailable:
            return True  # the bus is away: two chainers do no harm

    async def _advance(self, source: Source, shard: int) -> None:
        while True:
            async with self._database.reading() as tx:
                head = await self._head(tx, source, shard)
                divided = head is not None and head.shards == self._shards
                rows, settled = await self._unlinked(tx, head) if head is not None and divided else ([], 0)
            if head is None or not divided:
                await self._divide(source)
                continue
            self._look_back(head)
            if not rows and settled == head.settled:
                return
            if not await self._step(head, rows, settled) or len(rows) < BATCH:
                return
            await self._leased(head.name)

    async def _unlinked(self, tx: Transaction, head: Head) -> tuple[Sequence[Row[Any]], int]:
        """The rows to link next, and the number up to which all will be linked then."""
        source, passed = head.source, head.settled
        waiting = self._waiting.setdefault(head.name, _Waiting())
        if waiting.mark > passed and not waiting.writers & await self._writers(tx, source):
            passed = waiting.mark
        # Bounded on both sides, so that no plan of the database ever reads all links.
        later = chain_links.c.number > head.settled
        linked = exists().where(chain_links.c.source == source.name, chain_links.c.number == source.number, later)
        rows = (
            await tx.execute(
                select(*source.columns())
                .where(source.number > head.settled, source.of_shard(head.shard, self._shards), ~linked)
                .order_by(source.number)
                .limit(BATCH)
            )
        ).all()
        last: int = rows[-1]._mapping[source.number] if rows else head.settled
        if self._database.is_sqlite:
            return rows, last
        waiting.highest = max(waiting.highest, last)
        if waiting.highest > waiting.mark and passed >= waiting.mark:
            waiting.mark, waiting.writers = waiting.highest, await self._writers(tx, source)
        return rows, min(passed, last) if len(rows) == BATCH else passed

    async def _writers(self, tx: Transaction, source: Source) -> frozenset[str]:
        """The open transactions that have written the table, or are about to."""
        if self._database.is_sqlite:
            return frozenset()
        return frozenset((await tx.execute(_WRITERS, {"name": source.table.name})).scalars())

    async def _step(self, head: Head, rows: Sequence[Row[Any]], settled: int) -> bool:
        """Add the links and move the head, or do nothing when the head is not that one any more."""
        digest, position = head.digest, head.position
        links: list[dict[str, Any]] = []
        for row in rows:
            held: Mapping[str, Any] = row._asdict()
            digest, position = link(digest, held), position + 1
            number = held[head.source.number.name]
            links.append(
                {
                    "source": head.source.name,
                    "shard": head.shard,
                    "position": position,
                    "number": number,
                    "digest": digest,
                }
            )
        c = chains.c
        moved = (
            update(chains)
            .where(c.source == head.source.name, c.shard == head.shard)
            .where(c.position == head.position, c.digest == head.digest)
            .where(c.settled == head.settled, c.shards == head.shards)
            .values(position=position, digest=digest, settled=settled)
        )
        try:
            async with self._database.transaction() as tx:
                if not (await tx.execute(moved)).rowcount:
                    return False
                if links:
                    await tx.execute(insert(chain_links), links)
        except IntegrityError:
            # For a moment, while nodes disagree about the number of shards; for good, when the head was tampered with.
            self._stuck = True
            log.error("the chain %s cannot go on at position %d: there are other links already", head.name, position)
            return False
        self._stuck = False
        self._seen[head.name] = position
        return True

    def _look_back(self, head: Head) -> None:
        if head.position < self._seen.get(head.name, 0):
            before = self._seen[head.name]
            log.error("the chain %s was set back from position %d to %d", head.name, before, head.position)
        self._seen[head.name] = head.position

    async def _anchor(self, *, due: bool) -> None:
        """Sign the heads that moved and write them outside the database; with `due` only those whose time has come."""
        if due and self._retry_at is not None and self._clock.monotonic() < self._retry_at:
            return
        async with self._database.reading() as tx:
            moved = [head for head in await self._heads(tx) if head.position > head.anchored_position]
            if not moved:
                return
            now = await tx.now()
        ready = [head for head in moved if not due or head.anchored_at is None or now - head.anchored_at >= self._every]
        ready = [head for head in ready if await self._leased(head.name)]
        if not ready:
            return
        anchors = [
            Anchor(now, head.source.name, head.shard, head.shards, head.position, head.settled, head.digest)
            for head in ready
        ]
        try:
            await asyncio.to_thread(self._anchors.append, anchors)
        except OSError as error:
            self._retry_at = self._clock.monotonic() + RETRY_S
            log.error("AUDIT ANCHORS CANNOT BE WRITTEN to HOICHAN_AUDIT_ANCHORS: %s", error.strerror or "failed")
            return
        if self._retry_at is not None:
            log.warning("audit anchors are written again")
        self._retry_at = None
        async with self._database.transaction() as tx:
            for head in ready:
                await tx.execute(
                    update(chains)
                    .where(chains.c.source == head.source.name, chains.c.shard == head.shard)
                    .where(chains.c.anchored_position < head.position)
                    .values(anchored_position=head.position, anchored_at=now)
                )

    async def _head(self, tx: Transaction, source: Source, shard: int) -> Head | None:
        return next((head for head in await self._heads(tx) if head.source is source and head.shard == shard), None)

    async def _heads(self, tx: Transaction) -> list[Head]:
        rows = (await tx.execute(select(chains))).mappings()
        known = [(row, self._sources.get(row["source"])) for row in rows]
        return [
            Head(**{name: value for name, value in row.items() if name != "source"}, source=source)
            for row, source in known
            if source is not None
        ]

    async def _divide(self, source: Source) -> None:
        """Make the chains of a source, or divide its rows anew: each goes on from what all of them have passed."""
        c = chains.c
        try:
            async with self._database.transaction() as tx:
                asked = select(c.shard, c.shards, c.settled).where(c.source == source.name).with_for_update()
                there = (await tx.execute(asked)).all()
                settled = min((row.settled for row in there if row.shard < row.shards), default=0)
                everywhere = update(chains).where(c.source == source.name)
                await tx.execute(everywhere.values(shards=self._shards, settled=settled))
                for shard in set(range(self._shards)) - {row.shard for row in there}:
                    await tx.execute(
                        insert(chains).values(
                            source=source.name,
                            shard=shard,
                            shards=self._shards,
                            position=0,
                            digest=genesis(source.name, shard),
                            settled=settled,
                            anchored_position=0,
                        )
                    )
        except IntegrityError:
            log.debug("another node made the chains first")
