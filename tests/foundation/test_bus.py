"""The contract that the in-process bus and Redis both keep."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from foundation.bus import Bus
from foundation.errors import Unavailable
from foundation.redis_bus import RedisBus


async def test_a_hint_reaches_every_subscriber_of_its_topic(any_bus: Bus) -> None:
    async with any_bus.subscribe("log") as one, any_bus.subscribe("log") as two, any_bus.subscribe("other") as other:
        await any_bus.publish("log", {"consult": "con_1", "number": 7})
        for hints in (one, two):
            assert await asyncio.wait_for(anext(hints), 5) == {"consult": "con_1", "number": 7}
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(other), 0.05)


async def test_members_are_those_that_beat(any_bus: Bus) -> None:
    await any_bus.beat("presence:sta_1", "socket_1", 30, "web-1")
    await any_bus.beat("presence:sta_1", "socket_2", 30)
    assert await any_bus.members(["presence:sta_1", "presence:sta_2"]) == {
        "presence:sta_1": {"socket_1": "web-1", "socket_2": ""}
    }
    await any_bus.drop("presence:sta_1", "socket_1")
    assert await any_bus.members(["presence:sta_1"]) == {"presence:sta_1": {"socket_2": ""}}


async def test_a_member_that_stops_beating_is_gone(any_bus: Bus, clock: object) -> None:
    await any_bus.beat("presence:sta_1", "socket_1", 0.05)
    await any_bus.beat("presence:sta_1", "socket_2", 30)
    if isinstance(any_bus, RedisBus):
        await asyncio.sleep(0.08)  # Redis keeps its own time
    else:
        clock.advance(0.08)  # type: ignore[attr-defined]  # the FakeClock that the fixture gave this bus
    assert await any_bus.members(["presence:sta_1"]) == {"presence:sta_1": {"socket_2": ""}}


async def test_a_board_shows_every_living_sheet(any_bus: Bus) -> None:
    assert not await any_bus.note("people", "node_1", 30, {"a": "1"})
    assert await any_bus.note("people", "node_1", 30, {"a": "1", "b": "2"}, whole=True)
    assert await any_bus.note("people", "node_2", 30, {"b": "3"}, whole=True)
    found = await any_bus.look("people", ["a", "b", "c"])
    assert {entry: sorted(values) for entry, values in found.items()} == {"a": ["1"], "b": ["2", "3"]}
    assert await any_bus.note("people", "node_1", 30, {"a": None, "b": None, "c": "4"})
    assert await any_bus.look("people", ["a", "b", "c"]) == {"b": ["3"], "c": ["4"]}
    assert await any_bus.note("people", "node_2", 30, {"d": "5"}, whole=True)
    assert await any_bus.look("people", ["a", "b", "c", "d"]) == {"c": ["4"], "d": ["5"]}
    assert await any_bus.look("others", ["d"]) == {}


async def test_a_sheet_that_is_not_renewed_is_gone(any_bus: Bus, clock: object) -> None:
    assert await any_bus.note("people", "node_1", 0.05, {"a": "1"}, whole=True)
    assert await any_bus.note("people", "node_2", 30, {"a": "2"}, whole=True)
    if isinstance(any_bus, RedisBus):
        await asyncio.sleep(0.08)
    else:
        clock.advance(0.08)  # type: ignore[attr-defined]  # the FakeClock that the fixture gave this bus
    assert await any_bus.look("people", ["a"]) == {"a": ["2"]}
    assert not await any_bus.note("people", "node_1", 30, {"a": "1"})


async def test_a_lease_has_one_holder_until_it_is_given_back(any_bus: Bus) -> None:
    assert await any_bus.acquire("ladder", "node_1", 30)
    assert not await any_bus.acquire("ladder", "node_2", 30)
    assert await any_bus.acquire("ladder", "node_1", 30)
    assert await any_bus.holder("ladder") == "node_1"
    await any_bus.release("ladder", "node_2")
    assert not await any_bus.acquire("ladder", "node_2", 30)
    await any_bus.release("ladder", "node_1")
    assert await any_bus.acquire("ladder", "node_2", 30)


async def test_a_lease_runs_out(any_bus: Bus, clock: object) -> None:
    assert await any_bus.acquire("ladder", "node_1", 0.05)
    if isinstance(any_bus, RedisBus):
        await asyncio.sleep(0.08)
    else:
        clock.advance(0.08)  # type: ignore[attr-defined]  # the FakeClock that the fixture gave this bus
    assert await any_bus.holder("ladder") is None
    assert await any_bus.acquire("ladder", "node_2", 30)


async def test_a_slow_subscriber_loses_the_oldest_hints_and_no_memory(bus: Bus) -> None:
    async with bus.subscribe("log") as hints:
        for number in range(10_050):
            await bus.publish("log", {"number": number})
        assert await anext(hints) == {"number": 50}


async def test_a_dead_redis_loses_hints_silently_and_presence_loudly() -> None:
    bus = RedisBus(Redis.from_url("redis://127.0.0.1:1/0"))
    await bus.publish("log", {"number": 1})
    assert not await bus.ready()
    with pytest.raises(Unavailable, match=r"bus\.unavailable"):
        await bus.beat("presence:sta_1", "socket_1", 30)
    await bus.close()
