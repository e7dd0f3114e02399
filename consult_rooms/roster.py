"""Reads who could come into question for a request: two statements for a whole ladder, since every ring waits for them.

The first gives the rules and what is asked, the second everybody at the clinic's hospitals with turns, work and last
ring. Both go by indexes from the clinic on, so their cost grows with its hospitals, not with the country. Who is
signed in comes from presence, who asked not to be disturbed from `quiet`. The statements and what their rows mean are
one thing, hence one file.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import String, and_, cast, false, func, literal, literal_column, or_, select, true, union

from consult_rooms.candidates import Fact, Field, Person, Roster
from consult_rooms.ladder_rules import Rules
from consult_rooms.licences import bears, words_of
from consult_rooms.model import Level
from consult_rooms.presence import Presence
from consult_rooms.rota import covers, shift_of
from consult_rooms.rulebook import newest, rules_of
from consult_rooms.tables import consults, offers, on_call_shifts
from foundation.database import Database, Transaction
from foundation.errors import NotFound, Unavailable
from foundation.ids import FacilityId, PatientId, SpecialtyId, StaffId
from identity.hours import open_at
from identity.model import Role, TechnicalLevel
from identity.rows import specialty_list
from identity.store import SPECIALTY_UNKNOWN
from identity.tables import facilities, links, specialties, staff, staff_specialties

Quiet = Callable[[Collection[StaffId]], Awaitable[Collection[StaffId]]]
"""Those of these people who asked not to be disturbed now. Raises Unavailable when nobody knows."""

_LEVELS = tuple(TechnicalLevel)
_LOAD = (
    select(func.count())
    .where(
        consults.c.specialist_id == staff.c.id,
        # Written out, so that the index over these rows alone is used.
        consults.c.state == literal_column("'claimed'"),
    )
    .scalar_subquery()
    .label("load")
)
_LAST_RUNG = select(func.max(offers.c.rung_at)).where(offers.c.staff_id == staff.c.id).scalar_subquery()
_COORDINATES = cast(staff.c.roles, String).contains(Role.COORDINATOR.value)


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


class Rosters:
    """Reads rosters. `zone` is that of turns on call, of the licence's day and of facilities without one."""

    def __init__(
        self, database: Database, presence: Presence, zone: ZoneInfo, defaults: Rules, quiet: Quiet | None = None
    ) -> None:
        self._database = database
        self._presence = presence
        self._zone = zone
        self._defaults = defaults
        self._quiet = quiet

    async def read(self, asked: Asked) -> Roster:
        """Everybody at the clinic's hospitals who is of the field, on call for it or a coordinator.

        Reads on its own, so call it before the writing transaction. Raises NotFound("specialty.unknown").
        """
        async with self._database.reading() as tx:
            now = await tx.now()
            frame = await self._frame(tx, asked, now)
            rows = (await tx.execute(_people(asked, {asked.specialty_id, *frame.children, frame.parent_id}))).mappings()
            facts = _facts(list(rows), asked, frame, now, self._zone)
        return Roster(tuple(await self._reached(facts)), frame.rules, frame.returning)

    async def read_alike(self, asked: Sequence[Asked]) -> list[Roster]:
        """Rosters of several requests of one clinic for one specialty, in their order. Raises as `read`.

        What they share is read once, however many they are; each has its own languages and who answered before.
        """
        shared = replace(asked[0], requester_id=None, patient_id=None)
        async with self._database.reading() as tx:
            now = await tx.now()
            frame = await self._frame(tx, shared, now)
            family = {shared.specialty_id, *frame.children, frame.parent_id}
            rows = (await tx.execute(_people(shared, family))).mappings().all()
            requesters = {one.requester_id for one in asked if one.requester_id is not None}
            languages = await _languages(tx, requesters)
            answered = await _answered(tx, asked, now - timedelta(days=frame.rules.return_days))
        facts = tuple(await self._reached(_facts(rows, shared, frame, now, self._zone)))
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

    async def _frame(self, tx: Transaction, asked: Asked, now: datetime) -> _Frame:
        one = specialties.c.id == asked.specialty_id
        held = newest().subquery()
        clinic, requester = facilities.alias("clinic"), staff.alias("requester")
        before = (
            select(consults.c.specialist_id, consults.c.claimed_at)
            .where(
                # Of somebody unknown there is no earlier consult.
                false() if asked.patient_id is None else consults.c.patient_id == asked.patient_id,
                consults.c.requester_facility_id == asked.clinic_id,
                consults.c.specialty_id == asked.specialty_id,
                consults.c.specialist_id.is_not(None),
                consults.c.claimed_at.is_not(None),
            )
            .order_by(consults.c.claimed_at.desc())
            .limit(1)
            .subquery()
        )
        query = (
            select(
                specialties,
                held.c.version,
                held.c.rules,
                clinic.c.technical_level,
                requester.c.languages,
                before.c.specialist_id,
                before.c.claimed_at,
            )
            .select_from(specialties)
            .outerjoin(held, true())
            .outerjoin(clinic, clinic.c.id == asked.clinic_id)
            .outerjoin(requester, requester.c.id == asked.requester_id)
            .outerjoin(before, true())
            .where(or_(one, specialties.c.parent_id == asked.specialty_id))
        )
        rows = (await tx.execute(query)).mappings().all()
        own = next((row for row in rows if row[specialties.c.id] == asked.specialty_id), None)
        if own is None:
            raise NotFound("specialty.unknown", SPECIALTY_UNKNOWN)
        rules = rules_of(own, self._defaults)
        answered_at = own[before.c.claimed_at]
        recent = answered_at is not None and now - answered_at <= timedelta(days=rules.return_days)
        scopes = own[specialties.c.licence_scopes]
        level = own[clinic.c.technical_level]
        return _Frame(
            rules=rules,
            parent_id=own[specialties.c.parent_id],
            children=frozenset(row[specialties.c.id] for row in rows if row is not own),
            scopes=words_of(scopes),
            clinic_level=None if level is None else TechnicalLevel(level),
            languages=frozenset(own[requester.c.languages] or ()),
            returning=StaffId(own[before.c.specialist_id]) if recent else None,
        )

    async def _reached(self, facts: list[Fact]) -> Iterable[Fact]:
        everybody = {fact.person.staff_id for fact in facts}
        online: Collection[StaffId] | None
        quiet: Collection[StaffId] = ()
        try:
            online = await self._presence.online(everybody)
        except Unavailable:
            # Who is signed in is good to know; a request rings without it.
            online = None
        try:
            quiet = () if self._quiet is None else await self._quiet(everybody)
        except Unavailable:
            quiet = ()
        return (
            replace(
                fact,
                online=None if online is None else fact.person.staff_id in online,
                disturb=fact.person.staff_id not in quiet,
            )
            for fact in facts
        )


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


