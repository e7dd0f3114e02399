"""After the advice: the clinic reads it, says on some days what became of the patient, and both sides rate the consult.

A follow-up is a row with its `due_at`. Any node looks for due ones and tells the clinic; one compare-and-set on
`told_at`, in the transaction that puts the notice into the outbox, lets exactly one do it.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, exists, select, update

from consult_rooms import bounds
from consult_rooms.access import Relation
from consult_rooms.aftercare_model import Advice, Answer, FollowUp, LineFelt, Outcome, Usefulness
from consult_rooms.aftercare_notices import AftercareNotices
from consult_rooms.aftercare_tables import consult_ratings, follow_up_answers, follow_ups, given_advice
from consult_rooms.log import ConsultLog
from consult_rooms.log_entry import LogKind
from consult_rooms.model import ConsultState
from consult_rooms.standing import NOT_THIS_ROLE, Standing, standing
from consult_rooms.store import ConsultStore
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Forbidden, NotFound
from foundation.i18n import N_
from foundation.ids import ConsultId
from identity.model import Staff
from identity.store import Directory

NOTE = 2_000
"""Characters of a note at most."""
BATCH = 200
NO_ADVICE = N_("There is no advice about this patient yet.")
NO_SUCH_DAY = N_("No follow-up is planned for this day.")
RUNNING = N_("Rate the consult when it has ended.")
READERS = (Relation.REQUESTER, Relation.SPECIALIST, Relation.INVITED)


class FollowUps:
    """What people do after the advice. All raise NotFound `consult.unknown` for a stranger, Forbidden by their part."""

    def __init__(
        self,
        database: Database,
        store: ConsultStore,
        log: ConsultLog,
        directory: Directory,
        told: AftercareNotices | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._log = log
        self._directory = directory
        self._told = told

    async def of(self, staff: Staff, consult_id: ConsultId) -> tuple[Advice, ...]:
        """The advice about each patient and what came after, for those who may read the opinion."""
        async with self._database.reading() as tx:
            (await standing(tx, self._store, staff, consult_id)).require(*READERS)
            return await self._advice(tx, consult_id)

    async def read(self, staff: Staff, consult_id: ConsultId, person: int) -> None:
        """The clinic has read the advice. Again: nothing happens. Raises NotFound `advice.none`."""
        async with self._database.transaction() as tx:
            await self._of_clinic(tx, staff, consult_id)
            row = (await tx.execute(select(given_advice.c.read_at).where(*_about(consult_id, person)))).one_or_none()
            if row is None:
                raise NotFound("advice.none", NO_ADVICE)
            if row.read_at is not None:
                return
            seen = update(given_advice).where(*_about(consult_id, person), given_advice.c.read_at.is_(None))
            await tx.execute(seen.values(read_at=await tx.now(), read_by=staff.id))
            await self._log.append(tx, consult_id, LogKind.ADVICE_READ, staff.id, {"person": person})

    async def answer(
        self, staff: Staff, consult_id: ConsultId, person: int, day: int, outcome: Outcome | str, note: str = ""
    ) -> None:
        """What became of the patient, as of that day; the specialist hears that there is an answer.

        A later answer to the same day corrects the earlier one, which is kept; the same again is one. It may come
        before the day. Raises Invalid `choice.unknown`, `text.too_long`, NotFound `follow_up.none`.
        """
        came = bounds.code(Outcome, outcome, "outcome")
        said = bounds.text(note, NOTE, "note")
        async with self._database.transaction() as tx:
            await self._of_clinic(tx, staff, consult_id)
            plan = _day(consult_id, person, day)
            if (await tx.execute(select(follow_ups.c.day).where(*plan))).first() is None:
                raise NotFound("follow_up.none", NO_SUCH_DAY)
            known = await self._answers(tx, consult_id, person, day)
            if known and known[-1].outcome is came and said in ("", known[-1].note):
                return
            number = len(known) + 1
            place = note_place(consult_id, person, day, number)
            await tx.execute(
                follow_up_answers.insert().values(
                    consult_id=consult_id,
                    person=person,
                    day=day,
                    number=number,
                    outcome=came,
                    note_sealed=self._store.sealer.seal_text(said, place),
                    staff_id=staff.id,
                    at=await tx.now(),
                )
            )
            await tx.execute(update(follow_ups).where(*plan).values(outcome=came))
            # The log tells that it was answered; what, only those of the case read.
            await self._log.append(tx, consult_id, LogKind.FOLLOWED_UP, staff.id, {"person": person, "day": day})
            if self._told is not None:
                await self._told.outcome(tx, consult_id, person, day)

    async def rate(
        self,
        staff: Staff,
        consult_id: ConsultId,
        usefulness: Usefulness | str | None = None,
        line: LineFelt | str | None = None,
    ) -> None:
        """One side's rating; what is None stays as it was. Raises Invalid `choice.unknown`, Conflict `rating.early`."""
        useful = None if usefulness is None else bounds.code(Usefulness, usefulness, "usefulness")
        felt = None if line is None else bounds.code(LineFelt, line, "line")
        values = {name: one for name, one in (("usefulness", useful), ("line", felt)) if one is not None}
        if not values:
            return
        async with self._database.transaction() as tx:
            place = await standing(tx, self._store, staff, consult_id, lock=True)
            place.require(Relation.REQUESTER, Relation.SPECIALIST)
            if place.consult.state not in (ConsultState.ENDED, ConsultState.CLOSED):
                raise Conflict("rating.early", RUNNING)
            mine = (consult_ratings.c.consult_id == consult_id, consult_ratings.c.staff_id == staff.id)
            now = await tx.now()
            changed = await tx.execute(update(consult_ratings).where(*mine).values(**values, at=now))
            if not changed.rowcount:
                await tx.execute(
                    consult_ratings.insert().values(consult_id=consult_id, staff_id=staff.id, at=now, **values)
                )

    async def rating(self, staff: Staff, consult_id: ConsultId) -> tuple[Usefulness | None, LineFelt | None]:
        """What this person said of it."""
        query = select(consult_ratings.c.usefulness, consult_ratings.c.line).where(
            consult_ratings.c.consult_id == consult_id, consult_ratings.c.staff_id == staff.id
        )
        async with self._database.reading() as tx:
            row = (await tx.execute(query)).one_or_none()
        if row is None:
            return None, None
        useful, felt = row
        return (None if useful is None else Usefulness(useful)), (None if felt is None else LineFelt(felt))

    async def run_due(self) -> None:
        """Tell each clinic of a follow-up that has become due, once, whichever node looks first."""
        async with self._database.reading() as tx:
            due = (await tx.execute(_due().where(follow_ups.c.due_at <= await tx.now()).limit(BATCH))).all()
        for row in due:
            async with self._database.transaction() as tx:
                # Locked first, so that an answer that comes at this moment stands before or after, not between.
                await self._store.lock(tx, row.consult_id)
                place = _day(row.consult_id, row.person, row.day)
                if (await tx.execute(_due().where(*place))).first() is None:
                    continue
                taken = update(follow_ups).where(*place, follow_ups.c.told_at.is_(None))
                if not (await tx.execute(taken.values(told_at=await tx.now()))).rowcount:
                    continue
                told = {"person": row.person, "day": row.day}
                await self._log.append(tx, row.consult_id, LogKind.FOLLOW_UP_DUE, None, told)
                if self._told is not None:
                    await self._told.due(tx, row.consult_id, row.person, row.day)

    async def _of_clinic(self, tx: Transaction, staff: Staff, consult_id: ConsultId) -> Standing:
        """The locked consult, for the requester, or one whom it invited of the own clinic."""
        place = await standing(tx, self._store, staff, consult_id, lock=True)
        place.require(Relation.REQUESTER, Relation.INVITED)
        if staff.facility_id != place.consult.requester_facility_id:
            raise Forbidden("consult.not_your_part", NOT_THIS_ROLE)
        return place

    async def _advice(self, tx: Transaction, consult_id: ConsultId) -> tuple[Advice, ...]:
        found = []
        given = select(given_advice).where(given_advice.c.consult_id == consult_id).order_by(given_advice.c.person)
        for row in (await tx.execute(given)).all():
            days = select(follow_ups.c.day, follow_ups.c.due_at).where(
                follow_ups.c.consult_id == consult_id, follow_ups.c.person == row.person
            )
            plan = [
                FollowUp(one.day, one.due_at, await self._answers(tx, consult_id, row.person, one.day))
                for one in (await tx.execute(days.order_by(follow_ups.c.day))).all()
            ]
            names = await self._directory.staff_many({row.read_by} if row.read_by else set(), tx=tx)
            reader = names[row.read_by].full_name if row.read_by else None
            found.append(Advice(row.person, row.given_at, row.read_at, reader, tuple(plan)))
        return tuple(found)

    async def _answers(self, tx: Transaction, consult_id: ConsultId, person: int, day: int) -> tuple[Answer, ...]:
        t = follow_up_answers
        query = select(t).where(t.c.consult_id == consult_id, t.c.person == person, t.c.day == day).order_by(t.c.number)
        rows = (await tx.execute(query)).all()
        names = await self._directory.staff_many({row.staff_id for row in rows}, tx=tx) if rows else {}
        return tuple(
            Answer(
                row.number,
                Outcome(row.outcome),
                self._store.sealer.open_text(row.note_sealed, note_place(consult_id, person, day, row.number)),
                names[row.staff_id].full_name,
                row.at,
            )
            for row in rows
        )


