"""Written cases: taken, chosen, raised to a call, listed. How a case becomes one by the ladder is `writing`'s.

A case that nobody has taken stays its requester's, or the coordinator's who took charge of it; whoever takes it owns it
from there on. A call in which the line died is the same case: its thread goes on, and the call with it when it can.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, case, delete, exists, or_, select, update

from consult_rooms.access import Relation, require_claim
from consult_rooms.joins import Joins, mine
from consult_rooms.licences import in_scope
from consult_rooms.log import ConsultLog, Data
from consult_rooms.log_entry import LogKind
from consult_rooms.model import Consult, ConsultState, DeclineReason, ParticipantRole, Urgency, WrittenCause
from consult_rooms.rows import ConsultRow
from consult_rooms.runner import LadderRunner
from consult_rooms.standing import NOT_THIS_ROLE, standing
from consult_rooms.store import ConsultStore
from consult_rooms.tables import consult_log, consults, offers, participants
from consult_rooms.transitions import Act, after, refusal
from consult_rooms.writing import Writing, require_quiet
from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Forbidden
from foundation.i18n import N_
from foundation.ids import ConsultId
from identity.model import Role, Staff
from identity.policy import Action, may, require
from identity.store import Directory

ROWS = 200
"""Rows of the list at most."""
BATCH = 50
TAKEN = N_("%(name)s took this case at %(time)s.")
EMPTY_FOR = timedelta(minutes=10)
"""How long a room that nobody ended stays empty before its case goes on in writing, unless settings say otherwise."""


class WrittenCases:
    """Everything that people do with written cases, a transaction each."""

    def __init__(
        self,
        database: Database,
        store: ConsultStore,
        log: ConsultLog,
        directory: Directory,
        runner: LadderRunner,
        writing: Writing,
        audit: Audit,
        zone: ZoneInfo,
        empty_for: timedelta = EMPTY_FOR,
    ) -> None:
        self._database = database
        self._store = store
        self._log = log
        self._directory = directory
        self._runner = runner
        self._writing = writing
        self._audit = audit
        self._zone = zone
        self._empty_for = empty_for
        self._joins = Joins(directory, store, zone)

    async def take(self, staff: Staff, consult_id: ConsultId) -> Consult:
        """Take a case that nobody has: one compare-and-set. Again by the same person: the same consult.

        From here on this person owns it, and its book opens to them as after a claim. Raises Conflict
        `consult.already_claimed` with `name` and `time`, or what the state says; Forbidden `licence.expired`,
        `licence.out_of_scope`, `consult.not_offered`.
        """
        try:
            require(staff, Action.ACCEPT_CONSULT)
            async with self._database.transaction() as tx:
                return await self._taken(tx, staff, consult_id)
        except Forbidden as denial:
            details: dict[str, str | int | bool | None] = {"code": denial.code}
            await self._audit.commit(
                AuditEntry(staff.id, "consult.take", consult_id=consult_id, outcome="denied", details=details)
            )
            raise

    async def _taken(self, tx: Transaction, staff: Staff, consult_id: ConsultId) -> Consult:
        place = await standing(tx, self._store, staff, consult_id, lock=True)
        consult = place.consult
        if consult.state is ConsultState.WRITTEN and consult.specialist_id == staff.id:
            return consult
        now = await tx.now()
        require_claim(
            consult,
            staff,
            offer=place.offer,
            hub_ids=place.hub_ids,
            today=now.astimezone(self._zone).date(),
            in_scope=await in_scope(tx, staff, consult, place.licence_scopes),
        )
        led_to = after(consult.state, Act.TAKE)
        if consult.specialist_id is not None:
            winner = await self._directory.staff(consult.specialist_id, tx=tx)
            time = (consult.claimed_at or now).astimezone(self._zone).strftime("%H:%M:%S")
            raise Conflict("consult.already_claimed", TAKEN, name=winner.full_name, time=time)
        facility_id = staff.facility_id if place.offer is None else place.offer.facility_id
        await tx.execute(
            update(consults)
            .where(consults.c.id == consult_id, consults.c.specialist_id.is_(None))
            .values(
                state=led_to,
                specialist_id=staff.id,
                specialist_facility_id=facility_id,
                owner_id=staff.id,
                claimed_at=now,
            )
        )
        await self._store.admit(
            tx,
            consult_id,
            [(consult.requester_id, ParticipantRole.REQUESTER, True), (staff.id, ParticipantRole.SPECIALIST, True)],
        )
        waited_s = round((now - consult.created_at).total_seconds(), 3)
        data: Data = {"facility": facility_id, "waited_s": waited_s, "owner": staff.id}
        await self._log.append(tx, consult_id, LogKind.TAKEN, staff.id, data)
        return await self._store.get(tx, consult_id)

    async def go_on(self, staff: Staff, consult_id: ConsultId) -> Consult:
        """Go on in writing, since the line does not carry the call. Either side; again: nothing happens.

        Its owner may while a routine question rings, and nobody is rung any longer. Raises Forbidden for others,
        Invalid `request.rings` for one that is more urgent, Conflict by the state.
        """
        async with self._database.transaction() as tx:
            place = await standing(tx, self._store, staff, consult_id, lock=True)
            consult = place.consult
            place.require(Relation.REQUESTER, Relation.SPECIALIST, *_in_charge(consult))
            if consult.state is ConsultState.WRITTEN:
                return consult
            if consult.state is ConsultState.RINGING:
                if consult.owner_id != staff.id:
                    raise Forbidden("consult.not_your_part", NOT_THIS_ROLE)
                require_quiet(consult.urgency)
                await self._writing.begin(tx, consult.id, consult.urgency, WrittenCause.CHOSEN, actor=staff.id)
                return await self._store.get(tx, consult_id)
            if consult.state is not ConsultState.CLAIMED:
                raise refusal(consult.state)
            await self._leave(tx, consult, WrittenCause.CHOSEN, staff)
            return await self._store.get(tx, consult_id)

    async def _leave(self, tx: Transaction, consult: Consult, cause: WrittenCause, staff: Staff | None) -> None:
        """A call becomes a written case: whoever is in the room is out of it."""
        actor = None if staff is None else staff.id
        await tx.execute(
            update(participants)
            .where(
                participants.c.consult_id == consult.id,
                participants.c.joined_at.is_not(None),
                participants.c.left_at.is_(None),
            )
            .values(left_at=await tx.now())
        )
        await tx.execute(update(consults).where(consults.c.id == consult.id).values(lease_until=None, paused_at=None))
        await self._writing.begin(tx, consult.id, consult.urgency, cause, state=ConsultState.CLAIMED, actor=actor)

    async def raise_to_call(self, staff: Staff, consult_id: ConsultId) -> Consult:
        """Make a call of it. A case that somebody took goes straight to the room; any other rings from the first step.

        Either side; a coordinator in charge for one that nobody took. When it is a call already, nothing happens.
        Raises Forbidden, Conflict by the state.
        """
        roster = await self._runner.roster_of(consult_id)
        async with self._database.transaction() as tx:
            place = await standing(tx, self._store, staff, consult_id, lock=True)
            consult = place.consult
            taken = consult.specialist_id is not None
            place.require(Relation.REQUESTER, Relation.SPECIALIST, *_in_charge(consult))
            if consult.state is (ConsultState.CLAIMED if taken else ConsultState.RINGING):
                return consult
            led_to = after(consult.state, Act.RAISE if taken else Act.RING_AGAIN)
            changed: dict[str, Any] = {"state": led_to, "due_at": None}
            if taken:
                await self._store.change(tx, consult_id, ConsultState.WRITTEN, changed)
                called = consult.requester_id if staff.id == consult.specialist_id else consult.specialist_id
                await self._log.append(tx, consult_id, LogKind.RAISED, staff.id, {"staff": called})
                return await self._store.get(tx, consult_id)
            await self._store.change(
                tx, consult_id, ConsultState.WRITTEN, {**changed, "step": None, "step_due_at": None}
            )
            # Nobody rings twice on one ladder; this is another one. Who is out of this field stays out of it.
            again = offers.c.reason.is_(None) | (offers.c.reason != DeclineReason.OUT_OF_SCOPE)
            await tx.execute(delete(offers).where(offers.c.consult_id == consult_id, again))
            await self._log.append(tx, consult_id, LogKind.RAISED, staff.id)
            await self._runner.climb(
                tx,
                consult_id,
                urgency=consult.urgency,
                step=None,
                requester_id=consult.requester_id,
                roster=roster,
            )
            return await self._store.get(tx, consult_id)

    async def listed(self, staff: Staff) -> list[ConsultRow]:
        """Written cases of this person, by urgency and then by what is due first.

        Own ones; those that nobody took in the own field at linked hospitals; for coordinators those of their clinics.
        """
        async with self._database.reading() as tx:
            clinics = [
                staff.facility_id,
                *(one.id for one in await self._directory.spokes_of(staff.facility_id, tx=tx)),
            ]
            here = consults.c.requester_facility_id.in_(clinics)
            shown = [mine(staff.id)]
            if Role.SPECIALIST in staff.roles and may(staff, Action.ACCEPT_CONSULT):
                free = consults.c.specialist_id.is_(None)
                shown.append(and_(free, here, consults.c.specialty_id.in_(staff.specialties)))
            if Role.COORDINATOR in staff.roles:
                shown.append(here)
            urgency = case({kind: rank for rank, kind in enumerate(Urgency)}, value=consults.c.urgency)
            query = (
                select(consults)
                .where(consults.c.state == ConsultState.WRITTEN, or_(*shown))
                .order_by(urgency, consults.c.due_at, consults.c.id)
                .limit(ROWS)
            )
            return await self._joins.rows(tx, staff, await self._store.many(tx, query))

    async def run_overdue(self) -> None:
        """Say in the log, once for each due time that passes, that a case is overdue: its owner hears of it there."""
        said = exists().where(
            consult_log.c.consult_id == consults.c.id,
            consult_log.c.kind == LogKind.OVERDUE,
            consult_log.c.at >= consults.c.due_at,
        )
        late = select(consults.c.id, consults.c.owner_id).where(consults.c.state == ConsultState.WRITTEN, ~said)
        async with self._database.reading() as tx:
            found = (await tx.execute(late.where(consults.c.due_at <= await tx.now()).limit(BATCH))).all()
        for one in found:
            async with self._database.transaction() as tx:
                await self._store.get(tx, one.id, lock=True)
                still = late.where(consults.c.id == one.id, consults.c.due_at <= await tx.now())
                for row in (await tx.execute(still)).all():
                    await self._log.append(tx, row.id, LogKind.OVERDUE, None, {"staff": row.owner_id})

    async def run_left(self) -> None:
        """Turn calls into written cases whose room has been empty for long although nobody ended them."""
        someone = participants.c.consult_id == consults.c.id
        async with self._database.reading() as tx:
            limit = await tx.now() - self._empty_for
            here = exists().where(someone, participants.c.joined_at.is_not(None), participants.c.left_at.is_(None))
            lately = exists().where(someone, participants.c.left_at > limit)
            specialist_was = exists().where(
                someone, participants.c.staff_id == consults.c.specialist_id, participants.c.left_at <= limit
            )
            found = await tx.execute(
                select(consults.c.id)
                .where(consults.c.state == ConsultState.CLAIMED, ~here, ~lately, specialist_was)
                .limit(BATCH)
            )
            ids = [ConsultId(one) for one in found.scalars()]
        for consult_id in ids:
            async with self._database.transaction() as tx:
                consult = await self._store.get(tx, consult_id, lock=True)
                people = await self._store.participants(tx, consult_id)
                if consult.state is ConsultState.CLAIMED and not any(person.present for person in people):
                    await self._leave(tx, consult, WrittenCause.LEFT, None)


def _in_charge(consult: Consult) -> tuple[Relation, ...]:
    """Who else stands in for the requester: a coordinator, as long as nobody has taken the case."""
    return () if consult.specialist_id is not None else (Relation.COORDINATOR,)
