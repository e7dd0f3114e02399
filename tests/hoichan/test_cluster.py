"""Two web nodes and a media worker over PostgreSQL and Redis, all real processes, through the end of any of them.

What holds each time: every consult keeps its one owner, each side its place and role, the log and the chat come whole,
in order and once, what rings goes on to ring, and media comes back. `make chaos` does the same with twenty consults.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from consult_rooms.model import LogEntry, LogKind
from consult_rooms.owners import owner_at
from consult_rooms.presence import Presence
from consult_rooms.tables import consult_log, consults, offers
from foundation.ids import ConsultId, StaffId
from foundation.redis_bus import RedisBus
from hoichan import demo
from identity.tables import specialties
from tests.conftest import PostgresServer
from tests.hoichan.attendee import Attendee
from tests.hoichan.cluster import Balancer, Cluster, running_cluster
from tests.protocol_client import ProtocolClient

DOCTOR, SPECIALIST = "bs.bao", "bs.thuha"
RING_S = 3.0
FAR = ("87", "96")
"""The first digits of the southern clinics' and their hospital's codes, whose links hold in office hours alone."""


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


async def rows(store: AsyncEngine, query: Any) -> list[Any]:
    async with store.connect() as connection:
        return list(await connection.execute(query))


async def one(store: AsyncEngine, query: Any) -> Any:
    [row] = await rows(store, query)
    return row[0]


async def until(holds: Callable[[], Awaitable[object]], within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while not await holds():
            await asyncio.sleep(0.05)


async def emergency(store: AsyncEngine, code: str = "than_kinh_dot_quy") -> dict[str, object]:
    specialty = await one(store, select(specialties.c.id).where(specialties.c.code == code))
    return {"specialty_id": specialty, "urgency": "emergency", "idempotency_key": secrets.token_hex(8)}


def step(consult_id: str) -> Any:
    return select(consults.c.step).where(consults.c.id == consult_id)


async def owned(store: AsyncEngine, consult_id: str, owner_id: str) -> None:
    """One owner at each moment by the log, and this one now, by the log as by the consult."""
    found = await rows(store, select(consult_log).where(consult_log.c.consult_id == consult_id).order_by("number"))
    entries = [LogEntry(ConsultId(e.consult_id), e.number, e.at, LogKind(e.kind), e.actor, e.data) for e in found]
    assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
    assert all(owner_at(entries, entry.number) for entry in entries)
    assert owner_at(entries) == owner_id
    assert await one(store, select(consults.c.owner_id).where(consults.c.id == consult_id)) == owner_id
    rung = [entry.data["staff"] for entry in entries if entry.kind is LogKind.RUNG]
    assert len(rung) == len(set(rung)), "each is rung once"


@dataclass
class Consulting:
    """A claimed consult with both in its room."""

    consult_id: str
    doctor: Attendee
    specialist: Attendee

    @property
    def sides(self) -> tuple[Attendee, Attendee]:
        return self.doctor, self.specialist


class Hall:
    """The demo's people at the cluster, by the balancers. Everybody signs in once, and connects once for each use."""

    def __init__(self, cluster: Cluster, store: AsyncEngine, stack: AsyncExitStack, urls: dict[str, str]) -> None:
        self.cluster, self.store = cluster, store
        self._stack, self._urls = stack, urls
        self._sessions: dict[str, ProtocolClient] = {}
        staff = demo.staff(date(2026, 11, 23))
        near = [person for person in staff if not person.facility_code.startswith(FAR)]
        self._doctors = [person.user_name for person in near if "rural_doctor" in person.roles]
        self._specialists = [person for person in near if "specialist" in person.roles]

    async def connect(self, user_name: str, transport: str = "websocket") -> ProtocolClient:
        client = ProtocolClient(self._urls[transport], transport=transport)
        known = self._sessions.setdefault(user_name, client)
        if known is client:
            await client.sign_in(user_name, self.cluster.passwords[user_name])
        else:
            client.use(known.session)
            client.staff = known.staff
        await client.connect()
        self._stack.push_async_callback(client.close)
        return client

    async def ring(self, number: int) -> tuple[ProtocolClient, ProtocolClient, str]:
        """A request that rings for a specialist of its own, after as many steps as that takes."""
        person = self._specialists[number]
        # The first pair of all comes by long polling.
        transport = "polling" if number == 0 else "websocket"
        doctor = await self.connect(self._doctors[number % len(self._doctors)], transport)
        specialist = await self.connect(person.user_name, transport)
        wanted = await emergency(self.store, person.specialties[0].replace("-", "_"))
        consult_id = str((await doctor.call("request_consult", **wanted))["consult_id"])
        mine = select(func.count()).where(
            offers.c.consult_id == consult_id, offers.c.staff_id == specialist.staff["id"]
        )
        while not await one(self.store, mine):
            await doctor.call("widen_request", consult_id=consult_id)
        await specialist.wait_for("ring", consult_id=consult_id)
        return doctor, specialist, consult_id

    async def consult(self, number: int, *, media: bool) -> Consulting:
        doctor, specialist, consult_id = await self.ring(number)
        await specialist.call("accept_offer", consult_id=consult_id)
        found = Consulting(consult_id, *(Attendee(client, consult_id, media=media) for client in (doctor, specialist)))
        for side in found.sides:
            await side.enter()
            staying = asyncio.create_task(side.stay())
            self._stack.callback(staying.cancel)
        return found

    async def consults(self, count: int, with_media: int) -> list[Consulting]:
        """That many at once, the last of them with media."""
        return [await self.consult(number, media=number >= count - with_media) for number in range(count)]


