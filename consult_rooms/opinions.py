"""The specialist's opinion: written during the consult or after it, in versions, then closed for good.

A consult that turned to another patient has an opinion for each: written, read and closed for its own. The consult is
closed with the last of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, select, update

from consult_rooms import bounds, identities, outgoing
from consult_rooms.access import Relation, reads_opinion
from consult_rooms.follow_up_plan import FollowUpPlan
from consult_rooms.identities import Person
from consult_rooms.log import ConsultLog
from consult_rooms.log_entry import LogKind
from consult_rooms.model import Consult, ConsultState, Opinion
from consult_rooms.standing import Standing, standing
from consult_rooms.store import ConsultStore
from consult_rooms.tables import opinions
from consult_rooms.transitions import Act, after, refusal
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Forbidden, Invalid
from foundation.i18n import N_
from foundation.ids import ConsultId
from identity.model import Staff
from identity.policy import Action, require

STALE = N_("The opinion moved from version %(seen)s to %(now)s. Read it again, then save.")
MISSING = N_("Write the opinion before you close the consult.")
NOT_FOR_YOU = N_("The opinion is for the people of this consult.")
LOCKED = N_("This opinion is closed and stays as it is.")
NO_PERSON = N_("The room's turning to this patient was taken back. Copy what you wrote, then open the page again.")
RUNNING = N_("End the consult first, then close it.")


@dataclass(frozen=True, slots=True)
class About:
    """One person of a consult and the opinion about them. `now`: the consult is about them at present."""

    person: Person
    opinion: Opinion | None
    now: bool


class Opinions:
    """Saves, reads and closes opinions."""

    def __init__(
        self, database: Database, store: ConsultStore, log: ConsultLog, plan: FollowUpPlan | None = None
    ) -> None:
        self._database = database
        self._store = store
        self._log = log
        self._plan = FollowUpPlan() if plan is None else plan

    async def save(
        self, staff: Staff, consult_id: ConsultId, text: str, version: int, person: int | None = None
    ) -> Opinion:
        """Write the opinion; `version` is the one that the writer has read, 0 before the first.

        `person` is whom the writer had before them; None: whom the consult is about now. The same text sent again is
        one save. Raises Conflict `opinion.stale` with `seen` and `now`, `opinion.closed`, `opinion.no_such_person`, or
        by the state;
        Forbidden for anybody but the consult's specialist; Invalid `text.too_long`.
        """
        written = bounds.text(text, bounds.OPINION, "text")
        async with self._database.transaction() as tx:
            await self._own(tx, staff, consult_id, Act.ADVISE)
            return await self._written(tx, staff, consult_id, written, version, person)

    async def close(self, staff: Staff, consult_id: ConsultId, person: int | None = None) -> Consult:
        """Lock the opinion about `person`, as `save` has it. The last one closes the consult.

        That ends every right to the book that it gave. Raises Invalid `opinion.missing`, Conflict `consult.not_ended`,
        `opinion.closed` or by the state.
        """
        async with self._database.transaction() as tx:
            place = await self._own(tx, staff, consult_id, Act.CLOSE)
            return await self._locked(tx, staff, place.consult, person)

    async def answer(self, staff: Staff, consult_id: ConsultId, text: str, version: int = 0) -> Consult:
        """Write the opinion about whom the consult is about now and lock it, in one: the answer of a written case.

        `version` is the draft that the writer has read, 0 for none. Again with the same text: nothing happens. Raises
        Conflict `consult.not_ended` during a call, and what `save` and `close` raise; of them nothing is half done.
        """
        written = bounds.text(text, bounds.OPINION, "text")
        async with self._database.transaction() as tx:
            place = await standing(tx, self._store, staff, consult_id, lock=True)
            place.require(Relation.SPECIALIST)
            known = await self._find(tx, consult_id, (await self._person(tx, consult_id, None)).number)
            if known is not None and known.closed_at is not None and known.text == written:
                return place.consult
            await self._own(tx, staff, consult_id, Act.CLOSE)
            saved = await self._written(tx, staff, consult_id, written, version, None)
            return await self._locked(tx, staff, place.consult, saved.person)

    async def get(self, staff: Staff, consult_id: ConsultId) -> Opinion | None:
        """The opinion about whom the consult is about now, as it stands, or None before the first save.

        For requester, specialist and invited.
        """
        return next(one.opinion for one in await self.each(staff, consult_id) if one.now)

    async def each(self, staff: Staff, consult_id: ConsultId) -> tuple[About, ...]:
        """For each person of the consult, in order, the opinion as it stands. For requester, specialist and invited."""
        async with self._database.reading() as tx:
            place = await standing(tx, self._store, staff, consult_id)
            place.require(*Relation)
            if place.related is None or not reads_opinion(place.related):
                raise Forbidden("opinion.not_for_you", NOT_FOR_YOU)
            persons, now = await identities.people(tx, self._store, consult_id)
            return tuple([About(one, await self._find(tx, consult_id, one.number), now=one == now) for one in persons])

    async def closed(self, consult_id: ConsultId) -> Opinion | None:
        """The locked opinion about whom the consult is about.

        For a caller that has decided on access itself, such as a facility's own system.
        """
        async with self._database.reading() as tx:
            known = await self._find(tx, consult_id, (await self._person(tx, consult_id, None)).number)
        return known if known is not None and known.closed_at is not None else None

    async def _written(
        self, tx: Transaction, staff: Staff, consult_id: ConsultId, written: str, version: int, person: int | None
    ) -> Opinion:
        """See `save`."""
        number = (await self._person(tx, consult_id, person)).number
        known = await self._find(tx, consult_id, number)
        if known is not None and known.closed_at is not None:
            raise Conflict("opinion.closed", LOCKED)
        if known is not None and known.text == written and known.version in (version, version + 1):
            return known
        newest = 0 if known is None else known.version
        if version != newest:
            raise Conflict("opinion.stale", STALE, seen=version, now=newest)
        now = await tx.now()
        values = {
            "author_id": staff.id,
            "text_sealed": self._store.sealer.seal_text(written, text_place(consult_id, number)),
            "version": newest + 1,
            "saved_at": now,
        }
        if known is None:
            await tx.execute(opinions.insert().values(consult_id=consult_id, person=number, **values))
        else:
            await tx.execute(
                update(opinions).where(*_of(consult_id, number), opinions.c.version == version).values(**values)
            )
        await self._log.append(tx, consult_id, LogKind.OPINION_SAVED, staff.id, {"version": newest + 1})
        return Opinion(consult_id, number, staff.id, written, newest + 1, now, None)

    async def _locked(self, tx: Transaction, staff: Staff, consult: Consult, person: int | None) -> Consult:
        """See `close`."""
        consult_id = consult.id
        persons, _ = await identities.people(tx, self._store, consult_id)
        number = (await self._person(tx, consult_id, person)).number
        known = await self._find(tx, consult_id, number)
        if known is None or not known.text:
            raise Invalid("opinion.missing", MISSING, field="text")
        if known.closed_at is not None:
            raise Conflict("opinion.closed", LOCKED)
        now = await tx.now()
        await tx.execute(update(opinions).where(*_of(consult_id, number)).values(closed_at=now))
        await outgoing.put(tx, consult_id, number)
        await self._plan.begin(tx, consult_id, number)
        locked = select(opinions.c.person).where(opinions.c.consult_id == consult_id, opinions.c.closed_at.is_not(None))
        if {one.number for one in persons} - set((await tx.execute(locked)).scalars()):
            await self._log.append(tx, consult_id, LogKind.OPINION_LOCKED, staff.id, {"version": known.version})
            return consult
        closed = await self._store.change(
            tx,
            consult_id,
            consult.state,
            # The answer of a written case ends it as well.
            {"state": after(consult.state, Act.CLOSE), "closed_at": now, "ended_at": consult.ended_at or now},
        )
        if not closed:
            raise refusal((await self._store.get(tx, consult_id)).state)
        await self._log.append(tx, consult_id, LogKind.CLOSED, staff.id, {"version": known.version})
        return await self._store.get(tx, consult_id)

    async def _own(self, tx: Transaction, staff: Staff, consult_id: ConsultId, act: Act) -> Standing:
        place = await standing(tx, self._store, staff, consult_id, lock=True)
        place.require(Relation.SPECIALIST)
        require(staff, Action.WRITE_OPINION)
        if act is Act.CLOSE and place.consult.state is ConsultState.CLAIMED:
            raise Conflict("consult.not_ended", RUNNING)
        after(place.consult.state, act)
        return place

    async def _person(self, tx: Transaction, consult_id: ConsultId, number: int | None) -> Person:
        persons, now = await identities.people(tx, self._store, consult_id)
        found = now if number is None else next((one for one in persons if one.number == number), None)
        if found is None:
            raise Conflict("opinion.no_such_person", NO_PERSON)
        return found

    async def _find(self, tx: Transaction, consult_id: ConsultId, person: int) -> Opinion | None:
        row: Row[Any] | None = (await tx.execute(select(opinions).where(*_of(consult_id, person)))).one_or_none()
        if row is None:
            return None
        text = self._store.sealer.open_text(row.text_sealed, text_place(consult_id, person))
        return Opinion(consult_id, person, row.author_id, text, row.version, row.saved_at, row.closed_at)


def _of(consult_id: ConsultId, person: int) -> tuple[ColumnElement[bool], ...]:
    return opinions.c.consult_id == consult_id, opinions.c.person == person


def text_place(consult_id: ConsultId, person: int) -> str:
    """Where a text says that it stands (`Sealer.seal`)."""
    return f"opinions.text:{consult_id}:{person}" if person else f"opinions.text:{consult_id}"
