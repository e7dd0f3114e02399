"""Slots and appointments: times that a coordinator publishes for a specialist; clinics and coordinators book them.

No specialist, terminal, room or device is booked twice: a slot is taken by a compare-and-set, quarter units by their
primary key. The pieces stand in `bookings` and `calendar`; what else becomes of an appointment stands in `changes`.
Four acts on one set of rows, hence one file.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from consult_rooms import bounds, calendar, displacement, resources
from consult_rooms.access import Relation
from consult_rooms.appointment import Appointment, MoveReason, Slot
from consult_rooms.appointment_queries import AppointmentQueries
from consult_rooms.bookings import TAKEN, Bookings, Order
from consult_rooms.changes import Changes
from consult_rooms.conference_table import seat
from consult_rooms.holds import HELD, HOLD, Holds, unheld
from consult_rooms.log import ConsultLog
from consult_rooms.log_entry import LogKind
from consult_rooms.model import CANCEL_REASONS, CancelReason, Consent, ConsultState, Patient, Question, Urgency
from consult_rooms.resources import Resources
from consult_rooms.standing import standing
from consult_rooms.store import ConsultStore, code_ahead
from consult_rooms.tables import appointments, slots
from consult_rooms.told import Nobody, Told
from consult_rooms.transitions import Act, after
from consult_rooms.waiting_list import WaitingList
from consult_rooms.waiting_offers import OFFER, WaitingOffers
from consult_rooms.waiting_room import WaitingRoom
from foundation.audit import Audit
from foundation.bus import Bus
from foundation.database import Database
from foundation.errors import Conflict, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import (
    AppointmentId,
    FacilityId,
    ResourceId,
    SlotId,
    SpecialtyId,
    StaffId,
    TerminalId,
    new_id,
)
from identity.model import Role, Staff
from identity.policy import Action, Target, require
from identity.store import Directory

OVERLAPS = N_("This specialist has slots in this time already.")
UNFIT = N_("Only a specialist of this field can offer times in it.")
STALE = N_("The appointment was changed meanwhile. Look again, then move it.")
OTHER_FIELD = N_("This slot is of another specialty.")


class Scheduling:
    """Publishes, books, moves and cancels. `room_opens` is how long before its time a booked room opens.

    Beside it stand the services of the same calendar: `holds`, `changes`, `waiting_list`, `waiting_room`,
    `appointments` (reads) and `resources`.
    """

    def __init__(
        self,
        database: Database,
        store: ConsultStore,
        log: ConsultLog,
        directory: Directory,
        bus: Bus,
        zone: ZoneInfo,
        room_opens: timedelta,
        *,
        hold_for: timedelta = HOLD,
        offer_for: timedelta = OFFER,
        told: Told | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._log = log
        self._directory = directory
        self._told = told or Nobody()
        self._zone = zone
        self._bookings = Bookings(store, log, directory, bus, zone, room_opens)
        self._offers = WaitingOffers(database, self._told, offer_for)
        self.holds = Holds(database, hold_for)
        self.changes = Changes(database, store, log, directory, self._bookings, self._told)
        self.waiting_list = WaitingList(database, store, directory, self._bookings, self._offers, self._told)
        self.waiting_room = WaitingRoom(database, store, log)
        self.appointments = AppointmentQueries(database, store, self._bookings)
        self.resources = Resources(database, Audit(database))

    async def publish(
        self,
        staff: Staff,
        specialist_id: StaffId,
        specialty_id: SpecialtyId,
        starts_at: datetime,
        ends_at: datetime,
        minutes: int,
    ) -> list[Slot]:
        """Offer a specialist's time as slots of that many minutes, each starting on a quarter of an hour.

        For coordinators and administrators of the specialist's hospital. Raises Invalid (see `calendar.slot_times`) or
        `slot.unfit`, Conflict `slot.overlaps`.
        """
        specialist = await self._directory.staff(specialist_id)
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=specialist.facility_id))
        if (
            not specialist.active
            or Role.SPECIALIST not in specialist.roles
            or specialty_id not in specialist.specialties
        ):
            raise Invalid("slot.unfit", UNFIT, field="specialist_id")
        async with self._database.transaction() as tx:
            times = calendar.slot_times(starts_at, ends_at, minutes, await tx.now())
            new = [
                Slot(SlotId(new_id("slo")), specialist_id, specialty_id, specialist.facility_id, starts, ends, None)
                for starts, ends in times
            ]
            mine = calendar.of_person(specialist_id)
            await calendar.reserve(
                tx,
                [
                    (mine, quarter, slot.id)
                    for slot in new
                    for quarter in calendar.quarters(slot.starts_at, slot.ends_at)
                ],
                Conflict("slot.overlaps", OVERLAPS),
            )
            await tx.execute(
                slots.insert(),
                [
                    {
                        "id": slot.id,
                        "specialist_id": specialist_id,
                        "specialty_id": specialty_id,
                        "facility_id": slot.facility_id,
                        "starts_at": slot.starts_at,
                        "ends_at": slot.ends_at,
                    }
                    for slot in new
                ],
            )
            self._bookings.hint(tx, specialist_id)
        return new

    async def withdraw(self, staff: Staff, slot_id: SlotId) -> None:
        """Take a free slot back. Raises NotFound `slot.unknown`, Conflict `slot.taken` or `slot.held`."""
        async with self._database.transaction() as tx:
            slot = await self._bookings.slot(tx, slot_id)
            require(staff, Action.KEEP_CALENDAR, Target(facility_id=slot.facility_id))
            now = await tx.now()
            withdrawn = await tx.execute(
                update(slots)
                .where(
                    slots.c.id == slot_id,
                    slots.c.appointment_id.is_(None),
                    slots.c.withdrawn_at.is_(None),
                    unheld(now, staff.id),
                )
                .values(withdrawn_at=now)
            )
            if not withdrawn.rowcount:
                kept = slot.appointment_id is None and slot.held(now)
                raise Conflict("slot.held", HELD) if kept else Conflict("slot.taken", TAKEN)
            await calendar.release(tx, slot_id)
            self._bookings.hint(tx, slot.specialist_id)

    async def book(
        self,
        staff: Staff,
        slot_id: SlotId,
        clinic_id: FacilityId,
        terminal_id: TerminalId | None,
        requester_id: StaffId,
        patient: Patient,
        question: Question,
        consent: Consent | None,
        idempotency_key: str,
        *,
        urgency: Urgency = Urgency.ROUTINE,
        resource_ids: Iterable[ResourceId] = (),
    ) -> Appointment:
        """Book a slot for a clinic's doctor and patient: a consult in state `scheduled` with both people in it.

        For the doctor who will present the patient, and for coordinators of the clinic or of a hospital linked to it.
        Specialist, terminal and `resource_ids` (rooms and
        devices of either side) are taken together. The same key gives the same appointment. Raises Invalid as a
        request does or `resource.unfit`, Conflict `slot.taken`, `slot.held`, `slot.busy`, `slot.leave`,
        `slot.terminal_busy`, `slot.resource_busy` or `slot.past`.
        """
        key = bounds.key(f"book:{staff.id}:{bounds.key(idempotency_key)}")
        await self._bookings.require_booker(staff, clinic_id, requester_id)
        order = await self._bookings.checked(
            Order(
                actor_id=staff.id,
                clinic_id=clinic_id,
                terminal_id=terminal_id,
                requester_id=requester_id,
                patient=patient,
                question=question,
                consent=consent,
                key=key,
                urgency=urgency,
                resource_ids=frozenset(resource_ids),
            )
        )
        appointment_id = AppointmentId(new_id("apt"))
        code = await code_ahead(self._database, self._zone)
        try:
            async with self._database.transaction() as tx:
                slot = await self._bookings.take(tx, slot_id, appointment_id, clinic_id, staff.id)
                booked = await self._bookings.write(tx, order, slot, appointment_id, code)
                await self._told.booked(tx, appointment_id)
                return booked
        except (IntegrityError, Conflict, Invalid, NotFound):
            # The same key came before, which is seldom: it is looked for only now.
            if (known := await self._by_key(requester_id, key)) is None:
                raise
            return known

    async def move(
        self,
        staff: Staff,
        appointment_id: AppointmentId,
        slot_id: SlotId,
        version: int,
        reason: MoveReason | str = MoveReason.OTHER,
    ) -> Appointment:
        """Give an appointment another slot, perhaps another specialist's; `version` is the one that the mover has seen.

        For coordinators; of a displaced one also for the requester. Its slot goes to whoever waits for one. Raises
        Conflict `appointment.stale`, `slot.taken`, `slot.held`, `slot.terminal_busy`, `slot.resource_busy`,
        `slot.past` or by the consult's state.
        """
        why = bounds.code(MoveReason, reason, "reason")
        async with self._database.transaction() as tx:
            consult, booked = await self._bookings.held(tx, appointment_id)
            own = booked.displaced_at is not None and staff.id == consult.requester_id and staff.active
            if not own:
                await self._bookings.require_coordinator(staff, booked.clinic_id, tx=tx)
            after(consult.state, Act.MOVE)
            if booked.version != version:
                raise Conflict("appointment.stale", STALE)
            if booked.slot_id == slot_id:
                return booked
            slot = await self._bookings.take(tx, slot_id, appointment_id, booked.clinic_id, staff.id)
            if slot.specialty_id != consult.specialty_id:
                raise Invalid("slot.other_specialty", OTHER_FIELD, field="slot_id")
            held = calendar.quarters(booked.starts_at, booked.ends_at)
            needed = await resources.leave_foreign(tx, appointment_id, (booked.clinic_id, slot.facility_id))
            await self._bookings.hold_clinic(
                tx, appointment_id, booked.clinic_id, booked.terminal_id, needed, slot, held=held
            )
            await calendar.release(tx, appointment_id, but=calendar.quarters(slot.starts_at, slot.ends_at))
            freed = await self._bookings.free(tx, booked)
            await tx.execute(
                update(appointments)
                .where(appointments.c.id == appointment_id)
                .values(slot_id=slot_id, starts_at=slot.starts_at, ends_at=slot.ends_at, version=version + 1)
            )
            await displacement.settle(tx, consult.id)
            await self._store.change(tx, consult.id, ConsultState.SCHEDULED, self._bookings.times(slot))
            await self._bookings.replace_specialist(tx, consult, slot.specialist_id)
            await seat(tx, self._store, consult.id, slot, before=booked.slot_id)
            await self._log.append(
                tx,
                consult.id,
                LogKind.MOVED,
                staff.id,
                {
                    "slot": slot_id,
                    "specialist": slot.specialist_id,
                    "starts_at": slot.starts_at.isoformat(),
                    "reason": why if booked.displaced_at is None else MoveReason.DISPLACED,
                },
            )
            if freed is not None:
                await self._offers.offer(tx, freed)
            await self._told.moved(tx, appointment_id, consult.specialist_id)
            self._bookings.hint(tx, slot.specialist_id, consult.requester_id, consult.specialist_id)
            return await self._bookings.appointment(tx, appointment_id)

    async def cancel(
        self,
        staff: Staff,
        appointment_id: AppointmentId,
        reason: CancelReason | str = CancelReason.NO_LONGER_NEEDED,
    ) -> None:
        """Cancel a booked consult before it begins; its slot goes to whoever waits. Coordinator or requester."""
        why = bounds.code(CancelReason, reason, "reason")
        if why not in CANCEL_REASONS:
            raise Invalid("choice.unknown", bounds.UNKNOWN, field="reason")
        async with self._database.transaction() as tx:
            consult, booked = await self._bookings.held(tx, appointment_id)
            place = await standing(tx, self._store, staff, consult.id)
            place.require(Relation.REQUESTER, Relation.COORDINATOR)
            now = await tx.now()
            await self._store.change(
                tx,
                consult.id,
                ConsultState.SCHEDULED,
                {"state": after(consult.state, Act.CANCEL), "cancelled_at": now, "cancel_reason": why},
            )
            await tx.execute(update(appointments).where(appointments.c.id == appointment_id).values(cancelled_at=now))
            await calendar.release(tx, appointment_id)
            freed = await self._bookings.free(tx, booked)
            await self._log.append(tx, consult.id, LogKind.CANCELLED, staff.id, {"reason": why})
            if freed is not None:
                await self._offers.offer(tx, freed)
            await self._told.cancelled(tx, appointment_id)
            self._bookings.hint(tx, consult.requester_id, consult.specialist_id)

    async def _by_key(self, requester_id: StaffId, key: str) -> Appointment | None:
        async with self._database.reading() as tx:
            return await self._bookings.by_key(tx, requester_id, key)
