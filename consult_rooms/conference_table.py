"""Who sits at a conference's table, and so in the room of each of its cases.

Each case is a consult and a room of its own: members are admitted to every one, a clinic to its own alone.
"""

from __future__ import annotations

from sqlalchemy import delete, select

from consult_rooms.appointment import Slot
from consult_rooms.availability_tables import conference_members
from consult_rooms.model import ParticipantRole
from consult_rooms.store import ConsultStore
from consult_rooms.tables import participants, slots
from foundation.database import Transaction
from foundation.ids import ConferenceId, ConsultId, SlotId, StaffId


async def members(tx: Transaction, conference_id: ConferenceId) -> list[StaffId]:
    """Everybody at the table, the chair too."""
    query = select(conference_members.c.staff_id).where(conference_members.c.conference_id == conference_id)
    return [StaffId(one) for one in (await tx.execute(query.order_by(conference_members.c.staff_id))).scalars()]


async def seat(
    tx: Transaction, store: ConsultStore, consult_id: ConsultId, slot: Slot, before: SlotId | None = None
) -> None:
    """Admit the members of the slot's conference, if it is a case of one, to the consult that holds it now.

    `before` is the slot that the consult held until now: members of that one's conference, who have not been in the
    room, are taken out.
    """
    was = None
    if before is not None:
        was = (await tx.execute(select(slots.c.conference_id).where(slots.c.id == before))).scalar_one_or_none()
    if was == slot.conference_id:
        return
    if was is not None:
        await unseat(tx, consult_id, [one for one in await members(tx, was) if one != slot.specialist_id])
    if slot.conference_id is not None:
        table = await members(tx, slot.conference_id)
        await admit(tx, store, consult_id, [one for one in table if one != slot.specialist_id])


async def admit(tx: Transaction, store: ConsultStore, consult_id: ConsultId, people: list[StaffId]) -> None:
    """Make them participants who speak and see the book. Whoever takes part already keeps the part."""
    known = select(participants.c.staff_id).where(participants.c.consult_id == consult_id)
    there = set((await tx.execute(known)).scalars())
    new = [(one, ParticipantRole.INVITED, True) for one in people if one not in there]
    if new:
        await store.admit(tx, consult_id, new)


async def unseat(tx: Transaction, consult_id: ConsultId, people: list[StaffId]) -> None:
    """Take out members who have not been in the room."""
    c = participants.c
    await tx.execute(
        delete(participants).where(
            c.consult_id == consult_id,
            c.staff_id.in_(people),
            c.role == ParticipantRole.INVITED,
            c.invited_by.is_(None),
            c.joined_at.is_(None),
        )
    )
