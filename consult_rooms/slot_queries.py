"""Published times as their readers may see them: whose booking it is, only the people concerned learn."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select

from consult_rooms.appointment import Slot
from consult_rooms.bookings import slot_of
from consult_rooms.busy_units import attended
from consult_rooms.free_slots import nearest
from consult_rooms.joins import Reader
from consult_rooms.rows import ConsultRow, SlotRow
from consult_rooms.tables import appointments, consults, slots
from foundation.database import Transaction
from foundation.ids import AppointmentId, FacilityId, SlotId, SpecialtyId, StaffId
from identity.model import Role, Staff

SLOTS = 500
"""Slots that one look returns at most."""
NEXT_FREE = 30
"""Free slots of a field that one look gives."""


class SlotQueries(Reader):
    """Reads of the calendar."""

    async def slots(
        self,
        staff: Staff,
        starts: datetime,
        ends: datetime,
        *,
        specialty_id: SpecialtyId | None = None,
        specialist_id: StaffId | None = None,
        free_only: bool = False,
        slot_id: SlotId | None = None,
    ) -> list[SlotRow]:
        """Slots that start in that time, by time, at the hospitals that this person has to do with.

        Those are the own facility and the ones linked to it; for a coordinator also the other hospitals of the clinics
        in charge, since an appointment may be moved there. `free_only` leaves out what is booked, and times in which
        the specialist is busy elsewhere or on leave.
        """
        wanted = [slots.c.withdrawn_at.is_(None), slots.c.starts_at >= starts, slots.c.starts_at < ends]
        wanted.append(slots.c.facility_id.in_(await self._hospitals_of(staff)))
        if specialty_id is not None:
            wanted.append(slots.c.specialty_id == specialty_id)
        if specialist_id is not None:
            wanted.append(slots.c.specialist_id == specialist_id)
        if free_only:
            wanted += [slots.c.appointment_id.is_(None), attended()]
        if slot_id is not None:
            wanted.append(slots.c.id == slot_id)
        async with self._database.reading() as tx:
            query = select(slots).where(*wanted).order_by(slots.c.starts_at, slots.c.id).limit(SLOTS)
            return await self._named(tx, staff, [slot_of(row) for row in await tx.execute(query)])

    async def next_free(
        self,
        staff: Staff,
        specialty_id: SpecialtyId,
        *,
        hospital_id: FacilityId | None = None,
        level: str | None = None,
        after: datetime,
        limit: int = NEXT_FREE,
    ) -> list[SlotRow]:
        """The next free slots of a field where this person books, from that time on; of one hospital, of one level."""
        hospitals = await self._hospitals_of(staff)
        if hospital_id is not None:
            hospitals = [one for one in hospitals if one == hospital_id]
        async with self._database.reading() as tx:
            after = max(after, await tx.now())
            found = await nearest(tx, specialty_id, hospitals, after, level=level, holder=staff.id, limit=limit)
            return await self._named(tx, staff, found)

    async def _named(self, tx: Transaction, staff: Staff, found: list[Slot]) -> list[SlotRow]:
        names = await self._joins.of(
            tx,
            [],
            staff={slot.specialist_id for slot in found},
            facilities={slot.facility_id for slot in found},
            specialties={slot.specialty_id for slot in found},
        )
        held = [slot.appointment_id for slot in found if slot.appointment_id is not None]
        booked = await self._store.many(
            tx,
            select(consults)
            .join(appointments, appointments.c.consult_id == consults.c.id)
            .where(appointments.c.id.in_(held)),
        )
        rows = {row.appointment_id: row for row in await self._joins.rows(tx, staff, booked)}
        return [
            SlotRow(
                slot=slot,
                specialist_name=names.staff_name(slot.specialist_id) or "",
                facility_name=names.facilities[slot.facility_id].name,
                specialty=names.specialties[slot.specialty_id],
                booked=None if slot.appointment_id is None else rows.get(AppointmentId(slot.appointment_id)),
            )
            for slot in found
            if staff.facility_id == slot.facility_id or not _of_others(slot, rows)
        ]

    async def _hospitals_of(self, staff: Staff) -> list[FacilityId]:
        seen = {staff.facility_id: None}
        seen |= dict.fromkeys(hub.id for hub in await self._directory.hubs_of(staff.facility_id))
        if Role.COORDINATOR in staff.roles:
            for spoke in await self._directory.spokes_of(staff.facility_id):
                seen |= dict.fromkeys(hub.id for hub in await self._directory.hubs_of(spoke.id))
        return list(seen)


def _of_others(slot: Slot, rows: Mapping[AppointmentId | None, ConsultRow]) -> bool:
    """Whether it is another clinic's case of a conference: even that there is one is not told."""
    return slot.conference_id is not None and slot.appointment_id is not None and slot.appointment_id not in rows
