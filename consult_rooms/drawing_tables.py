"""Table of what both sides draw on the pictures of a consult."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, PrimaryKeyConstraint, String, Table, UniqueConstraint

from foundation.database import Instant, metadata

strokes = Table(
    "strokes",
    metadata,
    Column("attachment_id", ForeignKey("attachments.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("author_id", ForeignKey("staff.id"), nullable=False),
    Column("client_id", String(64), nullable=False),
    Column("shape_sealed", LargeBinary, nullable=False),
    Column("at", Instant, nullable=False),
    Column("undone_at", Instant),
    PrimaryKeyConstraint("attachment_id", "number"),
    UniqueConstraint("attachment_id", "author_id", "client_id"),
)
"""One stroke a row, each author's a layer of its own over the picture, which itself is never changed."""
