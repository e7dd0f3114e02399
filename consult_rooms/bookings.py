"""The pieces of which booking, moving and cancelling are made, each inside the caller's transaction.

Every act takes its locks in one order: the consult, the slot, the clinic's terminal, rooms and devices, and then an
entry of the waiting list. So none waits in a ring. They are one file because of that order.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, String, bindparam, delete, or_, select, update

from consult_rooms import bounds, calendar, identities, resources
from consult_rooms.appointment import Appointment, Slot, VisitType
from consult_rooms.busy_units import attended, require_free
from consult_rooms.conference_table import seat
from consult_rooms.holds import HELD
from consult_rooms.log import ConsultLog, Data
from consult_rooms.log_entry import LogKind
from consult_rooms.model import Consent, Consult, ConsultState, ParticipantRole, Patient, Question, Urgency
from consult_rooms.store import ConsultStore, new_code
from consult_rooms.tables import appointments, consults, participants, slots
from foundation.bus import Bus
from foundation.database import STORE_TIME, Transaction
from foundation.errors import Conflict, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import AppointmentId, ConsultId, FacilityId, ResourceId, SlotId, StaffId, TerminalId, new_id
from identity.model import Staff
from identity.policy import Action, Target, may, require
from identity.rows import hubs_of
from identity.store import Directory

UNKNOWN_SLOT = N_("There is no such slot.")
UNKNOWN_APPOINTMENT = N_("There is no such appointment.")
TAKEN = N_("This slot has just been taken.")
BUSY = N_("The clinic's terminal or room is booked at this time.")
NOT_LINKED = N_("This hospital does not consult for this clinic.")
FOREIGN_TERMINAL = N_("This terminal belongs to another facility.")
WRONG_REQUESTER = N_("This doctor does not work at this clinic.")


@dataclass(frozen=True, slots=True)
class Order:
    """What is booked for whom; `key` is the hash under which the same booking is found again."""

    actor_id: StaffId
    clinic_id: FacilityId
    terminal_id: TerminalId | None
    requester_id: StaffId
    patient: Patient
    question: Question
    consent: Consent | None
    key: str
    urgency: Urgency = Urgency.ROUTINE
    resource_ids: frozenset[ResourceId] = frozenset()


class Bookings:
    """Takes and frees slots, holds the clinic's side, writes and reads appointments."""

    def __init__(
        self,
        store: ConsultStore,
        log: ConsultLog,
        directory: Directory,
        bus: Bus,
        zone: ZoneInfo,
        room_opens: timedelta,
    ) -> None:
        self._store = store
        self._log = log
        self._directory = directory
        self._bus = bus
        self._zone = zone
        self._room_opens = room_opens

    async def require_coordinator(self, staff: Staff, clinic_id: FacilityId, tx: Transaction | None = None) -> None:
        """Raise Forbidden for anybody but a coordinator of the clinic or of a hospital linked to it."""
        target = Target(facility_id=clinic_id, hub_ids=await self._directory.hub_ids_of(clinic_id, tx=tx))
        require(staff, Action.COORDINATE, target)

    async def require_booker(
        self, staff: Staff, clinic_id: FacilityId, requester_id: StaffId, tx: Transaction | None = None
    ) -> None:
        """Raise Forbidden for anybody but the doctor who will present the patient, and the clinic's coordinators."""
        own = staff.id == requester_id and may(staff, Action.REQUEST_CONSULT, Target(facility_id=clinic_id))
        if not own:
            await self.require_coordinator(staff, clinic_id, tx=tx)

    async def checked(self, order: Order) -> Order:
        """The order with its texts clean. Raises Invalid as a request does, and for a doctor or terminal of others."""
        person, asked = bounds.patient(order.patient), bounds.question(order.question)
        given = None if order.consent is None else bounds.consent(order.consent)
        bounds.request(order.urgency, person, asked, given)
        requester = await self._directory.staff(order.requester_id)
        if requester.facility_id != order.clinic_id or not may(requester, Action.REQUEST_CONSULT):
            raise Invalid("slot.requester", WRONG_REQUESTER, field="requester_id")
        if order.terminal_id is not None:
            terminal = await self._directory.terminal(order.terminal_id)
            if terminal.facility_id != order.clinic_id:
                raise Invalid("terminal.foreign", FOREIGN_TERMINAL, field="terminal_id")
        return replace(order, patient=person, question=asked, consent=given)

    async def slot(self, tx: Transaction, slot_id: SlotId) -> Slot:
        """A published slot. Raises NotFound("slot.unknown"), also for a withdrawn one."""
        row = (await tx.execute(_SLOT, {"one_id": slot_id})).one_or_none()
        if row is None:
            raise NotFound("slot.unknown", UNKNOWN_SLOT)
        return slot_of(row)

    async def take(
        self, tx: Transaction, slot_id: SlotId, appointment_id: AppointmentId, clinic_id: FacilityId, holder: str
    ) -> Slot:
        """Take a free slot by one compare-and-set; one that is kept for `holder` is free to them.

        Raises Conflict `slot.taken`, `slot.held`, `slot.busy`, `slot.leave` or `slot.past`, Invalid `slot.not_linked`.
        """
        told = {"one_id": slot_id, "taken_by": appointment_id, "clinic_id": clinic_id, "keeper": holder}
        row = (await tx.clocked(_TAKEN, told)).one_or_none()
        if row is None:
            raise await self._why_not(tx, slot_id, clinic_id)
        tx.learn(row.store_time)
        return slot_of(row)

    async def _why_not(self, tx: Transaction, slot_id: SlotId, clinic_id: FacilityId) -> Conflict | Invalid:
        """Why a slot could not be taken. Raises NotFound `slot.unknown`, Conflict `slot.busy` or `slot.leave`."""
        slot = await self.slot(tx, slot_id)
        now = await tx.now()
        if slot.starts_at <= now:
            return Conflict("slot.past", calendar.PAST)
        if slot.facility_id not in await self._directory.hub_ids_of(clinic_id, tx=tx):
            return Invalid("slot.not_linked", NOT_LINKED, field="slot_id")
        await require_free(tx, slot.specialist_id, slot.starts_at, slot.ends_at)
        kept = slot.appointment_id is None and slot.held(now)
        return Conflict("slot.held", HELD) if kept else Conflict("slot.taken", TAKEN)

    async def free(self, tx: Transaction, booked: Appointment) -> SlotId | None:
        """Give the appointment's slot back. One whose specialist is elsewhere is withdrawn: then it gives None."""
        values: dict[str, Any] = {"appointment_id": None}
        if booked.displaced_at is not None:
            values["withdrawn_at"] = await tx.now()
        freed = await tx.execute(
            update(slots).where(slots.c.id == booked.slot_id, slots.c.appointment_id == booked.id).values(**values)
        )
        if booked.displaced_at is not None:
            await calendar.release(tx, booked.slot_id)
            return None
        return booked.slot_id if freed.rowcount else None

    async def hold_clinic(
        self,
        tx: Transaction,
        appointment_id: AppointmentId,
        clinic_id: FacilityId,
        terminal_id: TerminalId | None,
        resource_ids: Collection[ResourceId],
        slot: Slot,
        *,
        held: Collection[int] = (),
    ) -> None:
        """Hold terminal or room, and devices, for the slot's quarters; `held` are those that they have already."""
        wanted = [quarter for quarter in calendar.quarters(slot.starts_at, slot.ends_at) if quarter not in held]
        resource = calendar.of_clinic(clinic_id, terminal_id)
        busy = Conflict("slot.terminal_busy", BUSY)
        await calendar.reserve(tx, [(resource, quarter, appointment_id) for quarter in wanted], busy)
        await resources.reserve(tx, appointment_id, resource_ids, wanted)

    async def write(
        self, tx: Transaction, order: Order, slot: Slot, appointment_id: AppointmentId, code: str | None = None
    ) -> Appointment:
        """The booked consult with both people in it, for a slot that this transaction has taken.

        `code` is one that `code_ahead` gave; without it the month's row is held until the commit.

        Raises Invalid `resource.unfit`, Conflict `slot.terminal_busy` or `slot.resource_busy`.
        """
        consult_id, now = ConsultId(new_id("con")), await tx.now()
        await resources.require_fit(tx, order.resource_ids, (order.clinic_id, slot.facility_id))
        await self.hold_clinic(tx, appointment_id, order.clinic_id, order.terminal_id, order.resource_ids, slot)
        booked = Appointment(
            id=appointment_id,
            slot_id=slot.id,
            consult_id=consult_id,
            clinic_id=order.clinic_id,
            terminal_id=order.terminal_id,
            requester_id=order.requester_id,
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            version=1,
        )
        await tx.execute(
            _WRITTEN,
            {
                "id": consult_id,
                "code": code or await new_code(tx, now.astimezone(self._zone)),
                "state": ConsultState.SCHEDULED,
                "urgency": order.urgency,
                "specialty_id": slot.specialty_id,
                "requester_id": order.requester_id,
                "requester_facility_id": order.clinic_id,
                "owner_id": order.requester_id,
                "terminal_id": order.terminal_id,
                "idempotency_hash": order.key,
                "created_at": now,
                "log_number": 1,
                **self.times(slot),
                **self._store.patient_values(consult_id, order.patient),
                **self._store.question_values(consult_id, order.question),
                **self._store.consent_values(consult_id, order.consent),
            },
        )
        await tx.execute(_BOOKED, asdict(booked))
        await resources.note(tx, appointment_id, order.resource_ids)
        await identities.begin(tx, self._store, consult_id, order.requester_id, order.patient)
        await self._store.admit(
            tx,
            consult_id,
            [
                (order.requester_id, ParticipantRole.REQUESTER, True),
                (slot.specialist_id, ParticipantRole.SPECIALIST, True),
            ],
        )
        await seat(tx, self._store, consult_id, slot)
        told: Data = {
            "facility": order.clinic_id,
            "terminal": order.terminal_id,
            "specialty": slot.specialty_id,
            "specialist": slot.specialist_id,
            "slot": slot.id,
            "starts_at": slot.starts_at.isoformat(),
            "owner": order.requester_id,
        }
        await self._log.numbered(tx, consult_id, 1, [(LogKind.SCHEDULED, order.actor_id, told)])
        self.hint(tx, slot.specialist_id, order.requester_id)
        return booked

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

    def hint(self, tx: Transaction, *people: StaffId | None) -> None:
        """Tell the nodes after the commit whose agenda has changed."""

        async def hint() -> None:
            for person in {person for person in people if person is not None}:
                await self._bus.publish("agenda", {"staff": person})

        tx.after_commit(hint)


