"""A mail server, an SMS gateway and people with addresses, for tests of the outbox. All real, on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from foundation.audit import Audit
from foundation.database import Database
from foundation.ids import StaffId, new_id
from foundation.sealing import Sealer
from identity.rows import active_staff
from identity.tables import facilities, staff
from notify.carrier import Carrier
from notify.contacts import Contact, Contacts
from notify.delivery import Delivery
from notify.mail import CalendarPart, Mailer, SmtpServer
from notify.notice import Channel, Message, Notice, NoticeKind, Recipient, Topic
from notify.outbox import Outbox
from notify.wording import Wording
from tests.conftest import languages

SITE = "https://hoichan.example.vn"
VALUES = {
    "starts_at": "2026-11-24T02:00:00+00:00",
    "ends_at": "2026-11-24T02:30:00+00:00",
    "clinic": "Trạm Đảo",
    "hospital": "Bệnh viện Tỉnh",
    "code": "HC-2611-0001",
    "path": "/consults/con_1",
}
ALL = {topic: frozenset({Channel.MAIL, Channel.SMS, Channel.PUSH}) for topic in Topic}


@dataclass
class MailServer:
    """Takes mail, or answers with `replies` in order; `breaks` closes that many lines after the text has arrived."""

    port: int = 0
    replies: list[str] = field(default_factory=list)
    breaks: int = 0
    delay_s: float = 0.0
    received: list[EmailMessage] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.replies and self.replies[0].startswith("RCPT "):
            return self.replies.pop(0).removeprefix("RCPT ")
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.replies:
            return self.replies.pop(0)
        content = envelope.content
        assert isinstance(content, bytes)
        self.received.append(message_from_bytes(content, policy=default))
        await asyncio.sleep(self.delay_s)
        if self.breaks:
            self.breaks -= 1
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return "250 OK"


@asynccontextmanager
async def mail_server(port: int = 0) -> AsyncIterator[MailServer]:
    """On loopback, in this loop; at a free port unless told one."""
    told = MailServer()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(told, enable_SMTPUTF8=True, loop=loop), "127.0.0.1", port)
    told.port = int(server.sockets[0].getsockname()[1])
    yield told
    server.close()


@dataclass
class Gateway:
    """Takes SMS, or answers with `statuses` in order."""

    port: int = 0
    statuses: list[int] = field(default_factory=list)
    received: list[tuple[dict[str, str], Any]] = field(default_factory=list)


@asynccontextmanager
async def sms_gateway() -> AsyncIterator[Gateway]:
    """On loopback, at `/send`."""
    told = Gateway()

    async def take(request: web.Request) -> web.Response:
        is_json = request.content_type == "application/json"
        body = json.loads(await request.read()) if is_json else dict(await request.post())
        told.received.append((dict(request.headers), body))
        return web.Response(status=told.statuses.pop(0) if told.statuses else 200)

    application = web.Application()
    application.router.add_post("/send", take)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    told.port = runner.addresses[0][1]
    yield told
    await runner.cleanup()


@dataclass
class Post:
    """The outbox with its ways out."""

    database: Database
    contacts: Contacts
    outbox: Outbox
    delivery: Delivery
    carriers: dict[Channel, Carrier]
    person: StaffId

    async def tell(self, notice: Notice, *people: StaffId) -> None:
        """Put a notice into the outbox, in a transaction of its own."""
        told = [Recipient(one, "vi", "Asia/Ho_Chi_Minh") for one in people or (self.person,)]
        async with self.database.transaction() as tx:
            await self.outbox.enqueue(tx, notice, told)

    async def rows(self, channel: Channel | None = None) -> list[Any]:
        """The outbox, the oldest first."""
        from sqlalchemy import select

        from notify.outbox_tables import notices

        async with self.database.reading() as tx:
            rows = (await tx.execute(select(notices).order_by(notices.c.created_at, notices.c.id))).all()
        return [row for row in rows if channel in (None, row.channel)]


def booked(version: int = 1, **options: Any) -> Notice:
    """A booking."""
    return Notice(NoticeKind.BOOKED, "apt_1", version, VALUES, **options)


async def hire(database: Database, *, active: bool = True) -> StaffId:
    """Somebody at a facility of their own."""
    facility, person = new_id("fac"), StaffId(new_id("stf"))
    async with database.transaction() as tx:
        await tx.execute(
            facilities.insert().values(
                id=facility,
                code=facility[-5:],
                name="Trạm Đảo",
                kind="commune_station",
                technical_level="basic",
                managing_level="commune",
                province_code="51",
                commune_code="21550",
                address="-",
                telephone="-",
                emergency_telephone="-",
                is_hub=False,
            )
        )
        await tx.execute(
            staff.insert().values(
                id=person,
                user_name=person,
                full_name="BS. Lan",
                facility_id=facility,
                roles=["rural_doctor"],
                password_hash="-",
                active=active,
                created_at=datetime(2026, 1, 1, tzinfo=UTC),
            )
        )
    return person


Make = Callable[[dict[Channel, Carrier]], Awaitable[Post]]


async def post(
    database: Database, sealer: Sealer, carriers: dict[Channel, Carrier], contact: Contact | None = None
) -> Post:
    """The outbox over these ways, and one person who has every address."""
    person, contacts = await hire(database), Contacts(database, Audit(database), sealer)
    await contacts.save(person, person, contact or Contact("lan@tram.example.vn", "+84912345678", ALL))
    wording = Wording(languages())
    return Post(
        database,
        contacts,
        Outbox(database, contacts, set(carriers) | {Channel.MAIL}),
        Delivery(database, contacts, wording, carriers, active_staff, lambda: 1.0),
        carriers,
        person,
    )


def mailer(server: MailServer, contacts: Contacts, calendar: CalendarPart | None = None) -> Mailer:
    """To that server."""

    def part(_message: Message, _address: str) -> CalendarPart | None:
        return calendar

    given = SmtpServer("127.0.0.1", server.port, "hoichan@benhvien.example.vn", "none")
    return Mailer(given, contacts, part, SITE)
