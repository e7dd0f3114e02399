"""What holds for one specialist's time now: templates, exceptions, slots, and who holds which quarter. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select

from consult_rooms import calendar
from consult_rooms.availability_tables import (
    availability_editions,
    availability_exceptions,
    availability_templates,
    conference_members,
)
from consult_rooms.bookings import slot_of
from consult_rooms.closures import AvailabilityException, ExceptionKind
from consult_rooms.offering import Standing, Template, applies
from consult_rooms.pattern import Pattern
from consult_rooms.tables import quarter_units, slots
from foundation.database import Transaction
from foundation.ids import FacilityId, StaffId
from identity.model import Role, Staff


@dataclass(frozen=True, slots=True)
class Stand:
    """What a plan for one specialist is made from."""

    person: Staff
    zone: ZoneInfo
    templates: tuple[Template, ...]
    standing: tuple[Standing, ...]
    taken: Mapping[int, str]
    exceptions: tuple[AvailabilityException, ...]
    now: datetime
    until: datetime


async def read(tx: Transaction, person: Staff, zone: ZoneInfo, now: datetime, until: datetime) -> Stand:
    """Everything of one person, in `zone`, from now to the horizon."""
    return Stand(
        person,
        zone,
        tuple(await _templates(tx, person)),
        tuple(await _standing(tx, person.id, now)),
        await _taken(tx, person.id, now),
        tuple(await exceptions(tx, person.facility_id, now, person.id)),
        now,
        until,
    )


async def exceptions(
    tx: Transaction, facility_id: FacilityId, now: datetime, staff_id: StaffId | None = None
) -> list[AvailabilityException]:
    """A hospital's exceptions that are not over: all of them, or those that concern one person."""
    c = availability_exceptions.c
    query = select(availability_exceptions).where(c.facility_id == facility_id, c.ends_at > now, c.removed_at.is_(None))
    if staff_id is not None:
        query = query.where(or_(c.staff_id.is_(None), c.staff_id == staff_id))
    return [
        AvailabilityException(
            row.id, row.facility_id, row.staff_id, ExceptionKind(row.kind), row.starts_at, row.ends_at
        )
        for row in await tx.execute(query.order_by(c.starts_at, c.id))
    ]


async def _templates(tx: Transaction, person: Staff) -> list[Template]:
    whose: list[Any] = [availability_templates.c.staff_id == person.id]
    if person.department_id is not None:
        whose.append(availability_templates.c.department_id == person.department_id)
    rows = await tx.execute(
        select(
            availability_templates.c.id,
            availability_templates.c.version,
            availability_templates.c.staff_id,
            availability_editions.c.pattern,
        )
        .join(
            availability_editions,
            (availability_editions.c.template_id == availability_templates.c.id)
            & (availability_editions.c.version == availability_templates.c.version),
        )
        .where(
            availability_templates.c.facility_id == person.facility_id,
            availability_templates.c.ended_at.is_(None),
            or_(*whose),
        )
    )
    found = []
    works = person.active and Role.SPECIALIST in person.roles
    for row in rows:
        pattern = Pattern.of_json(row.pattern)
        if works and applies(row.staff_id, person.id, pattern, person.specialties):
            found.append(Template(row.id, row.version, row.staff_id is not None, pattern))
    return found


async def _standing(tx: Transaction, staff_id: StaffId, now: datetime) -> list[Standing]:
    tables = select(conference_members.c.conference_id).where(conference_members.c.staff_id == staff_id)
    rows = await tx.execute(
        select(slots).where(
            slots.c.withdrawn_at.is_(None),
            slots.c.starts_at > now,
            or_(slots.c.specialist_id == staff_id, slots.c.conference_id.in_(tables)),
        )
    )
    return [
        Standing(slot_of(row), row.buffer_before, row.buffer_after, at_table=row.specialist_id != staff_id)
        for row in rows
    ]


async def _taken(tx: Transaction, staff_id: StaffId, now: datetime) -> dict[int, str]:
    first = calendar.quarters(now, now + calendar.QUARTER).start
    rows = await tx.execute(
        select(quarter_units.c.quarter, quarter_units.c.holder).where(
            quarter_units.c.resource == calendar.of_person(staff_id), quarter_units.c.quarter >= first
        )
    )
    return {row.quarter: row.holder for row in rows}
