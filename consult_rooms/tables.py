"""Tables of consults, their log, their room and the calendar.

Columns that end in `_sealed` hold what names a patient or what doctors wrote, encrypted by `foundation.sealing` and
bound to their row; everything else is ids, codes and instants. The file is a list, as long as there are tables.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from foundation.chain import Source
from foundation.database import Instant, Json, metadata

consults = Table(
    "consults",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("code", String(20), nullable=False, unique=True),
    Column("state", String(16), nullable=False),
    Column("urgency", String(16), nullable=False),
    Column("specialty_id", ForeignKey("specialties.id"), nullable=False),
    Column("requester_id", ForeignKey("staff.id"), nullable=False),
    Column("requester_facility_id", ForeignKey("facilities.id"), nullable=False),
    Column("owner_id", ForeignKey("staff.id"), nullable=False),
    Column("coordinator_id", ForeignKey("staff.id")),
    Column("terminal_id", ForeignKey("terminals.id")),
    Column("patient_id", String(40), index=True),
    Column("patient_sealed", LargeBinary, nullable=False),
    Column("question_sealed", LargeBinary, nullable=False),
    Column("consent_sealed", LargeBinary),
    Column("idempotency_hash", String(64), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("step", String(16)),
    Column("step_due_at", Instant, index=True),
    Column("specialist_id", ForeignKey("staff.id")),
    Column("specialist_facility_id", ForeignKey("facilities.id")),
    Column("claimed_at", Instant),
    Column("lease_until", Instant, index=True),
    Column("paused_at", Instant),
    Column("opens_at", Instant),
    Column("starts_at", Instant),
    Column("ends_at", Instant),
    Column("ended_at", Instant),
    Column("closed_at", Instant),
    Column("cancelled_at", Instant),
    Column("cancel_reason", String(32)),
    Column("due_at", Instant),
    Column("log_number", Integer, nullable=False, default=0),
    UniqueConstraint("requester_id", "idempotency_hash"),
    Index("ix_consults_requester_created", "requester_id", "created_at"),
    Index("ix_consults_specialist_created", "specialist_id", "created_at"),
    Index("ix_consults_facility_state", "requester_facility_id", "state"),
    Index("ix_consults_facility_created", "requester_facility_id", "created_at"),
    Index("ix_consults_state_due", "state", "due_at"),
    Index("ix_consults_specialist_facility_created", "specialist_facility_id", "created_at"),
    Index(
        "ix_consults_under_way",
        "specialist_id",
        sqlite_where=text("state = 'claimed'"),
        postgresql_where=text("state = 'claimed'"),
    ),
)

consult_codes = Table(
    "consult_codes",
    metadata,
    Column("month", String(4), primary_key=True),
    Column("last", Integer, nullable=False),
)

offers = Table(
    "offers",
    metadata,
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("facility_id", ForeignKey("facilities.id"), nullable=False),
    Column("step", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(32)),
    Column("rung_at", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("later_at", Instant, index=True),
    PrimaryKeyConstraint("consult_id", "staff_id"),
    Index("ix_offers_staff_state", "staff_id", "state"),
    Index("ix_offers_staff_rung", "staff_id", "rung_at"),
)

participants = Table(
    "participants",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("staff_id", ForeignKey("staff.id"), nullable=False, index=True),
    Column("role", String(16), nullable=False),
    Column("sees_book", Boolean, nullable=False),
    Column("invited_by", ForeignKey("staff.id")),
    Column("joined_at", Instant),
    Column("left_at", Instant),
    Column("line", String(16), nullable=False, default="good"),
    UniqueConstraint("consult_id", "staff_id"),
)

device_links = Table(
    "device_links",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("consult_id", ForeignKey("consults.id"), nullable=False, index=True),
    Column("name_sealed", LargeBinary, nullable=False),
    Column("scope", String(16), nullable=False),
    Column("secret_hash", LargeBinary(32), nullable=False, unique=True),
    Column("created_by", ForeignKey("staff.id"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("revoked_at", Instant),
    Column("used_at", Instant),
    Column("session_id", String(40)),
    Column("session_offer", Text),
    Column("session_origin", String(20)),
    Column("session_tag", String(40)),
)
"""Tokens of devices that publish into a consult's room or show it; `session_*` is the one that runs now."""

