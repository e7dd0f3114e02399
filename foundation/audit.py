"""The audit trail: who did or saw what, when, by which right. Rows are durable before the data leaves.

A permitted act is recorded in the transaction that does or precedes it; a denial commits in one of its own, so that
a rollback cannot lose it. Rows carry opaque ids only (FHIR AuditEvent's agent, entity, action and outcome). They are
appended as they come; `foundation.chainer` links them into a hash chain within a second or so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, String, Table

from foundation.chain import Source
from foundation.database import STORE_TIME, Database, Instant, Json, Transaction, metadata

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False, index=True),
    Column("actor", String(64), nullable=False, index=True),
    Column("session", String(64)),
    Column("address", String(64)),
    Column("action", String(64), nullable=False),
    Column("target", String(64), index=True),
    Column("patient_id", String(64), index=True),
    Column("consult_id", String(64), index=True),
    Column("outcome", String(16), nullable=False),
    Column("details", Json, nullable=False),
)

AUDIT = Source("audit", audit_entries, audit_entries.c.number, places=(("number",),))
"""The trail as something to chain."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act. `actor` is a staff id, `token:…` for a system, or `-` before sign-in; `action` such as `book.read`."""

    actor: str
    action: str
    session: str | None = None
    address: str | None = None
    target: str | None = None
    patient_id: str | None = None
    consult_id: str | None = None
    outcome: str = "success"
    details: dict[str, str | int | bool | None] = field(default_factory=dict)


_WRITE = audit_entries.insert().values(at=STORE_TIME)


def _columns(entry: AuditEntry) -> dict[str, Any]:
    return {
        "actor": entry.actor,
        "session": entry.session,
        "address": entry.address,
        "action": entry.action,
        "target": entry.target,
        "patient_id": entry.patient_id,
        "consult_id": entry.consult_id,
        "outcome": entry.outcome,
        "details": entry.details,
    }


class Audit:
    """Writes the trail."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, transaction: Transaction, entry: AuditEntry) -> None:
        """Add an entry to the open transaction: it is durable when that commits."""
        await transaction.clocked(_WRITE, _columns(entry))

    async def commit(self, entry: AuditEntry) -> None:
        """Record an entry in a transaction of its own: durable when this returns. For denials and before reads."""
        await self._database.once(_WRITE, _columns(entry))
