"""Who is signed in and who is busy, on both buses."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from consult_rooms.presence import Presence
from foundation.bus import Bus, MemoryBus
from foundation.clock import FakeClock
from foundation.errors import Unavailable
from foundation.ids import ConsultId, StaffId
from foundation.redis_bus import RedisBus

HA, KHAI = StaffId("stf_ha"), StaffId("stf_khai")
ROOM = ConsultId("con_1")


@pytest.fixture
def presence(any_bus: Bus) -> Presence:
    return Presence(any_bus)


async def test_a_person_is_online_while_one_socket_lives(presence: Presence) -> None:
    await presence.beat(HA, "one")
    await presence.beat(HA, "two")
    assert await presence.online([HA, KHAI]) == {HA}
    await presence.gone(HA, "one")
    assert await presence.online([HA, KHAI]) == {HA}
    await presence.gone(HA, "two")
    assert await presence.online([HA, KHAI]) == set()
    assert await presence.online([]) == set()


async def test_a_person_is_busy_while_a_socket_is_in_a_room(presence: Presence) -> None:
    await presence.beat(HA, "one", ROOM)
    await presence.beat(HA, "two")
    await presence.beat(KHAI, "three")
    assert await presence.in_consult([HA, KHAI]) == {HA: ROOM}
    await presence.beat(HA, "one")
    assert await presence.in_consult([HA, KHAI]) == {}


async def test_a_node_that_dies_takes_its_people_along_within_ten_seconds() -> None:
    clock = FakeClock()
    bus = MemoryBus(clock)
    dying, living = Presence(bus), Presence(bus)
    await dying.beat(HA, "one")
    await living.beat(KHAI, "two")
    for _ in range(3):
        clock.advance(2.5)
        await living.keep()
    assert await living.online([HA, KHAI]) == {HA, KHAI}
    clock.advance(0.5)
    assert await living.online([HA, KHAI]) == {KHAI}


async def test_a_person_at_two_nodes_is_online_while_one_of_them_lives(any_bus: Bus) -> None:
    here, there = Presence(any_bus), Presence(any_bus)
    await here.beat(HA, "one")
    await there.beat(HA, "two", ROOM)
    assert await here.in_consult([HA]) == {HA: ROOM}
    await there.gone(HA, "two")
    assert await there.online([HA]) == {HA}
    assert await there.in_consult([HA]) == {}


async def test_a_bus_that_lost_everything_is_told_anew(redis_url: str) -> None:
    redis = Redis.from_url(redis_url)
    bus = RedisBus(redis, prefix=f"test:{uuid4().hex}:")
    presence = Presence(bus)
    await presence.beat(HA, "one")
    await presence.beat(KHAI, "two", ROOM)
    for key in await redis.keys(f"{bus._prefix}*"):
        await redis.delete(key)
    assert await presence.online([HA, KHAI]) == set()
    await presence.keep()
    assert await presence.online([HA, KHAI]) == {HA, KHAI}
    assert await presence.in_consult([HA, KHAI]) == {KHAI: ROOM}
    await bus.close()


async def test_what_is_told_while_the_bus_is_down_is_told_when_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = MemoryBus(FakeClock())
    presence, note = Presence(bus), bus.note

    async def down(*_arguments: object, **_named: object) -> bool:
        raise Unavailable("bus.unavailable", "")

    await presence.beat(HA, "one")
    monkeypatch.setattr(bus, "note", down)
    with pytest.raises(Unavailable):
        await presence.beat(KHAI, "two")
    with pytest.raises(Unavailable):
        await presence.gone(HA, "one")
    monkeypatch.setattr(bus, "note", note)
    await presence.keep()
    assert await presence.online([HA, KHAI]) == {KHAI}


async def test_many_sockets_cost_a_renewal_no_more_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = MemoryBus(FakeClock())
    presence, note, sent = Presence(bus), bus.note, []

    async def counted(board: str, holder: str, ttl_s: float, changes: Mapping[str, str | None], **named: bool) -> bool:
        sent.append(len(changes))
        return await note(board, holder, ttl_s, changes, **named)

    for number in range(200):
        await presence.beat(StaffId(f"stf_{number}"), "socket")
    monkeypatch.setattr(bus, "note", counted)
    for number in range(200):
        await presence.beat(StaffId(f"stf_{number}"), "socket")
    await presence.keep()
    assert sent == [0]
