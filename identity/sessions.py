"""Sessions live in the database. The cookie holds a random 256-bit secret; a row holds its SHA-256 and nothing more.

A session that has been idle is locked, not ended: a specialist on call still rings, and one password brings the person
back. What ends a session publishes a hint on the bus topic `sessions`; whoever holds a socket also asks `living`
every few seconds, since a hint may be lost.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, not_, or_, select, update

from foundation.audit import Audit, AuditEntry
from foundation.bus import Bus
from foundation.database import STORE_TIME, Database, Transaction, unnested
from foundation.errors import Conflict, SignInNeeded, Unavailable
from foundation.i18n import N_
from foundation.ids import SessionId, StaffId, TerminalId, new_id
from identity.authentication import Authentication, Verified
from identity.credentials import digest, new_secret
from identity.model import Session, Terminal
from identity.rows import joined_sessions, living_sessions, session_lives, session_of
from identity.tables import facilities, sessions, staff, terminals

log = logging.getLogger(__name__)

TOPIC = "sessions"
_ONE = joined_sessions().add_columns(STORE_TIME)
# Each request and each event asks one of these: made once, so that nothing is compiled again.
_BY_SECRET = _ONE.where(sessions.c.secret_hash == bindparam("one"))
_BY_ID = _ONE.where(sessions.c.id == bindparam("one"))
_TOUCH = (
    update(sessions)
    .where(sessions.c.id == bindparam("one"), sessions.c.locked_at.is_(None), sessions.c.seen_at == bindparam("seen"))
    .values(seen_at=bindparam("now"))
)
"""A sign of life after the last one that was known: with anything in between there is nothing to write."""
TOUCH_S = 30
"""How coarsely the last request of a session is remembered, to spare the database a write a request."""


class Sessions:
    """Starts, finds, locks and ends sessions. `hours` bounds a session's life, `idle_minutes` its silence."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        audit: Audit,
        authentication: Authentication,
        *,
        hours: int = 12,
        idle_minutes: int = 15,
    ) -> None:
        self._database = database
        self._bus = bus
        self._audit = audit
        self._authentication = authentication
        self._life = timedelta(hours=hours)
        self._idle = timedelta(minutes=idle_minutes)

    async def start(
        self, tx: Transaction, verified: Verified, terminal: Terminal | None, address: str
    ) -> tuple[SessionId, str]:
        """Start a session in the caller's transaction; the secret goes into the cookie and nowhere else.

        Raises `SignInNeeded("session.ended")` when the account was deactivated or got another password meanwhile.
        """
        person = verified.staff
        # The lock makes a reset or deactivation wait until this session is there to be ended.
        current = await tx.execute(
            select(staff.c.id)
            .where(staff.c.id == person.id, staff.c.password_number == verified.password_number, staff.c.active)
            .with_for_update()
        )
        if current.first() is None:
            raise SignInNeeded("session.ended", ENDED)
        session_id, secret, now = SessionId(new_id("ses")), new_secret(), await tx.now()
        await tx.execute(
            sessions.insert().values(
                id=session_id,
                secret_hash=digest(secret),
                staff_id=person.id,
                terminal_id=None if terminal is None else terminal.id,
                csrf_token=new_secret(),
                address=address,
                created_at=now,
                seen_at=now,
                expires_at=now + self._life,
            )
        )
        await self._audit.record(
            tx,
            AuditEntry(
                actor=person.id,
                action="session.start",
                session=session_id,
                address=address,
                target=None if terminal is None else terminal.id,
            ),
        )
        return session_id, secret

    async def find(self, secret: str) -> Session | None:
        """The living session of a cookie. Counts as a sign of life, unless the session has been idle: then it locks."""
        return await self._find(_BY_SECRET, digest(secret), touch=True)

    async def get(self, session_id: SessionId) -> Session | None:
        """The living session of that id as it is now, for sockets; no sign of life."""
        return await self._find(_BY_ID, session_id, touch=False)

    async def _find(self, query: Select[Any], value: str | bytes, *, touch: bool) -> Session | None:
        async with self._database.reading() as read:
            row = (await read.clocked(query, {"one": value})).mappings().first()
        if row is None or not session_lives(row, now := row["store_time"]):
            return None
        seen_at, locked = row[sessions.c.seen_at], row[sessions.c.locked_at] is not None
        if not locked and now - seen_at > self._idle:
            locked = True
            await self._lock(session_of(row, locked=True), reason="idle", seen_at=seen_at)
        elif touch and not locked and now - seen_at >= timedelta(seconds=TOUCH_S):
            await self._written({"one": row[sessions.c.id], "seen": seen_at, "now": now})
        return session_of(row, locked=locked)

    async def touch(self, session_ids: Iterable[SessionId]) -> None:
        """A sign of life of people who send no requests because they are in a consult. Locked sessions stay locked."""
        wanted = list(session_ids)
        if not wanted:
            return
        try:
            async with self._database.transaction() as tx:
                now = await tx.now()
                await tx.execute(
                    update(sessions)
                    .where(
                        sessions.c.id.in_(wanted), sessions.c.locked_at.is_(None), sessions.c.seen_at > now - self._idle
                    )
                    .values(seen_at=now)
                )
        except Unavailable:  # a database that cannot write now may still be read from
            log.warning("a sign of life could not be written; the session may lock too early")

    async def _written(self, sign: dict[str, Any]) -> None:
        """One trip where `touch` needs four: everybody who comes back after a pause waits for it."""
        try:
            await self._database.once(_TOUCH, sign)
        except Unavailable:  # as in `touch`
            log.warning("a sign of life could not be written; the session may lock too early")

    async def living(self, session_ids: Iterable[SessionId]) -> set[SessionId]:
        """Those that have neither ended nor expired, and whose person, facility and terminal are still active.

        Locked ones count as living: they may ring. Ask `get` before letting one act.
        """
        wanted = list(session_ids)
        if not wanted:
            return set()
        # Asked the other way round, which of them are dead: of ten thousand sockets' sign-ins nearly none are, and an
        # answer without rows costs this process nothing.
        asked = unnested(wanted, sqlite=self._database.is_sqlite)
        async with self._database.reading() as read:
            dead = (
                select(asked.c.value)
                .select_from(
                    asked.outerjoin(sessions, sessions.c.id == asked.c.value)
                    .outerjoin(staff, staff.c.id == sessions.c.staff_id)
                    .outerjoin(facilities, facilities.c.id == staff.c.facility_id)
                    .outerjoin(terminals, terminals.c.id == sessions.c.terminal_id)
                )
                .where(or_(sessions.c.id.is_(None), not_(living_sessions(await read.now()))))
            )
            return set(wanted).difference((await read.execute(dead)).scalars())

    async def lock(self, session: Session) -> None:
        """Lock at the person's wish; the password opens it again."""
        await self._lock(session, reason="asked")

    async def _lock(self, session: Session, *, reason: str, seen_at: datetime | None = None) -> None:
        async with self._database.transaction() as tx:
            condition = and_(sessions.c.id == session.id, sessions.c.locked_at.is_(None))
            if seen_at is not None:
                condition = and_(condition, sessions.c.seen_at == seen_at)
            locked = await tx.execute(update(sessions).where(condition).values(locked_at=await tx.now()))
            if locked.rowcount:
                await self._audit.record(
                    tx,
                    AuditEntry(
                        actor=session.staff.id, action="session.lock", session=session.id, details={"reason": reason}
                    ),
                )

    async def unlock(self, session: Session, password: str, *, address: str = "") -> Session:
        """Open a locked session with its person's password.

        Raises what `Authentication.check` raises, and `SignInNeeded("session.ended")` when it has ended meanwhile.
        """
        await self._authentication.check(
            session.staff.user_name,
            password,
            act="session.unlock",
            address=address,
            terminal_id=None if session.terminal is None else session.terminal.id,
        )
        async with self._database.transaction() as tx:
            now = await tx.now()
            opened = await tx.execute(
                update(sessions)
                .where(sessions.c.id == session.id, sessions.c.ended_at.is_(None), sessions.c.expires_at > now)
                .values(locked_at=None, seen_at=now)
            )
            if not opened.rowcount:
                raise SignInNeeded("session.ended", ENDED)
            await self._audit.record(
                tx,
                AuditEntry(actor=session.staff.id, action="session.unlock", session=session.id, address=address),
            )
        found = await self.get(session.id)
        if found is None:
            raise SignInNeeded("session.ended", ENDED)
        return found

    async def switch(
        self, session: Session, user_name: str, password: str, *, address: str = ""
    ) -> tuple[Session, str]:
        """Hand a shared terminal to another person of the facility: the first session ends, a fresh one starts.

        Raises what `Authentication.check` raises; `Conflict("session.no_terminal")` away from a shared terminal,
        `Conflict("session.other_facility")` for somebody of another facility.
        """
        if session.terminal is None:
            raise Conflict("session.no_terminal", NO_TERMINAL)
        verified = await self._authentication.check(
            user_name, password, act="session.switch", address=address, terminal_id=session.terminal.id
        )
        person = verified.staff
        if person.facility_id != session.terminal.facility_id:
            raise Conflict("session.other_facility", OTHER_FACILITY)
        async with self._database.transaction() as tx:
            ended = await self._end(tx, sessions.c.id == session.id, "switched", actor=person.id)
            living = await tx.execute(
                select(terminals.c.id).where(terminals.c.id == session.terminal.id, terminals.c.active)
            )
            if not ended or living.first() is None:
                raise SignInNeeded("session.ended", ENDED)
            session_id, secret = await self.start(tx, verified, session.terminal, address)
        found = await self.get(session_id)
        if found is None:
            raise SignInNeeded("session.ended", ENDED)
        return found, secret

    async def end(self, session_id: SessionId, reason: str) -> bool:
        """End one session, such as by signing out. False when it had ended already."""
        async with self._database.transaction() as tx:
            return bool(await self._end(tx, sessions.c.id == session_id, reason))

    async def end_all(
        self,
        staff_id: StaffId,
        reason: str,
        *,
        actor: str | None = None,
        but: SessionId | None = None,
        tx: Transaction | None = None,
    ) -> int:
        """End every session of a person but `but`, in the transaction given. `actor` did it, the person by default."""
        condition = sessions.c.staff_id == staff_id
        if but is not None:
            condition = and_(condition, sessions.c.id != but)
        if tx is not None:
            return await self._end(tx, condition, reason, actor=actor)
        async with self._database.transaction() as own:
            return await self._end(own, condition, reason, actor=actor)

    async def end_at_terminal(self, tx: Transaction, terminal_id: TerminalId, reason: str, *, actor: str) -> int:
        """End every session at a terminal whose credential no longer counts."""
        return await self._end(tx, sessions.c.terminal_id == terminal_id, reason, actor=actor)

    async def _end(
        self, tx: Transaction, condition: ColumnElement[bool], reason: str, *, actor: str | None = None
    ) -> int:
        ended = (
            await tx.execute(
                update(sessions)
                .where(condition, sessions.c.ended_at.is_(None))
                .values(ended_at=await tx.now(), end_reason=reason)
                .returning(sessions.c.id, sessions.c.staff_id)
            )
        ).all()
        for session_id, staff_id in ended:
            await self._audit.record(
                tx,
                AuditEntry(
                    actor=actor or staff_id,
                    action="session.end",
                    session=session_id,
                    target=staff_id,
                    details={"reason": reason},
                ),
            )

        async def tell() -> None:
            for session_id, staff_id in ended:
                await self._bus.publish(TOPIC, {"session": session_id, "staff": staff_id, "reason": reason})

        tx.after_commit(tell)
        return len(ended)


ENDED = N_("Your session has ended. Please sign in again.")
NO_TERMINAL = N_("Only a clinic's shared terminal can be handed to somebody else. Sign out first.")
OTHER_FACILITY = N_("This terminal belongs to another facility. Sign in on a computer of your own facility.")
