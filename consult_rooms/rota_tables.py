"""Tables of the rota beside the turns themselves: dates on which a weekly turn does not hold, changes, swaps."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, String, Table

from foundation.database import Instant, Json, metadata

lifted_turns = Table(
    "lifted_turns",
    metadata,
    Column("shift_id", ForeignKey("on_call_shifts.id", ondelete="CASCADE"), nullable=False),
    Column("day", String(10), nullable=False),
    PrimaryKeyConstraint("shift_id", "day"),
)
"""A weekly turn does not hold on this date (ISO 8601): leave, a holiday, somebody else instead."""

rota_changes = Table(
    "rota_changes",
    metadata,
    Column("facility_id", ForeignKey("facilities.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("actor", ForeignKey("staff.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("specialty_id", ForeignKey("specialties.id"), nullable=False),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("turn", Json, nullable=False),
    PrimaryKeyConstraint("facility_id", "version"),
)
"""Every change of a hospital's rota, numbered without gaps; the highest number is the rota's version."""

turn_swaps = Table(
    "turn_swaps",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("facility_id", ForeignKey("facilities.id"), nullable=False),
    Column("specialty_id", ForeignKey("specialties.id"), nullable=False),
    Column("from_id", ForeignKey("staff.id"), nullable=False),
    Column("to_id", ForeignKey("staff.id"), nullable=False),
    Column("given", Json, nullable=False),
    Column("taken", Json),
    Column("given_day", String(10), nullable=False),
    Column("state", String(16), nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("answered_at", Instant),
    Index("ix_turn_swaps_facility_day", "facility_id", "given_day"),
    Index("ix_turn_swaps_to_state", "to_id", "state"),
    Index("ix_turn_swaps_from_state", "from_id", "state"),
)
"""A colleague is asked to take a turn on one date, perhaps for one of theirs; turns as they stood when it was asked."""
