"""Workers found, rooms placed, links lost: several web nodes and workers, over the in-process bus and a real Redis."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from foundation.bus import Bus, MemoryBus
from foundation.clock import SystemClock
from foundation.errors import Unavailable
from foundation.redis_bus import RedisBus
from foundation.tasks import Tasks
from media import wire
from media.api import MediaEvent, RoomLost, SubscribeOffered
from media.directory import BusDirectory
from media.link import WorkerLink
from media.nodes import WorkerNodes
from media.settings import WorkerSettings
from media.worker import Worker
from tests.media.conftest import TOKEN
from tests.media.test_contract import answer_to, offers

__all__ = ["offers"]  # a fixture


@pytest.fixture(params=["memory", "redis"])
async def bus(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bus]:
    if request.param == "memory":
        yield MemoryBus(SystemClock())
        return
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    path = tmp_path / "redis"
    process = await asyncio.create_subprocess_exec(
        *(program, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(tmp_path)),
        stdout=asyncio.subprocess.DEVNULL,
    )
    redis = Redis.from_url(f"unix://{path}", decode_responses=True)
    try:
        async with asyncio.timeout(10):
            while True:
                try:
                    await redis.ping()
                    break
                except RedisError:
                    await asyncio.sleep(0.02)
        yield RedisBus(redis)
    finally:
        await redis.aclose()
        process.terminate()
        await process.wait()


class Cluster:
    """Workers that register on the bus and web nodes that find them there."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.workers: dict[str, tuple[Worker, Tasks]] = {}
        self.tasks: list[Tasks] = []

    async def worker(self, name: str) -> Worker:
        tasks = Tasks()
        worker = Worker(WorkerSettings(name, TOKEN), SystemClock(), tasks, self.bus)
        await worker.start()
        self.workers[name] = (worker, tasks)
        return worker

    async def node(self) -> WorkerNodes:
        tasks = Tasks()
        self.tasks.append(tasks)
        nodes = WorkerNodes(BusDirectory(self.bus), tasks, TOKEN)
        await nodes.start()
        async with asyncio.timeout(10):
            while not await nodes.ready():
                await asyncio.sleep(0.02)
        return nodes

    async def stop(self, name: str) -> None:
        worker, tasks = self.workers.pop(name)
        await worker.close()
        await tasks.close()

    async def close(self) -> None:
        for tasks in self.tasks:
            await tasks.close()
        for name in list(self.workers):
            await self.stop(name)


@pytest.fixture
async def cluster(bus: Bus) -> AsyncIterator[Cluster]:
    cluster = Cluster(bus)
    yield cluster
    await cluster.close()


async def first(events: AsyncIterator[MediaEvent], kind: type[MediaEvent]) -> MediaEvent:
    async with asyncio.timeout(10):
        async for event in events:
            if isinstance(event, kind):
                return event
    raise AssertionError


async def carrier(cluster: Cluster, room_id: str) -> str:
    holder = await BusDirectory(cluster.bus).holder(room_id)
    assert holder is not None
    return holder.partition("/")[0]


async def test_two_nodes_meet_in_one_room(cluster: Cluster, offers: list[str]) -> None:
    for name in ("w1", "w2", "w3"):
        await cluster.worker(name)
    one, two = await cluster.node(), await cluster.node()
    events = two.events()
    await asyncio.gather(*(node.subscribe("r", who) for node, who in ((one, "a"), (two, "b"))))
    await one.publish("r", "a", offers[0], {})
    event = await first(events, SubscribeOffered)
    assert isinstance(event, SubscribeOffered)
    assert (event.room_id, event.participant_id) == ("r", "b")
    assert len(event.offer.tracks) == 2
    await two.answer("r", "b", await answer_to(event.offer), event.offer.revision)
    await two.remove("r", "a")
    assert (await first(events, SubscribeOffered)).offer.tracks == ()  # type: ignore[union-attr]  # just checked


async def test_a_node_removes_from_a_room_that_it_never_used(cluster: Cluster, offers: list[str]) -> None:
    await cluster.worker("w1")
    one, two = await cluster.node(), await cluster.node()
    await one.subscribe("r", "b")
    await one.publish("r", "a", offers[0], {})
    await two.remove("r", "a")
    assert (await one.subscribe("r", "b")).tracks == ()


async def test_every_node_hears_that_a_worker_died_and_meets_on_another(cluster: Cluster, offers: list[str]) -> None:
    for name in ("w1", "w2"):
        await cluster.worker(name)
    one, two = await cluster.node(), await cluster.node()
    await one.publish("r", "a", offers[0], {})
    await two.subscribe("r", "b")
    events = [node.events() for node in (one, two)]
    dead = await carrier(cluster, "r")
    await cluster.stop(dead)
    assert [await first(heard, RoomLost) for heard in events] == [RoomLost("r")] * 2
    await one.publish("r", "a", offers[0], {})
    assert len((await two.subscribe("r", "b")).tracks) == 2
    assert await carrier(cluster, "r") != dead


