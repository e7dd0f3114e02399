"""The table of the coordinators' board: what they noted about a request, beside the log entry that says they did."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, PrimaryKeyConstraint, Table

from foundation.database import Instant, metadata

coordination_notes = Table(
    "coordination_notes",
    metadata,
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("author_id", ForeignKey("staff.id"), nullable=False),
    Column("text_sealed", LargeBinary, nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("consult_id", "number"),
)
"""Texts of coordinators, sealed, since they may speak of a patient; `number` is that of their log entry."""
