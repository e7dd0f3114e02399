"""An appointment without its specialist: displaced by an emergency that they took, or because they did not come.

It keeps its slot, its terminal and its owner until somebody chooses another time, lets it wait, or the specialist comes
after all: it is never lost. A consult that runs is never touched by this.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from consult_rooms.appointment import Displacement
from consult_rooms.log import ConsultLog
from consult_rooms.log_entry import LogKind
from consult_rooms.model import Consult, ConsultState
from consult_rooms.store import ConsultStore
from consult_rooms.tables import appointments, consults
from consult_rooms.told import Told
from foundation.database import Transaction
from foundation.ids import AppointmentId, ConsultId, StaffId
from identity.model import Staff

EMERGENCY = timedelta(minutes=30)
"""How long a specialist is taken to be away in an emergency, unless settings say otherwise."""


async def displace(
    tx: Transaction,
    log: ConsultLog,
    told: Told,
    consult: Consult,
    appointment_id: AppointmentId,
    cause: Displacement,
    actor: StaffId,
    emergency: ConsultId | None = None,
) -> bool:
    """Mark a booked consult, which the caller has locked and which has not begun. False when it is marked already."""
    marked = await tx.execute(
        update(appointments)
        .where(
            appointments.c.id == appointment_id,
            appointments.c.cancelled_at.is_(None),
            appointments.c.displaced_at.is_(None),
        )
        .values(displaced_at=await tx.now(), displaced_by=emergency)
    )
    if not marked.rowcount:
        return False
    data = {"cause": cause, "specialist": consult.specialist_id, "owner": consult.owner_id}
    await log.append(tx, consult.id, LogKind.DISPLACED, actor, data)
    await told.displaced(tx, appointment_id)
    return True


async def displace_booked(
    tx: Transaction,
    store: ConsultStore,
    log: ConsultLog,
    told: Told,
    specialist: Staff,
    emergency: ConsultId,
    away: timedelta,
) -> None:
    """The specialist has just taken that emergency: what is booked with them meanwhile, and not begun, is displaced."""
    now = await tx.now()
    query = (
        select(consults.c.id)
        .where(
            consults.c.specialist_id == specialist.id,
            consults.c.state == ConsultState.SCHEDULED,
            consults.c.starts_at < now + away,
            consults.c.ends_at > now,
        )
        .order_by(consults.c.id)
    )
    for consult_id in list((await tx.execute(query)).scalars()):
        consult = await store.get(tx, consult_id, lock=True)
        # Read again under the lock: it may have begun, been moved or cancelled meanwhile.
        if consult.state is not ConsultState.SCHEDULED or consult.specialist_id != specialist.id:
            continue
        if consult.starts_at is None or consult.starts_at >= now + away:
            continue
        of_consult = select(appointments.c.id).where(appointments.c.consult_id == consult_id)
        appointment_id = (await tx.execute(of_consult)).scalar_one()
        await displace(
            tx, log, told, consult, appointment_id, Displacement.EMERGENCY, specialist.id, emergency=emergency
        )


async def settle(tx: Transaction, consult_id: ConsultId) -> bool:
    """Its specialist has come, or will: displaced no longer, and nobody is awaited late. False: it was neither."""
    values: dict[str, Any] = {"displaced_at": None, "displaced_by": None, "late_until": None}
    was = appointments.c.displaced_at.is_not(None) | appointments.c.late_until.is_not(None)
    done = await tx.execute(update(appointments).where(appointments.c.consult_id == consult_id, was).values(**values))
    return bool(done.rowcount)
