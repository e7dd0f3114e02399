"""What a coordinator does to a request from the board: pass it on, make it more urgent, ring wider, note something.

Nobody is made to take a case: whoever it is passed to is rung, and the owner stays the owner until that person accepts.
Each act is one transaction that logs who, what and why; words stand sealed beside the entry (`board_notes`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import update

from consult_rooms import bounds
from consult_rooms.access import coordinates
from consult_rooms.board_notes import LENGTH, note, notes_of
from consult_rooms.board_rows import BoardNote
from consult_rooms.claims import Claims
from consult_rooms.colleagues import require_fit
from consult_rooms.licences import needed
from consult_rooms.log import ConsultLog, Data
from consult_rooms.log_entry import LogKind
from consult_rooms.model import Consult, ConsultState, OfferState, Step, Urgency
from consult_rooms.requests import LAST_STEP
from consult_rooms.runner import LadderRunner
from consult_rooms.standing import NOT_THIS_ROLE, Standing, standing
from consult_rooms.store import UNKNOWN, ConsultStore
from consult_rooms.tables import offers
from consult_rooms.transitions import Act, after, refusal
from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Forbidden, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import ConsultId, StaffId
from identity.model import Staff
from identity.store import Directory

RINGS_ALREADY = N_("It rings for this person already.")
NO_COORDINATOR = N_("This person does not coordinate for this clinic.")
HELD = N_("%(name)s is in charge of this request and alone may pass it to another coordinator.")
NOT_HIGHER = N_("The request is that urgent already. Nothing here makes one less urgent.")


class BoardReason(StrEnum):
    """Why a coordinator acted."""

    UNANSWERED = "unanswered"
    WORSE = "worse"
    """The patient's state, as the clinic tells it."""
    UNFIT = "unfit"
    """It went to the wrong people."""
    WORKLOAD = "workload"
    ASKED = "asked"
    """The clinic asked for it."""
    OTHER = "other"


