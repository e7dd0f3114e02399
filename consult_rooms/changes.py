"""What becomes of an appointment beside booking, moving and cancelling.

Nobody came, somebody is late, the specialist is elsewhere, a patient comes without one. Each act is one transaction
under the consult's lock, with who and why in its log.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from consult_rooms import bounds, calendar, displacement
from consult_rooms.access import Relation
from consult_rooms.appointment import Appointment, Displacement, Slot
from consult_rooms.booking_tables import arrivals
from consult_rooms.bookings import Bookings, Order
from consult_rooms.free_slots import free_of, nearest
from consult_rooms.log import ConsultLog
from consult_rooms.log_entry import LogKind
from consult_rooms.model import CancelReason, Consult
from consult_rooms.standing import standing
from consult_rooms.store import ConsultStore
from consult_rooms.tables import appointments, participants, slots
from consult_rooms.told import Told
from consult_rooms.transitions import Act, after
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Invalid
from foundation.i18n import N_
from foundation.ids import AppointmentId, SlotId, SpecialtyId, StaffId, new_id
from identity.model import Role, Staff
from identity.policy import Action, Target, require
from identity.store import Directory

HERE = timedelta(seconds=45)
"""Who was seen in the waiting room this lately is there."""
LATEST = 120
"""Minutes by which somebody may say to be late."""
NEAREST = 3
"""Alternatives of each kind."""

EARLY = N_("The booked time has not come yet.")
PRESENT = N_("The clinic is there. Nobody has missed this appointment.")
NOT_DISPLACED = N_("This appointment has its time.")
LATE = N_("Say by how many minutes, 1 to %(most)s.")
BUSY = N_("This specialist has something else in this time.")
UNFIT = N_("Only a specialist of this field can offer times in it.")


@dataclass(frozen=True, slots=True)
class Alternative:
    """A free slot to which a displaced appointment can go."""

    slot: Slot
    same_specialist: bool


class Changes:
    """The acts."""

    def __init__(
        self,
        database: Database,
        store: ConsultStore,
        log: ConsultLog,
        directory: Directory,
        bookings: Bookings,
        told: Told,
    ) -> None:
        self._database = database
        self._store = store
        self._log = log
        self._directory = directory
        self._bookings = bookings
        self._told = told

    async def alternatives(self, staff: Staff, appointment_id: AppointmentId) -> list[Alternative]:
        """The nearest free slots: of the same specialist, then of the field elsewhere, where the clinic's side is free.

        For requester, specialist and coordinators. Raises NotFound for a stranger.
        """
        async with self._database.reading() as tx:
            booked = await self._bookings.appointment(tx, appointment_id)
            place = await standing(tx, self._store, staff, booked.consult_id)
            place.require(Relation.REQUESTER, Relation.SPECIALIST, Relation.COORDINATOR)
            consult, now = place.consult, await tx.now()
            found: list[Alternative] = []
            for same in (True, False):
                options = await nearest(
                    tx,
                    consult.specialty_id,
                    place.hub_ids,
                    now,
                    specialist_id=consult.specialist_id,
                    same=same,
                    limit=4 * NEAREST,
                )
                open_ = [one for one in options if await self._clinic_free(tx, booked, one)]
                found += [Alternative(one, same) for one in open_[:NEAREST]]
            return found

    async def keep(self, staff: Staff, appointment_id: AppointmentId) -> Appointment:
        """Let a displaced appointment wait for its specialist. Requester or coordinator.

        Raises Conflict `appointment.not_displaced` or by the consult's state.
        """
        async with self._database.transaction() as tx:
            consult, booked = await self._bookings.held(tx, appointment_id)
            (await standing(tx, self._store, staff, consult.id)).require(Relation.REQUESTER, Relation.COORDINATOR)
            after(consult.state, Act.MOVE)
            if booked.displaced_at is None:
                raise Conflict("appointment.not_displaced", NOT_DISPLACED)
            await displacement.settle(tx, consult.id)
            await self._log.append(tx, consult.id, LogKind.KEPT, staff.id, {"owner": consult.owner_id})
            self._bookings.hint(tx, consult.requester_id, consult.specialist_id)
            return await self._bookings.appointment(tx, appointment_id)

    async def absent(self, staff: Staff, appointment_id: AppointmentId) -> Appointment:
        """The specialist did not come: the appointment is displaced, not lost. Requester or coordinator, from its time.

        Raises Conflict `appointment.early` or by the consult's state.
        """
        async with self._database.transaction() as tx:
            consult, booked = await self._bookings.held(tx, appointment_id)
            (await standing(tx, self._store, staff, consult.id)).require(Relation.REQUESTER, Relation.COORDINATOR)
            after(consult.state, Act.MOVE)
            await self._require_begun(tx, booked)
            await displacement.displace(
                tx, self._log, self._told, consult, appointment_id, Displacement.ABSENT, staff.id
            )
            self._bookings.hint(tx, consult.requester_id, consult.specialist_id)
            return await self._bookings.appointment(tx, appointment_id)

    async def no_show(self, staff: Staff, appointment_id: AppointmentId) -> Consult:
        """Clinic or patient did not come: the consult is over and was not held. Either side or a coordinator.

        Raises Conflict `appointment.early`, `appointment.present` while somebody of the clinic is there, or by the
        consult's state.
        """
        async with self._database.transaction() as tx:
            consult, booked = await self._bookings.held(tx, appointment_id)
            place = await standing(tx, self._store, staff, consult.id)
            place.require(Relation.REQUESTER, Relation.SPECIALIST, Relation.COORDINATOR)
            missed = after(consult.state, Act.MISS)
            await self._require_begun(tx, booked)
            now = await tx.now()
            if place.related is not Relation.REQUESTER and await self._came(tx, consult, now):
                raise Conflict("appointment.present", PRESENT)
            values: dict[str, Any] = {
                "state": missed,
                "cancelled_at": now,
                "cancel_reason": CancelReason.NO_SHOW,
                "lease_until": None,
                "paused_at": None,
            }
            await self._store.change(tx, consult.id, consult.state, values)
            await tx.execute(update(appointments).where(appointments.c.id == appointment_id).values(cancelled_at=now))
            in_room = (participants.c.consult_id == consult.id) & participants.c.joined_at.is_not(None)
            await tx.execute(update(participants).where(in_room, participants.c.left_at.is_(None)).values(left_at=now))
            await calendar.release(tx, appointment_id)
            await self._log.append(tx, consult.id, LogKind.NO_SHOW, staff.id, {"reason": CancelReason.NO_SHOW})
            await self._told.cancelled(tx, appointment_id)
            self._bookings.hint(tx, consult.requester_id, consult.specialist_id)
            return await self._store.get(tx, consult.id)

    async def late(self, staff: Staff, appointment_id: AppointmentId, minutes: int) -> datetime:
        """One side says that it comes that many minutes later than now or the booked time. Gives until when.

        Raises Invalid `late.minutes`, Conflict by the consult's state.
        """
        if not 1 <= minutes <= LATEST:
            raise Invalid("late.minutes", LATE, field="minutes", most=LATEST)
        async with self._database.transaction() as tx:
            consult, booked = await self._bookings.held(tx, appointment_id)
            place = await standing(tx, self._store, staff, consult.id)
            place.require(Relation.REQUESTER, Relation.SPECIALIST, Relation.COORDINATOR)
            after(consult.state, Act.MOVE)
            until = max(booked.starts_at, await tx.now()) + timedelta(minutes=minutes)
            of_appointment = appointments.c.id == appointment_id
            await tx.execute(update(appointments).where(of_appointment).values(late_until=until))
            await self._log.append(tx, consult.id, LogKind.DELAYED, staff.id, {"until": until.isoformat()})
            self._bookings.hint(tx, consult.requester_id, consult.specialist_id)
            return until

    async def walk_in(
        self, staff: Staff, specialist_id: StaffId, specialty_id: SpecialtyId, order: Order, minutes: int
    ) -> Appointment:
        """A clinic's patient taken in between, from now on for so many minutes: slot, terminal and devices at once.

        For who keeps the specialist's calendar and coordinates the clinic. `order.key` is told plain; the same key
        gives the same appointment. Raises as publishing and booking do, Conflict `slot.overlaps`.
        """
        if not 5 <= minutes <= 60:
            raise Invalid("slot.times", calendar.TIMES, field="minutes")
        specialist = await self._directory.staff(specialist_id)
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=specialist.facility_id))
        await self._bookings.require_coordinator(staff, order.clinic_id)
        fit = specialist.active and Role.SPECIALIST in specialist.roles and specialty_id in specialist.specialties
        if not fit or specialist.facility_id not in {hub.id for hub in await self._directory.hubs_of(order.clinic_id)}:
            raise Invalid("slot.unfit", UNFIT, field="specialist_id")
        hashed = replace(order, key=bounds.key(f"walk:{staff.id}:{bounds.key(order.key)}"))
        kept = await self._bookings.checked(hashed)
        async with self._database.transaction() as tx:
            if (known := await self._bookings.by_key(tx, kept.requester_id, kept.key)) is not None:
                return known
            now = await tx.now()
            ends = now + timedelta(minutes=minutes)
            appointment_id = AppointmentId(new_id("apt"))
            slot = Slot(
                SlotId(new_id("slo")),
                specialist_id,
                specialty_id,
                specialist.facility_id,
                now,
                ends,
                appointment_id,
            )
            mine = calendar.of_person(specialist_id)
            units = [(mine, quarter, slot.id) for quarter in calendar.quarters(now, ends)]
            await calendar.reserve(tx, units, Conflict("slot.overlaps", BUSY))
            await tx.execute(slots.insert().values(**_row(slot)))
            booked = await self._bookings.write(tx, kept, slot, appointment_id)
            await self._told.booked(tx, appointment_id)
            return booked

    async def _came(self, tx: Transaction, consult: Consult, now: datetime) -> bool:
        """Whether somebody of the clinic is or was in the room, or is in the waiting room."""
        joined = select(participants.c.id).where(
            participants.c.consult_id == consult.id,
            participants.c.staff_id == consult.requester_id,
            participants.c.joined_at.is_not(None),
        )
        seen = select(arrivals.c.staff_id).where(
            arrivals.c.consult_id == consult.id,
            arrivals.c.staff_id == consult.requester_id,
            arrivals.c.seen_at > now - HERE,
        )
        for query in (joined, seen):
            if (await tx.execute(query)).first() is not None:
                return True
        return False

    async def _require_begun(self, tx: Transaction, booked: Appointment) -> None:
        if await tx.now() < booked.starts_at:
            raise Conflict("appointment.early", EARLY)

    async def _clinic_free(self, tx: Transaction, booked: Appointment, slot: Slot) -> bool:
        return await free_of(tx, calendar.of_clinic(booked.clinic_id, booked.terminal_id), slot, booked.id)


def _row(slot: Slot) -> dict[str, Any]:
    return {
        "id": slot.id,
        "specialist_id": slot.specialist_id,
        "specialty_id": slot.specialty_id,
        "facility_id": slot.facility_id,
        "starts_at": slot.starts_at,
        "ends_at": slot.ends_at,
        "appointment_id": slot.appointment_id,
    }
