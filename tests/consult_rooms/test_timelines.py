"""A consult's timeline on both stores: who reads it, that this is audited before, and that it names no patient."""

from __future__ import annotations

import pytest

from consult_rooms.log_entry import LogKind
from consult_rooms.milestones import Goal, Pace
from foundation.audit import audit_entries
from foundation.errors import NotFound
from foundation.ids import ConsultId
from tests.consult_rooms.conftest import NAME, QUESTION, World
from tests.consult_rooms.test_figures import answered


async def test_it_tells_what_happened_and_is_audited_before(world: World) -> None:
    asked = await answered(world, "course", 20)
    seen = await world.timelines.read(world["dieu"], asked.id)
    kinds = [entry.kind for entry in seen.entries]
    assert kinds[0] is LogKind.REQUESTED
    assert LogKind.CLAIMED in kinds
    assert (seen.of_case, seen.reads_opinion) == (False, False)
    answer = seen.milestones[0]
    assert (answer.goal, answer.took_s, answer.pace) == (Goal.ANSWER, 20, Pace.IN_TIME)
    told = str(seen)
    assert NAME not in told
    assert QUESTION.situation not in told
    await world.timelines.read(world["ha"], asked.id, taken_out=True)
    async with world.database.reading() as tx:
        rows = (await tx.execute(audit_entries.select().where(audit_entries.c.action.like("timeline.%")))).all()
    told_of = sorted((row.action, row.actor, row.consult_id) for row in rows)
    assert told_of == [("timeline.export", world["ha"].id, asked.id), ("timeline.read", world["dieu"].id, asked.id)]


async def test_its_people_and_those_in_charge_read_it_and_nobody_else(world: World) -> None:
    ringing = await world.ask("ringing")
    with pytest.raises(NotFound):  # it may ring for her: she has no part in it yet
        await world.timelines.read(world["ha"], ringing.id)
    await world.requests.cancel(world["lan"], ringing.id, "mistake")
    asked = await answered(world, "whose", 20)
    for who, clinical in (("lan", True), ("ha", True), ("dieu", False)):
        seen = await world.timelines.read(world[who], asked.id)
        assert (seen.of_case, seen.reads_opinion) == (clinical, clinical), who
    for who in ("mai", "xa", "xadieu"):
        with pytest.raises(NotFound):
            await world.timelines.read(world[who], asked.id)
    with pytest.raises(NotFound):
        await world.timelines.read(world["dieu"], ConsultId("con_" + "0" * 32))
