"""Private subscriptions to one's appointments, for a calendar program: a person's own, or a terminal's.

Calendar programs send no sign-in, so the address itself is the secret: 256 random bits, kept as a hash, revocable at
any time. What it opens holds times, facilities and case codes, and names no patient.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, func, or_, select, update

from consult_rooms.calendar_tables import calendar_feeds
from consult_rooms.invitations import Entry, subscription
from consult_rooms.tables import appointments, consults, slots
from foundation.audit import Audit, AuditEntry
from foundation.clock import Clock
from foundation.database import Database, Transaction
from foundation.errors import Conflict, NotFound, TooMany
from foundation.i18n import N_, Languages
from foundation.ids import FeedId, StaffId, TerminalId, new_id
from foundation.paces import Buckets
from foundation.text import clean_line
from identity.model import Staff
from identity.policy import Action, Target, may, require
from identity.store import Directory
from identity.tables import facilities, staff, terminals

MOST = 5
"""Living subscriptions of one owner."""
LONGEST_NAME = 80
BEFORE, AFTER = timedelta(days=30), timedelta(days=400)
MOST_ENTRIES = 1_000
RATE, BURST = 1 / 60, 10.0
"""Reads of one subscription, a second and at once: programs come every quarter of an hour at most."""
_NOTED = timedelta(hours=1)
"""How often a use is written down."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A subscription, as its owner sees it. `owner` names the terminal; None for a person's own."""

    id: FeedId
    name: str
    created_at: datetime
    used_at: datetime | None
    terminal: str | None


@dataclass(frozen=True, slots=True)
class Served:
    """What a calendar program gets: the file (RFC 5545) and its mark (RFC 9110 §8.8.3)."""

    content: bytes
    etag: str


