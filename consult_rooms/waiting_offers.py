"""A free slot is offered to the first who waits for one like it: kept for them until a time, then for the next.

Exactly one entry has a slot at a time, and an entry one slot: both are compare-and-set, the slot first.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Row, and_, case, exists, or_, select, update

from consult_rooms import calendar, holds
from consult_rooms.booking_tables import waiting_entries, waiting_offers
from consult_rooms.busy_units import attended
from consult_rooms.tables import quarter_units, slots
from consult_rooms.told import Nobody, Told
from foundation.database import Database, Transaction
from foundation.ids import SlotId, StaffId, WaitingId
from identity.tables import facilities, links

OFFER = timedelta(minutes=30)
"""How long an offer holds, unless settings say otherwise; never beyond the slot's own time."""
CANDIDATES = 20
BATCH = 50

WAITING, OFFERED, BOOKED, WITHDRAWN, EXPIRED = "waiting", "offered", "booked", "withdrawn", "expired"


class WaitingOffers:
    """Offers slots in the order of the list, and takes back what nobody answered."""

    def __init__(self, database: Database, told: Told | None = None, offer_for: timedelta = OFFER) -> None:
        self._database = database
        self._told = told or Nobody()
        self._offer_for = offer_for

    async def offer(self, tx: Transaction, slot_id: SlotId) -> WaitingId | None:
        """Keep a free slot for the first who waits for it, in the transaction that freed it. None: nobody does."""
        now = await tx.now()
        query = (
            select(slots, facilities.c.technical_level)
            .join(facilities, facilities.c.id == slots.c.facility_id)
            .where(
                slots.c.id == slot_id,
                slots.c.appointment_id.is_(None),
                slots.c.withdrawn_at.is_(None),
                slots.c.starts_at > now,
                holds.unheld(now),
                attended(),
            )
        )
        slot = (await tx.execute(query)).one_or_none()
        if slot is None:
            return None
        until = min(now + self._offer_for, slot.starts_at)
        for entry in (await tx.execute(_candidates(slot))).all():
            if not await holds.keep(tx, slot_id, entry.id, until):
                return None
            taken = await tx.execute(
                update(waiting_entries)
                .where(waiting_entries.c.id == entry.id, waiting_entries.c.state == WAITING)
                .values(state=OFFERED, slot_id=slot_id, offered_until=until, offers=waiting_entries.c.offers + 1)
                .returning(waiting_entries.c.offers)
            )
            number = taken.scalar_one_or_none()
            if number is None:  # another slot was offered to them at the same moment
                await holds.let_go(tx, slot_id, entry.id)
                continue
            made = {"entry_id": entry.id, "slot_id": slot_id, "offered_at": now}
            await tx.execute(waiting_offers.insert().values(**made))
            await self._told.offered(tx, entry.id, number, slot_id, {StaffId(entry.requester_id)}, until)
            return WaitingId(entry.id)
        return None

    async def take_back(self, tx: Transaction, entry_id: WaitingId, slot_id: SlotId, answer: str, state: str) -> bool:
        """End an offer: its slot goes to the next who waits. False when it had ended already."""
        await holds.let_go(tx, slot_id, entry_id)
        values: dict[str, Any] = {"state": state, "slot_id": None, "offered_until": None}
        if state != WAITING:
            values["content_sealed"] = None
        ended = await tx.execute(
            update(waiting_entries)
            .where(
                waiting_entries.c.id == entry_id,
                waiting_entries.c.state == OFFERED,
                waiting_entries.c.slot_id == slot_id,
            )
            .values(**values)
        )
        if not ended.rowcount:
            return False
        of_offer = (waiting_offers.c.entry_id == entry_id) & (waiting_offers.c.slot_id == slot_id)
        await tx.execute(update(waiting_offers).where(of_offer).values(answer=answer))
        await self.offer(tx, slot_id)
        return True

    async def run_due(self) -> None:
        """Take back what lapsed, and offer what has become free. Any node may look; none does it twice."""
        async with self._database.reading() as tx:
            now = await tx.now()
            lapsed = (
                await tx.execute(
                    select(waiting_entries.c.id, waiting_entries.c.slot_id)
                    .where(waiting_entries.c.state == OFFERED, waiting_entries.c.offered_until <= now)
                    .limit(BATCH)
                )
            ).all()
            late = (
                await tx.execute(
                    select(waiting_entries.c.id)
                    .where(waiting_entries.c.state == WAITING, waiting_entries.c.ends_at <= now)
                    .limit(BATCH)
                )
            ).scalars()
            expired = list(late)
            free = list((await tx.execute(_wanted(now))).scalars())
        for row in lapsed:
            async with self._database.transaction() as tx:
                await self.take_back(tx, row.id, row.slot_id, "lapsed", WAITING)
        for entry_id in expired:
            still = (waiting_entries.c.id == entry_id) & (waiting_entries.c.state == WAITING)
            async with self._database.transaction() as tx:
                await tx.execute(update(waiting_entries).where(still).values(state=EXPIRED, content_sealed=None))
        for slot_id in free:
            async with self._database.transaction() as tx:
                await self.offer(tx, slot_id)


def _fits() -> Any:
    """That an entry wants such a slot: field, time, a hospital that is linked to the clinic, and not offered before."""
    linked = exists().where(links.c.spoke_id == waiting_entries.c.clinic_id, links.c.hub_id == slots.c.facility_id)
    before = exists().where(waiting_offers.c.entry_id == waiting_entries.c.id, waiting_offers.c.slot_id == slots.c.id)
    return and_(
        waiting_entries.c.state == WAITING,
        waiting_entries.c.specialty_id == slots.c.specialty_id,
        waiting_entries.c.starts_at <= slots.c.starts_at,
        waiting_entries.c.ends_at > slots.c.starts_at,
        or_(waiting_entries.c.hospital_id.is_(None), waiting_entries.c.hospital_id == slots.c.facility_id),
        or_(waiting_entries.c.level.is_(None), waiting_entries.c.level == facilities.c.technical_level),
        linked,
        ~before,
    )


def _candidates(slot: Row[Any]) -> Any:
    """Who waits for this slot, the longest first, with a terminal that is free then."""
    span = calendar.quarters(slot.starts_at, slot.ends_at)
    own = case(
        (waiting_entries.c.terminal_id.is_(None), "clinic:" + waiting_entries.c.clinic_id),
        else_="terminal:" + waiting_entries.c.terminal_id,
    )
    busy = exists().where(quarter_units.c.resource == own, quarter_units.c.quarter.between(span.start, span.stop - 1))
    return (
        select(waiting_entries.c.id, waiting_entries.c.requester_id)
        .select_from(waiting_entries)
        .join(slots, slots.c.id == slot.id)
        .join(facilities, facilities.c.id == slots.c.facility_id)
        .where(_fits(), ~busy)
        .order_by(waiting_entries.c.created_at, waiting_entries.c.id)
        .limit(CANDIDATES)
    )


def _wanted(now: Any) -> Any:
    """Free slots that somebody waits for, the soonest first."""
    return (
        select(slots.c.id)
        .distinct()
        .select_from(slots)
        .join(facilities, facilities.c.id == slots.c.facility_id)
        .join(waiting_entries, waiting_entries.c.specialty_id == slots.c.specialty_id)
        .where(
            slots.c.appointment_id.is_(None),
            slots.c.withdrawn_at.is_(None),
            slots.c.starts_at > now,
            holds.unheld(now),
            attended(),
            _fits(),
        )
        .limit(BATCH)
    )
