"""What a specialist is told of the own hospital: one's turn on call, and which colleagues can be reached."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from consult_rooms.model import Shift
from consult_rooms.rota import covers
from consult_rooms.rows import Answer
from foundation.errors import Unavailable
from identity.model import Specialty, Staff
from web.services import Services


@dataclass(frozen=True, slots=True)
class Turn:
    """One's turn on call that runs now."""

    specialty: Specialty
    until: datetime


@dataclass(frozen=True, slots=True)
class Colleague:
    """Another specialist of one's fields at one's hospital. `answer` is `ringing` when a ring reaches them."""

    name: str
    answer: Answer
    on_call: bool


async def turns(services: Services, staff: Staff, now: datetime) -> list[Turn]:
    """The turns of this person that run now, by specialty; empty when not on call."""
    local = _local(services, now)
    ends: dict[str, datetime] = {}
    for shift in await services.rota.shifts([staff.facility_id]):
        if shift.staff_id == staff.id and covers(shift, local):
            until = _end(shift, local)
            ends[shift.specialty_id] = max(until, ends.get(shift.specialty_id, until))
    return [
        Turn(specialty, ends[specialty.id])
        for specialty in await services.directory.specialties()
        if specialty.id in ends
    ]


async def colleagues(services: Services, staff: Staff, now: datetime) -> list[Colleague]:
    """The others of one's specialties at one's hospital, those on call first."""
    local = _local(services, now)
    on_call = {shift.staff_id for shift in await services.rota.shifts([staff.facility_id]) if covers(shift, local)}
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
    listed = [Colleague(person.full_name, reach[one], one in on_call) for one, person in found.items()]
    return sorted(listed, key=lambda one: not one.on_call)


def _end(shift: Shift, local: datetime) -> datetime:
    """When a turn that runs now ends: today, or tomorrow when that hour has passed today."""
    end = local.replace(hour=shift.ends.hour, minute=shift.ends.minute, second=0, microsecond=0)
    return end if end > local else end + timedelta(days=1)


def _local(services: Services, now: datetime) -> datetime:
    return now.astimezone(ZoneInfo(services.settings.zone))
