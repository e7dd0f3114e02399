"""Makes slots from templates up to a horizon, day by day, and lists the bookings that availability no longer backs.

Any node may run it. A specialist's run is one transaction that begins with a compare-and-set on `availability_runs`, so
of two nodes one makes the slots and the other finds nothing due; a run that fails leaves everything as it was, and due.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from consult_rooms import calendar
from consult_rooms.availability_tables import availability_conflicts, availability_runs, availability_templates
from consult_rooms.closures import Closures
from consult_rooms.conflicts import tell
from consult_rooms.holds import unheld
from consult_rooms.offering import Plan, plan
from consult_rooms.stands import Stand, read
from consult_rooms.tables import quarter_units, slots
from foundation.bus import Bus
from foundation.database import Database, Transaction
from foundation.errors import Conflict, HoichanError
from foundation.ids import FacilityId, SlotId, StaffId, new_id
from identity.model import Role
from identity.store import Directory
from identity.tables import staff

log = logging.getLogger(__name__)

BATCH = 20
"""Specialists that one round takes on."""
ROWS = 400
"""Rows of one statement."""
AT_ONCE = 10
"""Specialists whose slots are made while something is saved; the others' follow within a minute."""
AGAIN = timedelta(minutes=1)
"""How long a run that could not be done waits."""


