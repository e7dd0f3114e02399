"""The claim: of all who could take a case exactly one does, and the others learn who and when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import update

from consult_rooms.access import require_claim
from consult_rooms.log import ConsultLog
from consult_rooms.model import Consult, ConsultState, LogKind, OfferState, ParticipantRole
from consult_rooms.standing import standing
from consult_rooms.store import ConsultStore
from consult_rooms.tables import offers
from consult_rooms.transitions import Act, after, before, refusal
from foundation.database import Transaction
from foundation.errors import Conflict, HoichanError
from foundation.i18n import N_
from foundation.ids import ConsultId
from identity.model import Staff
from identity.store import Directory

TAKEN = N_("%(name)s took this case at %(time)s.")


class Claims:
    """Decides claims inside the caller's transaction. `zone` is that of shown times and of the licence's day."""

    def __init__(self, store: ConsultStore, log: ConsultLog, directory: Directory, zone: ZoneInfo) -> None:
        self._store = store
        self._log = log
        self._directory = directory
        self._zone = zone

    async def claim(self, tx: Transaction, staff: Staff, consult_id: ConsultId) -> Consult:
        """Take the case and open its room: one UPDATE that hits one row or none.

        Raises Conflict `consult.already_claimed` with `name` and `time`, or what the state says; Forbidden
        `licence.expired` or `consult.not_offered`. The winner may ask again and gets the same consult.
        """
        place = await standing(tx, self._store, staff, consult_id)
        consult = place.consult
        if _holds(staff, consult):
            return consult
        now = await tx.now()
        today = now.astimezone(self._zone).date()
        require_claim(consult, staff, offer=place.offer, hub_ids=place.hub_ids, today=today)
        facility_id = staff.facility_id if place.offer is None else place.offer.facility_id
        taking: dict[str, Any] = {
            "specialist_id": staff.id,
            "specialist_facility_id": facility_id,
            "claimed_at": now,
            "step_due_at": None,
        }
        won = False
        if consult.state is ConsultState.RINGING:
            taking["state"] = after(consult.state, Act.CLAIM)
            won = await self._store.change(tx, consult_id, ConsultState.RINGING, taking)
        if not won:
            # The same person may have been first: two tabs, or an ack that was lost and a second click.
            taken = await self._store.get(tx, consult_id)
            if _holds(staff, taken):
                return taken
            raise await self.lost(tx, consult_id)
        await tx.execute(
            update(offers)
            .where(
                offers.c.consult_id == consult_id,
                offers.c.staff_id == staff.id,
                offers.c.state.in_(before(OfferState.ACCEPTED)),
            )
            .values(state=OfferState.ACCEPTED, reason=None, answered_at=now)
        )
        await self.stop_ringing(tx, consult_id)
        await self._store.admit(
            tx,
            consult_id,
            [(consult.requester_id, ParticipantRole.REQUESTER, True), (staff.id, ParticipantRole.SPECIALIST, True)],
        )
        waited_s = round((now - consult.created_at).total_seconds(), 3)
        entry = await self._log.append(
            tx, consult_id, LogKind.CLAIMED, staff.id, {"facility": facility_id, "waited_s": waited_s}
        )
        return replace(consult, **taking, log_number=entry.number)

    async def lost(self, tx: Transaction, consult_id: ConsultId) -> HoichanError:
        """Why it can no longer be taken: who was first and when, or what became of it."""
        consult = await self._store.get(tx, consult_id)
        if consult.specialist_id is None or consult.claimed_at is None:
            return refusal(consult.state)
        winner = await self._directory.staff(consult.specialist_id, tx=tx)
        time = consult.claimed_at.astimezone(self._zone).strftime("%H:%M:%S")
        return Conflict("consult.already_claimed", TAKEN, name=winner.full_name, time=time)

    async def stop_ringing(self, tx: Transaction, consult_id: ConsultId) -> None:
        """Every ring that still goes stops."""
        await tx.execute(
            update(offers)
            .where(offers.c.consult_id == consult_id, offers.c.state.in_(before(OfferState.STOPPED)))
            .values(state=OfferState.STOPPED, answered_at=await tx.now())
        )


def _holds(staff: Staff, consult: Consult) -> bool:
    return consult.state is ConsultState.CLAIMED and consult.specialist_id == staff.id
