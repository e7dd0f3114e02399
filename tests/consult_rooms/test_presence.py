"""Who is signed in and who is busy, on both buses."""

from __future__ import annotations

import pytest

from consult_rooms.presence import Presence
from foundation.bus import Bus, MemoryBus
from foundation.clock import FakeClock
from foundation.ids import ConsultId, StaffId

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


async def test_silence_for_thirty_seconds_is_absence() -> None:
    clock = FakeClock()
    presence = Presence(MemoryBus(clock))
    await presence.beat(HA, "one")
    clock.advance(29)
    assert await presence.online([HA]) == {HA}
    clock.advance(1)
    assert await presence.online([HA]) == set()
