"""Whom to telephone when the network is down: on call now and next by specialty, hospitals, clinics. To be printed.

A person's own number stands on it for whom the rota names alone, and each look at it is audited before it leaves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from consult_rooms.appointment import Shift
from consult_rooms.board_lanes import hubs_in_reach
from consult_rooms.candidates import Person
from consult_rooms.model import Level
from consult_rooms.rota import Rota
from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.ids import FacilityId, SpecialtyId, StaffId
from identity.model import Facility, Specialty, Staff
from identity.policy import Action, require
from identity.store import Directory
from identity.tables import links

AHEAD = timedelta(hours=24)
"""How far it looks for who comes next."""
CHANGES = 8
"""Changes of turn within that time that it looks at."""
CLINICS = 1_000
"""Clinics of one print at most; beyond, each hospital prints its own."""

Numbers = Callable[[Transaction, Collection[StaffId]], Awaitable[Mapping[StaffId, str]]]
"""Gives people's own telephone numbers, of those who have told one."""


@dataclass(frozen=True, slots=True)
class PhonePerson:
    """Somebody on call. `number` is None when they have told none: the hospital's reaches them."""

    name: str
    number: str | None
    level: Level


@dataclass(frozen=True, slots=True)
class PhoneLine:
    """One specialty at one hospital: who is on call, and who is from `next_at` on."""

    specialty: Specialty
    hospital: Facility
    now: tuple[PhonePerson, ...]
    next_at: datetime | None
    """None: the same people for the time looked ahead."""
    after: tuple[PhonePerson, ...]


@dataclass(frozen=True, slots=True)
class PhoneTree:
    """All of it as of `at`."""

    at: datetime
    lines: tuple[PhoneLine, ...]
    """By specialty, then hospital."""
    hospitals: tuple[Facility, ...]
    clinics: tuple[Facility, ...]
    more: int
    """Clinics beyond those listed."""


_Turn = tuple[tuple[Person, Level], ...]


class PhoneTrees:
    """Reads it. `numbers` None: people have none of their own here."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        rota: Rota,
        audit: Audit,
        zone: ZoneInfo,
        numbers: Numbers | None = None,
    ) -> None:
        self._database = database
        self._directory = directory
        self._rota = rota
        self._audit = audit
        self._zone = zone
        self._numbers = numbers

    async def read(self, staff: Staff) -> PhoneTree:
        """That of this coordinator's hospitals and clinics. Raises Forbidden for anybody else."""
        require(staff, Action.COORDINATE)
        async with self._database.reading() as tx:
            now = await tx.now()
            hubs = [
                FacilityId(one) for one in (await tx.execute(hubs_in_reach(), {"own_id": staff.facility_id})).scalars()
            ]
            linked = set(
                (await tx.execute(select(links.c.spoke_id).where(links.c.hub_id == staff.facility_id))).scalars()
            )
            places = await self._directory.facilities_many({staff.facility_id, *hubs, *linked}, tx=tx)
        shifts = await self._rota.shifts(hubs)
        kept = {(shift.specialty_id, shift.facility_id) for shift in shifts}
        turns = await self._turns(hubs, now)
        later = [(at, await self._turns(hubs, at)) for at in changes(shifts, now, self._zone)]
        keys = sorted(kept | set(turns))
        coming = {key: following(turns.get(key, ()), [(at, found.get(key, ())) for at, found in later]) for key in keys}
        named = {person.staff_id for turn in turns.values() for person, _ in turn}
        named |= {person.staff_id for _, turn in coming.values() for person, _ in turn}
        # Durable before anybody's number leaves.
        await self._audit.commit(AuditEntry(actor=staff.id, action="phone_tree.read", details={"people": len(named)}))
        async with self._database.reading() as tx:
            people = await self._directory.staff_many(named, tx=tx)
            numbers = {} if self._numbers is None else await self._numbers(tx, named)
            fields = await self._directory.specialties_many({field for field, _ in keys}, tx=tx)

        def shown(turn: _Turn) -> tuple[PhonePerson, ...]:
            return tuple(
                PhonePerson(people[one.staff_id].full_name, numbers.get(one.staff_id), level) for one, level in turn
            )

        lines = [
            PhoneLine(
                fields[field],
                places[hub],
                shown(turns.get((field, hub), ())),
                coming[field, hub][0],
                shown(coming[field, hub][1]),
            )
            for field, hub in keys
        ]
        clinics = sorted(
            (one for one in places.values() if one.active and one.id not in hubs), key=lambda one: one.name
        )
        return PhoneTree(
            at=now,
            lines=tuple(sorted(lines, key=lambda line: (line.specialty.name_vi, line.hospital.name))),
            hospitals=tuple(sorted((places[one] for one in hubs), key=lambda one: one.name)),
            clinics=tuple(clinics[:CLINICS]),
            more=max(0, len(clinics) - CLINICS),
        )

    async def _turns(self, hubs: list[FacilityId], at: datetime) -> dict[tuple[SpecialtyId, FacilityId], _Turn]:
        """Who is on call then, first and backup, by specialty and hospital."""
        turns: dict[tuple[SpecialtyId, FacilityId], _Turn] = {}
        for level in Level:
            for field, people in (await self._rota.on_call(hubs, level=level, at=at)).items():
                for person in people:
                    key = (field, person.facility_id)
                    turns[key] = (*turns.get(key, ()), (person, level))
        return turns


def changes(shifts: Iterable[Shift], now: datetime, zone: ZoneInfo) -> list[datetime]:
    """The instants within `AHEAD` at which a weekly turn begins or ends. Pure."""
    local = now.astimezone(zone)
    times = {at for shift in shifts for at in (shift.starts, shift.ends)}
    instants = {
        datetime.combine(day, at, zone) for at in times for day in (local.date(), local.date() + timedelta(days=1))
    }
    return sorted(at for at in instants if now < at <= now + AHEAD)[:CHANGES]


def following(now: _Turn, later: Iterable[tuple[datetime, _Turn]]) -> tuple[datetime | None, _Turn]:
    """The first turn that is of other people than now, and from when. Pure."""
    for at, turn in later:
        if set(turn) != set(now):
            return at, turn
    return None, ()
