"""What each person owes: opinions, signatures, advice to read, outcomes to tell, answers in writing; oldest first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, exists, func, literal, select

from consult_rooms import identities
from consult_rooms.aftercare_tables import follow_ups, given_advice
from consult_rooms.follow_ups import unanswered
from consult_rooms.joins import Joins, mine
from consult_rooms.minutes_store import MinutesStore
from consult_rooms.minutes_tables import minutes, minutes_signatures, minutes_versions
from consult_rooms.model import ConsultState, IdentityChange, Patient
from consult_rooms.rows import ConsultRow
from consult_rooms.store import ConsultStore
from consult_rooms.tables import consults, identity_history
from foundation.database import Database, Transaction
from foundation.ids import ConsultId, StaffId
from identity.model import Staff
from identity.store import Directory

ROWS = 100
"""Rows of one kind at most."""
OVER = (ConsultState.ENDED, ConsultState.CLOSED)


class Owing(StrEnum):
    """A kind of debt, in the order of the page."""

    ADVICE = "advice"
    """To be read."""
    WRITTEN = "written"
    """To be answered in writing."""
    OPINION = "opinion"
    FOLLOW_UP = "follow_up"
    MINUTES = "minutes"
    """To be signed."""


@dataclass(frozen=True, slots=True)
class Debt:
    """One thing owed. `since` is when it came up, or when it is due; `day` is that of a follow-up."""

    kind: Owing
    row: ConsultRow
    person: int
    since: datetime
    day: int | None = None


@dataclass(frozen=True, slots=True)
class _Owed:
    consult_id: ConsultId
    person: int
    since: datetime
    day: int | None = None


class Debts:
    """Reads what is owed."""

    def __init__(self, database: Database, store: ConsultStore, directory: Directory, zone: ZoneInfo) -> None:
        self._database = database
        self._store = store
        self._joins = Joins(directory, store, zone)
        self._minutes = MinutesStore(store.sealer)

    async def of(self, staff: Staff) -> dict[Owing, list[Debt]]:
        """Everything that this person owes."""
        async with self._database.reading() as tx:
            now = await tx.now()
            found = {
                Owing.ADVICE: await self._read(tx, _advice(staff.id)),
                Owing.WRITTEN: await self._read(tx, _written(staff.id)),
                Owing.OPINION: await self._read(tx, _opinions(staff.id)),
                Owing.FOLLOW_UP: await self._read(tx, _follow_ups(staff.id, now)),
                Owing.MINUTES: await self._to_sign(tx, staff.id),
            }
            ids = {one.consult_id for owed in found.values() for one in owed}
            listed = await self._store.many(tx, select(consults).where(consults.c.id.in_(ids))) if ids else []
            names = await self._names(tx, ids)
            rows = {row.consult.id: row for row in await self._joins.rows(tx, staff, listed)}
        return {
            kind: [
                Debt(kind, _about(rows[one.consult_id], names, one), one.person, one.since, one.day)
                for one in owed
                if one.consult_id in rows
            ]
            for kind, owed in found.items()
        }

    async def unread(self, staff: Staff) -> int:
        """How many pieces of advice this person has not read."""
        query = select(func.count()).select_from(_advice(staff.id).subquery())
        async with self._database.reading() as tx:
            return int((await tx.execute(query)).scalar_one())

    async def open_cases(self, consult_ids: Collection[ConsultId]) -> Mapping[ConsultId, bool]:
        """Those that are still open though the opinion was given; True: nobody of the clinic has read the advice."""
        if not consult_ids:
            return {}
        f, beyond = follow_ups.c, follow_ups.alias("beyond")
        last = ~exists().where(beyond.c.consult_id == f.consult_id, beyond.c.person == f.person, beyond.c.day > f.day)
        of_advice = (f.consult_id == given_advice.c.consult_id, f.person == given_advice.c.person)
        awaited = exists().where(*of_advice, last, *unanswered())
        query = select(given_advice.c.consult_id, given_advice.c.read_at).where(
            given_advice.c.consult_id.in_(consult_ids), given_advice.c.read_at.is_(None) | awaited
        )
        found: dict[ConsultId, bool] = {}
        async with self._database.reading() as tx:
            for row in await tx.execute(query):
                found[row.consult_id] = found.get(row.consult_id, False) or row.read_at is None
        return found

    async def _read(self, tx: Transaction, query: Select[Any]) -> list[_Owed]:
        return [_Owed(*row) for row in await tx.execute(query.limit(ROWS))]

    async def _names(self, tx: Transaction, ids: Collection[ConsultId]) -> dict[tuple[ConsultId, int], Patient]:
        """The patients of those consults that turned from one to another."""
        h = identity_history
        turned = select(h.c.consult_id).where(h.c.consult_id.in_(ids), h.c.kind == IdentityChange.TURNED).distinct()
        found: dict[tuple[ConsultId, int], Patient] = {}
        for consult_id in (await tx.execute(turned)).scalars() if ids else ():
            persons, _ = await identities.people(tx, self._store, consult_id)
            found |= {(consult_id, one.number): one.patient for one in persons}
        return found

    async def _to_sign(self, tx: Transaction, staff_id: StaffId) -> list[_Owed]:
        """Unlocked minutes of consults that are over. Who signs stands in the sealed document, so each is opened."""
        v, s = minutes_versions, minutes_signatures
        newest = (v.c.consult_id == minutes.c.consult_id) & (v.c.person == minutes.c.person)
        signed = exists().where(
            s.c.consult_id == v.c.consult_id,
            s.c.person == v.c.person,
            s.c.version == v.c.version,
            s.c.staff_id == staff_id,
        )
        query = (
            select(v.c.consult_id, v.c.person, v.c.version, v.c.saved_at)
            .join(minutes, newest & (v.c.version == minutes.c.version))
            .join(consults, consults.c.id == v.c.consult_id)
            .where(minutes.c.locked_at.is_(None), consults.c.state.in_(OVER), mine(staff_id), ~signed)
            .order_by(v.c.saved_at)
            .limit(ROWS)
        )
        found = []
        for row in (await tx.execute(query)).all():
            saved = await self._minutes.version(tx, row.consult_id, row.person, row.version)
            # Without a conclusion they are being written still, and nobody can sign them.
            if saved is not None and saved.content.conclusion and saved.content.signer(staff_id) is not None:
                found.append(_Owed(row.consult_id, row.person, row.saved_at))
        return found


def _about(row: ConsultRow, names: Mapping[tuple[ConsultId, int], Patient], owed: _Owed) -> ConsultRow:
    """The row with the patient whom it is about, where the consult had several."""
    patient = names.get((owed.consult_id, owed.person))
    if patient is None or row.patient_name is None:
        return row
    today = row.consult.created_at.date()
    return replace(
        row,
        consult=replace(row.consult, patient=patient),
        patient_name=patient.name,
        age=patient.age(today),
    )


def _advice(staff_id: StaffId) -> Select[Any]:
    g = given_advice.c
    return (
        select(g.consult_id, g.person, g.given_at)
        .join(consults, consults.c.id == g.consult_id)
        .where(consults.c.requester_id == staff_id, g.read_at.is_(None))
        .order_by(g.given_at)
    )


def _written(staff_id: StaffId) -> Select[Any]:
    return (
        select(consults.c.id, literal(0), consults.c.due_at)
        .where(consults.c.state == ConsultState.WRITTEN, consults.c.specialist_id == staff_id)
        .order_by(consults.c.due_at)
    )


def _opinions(staff_id: StaffId) -> Select[Any]:
    return (
        select(consults.c.id, literal(0), consults.c.ended_at)
        .where(consults.c.state == ConsultState.ENDED, consults.c.specialist_id == staff_id)
        .order_by(consults.c.ended_at)
    )


def _follow_ups(staff_id: StaffId, now: datetime) -> Select[Any]:
    """Of several due ones of a patient the latest alone."""
    newer = follow_ups.alias("newer")
    overtaken = exists().where(
        newer.c.consult_id == follow_ups.c.consult_id,
        newer.c.person == follow_ups.c.person,
        newer.c.day > follow_ups.c.day,
        newer.c.due_at <= now,
    )
    return (
        select(follow_ups.c.consult_id, follow_ups.c.person, follow_ups.c.due_at, follow_ups.c.day)
        .join(consults, consults.c.id == follow_ups.c.consult_id)
        .where(consults.c.requester_id == staff_id, follow_ups.c.due_at <= now, ~overtaken, *unanswered())
        .order_by(follow_ups.c.due_at)
    )
