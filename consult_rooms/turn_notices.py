"""What people are told of their turns and their leave: a swap is asked or answered, a leave is noted.

A notice holds a hospital's name and times, of leave not why. The act itself puts it into the outbox.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from foundation.database import Transaction
from foundation.ids import FacilityId, StaffId
from identity.tables import facilities, staff
from notify.notice import MOST_VALUE, Notice, NoticeKind, Recipient
from notify.outbox import Outbox


class TurnNotices:
    """`zone` is for facilities that have none."""

    def __init__(self, outbox: Outbox, zone: str) -> None:
        self._outbox = outbox
        self._zone = zone

    async def swap_asked(
        self, tx: Transaction, swap_id: str, facility_id: FacilityId, to_id: StaffId, starts_at: datetime
    ) -> None:
        """A colleague asks for one's answer; of no use once the turn has begun."""
        await self._tell(tx, NoticeKind.SWAP_ASKED, swap_id, facility_id, to_id, starts_at, until=starts_at)

    async def swap_answered(
        self, tx: Transaction, swap_id: str, facility_id: FacilityId, from_id: StaffId, starts_at: datetime
    ) -> None:
        """The colleague took the turn, or did not: which, the page says."""
        await self._tell(tx, NoticeKind.SWAP_ANSWERED, swap_id, facility_id, from_id, starts_at, until=starts_at)

    async def swap_withdrawn(self, tx: Transaction, swap_id: str) -> None:
        """Nobody asks any more: what was not sent yet is not sent."""
        await self._outbox.supersede(tx, swap_id)

    async def leave(
        self, tx: Transaction, leave_id: str, facility_id: FacilityId, person_id: StaffId, starts_at: datetime
    ) -> None:
        """Somebody noted one's leave from then on."""
        await self._tell(tx, NoticeKind.LEAVE, leave_id, facility_id, person_id, starts_at)

    async def _tell(
        self,
        tx: Transaction,
        kind: NoticeKind,
        about: str,
        facility_id: FacilityId,
        person_id: StaffId,
        starts_at: datetime,
        until: datetime | None = None,
    ) -> None:
        query = select(facilities.c.name, facilities.c.zone).where(facilities.c.id == facility_id)
        place = (await tx.execute(query)).one()
        spoken = select(staff.c.language).where(staff.c.id == person_id, staff.c.active)
        language = (await tx.execute(spoken)).scalar_one_or_none()
        if language is None:
            return
        values = {
            "starts_at": starts_at.isoformat(),
            "hospital": place.name[:MOST_VALUE],
            "path": "/turns",
        }
        notice = Notice(kind, about, 1, values, expires_at=until)
        await self._outbox.enqueue(tx, notice, [Recipient(person_id, language, place.zone or self._zone)])
