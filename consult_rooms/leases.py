"""The claim as a lease: whoever took a case and neither enters nor gives a sign of life loses it to the ladder.

Only a claim that nobody has followed up is ever lost. Once its specialist has been in the room, a dead line is the
room's matter. The store's own time decides; a lapsed claim is taken back by a compare-and-set, so any node may look.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, func, select, update

from consult_rooms.access import Relation
from consult_rooms.claims import Claims
from consult_rooms.handovers import lapse
from consult_rooms.log import ConsultLog, Data
from consult_rooms.log_entry import LogKind
from consult_rooms.model import ConsultState, OfferState, ParticipantRole, Step, Urgency
from consult_rooms.runner import BATCH, LadderRunner
from consult_rooms.standing import standing
from consult_rooms.store import ConsultStore
from consult_rooms.tables import consults, offers, participants
from consult_rooms.transitions import Act, after, before, refusal
from foundation.database import Database, Transaction
from foundation.errors import Conflict
from foundation.i18n import N_
from foundation.ids import ConsultId
from identity.model import Staff

LOST = N_("You did not enter in time, so this case rings for others again. You can still take it while it rings.")


class Leases:
    """Renews claims, and gives those that ran out back to the ladder."""

    def __init__(
        self, database: Database, store: ConsultStore, log: ConsultLog, runner: LadderRunner, claims: Claims
    ) -> None:
        self._database = database
        self._store = store
        self._log = log
        self._runner = runner
        self._claims = claims

    @property
    def renew_s(self) -> float:
        """How often a browser gives its sign of life: three may get lost."""
        return self._claims.lease.total_seconds() / 4

    async def hold(self, staff: Staff, consult_id: ConsultId) -> datetime | None:
        """A sign of life of whoever claimed it: the claim holds until the time given. None: it runs out no longer.

        Raises NotFound for a stranger, Conflict `claim.lost` when it rings again, `consult.already_claimed` when
        somebody else has it, or what the state says.
        """
        async with self._database.transaction() as tx:
            until = await tx.now() + self._claims.lease
            held = await tx.execute(
                update(consults)
                .where(
                    consults.c.id == consult_id,
                    consults.c.state == ConsultState.CLAIMED,
                    consults.c.specialist_id == staff.id,
                    consults.c.lease_until.is_not(None),
                )
                .values(lease_until=until)
            )
            if held.rowcount:
                return until
            place = await standing(tx, self._store, staff, consult_id)
            place.require(*Relation)
            if place.consult.state is ConsultState.CLAIMED:
                if place.related is Relation.SPECIALIST:
                    return None
                raise await self._claims.lost(tx, consult_id)
            if place.consult.state is ConsultState.RINGING:
                raise Conflict("claim.lost", LOST)
            raise refusal(place.consult.state)

    async def run_due(self) -> None:
        """Give back every claim that has run out."""
        async with self._database.reading() as tx:
            due = (
                await tx.execute(
                    select(consults.c.id, consults.c.specialist_id, consults.c.urgency, consults.c.step)
                    .where(consults.c.state == ConsultState.CLAIMED, consults.c.lease_until <= await tx.now())
                    .order_by(consults.c.lease_until)
                    .limit(BATCH)
                )
            ).all()
        for row in due:
            async with self._database.transaction() as tx:
                await self._give_back(tx, row)

    async def _give_back(self, tx: Transaction, row: Row[Any]) -> None:
        """The ladder goes on where it stood, with the whole time of its step: all but those who said no ring again."""
        now = await tx.now()
        step = None if row.step is None else Step(row.step)
        seconds = None if step is None else await self._runner.seconds_of(tx, Urgency(row.urgency), step)
        taken_back = await tx.execute(
            update(consults)
            .where(
                consults.c.id == row.id,
                consults.c.state == ConsultState.CLAIMED,
                consults.c.specialist_id == row.specialist_id,
                consults.c.lease_until <= now,
            )
            .values(
                state=after(ConsultState.CLAIMED, Act.LAPSE),
                specialist_id=None,
                specialist_facility_id=None,
                claimed_at=None,
                lease_until=None,
                paused_at=None,
                owner_id=func.coalesce(consults.c.coordinator_id, consults.c.requester_id),
                step_due_at=None if seconds is None else now + timedelta(seconds=seconds),
            )
            .returning(consults.c.owner_id)
        )
        owner_id = taken_back.scalar_one_or_none()
        if owner_id is None:
            return
        await lapse(tx, row.id)
        await self._empty_room(tx, row, now)
        rung = await tx.execute(
            update(offers)
            .where(offers.c.consult_id == row.id, offers.c.state.in_(_AGAIN))
            .values(state=OfferState.RINGING, rung_at=now, answered_at=None)
            .returning(offers.c.staff_id, offers.c.facility_id, offers.c.step)
        )
        lost: Data = {"staff": row.specialist_id, "owner": owner_id}
        again: list[Data] = [
            {"staff": one.staff_id, "facility": one.facility_id, "step": one.step, "online": None, "again": True}
            for one in rung
        ]
        entries = [(LogKind.CLAIM_LOST, None, lost), *((LogKind.RUNG, None, data) for data in again)]
        await self._log.extend(tx, row.id, entries)

    async def _empty_room(self, tx: Transaction, row: Row[Any], now: datetime) -> None:
        """The room closes; whoever lost the claim has no part in it and no book by it."""
        of_loser = (participants.c.consult_id == row.id) & (participants.c.staff_id == row.specialist_id)
        await tx.execute(delete(participants).where(of_loser, participants.c.joined_at.is_(None)))
        await tx.execute(update(participants).where(of_loser).values(role=ParticipantRole.INVITED, sees_book=False))
        await tx.execute(
            update(participants)
            .where(
                participants.c.consult_id == row.id,
                participants.c.joined_at.is_not(None),
                participants.c.left_at.is_(None),
            )
            .values(left_at=now)
        )


_AGAIN = before(OfferState.RINGING)
"""States of an offer that ring again; a promise for later keeps its own time, but a claim has stopped it by then."""
