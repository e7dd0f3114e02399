"""What is told of an appointment from booking to cancellation, read as other programs read it, on both stores."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
import vobject  # type: ignore[import-untyped]  # vobject has no type marker
from jinja2 import Environment, meta
from sqlalchemy import select

from consult_rooms.appointment import Appointment
from consult_rooms.invitations import Invitations
from consult_rooms.notices import AppointmentNotices
from consult_rooms.scheduling import Scheduling
from foundation.audit import Audit
from foundation.i18n import LOCALES
from foundation.ids import SlotId
from foundation.sealing import Sealer
from identity.rows import active_staff
from notify.contacts import Contact, Contacts
from notify.delivery import Delivery
from notify.mail import Mailer, SmtpServer
from notify.notice import PLACES, Channel, NoticeKind
from notify.outbox import Outbox
from notify.outbox_tables import notices
from notify.wording import TEMPLATES, Wording
from tests.conftest import languages
from tests.consult_rooms.conftest import CONSENT, NAME, PATIENT, QUESTION, STROKE, ZONE, World
from tests.notify.outgoing import ALL, SITE, MailServer, mail_server

LEADS = (timedelta(days=1), timedelta(hours=1), timedelta(minutes=5))


class Calendars:
    """Each person's calendar program: it reads invitations with a library that did not write them (RFC 5546)."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Any]] = {}

    def take(self, mail: EmailMessage) -> None:
        part = next((one for one in mail.walk() if one.get_content_type() == "text/calendar"), None)
        if part is None:
            return
        calendar = vobject.readOne(part.get_content())
        calendar.validate(raiseException=True)
        event, mine = calendar.vevent, self.held.setdefault(str(mail["To"]), {})
        assert calendar.method.value == part.get_param("method")
        assert str(event.attendee.value) == f"mailto:{mail['To']}"
        known = mine.get(event.uid.value)
        if known is not None and int(event.sequence.value) <= known[0]:
            return  # older than what is known (RFC 5546 §2.1.5)
        start = None if calendar.method.value == "CANCEL" else event.dtstart.value
        mine[event.uid.value] = (int(event.sequence.value), start)

    def times(self, address: str) -> list[datetime]:
        return [start for _, start in self.held.get(address, {}).values() if start is not None]


class Told:
    """The world with an outbox and a mail server."""

    def __init__(self, world: World, sealer: Sealer, server: MailServer) -> None:
        self.world, self.server = world, server
        database, audit = world.database, Audit(world.database)
        self.contacts = Contacts(database, audit, sealer)
        smtp = SmtpServer("127.0.0.1", server.port, "hoichan@benhvien.example.vn", "none")
        mailer = Mailer(smtp, self.contacts, Invitations(languages(), smtp.sender, SITE).part, SITE)
        self.outbox = Outbox(database, self.contacts, {Channel.MAIL})
        self.notices = AppointmentNotices(self.outbox, "Asia/Ho_Chi_Minh", LEADS)
        self.delivery = Delivery(
            database, self.contacts, Wording(languages()), {Channel.MAIL: mailer}, active_staff, lambda: 1.0
        )
        world.scheduling = Scheduling(
            database,
            world.store,
            world.log,
            world.directory,
            world.bus,
            ZONE,
            timedelta(minutes=15),
            told=self.notices,
        )
        self.calendars = Calendars()
        self._seen = 0

    async def delivered(self) -> list[EmailMessage]:
        """Everything that is due, delivered and read; gives the new mails."""
        for _ in range(3):
            await self.delivery.run_due()
        new = self.server.received[self._seen :]
        self._seen = len(self.server.received)
        for mail in new:
            self.calendars.take(mail)
        return new

    async def subjects(self) -> list[tuple[str, str]]:
        """To whom, and what, in order of the address."""
        new = await self.delivered()
        return sorted((str(mail["To"]).partition("@")[0], str(mail["Subject"])) for mail in new)

    async def move(self, booked: Appointment, slot_id: SlotId) -> Appointment:
        return await self.world.scheduling.move(self.world["dieu"], booked.id, slot_id, booked.version)


@pytest.fixture
async def told(world: World, sealer: Sealer) -> AsyncIterator[Told]:
    async with mail_server() as server:
        made = Told(world, sealer, server)
        for name in ("lan", "ha", "khai", "dieu"):
            await made.contacts.save(world[name].id, world[name].id, Contact(f"{name}@example.vn", None, ALL))
        yield made


def at(told: Told, hours: float) -> datetime:
    return told.world.clock.now() + timedelta(hours=hours)


