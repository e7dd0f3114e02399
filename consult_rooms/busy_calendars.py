"""A specialist's calendar elsewhere, so that a hospital's own plans are respected: read, and read again.

Only when somebody is busy is kept. Those quarters are held as a slot holds them, so that no new slot is published over
them; a published one cannot be booked there (`busy_units.require_free`); an appointment that stands there already is
shown as a conflict and never moved. A calendar that cannot be read keeps what was last known of it.
Reading and holding stand in one file, since each change of the one is a change of the other.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, delete, func, select, update
from yarl import URL

from consult_rooms import calendar
from consult_rooms.busy_reading import MOST_BYTES, Times
from consult_rooms.busy_units import hold, replace
from consult_rooms.busy_worker import FAULTS, read_apart
from consult_rooms.calendar_tables import busy_calendars, busy_times
from consult_rooms.tables import appointments, consults, slots
from foundation.audit import Audit, AuditEntry
from foundation.database import Database
from foundation.errors import Conflict, HoichanError, Invalid, NotFound
from foundation.fetch import Fetcher, FetchFailed, Follow
from foundation.i18n import N_
from foundation.ids import AppointmentId, BusyCalendarId, SlotId, StaffId, new_id
from foundation.sealing import Sealer
from foundation.text import clean_line
from identity.model import Staff
from identity.policy import Action, Target, require
from identity.store import Directory

log = logging.getLogger(__name__)

MOST = 5
"""Calendars of one specialist."""
LONGEST_NAME = 80
MOST_ADDRESS = 2_000
_LEASE = timedelta(minutes=2)
_BATCH = 5
_READERS = 2
"""Reading processes of one node side by side."""


@dataclass(frozen=True, slots=True)
class BusyCalendar:
    """A calendar as its owner sees it. `fault` is the sentence why it cannot be read since `read_at`."""

    id: BusyCalendarId
    name: str
    is_polled: bool
    read_at: datetime | None
    fault: str | None
    times: int


@dataclass(frozen=True, slots=True)
class Clash:
    """A slot over a busy time; `appointment_id` and the case's code when it is booked."""

    slot_id: SlotId
    starts_at: datetime
    ends_at: datetime
    appointment_id: AppointmentId | None
    code: str | None


