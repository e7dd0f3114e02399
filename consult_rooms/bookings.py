"""The pieces of which booking, moving and cancelling are made, each inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, delete, select, update

from consult_rooms import calendar
from consult_rooms.model import Appointment, Consult, ParticipantRole, Slot
from consult_rooms.store import ConsultStore
from consult_rooms.tables import appointments, consults, participants, slots
from foundation.database import Transaction
from foundation.errors import Conflict, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import AppointmentId, FacilityId, SlotId, StaffId, TerminalId
from identity.store import Directory

UNKNOWN_SLOT = N_("There is no such slot.")
UNKNOWN_APPOINTMENT = N_("There is no such appointment.")
TAKEN = N_("This slot has just been taken.")
BUSY = N_("The clinic's terminal or room is booked at this time.")
NOT_LINKED = N_("This hospital does not consult for this clinic.")


class Bookings:
    """Takes and frees slots, holds the clinic's side, reads appointments."""

    def __init__(self, store: ConsultStore, directory: Directory, room_opens: timedelta) -> None:
        self._store = store
        self._directory = directory
        self._room_opens = room_opens

    async def slot(self, tx: Transaction, slot_id: SlotId) -> Slot:
        """A published slot. Raises NotFound("slot.unknown"), also for a withdrawn one."""
        row = (
            await tx.execute(select(slots).where(slots.c.id == slot_id, slots.c.withdrawn_at.is_(None)))
        ).one_or_none()
        if row is None:
            raise NotFound("slot.unknown", UNKNOWN_SLOT)
        return slot_of(row)

    async def take(
        self, tx: Transaction, slot_id: SlotId, appointment_id: AppointmentId, clinic_id: FacilityId
    ) -> Slot:
        """Take a free slot by one compare-and-set.

        Raises Conflict `slot.taken` or `slot.past`, Invalid `slot.not_linked`.
        """
        slot = await self.slot(tx, slot_id)
        if slot.starts_at <= await tx.now():
            raise Conflict("slot.past", calendar.PAST)
        if slot.facility_id not in {hub.id for hub in await self._directory.hubs_of(clinic_id, tx=tx)}:
            raise Invalid("slot.not_linked", NOT_LINKED, field="slot_id")
        taken = await tx.execute(
            update(slots)
            .where(slots.c.id == slot_id, slots.c.appointment_id.is_(None), slots.c.withdrawn_at.is_(None))
            .values(appointment_id=appointment_id)
        )
        if not taken.rowcount:
            raise Conflict("slot.taken", TAKEN)
        return slot

    async def free(self, tx: Transaction, booked: Appointment) -> None:
        """Give the appointment's slot back."""
        await tx.execute(
            update(slots)
            .where(slots.c.id == booked.slot_id, slots.c.appointment_id == booked.id)
            .values(appointment_id=None)
        )

    async def hold_clinic(
        self,
        tx: Transaction,
        appointment_id: AppointmentId,
        clinic_id: FacilityId,
        terminal_id: TerminalId | None,
        slot: Slot,
        *,
        held: Collection[int] = (),
    ) -> None:
        """Hold terminal or room for the slot's quarters; `held` are those that this appointment has already."""
        resource = calendar.of_clinic(clinic_id, terminal_id)
        wanted = [quarter for quarter in calendar.quarters(slot.starts_at, slot.ends_at) if quarter not in held]
        await calendar.reserve(
            tx,
            [(resource, quarter, appointment_id) for quarter in wanted],
            Conflict("slot.terminal_busy", BUSY),
        )

    def times(self, slot: Slot) -> dict[str, Any]:
        """A consult's columns that follow from its slot."""
        return {
            "specialist_id": slot.specialist_id,
            "specialist_facility_id": slot.facility_id,
            "starts_at": slot.starts_at,
            "ends_at": slot.ends_at,
            "opens_at": slot.starts_at - self._room_opens,
        }

    async def held(self, tx: Transaction, appointment_id: AppointmentId) -> tuple[Consult, Appointment]:
        """An appointment and its locked consult. Raises NotFound("appointment.unknown")."""
        known = await self.appointment(tx, appointment_id)
        consult = await self._store.get(tx, known.consult_id, lock=True)
        # Read again: it may have been moved while this transaction waited for the lock.
        return consult, await self.appointment(tx, appointment_id)

    async def appointment(self, tx: Transaction, appointment_id: AppointmentId) -> Appointment:
        """Raises NotFound("appointment.unknown")."""
        row = (await tx.execute(select(appointments).where(appointments.c.id == appointment_id))).one_or_none()
        if row is None:
            raise NotFound("appointment.unknown", UNKNOWN_APPOINTMENT)
        return appointment_of(row)

    async def by_key(self, tx: Transaction, requester_id: StaffId, key: str) -> Appointment | None:
        """The appointment that was booked under this key's hash."""
        row = (
            await tx.execute(
                select(appointments)
                .join(consults, consults.c.id == appointments.c.consult_id)
                .where(consults.c.requester_id == requester_id, consults.c.idempotency_hash == key)
            )
        ).one_or_none()
        return None if row is None else appointment_of(row)

    async def replace_specialist(self, tx: Transaction, consult: Consult, specialist_id: StaffId) -> None:
        """Another specialist takes the booked one's place, who has not been in the room yet."""
        if consult.specialist_id == specialist_id:
            return
        of_consult = participants.c.consult_id == consult.id
        await tx.execute(delete(participants).where(of_consult, participants.c.staff_id == consult.specialist_id))
        invited = await tx.execute(
            update(participants)
            .where(of_consult, participants.c.staff_id == specialist_id)
            .values(role=ParticipantRole.SPECIALIST, sees_book=True)
        )
        if not invited.rowcount:
            await self._store.admit(tx, consult.id, [(specialist_id, ParticipantRole.SPECIALIST, True)])


def slot_of(row: Row[Any]) -> Slot:
    """The slot of a row of `slots`."""
    return Slot(
        id=row.id,
        specialist_id=row.specialist_id,
        specialty_id=row.specialty_id,
        facility_id=row.facility_id,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        appointment_id=row.appointment_id,
    )


def appointment_of(row: Row[Any]) -> Appointment:
    """The appointment of a row of `appointments`."""
    return Appointment(
        id=row.id,
        slot_id=row.slot_id,
        consult_id=row.consult_id,
        clinic_id=row.clinic_id,
        terminal_id=row.terminal_id,
        requester_id=row.requester_id,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        version=row.version,
    )