def unanswered() -> tuple[ColumnElement[bool], ...]:
    """Follow-ups that still wait: neither they nor a later one was answered, and the patient has not died."""
    later = follow_ups.alias("later")
    moot = exists().where(
        later.c.consult_id == follow_ups.c.consult_id,
        later.c.person == follow_ups.c.person,
        later.c.outcome.is_not(None),
        (later.c.day > follow_ups.c.day) | (later.c.outcome == Outcome.DIED),
    )
    return follow_ups.c.outcome.is_(None), ~moot


def _due() -> Select[tuple[ConsultId, int, int]]:
    query = select(follow_ups.c.consult_id, follow_ups.c.person, follow_ups.c.day)
    waits = query.where(follow_ups.c.told_at.is_(None), *unanswered())
    return waits.order_by(follow_ups.c.due_at)


def _about(consult_id: ConsultId, person: int) -> tuple[ColumnElement[bool], ...]:
    return given_advice.c.consult_id == consult_id, given_advice.c.person == person


def _day(consult_id: ConsultId, person: int, day: int) -> tuple[ColumnElement[bool], ...]:
    return follow_ups.c.consult_id == consult_id, follow_ups.c.person == person, follow_ups.c.day == day


def note_place(consult_id: ConsultId, person: int, day: int, number: int) -> str:
    """Where a note says that it stands (`Sealer.seal`)."""
    return f"follow_ups.note:{consult_id}:{person}:{day}:{number}"
