"""The browsers on which people want to be rung: kept sealed, few a person, forgotten when the push service says so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update

from foundation.audit import Audit, AuditEntry
from foundation.database import Database
from foundation.errors import Conflict, NotFound
from foundation.i18n import N_
from foundation.ids import StaffId, new_id
from foundation.sealing import Sealer
from foundation.text import clean_line
from notify.tables import push_subscriptions
from notify.webpush import Subscription

MOST = 10
"""Of one person."""
LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Device:
    """A browser of a person, as it is listed."""

    id: str
    name: str
    created_at: datetime
    delivered_at: datetime | None
    """When a push service last took a message for it."""


@dataclass(frozen=True, slots=True)
class Address:
    """A browser as a message is sent to it."""

    id: str
    staff_id: StaffId
    language: str
    subscription: Subscription


class Subscriptions:
    """Adds, lists and removes them. Everybody keeps one's own."""

    def __init__(self, database: Database, audit: Audit, sealer: Sealer) -> None:
        self._database = database
        self._audit = audit
        self._sealer = sealer

    async def add(self, staff_id: StaffId, subscription: Subscription, *, name: str, language: str) -> str:
        """Keep a browser; one that is known becomes this person's. Gives its id. Raises Conflict `push.too_many`."""
        subscription_id, hashed = new_id("psh"), hashlib.sha256(subscription.endpoint.encode()).digest()
        async with self._database.transaction() as tx:
            await tx.execute(delete(push_subscriptions).where(push_subscriptions.c.endpoint_hash == hashed))
            own = select(func.count()).where(push_subscriptions.c.staff_id == staff_id)
            if (await tx.execute(own)).scalar_one() >= MOST:
                raise Conflict("push.too_many", TOO_MANY)
            await tx.execute(
                push_subscriptions.insert().values(
                    id=subscription_id,
                    staff_id=staff_id,
                    endpoint_hash=hashed,
                    sealed=self._sealer.seal(json.dumps(asdict(subscription)).encode(), address_place(subscription_id)),
                    name=clean_line(name)[:LONGEST_NAME],
                    language=language,
                    created_at=await tx.now(),
                )
            )
            await self._audit.record(tx, AuditEntry(actor=staff_id, action="push.subscribe", target=subscription_id))
        return subscription_id

    async def of(self, staff_id: StaffId) -> list[Device]:
        """A person's browsers, the newest first."""
        async with self._database.reading() as tx:
            rows = await tx.execute(
                select(push_subscriptions)
                .where(push_subscriptions.c.staff_id == staff_id)
                .order_by(push_subscriptions.c.created_at.desc(), push_subscriptions.c.id)
            )
            return [Device(row.id, row.name, row.created_at, row.delivered_at) for row in rows]

    async def addresses(self, ids: Collection[str]) -> list[Address]:
        """What is needed to send to these browsers; unknown ones are left out."""
        async with self._database.reading() as tx:
            rows = (await tx.execute(select(push_subscriptions).where(push_subscriptions.c.id.in_(list(ids))))).all()
        return [
            Address(
                row.id,
                StaffId(row.staff_id),
                row.language,
                Subscription(**json.loads(self._sealer.open(row.sealed, address_place(row.id)))),
            )
            for row in rows
        ]

    async def remove(self, staff_id: StaffId, subscription_id: str) -> None:
        """Forget one's own browser. Raises NotFound `push.unknown`."""
        async with self._database.transaction() as tx:
            gone = await tx.execute(
                delete(push_subscriptions).where(
                    push_subscriptions.c.id == subscription_id, push_subscriptions.c.staff_id == staff_id
                )
            )
            if not gone.rowcount:
                raise NotFound("push.unknown", UNKNOWN)
            await self._audit.record(tx, AuditEntry(actor=staff_id, action="push.unsubscribe", target=subscription_id))

    async def delivered(self, subscription_id: str) -> None:
        """A push service took a message for it."""
        async with self._database.transaction() as tx:
            await tx.execute(
                update(push_subscriptions)
                .where(push_subscriptions.c.id == subscription_id)
                .values(delivered_at=await tx.now())
            )

    async def gone(self, subscription_id: str) -> None:
        """The push service knows it no more."""
        async with self._database.transaction() as tx:
            await tx.execute(delete(push_subscriptions).where(push_subscriptions.c.id == subscription_id))
            await self._audit.record(tx, AuditEntry(actor="-", action="push.gone", target=subscription_id))


def address_place(subscription_id: str) -> str:
    """Where an address says that it stands (`Sealer.seal`)."""
    return f"push_subscriptions.sealed:{subscription_id}"


TOO_MANY = N_("You have ten devices already. Remove one of them first.")
UNKNOWN = N_("There is no such device.")