# Made once: making a statement takes as long as asking it.
_SLOT = select(slots).where(slots.c.id == bindparam("one_id", type_=String), slots.c.withdrawn_at.is_(None))
_TAKEN = (
    update(slots)
    .where(
        slots.c.id == bindparam("one_id", type_=String),
        slots.c.appointment_id.is_(None),
        slots.c.withdrawn_at.is_(None),
        slots.c.starts_at > STORE_TIME.element,
        or_(
            slots.c.held_until.is_(None),
            slots.c.held_until <= STORE_TIME.element,
            slots.c.held_by == bindparam("keeper", type_=String),
        ),
        slots.c.facility_id.in_(hubs_of(bindparam("clinic_id", type_=String))),
        attended(),
    )
    .values(appointment_id=bindparam("taken_by", type_=String), held_by=None, held_until=None)
    .returning(slots, STORE_TIME)
)
"""All that a slot has to be for its taker (`free_slots.free`), asked and done at once."""
_WRITTEN, _BOOKED = consults.insert().inline(), appointments.insert().inline()


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
        held_by=row.held_by,
        held_until=row.held_until,
        visit_type=VisitType(row.visit_type),
        template_id=row.template_id,
        conference_id=row.conference_id,
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
        displaced_at=row.displaced_at,
        late_until=row.late_until,
    )
