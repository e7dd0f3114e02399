"""Tables of the advice that a specialist gives in numbered items, and of what the clinic answered to each."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, PrimaryKeyConstraint, String, Table, UniqueConstraint

from foundation.database import Instant, metadata

advice_items = Table(
    "advice_items",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("number", Integer, nullable=False),
    # Whom of the consult's patients it is about: see `tables.opinions`.
    Column("person", Integer, nullable=False),
    Column("author_id", ForeignKey("staff.id"), nullable=False),
    Column("client_id", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("consult_id", "number"),
    UniqueConstraint("consult_id", "author_id", "client_id"),
)
"""One line of advice; `number` counts those of a consult from 1, `version` is the newest of `advice_versions`."""

advice_versions = Table(
    "advice_versions",
    metadata,
    Column("advice_id", ForeignKey("advice_items.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("actor_id", ForeignKey("staff.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("content_sealed", LargeBinary, nullable=False),
    PrimaryKeyConstraint("advice_id", "version"),
)
"""Every version of every item, by whom and when; none is overwritten. What stands in it is sealed."""
