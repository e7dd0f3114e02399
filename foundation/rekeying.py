"""Sealed columns sealed anew under the newest key, while they are read and written.

Nothing has to be remembered to go on after a kill: a value tells by its first byte under which key it is. Each row is
changed by compare-and-set, so that what is written meanwhile is never put back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, and_, func, select, tuple_, update

from foundation.database import Database
from foundation.sealing import Sealer

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Sealed:
    """A column of sealed values, and where each of them says that it stands: `place` is given the whole row."""

    column: Column[Any]
    place: Callable[[Any], str]

    @property
    def table(self) -> Table:
        """Its table."""
        return self.column.table

    @property
    def name(self) -> str:
        """Table and column."""
        return f"{self.table.name}.{self.column.name}"


class Rekeying:
    """Seals the values of these columns anew. One process is enough; two disturb nobody."""

    def __init__(self, database: Database, sealer: Sealer, columns: Sequence[Sealed]) -> None:
        self._database = database
        self._sealer = sealer
        self._columns = columns

    async def run(self) -> AsyncIterator[tuple[str, int]]:
        """Go through every column; yields its name and how many values changed in a batch.

        Raises `Unavailable("sealing.unreadable")` when an older key is missing from the key file.
        """
        for sealed in self._columns:
            after: tuple[Any, ...] | None = None
            while True:
                after, changed = await self._batch(sealed, after)
                if changed:
                    yield sealed.name, changed
                if after is None:
                    break

    async def left(self) -> int:
        """How many values are still under an older key: none, and that key may leave the file."""
        count = 0
        async with self._database.reading() as tx:
            for sealed in self._columns:
                query = select(func.count()).select_from(sealed.table).where(self._is_old(sealed))
                count += int((await tx.execute(query)).scalar_one())
        return count

    async def _batch(self, sealed: Sealed, after: tuple[Any, ...] | None) -> tuple[tuple[Any, ...] | None, int]:
        keys = list(sealed.table.primary_key.columns)
        query = select(sealed.table).where(self._is_old(sealed)).order_by(*keys).limit(_BATCH)
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