class CalendarFeeds:
    """Makes, lists, revokes and serves them. `site` is the installation's origin."""

    def __init__(
        self, database: Database, audit: Audit, directory: Directory, languages: Languages, clock: Clock, site: str
    ) -> None:
        self._database = database
        self._audit = audit
        self._directory = directory
        self._languages = languages
        self._site = site
        self._pace = Buckets(clock, RATE, BURST)

    async def add(self, actor: Staff, name: str, terminal_id: TerminalId | None = None) -> str:
        """A new subscription, one's own or a terminal's; gives its secret, which is shown this once.

        A terminal's is for the coordinators and administrators of its facility. Raises Forbidden, Conflict
        `feed.too_many`.
        """
        if terminal_id is not None:
            await self._require_keeper(actor, terminal_id)
        staff_id = actor.id if terminal_id is None else None
        secret, feed_id = secrets.token_urlsafe(32), FeedId(new_id("fee"))
        async with self._database.transaction() as tx:
            living = select(func.count()).where(_owned(staff_id, terminal_id), calendar_feeds.c.revoked_at.is_(None))
            if (await tx.execute(living)).scalar_one() >= MOST:
                raise Conflict("feed.too_many", TOO_MANY)
            await tx.execute(
                calendar_feeds.insert().values(
                    id=feed_id,
                    staff_id=staff_id,
                    terminal_id=terminal_id,
                    secret_hash=_hash(secret),
                    name=clean_line(name)[:LONGEST_NAME],
                    created_by=actor.id,
                    created_at=await tx.now(),
                )
            )
            await self._audit.record(tx, AuditEntry(actor=actor.id, action="feed.create", target=feed_id))
        return secret

    async def of(self, actor: Staff) -> list[Feed]:
        """One's own, and those of the terminals that one keeps; the living ones, the newest first."""
        mine = calendar_feeds.c.staff_id == actor.id
        if may(actor, Action.KEEP_CALENDAR, Target(facility_id=actor.facility_id)):
            mine = or_(mine, terminals.c.facility_id == actor.facility_id)
        query = (
            select(calendar_feeds, terminals.c.code)
            .outerjoin(terminals, terminals.c.id == calendar_feeds.c.terminal_id)
            .where(mine, calendar_feeds.c.revoked_at.is_(None))
            .order_by(calendar_feeds.c.created_at.desc(), calendar_feeds.c.id)
        )
        async with self._database.reading() as tx:
            return [
                Feed(FeedId(row.id), row.name, row.created_at, row.used_at, row.code) for row in await tx.execute(query)
            ]

    async def revoke(self, actor: Staff, feed_id: FeedId) -> None:
        """End one's own, or that of a terminal in charge, at once. Raises NotFound `feed.unknown`, Forbidden."""
        async with self._database.reading() as tx:
            row = (await tx.execute(select(calendar_feeds).where(calendar_feeds.c.id == feed_id))).one_or_none()
        if row is None or (row.staff_id is not None and row.staff_id != actor.id):
            raise NotFound("feed.unknown", UNKNOWN)
        if row.terminal_id is not None:
            await self._require_keeper(actor, TerminalId(row.terminal_id))
        async with self._database.transaction() as tx:
            revoked = await tx.execute(
                update(calendar_feeds)
                .where(calendar_feeds.c.id == feed_id, calendar_feeds.c.revoked_at.is_(None))
                .values(revoked_at=await tx.now())
            )
            if revoked.rowcount:
                await self._audit.record(tx, AuditEntry(actor=actor.id, action="feed.revoke", target=feed_id))

    async def serve(self, secret: str) -> Served:
        """The calendar behind a secret.

        Raises NotFound `feed.unknown`, also for a revoked one or an owner out of use; TooMany `feed.too_often`.
        """
        async with self._database.reading() as tx:
            feed = (await tx.execute(_living(_hash(secret)))).one_or_none()
            if feed is None:
                raise NotFound("feed.unknown", UNKNOWN)
            if seconds := self._pace.wait_s(feed.id):
                raise TooMany("feed.too_often", TOO_OFTEN, retry_after_s=seconds)
            self._pace.take(feed.id)
            now = await tx.now()
            entries = await self._entries(tx, feed, now)
        if feed.used_at is None or feed.used_at < now - _NOTED:
            async with self._database.transaction() as tx:
                await tx.execute(update(calendar_feeds).where(calendar_feeds.c.id == feed.id).values(used_at=now))
        language = self._languages.get(feed.language)
        name = "Hoichan" if feed.code is None else f"Hoichan {feed.facility} {feed.code}"
        content = subscription(entries, language, self._site, name)
        return Served(content, hashlib.sha256(content).hexdigest()[:32])

    async def _entries(self, tx: Transaction, feed: Any, now: datetime) -> list[Entry]:
        clinics, hospitals = facilities.alias(), facilities.alias()
        if feed.terminal_id is not None:
            mine = appointments.c.terminal_id == feed.terminal_id
        else:
            mine = or_(appointments.c.requester_id == feed.staff_id, slots.c.specialist_id == feed.staff_id)
        query = (
            select(
                appointments,
                consults.c.code,
                consults.c.created_at,
                clinics.c.name.label("clinic"),
                hospitals.c.name.label("hospital"),
            )
            .join(consults, consults.c.id == appointments.c.consult_id)
            .join(slots, slots.c.id == appointments.c.slot_id)
            .join(clinics, clinics.c.id == appointments.c.clinic_id)
            .join(hospitals, hospitals.c.id == slots.c.facility_id)
            .where(mine, appointments.c.starts_at >= now - BEFORE, appointments.c.starts_at < now + AFTER)
            .order_by(appointments.c.starts_at, appointments.c.id)
            .limit(MOST_ENTRIES)
        )
        return [
            Entry(
                row.id,
                row.version,
                row.code,
                row.clinic,
                row.hospital,
                row.starts_at,
                row.ends_at,
                f"/consults/{row.consult_id}",
                row.created_at,
                cancelled=row.cancelled_at is not None,
            )
            for row in await tx.execute(query)
        ]

    async def _require_keeper(self, actor: Staff, terminal_id: TerminalId) -> None:
        terminal = await self._directory.terminal(terminal_id)
        require(actor, Action.KEEP_CALENDAR, Target(facility_id=terminal.facility_id))


def _owned(staff_id: StaffId | None, terminal_id: TerminalId | None) -> Any:
    c = calendar_feeds.c
    return c.staff_id == staff_id if terminal_id is None else c.terminal_id == terminal_id


def _living(secret_hash: bytes) -> Select[Any]:
    """The subscription of that hash, unless it or its owner is out of use."""
    return (
        select(calendar_feeds, staff.c.language, terminals.c.code, facilities.c.name.label("facility"))
        .outerjoin(staff, staff.c.id == calendar_feeds.c.staff_id)
        .outerjoin(terminals, terminals.c.id == calendar_feeds.c.terminal_id)
        .outerjoin(facilities, facilities.c.id == terminals.c.facility_id)
        .where(
            calendar_feeds.c.secret_hash == secret_hash,
            calendar_feeds.c.revoked_at.is_(None),
            or_(staff.c.active, and_(terminals.c.active, facilities.c.active)),
        )
    )


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()


TOO_MANY = N_("There are five subscriptions already. Revoke one of them first.")
UNKNOWN = N_("There is no such calendar.")
TOO_OFTEN = N_("This calendar was asked for too often. Come again in %(retry_after_s)s s.")
