"""Tables of what is stated about a consult beside its question: sheets, scores, consents, roll-calls."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, PrimaryKeyConstraint, String, Table

from foundation.database import Instant, metadata

statements = Table(
    "statements",
    metadata,
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("person", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("code", String(40), nullable=False),
    Column("author_id", ForeignKey("staff.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("document_sealed", LargeBinary, nullable=False),
    PrimaryKeyConstraint("consult_id", "number"),
    Index("ix_statements_consult_kind", "consult_id", "kind", "code"),
)
"""Append-only; `number` is that of the log entry, `person` whom the consult was about. The last of a kind and code
holds; those before it stay."""

template_retirements = Table(
    "template_retirements",
    metadata,
    Column("code", String(40), primary_key=True),
    Column("retired_by", ForeignKey("staff.id"), nullable=False),
    Column("retired_at", Instant, nullable=False),
)
"""Question templates that are offered no more."""
