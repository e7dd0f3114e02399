"""Who comes in, and how much each may ask: the newcomers' door, limits of people and facilities, terminals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import socketio  # type: ignore[import-untyped]  # python-socketio has no type marker

from foundation.bus import Bus
from foundation.clock import FakeClock
from foundation.database import Database
from foundation.paces import Rates
from foundation.sealing import Sealer
from identity.fleet import Working
from signaling import gateway
from tests.consult_rooms.conftest import STROKE, TERMINAL
from tests.signaling.conftest import Live, eventually, living
from tests.signaling.test_bad_input import refused


async def test_newcomers_wait_their_turn_and_hear_it_when_too_many_do(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "QUEUE", gateway.AT_ONCE + 2)
    door = live.node.gateway._door
    for _ in range(gateway.AT_ONCE):
        await door.acquire()  # as many as may be looked up at once are, and the database is slow
    live.node.gateway._at_door = gateway.AT_ONCE
    secrets = [await live.sign_in(name) for name in ("lan", "ha", "khai")]
    waiting = [asyncio.create_task(live.connect("", secret=secret)) for secret in secrets[:2]]
    await eventually(lambda: live.node.gateway._at_door == gateway.AT_ONCE + 2)
    told: list[dict[str, Any]] = []
    third = socketio.AsyncClient(reconnection=False)
    third.on("connect_error", told.append)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await third.connect(
            live.node.url, headers={"Cookie": f"hoichan_session={secrets[2]}"}, transports=["websocket"], wait_timeout=5
        )
    await third.disconnect()
    assert (told[0]["data"]["code"], told[0]["data"]["retry_after_s"]) == ("server.full", 5)
    assert told[0]["message"]
    assert not any(task.done() for task in waiting)

    live.node.gateway._at_door -= gateway.AT_ONCE
    for _ in range(gateway.AT_ONCE):
        door.release()
    for client in await asyncio.gather(*waiting):
        await client.done("beat")
    await (await live.connect("khai", secret=secrets[2])).done("beat")
    await eventually(lambda: live.node.gateway._at_door == 0)


async def test_several_devices_of_one_person_ring_and_stop_together(live: Live) -> None:
    desk, phone = await live.connect("ha"), await live.connect("ha")
    consult = await live.world.ask()
    for device in (desk, phone):
        assert (await device.next("ring"))["consult_id"] == consult.id
    await phone.done("accept_offer", consult_id=consult.id)
    for device in (desk, phone):
        assert (await device.next("ring_stopped"))["reason"] == "claimed"
    other = await live.world.ask("two")
    for device in (desk, phone):
        await device.next("ring", consult_id=other.id)
    await desk.done("decline_offer", consult_id=other.id, reason="in_consult")
    for device in (desk, phone):
        assert (await device.next("ring_stopped", consult_id=other.id))["reason"] == "declined"


async def test_whoever_signs_out_is_not_online_any_more(live: Live) -> None:
    secret = await live.sign_in("ha")
    ha = await live.connect("ha", secret=secret)
    await ha.done("beat")
    person = live.world["ha"].id
    assert await live.world.presence.online([person]) == {person}
    session = await live.node.sessions.find(secret)
    assert session is not None
    await live.node.sessions.end(session.id, "signed_out")
    await ha.next("session_ended")
    await eventually(lambda: not ha.socket.connected)
    assert await live.world.presence.online([person]) == set()


async def test_a_terminal_is_online_and_says_how_it_is_equipped(live: Live) -> None:
    keeper, fleet = live.world["dieu"], live.node.fleet
    lan, ha = await live.connect("lan"), await live.connect("ha")
    await lan.done("beat")
    await lan.done("report_terminal", version="5c1e9a7f", camera="ready", microphone="missing")
    fine: dict[str, object] = {"version": "x", "camera": "ready", "microphone": "ready"}
    assert (await ha.error("report_terminal", **fine))["code"] == "terminal.none"
    for field, wrong in (("version", "x" * 33), ("version", "<b>"), ("camera", "broken"), ("terminal_id", TERMINAL)):
        error = await lan.error("report_terminal", **fine | {field: wrong})
        assert (error["code"], error["field"]) == ("event.malformed", field)
    await fleet.keep()
    seen = {sight.terminal.id: sight for sight in (await fleet.view(keeper, "5c1e9a7f")).sights}
    assert seen[TERMINAL].online
    assert (seen[TERMINAL].report.version, seen[TERMINAL].report.microphone) == ("5c1e9a7f", Working.MISSING)
    await lan.socket.disconnect()
    await eventually(lambda: TERMINAL in fleet._closed)
    await fleet.keep()
    seen = {sight.terminal.id: sight for sight in (await fleet.view(keeper, "5c1e9a7f")).sights}
    assert not seen[TERMINAL].online
    assert seen[TERMINAL].since is not None


@pytest.fixture
async def narrow(sqlite_database: Database, clock: FakeClock, bus: Bus, sealer: Sealer) -> AsyncIterator[Live]:
    """A node with narrow limits."""
    rates = Rates(person=5, facility=3, address=1, consults=2)
    async with living(sqlite_database, clock, bus, sealer, rates=rates) as found:
        yield found


async def test_events_of_one_facility_are_answered_full_and_the_others_are_not_slowed(
    narrow: Live, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "signaling")
    lan, ha = await narrow.connect("lan"), await narrow.connect("ha")
    answers = await asyncio.gather(*(lan.call("beat") for _ in range(70)))
    refusals = [answer["error"] for answer in answers if "error" in answer]
    assert len(refusals) == 40
    assert {(one["code"], one["retry_after_s"]) for one in refusals} == {("limit.facility", 1)}
    assert "cơ sở của bạn" in refusals[0]["message"]
    told = [line for line in caplog.messages if line.endswith("limit.facility")]
    assert len(told) == 40
    assert all(narrow.world["lan"].id in line for line in told)
    await ha.done("beat")
    narrow.world.clock.advance(1)
    await lan.done("beat")


async def test_a_facility_asks_for_so_many_consults_a_minute(narrow: Live) -> None:
    lan = await narrow.connect("lan")

    def asked(number: int) -> dict[str, object]:
        return {"specialty_id": STROKE, "urgency": "emergency", "idempotency_key": f"key-{number:08d}"}

    for number in range(2):
        await lan.done("request_consult", **asked(number))
    error = await lan.error("request_consult", **asked(2))
    assert (error["code"], error["retry_after_s"]) == ("limit.consults", 30)
    narrow.world.clock.advance(30)
    await lan.done("request_consult", **asked(2))


async def test_strangers_at_the_door_are_counted_by_address(narrow: Live, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "signaling")
    codes = [await refused(narrow, "forged" * 8) for _ in range(12)]
    assert codes == ["session.needed"] * 10 + ["limit.address"] * 2
    assert await refused(narrow, None) == "limit.address"
    narrow.world.clock.advance(1)
    assert await refused(narrow, None) == "session.needed"
    assert caplog.messages.count("refused to connect: limit.address") == 3


async def test_those_who_are_still_to_be_greeted_keep_no_newcomer_out(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "QUEUE", 1)
    door = live.node.gateway._door
    for _ in range(gateway.AT_ONCE):
        await door.acquire()

    async def greet() -> None:
        async with live.node.gateway._turn(limited=False):
            pass

    greeted = [asyncio.create_task(greet()) for _ in range(20)]
    newcomer = asyncio.create_task(live.connect("lan"))
    await eventually(lambda: live.node.gateway._at_door == 1)
    for _ in range(gateway.AT_ONCE):
        door.release()
    await asyncio.gather(*greeted)
    await (await newcomer).done("beat")
