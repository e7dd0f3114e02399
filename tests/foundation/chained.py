"""A database whose audit is chained and anchored, its nodes, and what a tamperer does to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select, text, update

from foundation.anchors import AnchorFolder, AnchorKeys, AnchorSigner
from foundation.audit import AUDIT, Audit, AuditEntry, audit_entries
from foundation.bus import Bus, MemoryBus
from foundation.chain import Source, chain_links, chains, genesis, link
from foundation.chain_check import ChainCheck
from foundation.chain_faults import Fault, Found
from foundation.chainer import Chainer
from foundation.clock import FakeClock
from foundation.database import Database


@dataclass
class Chained:
    """Everything that the tests need of one installation."""

    database: Database
    clock: FakeClock
    folder: Path
    signer: AnchorSigner
    sources: Sequence[Source] = (AUDIT,)

    def chainer(self, bus: Bus | None = None, *, shards: int = 1, folder: Path | None = None) -> Chainer:
        """A node's chainer; without a bus it has one of its own, so that no lease keeps it from working."""
        anchors = AnchorFolder(folder or self.folder, self.signer)
        return Chainer(self.database, bus or MemoryBus(self.clock), self.clock, self.sources, anchors, shards=shards)

    async def write(self, count: int, first: int = 0) -> None:
        """Audit rows, one transaction for all."""
        audit = Audit(self.database)
        async with self.database.transaction() as tx:
            for place in range(first, first + count):
                entry = AuditEntry(f"sta_{place % 3}", "book.read", patient_id=f"pat_{place}", details={"whole": True})
                await audit.record(tx, entry)

    async def minutes(self, count: int, rows: int = 10) -> None:
        """That many minutes with so many rows each, chained and anchored."""
        chainer = self.chainer()
        for minute in range(count):
            await self.write(rows, minute * rows)
            await chainer.run()
            self.clock.advance(61)
            await chainer.run()

    async def check(
        self, since: datetime | None = None, until: datetime | None = None, signer: AnchorSigner | None = None
    ) -> tuple[list[Fault], list[Found]]:
        """What `hoichan audit verify` finds."""
        keys = AnchorKeys((signer or self.signer).public_keys)
        check = ChainCheck(self.database, self.sources, self.folder, keys)
        return [fault async for fault in check.faults(since, until)], check.found

    async def kinds(self) -> list[str]:
        """The kinds of what is wrong."""
        return [fault.kind.value for fault in (await self.check())[0]]

    async def linked(self) -> list[int]:
        """The numbers of the rows in the order of the chain."""
        asked = select(chain_links.c.number).where(chain_links.c.source == "audit")
        async with self.database.reading() as tx:
            return list((await tx.execute(asked.order_by(chain_links.c.shard, chain_links.c.position))).scalars())

    async def sql(self, *statements: Any) -> None:
        """What somebody does who may write the database."""
        async with self.database.transaction() as tx:
            for statement in statements:
                await tx.execute(text(statement) if isinstance(statement, str) else statement)

    async def relink(self) -> None:
        """Compute the whole bare chain anew over what the table holds now, head and all."""
        async with self.database.transaction() as tx:
            rows = (await tx.execute(select(audit_entries).order_by(audit_entries.c.number))).all()
            await tx.execute(chain_links.delete().where(chain_links.c.source == "audit"))
            digest = genesis("audit", 0)
            for place, row in enumerate(rows, 1):
                digest = link(digest, row._asdict())
                values = {"source": "audit", "shard": 0, "position": place, "number": row.number, "digest": digest}
                await tx.execute(insert(chain_links).values(values))
            head = {"position": len(rows), "digest": digest, "anchored_position": len(rows)}
            await tx.execute(update(chains).where(chains.c.source == "audit").values(head))

    async def count(self) -> int:
        """How many rows the audit has."""
        async with self.database.reading() as tx:
            return int((await tx.execute(select(func.count()).select_from(audit_entries))).scalar_one())
