"""The sealed columns of books, for `hoichan book rekey`."""

from __future__ import annotations

from consult_rooms.outgoing_tables import outgoing
from foundation.rekeying import Sealed
from records_panel.embedded_book import log_place, summary_place
from records_panel.tables import additions, break_glass, patient_links, patients, resource_log, summaries
from records_panel.writeback import answer_place

SEALED = (
    Sealed(patients.c.identity, lambda row: f"patients.identity:{row.id}"),
    Sealed(resource_log.c.content, lambda row: log_place(row.patient_id, row.version)),
    Sealed(summaries.c.content, lambda row: summary_place(row.patient_id)),
    Sealed(additions.c.content, lambda row: f"additions.content:{row.id}"),
    Sealed(break_glass.c.words, lambda row: f"break_glass.words:{row.id}"),
    Sealed(break_glass.c.note, lambda row: f"break_glass.note:{row.id}"),
    Sealed(patient_links.c.link, lambda row: f"patient_links:{row.patient_id}:{row.source}"),
    Sealed(outgoing.c.answer_sealed, lambda row: answer_place(row.consult_id, row.person, row.target)),
)
