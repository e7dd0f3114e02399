"""Advice in numbered items: given by the specialist, read back one by one by the clinic, seen by both at once.

The note (`opinions`) is prose and is closed; an item is one thing to do, and lives on after the close: the clinic says
that it will do it, that it cannot and why, and later that it is done. Every version stays (`advice_versions`), and each
is an entry of the consult's log, by which it reaches the sockets.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, and_, func, select, update

from consult_rooms import bounds, identities, outgoing
from consult_rooms.access import Relation, reads_opinion
from consult_rooms.advice_model import ANSWERS, AdviceItem, AdviceKind, AdviceState
from consult_rooms.advice_tables import advice_items, advice_versions
from consult_rooms.log import ConsultLog, Data
from consult_rooms.log_entry import LogKind
from consult_rooms.opinions import LOCKED, NO_PERSON, NOT_FOR_YOU
from consult_rooms.standing import NOT_THIS_ROLE, Standing, standing
from consult_rooms.store import ConsultStore
from consult_rooms.tables import opinions
from consult_rooms.transitions import Act, after
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Forbidden, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import AdviceId, ConsultId, new_id
from identity.model import Staff
from identity.policy import Action, require
from identity.store import Directory

MOST = 60
"""Items of one consult at most."""
TEXT = 500
DOSE = 200
REASON = 500

STALE = N_("This advice was changed meanwhile. Read it as it stands now, then answer.")
UNKNOWN = N_("There is no such advice in this consult.")
TOO_MANY = N_("A consult has at most %(limit)s items of advice.")
NO_DOSE = N_("A drug needs its dose.")
NO_REASON = N_("Say why it cannot be done.")
GONE = N_("This advice was withdrawn.")


@dataclass(frozen=True, slots=True)
class Wording:
    """What a specialist writes as one item; `dose` is a drug's alone."""

    kind: AdviceKind | str
    text: str
    dose: str = ""


