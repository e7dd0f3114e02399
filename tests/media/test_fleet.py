"""Several worker processes: rooms spread by what is forwarded, carried on after a death or a hang, drained, refused."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from foundation.errors import Unavailable
from foundation.tasks import Tasks
from media.api import MediaNodes
from media.facts import WorkerFacts
from media.link import MISSED, PING_S, PONG_S, WorkerLink
from media.placement import MEASURED_S, ROOM_RATE, Placement
from tests.media.conftest import TOKEN
from tests.media.fleet import Fleet, lost
from tests.media.peers import Peer, relay
from tests.media.test_contract import offers

__all__ = ["offers"]  # a fixture

REOFFERED_S = 2.0
"""From a worker's death to its rooms' new answers and offers on another."""
NOTICED_S = PING_S + MISSED * PONG_S


@pytest.fixture
async def fleet(tmp_path: Path, tasks: Tasks) -> AsyncIterator[Fleet]:
    fleet = Fleet(tmp_path, tasks)
    yield fleet
    await fleet.close()


@pytest.fixture
async def peers(fleet: Fleet) -> AsyncIterator[list[Peer]]:
    """Two people in one room, who see and hear each other."""
    await fleet.start()
    peers = [Peer(fleet.nodes, "r", name) for name in ("a", "b")]
    relaying = asyncio.get_running_loop().create_task(relay(fleet.nodes, {peer.name: peer for peer in peers}))
    await come(peers)
    yield peers
    relaying.cancel()
    await asyncio.gather(relaying, return_exceptions=True)
    for peer in peers:
        await peer.close()


async def come(peers: list[Peer]) -> None:
    for peer in peers:
        await peer.subscribe()
        await peer.publish()
    await asyncio.gather(*(peer.decodes() for peer in peers))


async def answered(nodes: MediaNodes, room_id: str, offer: str) -> float:
    """Enter the room anew, as a client does that was told of its loss; when the worker had answered."""
    await nodes.subscribe(room_id, "b")
    await nodes.publish(room_id, "a", offer, {})
    return asyncio.get_running_loop().time()


async def test_a_killed_workers_room_is_carried_on_by_another(
    fleet: Fleet, peers: list[Peer], offers: list[str]
) -> None:
    dead = await fleet.carrier("r")
    events = fleet.nodes.events()
    began = asyncio.get_running_loop().time()
    fleet.signal(dead, signal.SIGKILL)
    noticed = await lost(events, "r") - began
    offered = await answered(fleet.nodes, "r", offers[0]) - began
    assert await fleet.carrier("r") != dead
    assert noticed < offered < REOFFERED_S, (noticed, offered)
    await come(peers)


async def test_a_hanging_workers_room_is_carried_on_by_another(
    fleet: Fleet, peers: list[Peer], offers: list[str]
) -> None:
    """It neither ends nor answers: nothing but its silence tells."""
    hanging = await fleet.carrier("r")
    events = fleet.nodes.events()
    began = asyncio.get_running_loop().time()
    fleet.signal(hanging, signal.SIGSTOP)
    noticed = await lost(events, "r") - began
    offered = await answered(fleet.nodes, "r", offers[0]) - began
    other = await fleet.carrier("r")
    assert other != hanging
    assert MISSED * PONG_S <= noticed < NOTICED_S + 1.0, noticed
    assert offered - noticed < 1.0, offered
    await come(peers)
    # It wakes up: it is used again, and the room stays where it is by now.
    fleet.signal(hanging, signal.SIGCONT)
    async with asyncio.timeout(10):
        while len(fleet.nodes.fleet()) < 2:
            await asyncio.sleep(0.02)
    await fleet.nodes.subscribe("r", "c")
    assert await fleet.carrier("r") == other


async def test_a_short_pause_is_no_hang(fleet: Fleet, peers: list[Peer]) -> None:
    carrier = await fleet.carrier("r")
    fleet.signal(carrier, signal.SIGSTOP)
    await asyncio.sleep(PONG_S)
    fleet.signal(carrier, signal.SIGCONT)
    await asyncio.gather(*(peer.decodes() for peer in peers))
    assert await fleet.carrier("r") == carrier
    assert len(fleet.nodes.fleet()) == 2


async def test_rooms_are_spread(fleet: Fleet) -> None:
    await fleet.start()
    for number in range(6):
        await fleet.nodes.subscribe(f"r{number}", "a")
    carriers = [await fleet.carrier(f"r{number}") for number in range(6)]
    assert sorted(carriers) == ["w0"] * 3 + ["w1"] * 3


@pytest.mark.parametrize("way", ["signal", "command"])
async def test_a_draining_worker_takes_no_new_rooms_and_ends_with_its_last(fleet: Fleet, way: str) -> None:
    await fleet.start(drain_s=30)
    await fleet.nodes.subscribe("old", "a")
    leaving = await fleet.carrier("old")
    if way == "signal":
        fleet.signal(leaving, signal.SIGTERM)
    else:
        link = await WorkerLink.open(fleet.address(leaving), TOKEN)
        link_task = asyncio.create_task(link.run(lambda _event: None, lambda _room: None))
        assert (await link.ask({"do": "drain"}))["draining"]
        link.close()
        await link_task
    async with asyncio.timeout(5):
        while not any(facts.draining for facts in fleet.nodes.fleet().values()):
            await asyncio.sleep(0.02)
    for number in range(3):
        await fleet.nodes.subscribe(f"new{number}", "a")
        assert await fleet.carrier(f"new{number}") != leaving
    await fleet.nodes.subscribe("old", "b")
    assert await fleet.carrier("old") == leaving
    process = fleet.processes[leaving]
    assert process.returncode is None
    await fleet.nodes.close_room("old")
    async with asyncio.timeout(5):
        assert await process.wait() == 0


async def test_a_drain_is_bounded_and_a_second_signal_ends_it(fleet: Fleet) -> None:
    await fleet.start(drain_s=1.0)
    for number in range(2):
        await fleet.nodes.subscribe(f"r{number}", "a")
    events = fleet.nodes.events()
    began = asyncio.get_running_loop().time()
    fleet.signal("w0", signal.SIGTERM)
    fleet.signal("w1", signal.SIGTERM)
    async with asyncio.timeout(5):
        while not all(facts.draining for facts in fleet.nodes.fleet().values()):
            await asyncio.sleep(0.02)
        fleet.signal("w1", signal.SIGTERM)
        assert await fleet.processes["w1"].wait() == 0
        assert asyncio.get_running_loop().time() - began < 0.9
        assert await fleet.processes["w0"].wait() == 0
        assert asyncio.get_running_loop().time() - began > 0.9
    assert await lost(events, "r1")


async def test_when_all_are_busy_that_is_said(fleet: Fleet) -> None:
    await fleet.start(1, max_load=0.0)
    with pytest.raises(Unavailable, match=r"media\.full"):
        await fleet.nodes.subscribe("r", "a")
    assert await fleet.nodes.ready(), "a full worker answers; the web node has to go on serving"
    fleet.signal("w0", signal.SIGKILL)
    await fleet.processes["w0"].wait()
    with pytest.raises(Unavailable, match=r"media\.unavailable"):
        await fleet.nodes.subscribe("r", "a")
    assert not await fleet.nodes.ready()


def test_a_room_goes_to_the_worker_that_forwards_the_fewest_packets() -> None:
    placement = Placement()
    busy, idle = WorkerFacts(admits=True, rate=5_000, load=0.2), WorkerFacts(admits=True, rate=100, load=0.3)
    assert placement.choose({"busy": busy, "idle": idle}, 0.0) == "idle"
    assert placement.choose({"busy": busy, "idle": WorkerFacts(rate=100)}, 0.0) == "busy"
    assert placement.choose({"idle": WorkerFacts(), "drains": WorkerFacts(draining=True)}, 0.0) is None
    assert placement.choose({}, 0.0) is None


def test_rooms_that_are_not_measured_yet_count() -> None:
    placement = Placement()
    workers = {name: WorkerFacts(admits=True, rate=rate) for name, rate in (("a", 0), ("b", ROOM_RATE + 1))}
    chosen = []
    for _ in range(4):
        name = placement.choose(workers, 0.0)
        assert name is not None
        placement.note(name, 0.0)
        chosen.append(name)
    assert chosen == ["a", "a", "b", "a"]
    assert placement.choose(workers, MEASURED_S + 1) == "a"
