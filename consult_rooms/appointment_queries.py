"""Reads of one appointment: where it stands, when it will really begin, and what is free for a return visit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select

from consult_rooms.access import Relation
from consult_rooms.appointment import Appointment
from consult_rooms.bookings import Bookings
from consult_rooms.changes import Alternative
from consult_rooms.expected import Turn, delay, expected_starts
from consult_rooms.free_slots import nearest
from consult_rooms.model import Consult, ConsultState
from consult_rooms.standing import standing
from consult_rooms.store import ConsultStore
from consult_rooms.tables import appointments, consults
from foundation.database import Database, Transaction
from foundation.ids import AppointmentId, ConsultId, StaffId
from identity.model import Staff

LONGEST = timedelta(hours=8)
ALONE = timedelta(minutes=30)
"""How long a consult that rang is taken to last."""
MOST = 20
"""Specialists whose day one look works out."""
AGAIN = 3
"""Free times of each kind that a return visit is proposed."""


@dataclass(frozen=True, slots=True)
class AppointmentView:
    """An appointment; `expected_at` is told only when it begins a good deal later than booked."""

    appointment: Appointment
    expected_at: datetime | None


class AppointmentQueries:
    """What the pages of one appointment are given."""

    def __init__(self, database: Database, store: ConsultStore, bookings: Bookings) -> None:
        self._database = database
        self._store = store
        self._bookings = bookings

    async def of(self, staff: Staff, appointment_id: AppointmentId) -> AppointmentView:
        """For the people of the consult and its coordinators. Raises NotFound for a stranger."""
        async with self._database.reading() as tx:
            booked = await self._bookings.appointment(tx, appointment_id)
            place = await standing(tx, self._store, staff, booked.consult_id)
            place.require(*Relation)
            expected = None
            if place.consult.state is ConsultState.SCHEDULED and place.consult.specialist_id is not None:
                turns = await self._turns(tx, place.consult.specialist_id, booked.starts_at)
                found = expected_starts(turns, await tx.now()).get(booked.consult_id)
                if found is not None and delay(booked.starts_at, found) is not None:
                    expected = found
            return AppointmentView(booked, expected)

    async def expected(self, booked: Iterable[Consult]) -> dict[ConsultId, datetime]:
        """When those of the next hours will really begin, where that is a good deal later than booked.

        For consults that the reader was given already.
        """
        async with self._database.reading() as tx:
            now = await tx.now()
            soon = [
                consult
                for consult in booked
                if consult.state is ConsultState.SCHEDULED
                and consult.starts_at is not None
                and now - LONGEST < consult.starts_at < now + LONGEST
            ]
            found: dict[ConsultId, datetime] = {}
            for specialist_id in sorted({one.specialist_id for one in soon if one.specialist_id is not None})[:MOST]:
                starts = expected_starts(await self._turns(tx, specialist_id, now), now)
                for one in soon:
                    begins = starts.get(one.id)
                    if begins is not None and one.starts_at is not None and delay(one.starts_at, begins) is not None:
                        found[one.id] = begins
            return found

    async def again(self, staff: Staff, consult_id: ConsultId) -> list[Alternative]:
        """Free times after a consult: of the same specialist first, then of the field elsewhere."""
        async with self._database.reading() as tx:
            place = await standing(tx, self._store, staff, consult_id)
            place.require(Relation.REQUESTER, Relation.SPECIALIST, Relation.COORDINATOR)
            consult, now = place.consult, await tx.now()
            found: list[Alternative] = []
            for same in (True, False):
                free = await nearest(
                    tx,
                    consult.specialty_id,
                    place.hub_ids,
                    now,
                    specialist_id=consult.specialist_id,
                    same=same,
                    holder=staff.id,
                    limit=AGAIN,
                )
                found += [Alternative(slot, same) for slot in free]
            return found

    async def _turns(self, tx: Transaction, specialist_id: StaffId, around: datetime) -> list[Turn]:
        """What runs, and what is booked before and beside that time."""
        booked = (consults.c.state == ConsultState.SCHEDULED) & consults.c.starts_at.between(
            around - 3 * LONGEST, around + LONGEST
        )
        query = (
            select(
                consults.c.id,
                consults.c.state,
                consults.c.starts_at,
                consults.c.ends_at,
                consults.c.claimed_at,
                appointments.c.late_until,
            )
            .select_from(consults)
            .outerjoin(appointments, appointments.c.consult_id == consults.c.id)
            .where(
                consults.c.specialist_id == specialist_id,
                or_(booked, (consults.c.state == ConsultState.CLAIMED) & consults.c.paused_at.is_(None)),
                appointments.c.displaced_at.is_(None),
            )
        )
        turns = []
        for row in await tx.execute(query):
            starts_at = row.starts_at or row.claimed_at
            turns.append(
                Turn(
                    row.id,
                    ConsultState(row.state),
                    starts_at,
                    row.ends_at or starts_at + ALONE,
                    row.claimed_at,
                    row.late_until,
                )
            )
        return turns
