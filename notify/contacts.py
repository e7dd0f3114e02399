"""How each person wants to be told: addresses, channels by topic, quiet hours."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.errors import HeaderParseError
from email.headerregistry import Address
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.ids import StaffId
from foundation.sealing import Sealer
from notify.notice import Channel, Topic
from notify.outbox_tables import contacts

MOST_MAIL = 254
"""Characters of an address (RFC 5321 §4.5.3.1.3, less the angle brackets)."""
_DAY = 24 * 60
_MOBILE = re.compile(r"\+[1-9][0-9]{7,14}")
_DOMAIN = re.compile(r"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,62}")
HOME = "+84"
"""The country code of numbers that are written with a leading zero."""

WISHES: Mapping[Topic, frozenset[Channel]] = MappingProxyType(
    {
        Topic.APPOINTMENTS: frozenset({Channel.MAIL, Channel.PUSH}),
        Topic.REMINDERS: frozenset({Channel.PUSH}),
        Topic.AFTERCARE: frozenset({Channel.MAIL, Channel.PUSH}),
    }
)
"""Of whoever has chosen nothing: no SMS, since each costs somebody money."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Minutes from local midnight; an end not after the start is the next day's."""

    starts: int
    ends: int

    def end(self, at: datetime, zone: ZoneInfo) -> datetime | None:
        """When the quiet hours end in which an instant lies; None: it lies in none."""
        local = at.astimezone(zone)
        minute = local.hour * 60 + local.minute
        overnight = self.ends <= self.starts
        inside = minute >= self.starts or minute < self.ends if overnight else self.starts <= minute < self.ends
        if not inside:
            return None
        day = local.date() + timedelta(days=1 if overnight and minute >= self.starts else 0)
        return datetime(day.year, day.month, day.day, self.ends // 60, self.ends % 60, tzinfo=zone)


@dataclass(frozen=True, slots=True)
class Contact:
    """How one person is reached. A mobile number is international (E.164), such as +84912345678."""

    mail: str | None = None
    mobile: str | None = None
    wishes: Mapping[Topic, frozenset[Channel]] = field(default_factory=lambda: WISHES)
    quiet: QuietHours | None = None


def mail_address(text: str) -> str | None:
    """A mail address as typed, or None for nothing. Raises Invalid `contact.mail`."""
    typed = text.strip()
    if not typed:
        return None
    try:
        address = Address(addr_spec=typed)
    except (HeaderParseError, ValueError, IndexError):
        raise Invalid("contact.mail", MAIL, field="mail") from None
    if len(typed) > MOST_MAIL or not typed.isascii() or not _DOMAIN.fullmatch(address.domain) or not address.username:
        raise Invalid("contact.mail", MAIL, field="mail")
    return address.addr_spec


def mobile_number(text: str) -> str | None:
    """A mobile number in international form, or None for nothing. Raises Invalid `contact.mobile`."""
    typed = re.sub(r"[\s.()-]", "", text)
    if not typed:
        return None
    number = HOME + typed[1:] if typed.startswith("0") and not typed.startswith("00") else typed
    number = "+" + number[2:] if number.startswith("00") else number
    if not _MOBILE.fullmatch(number):
        raise Invalid("contact.mobile", MOBILE, field="mobile")
    return number


def quiet_hours(starts: str, ends: str) -> QuietHours | None:
    """From two times of day such as `21:00`, or None for two empty ones. Raises Invalid `contact.quiet`."""
    if not starts and not ends:
        return None
    first, last = _minute(starts), _minute(ends)
    if first is None or last is None or first == last:
        raise Invalid("contact.quiet", QUIET, field="quiet_from")
    return QuietHours(first, last)


def _minute(text: str) -> int | None:
    found = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])", text)
    return None if found is None else (int(found[1]) * 60 + int(found[2])) % _DAY


class Contacts:
    """Keeps them, sealed. Who may see and set whose is decided by the caller."""

    def __init__(self, database: Database, audit: Audit, sealer: Sealer) -> None:
        self._database = database
        self._audit = audit
        self._sealer = sealer

    async def of(self, staff_id: StaffId) -> Contact:
        """A person's; of somebody who has said nothing, what holds then."""
        async with self._database.reading() as tx:
            return (await self.many(tx, [staff_id])).get(staff_id, Contact())

    async def many(self, tx: Transaction, staff_ids: Collection[StaffId]) -> dict[StaffId, Contact]:
        """Those who have said something."""
        rows = await tx.execute(select(contacts).where(contacts.c.staff_id.in_(list(staff_ids))))
        return {StaffId(row.staff_id): self._contact(row) for row in rows}

    async def mobiles(self, tx: Transaction, staff_ids: Collection[StaffId]) -> dict[StaffId, str]:
        """Their mobile numbers, of those who have given one."""
        return {one: told.mobile for one, told in (await self.many(tx, staff_ids)).items() if told.mobile}

    async def save(self, actor: StaffId, staff_id: StaffId, contact: Contact) -> None:
        """Keep a person's, checked before by `mail_address` and the like. The audit tells who, and no address."""
        values: dict[str, Any] = {
            "mail_sealed": self._sealed(contact.mail, mail_place(staff_id)),
            "mobile_sealed": self._sealed(contact.mobile, mobile_place(staff_id)),
            "wishes": {topic: sorted(contact.wishes.get(topic, ())) for topic in Topic},
            "quiet_from": None if contact.quiet is None else contact.quiet.starts,
            "quiet_until": None if contact.quiet is None else contact.quiet.ends,
        }
        async with self._database.transaction() as tx:
            values["changed_at"] = await tx.now()
            new = (sqlite if self._database.is_sqlite else postgresql).insert(contacts)
            new = new.on_conflict_do_update(
                index_elements=["staff_id"], set_={name: new.excluded[name] for name in values}
            )
            await tx.execute(new, [{"staff_id": staff_id, **values}])
            await self._audit.record(tx, AuditEntry(actor=actor, action="contact.change", target=staff_id))

    def _contact(self, row: Any) -> Contact:
        staff_id = StaffId(row.staff_id)
        quiet = None if row.quiet_from is None else QuietHours(row.quiet_from, row.quiet_until)
        return Contact(
            self._opened(row.mail_sealed, mail_place(staff_id)),
            self._opened(row.mobile_sealed, mobile_place(staff_id)),
            {topic: frozenset(map(Channel, row.wishes.get(topic, WISHES[topic]))) for topic in Topic},
            quiet,
        )

    def _sealed(self, plain: str | None, place: str) -> bytes | None:
        return None if plain is None else self._sealer.seal_text(plain, place)

    def _opened(self, sealed: bytes | None, place: str) -> str | None:
        return None if sealed is None else self._sealer.open_text(sealed, place)


def mail_place(staff_id: str) -> str:
    """Where a mail address says that it stands (`Sealer.seal`)."""
    return f"contacts.mail:{staff_id}"


def mobile_place(staff_id: str) -> str:
    """The same of a mobile number."""
    return f"contacts.mobile:{staff_id}"


MAIL = N_("This is no mail address, such as ten.ho@benhvien.vn.")
MOBILE = N_("This is no telephone number, such as 0912 345 678 or +84 912 345 678.")
QUIET = N_("Quiet hours need two different times, such as 21:00 and 06:00.")
