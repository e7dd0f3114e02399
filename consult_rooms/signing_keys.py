"""Who signs with which key: Ed25519, one key a person, made at the first signature; and one of the installation.

Private keys lie sealed in the database (`foundation.sealing`): its copy alone signs nothing, nor does the key file. A
revoked key never signs again, and its holder's next signature makes another. One that has come of age is retired and
followed by a new one at its next use; that of the installation vouches for its follower (`trust_list`). `Signer` is the
port for a qualified provider of signatures, whose keys are never here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Row, and_, case, func, literal, or_, select, update
from sqlalchemy.exc import IntegrityError

from consult_rooms.minutes_tables import signing_keys
from consult_rooms.signatures import encoded, key_id
from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.errors import Conflict, NotFound
from foundation.i18n import N_
from foundation.ids import FacilityId, StaffId
from foundation.sealing import Sealer
from identity.guard import Actor, Guard
from identity.model import Staff
from identity.policy import Action, Target
from identity.store import Directory
from identity.tables import staff as staff_table

INSTALLATION = "installation"
"""The holder of the key that signs the trust list."""
NO_KEY = N_("There is no such key.")
REVOKED = N_("The key was revoked meanwhile. Sign again: a new one is made.")


class Revocation(StrEnum):
    """Why a key ends. Of a retired one earlier signatures stay good, of a compromised one none does."""

    RETIRED = "retired"
    COMPROMISED = "compromised"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key and its time. `public` is base64url of its 32 bytes."""

    id: str
    holder: str
    public: str
    created_at: datetime
    revoked_at: datetime | None = None
    reason: Revocation | None = None


class Signer(Protocol):
    """Makes signatures in people's names, once they have shown that they are there.

    `KeyRing` is the one of this installation. One for a qualified provider asks that provider for key and signature;
    both are asked for outside any transaction, so it may take its time.
    """

    async def key(self, staff: Staff) -> SigningKey:
        """The key with which this person signs now. Raises Unavailable."""
        ...

    async def sign(self, key: SigningKey, message: bytes) -> bytes:
        """The signature, 64 bytes (RFC 8032). Raises Unavailable."""
        ...

    async def require_current(self, tx: Transaction, key: SigningKey) -> None:
        """Raise `Conflict("key.revoked")` when it was revoked meanwhile; no revocation overtakes the transaction."""
        ...


