"""Tables of what passes between people before and about a claim: questions to the requester, handovers."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, String, Table, UniqueConstraint

from foundation.database import Instant, metadata

inquiries = Table(
    "inquiries",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("asked_by", ForeignKey("staff.id"), nullable=False),
    Column("client_id", String(64), nullable=False),
    Column("question_sealed", LargeBinary, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("answered_by", ForeignKey("staff.id")),
    Column("answer_sealed", LargeBinary),
    Column("answered_at", Instant),
    UniqueConstraint("consult_id", "asked_by", "client_id"),
)
"""What somebody who is rung asked the requester before taking the case, and the answer."""

handovers = Table(
    "handovers",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("from_id", ForeignKey("staff.id"), nullable=False),
    Column("to_id", ForeignKey("staff.id"), nullable=False),
    Column("to_facility_id", ForeignKey("facilities.id"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(32)),
    Column("offered_at", Instant, nullable=False),
    Column("answered_at", Instant),
    Index("ix_handovers_consult_state", "consult_id", "state"),
    Index("ix_handovers_to_state", "to_id", "state"),
)
"""Offers of a claimed consult to another specialist; at most one of a consult is open."""
