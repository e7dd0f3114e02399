"""Tables of what is written and sent beside a call: attachments of the thread, uploads on their way, drafts."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

from foundation.database import Instant, metadata

attachments = Table(
    "attachments",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("author_id", ForeignKey("staff.id"), nullable=False),
    Column("client_id", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("file_id", String(40), nullable=False),
    Column("small_id", String(40)),
    Column("at", Instant, nullable=False),
    UniqueConstraint("consult_id", "number"),
    UniqueConstraint("consult_id", "author_id", "client_id"),
)
"""What was sent into a consult's thread; `number` is that of its log entry, as with chat messages."""

uploads = Table(
    "uploads",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("consult_id", ForeignKey("consults.id"), nullable=False, index=True),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("client_id", String(64), nullable=False),
    Column("length", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    UniqueConstraint("consult_id", "staff_id", "client_id"),
)
"""Attachments on their way (tus 1.0.0); the row goes when the attachment is whole, given up or expired."""

upload_parts = Table(
    "upload_parts",
    metadata,
    Column("upload_id", ForeignKey("uploads.id"), nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("size", Integer, nullable=False),
    Column("name", String(40), nullable=False),
    PrimaryKeyConstraint("upload_id", "start"),
)
"""Sealed pieces on disk, by the first byte's place in the whole; `name` is the piece's file."""

drafts = Table(
    "drafts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("consult_id", ForeignKey("consults.id")),
    Column("content_sealed", LargeBinary, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    Index("ix_drafts_staff_updated", "staff_id", "updated_at"),
)
"""Half-written requests and opinions, each its writer's alone."""