class KeyRing:
    """The keys of this installation."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        audit: Audit,
        guard: Guard,
        directory: Directory,
        *,
        lifetime: timedelta = timedelta(days=365),
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._audit = audit
        self._guard = guard
        self._directory = directory
        self._lifetime = lifetime

    async def key(self, staff: Staff) -> SigningKey:
        """See `Signer.key`. The first one, the first after a revocation, and the next of an old one are made here."""
        return await self._of(staff.id)

    async def sign(self, key: SigningKey, message: bytes) -> bytes:
        """See `Signer.sign`."""
        query = select(signing_keys.c.private_sealed).where(signing_keys.c.id == key.id)
        async with self._database.reading() as tx:
            sealed = (await tx.execute(query)).scalar_one()
        private = self._sealer.open(sealed, private_place(key.id))
        return Ed25519PrivateKey.from_private_bytes(private).sign(message)

    async def require_current(self, tx: Transaction, key: SigningKey) -> None:
        """See `Signer.require_current`."""
        c = signing_keys.c
        held = select(c.id).where(c.id == key.id, c.revoked_at.is_(None)).with_for_update(read=True)
        if (await tx.execute(held)).first() is None:
            raise Conflict("key.revoked", REVOKED)

    async def installation(self) -> SigningKey:
        """The key that signs the trust list."""
        return await self._of(INSTALLATION)

    async def installations(self) -> list[SigningKey]:
        """Every key that signed the trust list, the first one first."""
        c = signing_keys.c
        query = select(signing_keys).where(c.holder == INSTALLATION).order_by(c.created_at, c.revoked_at)
        async with self._database.reading() as tx:
            found = [_key(row) for row in await tx.execute(query)]
        return sorted(found, key=lambda one: one.revoked_at is None)

    async def renew_installation(self, reason: Revocation) -> SigningKey:
        """End the key that signs the trust list and make the next. For the operator's own command line.

        A retired one vouches for its follower; a compromised one vouches for nothing, and verifiers pin anew.
        """
        return await self._renew(await self._of(INSTALLATION), reason, "operator")

    async def published(self) -> tuple[int, list[SigningKey]]:
        """Every key of a person that was ever made, and the version of this list: it grows with each change."""
        c = signing_keys.c
        async with self._database.reading() as tx:
            found = [_key(row) for row in await tx.execute(select(signing_keys).order_by(c.created_at, c.id))]
        people = [one for one in found if one.holder != INSTALLATION]
        own = len(people) < len(found)  # its first one came with the first list
        return len(found) + sum(one.revoked_at is not None for one in found) - own, people

    async def version(self) -> int:
        """The version of `published`."""
        c = signing_keys.c
        own = func.max(case((c.holder == INSTALLATION, 1), else_=0))
        query = select(func.count() + func.count(c.revoked_at) - func.coalesce(own, 0)).select_from(signing_keys)
        async with self._database.reading() as tx:
            return int((await tx.execute(query)).scalar_one())

    async def of_facility(self, actor: Actor, facility_id: FacilityId) -> list[tuple[Staff, SigningKey]]:
        """The keys of a facility's people, for its administrators. Raises `Forbidden("policy.denied")`."""
        await self._guard.require(
            actor, Action.ADMINISTER_FACILITY, Target(facility_id=facility_id), act="key.list", on=facility_id
        )
        query = (
            select(signing_keys)
            .join(staff_table, staff_table.c.id == signing_keys.c.holder)
            .where(staff_table.c.facility_id == facility_id)
            .order_by(staff_table.c.full_name, signing_keys.c.created_at)
        )
        async with self._database.reading() as tx:
            found = [_key(row) for row in await tx.execute(query)]
            people = await self._directory.staff_many({StaffId(one.holder) for one in found}, tx=tx)
        return [(people[StaffId(one.holder)], one) for one in found]

    async def revoke(self, actor: Actor, known_id: str, reason: Revocation) -> None:
        """End a key; its holder's next signature makes a new one. A retired one can still be found compromised.

        Raises `NotFound("key.unknown")`, `Forbidden("policy.denied")`.
        """
        c = signing_keys.c
        async with self._database.reading() as tx:
            row = (await tx.execute(select(signing_keys).where(c.id == known_id))).one_or_none()
            if row is None or row.holder == INSTALLATION:
                raise NotFound("key.unknown", NO_KEY)
            holder = await self._directory.staff(StaffId(row.holder), tx=tx)
        target = Target(facility_id=holder.facility_id, installation_wide=holder.installation_wide)
        await self._guard.require(actor, Action.ADMINISTER_FACILITY, target, act="key.revoke", on=known_id)
        async with self._database.transaction() as tx:
            open_to = c.revoked_at.is_(None)
            again = and_(literal(reason is Revocation.COMPROMISED), c.reason == Revocation.RETIRED)
            values = {
                "revoked_at": func.coalesce(c.revoked_at, await tx.now(), type_=c.revoked_at.type),
                "revoked_by": actor.id,
                "reason": reason,
            }
            done = await tx.execute(update(signing_keys).where(c.id == known_id, or_(open_to, again)).values(values))
            if done.rowcount:
                told = AuditEntry(
                    actor=actor.id, action="key.revoke", target=known_id, details={"reason": reason.value}
                )
                await self._audit.record(tx, told)

    async def _of(self, holder: str) -> SigningKey:
        """The key of a holder that signs, made when there is none."""
        c = signing_keys.c
        query = select(signing_keys).where(c.holder == holder, c.revoked_at.is_(None))
        async with self._database.reading() as tx:
            row = (await tx.execute(query)).one_or_none()
            is_old = row is not None and await tx.now() - row.created_at >= self._lifetime
        if row is not None:
            return await self._renew(_key(row), Revocation.RETIRED, holder) if is_old else _key(row)
        try:
            return await self._make(holder)
        except IntegrityError:  # two signatures at once: the other one's key is the key
            async with self._database.reading() as tx:
                return _key((await tx.execute(query)).one())

    async def _make(self, holder: str) -> SigningKey:
        private = await asyncio.to_thread(Ed25519PrivateKey.generate)
        async with self._database.transaction() as tx:
            return await self._insert(tx, holder, private, holder)

    async def _renew(self, old: SigningKey, reason: Revocation, actor: str) -> SigningKey:
        """End a key and make its holder's next, in one; of two at once one does it, and both get the new one."""
        private, c = await asyncio.to_thread(Ed25519PrivateKey.generate), signing_keys.c
        async with self._database.transaction() as tx:
            ended = {"revoked_at": await tx.now(), "revoked_by": actor, "reason": reason}
            open_to = (c.id == old.id) & c.revoked_at.is_(None)
            if (await tx.execute(update(signing_keys).where(open_to).values(ended))).rowcount:
                told = AuditEntry(actor=actor, action="key.revoke", target=old.id, details={"reason": reason.value})
                await self._audit.record(tx, told)
                return await self._insert(tx, old.holder, private, actor)
        return await self._of(old.holder)

    async def _insert(self, tx: Transaction, holder: str, private: Ed25519PrivateKey, actor: str) -> SigningKey:
        public = private.public_key().public_bytes_raw()
        named, at = key_id(public), (await tx.now()).replace(microsecond=0)
        await tx.execute(
            signing_keys.insert().values(
                id=named,
                holder=holder,
                public=encoded(public),
                private_sealed=self._sealer.seal(private.private_bytes_raw(), private_place(named)),
                created_at=at,
            )
        )
        await self._audit.record(tx, AuditEntry(actor=actor, action="key.create", target=named))
        return SigningKey(named, holder, encoded(public), at)


def private_place(named: str) -> str:
    """Where a private key says that it stands (`Sealer.seal`)."""
    return f"signing_keys.private:{named}"


def keys_by_id(keys: Sequence[SigningKey]) -> dict[str, SigningKey]:
    """Keys by their names."""
    return {one.id: one for one in keys}


def _key(row: Row[Any]) -> SigningKey:
    reason = None if row.reason is None else Revocation(row.reason)
    return SigningKey(row.id, row.holder, row.public, row.created_at, row.revoked_at, reason)
