"""Devices and rooms that an appointment needs: what a facility has, and its quarters in the same units as all else.

A resource is booked together with specialist and terminal, in one transaction: the database's primary key decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from consult_rooms import bounds, calendar
from consult_rooms.booking_tables import appointment_resources
from consult_rooms.booking_tables import resources as table
from consult_rooms.tables import quarter_units
from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import AppointmentId, FacilityId, ResourceId, new_id
from foundation.text import clean_line
from identity.model import Staff
from identity.policy import Action, Target, require

PER_FACILITY = 200
PER_APPOINTMENT = 8
NAME = 100

BUSY = N_("%(name)s is booked at this time.")
UNFIT = N_("This room or device cannot be booked for this appointment.")
KNOWN = N_("There is a room or device of this name already.")
UNKNOWN = N_("There is no such room or device.")
MANY = N_("A facility has %(most)s rooms and devices at most.")


class ResourceKind(StrEnum):
    """What it is."""

    ROOM = "room"
    """A teleconsultation room."""
    ULTRASOUND = "ultrasound"
    ECG = "ecg"
    CAMERA = "camera"
    """An examination camera, a dermatoscope, an otoscope."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Resource:
    """A device or a room of a facility."""

    id: ResourceId
    facility_id: FacilityId
    kind: ResourceKind
    name: str
    active: bool


class Resources:
    """The register of a facility's rooms and devices, kept by its coordinators and administrators."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit

    async def of(self, facility_ids: Collection[FacilityId], *, active_only: bool = True) -> list[Resource]:
        """What these facilities have, by name."""
        async with self._database.reading() as tx:
            query = select(table).where(table.c.facility_id.in_(list(facility_ids))).order_by(table.c.name, table.c.id)
            if active_only:
                query = query.where(table.c.active)
            return [
                Resource(row.id, row.facility_id, ResourceKind(row.kind), row.name, row.active)
                for row in await tx.execute(query)
            ]

    async def add(self, staff: Staff, kind: ResourceKind | str, name: str) -> Resource:
        """A new one of the own facility. Raises Forbidden, Invalid for the name, Conflict `resource.known`."""
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=staff.facility_id))
        what = bounds.code(ResourceKind, kind, "kind")
        called = clean_line(bounds.text(name, NAME, "name", empty=False))
        new = Resource(ResourceId(new_id("res")), staff.facility_id, what, called, True)
        try:
            async with self._database.transaction() as tx:
                mine = select(table.c.id).where(table.c.facility_id == staff.facility_id)
                if len((await tx.execute(mine)).all()) >= PER_FACILITY:
                    raise Conflict("resource.many", MANY, most=PER_FACILITY)
                values = {"id": new.id, "facility_id": new.facility_id, "kind": what, "name": called, "active": True}
                await tx.execute(table.insert().values(**values, created_at=await tx.now()))
                await self._audit.record(tx, AuditEntry(staff.id, "resource.add", details={"resource": new.id}))
        except IntegrityError as error:
            raise Conflict("resource.known", KNOWN, field="name") from error
        return new

    async def set_active(self, staff: Staff, resource_id: ResourceId, active: bool) -> None:
        """Take it out of use, or into use again. What is booked stays booked. Raises NotFound, Forbidden."""
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=staff.facility_id))
        async with self._database.transaction() as tx:
            changed = await tx.execute(
                update(table)
                .where(table.c.id == resource_id, table.c.facility_id == staff.facility_id)
                .values(active=active)
            )
            if not changed.rowcount:
                raise NotFound("resource.unknown", UNKNOWN)
            entry = AuditEntry(staff.id, "resource.set_active", details={"resource": resource_id, "active": active})
            await self._audit.record(tx, entry)


async def require_fit(
    tx: Transaction, resource_ids: Collection[ResourceId], facilities: Collection[FacilityId]
) -> None:
    """Raise Invalid `resource.unfit` unless each is in use and of one of these facilities."""
    if not resource_ids:
        return
    query = select(table.c.id).where(
        table.c.id.in_(list(resource_ids)), table.c.active, table.c.facility_id.in_(list(facilities))
    )
    if len(resource_ids) > PER_APPOINTMENT or len((await tx.execute(query)).all()) != len(set(resource_ids)):
        raise Invalid("resource.unfit", UNFIT, field="resource_ids")


async def reserve(
    tx: Transaction, appointment_id: AppointmentId, resource_ids: Collection[ResourceId], quarters: Collection[int]
) -> None:
    """Hold them for these quarters, in one order. Raises Conflict `slot.resource_busy` with the first one's name."""
    if not resource_ids:
        return
    names = dict((await tx.execute(select(table.c.id, table.c.name).where(table.c.id.in_(list(resource_ids))))).all())
    for resource_id in sorted(resource_ids):
        units = [(calendar.of_resource(resource_id), quarter, appointment_id) for quarter in quarters]
        await calendar.reserve(tx, units, Conflict("slot.resource_busy", BUSY, name=names.get(resource_id, "")))


async def note(tx: Transaction, appointment_id: AppointmentId, resource_ids: Iterable[ResourceId]) -> None:
    """Keep with the appointment what it needs."""
    rows = [{"appointment_id": appointment_id, "resource_id": one} for one in sorted(resource_ids)]
    if rows:
        await tx.execute(appointment_resources.insert(), rows)


async def needed(tx: Transaction, appointment_id: AppointmentId) -> frozenset[ResourceId]:
    """What the appointment needs."""
    query = select(appointment_resources.c.resource_id).where(appointment_resources.c.appointment_id == appointment_id)
    return frozenset((await tx.execute(query)).scalars())


async def leave_foreign(
    tx: Transaction, appointment_id: AppointmentId, facilities: Collection[FacilityId]
) -> frozenset[ResourceId]:
    """After a change of hospital: what stood at the former one is let go. Gives what is still needed."""
    kept = await needed(tx, appointment_id)
    if not kept:
        return kept
    query = select(table.c.id).where(table.c.id.in_(kept), table.c.facility_id.in_(list(facilities)))
    still = frozenset((await tx.execute(query)).scalars())
    for gone in kept - still:
        unit = (quarter_units.c.resource == calendar.of_resource(gone)) & (quarter_units.c.holder == appointment_id)
        await tx.execute(delete(quarter_units).where(unit))
        of_appointment = appointment_resources.c.appointment_id == appointment_id
        await tx.execute(
            delete(appointment_resources).where(of_appointment, appointment_resources.c.resource_id == gone)
        )
    return still