class Materialising:
    """`ahead` is how far slots are made; `country` whose public holidays are kept (empty: none)."""

    def __init__(
        self, database: Database, directory: Directory, bus: Bus, zone: ZoneInfo, ahead: timedelta, country: str
    ) -> None:
        self._database = database
        self._directory = directory
        self._bus = bus
        self._zone = zone
        self._ahead = ahead
        self.country = country

    async def run_due(self) -> None:
        """Make the slots of those whose run is due; called again and again."""
        async with self._database.transaction() as tx:
            await self._find_due(tx)
        async with self._database.reading() as tx:
            query = select(availability_runs.c.staff_id).where(availability_runs.c.due_at <= await tx.now())
            due = (await tx.execute(query.order_by(availability_runs.c.due_at).limit(BATCH))).scalars().all()
        for staff_id in due:
            await self.run(staff_id)

    async def run(self, staff_id: StaffId) -> bool:
        """Make one specialist's slots, when that is due. False when it is not, or has to be tried again later."""
        try:
            async with self._database.transaction() as tx:
                now = await tx.now()
                taken = await tx.execute(
                    update(availability_runs)
                    .where(availability_runs.c.staff_id == staff_id, availability_runs.c.due_at <= now)
                    .values(due_at=self._tomorrow(now))
                )
                if not taken.rowcount:
                    return False
                stand = await self.stand(tx, staff_id)
                found = self.plan(stand)
                await self._apply(tx, stand, found)
                if found.held:
                    await mark_due(tx, [staff_id], now + AGAIN)
        except HoichanError as error:
            log.warning("the slots of %s could not be made: %s", staff_id, error.code)
            async with self._database.transaction() as tx:
                await mark_due(tx, [staff_id], await tx.now() + AGAIN)
            return False
        return True

    async def make(self, staff_ids: Iterable[StaffId]) -> None:
        """Make slots right after a change, of a few; whoever else is due is found by `run_due`."""
        for staff_id in list(staff_ids)[:AT_ONCE]:
            await self.run(staff_id)

    def plan(self, stand: Stand) -> Plan:
        """What there is to do."""
        return plan(
            stand.templates,
            stand.standing,
            stand.taken,
            Closures(self.country, stand.zone, stand.exceptions),
            stand.zone,
            stand.now,
            stand.until,
            works_here=stand.person.active and Role.SPECIALIST in stand.person.roles,
        )

    async def stand(self, tx: Transaction, staff_id: StaffId) -> Stand:
        """What holds for that specialist now. Raises NotFound for a stranger."""
        person = await self._directory.staff(staff_id, tx=tx)
        zone = await self.zone_of(person.facility_id, tx)
        now = await tx.now()
        until = datetime.combine((now + self._ahead).astimezone(zone).date(), time(), zone)
        return await read(tx, person, zone, now, until)

    async def zone_of(self, facility_id: FacilityId, tx: Transaction | None = None) -> ZoneInfo:
        """The zone in which a facility's times are meant."""
        own = (await self._directory.facility(facility_id, tx=tx)).zone
        return self._zone if own is None else ZoneInfo(own)

    async def _apply(self, tx: Transaction, stand: Stand, found: Plan) -> None:
        staff_id, facility_id = stand.person.id, stand.person.facility_id
        for part in _parts(found.withdraw):
            withdrawn = await tx.execute(
                update(slots)
                .where(
                    slots.c.id.in_(part),
                    slots.c.appointment_id.is_(None),
                    slots.c.withdrawn_at.is_(None),
                    unheld(stand.now),
                )
                .values(withdrawn_at=stand.now)
            )
            if withdrawn.rowcount != len(part):
                # Somebody booked or keeps one meanwhile: the next run finds it so.
                raise Conflict("slot.taken", calendar.PAST)
            await tx.execute(delete(quarter_units).where(quarter_units.c.holder.in_(part)))
        for slot_id, template_id in found.adopt.items():
            await tx.execute(update(slots).where(slots.c.id == slot_id).values(template_id=template_id))
        made = [(SlotId(new_id("slo")), one) for one in found.make]
        await calendar.reserve(
            tx,
            [(calendar.of_person(staff_id), quarter, slot_id) for slot_id, one in made for quarter in one.quarters],
            Conflict("slot.taken", calendar.PAST),
        )
        if made:
            await tx.execute(
                slots.insert(),
                [
                    {
                        "id": slot_id,
                        "specialist_id": staff_id,
                        "specialty_id": one.specialty_id,
                        "facility_id": facility_id,
                        "starts_at": one.starts_at,
                        "ends_at": one.ends_at,
                        "visit_type": one.visit_type,
                        "template_id": one.template_id,
                        "buffer_before": one.before,
                        "buffer_after": one.after,
                    }
                    for slot_id, one in made
                ],
            )
        await tell(tx, staff_id, found.contradictions, stand.now)
        if found.withdraw or made:

            async def hint() -> None:
                await self._bus.publish("agenda", {"staff": staff_id})

            tx.after_commit(hint)

    async def _find_due(self, tx: Transaction) -> None:
        """Note whoever has templates and no run yet, and whose conflict was settled by moving or cancelling."""
        now = await tx.now()
        held = availability_templates.c.ended_at.is_(None)
        own = select(availability_templates.c.staff_id).where(held, availability_templates.c.staff_id.is_not(None))
        of_departments = (
            select(staff.c.id)
            .join(availability_templates, availability_templates.c.department_id == staff.c.department_id)
            .where(held, staff.c.active)
        )
        known = select(availability_runs.c.staff_id)
        new = select(staff.c.id).where(
            or_(staff.c.id.in_(own), staff.c.id.in_(of_departments)), staff.c.id.not_in(known)
        )
        loosened = (
            select(availability_conflicts.c.staff_id)
            .join(slots, slots.c.id == availability_conflicts.c.slot_id)
            .where(
                availability_conflicts.c.settled_at.is_(None),
                or_(
                    slots.c.appointment_id.is_(None),
                    slots.c.appointment_id != availability_conflicts.c.appointment_id,
                ),
            )
        )
        found = {*(await tx.execute(new)).scalars(), *(await tx.execute(loosened)).scalars()}
        await mark_due(tx, found, now)

    def _tomorrow(self, now: datetime) -> datetime:
        day = now.astimezone(self._zone).date() + timedelta(days=1)
        return datetime.combine(day, time(), self._zone)


async def mark_due(tx: Transaction, staff_ids: Iterable[StaffId], at: datetime) -> None:
    """Have these specialists' slots made at that time."""
    rows = [{"staff_id": staff_id, "due_at": at} for staff_id in sorted(set(staff_ids))]
    if rows:
        dialect = sqlite if tx.connection.dialect.name == "sqlite" else postgresql
        new = dialect.insert(availability_runs)
        await tx.execute(
            new.on_conflict_do_update(index_elements=["staff_id"], set_={"due_at": new.excluded.due_at}), rows
        )


def _parts(ids: list[SlotId]) -> Iterable[list[SlotId]]:
    return (ids[start : start + ROWS] for start in range(0, len(ids), ROWS))
