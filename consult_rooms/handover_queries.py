"""What rings of consults that are handed over, and to whom a consult could go: rows for ring cards and choices."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, bindparam, select

from consult_rooms.access import Relation
from consult_rooms.colleagues import fits
from consult_rooms.joins import Reader
from consult_rooms.licences import needed
from consult_rooms.model import Consult, ConsultState, HandoverState, Step
from consult_rooms.pairing_tables import handovers
from consult_rooms.rows import RingView
from consult_rooms.standing import standing
from consult_rooms.tables import consults
from foundation.ids import ConsultId, StaffId
from identity.model import Staff
from identity.rows import facility_of, specialty_of
from identity.tables import facilities, specialties, staff

_REQUESTER, _FROM = staff.alias("asking"), staff.alias("handing")
_OFFERED = (
    select(consults, handovers, specialties, facilities, _REQUESTER.c.full_name, _FROM.c.full_name)
    .join(handovers, handovers.c.consult_id == consults.c.id)
    .join(specialties, specialties.c.id == consults.c.specialty_id)
    .join(facilities, facilities.c.id == consults.c.requester_facility_id)
    .join(_REQUESTER, _REQUESTER.c.id == consults.c.requester_id)
    .join(_FROM, _FROM.c.id == handovers.c.from_id)
    .where(consults.c.state == ConsultState.CLAIMED, handovers.c.state == HandoverState.OFFERED)
    .order_by(handovers.c.offered_at)
)
# Made once, since everybody who connects asks the first.
_TO_PERSON = _OFFERED.where(handovers.c.to_id == bindparam("one"))
_OF_CONSULT = _OFFERED.where(consults.c.id == bindparam("one"))


class HandoverQueries(Reader):
    """Reads of handovers."""

    async def handovers_to(self, staff_id: StaffId) -> list[RingView]:
        """What colleagues offer this person now."""
        return [ring for _, ring in await self._offered(_TO_PERSON, staff_id)]

    async def handover_of(self, consult_id: ConsultId, people: Collection[StaffId]) -> dict[StaffId, RingView]:
        """How this consult's open handover rings for whom it is offered to, when that is one of these people."""
        found = await self._offered(_OF_CONSULT, consult_id)
        return {staff_id: ring for staff_id, ring in found if staff_id in people}

    async def colleagues(self, person: Staff, consult_id: ConsultId) -> list[tuple[Staff, str]]:
        """To whom this person could forward the ring or hand the consult over, with the names of their hospitals.

        Raises NotFound("consult.unknown") for a stranger.
        """
        async with self._database.reading() as tx:
            place = await standing(tx, self._store, person, consult_id)
            place.require(*Relation)
            consult: Consult = place.consult
            today = (await tx.now()).astimezone(self._zone).date()
            words = await needed(tx, consult, place.licence_scopes)
            hubs = await self._directory.hubs_of(consult.requester_facility_id, tx=tx)
            rung = {offer.staff_id for offer in await self._store.offers(tx, consult_id)}
        left_out = {person.id} | (rung if consult.state is ConsultState.RINGING else set())
        found: list[tuple[Staff, str]] = []
        for hub in hubs:
            staff_there = await self._directory.staff_at(hub.id)
            fitting = (one for one in staff_there if one.id not in left_out)
            found.extend(
                (one, hub.name)
                for one in fitting
                if fits(one, consult, hub_ids=place.hub_ids, today=today, words=words)
            )
        return found

    async def _offered(self, query: Select[Any], one: str) -> list[tuple[StaffId, RingView]]:
        async with self._database.reading() as tx:
            rows = (await tx.execute(query, {"one": one})).mappings().all()
            if not rows:  # as for nearly everybody who connects
                return []
            today = (await tx.now()).astimezone(self._zone).date()
        found = []
        for row in rows:
            consult, facility = self._store.consult(row), facility_of(row)
            ring = RingView(
                consult_id=consult.id,
                code=consult.code,
                urgency=consult.urgency,
                specialty=specialty_of(row),
                facility=facility,
                requester_name=row[_REQUESTER.c.full_name],
                age=consult.patient.age(today),
                sex=consult.patient.sex,
                question=consult.question.line,
                rung_at=row[handovers.c.offered_at],
                step=consult.step or Step.SPECIALTY,
                step_due_at=None,
                also_ringing=(),
                emergency_telephone=facility.emergency_telephone,
                handover_from=row[_FROM.c.full_name],
            )
            found.append((StaffId(row[handovers.c.to_id]), ring))
        return found
