"""What of closed consults did not get into a book, for the people who can do something about it, and tried again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select, update

from consult_rooms.outgoing import OWN, OutgoingState
from consult_rooms.outgoing_tables import outgoing
from consult_rooms.store import ConsultStore
from consult_rooms.tables import consults
from foundation.audit import Audit, AuditEntry
from foundation.database import Database
from foundation.errors import Forbidden, NotFound
from foundation.i18n import N_
from foundation.ids import ConsultId
from identity.model import Staff
from identity.policy import DENIED, Action, Target, may
from records_panel.fhir_writing import Issue
from records_panel.writeback import answer_place

LISTED = 200
LATE_AFTER = 3
"""Tries after which a row that is still tried is listed too."""


@dataclass(frozen=True, slots=True)
class Unwritten:
    """One consult that one book has not taken. `source` is the book's name, or empty for the own one.

    `fault` is a code of `web.writeback_words`; the server's own words in `issues` are for the consult's people alone.
    """

    consult_id: ConsultId
    code: str
    person: int
    target: str
    source: str
    is_dead: bool
    fault: str
    issues: tuple[tuple[str, Issue], ...]
    """What a server refused: the resource type and the issue."""
    tries: int
    since: datetime
    next_at: datetime


class WritebackDesk:
    """Lists them and tries them again. `names` are the names of the sources that are written to, by id."""

    def __init__(self, database: Database, store: ConsultStore, audit: Audit, names: Mapping[str, str]) -> None:
        self._database = database
        self._store = store
        self._audit = audit
        self._names = names

    async def unwritten(self, staff: Staff, consult_id: ConsultId | None = None) -> list[Unwritten]:
        """Those of consults that this person owns or asked for, and with the right to administer, of the facility's.

        None is listed that another try within the hour may mend.
        """
        query = (
            select(outgoing, consults.c.code, consults.c.owner_id, consults.c.requester_id, consults.c.specialist_id)
            .join(consults, consults.c.id == outgoing.c.consult_id)
            .where(outgoing.c.fault.is_not(None), _theirs(staff))
            .where(or_(outgoing.c.state == OutgoingState.DEAD, outgoing.c.tries >= LATE_AFTER))
            .order_by(outgoing.c.due_at, outgoing.c.consult_id)
            .limit(LISTED)
        )
        if consult_id is not None:
            query = query.where(outgoing.c.consult_id == consult_id)
        async with self._database.reading() as tx:
            rows = (await tx.execute(query)).all()
        return [
            Unwritten(
                consult_id=ConsultId(row.consult_id),
                code=row.code,
                person=row.person,
                target=row.target,
                source="" if row.target == OWN else self._names.get(row.target, row.target),
                is_dead=row.state == OutgoingState.DEAD,
                fault=row.fault,
                issues=self._issues(row, whole=staff.id in (row.owner_id, row.requester_id, row.specialist_id)),
                tries=row.tries,
                since=row.created_at,
                next_at=row.due_at,
            )
            for row in rows
        ]

    async def again(self, staff: Staff, consult_id: ConsultId, person: int, target: str) -> None:
        """Try once more, now. Raises NotFound, or Forbidden, audited, for whom the list does not show it."""
        of_row = (
            outgoing.c.consult_id == consult_id,
            outgoing.c.person == person,
            outgoing.c.target == target,
        )
        entry = AuditEntry(staff.id, "book.write_again", target=target[:64], consult_id=consult_id)
        query = select(outgoing.c.target).join(consults, consults.c.id == outgoing.c.consult_id)
        async with self._database.transaction() as tx:
            found = (await tx.execute(query.where(*of_row, _theirs(staff)))).first() is not None
            exists = found or (await tx.execute(query.where(*of_row))).first() is not None
            if found:
                failed = (*of_row, outgoing.c.fault.is_not(None))
                values = {"state": OutgoingState.WAITING, "tries": 0, "due_at": await tx.now(), "ended_at": None}
                await tx.execute(update(outgoing).where(*failed).values(values))
                await self._audit.record(tx, entry)
        if not exists:
            raise NotFound("writeback.unknown", N_("There is nothing of this consult on its way to that book."))
        if not found:
            denied = AuditEntry(entry.actor, entry.action, target=target[:64], consult_id=consult_id, outcome="denied")
            await self._audit.commit(denied)
            raise Forbidden("policy.denied", DENIED)

    def _issues(self, row: object, *, whole: bool) -> tuple[tuple[str, Issue], ...]:
        sealed = getattr(row, "answer_sealed", None)
        if sealed is None:
            return ()
        place = answer_place(*(getattr(row, name) for name in ("consult_id", "person", "target")))
        told = json.loads(self._store.sealer.open_text(sealed, place))
        # A server's own words may quote what was written, which an administrator has no business with.
        return tuple(
            (one["kind"], Issue(one["code"], one["expression"], one["diagnostics"] if whole else "")) for one in told
        )


def _theirs(staff: Staff) -> ColumnElement[bool]:
    mine = [consults.c.owner_id == staff.id, consults.c.requester_id == staff.id, consults.c.specialist_id == staff.id]
    if may(staff, Action.ADMINISTER_ALL, Target()):
        mine.append(consults.c.id.is_not(None))
    elif may(staff, Action.ADMINISTER_FACILITY, Target(facility_id=staff.facility_id)):
        place = staff.facility_id
        mine += [consults.c.requester_facility_id == place, consults.c.specialist_facility_id == place]
    return or_(*mine)
