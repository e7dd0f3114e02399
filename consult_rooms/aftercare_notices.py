"""What people are told after a consult: advice to read, a follow-up that is due, an outcome, a return.

As with appointments a notice holds two facilities' names, the case's code and days: no patient, no outcome, no word of
a doctor's.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from consult_rooms.tables import consults
from foundation.database import Transaction
from foundation.ids import ConsultId
from identity.tables import facilities, staff
from notify.notice import MOST_VALUE, Notice, NoticeKind, Recipient
from notify.outbox import Outbox

_clinics, _hospitals = facilities.alias("asking"), facilities.alias("advising")
_DAY = 24 * 60


class AftercareNotices:
    """Puts notices into the outbox, in the transaction of the act. `zone` is for facilities that have none."""

    def __init__(self, outbox: Outbox, zone: str) -> None:
        self._outbox = outbox
        self._zone = zone

    async def advice(self, tx: Transaction, consult_id: ConsultId, person: int) -> None:
        """The requester: there is advice to read."""
        await self._tell(tx, NoticeKind.ADVICE, consult_id, person, to_specialist=False)

    async def due(self, tx: Transaction, consult_id: ConsultId, person: int, day: int) -> None:
        """The requester: what became of the patient?"""
        await self._tell(tx, NoticeKind.FOLLOW_UP, consult_id, person, to_specialist=False, day=day)

    async def outcome(self, tx: Transaction, consult_id: ConsultId, person: int, day: int) -> None:
        """The specialist: the clinic has answered; once for each day."""
        await self._tell(tx, NoticeKind.OUTCOME, consult_id, person, to_specialist=True, day=day)

    async def _tell(
        self,
        tx: Transaction,
        kind: NoticeKind,
        consult_id: ConsultId,
        person: int,
        *,
        to_specialist: bool,
        day: int | None = None,
    ) -> None:
        row = await self._of(tx, consult_id, to_specialist=to_specialist)
        if row is None:
            return
        values = {
            "clinic": row.clinic[:MOST_VALUE],
            "hospital": (row.hospital or "")[:MOST_VALUE],
            "code": row.code,
            "path": f"/consults/{consult_id}",
        }
        if day is not None:
            values["minutes"] = str(day * _DAY)
        notice = Notice(kind, consult_id, person, values, part="" if day is None else str(day))
        await self._outbox.enqueue(tx, notice, [Recipient(row.id, row.language, row.zone or self._zone)])

    async def _of(self, tx: Transaction, consult_id: ConsultId, *, to_specialist: bool) -> Any:
        whom = consults.c.specialist_id if to_specialist else consults.c.requester_id
        own = facilities.alias("own")
        query = (
            select(
                consults.c.code,
                staff.c.id,
                staff.c.language,
                own.c.zone,
                _clinics.c.name.label("clinic"),
                _hospitals.c.name.label("hospital"),
            )
            .join(staff, staff.c.id == whom)
            .join(own, own.c.id == staff.c.facility_id)
            .join(_clinics, _clinics.c.id == consults.c.requester_facility_id)
            .outerjoin(_hospitals, _hospitals.c.id == consults.c.specialist_facility_id)
            .where(consults.c.id == consult_id, staff.c.active)
        )
        return (await tx.execute(query)).one_or_none()
