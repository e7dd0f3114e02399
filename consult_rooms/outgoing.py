"""What of a consult has to go into its patient's book: put in by the transaction that makes it true, never lost.

Who carries it stands above (`records_panel.writeback`); this layer knows no book, and says only that there is news.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import insert, update

from consult_rooms.outgoing_tables import outgoing
from foundation.database import Transaction
from foundation.ids import ConsultId

OWN = "embedded"
"""The book of this system, which is written first; others follow it."""


class OutgoingState(StrEnum):
    """How far it has come."""

    WAITING = "waiting"
    WRITTEN = "written"
    DEAD = "dead"
    """Refused for good: it waits for a person."""
    HELD = "held"
    """There is no book yet: the patient's identity is not established."""


async def put(tx: Transaction, consult_id: ConsultId, person: int) -> None:
    """The opinion about that person is closed, or its minutes were locked or added to. Under the consult's lock."""
    if await _again(tx, consult_id, person):
        return
    now = await tx.now()
    await tx.execute(
        insert(outgoing).values(
            consult_id=consult_id,
            person=person,
            target=OWN,
            wanted=1,
            written=0,
            state=OutgoingState.WAITING,
            tries=0,
            due_at=now,
            created_at=now,
        )
    )


async def anew(tx: Transaction, consult_id: ConsultId) -> None:
    """What was put before has changed: an identity, or the clinic's answer to an item. Nothing when none was put."""
    await _again(tx, consult_id, None)


async def _again(tx: Transaction, consult_id: ConsultId, person: int | None) -> bool:
    rows = [outgoing.c.consult_id == consult_id]
    if person is not None:
        rows.append(outgoing.c.person == person)
    raised = (
        update(outgoing)
        .where(*rows)
        .values(
            wanted=outgoing.c.wanted + 1,
            state=OutgoingState.WAITING,
            tries=0,
            due_at=await tx.now(),
            fault=None,
            answer_sealed=None,
            ended_at=None,
        )
    )
    return bool((await tx.execute(raised)).rowcount)