class BoardActs:
    """The acts of coordinators in charge. `zone` is that of the licence's day.

    All raise NotFound for a stranger and Forbidden `consult.not_your_part` for anybody who does not coordinate the
    clinic (audited), Invalid `choice.unknown` or `text.too_long`, and Conflict by the consult's state.
    """

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
    ) -> None:
        self._database = database
        self._store = store
        self._log = log
        self._runner = runner
        self._directory = directory
        self._audit = audit
        self._claims = claims
        self._zone = zone

    async def ring_specialist(
        self, staff: Staff, consult_id: ConsultId, specialist_id: StaffId, reason: BoardReason | str, text: str = ""
    ) -> None:
        """Ring a specialist of one's choice at once, also one who declined before; the ladder goes on.

        Raises Invalid `reassign.unfit`, Conflict `reassign.rings`, `consult.already_claimed`.
        """
        why, said = _why(reason, text)
        found = (await self._directory.staff_many([specialist_id])).get(specialist_id)
        async with self._changing(staff, consult_id, "board.ring_specialist") as (tx, place):
            consult = await self._ringing(tx, place)
            colleague = require_fit(
                found,
                consult,
                hub_ids=place.hub_ids,
                today=(await tx.now()).astimezone(self._zone).date(),
                words=await needed(tx, consult, place.licence_scopes),
                code="reassign.unfit",
            )
            step = consult.step or Step.SPECIALTY
            await self._pass(tx, consult, staff, colleague, step, {"to": "specialist", "reason": why}, said)

    async def ring_coordinator(
        self, staff: Staff, consult_id: ConsultId, coordinator_id: StaffId, reason: BoardReason | str, text: str = ""
    ) -> None:
        """Ask another coordinator of the clinic to take charge. Until then one's own charge stays one's own to answer.

        Raises Invalid `reassign.no_coordinator`, Conflict `consult.in_charge` when somebody else is, `reassign.rings`.
        """
        why, said = _why(reason, text)
        found = (await self._directory.staff_many([coordinator_id])).get(coordinator_id)
        async with self._changing(staff, consult_id, "board.ring_coordinator") as (tx, place):
            consult = await self._ringing(tx, place)
            if found is None or found.id == staff.id or not coordinates(consult, found, place.hub_ids):
                raise Invalid("reassign.no_coordinator", NO_COORDINATOR, field="staff_id")
            if consult.coordinator_id not in (None, staff.id):
                holder = await self._directory.staff(StaffId(str(consult.coordinator_id)), tx=tx)
                raise Conflict("consult.in_charge", HELD, name=holder.full_name)
            if consult.coordinator_id == staff.id:
                # The charge is free to be taken; whoever had it owns the request until somebody does.
                await self._store.change(tx, consult_id, consult.state, {"coordinator_id": None})
            told: Data = {"to": "coordinator", "reason": why}
            await self._pass(tx, consult, staff, found, Step.COORDINATOR, told, said)

    async def raise_urgency(
        self,
        staff: Staff,
        consult_id: ConsultId,
        urgency: Urgency | str,
        reason: BoardReason | str,
        text: str = "",
    ) -> None:
        """Make it more urgent, which shortens the running step or the time for the answer; nothing lengthens it.

        Raises Conflict `escalate.not_higher`.
        """
        why, said = _why(reason, text)
        wanted = bounds.code(Urgency, urgency, "urgency")
        async with self._changing(staff, consult_id, "board.raise_urgency") as (tx, place):
            consult = place.consult
            if consult.state not in (ConsultState.RINGING, ConsultState.WRITTEN):
                raise await self._lost(tx, consult)
            order = list(Urgency)
            if order.index(wanted) >= order.index(consult.urgency):
                raise Conflict("escalate.not_higher", NOT_HIGHER)
            values: dict[str, Any] = {"urgency": wanted}
            now = await tx.now()
            if consult.step is not None and consult.step_due_at is not None:
                seconds = await self._runner.seconds_of(tx, wanted, consult.step)
                values["step_due_at"] = min(consult.step_due_at, now + timedelta(seconds=seconds))
            if consult.due_at is not None:
                values["due_at"] = min(consult.due_at, now + self._runner.writing.due[wanted])
            await self._store.change(tx, consult_id, consult.state, values)
            told: Data = {"what": "urgency", "urgency": wanted, "before": consult.urgency, "reason": why}
            entry = await self._log.append(tx, consult_id, LogKind.ESCALATED, staff.id, told)
            await note(tx, self._store, entry, staff.id, said)

    async def widen(self, staff: Staff, consult_id: ConsultId, reason: BoardReason | str, text: str = "") -> None:
        """Start the next step now. Raises Conflict `consult.last_step`."""
        why, said = _why(reason, text)
        roster = await self._runner.roster_of(consult_id)
        async with self._changing(staff, consult_id, "board.widen") as (tx, place):
            consult = await self._ringing(tx, place)
            told: Data = {"what": "step", "reason": why}
            entry = await self._log.append(tx, consult_id, LogKind.ESCALATED, staff.id, told)
            await note(tx, self._store, entry, staff.id, said)
            widened = await self._runner.climb(
                tx,
                consult_id,
                urgency=consult.urgency,
                step=consult.step,
                requester_id=consult.requester_id,
                roster=roster,
            )
            if not widened:
                raise Conflict("consult.last_step", LAST_STEP)

    async def comment(self, staff: Staff, consult_id: ConsultId, text: str) -> None:
        """Note something for the other coordinators. Raises Invalid `text.empty`."""
        said = bounds.text(text, LENGTH, "note", empty=False)
        async with self._changing(staff, consult_id, "board.comment") as (tx, place):
            if place.consult.state in (ConsultState.CLOSED, ConsultState.CANCELLED):
                raise refusal(place.consult.state)
            entry = await self._log.append(tx, consult_id, LogKind.COMMENTED, staff.id)
            await note(tx, self._store, entry, staff.id, said)

    async def notes(self, staff: Staff, consult_id: ConsultId) -> tuple[BoardNote, ...]:
        """What was noted about it, newest first."""
        async with self._database.reading() as tx:
            _require(staff, await standing(tx, self._store, staff, consult_id))
            return await notes_of(tx, self._store, consult_id)

    async def colleagues(self, staff: Staff, consult_id: ConsultId) -> tuple[list[Staff], list[Staff]]:
        """Whom it may be passed to: specialists of its field at the clinic's hospitals, and other coordinators."""
        async with self._database.reading() as tx:
            place = await standing(tx, self._store, staff, consult_id)
            _require(staff, place)
            consult, now = place.consult, await tx.now()
            fit = await self._directory.staff_of_specialty(consult.specialty_id, place.hub_ids, tx=tx)
            able = [one for one in fit if one.licence_valid(now.astimezone(self._zone).date())]
            others = await self._directory.coordinators_of(consult.requester_facility_id, tx=tx)
        return able, [one for one in others if one.id != staff.id]

    @asynccontextmanager
    async def _changing(
        self, staff: Staff, consult_id: ConsultId, action: str
    ) -> AsyncIterator[tuple[Transaction, Standing]]:
        """The locked consult for a coordinator in charge; a refusal of the person is audited."""
        try:
            async with self._database.transaction() as tx:
                place = await standing(tx, self._store, staff, consult_id, lock=True)
                _require(staff, place)
                yield tx, place
        except Forbidden as denial:
            await self._audit.commit(
                AuditEntry(
                    actor=staff.id,
                    action=action,
                    consult_id=consult_id,
                    outcome="denied",
                    details={"code": denial.code},
                )
            )
            raise

    async def _ringing(self, tx: Transaction, place: Standing) -> Consult:
        if place.consult.state is not ConsultState.RINGING:
            raise await self._lost(tx, place.consult)
        after(place.consult.state, Act.CHARGE)
        return place.consult

    async def _lost(self, tx: Transaction, consult: Consult) -> Exception:
        return await self._claims.lost(tx, consult.id)

    async def _pass(
        self, tx: Transaction, consult: Consult, staff: Staff, to: Staff, step: Step, told: Data, said: str
    ) -> None:
        known = {offer.staff_id: offer for offer in await self._store.offers(tx, consult.id)}
        if to.id in known and known[to.id].state is OfferState.RINGING:
            raise Conflict("reassign.rings", RINGS_ALREADY)
        rung: dict[str, Any] = {
            "facility_id": to.facility_id,
            "step": step,
            "state": OfferState.RINGING,
            "reason": None,
            "rung_at": await tx.now(),
            "answered_at": None,
            "later_at": None,
        }
        if to.id in known:  # asked again in person: also whoever said no, whom the ladder would leave in peace
            of_person = (offers.c.consult_id == consult.id) & (offers.c.staff_id == to.id)
            await tx.execute(update(offers).where(of_person).values(**rung))
        else:
            await tx.execute(offers.insert().values(consult_id=consult.id, staff_id=to.id, **rung))
        again: Data = {"again": True} if to.id in known else {}
        ring: Data = {"staff": to.id, "facility": to.facility_id, "step": step, "online": None, **again}
        entries = await self._log.extend(
            tx,
            consult.id,
            [(LogKind.REASSIGNED, staff.id, {"staff": to.id, **told}), (LogKind.RUNG, None, ring)],
        )
        await note(tx, self._store, entries[0], staff.id, said)


def _why(reason: BoardReason | str, text: str) -> tuple[BoardReason, str]:
    return bounds.code(BoardReason, reason, "reason"), bounds.text(text, LENGTH, "note")


def _require(staff: Staff, place: Standing) -> None:
    """A coordinator in charge, also one who is in the room as something else."""
    if coordinates(place.consult, staff, place.hub_ids):
        return
    if place.related is None:
        raise NotFound("consult.unknown", UNKNOWN)
    raise Forbidden("consult.not_your_part", NOT_THIS_ROLE)
