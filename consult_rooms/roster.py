"""Reads who could come into question for a request: two statements for a whole ladder, since every ring waits for them.

The first gives the rules and what is asked, the second everybody at the clinic's hospitals with turns, work and last
ring. They stand in `roster_queries`; what their rows mean stands here. Who is signed in comes from presence.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from consult_rooms.candidates import Fact, Field, Person, Roster
from consult_rooms.ladder_rules import Rules
from consult_rooms.licences import bears, words_of
from consult_rooms.model import Level
from consult_rooms.presence import Presence
from consult_rooms.quiet import quiet_times
from consult_rooms.roster_queries import BEFORE, CLINIC, FRAME, PEOPLE, REQUESTER
from consult_rooms.rota import began_on, covers, shift_of
from consult_rooms.rulebook import newest, rules_of
from consult_rooms.tables import consults, on_call_shifts
from foundation.database import Database, Transaction
from foundation.errors import NotFound, Unavailable
from foundation.ids import FacilityId, PatientId, SpecialtyId, StaffId
from identity.hours import open_at
from identity.model import Role, TechnicalLevel
from identity.rows import specialty_list
from identity.store import SPECIALTY_UNKNOWN
from identity.tables import specialties, staff

_LEVELS = tuple(TechnicalLevel)


@dataclass(frozen=True, slots=True)
class Asked:
    """For what a roster is read. The patient only for the specialist who answered before."""

    clinic_id: FacilityId
    specialty_id: SpecialtyId
    requester_id: StaffId | None = None
    patient_id: PatientId | None = None


@dataclass(frozen=True, slots=True)
class _Frame:
    """The first statement: the rules, the family of the specialty, the clinic and the requester."""

    rules: Rules
    parent_id: str | None
    children: frozenset[str]
    scopes: tuple[str, ...]
    clinic_level: TechnicalLevel | None
    languages: frozenset[str]
    returning: StaffId | None
    now: datetime
    """The store's time."""


class Rosters:
    """Reads rosters. `zone` is that of turns on call, of the licence's day and of facilities without one."""

    def __init__(self, database: Database, presence: Presence, zone: ZoneInfo, defaults: Rules) -> None:
        self._database = database
        self._presence = presence
        self._zone = zone
        self._defaults = defaults

    async def read(self, asked: Asked) -> Roster:
        """Everybody at the clinic's hospitals who is of the field, on call for it or a coordinator.

        Reads on its own, so call it before the writing transaction. Raises NotFound("specialty.unknown").
        """
        async with self._database.reading() as tx:
            frame = await self._frame(tx, asked)
            facts = _facts(await self._people(tx, asked, frame), asked, frame, self._zone)
        return Roster(tuple(await self._reached(facts)), frame.rules, frame.returning)

    async def read_alike(self, asked: Sequence[Asked]) -> list[Roster]:
        """Rosters of several requests of one clinic for one specialty, in their order. Raises as `read`.

        What they share is read once, however many they are; each has its own languages and who answered before.
        """
        shared = replace(asked[0], requester_id=None, patient_id=None)
        async with self._database.reading() as tx:
            frame = await self._frame(tx, shared)
            rows = await self._people(tx, shared, frame)
            requesters = {one.requester_id for one in asked if one.requester_id is not None}
            languages = await _languages(tx, requesters)
            answered = await _answered(tx, asked, frame.now - timedelta(days=frame.rules.return_days))
        facts = tuple(await self._reached(_facts(rows, shared, frame, self._zone)))
        spoken = {row[staff.c.id]: frozenset[str](row[staff.c.languages]) for row in rows}
        heard: dict[frozenset[str], tuple[Fact, ...]] = {}
        rosters = []
        for one in asked:
            own = languages.get(one.requester_id, frozenset())
            if own not in heard:
                heard[own] = tuple(replace(fact, speaks=_speaks(spoken[fact.person.staff_id], own)) for fact in facts)
            rosters.append(Roster(heard[own], frame.rules, answered.get(one.patient_id)))
        return rosters

    async def rules(self, tx: Transaction) -> Rules:
        """The rules that hold now."""
        return rules_of((await tx.execute(newest())).first(), self._defaults)

    async def _people(self, tx: Transaction, asked: Asked, frame: _Frame) -> Sequence[Mapping[Any, Any]]:
        """Everybody who could be rung, a row for each turn on call of these days."""
        family = {asked.specialty_id, *frame.children, frame.parent_id}
        local = frame.now.astimezone(self._zone)
        told = {
            "clinic_id": asked.clinic_id,
            "specialty_id": asked.specialty_id,
            "family": sorted(field for field in family if field is not None),
            "days": ["", *began_on(local)],
            "weekdays": [local.weekday(), (local.weekday() - 1) % 7],
        }
        rows: Sequence[Mapping[Any, Any]] = (await tx.execute(PEOPLE, told)).mappings().all()
        return rows

    async def _frame(self, tx: Transaction, asked: Asked) -> _Frame:
        told = {
            "clinic_id": asked.clinic_id,
            "specialty_id": asked.specialty_id,
            "requester_id": asked.requester_id,
            "patient_id": asked.patient_id,
        }
        rows = (await tx.clocked(FRAME, told)).mappings().all()
        own = next((row for row in rows if row[specialties.c.id] == asked.specialty_id), None)
        if own is None:
            raise NotFound("specialty.unknown", SPECIALTY_UNKNOWN)
        now: datetime = own["store_time"]
        rules = rules_of(own, self._defaults)
        answered_at = own[BEFORE.c.claimed_at]
        recent = answered_at is not None and now - answered_at <= timedelta(days=rules.return_days)
        scopes = own[specialties.c.licence_scopes]
        level = own[CLINIC.c.technical_level]
        return _Frame(
            rules=rules,
            parent_id=own[specialties.c.parent_id],
            children=frozenset(row[specialties.c.id] for row in rows if row is not own),
            scopes=words_of(scopes),
            clinic_level=None if level is None else TechnicalLevel(level),
            languages=frozenset(own[REQUESTER.c.languages] or ()),
            returning=StaffId(own[BEFORE.c.specialist_id]) if recent else None,
            now=now,
        )

    async def _reached(self, facts: list[Fact]) -> Iterable[Fact]:
        everybody = {fact.person.staff_id for fact in facts}
        online: Collection[StaffId] | None
        try:
            online = await self._presence.online(everybody)
        except Unavailable:
            # Who is signed in is good to know; a request rings without it.
            online = None
        return (replace(fact, online=None if online is None else fact.person.staff_id in online) for fact in facts)


