"""The claim: of all who could take a case exactly one does, and the others learn who and when.

A claim is a lease until its specialist enters the room (see `leases`). Nobody walks out of a running consult for it
without having handed that over or said that it pauses. What is booked with whoever takes an emergency and has not begun
is displaced (see `displacement`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import String, and_, bindparam, case, or_, select, update

from consult_rooms.access import require_claim
from consult_rooms.displacement import EMERGENCY, displace_booked
from consult_rooms.licences import in_scope
from consult_rooms.log import ConsultLog, Data
from consult_rooms.log_entry import LogKind
from consult_rooms.model import Consult, ConsultState, OfferState, ParticipantRole, Urgency
from consult_rooms.standing import standing
from consult_rooms.store import ConsultStore
from consult_rooms.tables import consults, offers, participants
from consult_rooms.told import Nobody, Told
from consult_rooms.transitions import Act, after, before, refusal
from foundation.database import Instant, Transaction
from foundation.errors import Conflict, HoichanError
from foundation.i18n import N_
from foundation.ids import ConsultId
from identity.model import Staff
from identity.store import Directory

_ONE, _PERSON = bindparam("one_id", type_=String), bindparam("person_id", type_=String)
_OWN = and_(offers.c.staff_id == _PERSON, or_(*(offers.c.state == one for one in before(OfferState.ACCEPTED))))
_ANSWERED = (
    update(offers)
    .where(
        offers.c.consult_id == _ONE, or_(_OWN, *(offers.c.state == one for one in sorted(before(OfferState.STOPPED))))
    )
    .values(
        state=case((_OWN, OfferState.ACCEPTED), else_=OfferState.STOPPED),
        reason=None,
        answered_at=bindparam("now", type_=Instant),
        later_at=None,
    )
)
"""One statement, for somebody waits for each: the own ring is accepted, all others stop."""
_RUNNING = (
    select(consults.c.id, consults.c.code)
    .join(participants, participants.c.consult_id == consults.c.id)
    .where(
        consults.c.specialist_id == _PERSON,
        consults.c.state == ConsultState.CLAIMED,
        consults.c.id != _ONE,
        consults.c.paused_at.is_(None),
        participants.c.staff_id == _PERSON,
        participants.c.joined_at.is_not(None),
        participants.c.left_at.is_(None),
    )
)
LEASE_S = 45.0
"""How long a claim holds without a sign of life before its specialist has entered, unless told otherwise."""

TAKEN = N_("%(name)s took this case at %(time)s.")
RUNNING = N_("You are in the running consult %(consult)s. Hand it over, or let it pause, before you take this case.")


class Claims:
    """Decides claims inside the caller's transaction. `zone` is that of shown times and of the licence's day."""

    def __init__(
        self,
        store: ConsultStore,
        log: ConsultLog,
        directory: Directory,
        zone: ZoneInfo,
        lease_s: float = LEASE_S,
        *,
        away: timedelta = EMERGENCY,
        told: Told | None = None,
    ) -> None:
        self._store = store
        self._log = log
        self._directory = directory
        self._zone = zone
        self.lease = timedelta(seconds=lease_s)
        self._away = away
        self._told = told or Nobody()

    async def claim(self, tx: Transaction, staff: Staff, consult_id: ConsultId, *, pause: bool = False) -> Consult:
        """Take the case and open its room: one UPDATE that hits one row or none. With `pause` what one runs pauses.

        Raises Conflict `consult.already_claimed` with `name` and `time`, `consult.running` with the code of what one
        would leave, or what the state says; Forbidden `licence.expired`, `licence.out_of_scope` or
        `consult.not_offered`. The winner may ask again and gets the same consult.
        """
        place = await standing(tx, self._store, staff, consult_id)
        consult = place.consult
        if _holds(staff, consult):
            return consult
        now = await tx.now()
        today = now.astimezone(self._zone).date()
        fit = await in_scope(tx, staff, consult, place.licence_scopes)
        require_claim(consult, staff, offer=place.offer, hub_ids=place.hub_ids, today=today, in_scope=fit)
        facility_id = staff.facility_id if place.offer is None else place.offer.facility_id
        taking: dict[str, Any] = {
            "specialist_id": staff.id,
            "specialist_facility_id": facility_id,
            "owner_id": staff.id,
            "claimed_at": now,
            "lease_until": now + self.lease,
            "step_due_at": None,
        }
        number = None
        if consult.state is ConsultState.RINGING:
            taking["state"] = after(consult.state, Act.CLAIM)
            number = await self._store.change_logged(tx, consult_id, ConsultState.RINGING, taking, 1)
        if number is None:
            # The same person may have been first: two tabs, or an ack that was lost and a second click.
            taken = await self._store.get(tx, consult_id)
            if _holds(staff, taken):
                return taken
            raise await self.lost(tx, consult_id)
        await self.let_go(tx, staff, consult_id, pause=pause)
        await tx.execute(_ANSWERED, {"one_id": consult_id, "person_id": staff.id, "now": now})
        await self._store.admit(
            tx,
            consult_id,
            [(consult.requester_id, ParticipantRole.REQUESTER, True), (staff.id, ParticipantRole.SPECIALIST, True)],
        )
        waited_s = round((now - consult.created_at).total_seconds(), 3)
        told: Data = {"facility": facility_id, "waited_s": waited_s, "owner": staff.id}
        await self._log.numbered(tx, consult_id, number, [(LogKind.CLAIMED, staff.id, told)])
        if consult.urgency is Urgency.EMERGENCY:
            await displace_booked(tx, self._store, self._log, self._told, staff, consult_id, self._away)
        return replace(consult, **taking, log_number=number)

    async def let_go(self, tx: Transaction, staff: Staff, taken: ConsultId, *, pause: bool) -> None:
        """Before this person goes into `taken`: what they run pauses with their word for it, or nothing is done.

        Raises Conflict `consult.running`.
        """
        running = (await tx.execute(_RUNNING, {"one_id": taken, "person_id": staff.id})).all()
        for left in running:
            if not pause:
                raise Conflict("consult.running", RUNNING, consult=left.code)
            await self.pause(tx, staff, ConsultId(left.id))

    async def pause(self, tx: Transaction, staff: Staff, consult_id: ConsultId) -> None:
        """Note that the specialist steps out of a running consult; pausing twice is pausing once."""
        paused = await tx.execute(
            update(consults)
            .where(
                consults.c.id == consult_id,
                consults.c.state == ConsultState.CLAIMED,
                consults.c.specialist_id == staff.id,
                consults.c.paused_at.is_(None),
            )
            .values(paused_at=await tx.now(), lease_until=None)
        )
        if paused.rowcount:
            await self._log.append(tx, consult_id, LogKind.PAUSED, staff.id)

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
            .values(state=OfferState.STOPPED, answered_at=await tx.now(), later_at=None)
        )


def _holds(staff: Staff, consult: Consult) -> bool:
    return consult.state is ConsultState.CLAIMED and consult.specialist_id == staff.id
