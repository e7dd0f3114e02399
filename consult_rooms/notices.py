"""What people are told of appointments: put into the outbox by the act itself, in its transaction.

A notice holds times, two facilities and the case's code. Neither the patient nor the question, not even the specialty,
leaves the installation.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from consult_rooms.model import Urgency
from consult_rooms.tables import appointments, consults, slots
from foundation.database import Transaction
from foundation.ids import AppointmentId, SlotId, StaffId
from identity.tables import facilities, staff
from notify.notice import MOST_VALUE, Notice, NoticeKind, Recipient
from notify.outbox import Outbox

_clinics, _hospitals = facilities.alias("clinics"), facilities.alias("hospitals")


@dataclass(frozen=True, slots=True)
class _Told:
    """What a notice of an appointment needs."""

    version: int
    requester_id: StaffId
    specialist_id: StaffId
    urgent: bool
    starts_at: datetime
    values: dict[str, str]


class AppointmentNotices:
    """Says what happened to an appointment. `leads` are the times before it at which people are reminded."""

    def __init__(self, outbox: Outbox, zone: str, leads: Sequence[timedelta]) -> None:
        self._outbox = outbox
        self._zone = zone
        self._leads = sorted(leads, reverse=True)

    async def booked(self, tx: Transaction, appointment_id: AppointmentId) -> None:
        """It stands in its transaction already: specialist and requester are invited, and reminded in time."""
        told = await self._of(tx, appointment_id)
        await self._invite(tx, appointment_id, NoticeKind.BOOKED, told)

    async def moved(self, tx: Transaction, appointment_id: AppointmentId, former_id: StaffId | None = None) -> None:
        """It has another slot by now. `former_id` is the specialist who had it, and perhaps has it no more."""
        told = await self._of(tx, appointment_id)
        await self._outbox.supersede(tx, appointment_id)
        await self._invite(tx, appointment_id, NoticeKind.MOVED, told)
        if former_id is not None and former_id != told.specialist_id:
            await self._tell(tx, appointment_id, NoticeKind.CANCELLED, told, {former_id})

    async def cancelled(self, tx: Transaction, appointment_id: AppointmentId) -> None:
        """Nobody comes, and nobody is reminded any more."""
        told = await self._of(tx, appointment_id)
        await self._outbox.supersede(tx, appointment_id)
        await self._tell(
            tx,
            appointment_id,
            NoticeKind.CANCELLED,
            told,
            {told.requester_id, told.specialist_id},
            until=told.starts_at,
        )

    async def displaced(self, tx: Transaction, appointment_id: AppointmentId) -> None:
        """An emergency took its time: the clinic is told at once, at any hour."""
        told = await self._of(tx, appointment_id)
        await self._outbox.supersede(tx, appointment_id)
        await self._tell(tx, appointment_id, NoticeKind.DISPLACED, told, {told.requester_id}, urgent=True)

    async def offered(
        self, tx: Transaction, entry_id: str, number: int, slot_id: SlotId, people: Collection[StaffId], until: datetime
    ) -> None:
        """A slot is kept for an entry of the waiting list until then; `number` counts that entry's offers."""
        query = (
            select(slots.c.starts_at, slots.c.ends_at, _hospitals.c.name)
            .join(_hospitals, _hospitals.c.id == slots.c.facility_id)
            .where(slots.c.id == slot_id)
        )
        row = (await tx.execute(query)).one()
        for recipient, clinic in await self._people(tx, people):
            notice = Notice(
                NoticeKind.OFFERED,
                entry_id,
                number,
                {
                    "starts_at": row.starts_at.isoformat(),
                    "ends_at": row.ends_at.isoformat(),
                    "until": until.isoformat(),
                    "clinic": clinic[:MOST_VALUE],
                    "hospital": row.name[:MOST_VALUE],
                    "path": "/agenda",
                },
                expires_at=until,
            )
            await self._outbox.enqueue(tx, notice, [recipient])

    async def _invite(self, tx: Transaction, appointment_id: AppointmentId, kind: NoticeKind, told: _Told) -> None:
        people = {told.requester_id, told.specialist_id}
        await self._tell(tx, appointment_id, kind, told, people, until=told.starts_at)
        now, recipients = await tx.now(), [recipient for recipient, _ in await self._people(tx, people)]
        for number, before in enumerate(self._leads):
            due_at = told.starts_at - before
            if due_at <= now:
                continue
            # One that quiet hours held back is of no use once the next has come.
            later = self._leads[number + 1 :]
            minutes = str(int(before.total_seconds() // 60))
            notice = Notice(
                NoticeKind.REMINDER,
                appointment_id,
                told.version,
                told.values | {"minutes": minutes},
                urgent=told.urgent,
                due_at=due_at,
                expires_at=told.starts_at - later[0] if later else told.starts_at,
                part=minutes,
            )
            await self._outbox.enqueue(tx, notice, recipients)

    async def _tell(
        self,
        tx: Transaction,
        appointment_id: AppointmentId,
        kind: NoticeKind,
        told: _Told,
        people: Collection[StaffId],
        *,
        urgent: bool = False,
        until: datetime | None = None,
    ) -> None:
        notice = Notice(kind, appointment_id, told.version, told.values, urgent=urgent or told.urgent, expires_at=until)
        await self._outbox.enqueue(tx, notice, [recipient for recipient, _ in await self._people(tx, people)])

    async def _of(self, tx: Transaction, appointment_id: AppointmentId) -> _Told:
        query = (
            select(
                appointments,
                consults.c.code,
                consults.c.urgency,
                slots.c.specialist_id,
                _clinics.c.name.label("clinic"),
                _hospitals.c.name.label("hospital"),
            )
            .join(consults, consults.c.id == appointments.c.consult_id)
            .join(slots, slots.c.id == appointments.c.slot_id)
            .join(_clinics, _clinics.c.id == appointments.c.clinic_id)
            .join(_hospitals, _hospitals.c.id == slots.c.facility_id)
            .where(appointments.c.id == appointment_id)
        )
        row = (await tx.execute(query)).one()
        return _Told(
            row.version,
            StaffId(row.requester_id),
            StaffId(row.specialist_id),
            row.urgency == Urgency.EMERGENCY,
            row.starts_at,
            {
                "starts_at": row.starts_at.isoformat(),
                "ends_at": row.ends_at.isoformat(),
                "clinic": row.clinic[:MOST_VALUE],
                "hospital": row.hospital[:MOST_VALUE],
                "code": row.code,
                "path": f"/consults/{row.consult_id}",
            },
        )

    async def _people(self, tx: Transaction, people: Collection[StaffId]) -> list[tuple[Recipient, str]]:
        """Those of them who are active, each with the name of their facility."""
        query = (
            select(staff.c.id, staff.c.language, facilities.c.zone, facilities.c.name)
            .join(facilities, facilities.c.id == staff.c.facility_id)
            .where(staff.c.id.in_(list(people)), staff.c.active)
            .order_by(staff.c.id)
        )
        rows: Sequence[Any] = (await tx.execute(query)).all()
        return [(Recipient(StaffId(row.id), row.language, row.zone or self._zone), row.name) for row in rows]
