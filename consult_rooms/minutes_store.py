"""Rows of minutes to values. Callers hold the transaction and have judged access; nothing here decides anything."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, func, select

from consult_rooms.minutes_document import content_of
from consult_rooms.minutes_model import Addendum, Saved, Seat, Signature
from consult_rooms.minutes_tables import minutes, minutes_addenda, minutes_drafts, minutes_signatures, minutes_versions
from consult_rooms.signatures import digest_of
from foundation.database import Transaction
from foundation.errors import Unavailable
from foundation.i18n import N_
from foundation.ids import ConsultId, StaffId
from foundation.sealing import Sealer

ALTERED = N_(
    "What is stored of these minutes was changed outside Hoichan. Nothing of it can be signed; tell your administrator."
)


class MinutesStore:
    """Reads minutes and opens what is sealed. Raises Unavailable: `minutes.altered`, `sealing.unreadable`."""

    def __init__(self, sealer: Sealer) -> None:
        self.sealer = sealer

    async def head(self, tx: Transaction, consult_id: ConsultId, person: int) -> tuple[int, datetime | None]:
        """The newest version, 0 before the first, and since when it is locked."""
        row = (await tx.execute(select(minutes).where(*of(minutes, consult_id, person)))).one_or_none()
        return (0, None) if row is None else (row.version, row.locked_at)

    async def version(self, tx: Transaction, consult_id: ConsultId, person: int, version: int) -> Saved | None:
        """One version; None where there is none of that number."""
        t = minutes_versions
        row = (await tx.execute(select(t).where(*of(t, consult_id, person), t.c.version == version))).one_or_none()
        if row is None:
            return None
        document = self.sealer.open_text(row.document_sealed, version_place(consult_id, person, version))
        # What is signed next is this document, whatever somebody has written into the column beside it.
        if (digest := digest_of(document)) != row.sha256:
            raise Unavailable("minutes.altered", ALTERED)
        return Saved(consult_id, person, version, row.author_id, row.saved_at, document, digest, content_of(document))

    async def signatures(self, tx: Transaction, saved: Saved) -> tuple[Signature, ...]:
        """Those under that version, the chair's first."""
        t = minutes_signatures
        query = select(t).where(*of(t, saved.consult_id, saved.person), t.c.version == saved.version)
        found = [_signature(row) for row in await tx.execute(query)]
        return tuple(sorted(found, key=lambda one: (list(Seat).index(one.seat), one.at, one.staff_id)))

    async def lapsed(self, tx: Transaction, saved: Saved) -> int:
        """How many signatures stand under earlier versions alone."""
        t = minutes_signatures
        query = select(func.count()).where(*of(t, saved.consult_id, saved.person), t.c.version < saved.version)
        return int((await tx.execute(query)).scalar_one())

    async def addenda(self, tx: Transaction, consult_id: ConsultId, person: int) -> tuple[Addendum, ...]:
        """What was added after the lock, in order."""
        t = minutes_addenda
        query = select(t).where(*of(t, consult_id, person)).order_by(t.c.number)
        return tuple([self._addendum(row) for row in await tx.execute(query)])

    def _addendum(self, row: Row[Any]) -> Addendum:
        place = addendum_place(row.consult_id, row.person, row.number)
        document = self.sealer.open_text(row.document_sealed, place)
        if digest_of(document) != row.sha256:
            raise Unavailable("minutes.altered", ALTERED)
        told = json.loads(document)
        signature = Signature(row.author_id, Seat.MEMBER, 1, row.at, row.key_id, row.signature)
        author = told["author"]
        return Addendum(row.number, author["name"], author["unit"], told["text"], row.sha256, signature, document)


def of(table: Table, consult_id: ConsultId, person: int) -> tuple[ColumnElement[bool], ...]:
    """The rows of one patient's minutes."""
    return table.c.consult_id == consult_id, table.c.person == person


def version_place(consult_id: ConsultId, person: int, version: int) -> str:
    """Where a version says that it stands (`Sealer.seal`)."""
    return f"minutes.document:{consult_id}:{person}:{version}"


def addendum_place(consult_id: ConsultId, person: int, number: int) -> str:
    """Where an addendum says that it stands (`Sealer.seal`)."""
    return f"minutes.addendum:{consult_id}:{person}:{number}"


def draft_place(consult_id: ConsultId, person: int, staff_id: StaffId) -> str:
    """Where a writer's draft says that it stands (`Sealer.seal`)."""
    return f"minutes.draft:{consult_id}:{person}:{staff_id}"


def draft_of_writer(consult_id: ConsultId, person: int, staff_id: StaffId) -> tuple[ColumnElement[bool], ...]:
    """The row of what one person typed into one patient's minutes."""
    return *of(minutes_drafts, consult_id, person), minutes_drafts.c.staff_id == staff_id


def _signature(row: Row[Any]) -> Signature:
    return Signature(StaffId(row.staff_id), Seat(row.seat), row.signers, row.at, row.key_id, row.signature)
