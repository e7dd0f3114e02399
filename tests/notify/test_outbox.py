"""The outbox, on both stores: each told once, at least once, by one node, and never what became untrue."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.clock import FakeClock
from foundation.database import Database
from foundation.sealing import Sealer
from identity.tables import staff
from notify.carrier import TAKEN, Carrier, Receipt, Verdict
from notify.contacts import Contact, QuietHours
from notify.delivery import FIRST_WAIT, LEASE, LONGEST_WAIT, MOST_TRIES, wait
from notify.notice import Channel, Message, Notice, NoticeKind, NoticeState
from tests.notify.outgoing import ALL, VALUES, Post, booked, post

FAILED = Receipt(Verdict.FAILED, "smtp.451")


@dataclass
class Carried(Carrier):
    """A way that answers with `receipts` in order, then takes all."""

    receipts: list[Receipt] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    dies: bool = False
    fault: Exception | None = None

    async def carry(self, message: Message) -> Receipt:
        self.messages.append(message)
        if self.dies:
            raise asyncio.CancelledError
        if self.fault is not None:
            raise self.fault
        return self.receipts.pop(0) if self.receipts else TAKEN


@pytest.fixture
def way() -> Carried:
    return Carried()


@pytest.fixture
async def box(database: Database, sealer: Sealer, way: Carried) -> Post:
    return await post(database, sealer, {Channel.MAIL: way})


async def test_one_event_is_told_once_by_each_way_however_often_it_is_said(box: Post, way: Carried) -> None:
    await box.tell(booked())
    await box.tell(booked())
    [row] = await box.rows(Channel.MAIL)
    await asyncio.gather(box.delivery._deliver(row), box.delivery._deliver(row))  # two nodes that saw the same row
    await box.delivery.run_due()
    assert [message.title for message in way.messages] == ["Đã đặt lịch hội chẩn từ xa: Thứ Ba 24/11/2026, 09:00"]
    assert {(row.channel, row.state) for row in await box.rows()} == {("mail", "sent"), ("page", "sent")}


async def test_nothing_is_told_when_the_act_fails(box: Post, way: Carried) -> None:
    with pytest.raises(RuntimeError):
        async with box.database.transaction() as tx:
            from notify.notice import Recipient

            await box.outbox.enqueue(tx, booked(), [Recipient(box.person, "vi", "UTC")])
            raise RuntimeError
    await box.delivery.run_due()
    assert (way.messages, await box.rows()) == ([], [])


async def test_what_fails_is_tried_again_later_and_is_the_same_message(
    box: Post, way: Carried, clock: FakeClock
) -> None:
    way.receipts = [FAILED, FAILED]
    await box.tell(booked())
    for waited in (0.0, FIRST_WAIT.total_seconds(), 2 * FIRST_WAIT.total_seconds()):
        clock.advance(waited)
        await box.delivery.run_due()
        await box.delivery.run_due()  # too early for the next
    assert len({message.id for message in way.messages}) == 1
    assert len(way.messages) == 3
    assert [(row.state, row.tries, row.fault) for row in await box.rows(Channel.MAIL)] == [("sent", 3, None)]


async def test_a_node_that_dies_while_sending_leaves_the_message_to_another(
    box: Post, way: Carried, clock: FakeClock
) -> None:
    way.dies = True
    await box.tell(booked())
    with pytest.raises(asyncio.CancelledError):
        await box.delivery.run_due()
    way.dies = False
    await box.delivery.run_due()
    assert len(way.messages) == 1, "the lease still holds"
    clock.advance(LEASE.total_seconds())
    await box.delivery.run_due()
    assert len(way.messages) == 2
    assert len({message.id for message in way.messages}) == 1


async def test_the_log_of_a_fault_holds_no_address(box: Post, way: Carried, caplog: pytest.LogCaptureFixture) -> None:
    way.fault = LookupError("no way to nguyen.van.an@example.org")
    await box.tell(booked())
    await box.delivery.run_due()
    assert "LookupError" in caplog.text
    assert "example.org" not in caplog.text
    assert [(row.state, row.fault) for row in await box.rows(Channel.MAIL)] == [("waiting", "fault")]


async def test_a_refusal_and_too_many_tries_end_as_dead_letters(box: Post, way: Carried, clock: FakeClock) -> None:
    way.receipts = [Receipt(Verdict.REFUSED, "smtp.550"), *[FAILED] * MOST_TRIES]
    await box.tell(booked())
    await box.delivery.run_due()
    await box.tell(booked(2))
    for _ in range(MOST_TRIES + 2):
        await box.delivery.run_due()
        clock.advance(LONGEST_WAIT.total_seconds())
    assert [(row.state, row.tries, row.fault) for row in await box.rows(Channel.MAIL)] == [
        ("dead", 1, "smtp.550"),
        ("dead", MOST_TRIES, "smtp.451"),
    ]


async def test_what_became_untrue_or_too_late_is_not_sent(box: Post, way: Carried, clock: FakeClock) -> None:
    now = clock.now()
    reminder = Notice(NoticeKind.REMINDER, "apt_1", 1, VALUES | {"minutes": "60"}, due_at=now + timedelta(hours=1))
    await box.tell(reminder)
    await box.tell(booked(expires_at=now + timedelta(minutes=1)))
    async with box.database.transaction() as tx:
        await box.outbox.supersede(tx, "apt_1")
    await box.tell(booked(2, expires_at=now + timedelta(minutes=1)))
    clock.advance(7_200)
    await box.delivery.run_due()
    assert way.messages == []
    assert [row.fault for row in await box.rows(Channel.MAIL)] == ["superseded", "superseded", "too_late"]


@pytest.mark.parametrize(("urgent", "sent"), [(False, 0), (True, 1)])
async def test_quiet_hours_hold_back_all_but_emergencies(
    database: Database, sealer: Sealer, way: Carried, clock: FakeClock, urgent: bool, sent: int
) -> None:
    # 14:00 in Việt Nam; quiet from 13:00 to 15:00.
    contact = Contact("lan@tram.example.vn", None, ALL, QuietHours(13 * 60, 15 * 60))
    box = await post(database, sealer, {Channel.MAIL: way}, contact)
    await box.tell(booked(urgent=urgent))
    await box.delivery.run_due()
    assert len(way.messages) == sent
    clock.advance(3_600)
    await box.delivery.run_due()
    assert len(way.messages) == 1


async def test_nobody_is_told_who_left_or_chose_not_to_be(box: Post, way: Carried) -> None:
    await box.contacts.save(box.person, box.person, Contact("lan@tram.example.vn", None, {}))
    await box.tell(booked())
    assert [row.channel for row in await box.rows()] == ["page"]
    await box.contacts.save(box.person, box.person, Contact("lan@tram.example.vn", None, ALL))
    await box.tell(booked(2))
    async with box.database.transaction() as tx:
        await tx.execute(staff.update().values(active=False))
    await box.delivery.run_due()
    assert way.messages == []


async def test_a_notice_takes_no_word_that_is_not_foreseen(box: Post) -> None:
    for values in ({"patient": "Trần Thị Diễm Xưa"}, {"clinic": "x" * 201}):
        with pytest.raises(ValueError, match="cannot hold"):
            await box.tell(Notice(NoticeKind.BOOKED, "apt_1", 1, values))
    assert await box.rows() == []


async def test_addresses_are_sealed(box: Post) -> None:
    from sqlalchemy import select

    from notify.outbox_tables import contacts

    async with box.database.reading() as tx:
        row = (await tx.execute(select(contacts))).one()
    assert b"lan" not in row.mail_sealed
    assert b"912345678" not in row.mobile_sealed
    assert (await box.contacts.of(box.person)).mail == "lan@tram.example.vn"


async def test_ones_own_notices_are_new_once(box: Post) -> None:
    await box.tell(booked())
    assert await box.outbox.unseen(box.person) == 1
    assert [notice.new for notice in await box.outbox.own(box.person)] == [True]
    assert [notice.new for notice in await box.outbox.own(box.person)] == [False]
    assert await box.outbox.unseen(box.person) == 0


async def test_what_ended_long_ago_is_forgotten(box: Post, clock: FakeClock) -> None:
    await box.tell(booked())
    await box.delivery.run_due()
    clock.advance(91 * 86_400)
    await box.tell(booked(2))
    await box.delivery.tidy()
    assert [(row.version, row.state) for row in await box.rows(Channel.MAIL)] == [(2, NoticeState.WAITING)]


@given(st.integers(1, 50), st.floats(0, 1))
def test_waits_grow_within_bounds(tries: int, chance: float) -> None:
    assert FIRST_WAIT / 2 <= wait(tries, chance) <= LONGEST_WAIT
    assert wait(tries, chance) <= wait(tries + 1, chance)


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 366 * 24 * 60))
@settings(max_examples=50)
def test_quiet_hours_end_after_they_hold(starts: int, ends: int, at: int) -> None:
    zone, now = ZoneInfo("Europe/Paris"), datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=at)
    end = QuietHours(starts, ends).end(now, zone) if starts != ends else None
    if end is not None:
        assert now < end <= now + timedelta(hours=25)
        assert QuietHours(starts, ends).end(end, zone) is None
