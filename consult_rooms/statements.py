"""What is stated about a consult: kept as sealed documents, each with who and when, and read by its people.

Sheets of questions and scores belong to the question, and are read by whoever reads it; consents and roll-calls name
people, and are read by whoever knows the patient's name. Nothing is overwritten: the last of a kind and code holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, func, select

from consult_rooms import identities
from consult_rooms.access import Relation, knows_patient
from consult_rooms.log import ConsultLog, Data
from consult_rooms.log_entry import LogKind
from consult_rooms.model import Consult, Participant
from consult_rooms.roll_call import Side
from consult_rooms.standing import standing
from consult_rooms.statement_tables import statements
from consult_rooms.store import ConsultStore
from consult_rooms.transitions import CONSULT, Act, after
from foundation.database import Database, Transaction
from foundation.errors import Conflict
from foundation.i18n import N_
from foundation.ids import ConsultId, StaffId
from foundation.sealing import Sealer
from identity.model import Staff
from identity.tables import staff as staff_table

MOST = 200
"""Statements about one consult at most."""
WRITERS = (Relation.REQUESTER, Relation.SPECIALIST, Relation.INVITED)

TOO_MANY = N_("Enough has been recorded about this consult. What is missing goes into the minutes.")
STALE = N_("Somebody else has saved this meanwhile. Both are below: look at them and save again.")


class StatementKind(StrEnum):
    """What a statement is."""

    SHEET = "sheet"
    SCORE = "score"
    EXAMINATION = "examination"
    CONSENT = "consent"
    ROLL = "roll"


CLINICAL = (StatementKind.SHEET, StatementKind.SCORE, StatementKind.EXAMINATION)
"""What belongs to the question."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One of them. `document` is what the kind's own module reads."""

    number: int
    person: int
    kind: StatementKind
    code: str
    author_id: StaffId
    author_name: str
    at: datetime
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stated:
    """What a reader may know of it, in order. `may_write` says whether the reader may add to it now."""

    statements: tuple[Statement, ...]
    may_write: bool
    names_people: bool
    side: Side = Side.HOSPITAL
    """For which of the two rooms the reader writes."""

    def last(self, kind: StatementKind, code: str) -> Statement | None:
        """The one that holds."""
        return next((one for one in reversed(self.statements) if one.kind is kind and one.code == code), None)

    def holding(self, kind: StatementKind) -> tuple[Statement, ...]:
        """The last of each code."""
        return tuple({one.code: one for one in self.statements if one.kind is kind}.values())

    def all(self, kind: StatementKind) -> tuple[Statement, ...]:
        """All of a kind, the newest first."""
        return tuple(one for one in reversed(self.statements) if one.kind is kind)


class Statements:
    """Keeps and reads them. What may be stated, the module of each kind checks before."""

    def __init__(self, database: Database, store: ConsultStore, log: ConsultLog) -> None:
        self._database = database
        self._store = store
        self._log = log

    async def state(
        self,
        staff: Staff,
        consult_id: ConsultId,
        kind: StatementKind,
        code: str,
        document: Mapping[str, Any],
        logged: tuple[LogKind, Data],
        *,
        seen: int | None = None,
    ) -> Statement:
        """Keep a statement about whom the consult is about now. What holds already is not kept twice.

        `seen` is the number that the writer has read, 0 for none. Raises NotFound, Forbidden, Conflict by the state,
        `statement.stale` when another one holds by now, `statement.too_many`.
        """
        async with self._database.transaction() as tx:
            place = await standing(tx, self._store, staff, consult_id, lock=True)
            place.require(*WRITERS)
            after(place.consult.state, Act.RECORD)
            _, now = await identities.people(tx, self._store, consult_id)
            before = [
                one
                for one in await statements_of(tx, self._store.sealer, consult_id, kind, code)
                if one.person == now.number or kind is StatementKind.ROLL
            ]
            last = before[-1] if before else None
            if last is not None and last.document == document:
                return last
            if seen is not None and seen != (last.number if last else 0):
                raise Conflict("statement.stale", STALE)
            count = select(func.count()).where(statements.c.consult_id == consult_id)
            if (await tx.execute(count)).scalar_one() >= MOST:
                raise Conflict("statement.too_many", TOO_MANY)
            entry = await self._log.append(tx, consult_id, logged[0], staff.id, logged[1])
            place_name = document_place(consult_id, entry.number)
            await tx.execute(
                statements.insert().values(
                    consult_id=consult_id,
                    number=entry.number,
                    person=now.number,
                    kind=kind,
                    code=code,
                    author_id=staff.id,
                    at=entry.at,
                    document_sealed=self._store.sealer.seal(json.dumps(document).encode(), place_name),
                )
            )
        return Statement(entry.number, now.number, kind, code, staff.id, staff.full_name, entry.at, document)

    async def read(self, staff: Staff, consult_id: ConsultId) -> Stated:
        """What this person may know about whom the consult is about now; roll-calls are of the room as a whole.

        Raises NotFound for a stranger.
        """
        async with self._database.reading() as tx:
            place = await standing(tx, self._store, staff, consult_id)
            place.require(*Relation)
        stated = await self.known(place.consult, place.related, place.participant)
        at_clinic = staff.facility_id == place.consult.requester_facility_id
        of_clinic = place.related is Relation.REQUESTER or (at_clinic and place.related is not Relation.SPECIALIST)
        return replace(stated, side=Side.CLINIC if of_clinic else Side.HOSPITAL)

    async def known(self, consult: Consult, related: Relation | None, participant: Participant | None) -> Stated:
        """The same for a reader whose place in the consult has been decided; who has none knows nothing of it."""
        if related is None:
            return Stated((), may_write=False, names_people=False)
        async with self._database.reading() as tx:
            found = await statements_of(tx, self._store.sealer, consult.id)
            person = (await identities.people(tx, self._store, consult.id))[1].number if found else 0
        names = knows_patient(consult, related, participant)
        shown = tuple(
            one
            for one in found
            if (one.kind is StatementKind.ROLL or one.person == person) and (names or one.kind in CLINICAL)
        )
        may_write = related in WRITERS and Act.RECORD in CONSULT[consult.state]
        return Stated(shown, may_write, names)


async def statements_of(
    tx: Transaction, sealer: Sealer, consult_id: ConsultId, kind: StatementKind | None = None, code: str | None = None
) -> tuple[Statement, ...]:
    """Everything stated about one consult, in order. The caller has decided who may read it."""
    t = statements.c
    which: list[ColumnElement[bool]] = [t.consult_id == consult_id]
    which += [] if kind is None else [t.kind == kind]
    which += [] if code is None else [t.code == code]
    query = select(statements, staff_table.c.full_name).join(staff_table, staff_table.c.id == t.author_id)
    return tuple(
        Statement(
            row.number,
            row.person,
            StatementKind(row.kind),
            row.code,
            StaffId(row.author_id),
            row.full_name,
            row.at,
            json.loads(sealer.open(row.document_sealed, document_place(row.consult_id, row.number))),
        )
        for row in await tx.execute(query.where(*which).order_by(t.number))
    )


def document_place(consult_id: str, number: int) -> str:
    """Where a statement says that it stands (`Sealer.seal`)."""
    return f"statements.document:{consult_id}:{number}"
