"""Tables of long-term follow-up: who is enrolled at which clinic, what is planned, what was done, how often."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    text,
)

from foundation.database import Instant, metadata

enrolments = Table(
    "enrolments",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("facility_id", ForeignKey("facilities.id"), nullable=False),
    Column("condition", String(16), nullable=False),
    Column("patient_id", String(40), nullable=False, index=True),
    Column("patient_sealed", LargeBinary, nullable=False),
    Column("agreed_by", String(16), nullable=False),
    Column("enrolled_by", ForeignKey("staff.id"), nullable=False),
    Column("enrolled_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("ended_by", ForeignKey("staff.id")),
    Column("end_reason", String(16)),
    Column("end_note_sealed", LargeBinary),
    Index(
        "uq_enrolments_running",
        "facility_id",
        "condition",
        "patient_id",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)
"""A patient is followed up once at a time for a condition at a clinic."""

planned_checks = Table(
    "planned_checks",
    metadata,
    Column("enrolment_id", ForeignKey("enrolments.id"), nullable=False),
    Column("check_code", String(16), nullable=False),
    Column("due_on", Date, nullable=False),
    PrimaryKeyConstraint("enrolment_id", "check_code"),
)
"""The next day of each check; none is left when the follow-up has ended."""

done_checks = Table(
    "done_checks",
    metadata,
    Column("enrolment_id", ForeignKey("enrolments.id"), nullable=False),
    Column("check_code", String(16), nullable=False),
    Column("number", Integer, nullable=False),
    Column("done_on", Date, nullable=False),
    Column("note_sealed", LargeBinary, nullable=False),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("enrolment_id", "check_code", "number"),
)

check_intervals = Table(
    "check_intervals",
    metadata,
    Column("facility_id", ForeignKey("facilities.id"), nullable=False),
    Column("condition", String(16), nullable=False),
    Column("check_code", String(16), nullable=False),
    Column("months", Integer, nullable=False),
    PrimaryKeyConstraint("facility_id", "condition", "check_code"),
)
"""Where a clinic differs from `enrolment_model.INTERVALS`."""
