"""Rings for people who have no page open, by Web Push: sent while it rings, taken back when it does not.

Nothing is queued: what rings and who was told are rows, looked at every second on every node. A row is written before
its message is sent, by a compare-and-set, so that one node alone sends it; `due_at` brings it back when that node dies
or the push service does not answer. Whoever is signed in is rung by the page and not pushed to.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from consult_rooms import calls
from consult_rooms.model import ConsultState, OfferState, Urgency
from consult_rooms.presence import Presence
from consult_rooms.push_tables import ring_pushes
from consult_rooms.quiet import Quiet
from consult_rooms.tables import consults, offers
from foundation.database import Database
from foundation.errors import Unavailable
from foundation.i18n import N_, Languages
from foundation.ids import ConsultId, StaffId
from identity.rows import active_staff
from notify.subscriptions import Subscriptions
from notify.tables import push_subscriptions
from notify.webpush import Outcome, Pusher

log = logging.getLogger(__name__)

BATCH = 100
"""Messages of one look at most; the next takes the rest."""
AGAIN = timedelta(seconds=10)
"""After this a message that nobody has taken is sent again."""
MOST_TRIES = 5
RING_TTL_S = 120
"""How long a push service keeps a ring for a device that is out of reach: a later one would ring for nothing."""
STOP_TTL_S = 3_600


@dataclass(frozen=True, slots=True)
class _Told:
    rings: bool
    tries: int


@dataclass(frozen=True, slots=True)
class _Message:
    consult_id: ConsultId
    subscription_id: str
    staff_id: StaffId
    urgency: Urgency
    rings: bool
    before: _Told | None
    """What the row says that is there; None: there is none yet."""


class RingPushes:
    """Sends what is due. `run_due` may be called on any node at any time."""

    def __init__(
        self,
        database: Database,
        presence: Presence,
        quiet: Quiet,
        subscriptions: Subscriptions,
        pusher: Pusher,
        languages: Languages,
    ) -> None:
        self._database = database
        self._presence = presence
        self._quiet = quiet
        self._subscriptions = subscriptions
        self._pusher = pusher
        self._languages = languages

    async def run_due(self) -> None:
        """Push every ring that has not reached a device of somebody who is away, and every end of one that has."""
        messages = [*await self._starting(), *await self._stopping()][:BATCH]
        if messages:
            await asyncio.gather(*map(self._carry, messages))

    async def _starting(self) -> list[_Message]:
        device = push_subscriptions.c
        told = (consults.c.id, device.staff_id, consults.c.urgency, device.id, ring_pushes.c.rings, ring_pushes.c.tries)
        async with self._database.reading() as tx:
            now = await tx.now()
            fresh = or_(ring_pushes.c.consult_id.is_(None), ring_pushes.c.rings.is_(False), _due(now))
            rung = (
                select(*told)
                .join_from(offers, consults, consults.c.id == offers.c.consult_id)
                .join(push_subscriptions, device.staff_id == offers.c.staff_id)
                .outerjoin(ring_pushes, _same_row())
                .where(offers.c.state == OfferState.RINGING, consults.c.state == ConsultState.RINGING)
                .order_by(offers.c.rung_at)
            )
            called = (
                select(*told)
                .join_from(calls.raised, consults, consults.c.id == calls.raised.c.consult_id)
                .join(push_subscriptions, device.staff_id.in_((consults.c.requester_id, consults.c.specialist_id)))
                .outerjoin(ring_pushes, _same_row())
                .where(calls.rings(now, device.staff_id))
                .order_by(calls.raised.c.at)
            )
            rows = [
                row
                for query in (rung, called)
                for row in await tx.execute(query.where(device.staff_id.in_(active_staff()), fresh).limit(BATCH * 10))
            ]
        if not rows:
            return []
        people = {StaffId(row.staff_id) for row in rows}
        try:
            here = await self._presence.online(people)
        except Unavailable:
            here = set()  # better rung twice than not at all
        away = people - here
        away -= set(await self._quiet.of(away))
        return [
            _Message(
                ConsultId(row[0]),
                row[3],
                row.staff_id,
                Urgency(row.urgency),
                True,
                None if row.tries is None else _Told(row.rings, row.tries),
            )
            for row in rows
            if row.staff_id in away
        ]

    async def _stopping(self) -> list[_Message]:
        async with self._database.reading() as tx:
            now = await tx.now()
            rows = await tx.execute(
                select(ring_pushes, push_subscriptions.c.staff_id, consults.c.urgency)
                .join(push_subscriptions, push_subscriptions.c.id == ring_pushes.c.subscription_id)
                .join(consults, consults.c.id == ring_pushes.c.consult_id)
                .outerjoin(
                    offers,
                    and_(
                        offers.c.consult_id == ring_pushes.c.consult_id,
                        offers.c.staff_id == push_subscriptions.c.staff_id,
                    ),
                )
                .where(
                    or_(
                        and_(
                            ring_pushes.c.rings,
                            ~calls.is_called(now, push_subscriptions.c.staff_id),
                            or_(
                                consults.c.state != ConsultState.RINGING,
                                offers.c.state.is_(None),
                                offers.c.state != OfferState.RINGING,
                            ),
                        ),
                        and_(ring_pushes.c.rings.is_(False), _due(now)),
                    )
                )
                .limit(BATCH)
            )
            return [
                _Message(
                    ConsultId(row.consult_id),
                    row.subscription_id,
                    row.staff_id,
                    Urgency(row.urgency),
                    False,
                    _Told(row.rings, row.tries),
                )
                for row in rows
            ]

    async def _carry(self, message: _Message) -> None:
        if not await self._taken(message):
            return
        found = await self._subscriptions.addresses([message.subscription_id])
        if not found:
            return
        language = self._languages.get(found[0].language)
        title, body = (TITLES[message.urgency], OPEN) if message.rings else (STOPPED, STOPPED_WHY)
        outcome = await self._pusher.send(
            found[0].subscription,
            {
                "kind": "ring" if message.rings else "stop",
                "consult": message.consult_id,
                "url": f"/consults/{message.consult_id}",
                "title": language.text(title),
                "body": language.text(body),
            },
            ttl_s=RING_TTL_S if message.rings else STOP_TTL_S,
            topic=_topic(message.consult_id),
            urgent=message.rings,
        )
        if outcome is Outcome.GONE:
            await self._subscriptions.gone(message.subscription_id)
        elif outcome is Outcome.TAKEN:
            await self._note(message)
            await self._subscriptions.delivered(message.subscription_id)
        else:
            log.warning("a push service did not take a message; it is sent again")

    async def _taken(self, message: _Message) -> bool:
        """Whether this node is the one that sends it."""
        before = message.before
        tries = before.tries + 1 if before is not None and before.rings == message.rings else 1
        try:
            async with self._database.transaction() as tx:
                due_at = await tx.now() + AGAIN if tries < MOST_TRIES else None
                values = {"rings": message.rings, "tries": tries, "due_at": due_at}
                if before is None:
                    await tx.execute(
                        insert(ring_pushes).values(
                            consult_id=message.consult_id, subscription_id=message.subscription_id, **values
                        )
                    )
                    return True
                changed = await tx.execute(
                    update(ring_pushes)
                    .where(_row(message), ring_pushes.c.rings.is_(before.rings), ring_pushes.c.tries == before.tries)
                    .values(**values)
                )
                return bool(changed.rowcount)
        except IntegrityError:  # another node was faster, or the device is gone
            return False

    async def _note(self, message: _Message) -> None:
        """A push service has it."""
        async with self._database.transaction() as tx:
            await tx.execute(
                update(ring_pushes).where(_row(message), ring_pushes.c.rings == message.rings).values(due_at=None)
            )


def _row(message: _Message) -> ColumnElement[bool]:
    return and_(
        ring_pushes.c.consult_id == message.consult_id, ring_pushes.c.subscription_id == message.subscription_id
    )


def _same_row() -> ColumnElement[bool]:
    return and_(ring_pushes.c.consult_id == consults.c.id, ring_pushes.c.subscription_id == push_subscriptions.c.id)


def _due(now: datetime) -> ColumnElement[bool]:
    return ring_pushes.c.due_at <= now


def _topic(consult_id: ConsultId) -> str:
    """32 characters of base64url (RFC 8030 §5.4) that tell the push service nothing."""
    return hashlib.sha256(consult_id.encode()).hexdigest()[:32]


TITLES: dict[Any, str] = {
    Urgency.EMERGENCY: N_("Emergency: a case rings for you"),
    Urgency.URGENT: N_("Urgent: a case rings for you"),
    Urgency.ROUTINE: N_("A case rings for you"),
}
OPEN = N_("Open Hoichan to answer.")
STOPPED = N_("It rings for you no longer")
STOPPED_WHY = N_("Somebody took the case, or it was withdrawn.")
