"""Two web nodes and a media worker over PostgreSQL and Redis, all real processes, through the end of any of them.

What holds each time stands in `hall`. `make chaos` does the same with twenty consults, four of them with media.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from consult_rooms.presence import Presence
from consult_rooms.tables import consults
from foundation.ids import StaffId
from foundation.redis_bus import RedisBus
from tests.conftest import PostgresServer
from tests.hoichan.cluster import Balancer, Cluster, running_cluster
from tests.hoichan.hall import RING_S, Hall, emergency, one, outlived, owned, rises, talking, until
from tests.protocol_client import ProtocolClient

DOCTOR, SPECIALIST = "bs.bao", "bs.thuha"


@pytest.fixture(scope="module")
def started(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(postgres, tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def cluster(started: Cluster) -> Cluster:
    """The cluster of these tests, whole again after what the one before did to it."""
    started.mend()
    return started


@pytest.fixture
async def store(cluster: Cluster) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(cluster.database)
    yield engine
    await engine.dispose()


@pytest.fixture
async def hall(cluster: Cluster, store: AsyncEngine) -> AsyncIterator[Hall]:
    balancers = {"websocket": Balancer(cluster.nodes), "polling": Balancer(cluster.nodes, sticky=True)}
    async with AsyncExitStack() as stack:
        urls = {name: await stack.enter_async_context(one.listening()) for name, one in balancers.items()}
        yield Hall(cluster, store, stack, urls)


@pytest.mark.chaos
@pytest.mark.parametrize("restarted", [1, 2])
@pytest.mark.timeout(150)
async def test_a_rolling_restart_drops_no_consult(cluster: Cluster, hall: Hall, restarted: int) -> None:
    held = await hall.consults(3, with_media=1)
    async with talking(held):
        for node in cluster.nodes[:restarted]:
            assert await asyncio.to_thread(node.end, signal.SIGTERM) == 0
            assert "Traceback" not in node.log
            await asyncio.to_thread(cluster.mend)
    assert any(side.back for consult in held for side in consult.sides)
    await outlived(hall, held)


@pytest.mark.parametrize("requests", [3, pytest.param(12, marks=pytest.mark.chaos)])
@pytest.mark.timeout(150)
async def test_redis_comes_back_empty_while_it_rings(
    cluster: Cluster, store: AsyncEngine, hall: Hall, requests: int
) -> None:
    running = await hall.consult(0, media=True)
    await running.specialist.sees_and_hears(running.doctor)
    ringing = [await hall.ring(1 + number) for number in range(requests)]
    people = {StaffId(client.staff["id"]) for doctor, specialist, _ in ringing for client in (doctor, specialist)}
    address = f"redis://127.0.0.1:{cluster.redis.port}/0"

    async def all_present() -> bool:
        async with Redis.from_url(address) as redis:
            return await Presence(RedisBus(redis)).online(people) == people

    await until(all_present, 10)
    async with talking([running]):
        cluster.redis.kill()
        await running.doctor.sees_and_hears(running.specialist)
        ringing.append(await hall.ring(1 + requests))
        _, specialist, consult_id = ringing.pop(0)
        await specialist.call("accept_offer", consult_id=consult_id)
        await owned(store, consult_id, specialist.staff["id"])
        await rises(hall, ringing[0][2])
        cluster.redis.start()
        await until(all_present, 10)
        await rises(hall, ringing[1][2])
    for doctor, specialist, consult_id in ringing:
        await owned(store, consult_id, doctor.staff["id"])
        accepted = await asyncio.gather(
            *(specialist.call("accept_offer", consult_id=consult_id) for _ in range(2)), return_exceptions=True
        )
        assert any(not isinstance(answer, BaseException) for answer in accepted), accepted
        await doctor.wait_for("consult", RING_S, consult_id=consult_id, state="claimed")
        await owned(store, consult_id, specialist.staff["id"])
    assert [side.back for side in running.sides] == [0, 0]
    assert not any(name == "media_lost" for side in running.sides for name, _ in side.client.events)
    await outlived(hall, [running])


@pytest.mark.timeout(90)
async def test_a_node_that_dies_after_the_commit_has_lost_nothing(cluster: Cluster, store: AsyncEngine) -> None:
    """Redis stands still, so no hint can pass; the node is killed as soon as the request's row is there."""
    held = select(func.count()).select_from(consults)
    before = await one(store, held)
    async with cluster.person(cluster.b, SPECIALIST) as specialist:
        doctor = ProtocolClient(cluster.a.url)
        await doctor.sign_in(DOCTOR, cluster.passwords[DOCTOR])
        await doctor.connect()
        cluster.redis.process.send_signal(signal.SIGSTOP)
        try:
            asking = asyncio.create_task(doctor.call("request_consult", **await emergency(store)))
            began = time.monotonic()
            while await one(store, held) == before:
                assert time.monotonic() - began < 4.5, "an emergency waits for Redis"
                assert not asking.done(), asking.result()
                await asyncio.sleep(0.01)
            cluster.a.process.send_signal(signal.SIGKILL)
            died = time.monotonic()
            assert not any(name == "ring" for name, _ in specialist.events), "it rang before the node died"
            ring = await specialist.wait_for("ring", 10)
            assert time.monotonic() - died < RING_S
        finally:
            cluster.redis.process.send_signal(signal.SIGCONT)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            await doctor.close()
        await specialist.call("accept_offer", consult_id=ring["consult_id"])
        async with cluster.person(cluster.b, DOCTOR) as again:
            joined = await again.join(ring["consult_id"])
            assert [entry["kind"] for entry in joined["entries"]].count("claimed") == 1
    cluster.a.process.wait()


@pytest.mark.parametrize(("count", "with_media"), [(3, 1), pytest.param(20, 4, marks=pytest.mark.chaos)])
@pytest.mark.timeout(240)
async def test_a_node_dies_in_the_middle_of_consults(
    cluster: Cluster, store: AsyncEngine, hall: Hall, count: int, with_media: int
) -> None:
    held = await hall.consults(count, with_media)
    doctor, _, ringing = await hall.ring(count)
    async with talking(held):
        cluster.b.process.send_signal(signal.SIGKILL)
        cluster.b.process.wait()
        await rises(hall, ringing)
    assert any(side.back for consult in held for side in consult.sides)
    await outlived(hall, held)
    await owned(store, ringing, doctor.staff["id"])
