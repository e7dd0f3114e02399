"""Half-finished requests, kept on the server for their writer alone: sealed, few, and gone after a while.

A reload, another terminal or a crash brings them back. Of opinions nothing is kept here: each stands with its consult,
in versions, from the first word on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, delete, func, select, update

from consult_rooms.store import ConsultStore
from consult_rooms.written_tables import drafts
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import DraftId, StaffId, is_id
from identity.model import Staff

PER_PERSON = 20
DAY_S = 86_400
MOST_CHARACTERS = 40_000
FIELDS = 150
KEPT_FOR = timedelta(hours=72)
"""How long a draft waits after its last change, unless settings say otherwise."""


class DraftKind(StrEnum):
    """What it will become."""

    REQUEST = "request"


Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Draft:
    """What was typed so far, as the form's fields."""

    id: DraftId
    kind: DraftKind
    fields: tuple[tuple[str, str], ...]
    updated_at: datetime
    expires_at: datetime

    def value(self, name: str) -> str:
        """A field's text, or nothing."""
        return next((text for known, text in self.fields if known == name), "")


@dataclass(frozen=True, slots=True)
class CopyKeys:
    """Keys for copies in a browser that others use too: 16 bytes each (AES-128-GCM), by the number of their day."""

    owner: str
    """A mark by which the browser tells one person's copies from another's."""
    current: int
    keys: dict[int, bytes]


class Drafts:
    """Keeps, lists and forgets. Each person's own alone: anybody else's does not exist."""

    def __init__(self, database: Database, store: ConsultStore, kept_for: timedelta = KEPT_FOR) -> None:
        self._database = database
        self._store = store
        self._kept_for = kept_for

    async def keep(self, staff: Staff, draft_id: DraftId, fields: Pairs) -> Draft:
        """Write a draft under the id that its page made, anew or over what was there.

        Raises Invalid `draft.too_long`, NotFound for an id that is no draft's or another's, Conflict `draft.too_many`.
        """
        kept = tuple((name[:64], text) for name, text in fields if text)
        if len(kept) > FIELDS or sum(len(name) + len(text) for name, text in kept) > MOST_CHARACTERS:
            raise Invalid("draft.too_long", TOO_LONG)
        if not is_id(draft_id, "dra"):
            raise NotFound("draft.unknown", UNKNOWN)
        sealed = self._store.sealer.seal(json.dumps(kept).encode(), content_place(staff.id, draft_id))
        async with self._database.transaction() as tx:
            now = await tx.now()
            values = {"content_sealed": sealed, "updated_at": now, "expires_at": now + self._kept_for}
            row = (await tx.execute(select(drafts.c.staff_id).where(drafts.c.id == draft_id))).one_or_none()
            if row is None:
                await self._make_room(tx, staff.id, now)
                new = {"id": draft_id, "staff_id": staff.id, "kind": DraftKind.REQUEST, **values}
                await tx.execute(drafts.insert().values(**new))
            elif row.staff_id == staff.id:
                await tx.execute(update(drafts).where(drafts.c.id == draft_id).values(**values))
            else:
                raise NotFound("draft.unknown", UNKNOWN)
        return Draft(draft_id, DraftKind.REQUEST, kept, now, now + self._kept_for)

    async def listed(self, staff: Staff) -> list[Draft]:
        """One's own drafts, the last changed first."""
        async with self._database.reading() as tx:
            found = await tx.execute(
                select(drafts)
                .where(drafts.c.staff_id == staff.id, drafts.c.expires_at > await tx.now())
                .order_by(drafts.c.updated_at.desc())
            )
            return [self._draft(row) for row in found]

    async def get(self, staff: Staff, draft_id: DraftId) -> Draft:
        """One of them. Raises NotFound `draft.unknown`, also when it has expired."""
        async with self._database.reading() as tx:
            own = (drafts.c.id == draft_id) & (drafts.c.staff_id == staff.id) & (drafts.c.expires_at > await tx.now())
            row = (await tx.execute(select(drafts).where(own))).one_or_none()
        if row is None:
            raise NotFound("draft.unknown", UNKNOWN)
        return self._draft(row)

    async def discard(self, staff: Staff, draft_id: DraftId) -> None:
        """Forget one; when there is none, nothing happens."""
        async with self._database.transaction() as tx:
            await tx.execute(delete(drafts).where(drafts.c.id == draft_id, drafts.c.staff_id == staff.id))

    async def expire(self) -> None:
        """Forget all whose time has run out."""
        async with self._database.transaction() as tx:
            await tx.execute(delete(drafts).where(drafts.c.expires_at <= await tx.now()))

    async def copy_keys(self, staff: Staff) -> CopyKeys:
        """The keys of today and of yesterday. Older copies nobody opens any more: their keys are given to none."""
        async with self._database.reading() as tx:
            today = int((await tx.now()).timestamp() // DAY_S)
        index = self._store.sealer.index
        keys = {day: index("browser-copies", f"{staff.id}:{day}") for day in (today - 1, today)}
        return CopyKeys(index("browser-copies-of", staff.id).hex(), today, keys)

    async def _make_room(self, tx: Transaction, staff_id: StaffId, now: datetime) -> None:
        await tx.execute(delete(drafts).where(drafts.c.staff_id == staff_id, drafts.c.expires_at <= now))
        count = select(func.count()).where(drafts.c.staff_id == staff_id)
        if (await tx.execute(count)).scalar_one() >= PER_PERSON:
            raise Conflict("draft.too_many", TOO_MANY, most=PER_PERSON)

    def _draft(self, row: Row[Any]) -> Draft:
        plain = json.loads(self._store.sealer.open(row.content_sealed, content_place(row.staff_id, row.id)))
        fields = tuple((str(name), str(text)) for name, text in plain)
        return Draft(row.id, DraftKind(row.kind), fields, row.updated_at, row.expires_at)


def content_place(staff_id: StaffId, draft_id: DraftId) -> str:
    """Where a draft says that it stands (`Sealer.seal`)."""
    return f"drafts.content:{staff_id}:{draft_id}"


TOO_LONG = N_("This draft is too long to be kept.")
TOO_MANY = N_("You have %(most)s unfinished requests already. Send or discard one first.")
UNKNOWN = N_("There is no such draft, or it has expired.")
