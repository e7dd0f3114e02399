"""What somebody types into minutes, kept every few seconds until it is saved: each writer's own, sealed.

A save makes a version and takes earlier signatures out of force, so it is an act of a person; what is typed meanwhile
lies here. No draft ever overwrites another: writers have one each, and of one writer's two windows the second is told.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, select, update

from consult_rooms import identities
from consult_rooms.minutes import HELD, HOLDERS, LOCKED, NOT_HELD
from consult_rooms.minutes_facts import NO_PERSON
from consult_rooms.minutes_store import MinutesStore, draft_of_writer, draft_place
from consult_rooms.minutes_tables import minutes_drafts
from consult_rooms.standing import standing
from consult_rooms.store import ConsultStore
from foundation.database import Database
from foundation.errors import Conflict, Invalid
from foundation.i18n import N_
from foundation.ids import ConsultId, StaffId
from identity.model import Staff

MOST_CHARACTERS = 150_000
"""Of a draft in all. Above what minutes may hold: a text that is too long is kept while it is being shortened."""
FIELDS = 600
WRITING = timedelta(seconds=60)
"""Whoever typed so lately is writing now."""

Pairs = Sequence[tuple[str, str]]

TOO_LONG = N_("This is too long to be kept: %(limit)s characters at most in all parts together. Shorten it to go on.")
ELSEWHERE = N_("You went on writing in another window. Both texts are kept: choose one.")


@dataclass(frozen=True, slots=True)
class MinutesCopy:
    """A writer's draft, as the form's fields. `base` is the version from which they began, `revision` counts keeps."""

    fields: tuple[tuple[str, str], ...]
    base: int
    revision: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """A draft that was kept. `newest` is the version that stands now, `others` how many others are writing."""

    revision: int
    updated_at: datetime
    newest: int
    others: int


class MinutesDrafts:
    """Keeps and forgets drafts of minutes. Each person's own alone."""

    def __init__(self, database: Database, store: ConsultStore) -> None:
        self._database = database
        self._store = store
        self._rows = MinutesStore(store.sealer)

    async def keep(
        self, staff: Staff, consult_id: ConsultId, person: int, fields: Pairs, *, base: int, revision: int
    ) -> Kept:
        """Keep what is typed now; `revision` is the one that the window last knew, 0 for none.

        The same again, after an answer that was lost, is one. Raises Conflict `minutes.draft_elsewhere` with `now`,
        the revision of the window that went on; `minutes.locked`, `minutes.not_held`, `minutes.no_such_person`;
        Invalid `minutes.draft_too_long`; NotFound, Forbidden. What was kept before stays then.
        """
        content = tuple((name[:64], text) for name, text in fields)
        if len(content) > FIELDS or sum(len(name) + len(text) for name, text in content) > MOST_CHARACTERS:
            raise Invalid("minutes.draft_too_long", TOO_LONG, limit=MOST_CHARACTERS)
        async with self._database.transaction() as tx:
            place = await standing(tx, self._store, staff, consult_id, lock=True)
            place.require(*HOLDERS)
            if place.consult.state not in HELD or place.consult.specialist_id is None:
                raise Conflict("minutes.not_held", NOT_HELD)
            if person and person not in {
                one.number for one in (await identities.people(tx, self._store, consult_id))[0]
            }:
                raise Conflict("minutes.no_such_person", NO_PERSON)
            newest, locked_at = await self._rows.head(tx, consult_id, person)
            if locked_at is not None:
                raise Conflict("minutes.locked", LOCKED)
            now = await tx.now()
            c = minutes_drafts.c
            kept = select(minutes_drafts).where(c.consult_id == consult_id, c.person == person)
            found = {row.staff_id: row for row in await tx.execute(kept)}
            others = sum(row.updated_at >= now - WRITING for one, row in found.items() if one != staff.id)
            own = found.get(staff.id)
            at = draft_place(consult_id, person, staff.id)
            if own is not None and own.revision != revision:
                if self._copy(own, consult_id, person).fields == content:
                    return Kept(own.revision, own.updated_at, newest, others)
                raise Conflict("minutes.draft_elsewhere", ELSEWHERE, seen=revision, now=own.revision)
            values = {
                "revision": revision + 1,
                "base": base,
                "content_sealed": self._store.sealer.seal(json.dumps(content).encode(), at),
                "updated_at": now,
            }
            if own is None:
                key = {"consult_id": consult_id, "person": person, "staff_id": staff.id}
                await tx.execute(minutes_drafts.insert().values(**key, **values))
            else:
                await tx.execute(
                    update(minutes_drafts).where(*draft_of_writer(consult_id, person, staff.id)).values(**values)
                )
        return Kept(revision + 1, now, newest, others)

    async def get(self, staff: Staff, consult_id: ConsultId, person: int) -> MinutesCopy | None:
        """One's own draft. The caller has had the reading of these minutes judged and audited."""
        async with self._database.reading() as tx:
            query = select(minutes_drafts).where(*draft_of_writer(consult_id, person, staff.id))
            row = (await tx.execute(query)).one_or_none()
        return None if row is None else self._copy(row, consult_id, person)

    async def discard(self, staff: Staff, consult_id: ConsultId, person: int) -> None:
        """Forget one's own draft; when there is none, nothing happens."""
        async with self._database.transaction() as tx:
            await tx.execute(delete(minutes_drafts).where(*draft_of_writer(consult_id, person, staff.id)))

    def _copy(self, row: Row[Any], consult_id: ConsultId, person: int) -> MinutesCopy:
        plain = json.loads(
            self._store.sealer.open(row.content_sealed, draft_place(consult_id, person, StaffId(row.staff_id)))
        )
        fields = tuple((str(name), str(text)) for name, text in plain)
        return MinutesCopy(fields, row.base, row.revision, row.updated_at)
