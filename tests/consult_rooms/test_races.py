"""A thousand specialists want one case, on two nodes over one PostgreSQL."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from consult_rooms.model import Consult
from foundation.bus import MemoryBus
from foundation.clock import FakeClock
from foundation.database import Database
from foundation.errors import HoichanError
from foundation.sealing import Sealer
from identity.model import Staff
from tests.conftest import PostgresServer
from tests.consult_rooms.conftest import World, build, seed


async def test_of_a_thousand_on_two_nodes_one_wins_and_all_others_are_told_who(
    postgres: PostgresServer, postgres_template: str, clock: FakeClock, sealer: Sealer
) -> None:
    name = f"test_{uuid4().hex}"
    postgres.sql(f"CREATE DATABASE {name} TEMPLATE {postgres_template} STRATEGY FILE_COPY")
    pools = [Database(postgres.url(name), clock, server_time=False) for _ in range(2)]
    try:
        people, bus = await seed(pools[0]), MemoryBus(clock)
        nodes = [await build(pool, clock, bus, sealer, people, rota=pool is pools[0]) for pool in pools]
        crowd = await nodes[0].recruit(1_000)
        consult = await nodes[0].ask()
        # A connection is waited for ten seconds at most: so many at once as a busy node carries, not all in one moment.
        turns = asyncio.Semaphore(60)

        async def accept(node: World, person: Staff) -> Consult | HoichanError:
            async with turns:
                try:
                    return await node.answers.accept(person, consult.id)
                except HoichanError as error:
                    return error

        answers = await asyncio.gather(*(accept(nodes[place % 2], person) for place, person in enumerate(crowd)))
        won = [answer for answer in answers if isinstance(answer, Consult)]
        lost = [answer for answer in answers if isinstance(answer, HoichanError)]
        assert (len(won), len(lost)) == (1, 999)
        winner = next(person for person in crowd if person.id == won[0].specialist_id)
        assert {error.code for error in lost} == {"consult.already_claimed"}
        assert {str(error.parameters["name"]) for error in lost} == {winner.full_name}
        assert (await nodes[1].kinds(consult)).count("claimed") == 1
    finally:
        for pool in pools:
            await pool.close()
