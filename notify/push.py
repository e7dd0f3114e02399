"""Notices by Web Push: to every browser on which a person wants to be rung."""

from __future__ import annotations

import asyncio
import hashlib

from sqlalchemy import select

from foundation.database import Database
from notify.carrier import NOWHERE, TAKEN, Carrier, Receipt, Verdict
from notify.notice import Message
from notify.subscriptions import Address, Subscriptions
from notify.tables import push_subscriptions
from notify.webpush import Outcome, Pusher

TTL_S = 24 * 3_600
"""How long a push service keeps a notice for a device that is out of reach."""


class PushSender(Carrier):
    """One message a browser; taken by one of them, it has reached its person."""

    def __init__(self, database: Database, subscriptions: Subscriptions, pusher: Pusher) -> None:
        self._database = database
        self._subscriptions = subscriptions
        self._pusher = pusher

    async def carry(self, message: Message) -> Receipt:
        async with self._database.reading() as tx:
            mine = select(push_subscriptions.c.id).where(push_subscriptions.c.staff_id == message.staff_id)
            ids = list((await tx.execute(mine)).scalars())
        addresses = await self._subscriptions.addresses(ids)
        outcomes = await asyncio.gather(*(self._send(message, address) for address in addresses))
        if Outcome.TAKEN in outcomes:
            return TAKEN
        return Receipt(Verdict.FAILED, "push.failed") if Outcome.FAILED in outcomes else NOWHERE

    async def _send(self, message: Message, address: Address) -> Outcome:
        outcome = await self._pusher.send(
            address.subscription,
            {
                "kind": "notice",
                "consult": message.about,
                "url": message.path,
                "title": message.title,
                "body": message.body,
            },
            ttl_s=TTL_S,
            # One a thing: a later word about it takes the place of an earlier one that no device has seen yet.
            topic=hashlib.sha256(message.about.encode()).hexdigest()[:32],
            urgent=message.urgent,
        )
        if outcome is Outcome.GONE:
            await self._subscriptions.gone(address.id)
        elif outcome is Outcome.TAKEN:
            await self._subscriptions.delivered(address.id)
        return outcome
