"""The ladder in time, on both stores: any node runs it, none runs a step twice, no hint is needed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update

from consult_rooms.model import ConsultState, OfferState, Step, Urgency
from consult_rooms.tables import consults
from foundation.bus import Hint, MemoryBus
from foundation.clock import FakeClock
from foundation.database import Database
from foundation.errors import Unavailable
from foundation.sealing import Sealer
from tests.conftest import PostgresServer
from tests.consult_rooms.conftest import UNKNOWN_WOMAN, World, build, seed


class DeafBus(MemoryBus):
    """A bus that loses every hint, as when a process dies between commit and publish."""

    async def publish(self, topic: str, hint: Hint) -> None:
        raise ConnectionError("killed")


class NoBus(MemoryBus):
    """A bus that is down."""

    async def look(self, board: str, entries: object) -> dict[str, list[str]]:
        raise Unavailable("bus.unavailable", "down")


async def test_steps_follow_in_time_and_after_the_coordinators_it_is_a_written_case(world: World) -> None:
    consult = await world.ask()
    seen = []
    for _ in range(4):
        world.clock.advance(29)
        await world.runner.run_due()
        async with world.database.reading() as tx:
            before = (await world.store.get(tx, consult.id)).step
        world.clock.advance(1)
        await world.runner.run_due()
        async with world.database.reading() as tx:
            found = await world.store.get(tx, consult.id)
        seen.append((before, found.step, found.step_due_at is not None))
    assert seen == [
        (Step.ON_CALL, Step.SPECIALTY, True),
        (Step.SPECIALTY, Step.COORDINATOR, True),
        (Step.COORDINATOR, Step.COORDINATOR, True),
        (Step.COORDINATOR, Step.COORDINATOR, True),
    ]
    async with world.database.reading() as tx:
        rung = await world.store.offers(tx, consult.id)
    assert {offer.state for offer in rung} == {OfferState.RINGING}
    names = {person.staff_id for person in rung}
    assert names == {world[who].id for who in ("ha", "khai", "an", "dieu")}
    world.clock.advance(239)  # 300 s since the coordinators' step began, less one
    await world.runner.run_due()
    async with world.database.reading() as tx:
        assert (await world.store.get(tx, consult.id)).state is ConsultState.RINGING
    world.clock.advance(1)
    await world.runner.run_due()
    async with world.database.reading() as tx:
        written = await world.store.get(tx, consult.id)
        assert OfferState.RINGING not in {offer.state for offer in await world.store.offers(tx, consult.id)}
    assert (written.state, written.step_due_at) == (ConsultState.WRITTEN, None)
    assert (await world.kinds(consult))[-1] == "written"


@pytest.mark.parametrize(("urgency", "seconds"), [(Urgency.URGENT, 120), (Urgency.ROUTINE, 300)])
async def test_less_urgent_requests_ring_longer(world: World, urgency: Urgency, seconds: int) -> None:
    consult = await world.ask(urgency=urgency)
    assert consult.step_due_at == world.clock.now() + timedelta(seconds=seconds)


async def test_many_nodes_run_each_step_once(world: World, sealer: Sealer) -> None:
    others = [MemoryBus(world.clock) for _ in range(3)]
    nodes = [
        world,
        *[await build(world.database, world.clock, bus, sealer, world.people, rota=False) for bus in others],
    ]
    asked = [await world.ask(f"k{number}") for number in range(6)]
    for _ in range(3):
        world.clock.advance(30)
        await asyncio.gather(*(node.runner.run_due() for node in nodes for _ in range(2)))
    for consult in asked:
        started = [entry for entry in await world.log.since(consult.id, 0) if entry.kind == "step_started"]
        assert [entry.data["step"] for entry in started] == [step.value for step in Step]


async def test_a_claim_and_a_due_step_at_one_moment_agree(world: World) -> None:
    asked = [await world.ask(f"k{number}") for number in range(10)]
    world.clock.advance(30)
    await asyncio.gather(
        *(world.answers.accept(world["ha"], consult.id) for consult in asked),
        *(world.runner.run_due() for _ in range(3)),
    )
    async with world.database.reading() as tx:
        for consult in asked:
            assert (await world.store.get(tx, consult.id)).state is ConsultState.CLAIMED
            rung = await world.store.offers(tx, consult.id)
            assert OfferState.RINGING not in {offer.state for offer in rung}


async def test_an_entry_whose_hint_was_lost_is_found_by_looking(
    database: Database, clock: FakeClock, sealer: Sealer
) -> None:
    people = await seed(database)
    bus = DeafBus(clock)
    node = await build(database, clock, bus, sealer, people)
    async with bus.subscribe("log") as hints:
        consult = await node.ask(patient=UNKNOWN_WOMAN)
        await node.answers.accept(people["ha"], consult.id)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(hints), 0.01)
    # Another process, which has never heard of it, looks by the store's time.
    other = await build(database, clock, MemoryBus(clock), sealer, people, rota=False)
    entries = await other.log.recent(clock.now() - timedelta(seconds=10))
    assert [entry.kind.value for entry in entries] == ["requested", "step_started", "rung", "claimed"]
    assert await other.log.heads(clock.now()) == {consult.id: 4}
    assert await other.log.recent(clock.now() + timedelta(seconds=1)) == []
    assert (await other.log.audience(consult.id))[1] == {people[who].id for who in ("lan", "ha", "dieu")}


async def test_a_hint_follows_the_commit(world: World) -> None:
    async with world.bus.subscribe("log") as hints:
        consult = await world.ask()
        assert await asyncio.wait_for(anext(hints), 1) == {"consult": consult.id, "number": 3}


async def test_a_request_rings_while_the_bus_is_down(database: Database, clock: FakeClock, sealer: Sealer) -> None:
    people = await seed(database)
    node = await build(database, clock, NoBus(clock), sealer, people)
    consult = await node.ask()
    assert (await node.log.since(consult.id, 2))[0].data["online"] is None
    assert [person.answer.value for person in (await node.queries.waiting_view(consult.id)).people] == ["unknown"]


async def test_who_is_online_is_noted_with_the_ring(world: World) -> None:
    await world.presence.beat(world["ha"].id, "socket")
    consult = await world.ask()
    assert (await world.log.since(consult.id, 2))[0].data["online"] is True


async def test_deadlines_follow_the_database_servers_clock(
    postgres: PostgresServer, postgres_template: str, sealer: Sealer
) -> None:
    name = f"test_{uuid4().hex}"
    postgres.sql(f"CREATE DATABASE {name} TEMPLATE {postgres_template} STRATEGY FILE_COPY")
    wrong = FakeClock(datetime(2040, 1, 1, tzinfo=UTC))
    database = Database(postgres.url(name), wrong)
    try:
        people = await seed(database)
        node = await build(database, wrong, MemoryBus(wrong), sealer, people)
        consult = await node.ask()
        await node.runner.run_due()
        assert "specialty" not in [entry.data.get("step") for entry in await node.log.since(consult.id, 0)]
        async with database.transaction() as tx:
            await tx.execute(update(consults).values(step_due_at=await tx.now() - timedelta(seconds=1)))
        await node.runner.run_due()
        assert "specialty" in [entry.data.get("step") for entry in await node.log.since(consult.id, 0)]
    finally:
        await database.close()
