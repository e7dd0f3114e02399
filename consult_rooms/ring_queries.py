"""What rings, for whom, and who could be rung: rows of the ring card, the waiting page and the on-call list."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from consult_rooms.joins import Reader, without_names
from consult_rooms.ladder import after_step
from consult_rooms.model import ConsultState, OfferState
from consult_rooms.rows import Answer, OnCallPerson, OnCallRow, RingView, RungPerson, Telephone, WaitingView
from consult_rooms.tables import consults, offers
from foundation.errors import Unavailable
from foundation.ids import ConsultId, FacilityId, StaffId

RINGS = 50
"""Rings of one person at once at most."""


class RingQueries(Reader):
    """Reads of the ladder."""

    async def rings_for(self, staff_id: StaffId) -> list[RingView]:
        """What rings for this person now, the oldest first."""
        async with self._database.reading() as tx:
            query = (
                select(consults)
                .join(offers, offers.c.consult_id == consults.c.id)
                .where(
                    offers.c.staff_id == staff_id,
                    offers.c.state == OfferState.RINGING,
                    consults.c.state == ConsultState.RINGING,
                )
                .order_by(offers.c.rung_at)
                .limit(RINGS)
            )
            ringing = await self._store.many(tx, query)
            rung = {consult.id: await self._store.offers(tx, consult.id) for consult in ringing}
            everybody = (offer.staff_id for found in rung.values() for offer in found)
            names = await self._joins.of(tx, ringing, staff=everybody)
            today = (await tx.now()).astimezone(self._zone).date()
        rings = []
        for consult in ringing:
            own = next(offer for offer in rung[consult.id] if offer.staff_id == staff_id)
            facility = names.facilities[consult.requester_facility_id]
            rings.append(
                RingView(
                    consult_id=consult.id,
                    code=consult.code,
                    urgency=consult.urgency,
                    specialty=names.specialties[consult.specialty_id],
                    facility=facility,
                    requester_name=names.staff_name(consult.requester_id) or "",
                    age=consult.patient.age(today),
                    sex=consult.patient.sex,
                    question=consult.question.line,
                    rung_at=own.rung_at,
                    step=own.step,
                    step_due_at=consult.step_due_at,
                    also_ringing=tuple(
                        names.staff_name(offer.staff_id) or ""
                        for offer in rung[consult.id]
                        if offer.staff_id != staff_id and offer.state is OfferState.RINGING
                    ),
                    emergency_telephone=facility.emergency_telephone,
                )
            )
        return rings

    async def waiting_view(self, consult_id: ConsultId) -> WaitingView:
        """The ladder of one request as it stands. The caller has decided who may see it."""
        async with self._database.reading() as tx:
            consult = await self._store.get(tx, consult_id)
            rung = await self._store.offers(tx, consult_id)
            names = await self._joins.of(
                tx, [consult], staff=(o.staff_id for o in rung), facilities=(o.facility_id for o in rung)
            )
            hubs = await self._directory.hubs_of(consult.requester_facility_id, tx=tx)
            today = (await tx.now()).astimezone(self._zone).date()
        reach = await self._reach(offer.staff_id for offer in rung)
        specialist_facility = names.facility(consult.specialist_facility_id)
        return WaitingView(
            consult=without_names(consult, today),
            specialty=names.specialties[consult.specialty_id],
            people=tuple(
                RungPerson(
                    staff_id=offer.staff_id,
                    name=names.staff_name(offer.staff_id) or "",
                    facility_name=names.facilities[offer.facility_id].name,
                    step=offer.step,
                    answer=(reach[offer.staff_id] if offer.state is OfferState.RINGING else Answer(offer.state.value)),
                    reason=offer.reason,
                    rung_at=offer.rung_at,
                    answered_at=offer.answered_at,
                )
                for offer in rung
            ),
            step=consult.step,
            step_due_at=consult.step_due_at,
            next_step=after_step(consult.step) if consult.state is ConsultState.RINGING else None,
            telephones=tuple(Telephone(hub.name, hub.emergency_telephone) for hub in hubs),
            claimed_by=names.staff_name(consult.specialist_id),
            claimed_facility_name=None if specialist_facility is None else specialist_facility.name,
            log_number=consult.log_number,
        )

    async def on_call_now(self, spoke_id: FacilityId) -> list[OnCallRow]:
        """Every specialty, and who is on call for this clinic in it now."""
        hubs = {hub.id: hub for hub in await self._directory.hubs_of(spoke_id)}
        on_call = await self._rota.on_call(list(hubs))
        people = [person for of_specialty in on_call.values() for person in of_specialty]
        known = await self._directory.staff_many(person.staff_id for person in people)
        reach = await self._reach(person.staff_id for person in people)
        return [
            OnCallRow(
                specialty,
                tuple(
                    OnCallPerson(
                        person.staff_id,
                        known[person.staff_id].full_name,
                        person.facility_id,
                        hubs[person.facility_id].name,
                        reach[person.staff_id],
                    )
                    for person in on_call.get(specialty.id, ())
                ),
            )
            for specialty in await self._directory.specialties()
        ]

    async def _reach(self, staff_ids: Iterable[StaffId]) -> dict[StaffId, Answer]:
        """Whether a ring reaches each of them now."""
        asked = set(staff_ids)
        try:
            online = await self._presence.online(asked)
            busy = await self._presence.in_consult(asked)
        except Unavailable:
            return dict.fromkeys(asked, Answer.UNKNOWN)
        return {
            staff_id: Answer.BUSY if staff_id in busy else Answer.RINGING if staff_id in online else Answer.OFFLINE
            for staff_id in asked
        }
