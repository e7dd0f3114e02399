"""Tables of what comes after the advice: whether the clinic has read it, what became of the patient, how it went."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, PrimaryKeyConstraint, String, Table, text

from foundation.database import Instant, metadata

given_advice = Table(
    "given_advice",
    metadata,
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("person", Integer, nullable=False),
    Column("given_at", Instant, nullable=False),
    Column("read_at", Instant),
    Column("read_by", ForeignKey("staff.id")),
    PrimaryKeyConstraint("consult_id", "person"),
    Index(
        "ix_given_advice_unread",
        "consult_id",
        sqlite_where=text("read_at IS NULL"),
        postgresql_where=text("read_at IS NULL"),
    ),
)
"""A row for each patient of a consult whose opinion was closed, or whose minutes were locked, whichever came first."""

follow_ups = Table(
    "follow_ups",
    metadata,
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("person", Integer, nullable=False),
    Column("day", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("told_at", Instant),
    Column("outcome", String(16)),
    PrimaryKeyConstraint("consult_id", "person", "day"),
    Index(
        "ix_follow_ups_due",
        "due_at",
        sqlite_where=text("outcome IS NULL"),
        postgresql_where=text("outcome IS NULL"),
    ),
)
"""When the clinic is asked. `outcome` is that of the newest answer; `told_at` is set once, by the node that told it."""

follow_up_answers = Table(
    "follow_up_answers",
    metadata,
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("person", Integer, nullable=False),
    Column("day", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("note_sealed", LargeBinary, nullable=False),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("consult_id", "person", "day", "number"),
)
"""Every answer; one that was wrong is followed by the next, and stays."""

consult_ratings = Table(
    "consult_ratings",
    metadata,
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("usefulness", String(16)),
    Column("line", String(16)),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("consult_id", "staff_id"),
)
"""What each side says of the consult, and may change."""
