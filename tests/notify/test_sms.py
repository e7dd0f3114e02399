"""What leaves for an SMS gateway, and what its answers mean."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from foundation.clock import FakeClock
from foundation.database import Database
from foundation.fetch import Fetcher
from foundation.reach import Reach
from foundation.sealing import Sealer
from notify.delivery import FIRST_WAIT
from notify.notice import Channel
from notify.sms import SmsGateway, SmsSender
from tests.notify.outgoing import SITE, Gateway, Post, booked, post, sms_gateway

BODY: dict[str, Any] = {"to": "{to}", "message": {"text": "HC {text}"}, "id": "{id}", "sender": "HOICHAN", "part": 1}


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with sms_gateway() as opened:
        yield opened


@pytest.fixture
async def fetcher(gateway: Gateway) -> AsyncIterator[Fetcher]:
    made = Fetcher(Reach.read("127.0.0.0/8", f"127.0.0.1:{gateway.port}"))
    yield made
    await made.close()


async def box_of(
    database: Database, sealer: Sealer, gateway: Gateway, fetcher: Fetcher, body: dict[str, Any], *, form: bool = False
) -> Post:
    box = await post(database, sealer, {})
    given = SmsGateway(f"http://127.0.0.1:{gateway.port}/send", body, "Bearer secret", form)
    box.outbox.channels |= {Channel.SMS}
    box.carriers[Channel.SMS] = SmsSender(given, box.contacts, fetcher, SITE)
    return box


async def test_a_gateway_gets_its_own_body_and_the_same_key_each_time(
    sqlite_database: Database, sealer: Sealer, gateway: Gateway, fetcher: Fetcher, clock: FakeClock
) -> None:
    box = await box_of(sqlite_database, sealer, gateway, fetcher, BODY)
    gateway.statuses = [503]
    await box.tell(booked())
    await box.delivery.run_due()
    clock.advance(FIRST_WAIT.total_seconds())
    await box.delivery.run_due()
    (first, body), (second, again) = gateway.received
    [row] = await box.rows(Channel.SMS)
    assert row.state == "sent"
    assert first["Idempotency-Key"] == second["Idempotency-Key"] == body["id"] == row.id
    assert first["Authorization"] == "Bearer secret"
    assert body == again
    assert body["to"] == "+84912345678"
    assert body["message"]["text"].startswith("HC Hoichan: Đã đặt lịch")
    assert body["message"]["text"].endswith("/consults/con_1")
    assert (body["sender"], body["part"]) == ("HOICHAN", 1)


async def test_a_gateway_that_wants_a_form_gets_one(
    sqlite_database: Database, sealer: Sealer, gateway: Gateway, fetcher: Fetcher
) -> None:
    box = await box_of(sqlite_database, sealer, gateway, fetcher, {"phone": "{to}", "sms": "{text}"}, form=True)
    await box.tell(booked())
    await box.delivery.run_due()
    [(_, body)] = gateway.received
    assert body["phone"] == "+84912345678"


@pytest.mark.parametrize(("status", "state"), [(400, "dead"), (429, "waiting"), (500, "waiting"), (401, "waiting")])
async def test_its_answer_decides_whether_to_try_again(
    sqlite_database: Database, sealer: Sealer, gateway: Gateway, fetcher: Fetcher, status: int, state: str
) -> None:
    box = await box_of(sqlite_database, sealer, gateway, fetcher, BODY)
    gateway.statuses = [status]
    await box.tell(booked())
    await box.delivery.run_due()
    assert [(row.state, row.fault) for row in await box.rows(Channel.SMS)] == [(state, f"sms.{status}")]