async def _languages(tx: Transaction, people: Collection[StaffId]) -> dict[StaffId | None, frozenset[str]]:
    """What each of these people speaks."""
    rows = await tx.execute(select(staff.c.id, staff.c.languages).where(staff.c.id.in_(people)))
    return {StaffId(row.id): frozenset(row.languages) for row in rows}


async def _answered(tx: Transaction, asked: Sequence[Asked], since: datetime) -> dict[PatientId | None, StaffId]:
    """Who took each patient's last consult from this clinic in this field, when that was not before `since`."""
    patients = {one.patient_id for one in asked if one.patient_id is not None}
    query = (
        select(consults.c.patient_id, consults.c.specialist_id)
        .where(
            consults.c.patient_id.in_(patients),
            consults.c.requester_facility_id == asked[0].clinic_id,
            consults.c.specialty_id == asked[0].specialty_id,
            consults.c.specialist_id.is_not(None),
            consults.c.claimed_at >= since,
        )
        .order_by(consults.c.claimed_at)
    )
    return {PatientId(row.patient_id): StaffId(row.specialist_id) for row in await tx.execute(query)}


def _facts(rows: Collection[Mapping[Any, Any]], asked: Asked, frame: _Frame, zone: ZoneInfo) -> list[Fact]:
    """One fact a person and hospital; of several turns that hold, the first level counts."""
    local = frame.now.astimezone(zone)
    found: dict[Person, Fact] = {}
    for row in rows:
        person = Person(StaffId(row[staff.c.id]), FacilityId(row["hub_id"]))
        level = None
        if row[on_call_shifts.c.id] is not None:
            shift = shift_of(row)
            level = shift.level if covers(shift, local) else None
        known = found.get(person)
        if known is None:
            found[person] = _fact(row, person, asked, frame, zone, level)
        elif level is not None and known.on_call is not Level.FIRST:
            found[person] = replace(known, on_call=level)
    return list(found.values())


def _fact(
    row: Mapping[Any, Any],
    person: Person,
    asked: Asked,
    frame: _Frame,
    zone: ZoneInfo,
    level: Level | None,
) -> Fact:
    held = set((row[specialty_list] or "").split(","))
    roles = frozenset(row[staff.c.roles])
    hours = row["hours"]
    hub_level = row["technical_level"]
    there = frame.now.astimezone(ZoneInfo(row["zone"]) if row["zone"] else zone)
    quiet_until = row[quiet_times.c.until]
    return Fact(
        person=person,
        rank=row["rank"] or 0,
        specialist=Role.SPECIALIST in roles,
        coordinator=Role.COORDINATOR in roles,
        field=_field(held, asked.specialty_id, frame),
        on_call=level,
        licence=_licensed(row[staff.c.licence_number], row[staff.c.licence_expires], frame.now.astimezone(zone).date()),
        in_scope=bears(row[staff.c.licence_scope], frame.scopes),
        open=open_at(hours or "", there),
        level_enough=hub_level is None
        or frame.clinic_level is None
        or _LEVELS.index(TechnicalLevel(hub_level)) >= _LEVELS.index(frame.clinic_level),
        speaks=_speaks(frozenset(row[staff.c.languages]), frame.languages),
        load=row["load"],
        last_rung=row["last_rung"],
        disturb=quiet_until is None or quiet_until <= frame.now,
    )


def _speaks(spoken: frozenset[str], languages: frozenset[str]) -> bool:
    """Whether two people have a language in common, or nobody knows."""
    return not spoken or not languages or not spoken.isdisjoint(languages)


def _field(held: Collection[str], specialty_id: SpecialtyId, frame: _Frame) -> Field:
    if specialty_id in held:
        return Field.EXACT
    if not frame.children.isdisjoint(held):
        return Field.NARROWER
    return Field.BROADER if frame.parent_id in held else Field.NONE


def _licensed(number: str | None, expires: date | None, today: date) -> bool:
    return number is not None and (expires is None or expires >= today)
