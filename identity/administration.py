"""Facilities, links, departments and specialties: what an administrator keeps in order besides people and terminals.

An administrator of one facility keeps its departments, name, address and telephones; the rest takes one who is marked
installation-wide. People are in `accounts`, terminals in `terminals`, tokens in `tokens`.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import DepartmentId, FacilityId, SpecialtyId
from identity.entries import (
    LINK_ITSELF,
    LINK_NO_HUB,
    PARENT,
    DepartmentEntry,
    FacilityEntry,
    LinkEntry,
    SpecialtyEntry,
    checked_department,
    checked_facility,
    checked_link,
    checked_specialty,
    facility_entry,
    first,
)
from identity.guard import Actor, Guard, unique
from identity.model import Department, Facility, Specialty
from identity.policy import Action, Target
from identity.rows import department_of
from identity.sessions import Sessions
from identity.store import Directory
from identity.tables import departments, facilities, links, specialties, staff
from identity.writes import (
    insert_departments,
    insert_facilities,
    insert_specialties,
    update_facilities,
    update_specialties,
)


class Administration:
    """Changes the structure of the installation. Each act is decided by policy and audited in its own transaction."""

    def __init__(
        self, database: Database, audit: Audit, guard: Guard, directory: Directory, sessions: Sessions
    ) -> None:
        self._database = database
        self._audit = audit
        self._guard = guard
        self._directory = directory
        self._sessions = sessions

    async def create_facility(self, actor: Actor, entry: FacilityEntry, *, demo: bool = False) -> Facility:
        """A new facility. Raises `Invalid` (with `field`), such as `facility.code_taken`; `Forbidden`."""
        await self._guard.require(actor, Action.ADMINISTER_ALL, Target(), act="facility.create")
        entry, problems = checked_facility(entry)
        first(problems)
        with unique("facility.code_taken", CODE_TAKEN, "code"):
            async with self._database.transaction() as tx:
                [facility_id] = await insert_facilities(tx, [entry], demo=demo)
                await self._record(tx, actor, "facility.create", facility_id)
                return await self._directory.facility(facility_id, tx=tx)

    async def change_facility(self, actor: Actor, facility_id: FacilityId, entry: FacilityEntry) -> Facility:
        """Overwrite a facility's data. Raises `Invalid` (with `field`), `Forbidden`, `NotFound`."""
        before = facility_entry(await self._directory.facility(facility_id))
        entry, problems = checked_facility(entry)
        own_word = replace(
            entry,
            name=before.name,
            address=before.address,
            telephone=before.telephone,
            emergency_telephone=before.emergency_telephone,
        )
        action = Action.ADMINISTER_FACILITY if own_word == before else Action.ADMINISTER_ALL
        await self._guard.require(actor, action, Target(facility_id=facility_id), act="facility.change", on=facility_id)
        first(problems)
        with unique("facility.code_taken", CODE_TAKEN, "code"):
            async with self._database.transaction() as tx:
                await update_facilities(tx, [(facility_id, entry)])
                await self._record(tx, actor, "facility.change", facility_id)
                return await self._directory.facility(facility_id, tx=tx)

    async def deactivate_facility(self, actor: Actor, facility_id: FacilityId) -> Facility:
        """Put a facility out of use: nobody there signs in, and every session there ends.

        Raises `Conflict("facility.own")` for one's own, `Forbidden`, `NotFound`.
        """
        facility = await self._directory.facility(facility_id)
        await self._guard.require(
            actor, Action.ADMINISTER_ALL, Target(facility_id=facility_id), act="facility.deactivate", on=facility_id
        )
        async with self._database.transaction() as tx:
            people = (await tx.execute(select(staff.c.id).where(staff.c.facility_id == facility.id))).scalars().all()
            if actor.id in people:
                raise Conflict("facility.own", OWN_FACILITY)
            await tx.execute(update(facilities).where(facilities.c.id == facility_id).values(active=False))
            for staff_id in people:
                await self._sessions.end_all(staff_id, "facility_deactivated", actor=actor.id, tx=tx)
            await self._record(tx, actor, "facility.deactivate", facility_id)
            return await self._directory.facility(facility_id, tx=tx)

    async def activate_facility(self, actor: Actor, facility_id: FacilityId) -> Facility:
        """Put a facility back into use. Raises `Forbidden`, `NotFound`."""
        await self._directory.facility(facility_id)
        await self._guard.require(
            actor, Action.ADMINISTER_ALL, Target(facility_id=facility_id), act="facility.activate", on=facility_id
        )
        async with self._database.transaction() as tx:
            await tx.execute(update(facilities).where(facilities.c.id == facility_id).values(active=True))
            await self._record(tx, actor, "facility.activate", facility_id)
            return await self._directory.facility(facility_id, tx=tx)

    async def link(self, actor: Actor, spoke_id: FacilityId, hub_id: FacilityId) -> None:
        """Let a hospital consult for a clinic; again is no error. Raises `Invalid`, `Forbidden`, `NotFound`."""
        await self._guard.require(
            actor, Action.ADMINISTER_ALL, Target(facility_id=spoke_id), act="link.create", on=spoke_id
        )
        await self._directory.facility(spoke_id)
        hub = await self._directory.facility(hub_id)
        if spoke_id == hub_id:
            raise Invalid("link.itself", LINK_ITSELF, field="hub_id")
        if not hub.is_hub:
            raise Invalid("link.no_hub", LINK_NO_HUB, field="hub_id")
        async with self._database.transaction() as tx:
            # The clinic's row serves as the lock by which two equal links at once become one.
            await tx.execute(select(facilities.c.id).where(facilities.c.id == spoke_id).with_for_update())
            here = (links.c.spoke_id == spoke_id) & (links.c.hub_id == hub_id)
            if (await tx.execute(select(links).where(here))).first() is None:
                await tx.execute(links.insert().values(spoke_id=spoke_id, hub_id=hub_id))
                await self._record(tx, actor, "link.create", spoke_id, hub=hub_id)

    async def arrange_link(self, actor: Actor, spoke_id: FacilityId, hub_id: FacilityId, rank: int, hours: str) -> None:
        """Say in which order and hours a hospital consults for a clinic (`identity.hours`).

        Raises `Invalid` (with `field` rank or hours), `Forbidden`, `NotFound("link.unknown")`.
        """
        await self._guard.require(
            actor, Action.ADMINISTER_ALL, Target(facility_id=spoke_id), act="link.change", on=spoke_id
        )
        entry, problems = checked_link(LinkEntry(spoke_id, hub_id, rank, hours))
        first(problems)
        async with self._database.transaction() as tx:
            here = (links.c.spoke_id == spoke_id) & (links.c.hub_id == hub_id)
            found = await tx.execute(update(links).where(here).values(rank=entry.rank, hours=entry.hours))
            if not found.rowcount:
                raise NotFound("link.unknown", LINK_UNKNOWN)
            await self._record(tx, actor, "link.change", spoke_id, hub=hub_id)

    async def unlink(self, actor: Actor, spoke_id: FacilityId, hub_id: FacilityId) -> None:
        """Take a link back; consults that are under way go on. Raises `Forbidden`."""
        await self._guard.require(
            actor, Action.ADMINISTER_ALL, Target(facility_id=spoke_id), act="link.delete", on=spoke_id
        )
        async with self._database.transaction() as tx:
            gone = await tx.execute(delete(links).where(links.c.spoke_id == spoke_id, links.c.hub_id == hub_id))
            if gone.rowcount:
                await self._record(tx, actor, "link.delete", spoke_id, hub=hub_id)

    async def create_department(self, actor: Actor, entry: DepartmentEntry) -> Department:
        """A new department. Raises `Invalid` (with `field`), `Forbidden`, `NotFound`."""
        await self._guard.require(
            actor, Action.ADMINISTER_FACILITY, Target(facility_id=entry.facility_id), act="department.create"
        )
        await self._directory.facility(entry.facility_id)
        entry, problems = checked_department(entry)
        first(problems)
        with unique("department.name_taken", DEPARTMENT_TAKEN, "name"):
            async with self._database.transaction() as tx:
                [department_id] = await insert_departments(tx, [entry])
                await self._record(tx, actor, "department.create", department_id)
        return Department(department_id, entry.facility_id, entry.name)

    async def change_department(self, actor: Actor, department_id: DepartmentId, name: str) -> Department:
        """Rename a department. Raises `Invalid` (with `field`), `Forbidden`, `NotFound`."""
        department = await self._department(actor, department_id, "department.change")
        entry, problems = checked_department(DepartmentEntry(department.facility_id, name))
        first(problems)
        with unique("department.name_taken", DEPARTMENT_TAKEN, "name"):
            async with self._database.transaction() as tx:
                await tx.execute(update(departments).where(departments.c.id == department_id).values(name=entry.name))
                await self._record(tx, actor, "department.change", department_id)
        return replace(department, name=entry.name)

    async def delete_department(self, actor: Actor, department_id: DepartmentId) -> None:
        """Remove an empty department. Raises `Conflict("department.in_use")`, `Forbidden`, `NotFound`."""
        await self._department(actor, department_id, "department.delete")
        try:
            async with self._database.transaction() as tx:
                await tx.execute(delete(departments).where(departments.c.id == department_id))
                await self._record(tx, actor, "department.delete", department_id)
        except IntegrityError as error:  # somebody works there
            raise Conflict("department.in_use", DEPARTMENT_IN_USE) from error

    async def create_specialty(self, actor: Actor, entry: SpecialtyEntry) -> Specialty:
        """A new specialty. Raises `Invalid` (with `field`), `Forbidden`."""
        await self._guard.require(actor, Action.ADMINISTER_ALL, Target(), act="specialty.create")
        entry, problems = checked_specialty(entry)
        first(problems)
        await self._require_parent(None, entry)
        with unique("specialty.code_taken", CODE_TAKEN, "code"):
            async with self._database.transaction() as tx:
                [specialty_id] = await insert_specialties(tx, [entry])
                await self._record(tx, actor, "specialty.create", specialty_id)
        return await self._directory.specialty(specialty_id)

    async def change_specialty(self, actor: Actor, specialty_id: SpecialtyId, entry: SpecialtyEntry) -> Specialty:
        """Rename a specialty. Raises `Invalid` (with `field`), `Forbidden`, `NotFound`."""
        await self._directory.specialty(specialty_id)
        await self._guard.require(actor, Action.ADMINISTER_ALL, Target(), act="specialty.change", on=specialty_id)
        entry, problems = checked_specialty(entry)
        first(problems)
        await self._require_parent(specialty_id, entry)
        with unique("specialty.code_taken", CODE_TAKEN, "code"):
            async with self._database.transaction() as tx:
                await update_specialties(tx, [(specialty_id, entry)])
                await self._record(tx, actor, "specialty.change", specialty_id)
        return await self._directory.specialty(specialty_id)

    async def _require_parent(self, specialty_id: SpecialtyId | None, entry: SpecialtyEntry) -> None:
        """One level deep: what is above is no sub-specialty itself, and nothing is below. Raises Invalid."""
        if entry.parent_id is None:
            return
        known = await self._directory.specialties()
        parent = next((one for one in known if one.id == entry.parent_id), None)
        has_own = specialty_id is not None and any(one.parent_id == specialty_id for one in known)
        if parent is None or parent.parent_id is not None or parent.id == specialty_id or has_own:
            raise Invalid("specialty.parent", PARENT, field="parent_id")

    async def delete_specialty(self, actor: Actor, specialty_id: SpecialtyId) -> None:
        """Remove a specialty that was never used. Raises `Conflict("specialty.in_use")`, `Forbidden`, `NotFound`."""
        await self._directory.specialty(specialty_id)
        await self._guard.require(actor, Action.ADMINISTER_ALL, Target(), act="specialty.delete", on=specialty_id)
        try:
            async with self._database.transaction() as tx:
                await tx.execute(delete(specialties).where(specialties.c.id == specialty_id))
                await self._record(tx, actor, "specialty.delete", specialty_id)
        except IntegrityError as error:  # staff, rotas or consults point at it
            raise Conflict("specialty.in_use", SPECIALTY_IN_USE) from error

    async def _department(self, actor: Actor, department_id: DepartmentId, act: str) -> Department:
        async with self._database.reading() as read:
            rows = await read.execute(select(departments).where(departments.c.id == department_id))
            row = rows.mappings().first()
        if row is None:
            raise NotFound("department.unknown", DEPARTMENT_UNKNOWN)
        department = department_of(row)
        await self._guard.require(
            actor, Action.ADMINISTER_FACILITY, Target(facility_id=department.facility_id), act=act, on=department_id
        )
        return department

    async def _record(self, tx: Transaction, actor: Actor, act: str, target: str, **details: str) -> None:
        await self._audit.record(tx, AuditEntry(actor=actor.id, action=act, target=target, details={**details}))


CODE_TAKEN = N_("This code is in use already.")
OWN_FACILITY = N_("You cannot put your own facility out of use.")
DEPARTMENT_TAKEN = N_("This facility has a department of this name already.")
DEPARTMENT_IN_USE = N_("People work in this department. Move them first.")
DEPARTMENT_UNKNOWN = N_("There is no such department.")
LINK_UNKNOWN = N_("This hospital does not consult for this clinic.")
SPECIALTY_IN_USE = N_("This specialty is in use and cannot be removed.")
