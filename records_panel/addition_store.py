"""Rows of additions to frozen values and back, and what they are in a patient's book. Decides and audits nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, String, and_, bindparam, cast, func, insert, or_, select, update

from consult_rooms.model import Consult, IdentityChange, Patient
from consult_rooms.tables import identity_history
from foundation.database import Transaction
from foundation.errors import Conflict, NotFound
from foundation.files import UNKNOWN as NO_FILE
from foundation.i18n import N_
from foundation.ids import AdditionId, ConsultId, FileId, PatientId, StaffId
from foundation.sealing import Sealer
from records_panel import added_resources
from records_panel.added_resources import Author
from records_panel.bedside import Sign
from records_panel.embedded_book import EmbeddedBook
from records_panel.fhir_reading import Json
from records_panel.tables import additions

MOST = 500
"""Additions of one consult."""


class AdditionKind(StrEnum):
    """What was added; the word stands in the consult's log."""

    VITALS = "vitals"
    RESULT = "result"
    PICTURE = "picture"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Addition:
    """One addition as people read it. `facts` is what was entered: the fields of the form by name."""

    id: AdditionId
    kind: AdditionKind
    author_id: StaffId
    author_name: str
    facility_name: str
    taken_at: datetime
    at: datetime
    """When it arrived."""
    facts: Mapping[str, Any]
    file_id: FileId | None
    small_id: FileId | None

    @property
    def signs(self) -> Mapping[Sign, float]:
        """The values of vital signs, in the form's order."""
        return {Sign(name): value for name, value in self.facts.get("signs", {}).items()}


@dataclass(frozen=True, slots=True)
class Content:
    """What is to be added: what was entered, the resources made of it, and its files."""

    kind: AdditionKind
    facts: dict[str, Any]
    resources: list[Json]
    file_id: FileId | None = None
    small_id: FileId | None = None