class Advice:
    """Gives, changes and answers items. Whoever may read the opinion reads them."""

    def __init__(self, database: Database, store: ConsultStore, log: ConsultLog, directory: Directory) -> None:
        self._database = database
        self._store = store
        self._log = log
        self._directory = directory

    async def give(
        self, staff: Staff, consult_id: ConsultId, wording: Wording, client_id: str, person: int | None = None
    ) -> AdviceItem:
        """Add an item about `person`, None: whom the consult is about now. The same `client_id` is one item.

        Raises Invalid `text.empty`, `text.too_long`, `advice.dose`; Conflict `advice.too_many`, `opinion.closed` once
        the opinion about that person is, or by the state; Forbidden for anybody but the consult's specialist.
        """
        kind, content = _worded(wording)
        own_id = bounds.client_id(client_id)
        async with self._database.transaction() as tx:
            await self._own(tx, staff, consult_id)
            known = await tx.execute(
                select(advice_items.c.id).where(
                    advice_items.c.consult_id == consult_id,
                    advice_items.c.author_id == staff.id,
                    advice_items.c.client_id == own_id,
                )
            )
            if (sent := known.scalar_one_or_none()) is not None:
                return await self._item(tx, consult_id, AdviceId(sent))
            number = await self._person(tx, consult_id, person)
            await self._require_unlocked(tx, consult_id, number)
            of_consult = select(func.count()).where(advice_items.c.consult_id == consult_id)
            last = (await tx.execute(of_consult)).scalar_one()
            if last >= MOST:
                raise Conflict("advice.too_many", TOO_MANY, limit=MOST)
            advice_id = AdviceId(new_id("adv"))
            await tx.execute(
                advice_items.insert().values(
                    id=advice_id,
                    consult_id=consult_id,
                    number=last + 1,
                    person=number,
                    author_id=staff.id,
                    client_id=own_id,
                    version=0,
                )
            )
            item = (advice_id, last + 1, 0)
            return await self._write(tx, staff, consult_id, item, kind, AdviceState.OPEN, content, "given")

    async def amend(
        self, staff: Staff, consult_id: ConsultId, advice_id: AdviceId, version: int, wording: Wording
    ) -> AdviceItem:
        """Word an item anew: it has to be read back again. `version` is the one read. The same again is one change.

        Raises what `give` does, NotFound `advice.unknown`, Conflict `advice.stale`, `advice.withdrawn`.
        """
        kind, content = _worded(wording)
        async with self._database.transaction() as tx:
            await self._own(tx, staff, consult_id)
            known = await self._item(tx, consult_id, advice_id)
            if (known.kind, known.text, known.dose) == (kind, content["text"], content["dose"]):
                return known
            await self._require_unlocked(tx, consult_id, known.person)
            _require_current(known, version)
            return await self._write(tx, staff, consult_id, _at(known), kind, AdviceState.OPEN, content, "amended")

    async def withdraw(self, staff: Staff, consult_id: ConsultId, advice_id: AdviceId, version: int) -> AdviceItem:
        """Take an item back; it stays to be seen as withdrawn. Again: nothing. Raises as `amend`."""
        async with self._database.transaction() as tx:
            await self._own(tx, staff, consult_id)
            known = await self._item(tx, consult_id, advice_id)
            if known.state is AdviceState.WITHDRAWN:
                return known
            await self._require_unlocked(tx, consult_id, known.person)
            _require_current(known, version)
            content = {"text": known.text, "dose": known.dose, "reason": ""}
            return await self._write(
                tx, staff, consult_id, _at(known), known.kind, AdviceState.WITHDRAWN, content, "withdrawn"
            )

    async def answer(
        self,
        staff: Staff,
        consult_id: ConsultId,
        advice_id: AdviceId,
        version: int,
        state: AdviceState | str,
        reason: str = "",
    ) -> AdviceItem:
        """Read an item back as the clinic: will do, cannot (with `reason`), done. Also when the consult is closed.

        The requester does, or a colleague of the same facility who was in the room. The same answer again is one.
        Raises Invalid `choice.unknown`, `advice.reason`; Conflict `advice.stale`, `advice.withdrawn` or by the state;
        NotFound; Forbidden.
        """
        said = bounds.code(AdviceState, state, "state")
        if said not in ANSWERS:
            raise Invalid("choice.unknown", bounds.UNKNOWN, field="state")
        why = bounds.text(reason, REASON, "reason") if said is AdviceState.CANNOT else ""
        if said is AdviceState.CANNOT and not why:
            raise Invalid("advice.reason", NO_REASON, field="reason")
        async with self._database.transaction() as tx:
            place = await standing(tx, self._store, staff, consult_id, lock=True)
            place.require(Relation.REQUESTER, Relation.INVITED)
            if not answers(place, staff):
                raise Forbidden("consult.not_your_part", NOT_THIS_ROLE)
            require(staff, Action.TAKE_PART)
            after(place.consult.state, Act.READ_BACK)
            known = await self._item(tx, consult_id, advice_id)
            if (known.state, known.reason) == (said, why) and known.version in (version, version + 1):
                return known
            _require_current(known, version)
            content = {"text": known.text, "dose": known.dose, "reason": why}
            await outgoing.anew(tx, consult_id)
            return await self._write(tx, staff, consult_id, _at(known), known.kind, said, content, said.value)

    async def each(self, staff: Staff, consult_id: ConsultId) -> tuple[AdviceItem, ...]:
        """All items in order, about every person of the consult. For requester, specialist and invited."""
        async with self._database.reading() as tx:
            place = await standing(tx, self._store, staff, consult_id)
            place.require(*Relation)
            if place.related is None or not reads_opinion(place.related):
                raise Forbidden("opinion.not_for_you", NOT_FOR_YOU)
            return await items_of(tx, self._store, self._directory, consult_id)

    async def _write(
        self,
        tx: Transaction,
        staff: Staff,
        consult_id: ConsultId,
        item: tuple[AdviceId, int, int],
        kind: AdviceKind,
        state: AdviceState,
        content: dict[str, str],
        change: str,
    ) -> AdviceItem:
        """The next version of an item (its id, number and version until now), and its entry of the log."""
        advice_id, number, version = item
        now = await tx.now()
        moved = await tx.execute(
            update(advice_items)
            .where(advice_items.c.id == advice_id, advice_items.c.version == version)
            .values(version=version + 1)
        )
        if not moved.rowcount:
            raise Conflict("advice.stale", STALE)
        sealed = self._store.sealer.seal_text(
            json.dumps(content, ensure_ascii=False), content_place(advice_id, version + 1)
        )
        await tx.execute(
            advice_versions.insert().values(
                advice_id=advice_id,
                version=version + 1,
                actor_id=staff.id,
                at=now,
                kind=kind,
                state=state,
                content_sealed=sealed,
            )
        )
        data: Data = {"advice": advice_id, "item": number, "version": version + 1, "change": change}
        await self._log.append(tx, consult_id, LogKind.ADVISED, staff.id, data)
        return await self._item(tx, consult_id, advice_id)

    async def _item(self, tx: Transaction, consult_id: ConsultId, advice_id: AdviceId) -> AdviceItem:
        found = await items_of(tx, self._store, self._directory, consult_id)
        item = next((one for one in found if one.id == advice_id), None)
        if item is None:
            raise NotFound("advice.unknown", UNKNOWN)
        return item

    async def _own(self, tx: Transaction, staff: Staff, consult_id: ConsultId) -> Standing:
        place = await standing(tx, self._store, staff, consult_id, lock=True)
        place.require(Relation.SPECIALIST)
        require(staff, Action.WRITE_OPINION)
        after(place.consult.state, Act.ADVISE)
        return place

    async def _person(self, tx: Transaction, consult_id: ConsultId, number: int | None) -> int:
        persons, now = await identities.people(tx, self._store, consult_id)
        if number is None:
            return now.number
        if number not in {one.number for one in persons}:
            raise Conflict("opinion.no_such_person", NO_PERSON)
        return number

    async def _require_unlocked(self, tx: Transaction, consult_id: ConsultId, person: int) -> None:
        locked = select(opinions.c.closed_at).where(opinions.c.consult_id == consult_id, opinions.c.person == person)
        if (await tx.execute(locked)).scalar_one_or_none() is not None:
            raise Conflict("opinion.closed", LOCKED)


