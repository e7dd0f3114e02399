"""Device links: tokens by which an encoder publishes into a consult's room, or a screen shows it, without a sign-in.

An ultrasound box or a wall screen has no person behind it, so a link stands for one: made by the requester or the
specialist, for this consult alone, for one purpose, for some hours, and shown once. It ends with the consult.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, and_, or_, select, update

from consult_rooms import bounds
from consult_rooms.access import Relation, room_open
from consult_rooms.model import ConsultState
from consult_rooms.standing import Standing, standing
from consult_rooms.store import UNKNOWN, ConsultStore
from consult_rooms.tables import consults, device_links
from consult_rooms.transitions import Act, after, refusal
from foundation.audit import Audit, AuditEntry
from foundation.bus import Bus
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Forbidden, Invalid, NotFound, SignInNeeded
from foundation.i18n import N_
from foundation.ids import ConsultId, DeviceId, StaffId, new_id
from foundation.text import clean_line
from identity.credentials import digest, new_secret
from identity.model import Staff

TOPIC = "devices"
"""The bus topic of hints `{"link": id}` that a link was revoked."""
MOST = 8
"""Living links of one consult."""
LONGEST_NAME = 40
HOURS = (1, 4, 12, 24)
"""How long a link may hold."""
_LATELY = timedelta(minutes=1)
_BEHIND = timedelta(minutes=5)
_OPEN = (ConsultState.SCHEDULED, ConsultState.CLAIMED)


class DeviceScope(StrEnum):
    """What a link is for."""

    PUBLISH = "publish"
    VIEW = "view"


@dataclass(frozen=True, slots=True)
class DeviceSession:
    """The peer connection that a device holds now; see `signaling.doors.HttpSession`."""

    id: str
    offer: str
    origin: str
    tag: str


@dataclass(frozen=True, slots=True)
class DeviceLink:
    """One link, without its secret."""

    id: DeviceId
    consult_id: ConsultId
    name: str
    """How the people in the room see it."""
    scope: DeviceScope
    created_by: StaffId
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    used_at: datetime | None
    session: DeviceSession | None


class Devices:
    """Makes, lists, revokes and admits links."""

    def __init__(self, database: Database, store: ConsultStore, audit: Audit, bus: Bus) -> None:
        self._database = database
        self._store = store
        self._audit = audit
        self._bus = bus

    async def create(
        self, staff: Staff, consult_id: ConsultId, *, name: str, scope: DeviceScope | str, hours: int
    ) -> tuple[DeviceLink, str]:
        """A link and its secret. For requester and specialist, as long as the consult is to meet or meets.

        Raises Invalid `entry.needed`, `entry.long`, `choice.unknown` (with `field`), Conflict `device.too_many` and by
        the state, Forbidden, NotFound.
        """
        what = bounds.code(DeviceScope, scope, "scope")
        name = clean_line(name)
        if not name:
            raise Invalid("entry.needed", NAME_NEEDED, field="name")
        if len(name) > LONGEST_NAME:
            raise Invalid("entry.long", NAME_LONG, field="name", limit=LONGEST_NAME)
        if hours not in HOURS:
            raise Invalid("choice.unknown", bounds.UNKNOWN, field="hours")
        secret, link_id = new_secret("hod_"), DeviceId(new_id("dev"))
        async with self._database.transaction() as tx:
            place = await self._held(tx, staff, consult_id, lock=True)
            after(place.consult.state, Act.MEET)
            now = await tx.now()
            living = await tx.execute(
                select(device_links.c.id).where(
                    device_links.c.consult_id == consult_id,
                    device_links.c.revoked_at.is_(None),
                    device_links.c.expires_at > now,
                )
            )
            if len(living.all()) >= MOST:
                raise Conflict("device.too_many", TOO_MANY, limit=MOST)
            await tx.execute(
                device_links.insert().values(
                    id=link_id,
                    consult_id=consult_id,
                    name_sealed=self._store.sealer.seal(name.encode(), f"device_links.name:{link_id}"),
                    scope=what,
                    secret_hash=digest(secret),
                    created_by=staff.id,
                    created_at=now,
                    expires_at=now + timedelta(hours=hours),
                )
            )
            await self._audit.record(
                tx,
                AuditEntry(
                    actor=staff.id,
                    action="device.create",
                    target=link_id,
                    consult_id=consult_id,
                    details={"scope": what, "hours": hours},
                ),
            )
            row: Any = (await tx.execute(select(device_links).where(device_links.c.id == link_id))).one()
            return self._link(row), secret

    async def of_consult(self, staff: Staff, consult_id: ConsultId) -> list[DeviceLink]:
        """All links of a consult, the newest first, ended ones too. Raises Forbidden, NotFound."""
        async with self._database.reading() as tx:
            await self._held(tx, staff, consult_id)
            found = await tx.execute(
                select(device_links).where(device_links.c.consult_id == consult_id).order_by(device_links.c.id.desc())
            )
            return [self._link(row) for row in found]

    async def revoke(self, staff: Staff, consult_id: ConsultId, link_id: DeviceId) -> None:
        """End a link and its session; again is no error. Raises NotFound("device.unknown"), Forbidden."""
        async with self._database.transaction() as tx:
            await self._held(tx, staff, consult_id)
            there = device_links.c.id == link_id, device_links.c.consult_id == consult_id
            if (await tx.execute(select(device_links.c.id).where(*there))).first() is None:
                raise NotFound("device.unknown", UNKNOWN_LINK)
            revoked = await tx.execute(
                update(device_links)
                .where(*there, device_links.c.revoked_at.is_(None))
                .values(revoked_at=await tx.now())
            )
            if not revoked.rowcount:
                return
            await self._audit.record(
                tx, AuditEntry(actor=staff.id, action="device.revoke", target=link_id, consult_id=consult_id)
            )

            async def hint() -> None:
                await self._bus.publish(TOPIC, {"link": link_id})

            tx.after_commit(hint)

    async def admit(self, secret: str, consult_id: ConsultId, scope: DeviceScope) -> DeviceLink:
        """The link of that secret, if it opens this consult's room for this purpose now.

        Raises SignInNeeded("device.token"), NotFound for another consult, Forbidden("device.scope"), and Conflict while
        the room is not open (any more).
        """
        async with self._database.reading() as tx:
            now = await tx.now()
            row: Any = (
                await tx.execute(
                    select(device_links).where(
                        device_links.c.secret_hash == digest(secret),
                        device_links.c.revoked_at.is_(None),
                        device_links.c.expires_at > now,
                    )
                )
            ).one_or_none()
            if row is None:
                raise SignInNeeded("device.token", NO_TOKEN)
            if row.consult_id != consult_id:
                raise NotFound("consult.unknown", UNKNOWN)
            if row.scope != scope:
                raise Forbidden("device.scope", OTHER_SCOPE)
            consult = await self._store.get(tx, consult_id)
            if not room_open(consult, now):
                raise refusal(consult.state)
            return self._link(row)

    async def began(
        self,
        link_id: DeviceId,
        consult_id: ConsultId,
        scope: DeviceScope,
        *,
        session_id: str,
        offer: str,
        origin: str,
        tag: str,
        address: str,
    ) -> None:
        """A device has begun to publish or to view; what it held before is replaced."""
        async with self._database.transaction() as tx:
            await tx.execute(
                update(device_links)
                .where(device_links.c.id == link_id)
                .values(
                    used_at=await tx.now(),
                    session_id=session_id,
                    session_offer=offer,
                    session_origin=origin,
                    session_tag=tag,
                )
            )
            entry = AuditEntry(
                actor=f"device:{link_id}",
                action=f"device.{scope}",
                address=address[:64],
                target=link_id,
                consult_id=consult_id,
            )
            await self._audit.record(tx, entry)

    async def renewed(self, session_id: str, offer: str, tag: str) -> None:
        """The device has restarted its connection's ICE."""
        async with self._database.transaction() as tx:
            await tx.execute(
                update(device_links)
                .where(device_links.c.session_id == session_id)
                .values(session_offer=offer, session_tag=tag)
            )

    async def ended(self, link_id: DeviceId) -> None:
        """The device's connection is gone; the link may be used again."""
        await self._forget(device_links.c.id == link_id)

    async def all_ended(self, consult_id: ConsultId) -> None:
        """The same of every device of a consult."""
        await self._forget(device_links.c.consult_id == consult_id)

    async def over(self) -> list[tuple[ConsultId, DeviceId]]:
        """Devices that may no longer be in their rooms: links revoked or expired, consults that have ended."""
        async with self._database.reading() as tx:
            now = await tx.now()
            late = or_(
                device_links.c.revoked_at.is_not(None),
                device_links.c.expires_at <= now,
                consults.c.state.not_in(_OPEN),
            )
            found = await tx.execute(
                select(device_links.c.consult_id, device_links.c.id)
                .join(consults, consults.c.id == device_links.c.consult_id)
                .where(
                    device_links.c.expires_at > now - _BEHIND,
                    or_(
                        and_(device_links.c.session_id.is_not(None), late),
                        # Whatever was noted of its session: a revoked device is not in the room.
                        device_links.c.revoked_at > now - _LATELY,
                    ),
                )
            )
            return [(ConsultId(row.consult_id), DeviceId(row.id)) for row in found]

    async def _forget(self, which: Any) -> None:
        async with self._database.transaction() as tx:
            await tx.execute(
                update(device_links)
                .where(which, device_links.c.session_id.is_not(None))
                .values(session_id=None, session_offer=None, session_origin=None, session_tag=None)
            )

    async def _held(self, tx: Transaction, staff: Staff, consult_id: ConsultId, *, lock: bool = False) -> Standing:
        place = await standing(tx, self._store, staff, consult_id, lock=lock)
        place.require(Relation.REQUESTER, Relation.SPECIALIST)
        return place

    def _link(self, row: Row[Any]) -> DeviceLink:
        session = None
        if row.session_id is not None:
            session = DeviceSession(row.session_id, row.session_offer, row.session_origin, row.session_tag)
        return DeviceLink(
            id=row.id,
            consult_id=row.consult_id,
            name=self._store.sealer.open(row.name_sealed, f"device_links.name:{row.id}").decode(),
            scope=DeviceScope(row.scope),
            created_by=row.created_by,
            created_at=row.created_at,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
            used_at=row.used_at,
            session=session,
        )


NAME_NEEDED = N_("Give the device a name, such as “Ultrasound”.")
NAME_LONG = N_("This name is too long: %(limit)s characters at most.")
TOO_MANY = N_("This consult has %(limit)s devices already. Revoke one first.")
UNKNOWN_LINK = N_("There is no such device.")
NO_TOKEN = N_("This token is not known, has expired or was revoked.")
OTHER_SCOPE = N_("This token is for the other purpose: publishing and viewing have tokens of their own.")
