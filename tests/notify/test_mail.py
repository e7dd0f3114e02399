"""What leaves for a mail server: a real one on loopback, with its refusals, its silence and its broken lines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.message import EmailMessage

import pytest

from foundation.clock import FakeClock
from foundation.database import Database
from foundation.sealing import Sealer
from notify.delivery import FIRST_WAIT
from notify.mail import CalendarPart
from notify.notice import Channel
from tests.conftest import free_port
from tests.notify.outgoing import MailServer, Post, booked, mail_server, mailer, post


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as opened:
        yield opened


async def box_of(database: Database, sealer: Sealer, server: MailServer, calendar: CalendarPart | None = None) -> Post:
    box = await post(database, sealer, {})
    box.carriers[Channel.MAIL] = mailer(server, box.contacts, calendar)
    return box


async def state(box: Post) -> tuple[str, int, str | None]:
    [row] = await box.rows(Channel.MAIL)
    return row.state, row.tries, row.fault


async def test_a_mail_is_whole(sqlite_database: Database, sealer: Sealer, server: MailServer) -> None:
    calendar = CalendarPart("REQUEST", "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nX-A:Trạm Đảo\r\nEND:VCALENDAR\r\n")
    box = await box_of(sqlite_database, sealer, server, calendar)
    await box.tell(booked())
    await box.delivery.run_due()
    [mail] = server.received
    assert mail["To"] == "lan@tram.example.vn"
    assert mail["Subject"] == "Đã đặt lịch hội chẩn từ xa: Thứ Ba 24/11/2026, 09:00"
    [row] = await box.rows(Channel.MAIL)
    assert mail["Message-ID"] == f"<{row.id}@benhvien.example.vn>"
    assert mail["Auto-Submitted"] == "auto-generated"
    text, part = mail.iter_parts()
    assert isinstance(text, EmailMessage)
    assert isinstance(part, EmailMessage)
    assert "https://hoichan.example.vn/consults/con_1" in text.get_content()
    assert (part.get_content_type(), part.get_param("method")) == ("text/calendar", "REQUEST")
    assert "Trạm Đảo" in part.get_content()


async def test_half_a_delivery_is_repeated_as_the_same_mail(
    sqlite_database: Database, sealer: Sealer, server: MailServer, clock: FakeClock
) -> None:
    box = await box_of(sqlite_database, sealer, server)
    server.breaks = 1
    await box.tell(booked())
    await box.delivery.run_due()
    assert await state(box) == ("waiting", 1, "smtp.connection")
    clock.advance(FIRST_WAIT.total_seconds())
    await box.delivery.run_due()
    assert await state(box) == ("sent", 2, None)
    first, second = server.received
    assert (first["Message-ID"], first["Date"]) == (second["Message-ID"], second["Date"])


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("451 try again", ("waiting", 1, "smtp.451")),
        ("554 no", ("dead", 1, "smtp.554")),
        ("RCPT 450 busy", ("waiting", 1, "smtp.450")),
        ("RCPT 550 no such mailbox", ("dead", 1, "smtp.550")),
    ],
)
async def test_the_servers_answer_decides(
    sqlite_database: Database,
    sealer: Sealer,
    server: MailServer,
    reply: str,
    told: tuple[str, int, str],
) -> None:
    box = await box_of(sqlite_database, sealer, server)
    server.replies = [reply]
    await box.tell(booked())
    await box.delivery.run_due()
    assert await state(box) == told


async def test_a_server_that_is_down_or_silent_is_tried_again(
    sqlite_database: Database, sealer: Sealer, server: MailServer, monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    box = await box_of(sqlite_database, sealer, MailServer(free_port()))
    await box.tell(booked())
    await box.delivery.run_due()
    assert await state(box) == ("waiting", 1, "smtp.connection")
    monkeypatch.setattr("notify.delivery.TRY_S", 0.2)
    server.delay_s = 1.0
    box.carriers[Channel.MAIL] = mailer(server, box.contacts)
    clock.advance(FIRST_WAIT.total_seconds())
    await box.delivery.run_due()
    assert await state(box) == ("waiting", 2, "timeout")
