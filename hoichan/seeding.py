"""Loads the demo into an empty installation: facilities, people, rota, citizens, their books, a week of history.

Facilities and people are written in one transaction that also marks the installation as a demo, so a process that is
killed in the middle leaves either nothing or a demo that the next start completes.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from consult_rooms.tables import on_call_shifts
from foundation.database import Transaction
from foundation.errors import Conflict
from foundation.i18n import N_
from foundation.ids import FacilityId, SpecialtyId, new_id
from foundation.settings import Settings
from hoichan import demo
from hoichan.demo_books import load_books
from hoichan.demo_history import load_history
from hoichan.wiring import Parts
from identity.entries import DepartmentEntry, FacilityEntry, SpecialtyEntry, StaffEntry, TerminalEntry
from identity.model import FacilityKind, ManagingLevel, Role, TechnicalLevel
from identity.passwords import random_password
from identity.tables import facilities, installation, links, staff
from identity.writes import (
    NewStaff,
    insert_departments,
    insert_facilities,
    insert_specialties,
    insert_staff,
    insert_terminals,
)
from records_panel.tables import patients
from web.services import DemoSignIn

SIGN_INS = "demo-sign-ins.json"


async def is_demo(parts: Parts) -> bool:
    """Whether this installation was seeded with demo data."""
    async with parts.database.reading() as read:
        return bool((await read.execute(select(installation.c.is_demo))).scalar())


async def seed_demo(parts: Parts, settings: Settings) -> tuple[DemoSignIn, ...]:
    """Make this installation a demo, or complete one, and give its sign-ins.

    Raises Conflict `demo.not_loopback` for an address that others reach, `demo.not_empty` for a database that holds
    anything but demo data, `demo.sign_ins_lost` when the file of passwords is gone.
    """
    if not settings.on_loopback:
        raise Conflict("demo.not_loopback", NOT_LOOPBACK)
    path = settings.var / SIGN_INS
    if await is_demo(parts):
        if not path.exists():
            raise Conflict("demo.sign_ins_lost", SIGN_INS_LOST, file=path.name)
    else:
        await _require_empty(parts)
        people = demo.staff(parts.clock.now().astimezone(parts.zone).date())
        sign_ins = [(person, random_password()) for person in people]
        # The passwords are on disk before an account has them: a kill in between leaves no locked demo.
        _write_sign_ins(path, sign_ins)
        hashes = await parts.passwords.hash_random([password for _, password in sign_ins])
        async with parts.database.transaction() as tx:
            await _load_places_and_people(tx, parts, dict(zip((p.user_name for p in people), hashes, strict=True)))
    await load_books(parts)
    await load_history(parts)
    return read_sign_ins(path)


def read_sign_ins(path: Path) -> tuple[DemoSignIn, ...]:
    """The sign-ins of the file, in its order."""
    entries = json.loads(path.read_text(encoding="utf-8"))
    return tuple(DemoSignIn(**entry | {"role": Role(entry["role"])}) for entry in entries)


def _write_sign_ins(path: Path, sign_ins: list[tuple[demo.DemoStaff, str]]) -> None:
    names = {facility.code: facility.name for facility in demo.facilities()}
    entries = [
        asdict(
            DemoSignIn(
                user_name=person.user_name,
                password=password,
                role=Role(person.roles[0]),
                facility=names[person.facility_code],
                full_name=person.full_name,
            )
        )
        for person, password in sign_ins
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(entries, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())


async def _require_empty(parts: Parts) -> None:
    async with parts.database.reading() as read:
        for table in (facilities, staff, patients):
            if (await read.execute(select(func.count()).select_from(table))).scalar_one():
                raise Conflict("demo.not_empty", NOT_EMPTY)


async def _load_places_and_people(tx: Transaction, parts: Parts, hashes: dict[str, str]) -> None:
    today = parts.clock.now().astimezone(parts.zone).date()
    places = demo.facilities()
    ids = await insert_facilities(tx, [_facility(place) for place in places], demo=True)
    facility_ids = {place.code: place_id for place, place_id in zip(places, ids, strict=True)}
    await tx.execute(
        links.insert(),
        [
            {
                "spoke_id": facility_ids[one.spoke_code],
                "hub_id": facility_ids[one.hub_code],
                "rank": one.rank,
                "hours": one.hours,
            }
            for one in demo.links()
        ],
    )
    kinds = demo.specialties()
    entries = [
        SpecialtyEntry(_code(kind.code), kind.name_vi, kind.name_en, licence_scopes=kind.licence_scopes)
        for kind in kinds
    ]
    specialty_ids = dict(zip((kind.code for kind in kinds), await insert_specialties(tx, entries), strict=True))
    rooms = [DepartmentEntry(facility_ids[p.code], name) for p in places for name in p.departments]
    department_ids = dict(
        zip(((room.facility_id, room.name) for room in rooms), await insert_departments(tx, rooms), strict=True)
    )
    await insert_terminals(
        tx,
        [
            TerminalEntry(facility_ids[place.code], code, f"{name}, {room}" if room else name)
            for place in places
            for code, name, room in place.terminals
        ],
    )
    people = demo.staff(today)
    new = [
        NewStaff(
            StaffEntry(
                user_name=person.user_name,
                full_name=person.full_name,
                facility_id=facility_ids[person.facility_code],
                roles=frozenset(map(Role, person.roles)),
                department_id=department_ids.get((facility_ids[person.facility_code], person.department)),
                specialties=frozenset(specialty_ids[code] for code in person.specialties),
                licence_number=person.licence_number,
                licence_scope=person.licence_scope,
                licence_expires=person.licence_expires,
                installation_wide="administrator" in person.roles or "data_protection_officer" in person.roles,
            ),
            hashes[person.user_name],
            must_change_password=False,
            demo=True,
        )
        for person in people
    ]
    staff_ids = dict(zip((person.user_name for person in people), await insert_staff(tx, new), strict=True))
    await tx.execute(on_call_shifts.insert(), _shifts(staff_ids, specialty_ids, facility_ids))
    await tx.execute(installation.insert().values(id=1, is_demo=True))


def _facility(place: demo.DemoFacility) -> FacilityEntry:
    return FacilityEntry(
        code=place.code,
        name=place.name,
        kind=FacilityKind(place.kind),
        technical_level=TechnicalLevel(place.technical_level),
        managing_level=ManagingLevel(place.managing_level),
        province_code=place.province_code,
        commune_code=place.commune_code,
        address=place.address,
        telephone=place.telephone,
        emergency_telephone=place.emergency_telephone,
        is_hub=place.is_hub,
    )


def _shifts(
    staff_ids: dict[str, Any], specialty_ids: dict[str, SpecialtyId], facility_ids: dict[str, FacilityId]
) -> list[dict[str, Any]]:
    return [
        {
            "id": new_id("shf"),
            "staff_id": staff_ids[shift.user_name],
            "specialty_id": specialty_ids[shift.specialty_code],
            "facility_id": facility_ids[shift.facility_code],
            "weekday": shift.weekday,
            "starts_minute": _minutes(shift.starts),
            "ends_minute": _minutes(shift.ends),
            "level": shift.level,
        }
        for shift in demo.shifts()
    ]


def _minutes(clock_time: str) -> int:
    hours, _, minutes = clock_time.partition(":")
    return (int(hours) * 60 + int(minutes)) % (24 * 60)


def _code(slug: str) -> str:
    return slug.replace("-", "_")


NOT_LOOPBACK = N_("Demo data is refused at an address that others can reach. Set HOICHAN_HOST to 127.0.0.1.")
NOT_EMPTY = N_("This database holds data that is not of the demo. Demo data is loaded into an empty one only.")
SIGN_INS_LOST = N_("The demo's passwords in %(file)s are gone. Delete the var folder and start again.")
