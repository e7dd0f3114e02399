"""Slots and appointments: times that a coordinator publishes for a specialist, books, moves and cancels.

No specialist and no terminal is booked twice: a slot is taken by a compare-and-set, quarter units by their primary key.
Every change takes its locks in one order (consult, new slot, new units, then what is released), so none waits in a
ring. The file is one service of four acts; their pieces stand in `bookings` and `calendar`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from consult_rooms import bounds, calendar, identities
from consult_rooms.access import Relation
from consult_rooms.bookings import TAKEN, Bookings
from consult_rooms.log import ConsultLog
from consult_rooms.log_entry import LogKind
from consult_rooms.model import (
    Appointment,
    CancelReason,
    Consent,
    ConsultState,
    ParticipantRole,
    Patient,
    Question,
    Slot,
    Urgency,
)
from consult_rooms.standing import standing
from consult_rooms.store import ConsultStore, new_code
from consult_rooms.tables import appointments, consults, slots
from consult_rooms.transitions import Act, after
from foundation.bus import Bus
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Invalid
from foundation.i18n import N_
from foundation.ids import AppointmentId, ConsultId, FacilityId, SlotId, SpecialtyId, StaffId, TerminalId, new_id
from identity.model import Role, Staff
from identity.policy import Action, Target, may, require
from identity.store import Directory

OVERLAPS = N_("This specialist has slots in this time already.")
UNFIT = N_("Only a specialist of this field can offer times in it.")
FOREIGN_TERMINAL = N_("This terminal belongs to another facility.")
WRONG_REQUESTER = N_("This doctor does not work at this clinic.")
STALE = N_("The appointment was changed meanwhile. Look again, then move it.")
OTHER_FIELD = N_("This slot is of another specialty.")


class Scheduling:
    """Publishes, books, moves and cancels. `room_opens` is how long before its time a booked room opens."""

    def __init__(
        self,
        database: Database,
        store: ConsultStore,
        log: ConsultLog,
        directory: Directory,
        bus: Bus,
        zone: ZoneInfo,
        room_opens: timedelta,
    ) -> None:
        self._database = database
        self._store = store
        self._log = log
        self._directory = directory
        self._bus = bus
        self._zone = zone
        self._bookings = Bookings(store, directory, room_opens)

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
            self._hint(tx, specialist_id)
        return new

    async def withdraw(self, staff: Staff, slot_id: SlotId) -> None:
        """Take a free slot back. Raises NotFound `slot.unknown`, Conflict `slot.taken` when it is booked."""
        async with self._database.transaction() as tx:
            slot = await self._bookings.slot(tx, slot_id)
            require(staff, Action.KEEP_CALENDAR, Target(facility_id=slot.facility_id))
            withdrawn = await tx.execute(
                update(slots)
                .where(slots.c.id == slot_id, slots.c.appointment_id.is_(None), slots.c.withdrawn_at.is_(None))
                .values(withdrawn_at=await tx.now())
            )
            if not withdrawn.rowcount:
                raise Conflict("slot.taken", TAKEN)
            await calendar.release(tx, slot_id)
            self._hint(tx, slot.specialist_id)

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
    ) -> Appointment:
        """Book a slot for a clinic's doctor and patient: a consult in state `scheduled` with both people in it.

        For coordinators of the clinic or of a hospital linked to it. The same key gives the same appointment. Raises
        Invalid as a request does, Conflict `slot.taken`, `slot.terminal_busy` or `slot.past`.
        """
        key = bounds.key(f"book:{staff.id}:{bounds.key(idempotency_key)}")
        person, asked = bounds.patient(patient), bounds.question(question)
        given = None if consent is None else bounds.consent(consent)
        bounds.request(urgency, person, asked, given)
        await self._require_coordinator(staff, clinic_id)
        requester = await self._directory.staff(requester_id)
        if requester.facility_id != clinic_id or not may(requester, Action.REQUEST_CONSULT):
            raise Invalid("slot.requester", WRONG_REQUESTER, field="requester_id")
        if terminal_id is not None and (await self._directory.terminal(terminal_id)).facility_id != clinic_id:
            raise Invalid("terminal.foreign", FOREIGN_TERMINAL, field="terminal_id")
        if (known := await self._by_key(requester_id, key)) is not None:
            return known
        appointment_id, consult_id = AppointmentId(new_id("apt")), ConsultId(new_id("con"))
        try:
            async with self._database.transaction() as tx:
                slot = await self._bookings.take(tx, slot_id, appointment_id, clinic_id)
                await self._bookings.hold_clinic(tx, appointment_id, clinic_id, terminal_id, slot)
                now = await tx.now()
                await tx.execute(
                    consults.insert().values(
                        id=consult_id,
                        code=await new_code(tx, now.astimezone(self._zone)),
                        state=ConsultState.SCHEDULED,
                        urgency=urgency,
                        specialty_id=slot.specialty_id,
                        requester_id=requester_id,
                        requester_facility_id=clinic_id,
                        owner_id=requester_id,
                        terminal_id=terminal_id,
                        idempotency_hash=key,
                        created_at=now,
                        log_number=0,
                        **self._bookings.times(slot),
                        **self._store.patient_values(consult_id, person),
                        **self._store.question_values(consult_id, asked),
                        **self._store.consent_values(consult_id, given),
                    )
                )
                await tx.execute(
                    appointments.insert().values(
                        id=appointment_id,
                        slot_id=slot_id,
                        consult_id=consult_id,
                        clinic_id=clinic_id,
                        terminal_id=terminal_id,
                        requester_id=requester_id,
                        starts_at=slot.starts_at,
                        ends_at=slot.ends_at,
                        version=1,
                    )
                )
                await identities.begin(tx, self._store, await self._store.get(tx, consult_id))
                await self._store.admit(
                    tx,
                    consult_id,
                    [
                        (requester_id, ParticipantRole.REQUESTER, True),
                        (slot.specialist_id, ParticipantRole.SPECIALIST, True),
                    ],
                )
                await self._log.append(
                    tx,
                    consult_id,
                    LogKind.SCHEDULED,
                    staff.id,
                    {
                        "facility": clinic_id,
                        "terminal": terminal_id,
                        "specialty": slot.specialty_id,
                        "specialist": slot.specialist_id,
                        "slot": slot_id,
                        "starts_at": slot.starts_at.isoformat(),
                        "owner": requester_id,
                    },
                )
                self._hint(tx, slot.specialist_id, requester_id)
                return await self._bookings.appointment(tx, appointment_id)
        except (IntegrityError, Conflict):
            # The same key came twice at once; the other was first.
            if (known := await self._by_key(requester_id, key)) is None:
                raise
            return known

    async def move(self, staff: Staff, appointment_id: AppointmentId, slot_id: SlotId, version: int) -> Appointment:
        """Give an appointment another slot, perhaps another specialist's; `version` is the one that the mover has seen.

        Raises Conflict `appointment.stale`, `slot.taken`, `slot.terminal_busy`, `slot.past` or by the consult's state.
        """
        async with self._database.transaction() as tx:
            consult, booked = await self._bookings.held(tx, appointment_id)
            await self._require_coordinator(staff, booked.clinic_id, tx=tx)
            after(consult.state, Act.MOVE)
            if booked.version != version:
                raise Conflict("appointment.stale", STALE)
            if booked.slot_id == slot_id:
                return booked
            slot = await self._bookings.take(tx, slot_id, appointment_id, booked.clinic_id)
            if slot.specialty_id != consult.specialty_id:
                raise Invalid("slot.other_specialty", OTHER_FIELD, field="slot_id")
            held = calendar.quarters(booked.starts_at, booked.ends_at)
            await self._bookings.hold_clinic(tx, appointment_id, booked.clinic_id, booked.terminal_id, slot, held=held)
            await calendar.release(tx, appointment_id, but=calendar.quarters(slot.starts_at, slot.ends_at))
            await self._bookings.free(tx, booked)
            await tx.execute(
                update(appointments)
                .where(appointments.c.id == appointment_id)
                .values(slot_id=slot_id, starts_at=slot.starts_at, ends_at=slot.ends_at, version=version + 1)
            )
            await self._store.change(tx, consult.id, ConsultState.SCHEDULED, self._bookings.times(slot))
            await self._bookings.replace_specialist(tx, consult, slot.specialist_id)
            await self._log.append(
                tx,
                consult.id,
                LogKind.MOVED,
                staff.id,
                {"slot": slot_id, "specialist": slot.specialist_id, "starts_at": slot.starts_at.isoformat()},
            )
            self._hint(tx, slot.specialist_id, consult.requester_id, consult.specialist_id)
            return await self._bookings.appointment(tx, appointment_id)

    async def cancel(
        self,
        staff: Staff,
        appointment_id: AppointmentId,
        reason: CancelReason | str = CancelReason.NO_LONGER_NEEDED,
    ) -> None:
        """Cancel a booked consult before it begins; its slot is free again. Coordinator or requester."""
        why = bounds.code(CancelReason, reason, "reason")
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
            await self._bookings.free(tx, booked)
            await self._log.append(tx, consult.id, LogKind.CANCELLED, staff.id, {"reason": why})
            self._hint(tx, consult.requester_id, consult.specialist_id)

    async def _require_coordinator(self, staff: Staff, clinic_id: FacilityId, tx: Transaction | None = None) -> None:
        hubs = await self._directory.hubs_of(clinic_id, tx=tx)
        target = Target(facility_id=clinic_id, hub_ids=frozenset(hub.id for hub in hubs))
        require(staff, Action.COORDINATE, target)

    async def _by_key(self, requester_id: StaffId, key: str) -> Appointment | None:
        async with self._database.reading() as tx:
            return await self._bookings.by_key(tx, requester_id, key)

    def _hint(self, tx: Transaction, *people: StaffId | None) -> None:
        """Tell the nodes after the commit whose agenda has changed."""

        async def hint() -> None:
            for person in {person for person in people if person is not None}:
                await self._bus.publish("agenda", {"staff": person})

        tx.after_commit(hint)
