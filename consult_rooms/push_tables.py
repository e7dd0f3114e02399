"""Table of the rings that went to browsers whose pages are closed."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Integer, PrimaryKeyConstraint, Table

from foundation.database import Instant, metadata

ring_pushes = Table(
    "ring_pushes",
    metadata,
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("subscription_id", ForeignKey("push_subscriptions.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("rings", Boolean, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_at", Instant, index=True),
    PrimaryKeyConstraint("consult_id", "subscription_id"),
)
"""What a browser was last told of a consult: that it rings, or that it does no more. `due_at`: when to say it again,
since no push service has taken it; null: one has."""