class AdditionStore:
    """Reads and writes additions inside the caller's transaction, which holds the consult's lock when it writes."""

    def __init__(self, sealer: Sealer, book: EmbeddedBook) -> None:
        self._sealer = sealer
        self._book = book

    async def known(
        self, tx: Transaction, consult_id: ConsultId, author_id: StaffId, key_hash: str
    ) -> AdditionId | None:
        """The addition that this person has sent under that key before."""
        query = select(additions.c.id).where(
            additions.c.consult_id == consult_id, additions.c.author_id == author_id, additions.c.key_hash == key_hash
        )
        found = (await tx.execute(query)).scalar_one_or_none()
        return None if found is None else AdditionId(found)

    async def add(
        self,
        tx: Transaction,
        consult: Consult,
        addition_id: AdditionId,
        made: Content,
        author: Author,
        *,
        author_id: StaffId,
        facility_code: str,
        key_hash: str,
    ) -> None:
        """Write one, and into the book when it is known whose. Raises `Conflict("addition.too_many")`."""
        of_consult = additions.c.consult_id == consult.id
        if (await tx.execute(select(func.count()).where(of_consult))).scalar_one() >= MOST:
            raise Conflict("addition.too_many", N_("Nothing more can be added in this consult."))
        told = {"author": author.name, "facility": author.facility, "taken_at": author.taken_at.isoformat()}
        stored = {**told, "facts": made.facts, "resources": made.resources}
        patient_id = consult.patient.patient_id
        await tx.execute(
            insert(additions).values(
                id=addition_id,
                consult_id=consult.id,
                author_id=author_id,
                facility_code=facility_code,
                kind=made.kind,
                key_hash=key_hash,
                at=await tx.now(),
                patient_id=patient_id,
                person=await self._person(tx, consult.id),
                file_id=made.file_id,
                small_id=made.small_id,
                content=self._sealer.seal(json.dumps(stored).encode(), _place(addition_id)),
            )
        )
        if patient_id is not None:
            await self._book.append(tx, patient_id, made.resources, author=author_id, facility_code=facility_code)

    async def row(self, tx: Transaction, consult_id: ConsultId, addition_id: AdditionId) -> Row[Any]:
        """One addition of a consult. Raises `NotFound("addition.unknown")`."""
        query = select(additions).where(additions.c.id == addition_id, additions.c.consult_id == consult_id)
        row: Row[Any] | None = (await tx.execute(query)).one_or_none()
        if row is None:
            raise NotFound("addition.unknown", N_("There is no such addition in this consult."))
        return row

    async def rows(self, tx: Transaction, consult_id: ConsultId) -> list[Row[Any]]:
        """What was added for the person whom the consult is about now, and not withdrawn, newest first."""
        rows = list((await tx.execute(_ADDED, {"one_id": consult_id})).all())
        if not rows:
            return []
        # One text for all of them: `number kind`, a line each.
        told = (line.partition(" ") for line in (rows[0].history or "").splitlines())
        person = _person_of(sorted((int(number), kind) for number, _, kind in told))
        return [row for row in rows if row.person == person]

    async def row_of_file(self, tx: Transaction, consult: Consult, file_id: FileId) -> Row[Any]:
        """The addition with that file, of this consult or in its patient's book. Raises `NotFound("file.unknown")`."""
        theirs = and_(additions.c.patient_id.is_not(None), additions.c.patient_id == consult.patient.patient_id)
        return await _with_file(tx, or_(and_(*await self._of_person(tx, consult.id)), theirs), file_id)

    async def row_in_book(self, tx: Transaction, patient_id: PatientId, file_id: FileId) -> Row[Any]:
        """The addition with that file in this patient's book. Raises `NotFound("file.unknown")`."""
        return await _with_file(tx, additions.c.patient_id == patient_id, file_id)

    async def withdraw(self, tx: Transaction, row: Row[Any], actor: StaffId) -> None:
        """Take one back, out of the book where it stands."""
        await self._out_of_book(tx, row, actor)
        await tx.execute(update(additions).where(additions.c.id == row.id).values(withdrawn_at=await tx.now()))

    async def move(self, tx: Transaction, actor: StaffId, consult: Consult, patient: Patient) -> dict[str | None, int]:
        """Let the additions stand in the book of `patient`, and in no other. To be called after the change.

        Only those move that were made for the person whom the consult is about now: when the room turned to another
        one, what was measured of the first stays where it is. Gives how many came out of which book; None: out of none.
        """
        query = select(additions).where(*await self._of_person(tx, consult.id))
        moved: dict[str | None, int] = {}
        new: PatientId | None = patient.patient_id
        for row in (await tx.execute(query.order_by(additions.c.id))).all():
            if row.patient_id == new:
                continue
            await self._out_of_book(tx, row, actor)
            if new is not None:
                resources = self.opened(row)["resources"]
                await self._book.append(tx, new, resources, author=actor, facility_code=row.facility_code)
            await tx.execute(update(additions).where(additions.c.id == row.id).values(patient_id=new))
            moved[row.patient_id] = moved.get(row.patient_id, 0) + 1
        return moved

    def opened(self, row: Row[Any]) -> dict[str, Any]:
        """What is sealed in a row."""
        opened: dict[str, Any] = json.loads(self._sealer.open(row.content, _place(row.id)))
        return opened

    def addition(self, row: Row[Any]) -> Addition:
        """A row as people read it."""
        told = self.opened(row)
        return Addition(
            id=row.id,
            kind=AdditionKind(row.kind),
            author_id=row.author_id,
            author_name=told["author"],
            facility_name=told["facility"],
            taken_at=datetime.fromisoformat(told["taken_at"]),
            at=row.at,
            facts=told["facts"],
            file_id=row.file_id,
            small_id=row.small_id,
        )

    async def _of_person(self, tx: Transaction, consult_id: ConsultId) -> tuple[ColumnElement[bool], ...]:
        person = await self._person(tx, consult_id)
        return additions.c.consult_id == consult_id, additions.c.person == person, additions.c.withdrawn_at.is_(None)

    async def _person(self, tx: Transaction, consult_id: ConsultId) -> int:
        """The number of the last turn to another person that holds; 0: the consult is about whom it was asked for."""
        history = identity_history.c
        query = select(history.number, history.kind).where(history.consult_id == consult_id).order_by(history.number)
        return _person_of((number, kind) for number, kind in await tx.execute(query))

    async def _out_of_book(self, tx: Transaction, row: Row[Any], actor: StaffId) -> None:
        if row.patient_id is not None:
            marked = [added_resources.in_error(resource) for resource in self.opened(row)["resources"]]
            await self._book.append(tx, row.patient_id, marked, author=actor, facility_code=row.facility_code)


async def _with_file(tx: Transaction, place: ColumnElement[bool], file_id: FileId) -> Row[Any]:
    query = select(additions).where(
        place,
        or_(additions.c.file_id == file_id, additions.c.small_id == file_id),
        additions.c.withdrawn_at.is_(None),
    )
    row: Row[Any] | None = (await tx.execute(query.limit(1))).one_or_none()
    if row is None:
        raise NotFound("file.unknown", NO_FILE)
    return row


def _person_of(history: Iterable[tuple[int, str]]) -> int:
    """`AdditionStore._person` of an identity history in its order."""
    holding: list[tuple[int, str]] = []
    for number, kind in history:
        if kind == IdentityChange.REVERTED:
            holding.pop()
        else:
            holding.append((number, kind))
    return max((number for number, kind in holding if kind == IdentityChange.TURNED), default=0)


_HISTORY = (
    select(func.aggregate_strings(cast(identity_history.c.number, String) + " " + identity_history.c.kind, "\n"))
    .where(identity_history.c.consult_id == bindparam("one_id"))
    .scalar_subquery()
    .label("history")
)
_ADDED = (
    select(additions, _HISTORY)
    .where(additions.c.consult_id == bindparam("one_id"), additions.c.withdrawn_at.is_(None))
    .order_by(additions.c.id.desc())
)
"""What stands added in a consult and whom it was about, in one statement: the panel asks at each opening."""


def _place(addition_id: str) -> str:
    return f"additions.content:{addition_id}"
