"""A claimed consult passes to another specialist: offered, rung, and counted only when accepted.

Until then the owner stays the owner. With the acceptance the right to the book moves too; whoever handed over stays in
the room as one who takes part, until they leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, String, bindparam, select, update

from consult_rooms import bounds
from consult_rooms.access import Relation, require_licence
from consult_rooms.claims import Claims
from consult_rooms.colleagues import require_fit
from consult_rooms.licences import in_scope, needed, scopes_of
from consult_rooms.log import ConsultLog
from consult_rooms.log_entry import LogKind
from consult_rooms.model import Consult, ConsultState, DeclineReason, HandoverState, ParticipantRole
from consult_rooms.pairing_tables import handovers
from consult_rooms.standing import standing
from consult_rooms.store import UNKNOWN, ConsultStore
from consult_rooms.tables import consults
from consult_rooms.transitions import Act, after
from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Instant, Transaction
from foundation.errors import Conflict, Forbidden, NotFound
from foundation.i18n import N_
from foundation.ids import ConsultId, FacilityId, HandoverId, StaffId, new_id
from identity.model import Staff
from identity.policy import Action, require
from identity.store import Directory

OPEN = N_("This consult is offered to %(name)s already. Withdraw that first.")
GONE = N_("This handover is no longer open.")
NOT_ENTERED = N_("Enter the room first: a case that nobody has entered yet cannot pause.")


@dataclass(frozen=True, slots=True)
class Handover:
    """An offer of a claimed consult to another specialist."""

    id: HandoverId
    consult_id: ConsultId
    from_id: StaffId
    to_id: StaffId
    to_facility_id: FacilityId
    state: HandoverState
    offered_at: datetime


class Handovers:
    """Offers, answers and pauses of running consults. `zone` is that of the licence's day."""

    def __init__(
        self,
        database: Database,
        store: ConsultStore,
        log: ConsultLog,
        directory: Directory,
        audit: Audit,
        claims: Claims,
        zone: ZoneInfo,
    ) -> None:
        self._database = database
        self._store = store
        self._log = log
        self._directory = directory
        self._audit = audit
        self._claims = claims
        self._zone = zone

    async def offer(self, staff: Staff, consult_id: ConsultId, to_id: StaffId) -> Handover:
        """Ring a colleague to take it over. The specialist who has it does; the same offer again is one offer.

        Raises Invalid `handover.unfit`, Conflict `handover.open` with `name`, or by the state.
        """
        found = (await self._directory.staff_many([to_id])).get(to_id)
        async with self._database.transaction() as tx:
            place = await standing(tx, self._store, staff, consult_id, lock=True)
            place.require(Relation.SPECIALIST)
            after(place.consult.state, Act.HAND_OVER)
            now = await tx.now()
            known = await open_of(tx, consult_id)
            if known is not None:
                if known.to_id == to_id:
                    return known
                holder = await self._directory.staff(known.to_id, tx=tx)
                raise Conflict("handover.open", OPEN, name=holder.full_name)
            colleague = require_fit(
                found,
                place.consult,
                hub_ids=place.hub_ids,
                today=now.astimezone(self._zone).date(),
                words=await needed(tx, place.consult, place.licence_scopes),
                code="handover.unfit",
            )
            offered = Handover(
                HandoverId(new_id("han")),
                consult_id,
                staff.id,
                colleague.id,
                colleague.facility_id,
                HandoverState.OFFERED,
                now,
            )
            await tx.execute(
                handovers.insert().values(
                    id=offered.id,
                    consult_id=consult_id,
                    from_id=staff.id,
                    to_id=colleague.id,
                    to_facility_id=colleague.facility_id,
                    state=HandoverState.OFFERED,
                    offered_at=now,
                )
            )
            await self._log.append(tx, consult_id, LogKind.HANDOVER_OFFERED, staff.id, {"staff": colleague.id})
            return offered

    async def accept(self, staff: Staff, consult_id: ConsultId, *, pause: bool = False) -> Consult:
        """Take it over: owner, role and book move at once. Again by the same person: the same consult.

        Raises NotFound for anybody to whom it was never offered, Conflict `handover.gone`, `consult.running` unless
        `pause`, or by the state; Forbidden `licence.expired` or `licence.out_of_scope` (audited).
        """
        try:
            require(staff, Action.ACCEPT_CONSULT)
            async with self._database.transaction() as tx:
                consult = await self._store.get(tx, consult_id, lock=True)
                offered = await open_of(tx, consult_id)
                if offered is None or offered.to_id != staff.id:
                    if consult.state is ConsultState.CLAIMED and consult.specialist_id == staff.id:
                        return consult
                    raise await self._gone(tx, staff, consult_id)
                after(consult.state, Act.HAND_OVER)
                now = await tx.now()
                fit = await in_scope(tx, staff, consult, await scopes_of(tx, consult.specialty_id))
                require_licence(staff, today=now.astimezone(self._zone).date(), in_scope=fit)
                await self._claims.let_go(tx, staff, consult_id, pause=pause)
                taken: dict[str, Any] = {
                    "specialist_id": staff.id,
                    "specialist_facility_id": offered.to_facility_id,
                    "owner_id": staff.id,
                    # The lease is of a consult that nobody has entered; one that runs is not lost by a dead line.
                    "lease_until": None if consult.lease_until is None else now + self._claims.lease,
                    "paused_at": None,
                }
                moved = await tx.execute(
                    update(consults)
                    .where(
                        consults.c.id == consult_id,
                        consults.c.state == ConsultState.CLAIMED,
                        consults.c.specialist_id == offered.from_id,
                    )
                    .values(**taken)
                )
                if not moved.rowcount:
                    raise Conflict("handover.gone", GONE)
                await _close(tx, offered.id, HandoverState.ACCEPTED, now)
                parts = [
                    (offered.from_id, ParticipantRole.INVITED, False),
                    (staff.id, ParticipantRole.SPECIALIST, True),
                ]
                await self._store.admit(tx, consult_id, parts)
                await self._log.append(
                    tx, consult_id, LogKind.HANDED_OVER, staff.id, {"from": offered.from_id, "owner": staff.id}
                )
                return await self._store.get(tx, consult_id)
        except Forbidden as denial:
            await self._audit.commit(
                AuditEntry(
                    actor=staff.id,
                    action="consult.accept_handover",
                    consult_id=consult_id,
                    outcome="denied",
                    details={"code": denial.code},
                )
            )
            raise

    async def decline(self, staff: Staff, consult_id: ConsultId, reason: DeclineReason | str) -> None:
        """Say no to a handover, with the reason; whoever has the case keeps it. Twice is once.

        Raises NotFound for anybody to whom it was never offered, Conflict `handover.gone`.
        """
        why = bounds.code(DeclineReason, reason, "reason")
        async with self._database.transaction() as tx:
            await self._store.get(tx, consult_id, lock=True)
            offered = await open_of(tx, consult_id)
            if offered is None or offered.to_id != staff.id:
                last = await _last_to(tx, consult_id, staff.id)
                if last is not None and last.state is HandoverState.DECLINED:
                    return
                raise await self._gone(tx, staff, consult_id)
            await _close(tx, offered.id, HandoverState.DECLINED, await tx.now(), reason=why)
            await self._log.append(tx, consult_id, LogKind.HANDOVER_DECLINED, staff.id, {"reason": why})

    async def withdraw(self, staff: Staff, consult_id: ConsultId) -> None:
        """Take one's offer back while it is open. The specialist who has the case does; twice is once."""
        async with self._database.transaction() as tx:
            place = await standing(tx, self._store, staff, consult_id, lock=True)
            place.require(Relation.SPECIALIST)
            offered = await open_of(tx, consult_id)
            if offered is None:
                return
            await _close(tx, offered.id, HandoverState.WITHDRAWN, await tx.now())
            await self._log.append(tx, consult_id, LogKind.HANDOVER_WITHDRAWN, staff.id, {"staff": offered.to_id})

    async def pause(self, staff: Staff, consult_id: ConsultId) -> None:
        """Step out of a running consult for another; entering its room again ends the pause. Twice is once.

        Raises Conflict `consult.not_entered` or by the state.
        """
        async with self._database.transaction() as tx:
            place = await standing(tx, self._store, staff, consult_id, lock=True)
            place.require(Relation.SPECIALIST)
            after(place.consult.state, Act.MEET)
            if place.participant is None or place.participant.joined_at is None:
                raise Conflict("consult.not_entered", NOT_ENTERED)
            await self._claims.pause(tx, staff, consult_id)

    async def _gone(self, tx: Transaction, staff: Staff, consult_id: ConsultId) -> Conflict:
        """Why there is nothing to answer. Raises NotFound for anybody to whom it was never offered."""
        if await _last_to(tx, consult_id, staff.id) is None:
            raise NotFound("consult.unknown", UNKNOWN)
        return Conflict("handover.gone", GONE)


