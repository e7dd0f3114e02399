"""Table of what has to go from a consult into its patient's book."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, PrimaryKeyConstraint, String, Table, text

from foundation.database import Instant, metadata

outgoing = Table(
    "outgoing",
    metadata,
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("person", Integer, nullable=False),
    # `embedded`, or the id of a source that is written to (records_panel.source_settings).
    Column("target", String(32), nullable=False),
    # Raised by everything that changes what is to stand there; `written` is the one that was taken.
    Column("wanted", Integer, nullable=False),
    Column("written", Integer, nullable=False),
    Column("state", String(8), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("fault", String(40)),
    Column("answer_sealed", LargeBinary),
    Column("patient_id", String(40)),
    Column("created_at", Instant, nullable=False),
    Column("ended_at", Instant),
    PrimaryKeyConstraint("consult_id", "person", "target"),
    Index(
        "ix_outgoing_due_at",
        "due_at",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
    Index(
        "ix_outgoing_fault",
        "due_at",
        sqlite_where=text("fault IS NOT NULL"),
        postgresql_where=text("fault IS NOT NULL"),
    ),
)
"""One row a patient of a consult and book. `due_at` is also the lease: whoever takes a row puts it off first.

`answer_sealed` is what a server said when it refused; `patient_id` whose book holds it now."""
