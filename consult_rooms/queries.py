"""Frozen rows for pages and sockets, names joined, each cut down to what its reader may know."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import func, select

from consult_rooms import identities
from consult_rooms.access import (
    Relation,
    knows_patient,
    reads_opinion,
    room_open,
    untaken,
)
from consult_rooms.joins import mine, without_names
from consult_rooms.log_entry import LogEntry
from consult_rooms.model import ConsultState, OfferState, Question
from consult_rooms.ring_queries import RingQueries
from consult_rooms.rows import ConsultRow, ConsultView, QueueRow, RoomPerson, Telephone, TimelineRow
from consult_rooms.slot_queries import SlotQueries
from consult_rooms.standing import standing
from consult_rooms.store import UNKNOWN
from consult_rooms.tables import appointments, consults, offers
from foundation.database import Transaction
from foundation.errors import NotFound
from foundation.ids import ConsultId, FacilityId, StaffId
from identity.model import Staff
from identity.policy import Action, require

RUNNING = (ConsultState.RINGING, ConsultState.CLAIMED, ConsultState.WRITTEN)
BEHIND = (ConsultState.ENDED, ConsultState.CLOSED, ConsultState.CANCELLED)
ROWS = 200
"""Rows of one list at most."""


class Queries(RingQueries, SlotQueries):
    """Consults, lists and timelines; rings come from `ring_queries`, slots from `slot_queries`."""

    async def consult(self, staff: Staff, consult_id: ConsultId) -> ConsultView:
        """One consult for one reader. Raises NotFound("consult.unknown") when they have nothing to do with it."""
        async with self._database.reading() as tx:
            place = await standing(tx, self._store, staff, consult_id)
            if place.related is None:
                raise NotFound("consult.unknown", UNKNOWN)
            people = await self._store.participants(tx, consult_id)
            names = await self._joins.of(tx, [place.consult], staff=(person.staff_id for person in people))
            now = await tx.now()
            knows = knows_patient(place.consult, place.related, place.participant)
            consult = place.consult if knows else without_names(place.consult, now.astimezone(self._zone).date())
            if place.related is Relation.RUNG and not untaken(consult):
                # Whoever was rung may look up who took the case; what was asked is no longer for them.
                consult = replace(consult, question=Question())
            hubs = await self._directory.hubs_of(consult.requester_facility_id, tx=tx)
            hubs.sort(key=lambda hub: hub.id != consult.specialist_facility_id)
            booked = None
            if consult.starts_at is not None:
                of_consult = appointments.c.consult_id == consult_id
                query = select(appointments.c.id, appointments.c.version).where(of_consult)
                booked = (await tx.execute(query)).one_or_none()
            terminal_id = consult.terminal_id
            return ConsultView(
                consult=consult,
                related=place.related,
                names_patient=knows,
                reads_opinion=reads_opinion(place.related),
                room_open=room_open(consult, now),
                participant=place.participant,
                specialty=names.specialties[consult.specialty_id],
                requester_name=names.staff_name(consult.requester_id) or "",
                facility=names.facilities[consult.requester_facility_id],
                terminal=None if terminal_id is None else await self._directory.terminal(terminal_id, tx=tx),
                specialist_name=names.staff_name(consult.specialist_id),
                specialist_facility=names.facility(consult.specialist_facility_id),
                people=tuple(
                    RoomPerson(person, names.staff_name(person.staff_id) or "", names.facility_of(person.staff_id))
                    for person in people
                ),
                telephones=tuple(Telephone(hub.name, hub.emergency_telephone) for hub in hubs),
                appointment_id=None if booked is None else booked.id,
                appointment_version=None if booked is None else booked.version,
                identity_changes=await identities.changes(tx, consult),
            )

    async def waiting(self, staff: Staff) -> list[ConsultRow]:
        """What awaits this person: own requests that ring, consults that run, opinions that are owed. Newest first."""
        async with self._database.reading() as tx:
            query = (
                select(consults)
                .where(mine(staff.id), consults.c.state.in_([*RUNNING, ConsultState.ENDED]))
                .order_by(consults.c.created_at.desc())
                .limit(ROWS)
            )
            return await self._joins.rows(tx, staff, await self._store.many(tx, query))

    async def past(self, staff: Staff, before: datetime | None = None, limit: int = 50) -> list[ConsultRow]:
        """Own consults that are over, newest first; `before` is the `created_at` of the last one shown."""
        async with self._database.reading() as tx:
            query = (
                select(consults)
                .where(mine(staff.id), consults.c.state.in_(BEHIND))
                .order_by(consults.c.created_at.desc())
                .limit(min(limit, ROWS))
            )
            if before is not None:
                query = query.where(consults.c.created_at < before)
            return await self._joins.rows(tx, staff, await self._store.many(tx, query))

    async def agenda(self, staff: Staff, day: date, days: int = 1) -> list[ConsultRow]:
        """Own booked consults of that day and the following ones, in the installation's zone, by time.

        Also those that have begun or ended; not the cancelled.
        """
        starts = datetime.combine(day, time(), self._zone).astimezone(UTC)
        ends = datetime.combine(day + timedelta(days=days), time(), self._zone).astimezone(UTC)
        async with self._database.reading() as tx:
            query = (
                select(consults)
                .where(
                    mine(staff.id),
                    consults.c.starts_at >= starts,
                    consults.c.starts_at < ends,
                    consults.c.state != ConsultState.CANCELLED,
                )
                .order_by(consults.c.starts_at, consults.c.id)
                .limit(ROWS)
            )
            return await self._joins.rows(tx, staff, await self._store.many(tx, query))

    async def queue(self, staff: Staff) -> list[QueueRow]:
        """What rings or runs at the clinics of which this coordinator is in charge, the longest waiting first."""
        require(staff, Action.COORDINATE)
        async with self._database.reading() as tx:
            clinics = await self.clinics_of(staff, tx)
            query = (
                select(consults)
                .where(consults.c.requester_facility_id.in_(clinics), consults.c.state.in_(RUNNING))
                .order_by(consults.c.created_at)
                .limit(ROWS)
            )
            rows = await self._joins.rows(tx, staff, await self._store.many(tx, query))
            counted = await tx.execute(
                select(offers.c.consult_id, offers.c.state, func.count())
                .where(offers.c.consult_id.in_([row.consult.id for row in rows]))
                .group_by(offers.c.consult_id, offers.c.state)
            )
            counts: dict[ConsultId, dict[str, int]] = {}
            for consult_id, state, count in counted:
                counts.setdefault(consult_id, {})[state] = count
        return [
            QueueRow(
                row,
                rung=sum(counts.get(row.consult.id, {}).values()),
                declined=counts.get(row.consult.id, {}).get(OfferState.DECLINED, 0),
            )
            for row in rows
        ]

    async def clinics_of(self, staff: Staff, tx: Transaction | None = None) -> list[FacilityId]:
        """The facilities whose requests this coordinator watches: the own one and those linked to it."""
        spokes = await self._directory.spokes_of(staff.facility_id, tx=tx)
        return [staff.facility_id, *(spoke.id for spoke in spokes)]

    async def timeline(self, staff: Staff, consult_id: ConsultId, after: int = 0) -> list[TimelineRow]:
        """The consult's log after that number, names joined. Raises NotFound("consult.unknown")."""
        async with self._database.reading() as tx:
            place = await standing(tx, self._store, staff, consult_id)
        place.require(*Relation)
        return await self.described(await self._log.since(consult_id, after))

    async def described(self, entries: list[LogEntry]) -> list[TimelineRow]:
        """Log entries with the names of the people in them."""
        mentioned = {entry.actor for entry in entries if entry.actor is not None}
        for entry in entries:
            named = (entry.data.get(key) for key in ("staff", "from", "specialist", "owner"))
            mentioned |= {StaffId(str(one)) for one in named if one}
        people = await self._directory.staff_many(mentioned)
        names = {str(staff_id): person.full_name for staff_id, person in people.items()}
        return [TimelineRow(entry, None if entry.actor is None else names.get(entry.actor), names) for entry in entries]