async def open_of(tx: Transaction, consult_id: ConsultId) -> Handover | None:
    """The consult's open handover."""
    query = select(handovers).where(handovers.c.consult_id == consult_id, handovers.c.state == HandoverState.OFFERED)
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else _handover(row)


async def lapse(tx: Transaction, consult_id: ConsultId) -> None:
    """The consult is no longer there to be handed over: an open offer of it is over."""
    await tx.execute(_LAPSED, {"one_id": consult_id, "now": await tx.now()})


_LAPSED = (
    update(handovers)
    .where(handovers.c.consult_id == bindparam("one_id", type_=String), handovers.c.state == HandoverState.OFFERED)
    .values(state=HandoverState.LAPSED, answered_at=bindparam("now", type_=Instant))
)


async def _last_to(tx: Transaction, consult_id: ConsultId, staff_id: StaffId) -> Handover | None:
    row = (
        await tx.execute(
            select(handovers)
            .where(handovers.c.consult_id == consult_id, handovers.c.to_id == staff_id)
            .order_by(handovers.c.offered_at.desc(), handovers.c.id.desc())
            .limit(1)
        )
    ).one_or_none()
    return None if row is None else _handover(row)


async def _close(
    tx: Transaction, handover_id: HandoverId, state: HandoverState, at: datetime, *, reason: str | None = None
) -> None:
    await tx.execute(
        update(handovers).where(handovers.c.id == handover_id).values(state=state, answered_at=at, reason=reason)
    )


def _handover(row: Row[Any]) -> Handover:
    return Handover(
        HandoverId(row.id),
        ConsultId(row.consult_id),
        StaffId(row.from_id),
        StaffId(row.to_id),
        FacilityId(row.to_facility_id),
        HandoverState(row.state),
        row.offered_at,
    )
