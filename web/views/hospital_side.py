"""What a specialist is told of the own hospital: one's turn on call, and which colleagues can be reached."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from consult_rooms.appointment import Shift
from consult_rooms.model import Level
from consult_rooms.rows import Answer
from foundation.errors import Unavailable
from identity.model import Specialty, Staff
from web.services import Services


@dataclass(frozen=True, slots=True)
class Turn:
    """One's turn on call that runs now; as a backup one is rung when those on call first do not answer."""

    specialty: Specialty
    until: datetime
    backup: bool


@dataclass(frozen=True, slots=True)
class Colleague:
    """Another specialist of one's fields at one's hospital. `answer` is `ringing` when a ring reaches them."""

    name: str
    answer: Answer
    level: Level | None
    """The turn that runs now; None: not on call."""


async def turns(services: Services, staff: Staff, now: datetime) -> list[Turn]:
    """The turns of this person that run now, by specialty, those on call first; empty when there is none."""
    local = _local(services, now)
    ends: dict[tuple[str, Level], datetime] = {}
    for shift in await services.rota.running([staff.facility_id], at=now):
        if shift.staff_id == staff.id:
            until, turn = _end(shift, local), (shift.specialty_id, shift.level)
            ends[turn] = max(until, ends.get(turn, until))
    return [
        Turn(specialty, ends[specialty.id, level], level is Level.BACKUP)
        for level in Level
        for specialty in await services.directory.specialties()
        if (specialty.id, level) in ends
    ]


async def colleagues(services: Services, staff: Staff, now: datetime) -> list[Colleague]:
    """The others of one's specialties at one's hospital: those on call, their backups, the others."""
    running = await services.rota.running([staff.facility_id], at=now)
    levels = {shift.staff_id: shift.level for shift in sorted(running, key=lambda one: _order(one.level), reverse=True)}
    found = {
        person.id: person
        for specialty_id in sorted(staff.specialties)
        for person in await services.directory.staff_of_specialty(specialty_id, [staff.facility_id])
        if person.id != staff.id
    }
    try:
        online, busy = await services.presence.online(found), await services.presence.in_consult(found)
    except Unavailable:
        reach = dict.fromkeys(found, Answer.UNKNOWN)
    else:
        reach = {
            one: Answer.BUSY if one in busy else Answer.RINGING if one in online else Answer.OFFLINE for one in found
        }
    listed = [Colleague(person.full_name, reach[one], levels.get(one)) for one, person in found.items()]
    return sorted(listed, key=lambda one: _order(one.level))


def _order(level: Level | None) -> int:
    """Who is rung before whom."""
    return len(Level) if level is None else list(Level).index(level)


def _end(shift: Shift, local: datetime) -> datetime:
    """When a turn that runs now ends: today, or tomorrow when that hour has passed today."""
    end = local.replace(hour=shift.ends.hour, minute=shift.ends.minute, second=0, microsecond=0)
    return end if end > local else end + timedelta(days=1)


def _local(services: Services, now: datetime) -> datetime:
    return now.astimezone(ZoneInfo(services.settings.zone))