first_frames = Table(
    "first_frames",
    metadata,
    Column("viewer_id", ForeignKey("participants.id"), nullable=False),
    Column("source_id", ForeignKey("participants.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    PrimaryKeyConstraint("viewer_id", "source_id", "kind"),
)

consult_log = Table(
    "consult_log",
    metadata,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", Instant, nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("actor", String(40)),
    Column("data", Json, nullable=False),
    UniqueConstraint("consult_id", "number"),
)
"""`number` counts the entries of one consult without gaps; `sequence` only tells those of all consults apart."""

CONSULT_LOG = Source(
    "consult_log",
    consult_log,
    consult_log.c.sequence,
    places=(("sequence",), ("consult_id", "number"), ("sequence", "consult_id", "number")),
)
"""The log as something to chain."""

chat_messages = Table(
    "chat_messages",
    metadata,
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("sender_id", ForeignKey("staff.id"), nullable=False),
    Column("client_id", String(64), nullable=False),
    Column("text_sealed", LargeBinary, nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("consult_id", "number"),
    UniqueConstraint("consult_id", "sender_id", "client_id"),
)

opinions = Table(
    "opinions",
    metadata,
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    # Number in the consult's identity history at which the room turned to this person; 0 is who it was asked for.
    Column("person", Integer, nullable=False, server_default="0"),
    Column("author_id", ForeignKey("staff.id"), nullable=False),
    Column("text_sealed", LargeBinary, nullable=False),
    Column("version", Integer, nullable=False),
    Column("saved_at", Instant, nullable=False),
    Column("closed_at", Instant),
    PrimaryKeyConstraint("consult_id", "person"),
)
"""An opinion for each patient of a consult: what was written for one is never the other's."""

identity_history = Table(
    "identity_history",
    metadata,
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("actor", ForeignKey("staff.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("patient_id", String(40)),
    Column("patient_sealed", LargeBinary, nullable=False),
    Column("left_sealed", LargeBinary),
    PrimaryKeyConstraint("consult_id", "number"),
)
"""Every identity that a consult has had; number 0 is that of the request. `patient_*` is the identity since then.

`left_sealed` is the question and the consent that held until then, where the room turned to another patient.
"""

on_call_shifts = Table(
    "on_call_shifts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("specialty_id", ForeignKey("specialties.id"), nullable=False),
    Column("facility_id", ForeignKey("facilities.id"), nullable=False),
    Column("weekday", Integer, nullable=False),
    Column("starts_minute", Integer, nullable=False),
    Column("ends_minute", Integer, nullable=False),
    Column("level", String(8), nullable=False, default="first", server_default="first"),
    Column("day", String(10), nullable=False, default="", server_default=""),
    UniqueConstraint(
        "staff_id", "specialty_id", "facility_id", "weekday", "starts_minute", "day", name="uq_on_call_shifts_turn"
    ),
    Index("ix_on_call_shifts_specialty_facility_day", "specialty_id", "facility_id", "day"),
)
"""Turns on call; minutes count from local midnight of `weekday` (0 is Monday).

`day` is the date (ISO 8601) of a turn that does not come each week; empty, not NULL, for one that does, so that no turn
stands twice and the index serves both. `lifted_turns` holds the dates on which a weekly one does not hold.
"""

ladder_rules = Table(
    "ladder_rules",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("rules", Json, nullable=False),
    Column("changed_by", ForeignKey("staff.id"), nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("note", Text, nullable=False),
)
"""Every version of the ladder's rules; the highest holds. Nothing is overwritten."""

slots = Table(
    "slots",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("specialist_id", ForeignKey("staff.id"), nullable=False),
    Column("specialty_id", ForeignKey("specialties.id"), nullable=False),
    Column("facility_id", ForeignKey("facilities.id"), nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("appointment_id", String(40)),
    Column("withdrawn_at", Instant),
    Column("visit_type", String(16), nullable=False, default="first", server_default="first"),
    Column("template_id", String(40)),
    Column("conference_id", String(40), index=True),
    Column("buffer_before", Integer, nullable=False, default=0, server_default="0"),
    Column("buffer_after", Integer, nullable=False, default=0, server_default="0"),
    # Kept until then for a person who fills the form, or for an entry of the waiting list: see `holds`.
    Column("held_by", String(40)),
    Column("held_until", Instant),
    Index("ix_slots_facility_starts", "facility_id", "starts_at"),
    Index("ix_slots_specialist_starts", "specialist_id", "starts_at"),
    Index(
        "ix_slots_free",
        "specialty_id",
        "starts_at",
        sqlite_where=text("appointment_id IS NULL AND withdrawn_at IS NULL"),
        postgresql_where=text("appointment_id IS NULL AND withdrawn_at IS NULL"),
    ),
    Index(
        "ix_slots_held",
        "held_by",
        sqlite_where=text("held_by IS NOT NULL"),
        postgresql_where=text("held_by IS NOT NULL"),
    ),
)

appointments = Table(
    "appointments",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("slot_id", ForeignKey("slots.id"), nullable=False),
    Column("consult_id", ForeignKey("consults.id"), nullable=False, unique=True),
    Column("clinic_id", ForeignKey("facilities.id"), nullable=False),
    Column("terminal_id", ForeignKey("terminals.id")),
    Column("requester_id", ForeignKey("staff.id"), nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("version", Integer, nullable=False),
    Column("cancelled_at", Instant),
    # Its specialist went into an emergency or did not come: another time has to be chosen. See `displacement`.
    Column("displaced_at", Instant),
    Column("displaced_by", ForeignKey("consults.id")),
    Column("late_until", Instant),
)

quarter_units = Table(
    "quarter_units",
    metadata,
    Column("resource", String(64), nullable=False),
    Column("quarter", BigInteger, nullable=False),
    Column("holder", String(40), nullable=False, index=True),
    PrimaryKeyConstraint("resource", "quarter"),
)
"""Who holds what for which quarter of an hour (counted from 1970): the primary key forbids double booking."""
