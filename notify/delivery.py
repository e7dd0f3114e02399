"""Carries what waits in the outbox, on any node: at least once, later when it fails, and never for ever.

A row is taken by a compare-and-set that puts it off by a lease of the store's time; so one node alone sends it, and
another does when that one dies. What was sent and not noted is sent again under the same id, which whoever receives it
can tell (Message-ID, Idempotency-Key). After `MOST_TRIES`, or a refusal for good, a row is a dead letter.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from secrets import SystemRandom
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, Select, select, update

from foundation.database import Database
from foundation.ids import NoticeId, StaffId
from notify.carrier import Carrier, Receipt, Verdict
from notify.contacts import Contacts
from notify.notice import Channel, Message, NoticeKind, NoticeState
from notify.outbox import tidy
from notify.outbox_tables import notices
from notify.wording import Wording

log = logging.getLogger(__name__)

BATCH = 20
"""Messages of one look, carried side by side; the next look takes the rest."""
LEASE = timedelta(minutes=3)
"""How long a node has for one try before another may take the row."""
TRY_S = 90.0
"""When a try is given up: well within the lease."""
MOST_TRIES = 12
"""With the waits between them some six hours."""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
KEPT = timedelta(days=90)
"""How long what has ended is kept."""
_TIDIED = 1_000


def wait(tries: int, chance: float) -> timedelta:
    """How long after that many tries the next one is; `chance` (0 to 1) spreads those that failed together."""
    whole = min(LONGEST_WAIT, FIRST_WAIT * (1 << min(tries - 1, 10)))
    return whole * (0.5 + chance / 2)


class Delivery:
    """Sends what is due. `living` selects the people who are still to be told anything."""

    def __init__(
        self,
        database: Database,
        contacts: Contacts,
        wording: Wording,
        carriers: Mapping[Channel, Carrier],
        living: Callable[[], Select[tuple[str]]],
        chance: Callable[[], float] | None = None,
    ) -> None:
        self._database = database
        self._contacts = contacts
        self._wording = wording
        self._carriers = carriers
        self._living = living
        self._chance = chance or SystemRandom().random

    async def run_due(self) -> None:
        """Carry a batch of what is due."""
        async with self._database.reading() as tx:
            query = (
                select(notices)
                .where(notices.c.state == NoticeState.WAITING, notices.c.due_at <= await tx.now())
                .where(notices.c.staff_id.in_(self._living()))
                .order_by(notices.c.due_at, notices.c.id)
                .limit(BATCH)
            )
            rows = (await tx.execute(query)).all()
        if rows:
            await asyncio.gather(*map(self._deliver, rows))

    async def tidy(self) -> None:
        """Forget what ended long ago."""
        async with self._database.transaction() as tx:
            await tidy(tx, await tx.now() - KEPT, most=_TIDIED)

    async def _deliver(self, row: Row[Any]) -> None:
        tries = await self._taken(row)
        if tries is None:
            return
        receipt = await self._carried(row)
        async with self._database.transaction() as tx:
            now = await tx.now()
            await tx.execute(
                update(notices).where(_as_taken(row, tries)).values(_outcome(receipt, tries, now, self._chance()))
            )
        if receipt.verdict is not Verdict.TAKEN:
            log.warning("a notice by %s was not taken (%s), try %d", row.channel, receipt.fault, tries)

    async def _taken(self, row: Row[Any]) -> int | None:
        """The number of this try, when this node is to make it."""
        async with self._database.transaction() as tx:
            now = await tx.now()
            values: dict[str, Any] = {"tries": row.tries + 1, "due_at": now + LEASE}
            if row.expires_at is not None and row.expires_at <= now:
                values = _ended(NoticeState.DROPPED, "too_late", now)
            elif row.tries >= MOST_TRIES:  # the last node that took it never came back
                values = _ended(NoticeState.DEAD, "lost", now)
            elif not row.urgent:
                contact = (await self._contacts.many(tx, [StaffId(row.staff_id)])).get(StaffId(row.staff_id))
                quiet = contact.quiet if contact is not None else None
                if quiet is not None and (end := quiet.end(now, ZoneInfo(row.zone))) is not None:
                    values = {"due_at": end}
            changed = await tx.execute(update(notices).where(_as_taken(row, row.tries, due=True)).values(values))
        return row.tries + 1 if changed.rowcount and "tries" in values else None

    async def _carried(self, row: Row[Any]) -> Receipt:
        carrier = self._carriers.get(Channel(row.channel))
        if carrier is None:
            return Receipt(Verdict.REFUSED, "channel_off")
        title, body = self._wording.of(NoticeKind(row.kind), row.content, row.language, row.zone)
        message = Message(
            id=NoticeId(row.id),
            staff_id=StaffId(row.staff_id),
            kind=NoticeKind(row.kind),
            about=row.about,
            version=row.version,
            values=row.content,
            language=row.language,
            title=title,
            body=body,
            path=row.content.get("path", "/"),
            created_at=row.created_at,
            expires_at=row.expires_at,
            urgent=row.urgent,
        )
        try:
            async with asyncio.timeout(TRY_S):
                return await carrier.carry(message)
        except TimeoutError:
            return Receipt(Verdict.FAILED, "timeout")
        except Exception as fault:  # noqa: BLE001 - one message must not keep the others of its batch
            # Its text and its frames may hold an address or a name: only what it is goes into the log.
            log.error("a notice by %s could not be carried: %s", row.channel, type(fault).__qualname__)
            return Receipt(Verdict.FAILED, "fault")


def _outcome(receipt: Receipt, tries: int, now: datetime, chance: float) -> dict[str, Any]:
    fault = receipt.fault[:40] or None
    match receipt.verdict:
        case Verdict.TAKEN:
            return _ended(NoticeState.SENT, None, now)
        case Verdict.NOWHERE:
            return _ended(NoticeState.DROPPED, fault, now)
        case Verdict.FAILED if tries < MOST_TRIES:
            return {"due_at": now + wait(tries, chance), "fault": fault}
        case _:
            return _ended(NoticeState.DEAD, fault, now)


def _ended(state: NoticeState, fault: str | None, now: datetime) -> dict[str, Any]:
    return {"state": state, "fault": fault, "ended_at": now}


def _as_taken(row: Row[Any], tries: int, *, due: bool = False) -> Any:
    """The row, if it still is as this node knows it; with `due`, not put off by another meanwhile."""
    same = (notices.c.id == row.id) & (notices.c.state == NoticeState.WAITING) & (notices.c.tries == tries)
    return same & (notices.c.due_at == row.due_at) if due else same
