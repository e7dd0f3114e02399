"""The outbox: callers put notices in inside their own transaction, so that what is told is exactly what became true.

What goes out when, and how often, is decided by `notify.delivery`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from foundation.database import Database, Transaction
from foundation.ids import NoticeId, StaffId, new_id
from notify.contacts import Contact, Contacts
from notify.notice import MOST_VALUE, PLACES, Channel, Notice, NoticeKind, NoticeState, Recipient
from notify.outbox_tables import notices
from notify.tables import push_subscriptions

LISTED = 100
"""Notices that a person's page shows."""


@dataclass(frozen=True, slots=True)
class OwnNotice:
    """A notice as its person reads it in Hoichan."""

    id: NoticeId
    kind: NoticeKind
    values: dict[str, str]
    at: datetime
    new: bool


class Outbox:
    """Takes notices in and lists a person's own. `channels` are those that this installation has a way for."""

    def __init__(self, database: Database, contacts: Contacts, channels: Collection[Channel]) -> None:
        self._database = database
        self._contacts = contacts
        self.channels = frozenset(channels)

    async def enqueue(self, tx: Transaction, notice: Notice, recipients: Iterable[Recipient]) -> None:
        """Tell these people, each once for this event and channel, however often this is called.

        Whoever has no address for a channel, or did not choose it, is not told by it; every notice but a reminder also
        goes to the person's page. Raises ValueError for a value that no notice may hold.
        """
        _check(notice)
        told = list(recipients)
        if not told:
            return
        people = [recipient.staff_id for recipient in told]
        known = await self._contacts.many(tx, people)
        browsers = set()
        if Channel.PUSH in self.channels:
            query = select(push_subscriptions.c.staff_id).where(push_subscriptions.c.staff_id.in_(people))
            browsers = set((await tx.execute(query)).scalars())
        now = await tx.now()
        rows = [
            self._row(notice, recipient, channel, now)
            for recipient in told
            for channel in self._ways(
                notice.kind, known.get(recipient.staff_id, Contact()), has_browser=recipient.staff_id in browsers
            )
        ]
        if not rows:
            return
        insert = (sqlite if self._database.is_sqlite else postgresql).insert(notices)
        await tx.execute(insert.on_conflict_do_nothing(index_elements=["staff_id", "event", "channel"]), rows)

    async def supersede(self, tx: Transaction, about: str) -> None:
        """What waits about this thing has become untrue, its reminders first of all, and is not sent any more.

        A message that a node is sending at this moment may still arrive.
        """
        await tx.execute(
            update(notices)
            .where(notices.c.about == about, notices.c.state == NoticeState.WAITING)
            .values(state=NoticeState.DROPPED, fault="superseded", ended_at=await tx.now())
        )

    async def own(self, staff_id: StaffId) -> list[OwnNotice]:
        """A person's newest notices; they count as seen from now on."""
        mine = (notices.c.staff_id == staff_id, notices.c.channel == Channel.PAGE)
        async with self._database.transaction() as tx:
            query = select(notices).where(*mine).order_by(notices.c.created_at.desc(), notices.c.id).limit(LISTED)
            rows = (await tx.execute(query)).all()
            if any(row.seen_at is None for row in rows):
                await tx.execute(
                    update(notices).where(*mine, notices.c.seen_at.is_(None)).values(seen_at=await tx.now())
                )
        return [
            OwnNotice(NoticeId(row.id), NoticeKind(row.kind), row.content, row.created_at, row.seen_at is None)
            for row in rows
        ]

    async def unseen(self, staff_id: StaffId) -> int:
        """How many of a person's notices were not looked at yet."""
        query = (
            select(func.count())
            .select_from(notices)
            .where(notices.c.staff_id == staff_id, notices.c.channel == Channel.PAGE, notices.c.seen_at.is_(None))
        )
        async with self._database.reading() as tx:
            return int((await tx.execute(query)).scalar_one())

    def _ways(self, kind: NoticeKind, contact: Contact, *, has_browser: bool) -> list[Channel]:
        has = {Channel.MAIL: contact.mail is not None, Channel.SMS: contact.mobile is not None}
        has[Channel.PUSH] = has_browser
        ways = [way for way in sorted(contact.wishes[kind.topic] & self.channels) if has.get(way)]
        return ways if kind is NoticeKind.REMINDER else [Channel.PAGE, *ways]

    def _row(self, notice: Notice, recipient: Recipient, channel: Channel, now: datetime) -> dict[str, Any]:
        is_there = channel is Channel.PAGE
        return {
            "id": new_id("ntc"),
            "staff_id": recipient.staff_id,
            "channel": channel,
            "event": notice.event,
            "kind": notice.kind,
            "about": notice.about,
            "version": notice.version,
            "content": dict(notice.values),
            "language": recipient.language,
            "zone": recipient.zone,
            "urgent": notice.urgent,
            "created_at": now,
            "due_at": notice.due_at or now,
            "expires_at": notice.expires_at,
            "state": NoticeState.SENT if is_there else NoticeState.WAITING,
            "tries": 0,
            "ended_at": now if is_there else None,
        }


def _check(notice: Notice) -> None:
    foreign = set(notice.values) - PLACES
    if foreign or any(len(value) > MOST_VALUE for value in notice.values.values()):
        raise ValueError(f"a notice cannot hold {', '.join(sorted(foreign)) or 'so long a value'}")


async def tidy(tx: Transaction, before: datetime, *, most: int) -> int:
    """Forget what was told before then, the dead letters too; gives how many went."""
    old = select(notices.c.id).where(notices.c.created_at < before, notices.c.ended_at.is_not(None)).limit(most)
    return int((await tx.execute(delete(notices).where(notices.c.id.in_(old)))).rowcount)
