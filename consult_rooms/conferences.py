"""Conferences (MDT): a session of several specialists with an agenda of patients from several clinics.

Each case is a slot of the session, booked as any other, with a consult and a room of its own: that is the barrier
between cases. The members' time is taken together or not at all, for the whole session.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select, update

from consult_rooms import calendar
from consult_rooms.appointment import VisitType
from consult_rooms.availability_tables import conference_members, conferences
from consult_rooms.conference_queries import conference_row
from consult_rooms.conference_table import admit, members, unseat
from consult_rooms.holds import unheld
from consult_rooms.materialising import Materialising, mark_due
from consult_rooms.model import ConsultState
from consult_rooms.store import ConsultStore
from consult_rooms.tables import appointments, consults, quarter_units, slots
from foundation.bus import Bus
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Invalid
from foundation.i18n import N_
from foundation.ids import ConferenceId, FacilityId, SlotId, SpecialtyId, StaffId, new_id
from foundation.text import clean_line
from identity.model import Role, Staff
from identity.policy import Action, Target, require
from identity.store import Directory

TABLE = 7
"""People at the table at most: a room holds eight, and the clinic sits in it too."""

TITLE = N_("Write a title of 1 to 120 characters, without a patient's name.")
FEW = N_("Choose 2 to %(most)s people, the chair among them.")
UNFIT = N_("Only specialists of this hospital can sit at its table.")
CHAIR = N_("The chair has to be of this specialty.")
BUSY = N_("Not free in this time: %(names)s.")
RACED = N_("Somebody of these has just been given something else in this time. Look again.")
STALE = N_("This conference was changed meanwhile. Look again, then change it.")
BOOKED = N_("%(count)s cases are booked. Move or cancel them first.")


class Conferences:
    """For coordinators and administrators of a hospital. What is read of them stands in `conference_queries`."""

    def __init__(
        self,
        database: Database,
        store: ConsultStore,
        directory: Directory,
        bus: Bus,
        materialising: Materialising,
    ) -> None:
        self._database = database
        self._store = store
        self._directory = directory
        self._bus = bus
        self._materialising = materialising

    async def plan(
        self,
        staff: Staff,
        facility_id: FacilityId,
        *,
        specialty_id: SpecialtyId,
        title: str,
        chair_id: StaffId,
        member_ids: Collection[StaffId],
        starts_at: datetime,
        ends_at: datetime,
        case_minutes: int,
    ) -> ConferenceId:
        """Plan a session; every case of `case_minutes` is a slot. Free slots that templates made give way to it.

        Raises Invalid by field (see `calendar.slot_times`), Conflict `conference.busy` with `names`.
        """
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=facility_id))
        named = clean_line(title)
        if not 1 <= len(named) <= 120:
            raise Invalid("conference.title", TITLE, field="title")
        table = await self._table(facility_id, specialty_id, chair_id, member_ids)
        conference_id = ConferenceId(new_id("cnf"))
        async with self._database.transaction() as tx:
            now = await tx.now()
            boxes = calendar.slot_times(starts_at, ends_at, case_minutes, now)
            await self._reserve(tx, conference_id, table, starts_at, ends_at)
            await tx.execute(
                conferences.insert().values(
                    id=conference_id,
                    facility_id=facility_id,
                    specialty_id=specialty_id,
                    title=named,
                    chair_id=chair_id,
                    starts_at=starts_at,
                    ends_at=ends_at,
                    case_minutes=case_minutes,
                    version=1,
                    created_by=staff.id,
                    created_at=now,
                )
            )
            await tx.execute(
                conference_members.insert(),
                [{"conference_id": conference_id, "staff_id": person.id} for person in table],
            )
            await tx.execute(
                slots.insert(),
                [
                    {
                        "id": SlotId(new_id("slo")),
                        "specialist_id": chair_id,
                        "specialty_id": specialty_id,
                        "facility_id": facility_id,
                        "starts_at": starts,
                        "ends_at": ends,
                        "visit_type": VisitType.CONFERENCE,
                        "conference_id": conference_id,
                    }
                    for starts, ends in boxes
                ],
            )
            self._hint(tx, [person.id for person in table])
        return conference_id

    async def change_members(
        self, staff: Staff, conference_id: ConferenceId, member_ids: Collection[StaffId], version: int
    ) -> None:
        """Let others sit at the table; the chair stays. Booked cases follow. Raises as `plan`, `conference.stale`."""
        async with self._database.transaction() as tx:
            row = await self._held(tx, staff, conference_id, version)
            wanted = await self._table(row.facility_id, row.specialty_id, row.chair_id, member_ids)
            before, after = set(await members(tx, conference_id)), {person.id for person in wanted}
            new, gone = after - before, before - after
            await self._reserve(
                tx, conference_id, [person for person in wanted if person.id in new], row.starts_at, row.ends_at
            )
            resources = [calendar.of_person(one) for one in gone]
            await tx.execute(
                delete(quarter_units).where(
                    quarter_units.c.holder == conference_id, quarter_units.c.resource.in_(resources)
                )
            )
            of_conference = conference_members.c.conference_id == conference_id
            await tx.execute(delete(conference_members).where(of_conference, conference_members.c.staff_id.in_(gone)))
            if new:
                rows = [{"conference_id": conference_id, "staff_id": one} for one in sorted(new)]
                await tx.execute(conference_members.insert(), rows)
            for consult_id in await self._cases(tx, conference_id):
                await unseat(tx, consult_id, sorted(gone))
                await admit(tx, self._store, consult_id, sorted(new))
            await mark_due(tx, gone, await tx.now())
            self._hint(tx, new | gone)

    async def cancel(self, staff: Staff, conference_id: ConferenceId, version: int) -> None:
        """Give everybody's time back. Raises Conflict `conference.booked` with `count`, `conference.stale`."""
        async with self._database.transaction() as tx:
            await self._held(tx, staff, conference_id, version)
            now = await tx.now()
            c = slots.c
            # Taken from booking first: whoever books one of these at this moment is either before or after this.
            await tx.execute(
                update(slots)
                .where(c.conference_id == conference_id, c.appointment_id.is_(None), c.withdrawn_at.is_(None))
                .values(withdrawn_at=now)
            )
            query = select(c.id).where(c.conference_id == conference_id, c.withdrawn_at.is_(None))
            if left := len((await tx.execute(query)).all()):
                raise Conflict("conference.booked", BOOKED, count=left)
            await tx.execute(update(conferences).where(conferences.c.id == conference_id).values(cancelled_at=now))
            await calendar.release(tx, conference_id)
            people = await members(tx, conference_id)
            await mark_due(tx, people, now)
            self._hint(tx, people)
        await self._materialising.make(people)

    async def _table(
        self, facility_id: FacilityId, specialty_id: SpecialtyId, chair_id: StaffId, member_ids: Collection[StaffId]
    ) -> list[Staff]:
        wanted = {chair_id, *member_ids}
        if not 2 <= len(wanted) <= TABLE:
            raise Invalid("conference.table", FEW, field="members", most=TABLE)
        here = {one.id: one for one in await self._directory.staff_at(facility_id) if Role.SPECIALIST in one.roles}
        if not wanted <= here.keys():
            raise Invalid("conference.unfit", UNFIT, field="members")
        if specialty_id not in here[chair_id].specialties:
            raise Invalid("conference.chair", CHAIR, field="chair")
        return [here[one] for one in sorted(wanted)]

    async def _reserve(
        self,
        tx: Transaction,
        conference_id: ConferenceId,
        people: Collection[Staff],
        starts_at: datetime,
        ends_at: datetime,
    ) -> None:
        """Take these people's time, all or none. Raises Conflict `conference.busy` with `names`."""
        wanted = calendar.quarters(starts_at, ends_at)
        of = {calendar.of_person(person.id): person for person in people}
        c = quarter_units.c
        in_time = (c.resource.in_(list(of)), c.quarter >= wanted.start, c.quarter < wanted.stop)
        now = await tx.now()
        free = (
            select(slots.c.id)
            .where(slots.c.id.in_(select(c.holder).where(*in_time)))
            .where(slots.c.template_id.is_not(None), slots.c.appointment_id.is_(None), unheld(now))
        )
        gone = list((await tx.execute(free)).scalars())
        # The same conditions again: one that was booked or kept for somebody meanwhile stays, and its units tell.
        taken = (
            update(slots)
            .where(slots.c.id.in_(gone), slots.c.appointment_id.is_(None), unheld(now))
            .values(withdrawn_at=now)
        )
        await tx.execute(taken)
        withdrawn = select(slots.c.id).where(slots.c.id.in_(gone), slots.c.withdrawn_at.is_not(None))
        await tx.execute(delete(quarter_units).where(c.holder.in_(withdrawn)))
        busy = set((await tx.execute(select(c.resource).where(*in_time))).scalars())
        if busy:
            names = ", ".join(sorted(of[one].full_name for one in busy))
            raise Conflict("conference.busy", BUSY, names=names)
        await calendar.reserve(
            tx,
            [(resource, quarter, conference_id) for resource in of for quarter in wanted],
            Conflict("conference.raced", RACED),
        )

    async def _held(self, tx: Transaction, staff: Staff, conference_id: ConferenceId, version: int) -> Row[Any]:
        """The row, a version further, kept from others until this transaction ends. Raises `conference.stale`."""
        row = await conference_row(tx, conference_id)
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=row.facility_id))
        c = conferences.c
        seen = update(conferences).where(c.id == conference_id, c.version == version, c.cancelled_at.is_(None))
        if not (await tx.execute(seen.values(version=version + 1))).rowcount:
            raise Conflict("conference.stale", STALE)
        if row.ends_at <= await tx.now():
            raise Conflict("slot.past", calendar.PAST)
        return row

    async def _cases(self, tx: Transaction, conference_id: ConferenceId) -> list[Any]:
        """Booked cases that have not ended; whoever is booking one is waited for, and none is booked meanwhile."""
        boxes = select(slots.c.id).where(slots.c.conference_id == conference_id).order_by(slots.c.id)
        await tx.execute(boxes.with_for_update())
        query = (
            select(consults.c.id)
            .join(appointments, appointments.c.consult_id == consults.c.id)
            .join(slots, slots.c.appointment_id == appointments.c.id)
            .where(
                slots.c.conference_id == conference_id,
                consults.c.state.in_([ConsultState.SCHEDULED, ConsultState.CLAIMED]),
            )
        )
        return list((await tx.execute(query.order_by(consults.c.id))).scalars())

    def _hint(self, tx: Transaction, people: Collection[StaffId]) -> None:
        async def hint() -> None:
            for person in people:
                await self._bus.publish("agenda", {"staff": person})

        tx.after_commit(hint)
