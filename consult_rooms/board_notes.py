"""What coordinators note about a request: sealed texts, each beside the log entry of the act that it belongs to."""

from __future__ import annotations

from sqlalchemy import select

from consult_rooms.board_rows import BoardNote
from consult_rooms.board_tables import coordination_notes
from consult_rooms.log_entry import LogEntry
from consult_rooms.store import ConsultStore, Row
from foundation.database import Transaction
from foundation.ids import ConsultId, StaffId
from identity.tables import staff

LENGTH = 500
"""Characters of a note."""
NOTES = 100
"""Notes of one request that a reading returns at most, the last ones."""
AUTHOR = staff.alias("note_author")


async def note(tx: Transaction, store: ConsultStore, entry: LogEntry, author_id: StaffId, text: str) -> None:
    """Keep a text beside its entry; an empty one is none."""
    if not text:
        return
    await tx.execute(
        coordination_notes.insert().values(
            consult_id=entry.consult_id,
            number=entry.number,
            author_id=author_id,
            text_sealed=store.sealer.seal_text(text, text_place(entry.consult_id, entry.number)),
            at=entry.at,
        )
    )


async def notes_of(tx: Transaction, store: ConsultStore, consult_id: ConsultId) -> tuple[BoardNote, ...]:
    """The notes about one request, newest first. The caller has decided who may read them."""
    query = (
        select(coordination_notes, AUTHOR.c.full_name)
        .join(AUTHOR, AUTHOR.c.id == coordination_notes.c.author_id)
        .where(coordination_notes.c.consult_id == consult_id)
        .order_by(coordination_notes.c.number.desc())
        .limit(NOTES)
    )
    return tuple(note_of(store, row) for row in (await tx.execute(query)).mappings())


def note_of(store: ConsultStore, row: Row) -> BoardNote:
    """A row that holds the columns of `coordination_notes` and the author's name."""
    c = coordination_notes.c
    text = store.sealer.open_text(row[c.text_sealed], text_place(row[c.consult_id], row[c.number]))
    return BoardNote(row[c.number], row[AUTHOR.c.full_name], text, row[c.at])


def text_place(consult_id: str, number: int) -> str:
    """Where a text says that it stands (`Sealer.seal`)."""
    return f"coordination_notes.text:{consult_id}:{number}"