async def items_of(
    tx: Transaction, store: ConsultStore, directory: Directory, consult_id: ConsultId
) -> tuple[AdviceItem, ...]:
    """All items of a consult in order. The caller has decided who may know."""
    newest = and_(advice_versions.c.advice_id == advice_items.c.id, advice_versions.c.version == advice_items.c.version)
    query = (
        select(
            advice_items,
            advice_versions.c.actor_id,
            advice_versions.c.at,
            advice_versions.c.kind,
            advice_versions.c.state,
            advice_versions.c.content_sealed,
        )
        .join(advice_versions, newest)
        .where(advice_items.c.consult_id == consult_id)
        .order_by(advice_items.c.number)
    )
    rows = (await tx.execute(query)).all()
    if not rows:
        return ()
    people = await directory.staff_many({one.author_id for one in rows} | {one.actor_id for one in rows}, tx=tx)
    names = {staff_id: one.full_name for staff_id, one in people.items()}
    return tuple(_read(store, row, names) for row in rows)


def answers(place: Standing, staff: Staff) -> bool:
    """Whether this person reads back for the clinic: the requester, or a colleague of its facility in the consult."""
    if place.related is Relation.REQUESTER:
        return True
    return place.related is Relation.INVITED and staff.facility_id == place.consult.requester_facility_id


def content_place(advice_id: str, version: int) -> str:
    """Where a content says that it stands (`Sealer.seal`)."""
    return f"advice.content:{advice_id}:{version}"


def _read(store: ConsultStore, row: Row[Any], names: dict[Any, str]) -> AdviceItem:
    content = json.loads(store.sealer.open_text(row.content_sealed, content_place(row.id, row.version)))
    return AdviceItem(
        id=row.id,
        consult_id=row.consult_id,
        number=row.number,
        person=row.person,
        version=row.version,
        kind=AdviceKind(row.kind),
        text=content["text"],
        dose=content["dose"],
        state=AdviceState(row.state),
        reason=content["reason"],
        author_id=row.author_id,
        author_name=names.get(row.author_id, ""),
        changed_by=row.actor_id,
        changed_by_name=names.get(row.actor_id, ""),
        changed_at=row.at,
    )


def _worded(wording: Wording) -> tuple[AdviceKind, dict[str, str]]:
    kind = bounds.code(AdviceKind, wording.kind, "kind")
    dose = bounds.text(wording.dose, DOSE, "dose") if kind is AdviceKind.DRUG else ""
    text = bounds.text(wording.text, TEXT, "text", empty=False)
    if kind is AdviceKind.DRUG and not dose:
        raise Invalid("advice.dose", NO_DOSE, field="dose")
    return kind, {"text": text, "dose": dose, "reason": ""}


def _require_current(known: AdviceItem, version: int) -> None:
    if known.state is AdviceState.WITHDRAWN:
        raise Conflict("advice.withdrawn", GONE)
    if known.version != version:
        raise Conflict("advice.stale", STALE, seen=version, now=known.version)


def _at(known: AdviceItem) -> tuple[AdviceId, int, int]:
    return known.id, known.number, known.version
