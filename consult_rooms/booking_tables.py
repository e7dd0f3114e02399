"""Tables beside slots and appointments: devices and rooms, who waits for a slot, who is in the waiting room."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    text,
)

from foundation.database import Instant, metadata

resources = Table(
    "resources",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("facility_id", ForeignKey("facilities.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("name", String(200), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("facility_id", "name"),
)
"""A device or a room of a facility that one appointment at a time has; its times are rows of `quarter_units`."""

appointment_resources = Table(
    "appointment_resources",
    metadata,
    Column("appointment_id", ForeignKey("appointments.id"), nullable=False),
    Column("resource_id", ForeignKey("resources.id"), nullable=False),
    PrimaryKeyConstraint("appointment_id", "resource_id"),
)

waiting_entries = Table(
    "waiting_entries",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("clinic_id", ForeignKey("facilities.id"), nullable=False),
    Column("requester_id", ForeignKey("staff.id"), nullable=False),
    Column("terminal_id", ForeignKey("terminals.id")),
    Column("specialty_id", ForeignKey("specialties.id"), nullable=False),
    Column("hospital_id", ForeignKey("facilities.id")),
    Column("level", String(16)),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("content_sealed", LargeBinary),
    Column("idempotency_hash", String(64), nullable=False),
    Column("created_by", ForeignKey("staff.id"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("slot_id", ForeignKey("slots.id")),
    Column("offered_until", Instant),
    Column("offers", Integer, nullable=False),
    Column("appointment_id", ForeignKey("appointments.id")),
    UniqueConstraint("created_by", "idempotency_hash"),
    Index("ix_waiting_entries_clinic_state", "clinic_id", "state"),
    Index(
        "ix_waiting_entries_open",
        "specialty_id",
        "created_at",
        sqlite_where=text("state IN ('waiting', 'offered')"),
        postgresql_where=text("state IN ('waiting', 'offered')"),
    ),
)
"""Who waits for a slot; `slot_id` is the one that is kept for it now. Patient and question are sealed together,
and kept no longer than somebody waits."""

waiting_offers = Table(
    "waiting_offers",
    metadata,
    Column("entry_id", ForeignKey("waiting_entries.id"), nullable=False),
    Column("slot_id", ForeignKey("slots.id"), nullable=False),
    Column("offered_at", Instant, nullable=False),
    Column("answer", String(16)),
    PrimaryKeyConstraint("entry_id", "slot_id"),
)
"""What was offered to whom: the same slot to nobody twice."""

arrivals = Table(
    "arrivals",
    metadata,
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("came_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    PrimaryKeyConstraint("consult_id", "staff_id"),
)
"""Who is in the waiting room of a booked consult: who was seen there a moment ago is there."""
