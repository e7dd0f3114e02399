"""What those who are rung answer: yes, no, busy, in five minutes, a colleague instead; a coordinator: I take charge.

Each method is one transaction under the consult's lock. None but the claim stops anybody else's ring. The same answer
given twice is given once; another one after it, or one that comes too late, has a code of its own.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select, update

from consult_rooms import bounds
from consult_rooms.access import Relation
from consult_rooms.claims import Claims
from consult_rooms.colleagues import require_fit
from consult_rooms.ladder import all_declined
from consult_rooms.licences import needed
from consult_rooms.log import ConsultLog, Data
from consult_rooms.log_entry import LogKind
from consult_rooms.model import Consult, ConsultState, DeclineReason, Offer, OfferState
from consult_rooms.runner import BATCH, LadderRunner
from consult_rooms.standing import Standing, standing
from consult_rooms.store import ConsultStore
from consult_rooms.tables import offers
from consult_rooms.transitions import Act, after, before
from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Forbidden
from foundation.i18n import N_
from foundation.ids import ConsultId, StaffId
from identity.model import Staff
from identity.policy import Action, require
from identity.store import Directory

LATER_S = 300.0
"""What "in five minutes" means, unless told otherwise."""

NOT_RUNG = N_("This case is not ringing for you.")
ANSWERED = N_("You have answered this ring already. While it rings you can still take the case.")
ALREADY_RUNG = N_("This colleague has been rung already.")
IN_CHARGE = N_("%(name)s has taken charge of this request.")


class Answers:
    """The answers to a ring. `later_s` is how long a promise to answer keeps one's own ring silent, in seconds."""

    def __init__(
        self,
        database: Database,
        store: ConsultStore,
        log: ConsultLog,
        runner: LadderRunner,
        directory: Directory,
        audit: Audit,
        claims: Claims,
        zone: ZoneInfo,
        later_s: float = LATER_S,
    ) -> None:
        self._database = database
        self._store = store
        self._log = log
        self._runner = runner
        self._directory = directory
        self._audit = audit
        self._claims = claims
        self._zone = zone
        self._later = timedelta(seconds=later_s)

    async def accept(self, staff: Staff, consult_id: ConsultId, *, pause: bool = False) -> Consult:
        """Take the case: one compare-and-set UPDATE, and the room is open. Again by the same person: the same consult.

        Raises Conflict `consult.already_claimed` with `name` and `time`, `consult.running` unless `pause` says that
        what one runs may wait, or what the state says; Forbidden `licence.expired`, `licence.out_of_scope` or
        `consult.not_offered`.
        """
        try:
            require(staff, Action.ACCEPT_CONSULT)
            async with self._database.transaction() as tx:
                return await self._claims.claim(tx, staff, consult_id, pause=pause)
        except Forbidden as denial:
            await self._denied(staff, consult_id, "consult.accept", denial)
            raise

    async def decline(self, staff: Staff, consult_id: ConsultId, reason: DeclineReason | str) -> None:
        """Say no, with the reason. When nobody of the running step is left to answer, the next begins at once.

        Raises NotFound for a stranger, Conflict `consult.already_claimed`, `consult.not_rung` or `offer.answered`.
        """
        why = bounds.code(DeclineReason, reason, "reason")
        await self._say(staff, consult_id, OfferState.DECLINED, LogKind.DECLINED, {"reason": why}, reason=why)

    async def busy(self, staff: Staff, consult_id: ConsultId) -> None:
        """Say that one cannot come to it now, without more. Otherwise as `decline`."""
        await self._say(staff, consult_id, OfferState.BUSY, LogKind.BUSY, {})

    async def later(self, staff: Staff, consult_id: ConsultId) -> datetime:
        """Promise to answer in some minutes: silent until then, then it rings again. The ladder goes on meanwhile.

        Gives the promised time. Raises as `decline` does.
        """
        async with self._database.reading() as tx:
            promised = await tx.now() + self._later
        given = await self._say(
            staff, consult_id, OfferState.LATER, LogKind.LATER, {"until": promised.isoformat()}, later_at=promised
        )
        return given.later_at or promised

    async def forward(self, staff: Staff, consult_id: ConsultId, colleague_id: StaffId) -> None:
        """Name a colleague instead, for whom it rings at once; one's own ring is answered.

        Raises Invalid `forward.unfit`, Conflict `forward.already_rung`, and as `decline` does.
        """
        found = (await self._directory.staff_many([colleague_id])).get(colleague_id)
        async with self._database.transaction() as tx:
            place, offer = await self._rung(tx, staff, consult_id)
            rung = await self._store.offers(tx, consult_id)
            if offer.state is OfferState.FORWARDED and any(known.staff_id == colleague_id for known in rung):
                return
            _require_answerable(offer, OfferState.FORWARDED)
            now = await tx.now()
            colleague = require_fit(
                found,
                place.consult,
                hub_ids=place.hub_ids,
                today=now.astimezone(self._zone).date(),
                words=await needed(tx, place.consult, place.licence_scopes),
                code="forward.unfit",
            )
            if any(known.staff_id == colleague.id for known in rung):
                raise Conflict("forward.already_rung", ALREADY_RUNG)
            await self._set(tx, offer, OfferState.FORWARDED)
            added = {
                "consult_id": consult_id,
                "staff_id": colleague.id,
                "facility_id": colleague.facility_id,
                "step": offer.step,
            }
            await tx.execute(offers.insert().values(**added, state=OfferState.RINGING, rung_at=now))
            told: Data = {"staff": colleague.id, "facility": colleague.facility_id, "step": offer.step, "online": None}
            await self._log.extend(
                tx,
                consult_id,
                [(LogKind.FORWARDED, staff.id, {"staff": colleague.id}), (LogKind.RUNG, None, told)],
            )

    async def take_charge(self, staff: Staff, consult_id: ConsultId) -> Consult:
        """A coordinator's acceptance: accountable for the request from here on, which rings on or waits in writing.

        Raises Forbidden for anybody who does not coordinate it (audited), Conflict `consult.in_charge` or by the state.
        """
        try:
            async with self._database.transaction() as tx:
                place = await standing(tx, self._store, staff, consult_id, lock=True)
                place.require(Relation.COORDINATOR)
                consult = place.consult
                if consult.specialist_id is not None and consult.claimed_at is not None:
                    raise await self._claims.lost(tx, consult_id)
                after(consult.state, Act.CHARGE)
                if consult.coordinator_id == staff.id:
                    return consult
                if consult.coordinator_id is not None:
                    holder = await self._directory.staff(consult.coordinator_id, tx=tx)
                    raise Conflict("consult.in_charge", IN_CHARGE, name=holder.full_name)
                owned = {"coordinator_id": staff.id, "owner_id": staff.id}
                await self._store.change(tx, consult_id, consult.state, owned)
                if place.offer is not None and place.offer.state in before(OfferState.IN_CHARGE):
                    await self._set(tx, place.offer, OfferState.IN_CHARGE)
                await self._log.append(tx, consult_id, LogKind.OWNER_CHANGED, staff.id, {"owner": staff.id})
                return await self._store.get(tx, consult_id)
        except Forbidden as denial:
            await self._denied(staff, consult_id, "consult.take_charge", denial)
            raise

    async def ring_promised(self) -> None:
        """Ring again for everybody whose promised time has come. Any node may, and none does it twice."""
        async with self._database.reading() as tx:
            promised = (
                await tx.execute(
                    select(offers.c.consult_id, offers.c.staff_id)
                    .where(offers.c.later_at <= await tx.now())
                    .order_by(offers.c.later_at)
                    .limit(BATCH)
                )
            ).all()
        for row in promised:
            async with self._database.transaction() as tx:
                consult = await self._store.get(tx, row.consult_id, lock=True)
                now = await tx.now()
                mine = (offers.c.consult_id == row.consult_id) & (offers.c.staff_id == row.staff_id)
                due = mine & (offers.c.state == OfferState.LATER) & (offers.c.later_at <= now)
                if consult.state is not ConsultState.RINGING:
                    await tx.execute(update(offers).where(due).values(state=OfferState.STOPPED, later_at=None))
                    continue
                rung = await tx.execute(
                    update(offers)
                    .where(due)
                    .values(state=OfferState.RINGING, rung_at=now, answered_at=None, later_at=None)
                    .returning(offers.c.facility_id, offers.c.step)
                )
                for offer in rung.all():
                    told: Data = {
                        "staff": row.staff_id,
                        "facility": offer.facility_id,
                        "step": offer.step,
                        "online": None,
                        "again": True,
                    }
                    await self._log.append(tx, row.consult_id, LogKind.RUNG, None, told)

    async def _say(
        self,
        staff: Staff,
        consult_id: ConsultId,
        state: OfferState,
        kind: LogKind,
        data: Data,
        *,
        reason: DeclineReason | None = None,
        later_at: datetime | None = None,
    ) -> Offer:
        roster = await self._runner.roster_of(consult_id)
        async with self._database.transaction() as tx:
            place, offer = await self._rung(tx, staff, consult_id)
            if offer.state is state:
                return offer
            _require_answerable(offer, state)
            await self._set(tx, offer, state, reason=reason, later_at=later_at)
            await self._log.append(tx, consult_id, kind, staff.id, data)
            consult, known = place.consult, await self._store.offers(tx, consult_id)
            if all_declined(consult.step, [(one.step, one.state) for one in known]):
                await self._runner.climb(
                    tx,
                    consult_id,
                    urgency=consult.urgency,
                    step=consult.step,
                    requester_id=consult.requester_id,
                    roster=roster,
                )
            return next(one for one in known if one.staff_id == staff.id)

    async def _rung(self, tx: Transaction, staff: Staff, consult_id: ConsultId) -> tuple[Standing, Offer]:
        """The locked consult, which rings, with this person's offer."""
        place = await standing(tx, self._store, staff, consult_id, lock=True)
        place.require(*Relation)
        if place.consult.state is not ConsultState.RINGING:
            raise await self._claims.lost(tx, consult_id)
        if place.offer is None:
            raise Conflict("consult.not_rung", NOT_RUNG)
        return place, place.offer

    async def _set(
        self,
        tx: Transaction,
        offer: Offer,
        state: OfferState,
        *,
        reason: DeclineReason | None = None,
        later_at: datetime | None = None,
    ) -> None:
        await tx.execute(
            update(offers)
            .where(
                offers.c.consult_id == offer.consult_id,
                offers.c.staff_id == offer.staff_id,
                offers.c.state.in_(before(state)),
            )
            .values(state=state, reason=reason, answered_at=await tx.now(), later_at=later_at)
        )

    async def _denied(self, staff: Staff, consult_id: ConsultId, action: str, denial: Forbidden) -> None:
        await self._audit.commit(
            AuditEntry(
                actor=staff.id,
                action=action,
                consult_id=consult_id,
                outcome="denied",
                details={"code": denial.code},
            )
        )


def _require_answerable(offer: Offer, state: OfferState) -> None:
    if offer.state not in before(state):
        raise Conflict("offer.answered", ANSWERED)