@pytest.fixture
async def hall(cluster: Cluster, store: AsyncEngine) -> AsyncIterator[Hall]:
    balancers = {"websocket": Balancer(cluster.nodes), "polling": Balancer(cluster.nodes, sticky=True)}
    async with AsyncExitStack() as stack:
        urls = {name: await stack.enter_async_context(one.listening()) for name, one in balancers.items()}
        yield Hall(cluster, store, stack, urls)


@asynccontextmanager
async def talking(held: list[Consulting]) -> AsyncIterator[None]:
    """Both sides of each consult write on while the block does its worst; after it everything has arrived."""
    over = asyncio.Event()
    said: dict[str, list[str]] = {consult.consult_id: [] for consult in held}

    async def talk(side: Attendee, name: str) -> None:
        while not over.is_set():
            said[side.consult_id].append(line := f"{name} {len(said[side.consult_id])}")
            await side.say(line)
            await asyncio.sleep(0.1)

    talks = [
        asyncio.create_task(talk(side, name))
        for consult in held
        for side, name in zip(consult.sides, ("A", "B"), strict=True)
    ]
    try:
        yield
        await asyncio.sleep(0.3)
    finally:
        over.set()
        await asyncio.wait_for(asyncio.gather(*talks), 30)
    for consult in held:
        for side in consult.sides:
            async with asyncio.timeout(10):
                while len(side.lines) < len(said[consult.consult_id]):
                    await asyncio.sleep(0.05)
            assert sorted(side.lines) == sorted(said[consult.consult_id])
        assert consult.doctor.lines == consult.specialist.lines


async def outlived(hall: Hall, held: list[Consulting]) -> None:
    """Same consult, same places, everything in order and once, one owner; media runs. Then it ends for both."""
    await asyncio.gather(
        *(
            one.sees_and_hears(other)
            for consult in held
            for one, other in (consult.sides, consult.sides[::-1])
            if one.media
        )
    )
    for consult in held:
        await consult.specialist.client.call("end_consult", consult_id=consult.consult_id)
    for consult in held:
        for side in consult.sides:
            await side.client.wait_for("consult", consult_id=consult.consult_id, state="ended")
            async with asyncio.timeout(10):
                while side.client.entries[-1]["kind"] != "ended":
                    await asyncio.sleep(0.05)
            numbers = [entry["number"] for entry in side.client.entries]
            assert numbers == list(range(1, len(numbers) + 1)), "each once and in order"
            kinds = [entry["kind"] for entry in side.client.entries]
            assert (kinds.count("claimed"), kinds.count("joined"), kinds.count("left")) == (1, 2, 0)
        assert [[role for _, role in side.places] for side in consult.sides] == [["requester"], ["specialist"]]
        await owned(hall.store, consult.consult_id, str(consult.specialist.client.staff["id"]))


async def rises(hall: Hall, consult_id: str) -> None:
    """The deadline of the step that runs passes now, by the store's time: the next begins."""
    before = await one(hall.store, step(consult_id))
    async with hall.store.begin() as connection:
        due = text("UPDATE consults SET step_due_at = now() WHERE id = :id")
        await connection.execute(due, {"id": consult_id})

    async def risen() -> bool:
        return bool(await one(hall.store, step(consult_id)) != before)

    await until(risen, RING_S)


@pytest.mark.parametrize("restarted", [1, pytest.param(2, marks=pytest.mark.chaos)])
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
