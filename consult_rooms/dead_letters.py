"""Notices that could not be delivered, for administrators: to whom, by which way, why not; and how to try again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, true, update

from foundation.audit import Audit, AuditEntry
from foundation.database import Database
from foundation.ids import NoticeId, StaffId
from identity.guard import Guard
from identity.model import Staff
from identity.policy import Action, Target, may
from identity.tables import facilities, staff
from notify.notice import Channel, NoticeKind, NoticeState
from notify.outbox_tables import notices

LISTED = 200


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One of them. `fault` is a short code such as `smtp.550`."""

    id: NoticeId
    staff_id: StaffId
    name: str
    facility: str
    channel: Channel
    kind: NoticeKind
    fault: str
    tries: int
    created_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Post:
    """How the outbox stands for an administrator's people."""

    dead: list[DeadLetter]
    waiting: int
    oldest: datetime | None
    """Since when the longest due one has been due."""


class DeadLetters:
    """Administrators see those of their facility, or of all."""

    def __init__(self, database: Database, audit: Audit, guard: Guard) -> None:
        self._database = database
        self._audit = audit
        self._guard = guard

    async def view(self, actor: Staff) -> Post:
        """The newest dead letters, and how many notices are due and wait. Raises Forbidden `policy.denied`."""
        mine = await self._reach(actor)
        query = (
            select(notices, staff.c.full_name, facilities.c.name.label("facility"))
            .join(staff, staff.c.id == notices.c.staff_id)
            .join(facilities, facilities.c.id == staff.c.facility_id)
            .where(notices.c.state == NoticeState.DEAD, mine)
            .order_by(notices.c.ended_at.desc(), notices.c.id)
            .limit(LISTED)
        )
        async with self._database.reading() as tx:
            dead = [
                DeadLetter(
                    NoticeId(row.id),
                    StaffId(row.staff_id),
                    row.full_name,
                    row.facility,
                    Channel(row.channel),
                    NoticeKind(row.kind),
                    row.fault or "",
                    row.tries,
                    row.created_at,
                    row.ended_at,
                )
                for row in await tx.execute(query)
            ]
            due = (
                select(func.count(), func.min(notices.c.due_at))
                .join_from(notices, staff, staff.c.id == notices.c.staff_id)
                .where(notices.c.state == NoticeState.WAITING, notices.c.due_at <= await tx.now(), mine)
            )
            waiting, oldest = (await tx.execute(due)).one()
        return Post(dead, waiting, oldest)

    async def again(self, actor: Staff, ids: Collection[NoticeId]) -> int:
        """Try these once more from the beginning; gives how many. What is too late by now is dropped when its turn
        comes. Raises Forbidden."""
        mine = await self._reach(actor)
        people = select(staff.c.id).where(mine)
        async with self._database.transaction() as tx:
            changed = await tx.execute(
                update(notices)
                .where(notices.c.id.in_(list(ids)), notices.c.state == NoticeState.DEAD)
                .where(notices.c.staff_id.in_(people))
                .values(state=NoticeState.WAITING, tries=0, fault=None, ended_at=None, due_at=await tx.now())
            )
            count = int(changed.rowcount)
            if count:
                entry = AuditEntry(actor=actor.id, action="notices.again", details={"count": count})
                await self._audit.record(tx, entry)
        return count

    async def _reach(self, actor: Staff) -> ColumnElement[bool]:
        """Which rows of `staff` are this administrator's."""
        if may(actor, Action.ADMINISTER_ALL):
            return true()
        target = Target(facility_id=actor.facility_id)
        await self._guard.require(actor, Action.ADMINISTER_FACILITY, target, act="notices.view")
        return staff.c.facility_id == actor.facility_id
