"""A request on the clinic's side: asked, widened, changed, cancelled. What those who are rung answer is `answers`.

Each method is one transaction: policy, transition, compare-and-set, log, commit. What other people learn of it,
they learn from the log.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from consult_rooms import bounds, identities, outgoing
from consult_rooms.access import Relation
from consult_rooms.claims import Claims
from consult_rooms.log import ConsultLog, Data
from consult_rooms.log_entry import LogKind
from consult_rooms.model import (
    CancelReason,
    Consent,
    Consult,
    ConsultState,
    IdentityChange,
    Patient,
    Question,
    Urgency,
    WrittenCause,
)
from consult_rooms.roster import Asked
from consult_rooms.runner import LadderRunner
from consult_rooms.standing import Standing, standing
from consult_rooms.store import ConsultStore, code_ahead, new_code
from consult_rooms.tables import consults
from consult_rooms.transitions import Act, after, refusal
from consult_rooms.writing import require_quiet
from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Invalid
from foundation.i18n import N_
from foundation.ids import ConsultId, SpecialtyId, StaffId, TerminalId, new_id
from identity.model import Staff, Terminal
from identity.policy import Action, Target, require
from identity.store import Directory

_NEW = consults.insert().returning(*consults.c)
LAST_STEP = N_("Everybody has been rung already. If no one accepts in time, the request becomes a written case.")
FOREIGN_TERMINAL = N_("This terminal belongs to another facility.")


class Requests:
    """What requesters and coordinators do with a request. `zone` is that of shown times and of the licence's day.

    `follow` is told of each change of identity: what stands in the patient's book moves with it.
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
        follow: identities.Follower | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._log = log
        self._runner = runner
        self._directory = directory
        self._audit = audit
        self._zone = zone
        self._follow = follow
        self._claims = claims

    async def create(
        self,
        staff: Staff,
        *,
        terminal_id: TerminalId | None,
        specialty_id: SpecialtyId,
        urgency: Urgency,
        patient: Patient,
        question: Question,
        consent: Consent | None,
        idempotency_key: str,
        in_writing: bool = False,
        terminal: Terminal | None = None,
    ) -> Consult:
        """Ask for a consult and ring the first step at once. The same key of one requester gives the same consult.

        With `in_writing` a routine question rings for nobody: it is a written case from the first. `terminal` is that
        of `terminal_id`, where the caller has just read it. Raises Forbidden, Invalid (see `bounds`; `request.rings`),
        NotFound for an unknown specialty or terminal.
        """
        require(staff, Action.REQUEST_CONSULT, Target(facility_id=staff.facility_id))
        key = bounds.key(idempotency_key)
        person, asked = bounds.patient(patient), bounds.question(question)
        given = None if consent is None else bounds.consent(consent)
        bounds.request(urgency, person, asked, given)
        if in_writing:
            require_quiet(urgency, "in_writing")
        if terminal_id is not None and (terminal is None or terminal.id != terminal_id):
            terminal = await self._directory.terminal(terminal_id)
        if terminal is not None and terminal.facility_id != staff.facility_id:
            raise Invalid("terminal.foreign", FOREIGN_TERMINAL, field="terminal_id")
        asked_of = Asked(staff.facility_id, specialty_id, staff.id, person.patient_id)
        roster = None if in_writing else await self._runner.roster(asked_of)
        consult_id, code = ConsultId(new_id("con")), await code_ahead(self._database, self._zone)
        details: Data = {
            "facility": staff.facility_id,
            "terminal": terminal_id,
            "specialty": specialty_id,
            "urgency": urgency,
            "identity": person.identity,
            "consent": None if given is None else given.by,
        }
        try:
            async with self._database.transaction() as tx:
                now = await tx.now()
                first = None if roster is None else self._runner.first(urgency, staff.id, roster, now)
                due_at = now + self._runner.writing.due[urgency] if first is None else None
                entries: list[tuple[LogKind, StaffId | None, Data]] = [(LogKind.REQUESTED, staff.id, details)]
                if due_at is not None:
                    written: Data = {"cause": WrittenCause.ASKED.value, "due_at": due_at.isoformat()}
                    entries.append((LogKind.WRITTEN, staff.id, written))
                if first is not None:
                    entries.extend(first.entries)
                row = await tx.execute(
                    _NEW,
                    {
                        "id": consult_id,
                        "code": code or await new_code(tx, now.astimezone(self._zone)),
                        "state": ConsultState.WRITTEN if first is None else ConsultState.RINGING,
                        "urgency": urgency,
                        "specialty_id": specialty_id,
                        "requester_id": staff.id,
                        "requester_facility_id": staff.facility_id,
                        "owner_id": staff.id,
                        "terminal_id": terminal_id,
                        "idempotency_hash": key,
                        "created_at": now,
                        "step": None if first is None else first.step,
                        "step_due_at": None if first is None else first.due_at,
                        "due_at": due_at,
                        "log_number": len(entries),
                        **self._store.patient_values(consult_id, person),
                        **self._store.question_values(consult_id, asked),
                        **self._store.consent_values(consult_id, given),
                    },
                )
                consult = self._store.consult(row.mappings().one())
                await identities.begin(tx, self._store, consult_id, staff.id, person)
                if first is not None:
                    await self._runner.ring(tx, consult_id, first)
                await self._log.numbered(tx, consult_id, len(entries), entries)
                return consult
        except IntegrityError:
            # The same key came before, which is seldom: it is looked for only now. Or there is no such specialty.
            if (known := await self._by_key(staff, key)) is None:
                await self._directory.specialty(specialty_id)
                raise
            return known

    async def widen(self, staff: Staff, consult_id: ConsultId) -> Consult:
        """Start the next step now. Requester or coordinator. Raises Conflict `consult.last_step`."""
        roster = await self._runner.roster_of(consult_id)
        async with self._database.transaction() as tx:
            consult = (await self._for_requester(tx, staff, consult_id, Act.RING)).consult
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
            return await self._store.get(tx, consult_id)

    async def cancel(
        self, staff: Staff, consult_id: ConsultId, reason: CancelReason | str = CancelReason.NO_LONGER_NEEDED
    ) -> Consult:
        """Give up a request that rings. Requester or coordinator. A booked one is cancelled by `Scheduling`."""
        why = bounds.code(CancelReason, reason, "reason")
        async with self._database.transaction() as tx:
            consult = (await self._for_requester(tx, staff, consult_id, Act.CANCEL)).consult
            if consult.state is ConsultState.SCHEDULED:
                raise refusal(consult.state)
            await self._store.change(
                tx,
                consult_id,
                consult.state,
                {
                    "state": after(consult.state, Act.CANCEL),
                    "step_due_at": None,
                    "due_at": None,
                    "cancelled_at": await tx.now(),
                    "cancel_reason": why,
                },
            )
            await self._claims.stop_ringing(tx, consult_id)
            await self._log.append(tx, consult_id, LogKind.CANCELLED, staff.id, {"reason": why})
            return await self._store.get(tx, consult_id)

    async def change_question(
        self, staff: Staff, consult_id: ConsultId, question: Question, *, urgency: Urgency | str | None = None
    ) -> Consult:
        """Write the question anew, and perhaps another urgency, while it rings or before a booked time.

        A more urgent one shortens the running step; nothing lengthens it.
        """
        asked = bounds.question(question)
        async with self._database.transaction() as tx:
            consult = (await self._for_requester(tx, staff, consult_id, Act.ASK)).consult
            now_urgent = consult.urgency if urgency is None else bounds.code(Urgency, urgency, "urgency")
            bounds.request(now_urgent, consult.patient, asked, consult.consent)
            values: dict[str, Any] = {"urgency": now_urgent, **self._store.question_values(consult_id, asked)}
            if consult.step is not None and consult.step_due_at is not None and now_urgent is not consult.urgency:
                seconds = await self._runner.seconds_of(tx, now_urgent, consult.step)
                sooner = await tx.now() + timedelta(seconds=seconds)
                values["step_due_at"] = min(consult.step_due_at, sooner)
            await self._store.change(tx, consult_id, consult.state, values)
            await self._log.append(tx, consult_id, LogKind.QUESTION_CHANGED, staff.id, {"urgency": now_urgent})
            return await self._store.get(tx, consult_id)

    async def record_consent(self, staff: Staff, consult_id: ConsultId, consent: Consent) -> Consult:
        """Record the patient's consent or refusal later, as in an emergency. A refused record view closes the book."""
        given = bounds.consent(consent)
        async with self._database.transaction() as tx:
            consult = (await self._for_requester(tx, staff, consult_id, Act.CONSENT, coordinator=False)).consult
            await self._store.change(tx, consult_id, consult.state, self._store.consent_values(consult_id, given))
            await self._log.append(
                tx,
                consult_id,
                LogKind.CONSENT_RECORDED,
                staff.id,
                {"by": given.by, "consult": given.consult, "record_view": given.record_view},
            )
            return await self._store.get(tx, consult_id)

    async def change_identity(
        self,
        staff: Staff,
        consult_id: ConsultId,
        patient: Patient | None,
        kind: IdentityChange | str = IdentityChange.CONFIRMED,
    ) -> Consult:
        """Confirm or merge the identity, turn to another patient, or take the last change back (`reverted`). Audited.

        Requester only. Raises Invalid `patient.unusable`, Conflict `identity.nothing_to_revert`.
        """
        how = bounds.code(IdentityChange, kind, "kind")
        async with self._database.transaction() as tx:
            consult = (await self._for_requester(tx, staff, consult_id, Act.IDENTIFY, coordinator=False)).consult
            new = await identities.change(tx, self._store, consult, staff.id, how, patient)
            if new == consult.patient:
                return consult
            if self._follow is not None and how is not IdentityChange.TURNED:  # what belongs to one stays with that one
                await self._follow(tx, staff.id, consult, new)
            await outgoing.anew(tx, consult_id)
            await self._log.append(
                tx, consult_id, LogKind.IDENTITY_CHANGED, staff.id, {"kind": how, "identity": new.identity}
            )
            await self._audit.record(
                tx,
                AuditEntry(
                    actor=staff.id,
                    action=f"consult.identity_{how}",
                    patient_id=new.patient_id,
                    consult_id=consult_id,
                    details={"before": consult.patient.patient_id},
                ),
            )
            return await self._store.get(tx, consult_id)

    async def _for_requester(
        self, tx: Transaction, staff: Staff, consult_id: ConsultId, act: Act, *, coordinator: bool = True
    ) -> Standing:
        """The locked consult, for its requester or a coordinator in charge, in a state that allows the act."""
        place = await standing(tx, self._store, staff, consult_id, lock=True)
        place.require(Relation.REQUESTER, *([Relation.COORDINATOR] if coordinator else []))
        if act in (Act.RING, Act.CANCEL) and place.consult.specialist_id is not None and place.consult.claimed_at:
            raise await self._claims.lost(tx, consult_id)
        after(place.consult.state, act)
        return place

    async def _by_key(self, staff: Staff, key: str) -> Consult | None:
        async with self._database.reading() as tx:
            found = await self._store.many(
                tx, select(consults).where(consults.c.requester_id == staff.id, consults.c.idempotency_hash == key)
            )
        return found[0] if found else None
