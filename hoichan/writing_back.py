"""Builds what writes closed consults into books; a part of `hoichan.wiring`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from consult_rooms.store import ConsultStore
from foundation.audit import Audit
from foundation.database import Database
from identity.store import Directory
from records_panel.embedded_book import EmbeddedBook
from records_panel.fhir_client import FhirBook
from records_panel.writeback import Writeback
from records_panel.writeback_desk import WritebackDesk


@dataclass(frozen=True, slots=True)
class WritingBack:
    """What carries, and what people are shown of it."""

    carrier: Writeback
    desk: WritebackDesk


def writing_back(
    database: Database,
    store: ConsultStore,
    directory: Directory,
    audit: Audit,
    book: EmbeddedBook,
    sources: Sequence[FhirBook],
) -> WritingBack:
    """Over these sources, of which only those are written to whose settings say so."""
    written = [one for one in sources if one.server.settings.writes]
    return WritingBack(
        Writeback(database, store, directory, audit, book, written),
        WritebackDesk(database, store, audit, {one.key: one.name for one in sources}),
    )
