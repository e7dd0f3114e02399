"""`hoichan book reindex`: the blind indexes of citizens moved to a new index key, in full use.

A value does not tell under which key it is, so each citizen's identity is opened and indexed anew. How far that is
stands in the database, in the transaction that did it: a process that is killed goes on there. Meanwhile every reader
looks under both keys (`Sealer.indexes`), and who gives a number to somebody asks for both, one after another
(`Register`). A second run goes through everybody once more, and so proves that nothing is left.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from sqlalchemy import insert, select, update

from foundation.database import Database
from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.ids import PatientId
from foundation.sealing import Sealer
from records_panel.register import Register
from records_panel.tables import index_rotations, patients

_BATCH = 200


class Reindexing:
    """Moves indexes to the key that is written now. One process at a time; a second one does the same once more."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer
        self._register = Register(sealer)
        self._mark = sealer.index("index-key", "")

    async def run(self) -> AsyncIterator[int]:
        """Go through every citizen from where it was; yields how many of a batch stood under another key.

        Raises `Invalid("index.one_key")` when the key file names no other index key, and what `Register.reindex` does.
        """
        if not self._sealer.is_index_changing:
            raise Invalid("index.one_key", ONE_KEY)
        after: str | None = await self._begin()
        while after is not None:
            after, changed = await self._batch(after)
            yield changed

    async def _begin(self) -> str:
        async with self._database.transaction() as tx:
            query = select(index_rotations).where(index_rotations.c.mark == self._mark)
            row = (await tx.execute(query)).first()
            if row is None:
                await tx.execute(insert(index_rotations).values(mark=self._mark, after=""))
            return "" if row is None or row.done_at is not None else str(row.after)

    async def _batch(self, after: str) -> tuple[str | None, int]:
        columns = (patients.c.id, patients.c.identity, patients.c.cccd_index, patients.c.bhyt_index)
        query = select(*columns).where(patients.c.id > after).order_by(patients.c.id).limit(_BATCH)
        changed = 0
        async with self._database.transaction() as tx:
            rows = (await tx.execute(query.with_for_update())).all()
            for row in rows:
                stored = {"cccd_index": row.cccd_index, "bhyt_index": row.bhyt_index}
                changed += await self._register.reindex(tx, PatientId(row.id), row.identity, stored)
            is_done = len(rows) < _BATCH
            progress = {"after": rows[-1].id if rows else after, "done_at": await tx.now() if is_done else None}
            await tx.execute(update(index_rotations).where(index_rotations.c.mark == self._mark).values(progress))
        return (None if is_done else str(rows[-1].id)), changed


ONE_KEY = N_("The key file names one index key alone, so there is nothing to move. See docs/operations.md.")