def _people(asked: Asked, family: Collection[str | None]) -> Any:
    """Everybody who could be rung, a row for each turn on call that they have at that hospital."""
    fields = [field for field in family if field is not None]
    hub = facilities.alias("hub")
    linked = (
        select(links.c.hub_id, links.c.rank, links.c.hours, hub.c.zone, hub.c.technical_level)
        .join(hub, hub.c.id == links.c.hub_id)
        .where(links.c.spoke_id == asked.clinic_id, hub.c.is_hub, hub.c.active)
        .cte("linked")
    )
    holds = (
        select(staff_specialties.c.staff_id)
        .where(staff_specialties.c.staff_id == staff.c.id, staff_specialties.c.specialty_id.in_(fields))
        .exists()
    )
    # Three ways in: works there, is on call there from elsewhere, coordinates the clinic itself.
    works = (
        select(staff.c.id.label("staff_id"), linked.c.hub_id)
        .join(linked, linked.c.hub_id == staff.c.facility_id)
        .where(staff.c.active, or_(holds, _COORDINATES))
    )
    turns = select(on_call_shifts.c.staff_id, on_call_shifts.c.facility_id).join(
        linked, linked.c.hub_id == on_call_shifts.c.facility_id
    )
    own = select(staff.c.id, literal(asked.clinic_id)).where(
        staff.c.facility_id == asked.clinic_id, staff.c.active, _COORDINATES
    )
    there = union(works, turns.where(on_call_shifts.c.specialty_id == asked.specialty_id), own).subquery("there")
    return (
        select(
            staff.c.id,
            staff.c.roles,
            staff.c.licence_number,
            staff.c.licence_scope,
            staff.c.licence_expires,
            staff.c.languages,
            specialty_list,
            there.c.hub_id,
            linked.c.rank,
            linked.c.hours,
            linked.c.zone,
            linked.c.technical_level,
            _LOAD,
            _LAST_RUNG.label("last_rung"),
            on_call_shifts,
        )
        .select_from(there)
        .join(staff, staff.c.id == there.c.staff_id)
        .outerjoin(linked, linked.c.hub_id == there.c.hub_id)
        .outerjoin(
            on_call_shifts,
            and_(
                on_call_shifts.c.staff_id == staff.c.id,
                on_call_shifts.c.facility_id == there.c.hub_id,
                on_call_shifts.c.specialty_id == asked.specialty_id,
            ),
        )
        .where(staff.c.active)
        .order_by(staff.c.id)
    )


def _facts(
    rows: Collection[Mapping[Any, Any]], asked: Asked, frame: _Frame, now: datetime, zone: ZoneInfo
) -> list[Fact]:
    """One fact a person and hospital; of several turns that hold, the first level counts."""
    local = now.astimezone(zone)
    found: dict[Person, Fact] = {}
    for row in rows:
        person = Person(StaffId(row[staff.c.id]), FacilityId(row["hub_id"]))
        level = None
        if row[on_call_shifts.c.id] is not None:
            shift = shift_of(row)
            level = shift.level if covers(shift, local) else None
        known = found.get(person)
        if known is None:
            found[person] = _fact(row, person, asked, frame, now, zone, level)
        elif level is not None and known.on_call is not Level.FIRST:
            found[person] = replace(known, on_call=level)
    return list(found.values())


def _fact(
    row: Mapping[Any, Any],
    person: Person,
    asked: Asked,
    frame: _Frame,
    now: datetime,
    zone: ZoneInfo,
    level: Level | None,
) -> Fact:
    held = set((row[specialty_list] or "").split(","))
    roles = frozenset(row[staff.c.roles])
    hours = row["hours"]
    hub_level = row["technical_level"]
    there = now.astimezone(ZoneInfo(row["zone"]) if row["zone"] else zone)
    return Fact(
        person=person,
        rank=row["rank"] or 0,
        specialist=Role.SPECIALIST in roles,
        coordinator=Role.COORDINATOR in roles,
        field=_field(held, asked.specialty_id, frame),
        on_call=level,
        licence=_licensed(row[staff.c.licence_number], row[staff.c.licence_expires], now.astimezone(zone).date()),
        in_scope=bears(row[staff.c.licence_scope], frame.scopes),
        open=open_at(hours or "", there),
        level_enough=hub_level is None
        or frame.clinic_level is None
        or _LEVELS.index(TechnicalLevel(hub_level)) >= _LEVELS.index(frame.clinic_level),
        speaks=_speaks(frozenset(row[staff.c.languages]), frame.languages),
        load=row["load"],
        last_rung=row["last_rung"],
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
