"""API tokens: how another system, such as a hospital's, acts for one facility within named scopes.

The secret is shown once and stored as SHA-256; `hoi_` in front lets scanners find one that leaked into code.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update

from foundation.audit import Audit, AuditEntry
from foundation.database import Database
from foundation.errors import Invalid, NotFound, Unavailable
from foundation.i18n import N_
from foundation.ids import FacilityId, TokenId, new_id
from foundation.text import clean_line
from identity.credentials import digest, new_secret
from identity.entries import LONG, NEEDED
from identity.guard import Guard
from identity.model import Scope, Staff, Token
from identity.policy import Action, Target
from identity.rows import token_of
from identity.store import Directory
from identity.tables import api_tokens, facilities

log = logging.getLogger(__name__)

USED_EVERY = timedelta(minutes=1)
"""How coarsely the last use is remembered."""


class ApiTokens:
    """Makes, finds and revokes tokens."""

    def __init__(self, database: Database, audit: Audit, guard: Guard, directory: Directory) -> None:
        self._database = database
        self._audit = audit
        self._guard = guard
        self._directory = directory

    async def create(
        self,
        actor: Staff,
        *,
        facility_id: FacilityId,
        name: str,
        scopes: frozenset[Scope],
        expires_at: datetime | None = None,
    ) -> tuple[Token, str]:
        """A token and its secret. Without `expires_at` it holds until it is revoked.

        Raises `Invalid` (`token.no_scope`, `token.expired`, `entry.needed`; with `field`), `Forbidden`, `NotFound`.
        """
        await self._guard.require(
            actor, Action.ADMINISTER_FACILITY, Target(facility_id=facility_id), act="token.create", on=facility_id
        )
        await self._directory.facility(facility_id)
        name = clean_line(name)
        if not name:
            raise Invalid("entry.needed", NEEDED, field="name")
        if len(name) > 100:
            raise Invalid("entry.long", LONG, field="name", longest=100)
        if not scopes:
            raise Invalid("token.no_scope", NO_SCOPE, field="scopes")
        secret = new_secret("hoi_")
        async with self._database.transaction() as tx:
            now = await tx.now()
            if expires_at is not None and expires_at <= now:
                raise Invalid("token.expired", EXPIRED, field="expires_at")
            token = Token(TokenId(new_id("tok")), facility_id, name, scopes, actor.id, now, expires_at)
            await tx.execute(
                api_tokens.insert().values(
                    id=token.id,
                    facility_id=facility_id,
                    name=name,
                    secret_hash=digest(secret),
                    scopes=sorted(scopes),
                    created_by=actor.id,
                    created_at=now,
                    expires_at=expires_at,
                )
            )
            await self._audit.record(
                tx,
                AuditEntry(
                    actor=actor.id, action="token.create", target=token.id, details={"scopes": ",".join(sorted(scopes))}
                ),
            )
        return token, secret

    async def find(self, secret: str) -> Token | None:
        """The token of that secret, unless it is revoked, has expired, or its facility is out of use."""
        async with self._database.reading() as read:
            now = await read.now()
            rows = await read.execute(
                select(api_tokens)
                .join(facilities, facilities.c.id == api_tokens.c.facility_id)
                .where(
                    api_tokens.c.secret_hash == digest(secret),
                    api_tokens.c.revoked_at.is_(None),
                    or_(api_tokens.c.expires_at.is_(None), api_tokens.c.expires_at > now),
                    facilities.c.active,
                )
            )
            row = rows.mappings().first()
        if row is None:
            return None
        token = token_of(row)
        if token.last_used_at is None or now - token.last_used_at >= USED_EVERY:
            try:
                async with self._database.transaction() as tx:
                    await tx.execute(update(api_tokens).where(api_tokens.c.id == token.id).values(last_used_at=now))
            except Unavailable:  # a database that cannot write now may still be read from
                log.warning("the use of a token could not be noted")
        return token

    async def of_facility(self, actor: Staff, facility_id: FacilityId) -> list[Token]:
        """All tokens of a facility, the newest first, revoked ones too. Raises `Forbidden`."""
        await self._guard.require(
            actor, Action.ADMINISTER_FACILITY, Target(facility_id=facility_id), act="token.list", on=facility_id
        )
        async with self._database.reading() as read:
            rows = await read.execute(
                select(api_tokens)
                .where(api_tokens.c.facility_id == facility_id)
                .order_by(api_tokens.c.created_at.desc(), api_tokens.c.id.desc())
            )
            return [token_of(row) for row in rows.mappings()]

    async def revoke(self, actor: Staff, token_id: TokenId) -> None:
        """End a token at once; again is no error. Raises `Forbidden`, `NotFound("token.unknown")`."""
        async with self._database.reading() as read:
            facility_id = (
                await read.execute(select(api_tokens.c.facility_id).where(api_tokens.c.id == token_id))
            ).scalar_one_or_none()
        if facility_id is None:
            raise NotFound("token.unknown", UNKNOWN)
        await self._guard.require(
            actor,
            Action.ADMINISTER_FACILITY,
            Target(facility_id=FacilityId(facility_id)),
            act="token.revoke",
            on=token_id,
        )
        async with self._database.transaction() as tx:
            revoked = await tx.execute(
                update(api_tokens)
                .where(api_tokens.c.id == token_id, api_tokens.c.revoked_at.is_(None))
                .values(revoked_at=await tx.now())
            )
            if revoked.rowcount:
                await self._audit.record(tx, AuditEntry(actor=actor.id, action="token.revoke", target=token_id))


NO_SCOPE = N_("Choose at least one thing that the token may do.")
EXPIRED = N_("The expiry has to lie in the future.")
UNKNOWN = N_("There is no such token.")
