"""Tables of calendars outside: subscriptions of ours that others read, and others' busy times that we read."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from foundation.database import Instant, metadata

calendar_feeds = Table(
    "calendar_feeds",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("staff_id", ForeignKey("staff.id"), index=True),
    Column("terminal_id", ForeignKey("terminals.id"), index=True),
    Column("secret_hash", LargeBinary(32), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("created_by", ForeignKey("staff.id"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("used_at", Instant),
    Column("revoked_at", Instant),
    CheckConstraint("(staff_id IS NULL) <> (terminal_id IS NULL)", name="one_owner"),
)
"""Subscriptions to the appointments of a person or a terminal. Of the secret in the address only a hash is kept."""

busy_calendars = Table(
    "busy_calendars",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("staff_id", ForeignKey("staff.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("address_sealed", LargeBinary),
    Column("content_hash", LargeBinary(32)),
    Column("etag", String(200)),
    Column("created_by", ForeignKey("staff.id"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("read_at", Instant),
    Column("fault", String(40)),
    Column("due_at", Instant, index=True),
)
"""A specialist's calendar elsewhere. Its address is sealed, since most are secret ones; null: it came as a file.

`read_at` is when it was last read well, `fault` why not since, `due_at` when to look again."""

busy_times = Table(
    "busy_times",
    metadata,
    Column("calendar_id", ForeignKey("busy_calendars.id", ondelete="CASCADE"), nullable=False),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    PrimaryKeyConstraint("calendar_id", "starts_at"),
    Index("ix_busy_times_staff_ends", "staff_id", "ends_at"),
)
"""When a specialist is busy elsewhere, merged: no two of one calendar touch. Why, nobody here learns."""
