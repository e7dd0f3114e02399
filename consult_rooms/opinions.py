"""The specialist's opinion: written during the consult or after it, in versions, then closed for good."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select, update

from consult_rooms import bounds
from consult_rooms.access import Relation, reads_opinion
from consult_rooms.log import ConsultLog
from consult_rooms.model import Consult, ConsultState, LogKind, Opinion
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
RUNNING = N_("End the consult first, then close it.")


class Opinions:
    """Saves, reads and closes opinions."""

    def __init__(self, database: Database, store: ConsultStore, log: ConsultLog) -> None:
        self._database = database
        self._store = store
        self._log = log

    async def save(self, staff: Staff, consult_id: ConsultId, text: str, version: int) -> Opinion:
        """Write the opinion; `version` is the one that the writer has read, 0 before the first.

        The same text sent again is one save. Raises Conflict `opinion.stale` with `seen` and `now`, or by the state;
        Forbidden for anybody but the consult's specialist; Invalid `text.too_long`.
        """
        written = bounds.text(text, bounds.OPINION, "text")
        async with self._database.transaction() as tx:
            await self._own(tx, staff, consult_id, Act.ADVISE)
            known = await self._find(tx, consult_id)
            if known is not None and known.text == written and known.version in (version, version + 1):
                return known
            newest = 0 if known is None else known.version
            if version != newest:
                raise Conflict("opinion.stale", STALE, seen=version, now=newest)
            now = await tx.now()
            values = {
                "author_id": staff.id,
                "text_sealed": self._store.sealer.seal_text(written, _place(consult_id)),
                "version": newest + 1,
                "saved_at": now,
            }
            if known is None:
                await tx.execute(opinions.insert().values(consult_id=consult_id, **values))
            else:
                await tx.execute(
                    update(opinions)
                    .where(opinions.c.consult_id == consult_id, opinions.c.version == version)
                    .values(**values)
                )
            await self._log.append(tx, consult_id, LogKind.OPINION_SAVED, staff.id, {"version": newest + 1})
            return Opinion(consult_id, staff.id, written, newest + 1, now, None)

    async def close(self, staff: Staff, consult_id: ConsultId) -> Consult:
        """Lock the opinion and close the consult, which ends every right to the book that it gave.

        Raises Invalid `opinion.missing`, Conflict `consult.not_ended` or by the state.
        """
        async with self._database.transaction() as tx:
            consult = (await self._own(tx, staff, consult_id, Act.CLOSE)).consult
            known = await self._find(tx, consult_id)
            if known is None or not known.text:
                raise Invalid("opinion.missing", MISSING, field="text")
            now = await tx.now()
            closed = await self._store.change(
                tx,
                consult_id,
                consult.state,
                # The answer of a written case ends it as well.
                {"state": after(consult.state, Act.CLOSE), "closed_at": now, "ended_at": consult.ended_at or now},
            )
            if not closed:
                raise refusal((await self._store.get(tx, consult_id)).state)
            await tx.execute(update(opinions).where(opinions.c.consult_id == consult_id).values(closed_at=now))
            await self._log.append(tx, consult_id, LogKind.CLOSED, staff.id, {"version": known.version})
            return await self._store.get(tx, consult_id)

    async def get(self, staff: Staff, consult_id: ConsultId) -> Opinion | None:
        """The opinion as it stands, or None before the first save. For requester, specialist and invited."""
        async with self._database.reading() as tx:
            place = await standing(tx, self._store, staff, consult_id)
            place.require(*Relation)
            if place.related is None or not reads_opinion(place.related):
                raise Forbidden("opinion.not_for_you", NOT_FOR_YOU)
            return await self._find(tx, consult_id)

    async def closed(self, consult_id: ConsultId) -> Opinion | None:
        """The locked opinion, for a caller that has decided on access itself, such as a facility's own system."""
        async with self._database.reading() as tx:
            known = await self._find(tx, consult_id)
        return known if known is not None and known.closed_at is not None else None

    async def _own(self, tx: Transaction, staff: Staff, consult_id: ConsultId, act: Act) -> Standing:
        place = await standing(tx, self._store, staff, consult_id, lock=True)
        place.require(Relation.SPECIALIST)
        require(staff, Action.WRITE_OPINION)
        if act is Act.CLOSE and place.consult.state is ConsultState.CLAIMED:
            raise Conflict("consult.not_ended", RUNNING)
        after(place.consult.state, act)
        return place

    async def _find(self, tx: Transaction, consult_id: ConsultId) -> Opinion | None:
        row: Row[Any] | None = (
            await tx.execute(select(opinions).where(opinions.c.consult_id == consult_id))
        ).one_or_none()
        if row is None:
            return None
        text = self._store.sealer.open_text(row.text_sealed, _place(consult_id))
        return Opinion(consult_id, row.author_id, text, row.version, row.saved_at, row.closed_at)


def _place(consult_id: ConsultId) -> str:
    return f"opinions.text:{consult_id}"
