"""What rings, for whom, and who could be rung: rows of the ring card, the waiting page and the on-call list."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Select, bindparam, select

from consult_rooms.candidates import Person
from consult_rooms.handover_queries import HandoverQueries
from consult_rooms.inquiries import Inquiry, inquiries_of
from consult_rooms.joins import without_names
from consult_rooms.ladder import after_step
from consult_rooms.model import Consult, ConsultState, Level, OfferState, Step
from consult_rooms.rows import Answer, OnCallPerson, OnCallRow, RingView, RungPerson, Telephone, WaitingView
from consult_rooms.store import Row, offer_of
from consult_rooms.tables import consults, offers
from foundation.database import STORE_TIME
from foundation.errors import Unavailable
from foundation.ids import ConsultId, FacilityId, StaffId
from identity.model import Role
from identity.rows import facility_of, specialty_of
from identity.tables import facilities, specialties, staff

RINGS = 50
"""Rings of one person at once at most."""
_REQUESTER, _RUNG = staff.alias("requester"), staff.alias("rung")
_RINGS = (
    select(
        consults, offers, specialties, facilities, _REQUESTER.c.full_name, _RUNG.c.full_name, _RUNG.c.roles, STORE_TIME
    )
    .join(offers, offers.c.consult_id == consults.c.id)
    .join(specialties, specialties.c.id == consults.c.specialty_id)
    .join(facilities, facilities.c.id == consults.c.requester_facility_id)
    .join(_REQUESTER, _REQUESTER.c.id == consults.c.requester_id)
    .join(_RUNG, _RUNG.c.id == offers.c.staff_id)
    .where(consults.c.state == ConsultState.RINGING, offers.c.state == OfferState.RINGING)
    .order_by(offers.c.rung_at, offers.c.staff_id)
)
"""Whom a consult rings, with all that a ring card shows."""
_OWN = (
    select(offers.c.consult_id)
    .where(offers.c.staff_id == bindparam("one"), offers.c.state == OfferState.RINGING)
    .order_by(offers.c.rung_at)
    .limit(RINGS)
)
# Everybody who connects asks the first, everybody who is rung waits for the second: each is made once.
_FOR_PERSON = _RINGS.where(consults.c.id.in_(_OWN))
_OF_CONSULT = _RINGS.where(consults.c.id == bindparam("one"))


class RingQueries(HandoverQueries):
    """Reads of the ladder."""

    async def rings_for(self, staff_id: StaffId) -> list[RingView]:
        """What rings for this person now, the oldest first."""
        found = await self._rings(_FOR_PERSON, staff_id, {staff_id})
        rings = [*(ring for _, ring in found), *await self.handovers_to(staff_id)]
        return sorted(rings, key=lambda ring: ring.rung_at)

    async def rings_of(self, consult_id: ConsultId, people: Collection[StaffId]) -> dict[StaffId, RingView]:
        """How this consult rings for those of these people for whom it does."""
        return dict(await self._rings(_OF_CONSULT, consult_id, people))

    async def _rings(self, query: Select[Any], one: str, people: Collection[StaffId]) -> list[tuple[StaffId, RingView]]:
        """Rings of these people in these consults: one statement, for somebody waits for each of its milliseconds."""
        async with self._database.reading() as tx:
            rows = (await tx.clocked(query, {"one": one})).mappings()
        by_consult: dict[str, list[Row]] = {}
        for row in rows:
            by_consult.setdefault(row[consults.c.id], []).append(row)
        found = []
        for those in by_consult.values():
            consult, facility = self._store.consult(those[0]), facility_of(those[0])
            today = those[0]["store_time"].astimezone(self._zone).date()
            asked = await self._asked(consult) if consult.log_number > len(those) + 2 else ()
            for row in those:
                offer = offer_of(row)
                if offer.staff_id not in people:
                    continue
                ring = RingView(
                    consult_id=consult.id,
                    code=consult.code,
                    urgency=consult.urgency,
                    specialty=specialty_of(those[0]),
                    facility=facility,
                    requester_name=those[0][_REQUESTER.c.full_name],
                    age=consult.patient.age(today),
                    sex=consult.patient.sex,
                    question=consult.question.line,
                    rung_at=offer.rung_at,
                    step=offer.step,
                    step_due_at=consult.step_due_at,
                    also_ringing=tuple(other[_RUNG.c.full_name] for other in those if other is not row),
                    emergency_telephone=facility.emergency_telephone,
                    inquiries=asked,
                    as_coordinator=offer.step is Step.COORDINATOR and Role.SPECIALIST not in row[_RUNG.c.roles],
                )
                found.append((offer.staff_id, ring))
        return found

    async def _asked(self, consult: Consult) -> tuple[Inquiry, ...]:
        async with self._database.reading() as tx:
            return await inquiries_of(tx, self._store.sealer, consult.id)

    async def waiting_view(self, consult_id: ConsultId) -> WaitingView:
        """The ladder of one request as it stands. The caller has decided who may see it."""
        async with self._database.reading() as tx:
            consult = await self._store.get(tx, consult_id)
            rung = await self._store.offers(tx, consult_id)
            names = await self._joins.of(
                tx,
                [consult],
                staff=(consult.owner_id, *(o.staff_id for o in rung)),
                facilities=(o.facility_id for o in rung),
            )
            hubs = await self._directory.hubs_of(consult.requester_facility_id, tx=tx)
            asked = await inquiries_of(tx, self._store.sealer, consult_id)
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
                    later_at=offer.later_at,
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
            owner=names.staff_name(consult.owner_id) or "",
            inquiries=asked,
        )

    async def on_call_now(self, spoke_id: FacilityId) -> list[OnCallRow]:
        """Every specialty, who is on call for this clinic in it now, and who is their backup."""
        hubs = {hub.id: hub for hub in await self._directory.hubs_of(spoke_id)}
        first = await self._rota.on_call(list(hubs))
        backup = await self._rota.on_call(list(hubs), level=Level.BACKUP)
        asked = {person.staff_id for group in (first, backup) for people in group.values() for person in people}
        known = await self._directory.staff_many(asked)
        reach = await self._reach(asked)

        def shown(people: Iterable[Person]) -> tuple[OnCallPerson, ...]:
            return tuple(
                OnCallPerson(
                    person.staff_id,
                    known[person.staff_id].full_name,
                    person.facility_id,
                    hubs[person.facility_id].name,
                    reach[person.staff_id],
                )
                for person in people
            )

        rows = []
        for specialty in await self._directory.specialties():
            people = first.get(specialty.id, [])
            rung_first = {person.staff_id for person in people}
            after = [one for one in backup.get(specialty.id, ()) if one.staff_id not in rung_first]
            rows.append(OnCallRow(specialty, shown(people), shown(after)))
        return rows

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
