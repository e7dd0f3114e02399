"""What a facility's own system may read: its consults as they change, its requests, the calendar it can book from.

A facility stands on one of two sides of a consult: it asked, or its specialist holds it. For every other one there is
no such consult. Callers have checked the system's credential and scope, and audit what they hand out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select

from consult_rooms.appointment import Appointment, Slot
from consult_rooms.bookings import UNKNOWN_APPOINTMENT, appointment_of, slot_of
from consult_rooms.log import ConsultLog
from consult_rooms.log_entry import LogEntry
from consult_rooms.model import Consult, Offer
from consult_rooms.store import UNKNOWN, ConsultStore
from consult_rooms.tables import appointments, consult_log, consults, slots
from foundation.database import Database
from foundation.errors import NotFound
from foundation.ids import AppointmentId, ConsultId, FacilityId, SlotId, SpecialtyId
from identity.store import Directory


@dataclass(frozen=True, slots=True)
class ChangedConsult:
    """A consult and the time of its last log entry."""

    consult: Consult
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PublishedSlot:
    """A slot, and the booking that holds it, when the facility is on one of its two sides."""

    slot: Slot
    appointment_id: AppointmentId | None
    consult_id: ConsultId | None
    clinic_id: FacilityId | None
    version: int | None


class Exchange:
    """Reads on behalf of a facility."""

    def __init__(self, database: Database, store: ConsultStore, log: ConsultLog, directory: Directory) -> None:
        self._database = database
        self._store = store
        self._log = log
        self._directory = directory

    async def changed(
        self,
        facility_id: FacilityId,
        *,
        since: datetime | None = None,
        after: tuple[datetime, ConsultId] | None = None,
        limit: int,
    ) -> list[ChangedConsult]:
        """At most `limit` consults of the facility, the longest unchanged first, from `since` on and behind `after`.

        A change bears the time at which its transaction began, so a reader that polls looks back a little further than
        what it saw last.
        """
        at = consult_log.c.at
        conditions = [_sides(facility_id)]
        if since is not None:
            conditions.append(at >= since)
        if after is not None:
            conditions.append(_behind(at, consults.c.id, after))
        query = (
            select(consults, at.label("updated_at"))
            .join(
                consult_log,
                and_(consult_log.c.consult_id == consults.c.id, consult_log.c.number == consults.c.log_number),
            )
            .where(*conditions)
            .order_by(at, consults.c.id)
            .limit(limit)
        )
        async with self._database.reading() as tx:
            return [
                ChangedConsult(self._store.consult(row), row["updated_at"])
                for row in (await tx.execute(query)).mappings()
            ]

    async def consult(self, facility_id: FacilityId, consult_id: ConsultId) -> ChangedConsult:
        """A consult of the facility, on whichever side. Raises NotFound("consult.unknown")."""
        return await self._one(consult_id, _sides(facility_id))

    async def request(self, facility_id: FacilityId, consult_id: ConsultId) -> tuple[ChangedConsult, list[Offer]]:
        """A request that the facility made, and everybody rung for it. Raises NotFound("consult.unknown")."""
        found = await self._one(consult_id, consults.c.requester_facility_id == facility_id)
        async with self._database.reading() as tx:
            return found, await self._store.offers(tx, consult_id)

    async def entries(self, consult_id: ConsultId, after: int, limit: int) -> list[LogEntry]:
        """The timeline behind a number; the caller has read the consult by one of the methods above."""
        return await self._log.since(consult_id, after, limit=limit)

    async def slots(
        self,
        facility_id: FacilityId,
        *,
        starts: datetime,
        ends: datetime,
        specialty_id: SpecialtyId | None = None,
        after: tuple[datetime, SlotId] | None = None,
        limit: int,
    ) -> list[PublishedSlot]:
        """At most `limit` slots of the facility and of the hospitals linked to it that start in [starts, ends)."""
        hubs = await self._directory.hubs_of(facility_id)
        conditions = [
            slots.c.facility_id.in_({facility_id, *(hub.id for hub in hubs)}),
            slots.c.withdrawn_at.is_(None),
            slots.c.starts_at >= starts,
            slots.c.starts_at < ends,
        ]
        if specialty_id is not None:
            conditions.append(slots.c.specialty_id == specialty_id)
        if after is not None:
            conditions.append(_behind(slots.c.starts_at, slots.c.id, after))
        query = (
            select(slots, appointments.c.consult_id, appointments.c.clinic_id, appointments.c.version)
            .outerjoin(appointments, appointments.c.id == slots.c.appointment_id)
            .where(*conditions)
            .order_by(slots.c.starts_at, slots.c.id)
            .limit(limit)
        )
        async with self._database.reading() as tx:
            return [_published(row, facility_id) for row in await tx.execute(query)]

    async def appointment(self, facility_id: FacilityId, appointment_id: AppointmentId) -> tuple[Appointment, bool]:
        """A booking with the facility on one of its two sides, and whether it was cancelled.

        Raises NotFound("appointment.unknown").
        """
        query = (
            select(appointments)
            .join(slots, slots.c.id == appointments.c.slot_id)
            .where(
                appointments.c.id == appointment_id,
                or_(appointments.c.clinic_id == facility_id, slots.c.facility_id == facility_id),
            )
        )
        async with self._database.reading() as tx:
            row = (await tx.execute(query)).one_or_none()
        if row is None:
            raise NotFound("appointment.unknown", UNKNOWN_APPOINTMENT)
        return appointment_of(row), row.cancelled_at is not None

    async def _one(self, consult_id: ConsultId, condition: ColumnElement[bool]) -> ChangedConsult:
        query = (
            select(consults, consult_log.c.at.label("updated_at"))
            .join(
                consult_log,
                and_(consult_log.c.consult_id == consults.c.id, consult_log.c.number == consults.c.log_number),
            )
            .where(consults.c.id == consult_id, condition)
        )
        async with self._database.reading() as tx:
            row = (await tx.execute(query)).mappings().one_or_none()
        if row is None:
            raise NotFound("consult.unknown", UNKNOWN)
        return ChangedConsult(self._store.consult(row), row["updated_at"])


def _sides(facility_id: FacilityId) -> ColumnElement[bool]:
    return or_(consults.c.requester_facility_id == facility_id, consults.c.specialist_facility_id == facility_id)


def _behind(at: ColumnElement[datetime], row_id: ColumnElement[str], last: tuple[datetime, str]) -> ColumnElement[bool]:
    """Rows after the last one of a page, in the order of time and id. Said in two parts so that each value takes its
    column's type; a row value would not.
    """
    return or_(at > last[0], and_(at == last[0], row_id > last[1]))


def _published(row: Any, facility_id: FacilityId) -> PublishedSlot:
    slot = slot_of(row)
    concerned = row.appointment_id is not None and facility_id in (row.facility_id, row.clinic_id)
    if not concerned:
        return PublishedSlot(slot, None, None, None, None)
    return PublishedSlot(slot, row.appointment_id, row.consult_id, row.clinic_id, row.version)
