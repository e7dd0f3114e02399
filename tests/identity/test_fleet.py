"""Which terminals are online, since when, and how they are equipped; who may see which."""

from __future__ import annotations

import pytest

from foundation.bus import Bus
from foundation.errors import Forbidden, NotFound
from identity.fleet import WRITE_S, Fleet, Look, Report, Working
from identity.model import Role
from tests.identity.conftest import Identity, World

NOW = "5c1e9a7f"
WELL = Report(NOW, Working.READY, Working.READY)


def fleet_of(identity: Identity, bus: Bus) -> Fleet:
    return Fleet(identity.database, bus, identity.directory, identity.clock)


async def test_a_terminal_comes_is_seen_on_another_node_and_goes(
    identity: Identity, world: World, any_bus: Bus
) -> None:
    here, there = fleet_of(identity, any_bus), fleet_of(identity, any_bus)
    terminal, _ = await identity.enrolled(world.clinic)
    view = await there.view(world.chief, NOW)
    assert (view.online, view.offline, view.sights[0].since) == (0, 1, None)

    came = identity.clock.now()
    here.came(terminal.id, "one")
    here.came(terminal.id, "two")
    here.told(terminal.id, Report("old", Working.READY, Working.DENIED))
    await here.keep()
    view = await there.view(world.chief, NOW)
    (sight,) = view.sights
    assert (sight.online, sight.since, sight.old) == (True, came, True)
    assert sight.report == Report("old", Working.READY, Working.DENIED)
    assert (view.online, view.offline, view.trouble) == (1, 0, 1)

    here.told(terminal.id, WELL)
    here.gone(terminal.id, "one")
    await here.keep()
    view = await there.view(world.chief, NOW)
    assert (view.online, view.trouble, view.sights[0].report) == (1, 0, WELL)

    identity.clock.advance(30)
    here.gone(terminal.id, "two")
    await here.keep()
    (sight,) = (await there.view(world.chief, NOW)).sights
    async with identity.database.reading() as read:
        now = await read.now()
    assert not sight.online
    assert sight.since is not None
    assert abs((now - sight.since).total_seconds()) < 5, "it was last seen when its last page closed"
    assert sight.report == WELL, "what it said last is kept"


async def test_of_a_node_that_dies_its_terminals_were_seen_a_minute_ago_at_most(
    identity: Identity, world: World, bus: Bus
) -> None:
    dying, living = fleet_of(identity, bus), fleet_of(identity, bus)
    terminal, _ = await identity.enrolled(world.clinic)
    dying.came(terminal.id, "one")
    await dying.keep()
    identity.clock.advance(WRITE_S)
    await dying.keep()
    assert (await living.view(world.chief, NOW)).online == 1
    identity.clock.advance(10)
    view = await living.view(world.chief, NOW)
    assert view.online == 0
    assert view.sights[0].since is not None


async def test_each_sees_the_terminals_in_reach(identity: Identity, world: World, bus: Bus) -> None:
    other = await identity.facility("51902")
    coordinator = await identity.person("dp.khue", world.hub, Role.COORDINATOR)
    fleet = fleet_of(identity, bus)
    for facility, code in ((world.hub, "H1"), (world.clinic, "C1"), (other, "O1")):
        terminal, _ = await identity.enrolled(facility, code)
        if code == "C1":
            fleet.came(terminal.id, "one")
    await fleet.keep()

    async def codes(*args: object, **named: object) -> list[str]:
        view = await fleet.view(*args, **named)  # type: ignore[arg-type]  # handed on as it is
        return [sight.terminal.code for sight in view.sights]

    assert await codes(world.chief, NOW) == ["C1", "O1", "H1"]
    assert await codes(coordinator, NOW) == ["C1", "H1"]
    assert await codes(world.local_admin, NOW) == ["C1"]
    assert await codes(coordinator, NOW, look=Look.ONLINE) == ["C1"]
    assert await codes(coordinator, NOW, look=Look.OFFLINE) == ["H1"]
    assert await codes(coordinator, NOW, look=Look.TROUBLE) == [], "what nobody told is no trouble"
    assert await codes(world.chief, NOW, facility=other.code) == ["O1"]
    for code in (other.code, "99999"):
        with pytest.raises(NotFound):
            await codes(coordinator, NOW, facility=code)
    for person in (world.doctor, world.specialist):
        with pytest.raises(Forbidden):
            await codes(person, NOW)
