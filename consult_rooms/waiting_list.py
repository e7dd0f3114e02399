"""Who waits for a slot because all are taken: kept with patient and question, offered in order, accepted in one tap."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, func, select, update
from sqlalchemy.exc import IntegrityError

from consult_rooms import bounds
from consult_rooms.appointment import Appointment
from consult_rooms.booking_tables import waiting_entries, waiting_offers
from consult_rooms.bookings import Bookings, Order
from consult_rooms.calendar import FARTHEST
from consult_rooms.model import Consent, ConsentBy, IdentityState, Patient, Question
from consult_rooms.store import ConsultStore
from consult_rooms.tables import slots
from consult_rooms.told import Told
from consult_rooms.waiting_offers import BOOKED, OFFERED, WAITING, WITHDRAWN, WaitingOffers
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import AppointmentId, FacilityId, SlotId, SpecialtyId, StaffId, WaitingId, new_id
from identity.model import Staff
from identity.policy import Action, may
from identity.store import Directory
from identity.tables import facilities, specialties
from identity.tables import staff as people

PER_CLINIC = 200
ROWS = 500

UNKNOWN = N_("There is nobody of that entry on the waiting list.")
MANY = N_("This clinic has %(most)s entries on the waiting list already.")
SPAN = N_("The end has to be after the start, and not in the past.")
LAPSED = N_("This offer has lapsed. You keep your place on the waiting list.")


@dataclass(frozen=True, slots=True)
class WaitingEntry:
    """Somebody who waits. `slot_id` is what is offered now, until `offered_until`."""

    id: WaitingId
    state: str
    clinic_id: FacilityId
    clinic_name: str
    requester_id: StaffId
    requester_name: str
    specialty_id: SpecialtyId
    specialty_vi: str
    specialty_en: str
    starts_at: datetime
    ends_at: datetime
    created_at: datetime
    patient_name: str | None
    slot_id: SlotId | None
    slot_starts_at: datetime | None
    offered_until: datetime | None


class WaitingList:
    """Puts on the list, takes off it, and accepts what is offered. The clinic's doctor or a coordinator of it."""

    def __init__(
        self,
        database: Database,
        store: ConsultStore,
        directory: Directory,
        bookings: Bookings,
        offers: WaitingOffers,
        told: Told,
    ) -> None:
        self._database = database
        self._store = store
        self._directory = directory
        self._bookings = bookings
        self._offers = offers
        self._told = told

    async def run_due(self) -> None:
        """See `WaitingOffers.run_due`."""
        await self._offers.run_due()

    async def add(
        self,
        staff: Staff,
        order: Order,
        specialty_id: SpecialtyId,
        starts_at: datetime,
        ends_at: datetime,
        *,
        hospital_id: FacilityId | None = None,
        level: str | None = None,
    ) -> WaitingId:
        """Wait for a slot of that field between the two times. `order.key` is told plain; the same gives the same.

        Raises Forbidden, Invalid as a booking does or `waiting.span`, Conflict `waiting.many`.
        """
        await self._bookings.require_booker(staff, order.clinic_id, order.requester_id)
        kept = await self._bookings.checked(replace(order, key=bounds.key(f"wait:{staff.id}:{bounds.key(order.key)}")))
        await self._directory.specialty(specialty_id)
        entry_id = WaitingId(new_id("wai"))
        try:
            async with self._database.transaction() as tx:
                now = await tx.now()
                if not now < ends_at <= now + FARTHEST or starts_at >= ends_at:
                    raise Invalid("waiting.span", SPAN, field="ends_at")
                await self._make_room(tx, order.clinic_id)
                await tx.execute(
                    waiting_entries.insert().values(
                        id=entry_id,
                        state=WAITING,
                        clinic_id=kept.clinic_id,
                        requester_id=kept.requester_id,
                        terminal_id=kept.terminal_id,
                        specialty_id=specialty_id,
                        hospital_id=hospital_id,
                        level=level,
                        starts_at=starts_at,
                        ends_at=ends_at,
                        content_sealed=self._sealed(entry_id, kept),
                        idempotency_hash=kept.key,
                        created_by=staff.id,
                        created_at=now,
                        offers=0,
                    )
                )
        except IntegrityError:
            same = (waiting_entries.c.created_by == staff.id) & (waiting_entries.c.idempotency_hash == kept.key)
            async with self._database.reading() as tx:
                known = (await tx.execute(select(waiting_entries.c.id).where(same))).scalar_one_or_none()
            if known is None:
                raise
            return WaitingId(known)
        return entry_id

    async def accept(self, staff: Staff, entry_id: WaitingId) -> Appointment:
        """Book the slot that is offered, in one transaction with the end of the wait. Twice is once.

        Raises NotFound, Forbidden, Conflict `waiting.lapsed` or as a booking does.
        """
        try:
            return await self._book(staff, entry_id)
        except Conflict:
            # Accepted twice at once; the other was first.
            async with self._database.reading() as tx:
                row = await self._entry(tx, entry_id)
                if row.appointment_id is None:
                    raise
                return await self._bookings.appointment(tx, AppointmentId(row.appointment_id))

    async def _book(self, staff: Staff, entry_id: WaitingId) -> Appointment:
        async with self._database.transaction() as tx:
            row = await self._entry(tx, entry_id)
            await self._bookings.require_booker(staff, row.clinic_id, row.requester_id, tx)
            if row.state == BOOKED and row.appointment_id is not None:
                return await self._bookings.appointment(tx, AppointmentId(row.appointment_id))
            if row.state != OFFERED or row.slot_id is None or row.offered_until <= await tx.now():
                raise Conflict("waiting.lapsed", LAPSED)
            appointment_id = AppointmentId(new_id("apt"))
            order = self._opened(row, staff.id)
            slot = await self._bookings.take(tx, row.slot_id, appointment_id, row.clinic_id, entry_id)
            booked = await self._bookings.write(tx, order, slot, appointment_id)
            done = await tx.execute(
                update(waiting_entries)
                .where(
                    waiting_entries.c.id == entry_id,
                    waiting_entries.c.state == OFFERED,
                    waiting_entries.c.slot_id == slot.id,
                )
                .values(state=BOOKED, appointment_id=appointment_id, offered_until=None, content_sealed=None)
            )
            if not done.rowcount:
                raise Conflict("waiting.lapsed", LAPSED)
            of_offer = (waiting_offers.c.entry_id == entry_id) & (waiting_offers.c.slot_id == slot.id)
            await tx.execute(update(waiting_offers).where(of_offer).values(answer="accepted"))
            await self._told.booked(tx, appointment_id)
            return booked

    async def decline(self, staff: Staff, entry_id: WaitingId) -> None:
        """Not this slot: it goes to the next, and one goes on waiting. Twice is once."""
        async with self._database.transaction() as tx:
            row = await self._entry(tx, entry_id)
            await self._bookings.require_booker(staff, row.clinic_id, row.requester_id, tx)
            if row.state == OFFERED:
                await self._offers.take_back(tx, entry_id, row.slot_id, "declined", WAITING)

    async def withdraw(self, staff: Staff, entry_id: WaitingId) -> None:
        """Wait no longer. Twice is once."""
        async with self._database.transaction() as tx:
            row = await self._entry(tx, entry_id)
            await self._bookings.require_booker(staff, row.clinic_id, row.requester_id, tx)
            if row.state == OFFERED and row.slot_id is not None:
                await self._offers.take_back(tx, entry_id, row.slot_id, "declined", WITHDRAWN)
            still = (waiting_entries.c.id == entry_id) & (waiting_entries.c.state == WAITING)
            await tx.execute(update(waiting_entries).where(still).values(state=WITHDRAWN, content_sealed=None))

    async def open(self, staff: Staff) -> list[WaitingEntry]:
        """Who waits at the own clinic, or at those that one coordinates; the longest first, offers before all."""
        clinics = [staff.facility_id]
        if may(staff, Action.COORDINATE):
            clinics += [spoke.id for spoke in await self._directory.spokes_of(staff.facility_id)]
        query = (
            select(
                waiting_entries,
                facilities.c.name.label("clinic_name"),
                people.c.full_name,
                specialties.c.name_vi,
                specialties.c.name_en,
                slots.c.starts_at.label("slot_starts_at"),
            )
            .join(facilities, facilities.c.id == waiting_entries.c.clinic_id)
            .join(people, people.c.id == waiting_entries.c.requester_id)
            .join(specialties, specialties.c.id == waiting_entries.c.specialty_id)
            .outerjoin(slots, slots.c.id == waiting_entries.c.slot_id)
            .where(waiting_entries.c.clinic_id.in_(clinics), waiting_entries.c.state.in_((WAITING, OFFERED)))
            .order_by(waiting_entries.c.state, waiting_entries.c.created_at, waiting_entries.c.id)
            .limit(ROWS)
        )
        if not may(staff, Action.COORDINATE):
            query = query.where(waiting_entries.c.requester_id == staff.id)
        async with self._database.reading() as tx:
            return [self._shown(row) for row in await tx.execute(query)]

    async def _make_room(self, tx: Transaction, clinic_id: FacilityId) -> None:
        count = select(func.count()).where(
            waiting_entries.c.clinic_id == clinic_id, waiting_entries.c.state.in_((WAITING, OFFERED))
        )
        if (await tx.execute(count)).scalar_one() >= PER_CLINIC:
            raise Conflict("waiting.many", MANY, most=PER_CLINIC)

    async def _entry(self, tx: Transaction, entry_id: WaitingId) -> Row[Any]:
        row: Row[Any] | None = (
            await tx.execute(select(waiting_entries).where(waiting_entries.c.id == entry_id))
        ).one_or_none()
        if row is None:
            raise NotFound("waiting.unknown", UNKNOWN)
        return row

    def _sealed(self, entry_id: WaitingId, order: Order) -> bytes:
        patient = asdict(order.patient)
        patient["birth_date"] = None if order.patient.birth_date is None else order.patient.birth_date.isoformat()
        consent = None if order.consent is None else asdict(order.consent)
        content = {"patient": patient, "question": asdict(order.question), "consent": consent}
        return self._store.sealer.seal(json.dumps(content).encode(), content_place(entry_id))

    def _content(self, row: Row[Any]) -> dict[str, Any]:
        return dict(json.loads(self._store.sealer.open(row.content_sealed, content_place(row.id))))

    def _opened(self, row: Row[Any], actor_id: StaffId) -> Order:
        content = self._content(row)
        patient, consent = content["patient"], content["consent"]
        born, identity = patient.pop("birth_date"), IdentityState(patient.pop("identity"))
        return Order(
            actor_id=actor_id,
            clinic_id=row.clinic_id,
            terminal_id=row.terminal_id,
            requester_id=row.requester_id,
            patient=Patient(
                identity=identity, birth_date=None if born is None else date.fromisoformat(born), **patient
            ),
            question=Question(**content["question"]),
            consent=None if consent is None else Consent(**{**consent, "by": ConsentBy(consent["by"])}),
            key=bounds.key(f"wait:{row.id}"),
        )

    def _shown(self, row: Row[Any]) -> WaitingEntry:
        return WaitingEntry(
            id=row.id,
            state=row.state,
            clinic_id=row.clinic_id,
            clinic_name=row.clinic_name,
            requester_id=row.requester_id,
            requester_name=row.full_name,
            specialty_id=row.specialty_id,
            specialty_vi=row.name_vi,
            specialty_en=row.name_en,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            created_at=row.created_at,
            patient_name=self._content(row)["patient"]["name"],
            slot_id=row.slot_id,
            slot_starts_at=row.slot_starts_at,
            offered_until=row.offered_until,
        )


def content_place(entry_id: str) -> str:
    """Where an entry's content says that it stands (`Sealer.seal`)."""
    return f"waiting_entries.content:{entry_id}"
