"""Availability templates as a hospital's keepers edit them: one specialist's, or a department's for all of its own.

Every save is a new version; a save names the version that was looked at. What it means for slots and bookings is
`materialising`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select, update
from sqlalchemy.exc import IntegrityError

from consult_rooms.availability_tables import availability_editions, availability_templates
from consult_rooms.materialising import AT_ONCE, Materialising, mark_due
from consult_rooms.offering import Plan, Template, applies
from consult_rooms.pattern import Pattern, checked
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import DepartmentId, FacilityId, StaffId, TemplateId, new_id
from identity.model import Role, Staff
from identity.policy import Action, Target, require
from identity.store import Directory
from identity.tables import staff as staff_table

MOST = 500
"""Templates of one hospital that a look returns at most."""

UNFIT = N_("Only a specialist of this field can offer times in it.")
NOBODY = N_("Nobody in this department is a specialist of this field.")
UNKNOWN = N_("There is no such template.")
CHANGED = N_("%(name)s changed this template meanwhile. Look at what is different, then save again.")
ENDED = N_("%(name)s ended this template meanwhile.")


@dataclass(frozen=True, slots=True)
class Edition:
    """The newest version of a template, and who made it. Either `staff_id` or `department_id` says whose it is."""

    id: TemplateId
    version: int
    facility_id: FacilityId
    staff_id: StaffId | None
    department_id: DepartmentId | None
    pattern: Pattern
    changed_by: str
    """The full name of who made this version, or ended it."""
    changed_at: datetime
    ended_at: datetime | None


class Availability:
    """For coordinators and administrators of a hospital (`Action.KEEP_CALENDAR`)."""

    def __init__(self, database: Database, directory: Directory, materialising: Materialising) -> None:
        self._database = database
        self._directory = directory
        self._materialising = materialising

    async def templates(self, staff: Staff, facility_id: FacilityId) -> list[Edition]:
        """The templates that a hospital has not ended."""
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=facility_id))
        async with self._database.reading() as tx:
            rows = await tx.execute(
                _newest()
                .where(availability_templates.c.facility_id == facility_id, availability_templates.c.ended_at.is_(None))
                .order_by(availability_templates.c.id)
                .limit(MOST)
            )
            return [_edition(row) for row in rows]

    async def template(self, staff: Staff, template_id: TemplateId) -> Edition:
        """One template, ended or not. Raises NotFound("availability.unknown")."""
        async with self._database.reading() as tx:
            found = await _find(tx, template_id)
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=found.facility_id))
        return found

    async def seen(self, staff: Staff, template_id: TemplateId, version: int) -> Pattern:
        """What an earlier version said. Raises NotFound("availability.unknown")."""
        await self.template(staff, template_id)
        async with self._database.reading() as tx:
            query = select(availability_editions.c.pattern).filter_by(template_id=template_id, version=version)
            row = (await tx.execute(query)).one_or_none()
        if row is None:
            raise NotFound("availability.unknown", UNKNOWN)
        return Pattern.of_json(row.pattern)

    async def problems(
        self, facility_id: FacilityId, staff_id: StaffId | None, department_id: DepartmentId | None, pattern: Pattern
    ) -> tuple[Pattern, list[Invalid]]:
        """The pattern in plain form and all that is wrong with it, each by its field."""
        zone = await self._materialising.zone_of(facility_id)
        async with self._database.reading() as tx:
            today = (await tx.now()).astimezone(zone).date()
        pattern, wrong = checked(pattern, today)
        if not await self._people(facility_id, staff_id, department_id, pattern):
            of_department = staff_id is None and department_id is not None
            wrong.append(Invalid("availability.unfit", NOBODY if of_department else UNFIT, field="whose"))
        return pattern, wrong

    async def preview(
        self,
        staff: Staff,
        facility_id: FacilityId,
        staff_id: StaffId | None,
        department_id: DepartmentId | None,
        pattern: Pattern,
        template_id: TemplateId | None = None,
    ) -> dict[StaffId, Plan]:
        """What would be offered, left out and contradicted, by specialist, if this were saved. Changes nothing.

        Raises Invalid as `save`.
        """
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=facility_id))
        pattern = await self._sound(facility_id, staff_id, department_id, pattern)
        made = template_id or TemplateId(new_id("avt"))
        new = Template(made, 0, staff_id is not None, pattern)
        found = {}
        async with self._database.reading() as tx:
            for person in (await self._people(facility_id, staff_id, department_id, pattern))[:AT_ONCE]:
                stand = await self._materialising.stand(tx, person.id)
                kept = [one for one in stand.templates if one.id != made]
                found[person.id] = self._materialising.plan(replace(stand, templates=(*kept, new)))
        return found

    async def save(
        self,
        staff: Staff,
        facility_id: FacilityId,
        staff_id: StaffId | None,
        department_id: DepartmentId | None,
        pattern: Pattern,
        template_id: TemplateId | None = None,
        version: int = 0,
    ) -> TemplateId:
        """Write a new template, or the version after `version` of a known one; its slots are made at once.

        Whose a known one is does not change. Raises Invalid by field, Conflict `availability.changed` with `name`.
        """
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=facility_id))
        pattern = await self._sound(facility_id, staff_id, department_id, pattern)
        try:
            async with self._database.transaction() as tx:
                if template_id is None:
                    template_id = TemplateId(new_id("avt"))
                    await tx.execute(
                        availability_templates.insert().values(
                            id=template_id,
                            facility_id=facility_id,
                            staff_id=staff_id,
                            department_id=department_id,
                            version=1,
                        )
                    )
                    people = await self._people(facility_id, staff_id, department_id, pattern)
                    version = 0
                else:
                    people = await self._step(tx, staff, template_id, version)
                await tx.execute(
                    availability_editions.insert().values(
                        template_id=template_id,
                        version=version + 1,
                        pattern=pattern.json(),
                        changed_by=staff.id,
                        changed_at=await tx.now(),
                    )
                )
                await mark_due(tx, (person.id for person in people), await tx.now())
        except IntegrityError as error:
            raise Conflict("availability.changed", CHANGED, name=staff.full_name) from error
        await self._materialising.make(person.id for person in people)
        return template_id

    async def end(self, staff: Staff, template_id: TemplateId, version: int) -> None:
        """Take a template away with its free slots; booked ones are listed. Raises Conflict as `save`."""
        async with self._database.transaction() as tx:
            people = await self._step(tx, staff, template_id, version, ended=True)
            await mark_due(tx, (person.id for person in people), await tx.now())
        await self._materialising.make(person.id for person in people)

    async def _sound(
        self, facility_id: FacilityId, staff_id: StaffId | None, department_id: DepartmentId | None, pattern: Pattern
    ) -> Pattern:
        pattern, wrong = await self.problems(facility_id, staff_id, department_id, pattern)
        if wrong:
            raise wrong[0]
        return pattern

    async def _people(
        self, facility_id: FacilityId, staff_id: StaffId | None, department_id: DepartmentId | None, pattern: Pattern
    ) -> list[Staff]:
        """The specialists for whom such a template offers times."""
        return [
            person
            for person in await self._directory.staff_at(facility_id)
            if Role.SPECIALIST in person.roles
            and applies(staff_id, person.id, pattern, person.specialties)
            and (staff_id is not None or (department_id is not None and person.department_id == department_id))
        ]

    async def _step(
        self, tx: Transaction, staff: Staff, template_id: TemplateId, version: int, *, ended: bool = False
    ) -> list[Staff]:
        """Make the version after `version` the newest, by one compare-and-set; gives whom it concerns."""
        found = await _find(tx, template_id)
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=found.facility_id))
        c = availability_templates.c
        seen = update(availability_templates).where(c.id == template_id, c.version == version, c.ended_at.is_(None))
        values = {"ended_at": await tx.now(), "ended_by": staff.id} if ended else {"version": version + 1}
        taken = await tx.execute(seen.values(**values))
        if not taken.rowcount:
            now = await _find(tx, template_id)
            if now.ended_at is not None:
                raise Conflict("availability.ended", ENDED, name=now.changed_by)
            raise Conflict("availability.changed", CHANGED, name=now.changed_by)
        return [
            person
            for person in await self._directory.staff_at(found.facility_id, tx=tx)
            if (person.department_id == found.department_id if found.staff_id is None else person.id == found.staff_id)
        ]


def _newest() -> Select[Any]:
    templates, editions = availability_templates.c, availability_editions.c
    return (
        select(availability_templates, editions.pattern, editions.changed_at, staff_table.c.full_name)
        .join(
            availability_editions,
            (editions.template_id == templates.id) & (editions.version == templates.version),
        )
        .join(staff_table, staff_table.c.id == func.coalesce(templates.ended_by, editions.changed_by))
    )


async def _find(tx: Transaction, template_id: TemplateId) -> Edition:
    row = (await tx.execute(_newest().where(availability_templates.c.id == template_id))).one_or_none()
    if row is None:
        raise NotFound("availability.unknown", UNKNOWN)
    return _edition(row)


def _edition(row: Row[Any]) -> Edition:
    return Edition(
        row.id,
        row.version,
        row.facility_id,
        row.staff_id,
        row.department_id,
        Pattern.of_json(row.pattern),
        row.full_name,
        row.changed_at,
        row.ended_at,
    )
