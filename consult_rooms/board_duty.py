"""Who is there: specialists on call or with slots today, fields without anybody, how today's requests were answered.

Presence changes without a word in any log, so this side of the board is looked at anew every few seconds.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, time, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from sqlalchemy import select

from consult_rooms.board_lanes import hubs_in_reach
from consult_rooms.board_queries import clinics_in_charge
from consult_rooms.board_rows import DutyGap, DutyView, OnDuty
from consult_rooms.model import ConsultState, Level, OfferState
from consult_rooms.presence import Presence
from consult_rooms.rota import Rota
from consult_rooms.rows import Answer
from consult_rooms.tables import consults, offers, on_call_shifts, slots
from foundation.database import Database, Transaction
from foundation.errors import Unavailable
from foundation.ids import FacilityId, SpecialtyId, StaffId
from identity.model import Staff
from identity.policy import Action, require
from identity.store import Directory

SHOWN = 60
"""People that the board lists; those whom a ring reaches come first."""
WAITS = 5_000
"""Requests of one day whose times are read, the last ones."""
_ORDER = (Answer.BUSY, Answer.RINGING, Answer.UNKNOWN, Answer.OFFLINE)


class BoardDuty:
    """Reads it. `zone` is that of the day."""

    def __init__(
        self, database: Database, directory: Directory, rota: Rota, presence: Presence, zone: ZoneInfo
    ) -> None:
        self._database = database
        self._directory = directory
        self._rota = rota
        self._presence = presence
        self._zone = zone

    async def view(self, staff: Staff) -> DutyView:
        """As it stands for this coordinator's hospitals and clinics. Raises Forbidden for anybody else."""
        require(staff, Action.COORDINATE)
        own = {"own_id": staff.facility_id}
        async with self._database.reading() as tx:
            now = await tx.now()
            midnight = datetime.combine(now.astimezone(self._zone).date(), time(), self._zone).astimezone(UTC)
            hubs = [FacilityId(one) for one in (await tx.execute(hubs_in_reach(), own)).scalars()]
            today = await tx.execute(
                select(slots.c.specialist_id)
                .distinct()
                .where(
                    slots.c.facility_id.in_(hubs),
                    slots.c.withdrawn_at.is_(None),
                    slots.c.starts_at >= midnight,
                    slots.c.starts_at < midnight + timedelta(days=1),
                )
            )
            with_slots = {StaffId(one) for one in today.scalars()}
            waits = [
                (row.claimed_at - row.created_at).total_seconds()
                for row in await tx.execute(
                    select(consults.c.claimed_at, consults.c.created_at)
                    .where(
                        consults.c.requester_facility_id.in_(clinics_in_charge()),
                        consults.c.claimed_at >= midnight,
                        consults.c.starts_at.is_(None),
                    )
                    .order_by(consults.c.claimed_at.desc())
                    .limit(WAITS),
                    own,
                )
            ]
            rota = await tx.execute(
                select(on_call_shifts.c.specialty_id, on_call_shifts.c.facility_id)
                .distinct()
                .where(on_call_shifts.c.facility_id.in_(hubs))
            )
            kept = {(SpecialtyId(row.specialty_id), FacilityId(row.facility_id)) for row in rota}
        on_call = await self._rota.on_call(hubs)
        backup = await self._rota.on_call(hubs, level=Level.BACKUP)
        there = {
            (field, person.facility_id)
            for turns in (on_call, backup)
            for field, people in turns.items()
            for person in people
        }
        answering = {person.staff_id for people in on_call.values() for person in people}
        async with self._database.reading() as tx:
            people = await self._people(tx, answering, with_slots)
            gaps = await self._gaps(tx, kept - there)
        return DutyView(
            people=tuple(people[:SHOWN]),
            more=max(0, len(people) - SHOWN),
            gaps=gaps,
            answered=len(waits),
            median_s=median(waits) if waits else None,
        )

    async def _people(self, tx: Transaction, on_call: set[StaffId], with_slots: set[StaffId]) -> list[OnDuty]:
        wanted = on_call | with_slots
        known, places = await self._directory.acquainted(wanted, tx=tx)
        ringing = set(
            (
                await tx.execute(
                    select(offers.c.staff_id)
                    .distinct()
                    .join(consults, consults.c.id == offers.c.consult_id)
                    .where(
                        offers.c.staff_id.in_(wanted),
                        offers.c.state == OfferState.RINGING,
                        consults.c.state == ConsultState.RINGING,
                    )
                )
            ).scalars()
        )
        reach = await self._reach(wanted)
        people = [
            OnDuty(
                staff_id=person.id,
                name=person.full_name,
                facility_name=places[person.facility_id].name,
                specialties=person.specialties,
                on_call=person.id in on_call,
                ringing=person.id in ringing,
                reach=reach[person.id],
            )
            for person in known.values()
        ]
        return sorted(people, key=lambda one: (not one.ringing, _ORDER.index(one.reach), not one.on_call, one.name))

    async def _gaps(self, tx: Transaction, missing: Collection[tuple[SpecialtyId, FacilityId]]) -> tuple[DutyGap, ...]:
        fields = await self._directory.specialties_many({field for field, _ in missing}, tx=tx)
        places = await self._directory.facilities_many({place for _, place in missing}, tx=tx)
        gaps = [DutyGap(fields[field], places[place].name) for field, place in missing]
        return tuple(sorted(gaps, key=lambda gap: (gap.specialty.name_vi, gap.facility_name)))

    async def _reach(self, wanted: Collection[StaffId]) -> dict[StaffId, Answer]:
        try:
            online = await self._presence.online(wanted)
            busy = await self._presence.in_consult(wanted)
        except Unavailable:
            return dict.fromkeys(wanted, Answer.UNKNOWN)
        return {
            one: Answer.BUSY if one in busy else Answer.RINGING if one in online else Answer.OFFLINE for one in wanted
        }
