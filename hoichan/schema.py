"""Every table of the program, gathered for migrations and for tests."""

from __future__ import annotations

import consult_rooms.advice_tables
import consult_rooms.aftercare_tables
import consult_rooms.availability_tables
import consult_rooms.board_tables
import consult_rooms.booking_tables
import consult_rooms.calendar_tables
import consult_rooms.drawing_tables
import consult_rooms.enrolment_tables
import consult_rooms.minutes_tables
import consult_rooms.outgoing_tables
import consult_rooms.pairing_tables
import consult_rooms.push_tables
import consult_rooms.quiet
import consult_rooms.rota_tables
import consult_rooms.statement_tables
import consult_rooms.tables
import consult_rooms.written_tables
import foundation.audit
import foundation.chain
import identity.tables
import notify.outbox_tables
import notify.tables
import records_panel.tables
from foundation.database import metadata

__all__ = ["metadata"]

TABLE_MODULES = (
    foundation.audit,
    foundation.chain,
    identity.tables,
    consult_rooms.tables,
    consult_rooms.advice_tables,
    consult_rooms.aftercare_tables,
    consult_rooms.availability_tables,
    consult_rooms.booking_tables,
    consult_rooms.drawing_tables,
    consult_rooms.enrolment_tables,
    consult_rooms.minutes_tables,
    consult_rooms.calendar_tables,
    consult_rooms.board_tables,
    consult_rooms.outgoing_tables,
    consult_rooms.pairing_tables,
    consult_rooms.push_tables,
    consult_rooms.quiet,
    consult_rooms.rota_tables,
    consult_rooms.statement_tables,
    consult_rooms.written_tables,
    notify.outbox_tables,
    notify.tables,
    records_panel.tables,
)
