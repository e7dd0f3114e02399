"""The directory of facilities, specialties and staff: what every other package looks people up in.

Looking up by id raises `NotFound`; looking up by a code or a user name, which a person typed, gives None.
Every method reads in a transaction of its own, or in the one given as `tx`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, String, bindparam, cast, or_, select

from foundation.database import Database, Transaction
from foundation.errors import NotFound
from foundation.i18n import N_
from foundation.ids import FacilityId, SpecialtyId, StaffId, TerminalId
from foundation.text import fold
from identity.model import Department, Facility, Link, Role, Specialty, Staff, Terminal
from identity.oversight import oversees
from identity.rows import (
    Row,
    coordinates,
    department_of,
    facility_of,
    hubs_of,
    specialty_list,
    specialty_of,
    staff_of,
    terminal_of,
)
from identity.tables import departments, facilities, links, specialties, staff, staff_specialties, terminals

_LISTS_OFFICER = cast(staff.c.roles, String).contains(Role.DATA_PROTECTION_OFFICER.value)
"""A coarse look into the list of roles, which spares reading whole hospitals; who is one, the roles say afterwards."""

# What each consult asks several times. Made once: making a statement takes as long as asking it.
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_PEOPLE = select(staff, specialty_list).where(staff.c.id.in_(_IDS))
_PERSON = select(staff, specialty_list).where(staff.c.id == bindparam("one_id", type_=String))
_ACQUAINTED = (
    select(staff, specialty_list, facilities)
    .join(facilities, facilities.c.id == staff.c.facility_id)
    .where(staff.c.id.in_(_IDS))
)
_HUBS = select(facilities).where(facilities.c.id.in_(hubs_of(bindparam("one_id", type_=String))))
_HUB_IDS = hubs_of(bindparam("one_id", type_=String))
_TERMINAL = select(terminals).where(terminals.c.id == bindparam("one_id", type_=String))


class Directory:
    """Reads who and where. Lists are in the order in which a person looks through them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def _reading(self, tx: Transaction | None) -> AsyncIterator[Transaction]:
        if tx is not None:
            yield tx
        else:
            async with self._database.reading() as own:
                yield own

    async def _rows(
        self, statement: Select[Any], tx: Transaction | None, told: Mapping[str, Any] | None = None
    ) -> list[Row]:
        async with self._reading(tx) as read:
            return list((await read.execute(statement, told)).mappings())

    async def _facilities(self, condition: ColumnElement[bool], tx: Transaction | None) -> list[Facility]:
        return [facility_of(row) for row in await self._rows(select(facilities).where(condition), tx)]

    async def facility(self, facility_id: FacilityId, *, tx: Transaction | None = None) -> Facility:
        """The facility of that id. Raises `NotFound("facility.unknown")`."""
        found = await self._facilities(facilities.c.id == facility_id, tx)
        if not found:
            raise NotFound("facility.unknown", FACILITY_UNKNOWN)
        return found[0]

    async def facility_by_code(self, code: str, *, tx: Transaction | None = None) -> Facility | None:
        """The facility of that mã CSKCB."""
        found = await self._facilities(facilities.c.code == code, tx)
        return found[0] if found else None

    async def facilities(self, *, inactive: bool = False, tx: Transaction | None = None) -> list[Facility]:
        """All facilities by name; those put out of use only with `inactive`."""
        condition = facilities.c.id.is_not(None) if inactive else facilities.c.active
        return sorted(await self._facilities(condition, tx), key=lambda facility: (fold(facility.name), facility.code))

    async def facilities_many(
        self, facility_ids: Iterable[FacilityId], *, tx: Transaction | None = None
    ) -> dict[FacilityId, Facility]:
        """Those of the given ids that exist."""
        wanted = set(facility_ids)
        found = await self._facilities(facilities.c.id.in_(wanted), tx) if wanted else []
        return {facility.id: facility for facility in found}

    async def hubs_of(self, spoke_id: FacilityId, *, tx: Transaction | None = None) -> list[Facility]:
        """The active hospitals that consult for this clinic, by name."""
        found = [facility_of(row) for row in await self._rows(_HUBS, tx, {"one_id": spoke_id})]
        return sorted(found, key=lambda facility: fold(facility.name))

    async def hub_ids_of(self, spoke_id: FacilityId, *, tx: Transaction | None = None) -> frozenset[FacilityId]:
        """The ids of `hubs_of`."""
        async with self._reading(tx) as read:
            return frozenset(map(FacilityId, (await read.execute(_HUB_IDS, {"one_id": spoke_id})).scalars()))

    async def links_of(self, spoke_id: FacilityId, *, tx: Transaction | None = None) -> list[Link]:
        """The active hospitals that consult for this clinic, in the order in which they are asked, then by name."""
        query = (
            select(links, facilities)
            .join(facilities, facilities.c.id == links.c.hub_id)
            .where(links.c.spoke_id == spoke_id, facilities.c.is_hub, facilities.c.active)
        )
        found = [Link(facility_of(row), row[links.c.rank], row[links.c.hours]) for row in await self._rows(query, tx)]
        return sorted(found, key=lambda link: (link.rank, fold(link.hub.name)))

    async def spokes_of(self, hub_id: FacilityId, *, tx: Transaction | None = None) -> list[Facility]:
        """The active clinics for which this hospital consults, by name."""
        linked = select(links.c.spoke_id).where(links.c.hub_id == hub_id)
        found = await self._facilities(facilities.c.id.in_(linked) & facilities.c.active, tx)
        return sorted(found, key=lambda facility: fold(facility.name))

    async def specialty(self, specialty_id: SpecialtyId, *, tx: Transaction | None = None) -> Specialty:
        """The specialty of that id. Raises `NotFound("specialty.unknown")`."""
        rows = await self._rows(select(specialties).where(specialties.c.id == specialty_id), tx)
        if not rows:
            raise NotFound("specialty.unknown", SPECIALTY_UNKNOWN)
        return specialty_of(rows[0])

    async def specialty_by_code(self, code: str, *, tx: Transaction | None = None) -> Specialty | None:
        """The specialty of that code."""
        rows = await self._rows(select(specialties).where(specialties.c.code == code), tx)
        return specialty_of(rows[0]) if rows else None

    async def specialties_many(
        self, specialty_ids: Iterable[SpecialtyId], *, tx: Transaction | None = None
    ) -> dict[SpecialtyId, Specialty]:
        """Those of the given ids that exist."""
        wanted = set(specialty_ids)
        rows = await self._rows(select(specialties).where(specialties.c.id.in_(wanted)), tx) if wanted else []
        return {one.id: one for one in map(specialty_of, rows)}

    async def specialties(self, *, tx: Transaction | None = None) -> list[Specialty]:
        """All specialties by their Vietnamese name."""
        found = [specialty_of(row) for row in await self._rows(select(specialties), tx)]
        return sorted(found, key=lambda specialty: fold(specialty.name_vi))

    async def _staff(self, condition: ColumnElement[bool], tx: Transaction | None) -> list[Staff]:
        rows = await self._rows(select(staff, specialty_list).where(condition), tx)
        return sorted((staff_of(row) for row in rows), key=lambda person: (fold(person.full_name), person.user_name))

    async def staff(self, staff_id: StaffId, *, tx: Transaction | None = None) -> Staff:
        """The person of that id, active or not. Raises `NotFound("staff.unknown")`."""
        found = await self._rows(_PERSON, tx, {"one_id": staff_id})
        if not found:
            raise NotFound("staff.unknown", STAFF_UNKNOWN)
        return staff_of(found[0])

    async def staff_many(self, staff_ids: Iterable[StaffId], *, tx: Transaction | None = None) -> dict[StaffId, Staff]:
        """Those of the given ids that exist, active or not."""
        wanted = set(staff_ids)
        rows = await self._rows(_PEOPLE, tx, {"ids": list(wanted)}) if wanted else []
        return {person.id: person for person in map(staff_of, rows)}

    async def staff_by_user_name(self, user_name: str, *, tx: Transaction | None = None) -> Staff | None:
        """The person who signs in by that name, in any case of letters."""
        found = await self._staff(staff.c.user_name == user_name.strip().lower(), tx)
        return found[0] if found else None

    async def staff_at(
        self, facility_id: FacilityId, *, inactive: bool = False, tx: Transaction | None = None
    ) -> list[Staff]:
        """The people of a facility by name; those deactivated only with `inactive`."""
        here = staff.c.facility_id == facility_id
        return await self._staff(here if inactive else here & staff.c.active, tx)

    async def staff_of_specialty(
        self, specialty_id: SpecialtyId, facility_ids: Iterable[FacilityId], *, tx: Transaction | None = None
    ) -> list[Staff]:
        """The active specialists of that field at these facilities, by name."""
        holders = select(staff_specialties.c.staff_id).where(staff_specialties.c.specialty_id == specialty_id)
        found = await self._staff(
            staff.c.id.in_(holders) & staff.c.facility_id.in_(set(facility_ids)) & staff.c.active, tx
        )
        return [person for person in found if Role.SPECIALIST in person.roles]

    async def coordinators_of(self, clinic_id: FacilityId, *, tx: Transaction | None = None) -> list[Staff]:
        """The active coordinators in charge of a clinic: its own and those of the hospitals linked to it, by name."""
        return await self._staff(coordinates(clinic_id), tx)

    async def officers_over(self, facility_ids: Iterable[FacilityId], *, tx: Transaction | None = None) -> list[Staff]:
        """The active data protection officers of these facilities and of the whole installation, by name."""
        places = set(facility_ids)
        there = or_(staff.c.installation_wide, staff.c.facility_id.in_(places))
        found = await self._staff(there & staff.c.active & _LISTS_OFFICER, tx)
        return [person for person in found if oversees(person, places)]

    async def acquainted(
        self,
        staff_ids: Iterable[StaffId],
        facility_ids: Iterable[FacilityId] = (),
        *,
        tx: Transaction | None = None,
    ) -> tuple[dict[StaffId, Staff], dict[FacilityId, Facility]]:
        """Those people, active or not, with their facilities and the given ones: a statement, seldom two."""
        wanted, places = set(staff_ids), set(facility_ids)
        people: dict[StaffId, Staff] = {}
        known: dict[FacilityId, Facility] = {}
        if wanted:
            for row in await self._rows(_ACQUAINTED, tx, {"ids": list(wanted)}):
                person = staff_of(row)
                people[person.id] = person
                if person.facility_id not in known:
                    known[person.facility_id] = facility_of(row)
        return people, known | await self.facilities_many(places - known.keys(), tx=tx)

    async def terminal(self, terminal_id: TerminalId, *, tx: Transaction | None = None) -> Terminal:
        """The terminal of that id. Raises `NotFound("terminal.unknown")`."""
        rows = await self._rows(_TERMINAL, tx, {"one_id": terminal_id})
        if not rows:
            raise NotFound("terminal.unknown", TERMINAL_UNKNOWN)
        return terminal_of(rows[0])

    async def terminals_of(
        self, facility_id: FacilityId, *, inactive: bool = False, tx: Transaction | None = None
    ) -> list[Terminal]:
        """A clinic's terminals by code; those put out of use only with `inactive`."""
        here = terminals.c.facility_id == facility_id
        rows = await self._rows(select(terminals).where(here if inactive else here & terminals.c.active), tx)
        return sorted((terminal_of(row) for row in rows), key=lambda terminal: terminal.code)

    async def departments_of(self, facility_id: FacilityId, *, tx: Transaction | None = None) -> list[Department]:
        """A facility's departments by name."""
        rows = await self._rows(select(departments).where(departments.c.facility_id == facility_id), tx)
        return sorted((department_of(row) for row in rows), key=lambda department: fold(department.name))


FACILITY_UNKNOWN = N_("There is no such facility.")
SPECIALTY_UNKNOWN = N_("There is no such specialty.")
STAFF_UNKNOWN = N_("There is no such member of staff.")
TERMINAL_UNKNOWN = N_("There is no such terminal.")
