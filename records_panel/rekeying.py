"""`hoichan book rekey`: what books have sealed under older keys, sealed anew under the newest one, in full use.

Nothing has to be remembered to go on after a kill: a value tells by its first byte under which key it is. Each row is
changed by compare-and-set, so that a summary that is rebuilt meanwhile is never put back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, and_, func, select, tuple_, update

from foundation.database import Database
from foundation.sealing import Sealer
from records_panel.embedded_book import log_place, summary_place
from records_panel.tables import additions, break_glass, patient_links, patients, resource_log, summaries

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Sealed:
    """A column of sealed values, and where each of them says that it stands."""

    column: Column[Any]
    place: Callable[[Any], str]

    @property
    def table(self) -> Table:
        """Its table."""
        return self.column.table


SEALED = (
    Sealed(patients.c.identity, lambda row: f"patients.identity:{row.id}"),
    Sealed(resource_log.c.content, lambda row: log_place(row.patient_id, row.version)),
    Sealed(summaries.c.content, lambda row: summary_place(row.patient_id)),
    Sealed(additions.c.content, lambda row: f"additions.content:{row.id}"),
    Sealed(break_glass.c.words, lambda row: f"break_glass.words:{row.id}"),
    Sealed(break_glass.c.note, lambda row: f"break_glass.note:{row.id}"),
    Sealed(patient_links.c.link, lambda row: f"patient_links:{row.patient_id}:{row.source}"),
)


class Rekeying:
    """Seals a book's values anew. One process is enough; two disturb nobody."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    async def run(self) -> AsyncIterator[tuple[str, int]]:
        """Go through every column; yields its name and how many values changed in a batch.

        Raises `Unavailable("sealing.unreadable")` when an older key is missing from the key file.
        """
        for sealed in SEALED:
            name = f"{sealed.table.name}.{sealed.column.name}"
            after: tuple[Any, ...] | None = None
            while True:
                after, changed = await self._batch(sealed, after)
                if changed:
                    yield name, changed
                if after is None:
                    break

    async def left(self) -> int:
        """How many values are still under an older key: none, and that key may leave the file."""
        count = 0
        async with self._database.reading() as tx:
            for sealed in SEALED:
                query = select(func.count()).select_from(sealed.table).where(self._is_old(sealed))
                count += int((await tx.execute(query)).scalar_one())
        return count

    async def _batch(self, sealed: Sealed, after: tuple[Any, ...] | None) -> tuple[tuple[Any, ...] | None, int]:
        keys = list(sealed.table.primary_key.columns)
        query = select(*keys, sealed.column).where(self._is_old(sealed)).order_by(*keys).limit(_BATCH)
        if after is not None:
            query = query.where(tuple_(*keys) > after)
        changed = 0
        async with self._database.transaction() as tx:
            rows = (await tx.execute(query)).all()
            for row in rows:
                old = getattr(row, sealed.column.name)
                same = and_(*(key == getattr(row, key.name) for key in keys), sealed.column == old)
                new = {sealed.column.name: self._sealer.resealed(old, sealed.place(row))}
                changed += (await tx.execute(update(sealed.table).where(same).values(new))).rowcount
        if len(rows) < _BATCH:
            return None, changed
        return tuple(getattr(rows[-1], key.name) for key in keys), changed

    def _is_old(self, sealed: Sealed) -> ColumnElement[bool]:
        return and_(sealed.column.is_not(None), func.substr(sealed.column, 1, 1) != self._sealer.current)
