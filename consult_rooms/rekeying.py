"""The sealed columns of consults, for `hoichan book rekey`: identities, questions, chat, opinions, minutes, drafts."""

from __future__ import annotations

from consult_rooms import (
    advice,
    board_notes,
    busy_calendars,
    chat,
    drafts,
    drawings,
    enrolment_queries,
    follow_ups,
    identities,
    inquiries,
    opinions,
    waiting_list,
)
from consult_rooms.advice_tables import advice_versions
from consult_rooms.aftercare_tables import follow_up_answers
from consult_rooms.board_tables import coordination_notes
from consult_rooms.booking_tables import waiting_entries
from consult_rooms.calendar_tables import busy_calendars as busy_calendars_table
from consult_rooms.drawing_tables import strokes
from consult_rooms.enrolment_tables import done_checks, enrolments
from consult_rooms.minutes_store import addendum_place, draft_place, version_place
from consult_rooms.minutes_tables import minutes_addenda, minutes_drafts, minutes_versions, signing_keys
from consult_rooms.pairing_tables import inquiries as inquiries_table
from consult_rooms.signing_keys import private_place
from consult_rooms.statement_tables import statements
from consult_rooms.statements import document_place
from consult_rooms.tables import chat_messages, consults, device_links, identity_history
from consult_rooms.tables import opinions as opinions_table
from consult_rooms.written_tables import drafts as drafts_table
from foundation.rekeying import Sealed

SEALED = (
    Sealed(consults.c.patient_sealed, lambda row: f"consults.patient:{row.id}"),
    Sealed(consults.c.question_sealed, lambda row: f"consults.question:{row.id}"),
    Sealed(consults.c.consent_sealed, lambda row: f"consults.consent:{row.id}"),
    Sealed(identity_history.c.patient_sealed, lambda row: f"{identities.PLACE}:{row.consult_id}:{row.number}"),
    Sealed(identity_history.c.left_sealed, lambda row: f"{identities.LEFT}:{row.consult_id}:{row.number}"),
    Sealed(inquiries_table.c.question_sealed, lambda row: inquiries.question_place(row.id)),
    Sealed(inquiries_table.c.answer_sealed, lambda row: inquiries.answer_place(row.id)),
    Sealed(chat_messages.c.text_sealed, lambda row: chat.text_place(row.consult_id, row.number)),
    Sealed(coordination_notes.c.text_sealed, lambda row: board_notes.text_place(row.consult_id, row.number)),
    Sealed(opinions_table.c.text_sealed, lambda row: opinions.text_place(row.consult_id, row.person)),
    Sealed(
        follow_up_answers.c.note_sealed,
        lambda row: follow_ups.note_place(row.consult_id, row.person, row.day, row.number),
    ),
    Sealed(statements.c.document_sealed, lambda row: document_place(row.consult_id, row.number)),
    Sealed(minutes_versions.c.document_sealed, lambda row: version_place(row.consult_id, row.person, row.version)),
    Sealed(minutes_addenda.c.document_sealed, lambda row: addendum_place(row.consult_id, row.person, row.number)),
    Sealed(minutes_drafts.c.content_sealed, lambda row: draft_place(row.consult_id, row.person, row.staff_id)),
    Sealed(signing_keys.c.private_sealed, lambda row: private_place(row.id)),
    Sealed(strokes.c.shape_sealed, lambda row: drawings.shape_place(row.attachment_id, row.number)),
    Sealed(advice_versions.c.content_sealed, lambda row: advice.content_place(row.advice_id, row.version)),
    Sealed(drafts_table.c.content_sealed, lambda row: drafts.content_place(row.staff_id, row.id)),
    Sealed(enrolments.c.patient_sealed, lambda row: f"{enrolment_queries.PLACE}:{row.id}"),
    Sealed(enrolments.c.end_note_sealed, lambda row: enrolment_queries.end_place(row.id)),
    Sealed(
        done_checks.c.note_sealed,
        lambda row: enrolment_queries.note_place(row.enrolment_id, row.check_code, row.number),
    ),
    Sealed(waiting_entries.c.content_sealed, lambda row: waiting_list.content_place(row.id)),
    Sealed(busy_calendars_table.c.address_sealed, lambda row: busy_calendars.address_place(row.id)),
    Sealed(device_links.c.name_sealed, lambda row: f"device_links.name:{row.id}"),
)
