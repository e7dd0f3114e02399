"""Tables of what is offered: templates with all their versions, exceptions, what contradicts a booking, conferences."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, String, Table, UniqueConstraint

from foundation.database import Instant, Json, metadata

availability_templates = Table(
    "availability_templates",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("facility_id", ForeignKey("facilities.id"), nullable=False, index=True),
    Column("staff_id", ForeignKey("staff.id")),
    Column("department_id", ForeignKey("departments.id")),
    Column("version", Integer, nullable=False),
    Column("ended_at", Instant),
    Column("ended_by", ForeignKey("staff.id")),
)
"""Whose template it is: one specialist's, or a department's for all its specialists. `ended_at`: taken away."""

availability_editions = Table(
    "availability_editions",
    metadata,
    Column("template_id", ForeignKey("availability_templates.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("pattern", Json, nullable=False),
    Column("changed_by", ForeignKey("staff.id"), nullable=False),
    Column("changed_at", Instant, nullable=False),
    PrimaryKeyConstraint("template_id", "version"),
)
"""Every version of every template (`pattern.Pattern`). The newest holds; nothing is overwritten."""

availability_exceptions = Table(
    "availability_exceptions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("facility_id", ForeignKey("facilities.id"), nullable=False),
    Column("staff_id", ForeignKey("staff.id")),
    Column("kind", String(16), nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("created_by", ForeignKey("staff.id"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("removed_by", ForeignKey("staff.id")),
    Column("removed_at", Instant),
    Index("ix_availability_exceptions_facility_ends", "facility_id", "ends_at"),
    Index("ix_availability_exceptions_staff_ends", "staff_id", "ends_at"),
)
"""Leave of a person; days that a hospital closes, or opens though they are public holidays."""

availability_runs = Table(
    "availability_runs",
    metadata,
    Column("staff_id", ForeignKey("staff.id"), primary_key=True),
    Column("due_at", Instant, nullable=False, index=True),
)
"""When the slots of a specialist are to be made up to the horizon again: each day, and after a change at once."""

availability_conflicts = Table(
    "availability_conflicts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("facility_id", ForeignKey("facilities.id"), nullable=False),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("slot_id", ForeignKey("slots.id"), nullable=False),
    Column("appointment_id", String(40), nullable=False),
    Column("cause", String(16), nullable=False),
    Column("source", String(48), nullable=False),
    Column("found_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Column("settled_by", ForeignKey("staff.id")),
    Column("settlement", String(16)),
    UniqueConstraint("appointment_id", "slot_id", "staff_id", "cause", "source", name="uq_availability_conflicts_once"),
    Index("ix_availability_conflicts_facility_settled", "facility_id", "settled_at"),
)
"""Booked slots that availability does not back any more, each until somebody has settled it.

`source` names what took it away: the exception, the template with its version, the date of the holiday. A booking that
somebody decided to keep is asked about once more only when something else contradicts it.
"""

conferences = Table(
    "conferences",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("facility_id", ForeignKey("facilities.id"), nullable=False),
    Column("specialty_id", ForeignKey("specialties.id"), nullable=False),
    Column("title", String(120), nullable=False),
    Column("chair_id", ForeignKey("staff.id"), nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("case_minutes", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_by", ForeignKey("staff.id"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("cancelled_at", Instant),
    Index("ix_conferences_facility_starts", "facility_id", "starts_at"),
)
"""Sessions of several specialists; each case is a slot of its own (`slots.conference_id`) with its own consult."""

conference_members = Table(
    "conference_members",
    metadata,
    Column("conference_id", ForeignKey("conferences.id"), nullable=False),
    Column("staff_id", ForeignKey("staff.id"), nullable=False, index=True),
    PrimaryKeyConstraint("conference_id", "staff_id"),
)
"""Everybody at the table, the chair too."""