async def test_rooms_stay_when_the_directory_came_back_empty(cluster: Cluster, offers: list[str]) -> None:
    for name in ("w1", "w2"):
        await cluster.worker(name)
    one, two = await cluster.node(), await cluster.node()
    before = {}
    for room_id in ("r", "s"):
        await one.publish(room_id, "a", offers[0], {})
        before[room_id] = await carrier(cluster, room_id)
    assert set(before.values()) == {"w1", "w2"}
    directory = BusDirectory(cluster.bus)
    for room_id in ("s", "r"):  # a node that knows of neither would begin with the other worker
        await directory.release(room_id, await directory.holder(room_id) or "")
        assert len((await two.subscribe(room_id, "b")).tracks) == 2, "they meet"
    assert {room_id: await carrier(cluster, room_id) for room_id in before} == before
    await directory.release("r", await directory.holder("r") or "")
    await (await cluster.node()).remove("r", "a")
    assert (await two.subscribe("r", "b")).tracks == ()


async def test_a_claim_of_a_worker_that_is_no_more_is_given_up(cluster: Cluster) -> None:
    """Its nodes died with it, so nobody released the room."""
    await cluster.worker("w1")
    node = await cluster.node()
    await BusDirectory(cluster.bus).get_or_claim("r", "ghost/1")
    await node.subscribe("r", "a")
    assert await carrier(cluster, "r") == "w1"


async def test_without_any_worker_a_command_fails_in_good_time(cluster: Cluster) -> None:
    await cluster.worker("w1")
    node = await cluster.node()
    await cluster.stop("w1")
    began = asyncio.get_running_loop().time()
    with pytest.raises(Unavailable):
        await node.subscribe("r", "a")
    assert asyncio.get_running_loop().time() - began < 4
    assert not await node.ready()


async def test_a_room_stays_when_only_the_link_broke(worker: Worker, tasks: Tasks, offers: list[str]) -> None:
    nodes = WorkerNodes(BusDirectory(MemoryBus(SystemClock())), tasks, TOKEN, [worker.control.address])
    await nodes.start()
    await nodes.publish("r", "a", offers[0], {})
    offer = await nodes.subscribe("r", "b")
    events = nodes.events()
    for link in list(nodes._links.values()):  # the only way to break the link and nothing else
        link.close()
    event = await first(events, SubscribeOffered)
    assert isinstance(event, SubscribeOffered)
    assert event.offer.revision == offer.revision + 1
    assert [track.track_id for track in event.offer.tracks] == [track.track_id for track in offer.tracks]


async def test_a_node_without_the_token_is_refused(worker: Worker) -> None:
    with pytest.raises(wire.WireError):
        await WorkerLink.open(worker.control.address, "another token")


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[]\n",
        b"x" * (wire.LIMIT + 10) + b"\n",
        b'{"nonce":1}\n',
        b'{"nonce":"n","proof":"p"}\n',
        b"\xff\n",
    ],
)
async def test_junk_on_the_control_channel_is_cut_off(worker: Worker, junk: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(worker.control.address.removeprefix("unix:"))
    await reader.readline()
    writer.write(junk)
    writer.write_eof()
    async with asyncio.timeout(5):
        assert b"proof" not in await reader.read()
    writer.close()
    link = await WorkerLink.open(worker.control.address, TOKEN)
    link.close()


async def test_unknown_commands_get_an_error(worker: Worker, tasks: Tasks) -> None:
    link = await WorkerLink.open(worker.control.address, TOKEN)
    tasks.start("link", link.run(lambda _event: None, lambda _room: None))
    for command in ({}, {"do": "fly"}, {"do": "publish", "room": 1}, {"do": "answer", "room": "r", "participant": "p"}):
        with pytest.raises(Exception, match=r"media\.command_invalid"):
            await link.ask(dict(command))
    assert (await link.ask({"do": "ping"}))["admits"]
    link.close()


def test_the_control_socket_is_its_owners_alone(worker: Worker) -> None:
    path = Path(worker.control.address.removeprefix("unix:"))
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_worker_registers_the_address_that_nodes_are_to_use(tasks: Tasks) -> None:
    """It may listen on every interface, behind a name of its own."""
    bus = MemoryBus(SystemClock())
    settings = WorkerSettings("w", TOKEN, control_host="127.0.0.1", control_announce="media.example:7000")
    worker = Worker(settings, SystemClock(), tasks, bus)
    await worker.start()
    async with asyncio.timeout(5):
        while not (records := await BusDirectory(bus).workers()):
            await asyncio.sleep(0)
    assert [(record.placement, record.control) for record in records] == [(worker.placement, "tcp:media.example:7000")]
    await worker.close()
    assert await BusDirectory(bus).workers() == []