class BusyCalendars:
    """Keeps them. `horizon` is how far ahead they are read, `pause` how long until one is asked again."""

    def __init__(
        self,
        database: Database,
        audit: Audit,
        directory: Directory,
        sealer: Sealer,
        fetcher: Fetcher,
        zone: ZoneInfo,
        horizon: timedelta,
        pause: timedelta,
    ) -> None:
        self._database = database
        self._audit = audit
        self._directory = directory
        self._sealer = sealer
        self._fetcher = fetcher
        self._zone = zone
        self._horizon = horizon
        self._pause = pause
        self._readers = asyncio.Semaphore(_READERS)

    async def owner(self, actor: Staff, staff_id: StaffId) -> Staff:
        """Whose calendars these are, if the actor may see and change them: one's own, or of a hospital that one keeps.

        Raises Forbidden, NotFound.
        """
        if actor.id == staff_id:
            require(actor, Action.TAKE_PART)
            return actor
        person = await self._directory.staff(staff_id)
        require(actor, Action.KEEP_CALENDAR, Target(facility_id=person.facility_id))
        return person

    async def add_address(self, actor: Staff, staff_id: StaffId, name: str, address: str) -> BusyCalendarId:
        """Read a calendar at an https address, now and then again and again.

        Raises Invalid of the field `address` for whatever is wrong with it or with what it gives, Conflict
        `busy.too_many`.
        """
        owner, url = await self.owner(actor, staff_id), _address(address)
        try:
            content, etag = await self._fetched(url, None)
        except FetchFailed as failed:
            raise Invalid(failed.code, failed.message, field="address") from None
        times = await self._read(owner, content or b"", "address")
        return await self._add(actor, owner, name, content or b"", times, url, etag)

    async def add_file(self, actor: Staff, staff_id: StaffId, name: str, content: bytes) -> BusyCalendarId:
        """Take a calendar file's busy times. Raises Invalid of the field `file`, Conflict `busy.too_many`."""
        owner = await self.owner(actor, staff_id)
        return await self._add(actor, owner, name, content, await self._read(owner, content, "file"), None, None)

    async def remove(self, actor: Staff, calendar_id: BusyCalendarId) -> None:
        """Forget a calendar and what it held. Raises NotFound `busy.unknown`, Forbidden."""
        async with self._database.reading() as tx:
            row = (await tx.execute(select(busy_calendars).where(busy_calendars.c.id == calendar_id))).one_or_none()
        if row is None:
            raise NotFound("busy.unknown", UNKNOWN)
        await self.owner(actor, StaffId(row.staff_id))
        async with self._database.transaction() as tx:
            await calendar.release(tx, calendar_id)
            await tx.execute(delete(busy_times).where(busy_times.c.calendar_id == calendar_id))
            await tx.execute(delete(busy_calendars).where(busy_calendars.c.id == calendar_id))
            await hold(tx, StaffId(row.staff_id))
            await self._audit.record(tx, AuditEntry(actor=actor.id, action="busy.remove", target=row.staff_id))

    async def of(self, actor: Staff, staff_id: StaffId) -> list[BusyCalendar]:
        """A person's calendars, by name. Raises Forbidden."""
        await self.owner(actor, staff_id)
        count = (
            select(func.count()).where(busy_times.c.calendar_id == busy_calendars.c.id).scalar_subquery().label("times")
        )
        query = (
            select(busy_calendars, count)
            .where(busy_calendars.c.staff_id == staff_id)
            .order_by(busy_calendars.c.name, busy_calendars.c.id)
        )
        async with self._database.reading() as tx:
            return [
                BusyCalendar(
                    BusyCalendarId(row.id),
                    row.name,
                    row.address_sealed is not None,
                    row.read_at,
                    None if row.fault is None else FAULTS.get(row.fault, OTHER_FAULT),
                    row.times,
                )
                for row in await tx.execute(query)
            ]

    async def clashes(self, actor: Staff, staff_id: StaffId) -> list[Clash]:
        """Published times over busy ones, from now on; an appointment among them stays where it is."""
        await self.owner(actor, staff_id)
        over = (
            select(busy_times.c.starts_at)
            .where(
                busy_times.c.staff_id == staff_id,
                busy_times.c.starts_at < slots.c.ends_at,
                busy_times.c.ends_at > slots.c.starts_at,
            )
            .exists()
        )
        async with self._database.reading() as tx:
            query = (
                select(slots, consults.c.code)
                .outerjoin(appointments, appointments.c.id == slots.c.appointment_id)
                .outerjoin(consults, consults.c.id == appointments.c.consult_id)
                .where(slots.c.specialist_id == staff_id, slots.c.withdrawn_at.is_(None))
                .where(slots.c.ends_at > await tx.now(), over)
                .order_by(slots.c.starts_at)
                .limit(200)
            )
            return [
                Clash(SlotId(row.id), row.starts_at, row.ends_at, row.appointment_id, row.code)
                for row in await tx.execute(query)
            ]

    async def run_due(self) -> None:
        """Read again whose time has come; on any node, each by one."""
        async with self._database.reading() as tx:
            query = (
                select(busy_calendars)
                .where(busy_calendars.c.due_at <= await tx.now())
                .order_by(busy_calendars.c.due_at)
                .limit(_BATCH)
            )
            rows = (await tx.execute(query)).all()
        for row in rows:
            if await self._taken(row):
                await self._again(row)

    async def _taken(self, row: Row[Any]) -> bool:
        c = busy_calendars.c
        async with self._database.transaction() as tx:
            due = await tx.now() + _LEASE
            changed = await tx.execute(
                update(busy_calendars).where(c.id == row.id, c.due_at == row.due_at).values(due_at=due)
            )
            return bool(changed.rowcount)

    async def _again(self, row: Row[Any]) -> None:
        fault: str | None = None
        times: Times | None = None
        changes: dict[str, Any] = {}
        try:
            if row.address_sealed is not None:
                times = await self._fresh(row, changes)
        except HoichanError as error:
            fault = error.code[:40]
            log.warning("a busy calendar could not be read: %s", fault)
        async with self._database.transaction() as tx:
            now = await tx.now()
            changes |= {"due_at": now + self._pause, "fault": fault}
            if times is not None:
                await replace(tx, BusyCalendarId(row.id), StaffId(row.staff_id), times)
                changes["read_at"] = now
            known = await tx.execute(update(busy_calendars).where(busy_calendars.c.id == row.id).values(changes))
            if known.rowcount:
                await hold(tx, StaffId(row.staff_id))

    async def _fresh(self, row: Row[Any], changes: dict[str, Any]) -> Times | None:
        """What it holds now, None when that is as it was; `changes` gets its marks. Raises as `add_address`."""
        owner = await self._directory.staff(StaffId(row.staff_id))
        url = self._sealer.open_text(row.address_sealed, address_place(row.id))
        # Read anew each day even when it stays the same, since the horizon moves on.
        read_lately = row.read_at is not None and row.read_at > row.due_at - timedelta(days=1)
        content, changes["etag"] = await self._fetched(url, row.etag if read_lately else None)
        # Many servers send no ETag: then the hash tells.
        if content is None or (read_lately and _hash(content) == row.content_hash):
            return None
        times = await self._read(owner, content, "address")
        changes["content_hash"] = _hash(content)
        return times

    async def _add(
        self,
        actor: Staff,
        owner: Staff,
        name: str,
        content: bytes,
        times: Times,
        url: str | None,
        etag: str | None,
    ) -> BusyCalendarId:
        calendar_id = BusyCalendarId(new_id("bsy"))
        async with self._database.transaction() as tx:
            now = await tx.now()
            count = select(func.count()).where(busy_calendars.c.staff_id == owner.id)
            if (await tx.execute(count)).scalar_one() >= MOST:
                raise Conflict("busy.too_many", TOO_MANY)
            await tx.execute(
                busy_calendars.insert().values(
                    id=calendar_id,
                    staff_id=owner.id,
                    name=clean_line(name)[:LONGEST_NAME],
                    address_sealed=None if url is None else self._sealer.seal_text(url, address_place(calendar_id)),
                    content_hash=_hash(content),
                    etag=etag,
                    created_by=actor.id,
                    created_at=now,
                    read_at=now,
                    due_at=now + self._pause,
                )
            )
            await replace(tx, calendar_id, owner.id, times)
            await hold(tx, owner.id)
            await self._audit.record(tx, AuditEntry(actor=actor.id, action="busy.add", target=owner.id))
        return calendar_id

    async def _fetched(self, url: str, etag: str | None) -> tuple[bytes | None, str | None]:
        """Content and mark; no content when it is as it was. Raises FetchFailed, Invalid `busy.answer`."""
        headers = {"Accept": "text/calendar", **({"If-None-Match": etag} if etag else {})}
        answer = await self._fetcher.request(
            "GET", url, headers=headers, most_bytes=MOST_BYTES, follow=Follow.ANYWHERE, timeout_s=20.0
        )
        if answer.status == 304 and etag:
            return None, etag
        if answer.status != 200:
            raise Invalid("busy.answer", FAULTS["busy.answer"], field="address")
        mark = answer.headers.get("ETag")
        return answer.body, mark if mark and len(mark) <= 200 else None

    async def _read(self, owner: Staff, content: bytes, field: str) -> Times:
        place = (await self._directory.facility(owner.facility_id)).zone
        async with self._database.reading() as tx:
            now = await tx.now()
        async with self._readers:
            return await read_apart(content, place or str(self._zone), now, now + self._horizon, field=field)


def address_place(calendar_id: str) -> str:
    """Where an address says that it stands (`Sealer.seal`)."""
    return f"busy_calendars.address:{calendar_id}"


def _address(text: str) -> str:
    """An address as typed; `webcal` is what calendar programs call https. Raises Invalid `busy.address`."""
    typed = text.strip()
    typed = "https" + typed[6:] if typed.lower().startswith("webcal:") else typed
    try:
        url = URL(typed)
    except ValueError:
        raise Invalid("busy.address", ADDRESS, field="address") from None
    if url.scheme not in ("https", "http") or not url.host or len(typed) > MOST_ADDRESS:
        raise Invalid("busy.address", ADDRESS, field="address")
    return typed


def _hash(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


UNKNOWN = N_("There is no such calendar.")
TOO_MANY = N_("There are five calendars already. Remove one of them first.")
ADDRESS = N_("This is no address of a calendar, such as https://calendar.example.vn/dr-ha.ics.")
OTHER_FAULT = N_("It could not be read the last time. What was known of it stays.")