async def test_an_update_replaces_and_a_cancellation_removes(told: Told) -> None:
    first, second = [await told.world.publish(hours=hours) for hours in (50, 60)]
    booked = await told.world.book(first[0])
    assert [name for name, _ in await told.subjects()] == ["ha", "lan"]
    assert told.calendars.times("ha@example.vn") == told.calendars.times("lan@example.vn") == [at(told, 50)]
    moved = await told.move(booked, second[0].id)
    assert [name for name, _ in await told.subjects()] == ["ha", "lan"]
    assert told.calendars.times("ha@example.vn") == told.calendars.times("lan@example.vn") == [at(told, 60)]
    await told.world.scheduling.cancel(told.world["dieu"], moved.id)
    await told.delivered()
    assert told.calendars.times("ha@example.vn") == told.calendars.times("lan@example.vn") == []
    assert all(len(mine) == 1 for mine in told.calendars.held.values()), "one UID through it all"


async def test_a_specialist_who_has_it_no_more_is_told_so(told: Told) -> None:
    world = told.world
    [mine] = await world.publish(hours=50)
    keeper = replace(world["xadieu"], facility_id=world["khai"].facility_id)
    [other] = await world.scheduling.publish(keeper, world["khai"].id, STROKE, at(told, 60), at(told, 60.5), 30)
    booked = await world.book(mine)
    await told.delivered()
    await told.move(booked, other.id)
    assert [name for name, _ in await told.subjects()] == ["ha", "khai", "lan"]
    assert told.calendars.times("ha@example.vn") == []
    assert told.calendars.times("khai@example.vn") == [at(told, 60)]


async def test_reminders_come_once_a_version_and_none_after_a_cancellation(told: Told) -> None:
    world = told.world
    first, second = [await world.publish(hours=hours) for hours in (30, 40)]
    booked = await world.book(first[0])
    await told.delivered()
    world.clock.advance(6 * 3_600)
    assert [subject.partition(":")[0] for _, subject in await told.subjects()] == ["Còn 1 ngày", "Còn 1 ngày"]
    assert await told.subjects() == []
    moved = await told.move(booked, second[0].id)
    await told.delivered()
    world.clock.advance(10 * 3_600)
    assert len(await told.subjects()) == 2, "one day before the new time"
    world.clock.advance(13.5 * 3_600)
    assert await told.subjects() == [], "one hour before the time that no longer holds"
    world.clock.advance(9.5 * 3_600)
    assert [subject.partition(":")[0] for _, subject in await told.subjects()] == ["Còn 1 giờ", "Còn 1 giờ"]
    await world.scheduling.cancel(world["dieu"], moved.id)
    await told.delivered()
    world.clock.advance(56 * 60)
    assert await told.subjects() == [], "five minutes before"


async def test_no_patient_and_nothing_clinical_leaves(told: Told) -> None:
    booked = await told.world.book((await told.world.publish(hours=30))[0])
    await told.delivered()
    told.world.clock.advance(6 * 3_600)
    await told.delivered()
    async with told.world.database.transaction() as tx:
        await told.notices.displaced(tx, booked.id)
    await told.delivered()
    await told.world.scheduling.cancel(told.world["dieu"], booked.id)
    await told.delivered()
    async with told.world.database.reading() as tx:
        stored = [json.dumps(row.content, ensure_ascii=False) for row in await tx.execute(select(notices))]
    sent = [
        "\n".join([str(mail), *(part.get_content() for part in mail.walk() if not part.is_multipart())])
        for mail in told.server.received
    ]
    assert len(sent) >= 7
    secret = [NAME, *NAME.split()[1:], "4821", "1958", *QUESTION.situation.split(), QUESTION.recommendation]
    secret += [CONSENT.note, str(PATIENT.patient_id), "Đột quỵ", "Stroke"]
    words = [word for word in secret if len(word) > 3 and word != "phút"]  # a unit of time, which notices use too
    assert not [word for word in words for text in (*sent, *stored) if re.search(rf"\b{re.escape(word)}\b", text)]


def test_templates_can_say_nothing_but_what_a_notice_may_hold() -> None:
    environment = Environment()
    allowed = (PLACES - {"starts_at", "ends_at", "path", "minutes"}) | {"day", "time", "lead", "_"}
    for kind in NoticeKind:
        tree = environment.parse((TEMPLATES / f"{kind}.txt").read_text(encoding="utf-8"))
        assert meta.find_undeclared_variables(tree) <= allowed
    values = dict.fromkeys(PLACES, "x") | {"minutes": "5", "starts_at": "2026-11-24T02:00:00+00:00"}
    values |= {"until": values["starts_at"]}
    for kind in NoticeKind:
        for code in LOCALES:
            title, body = Wording(languages()).of(kind, values, code, "Asia/Ho_Chi_Minh")
            assert title
            assert "\n" not in title
            assert body
