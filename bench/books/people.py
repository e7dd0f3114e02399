"""What `bench.book` asks of the store beside its figures: one identity, and how large everything is."""

from __future__ import annotations

from sqlalchemy import text

from foundation.ids import PatientId
from hoichan.wiring import Parts
from records_panel.citizens import Identity
from records_panel.register import Register

_TABLES = ("patients", "patient_words", "resource_log", "summaries")


async def identity_of(parts: Parts, patient_id: PatientId) -> Identity:
    """The identity of one citizen."""
    async with parts.database.reading() as tx:
        return await Register(parts.sealer).read(tx, patient_id)


async def whole_database_bytes(parts: Parts) -> int:
    """Bytes of the tables of books with their indexes; of SQLite the whole file, which holds little else here."""
    async with parts.database.reading() as tx:
        if parts.database.is_sqlite:
            pages = (await tx.execute(text("PRAGMA page_count"))).scalar_one()
            return int(pages) * int((await tx.execute(text("PRAGMA page_size"))).scalar_one())
        total = " + ".join(f"pg_total_relation_size('{name}')" for name in _TABLES)
        return int((await tx.execute(text(f"SELECT {total}"))).scalar_one())
