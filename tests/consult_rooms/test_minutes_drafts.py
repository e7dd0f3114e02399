"""What is typed into minutes and not saved: kept for its writer, never written over, gone with the save."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from consult_rooms.minutes_drafts import MOST_CHARACTERS, MinutesDrafts
from consult_rooms.minutes_tables import minutes_drafts, minutes_versions
from consult_rooms.model import Consult
from foundation.errors import Conflict, Forbidden, Invalid, NotFound
from tests.consult_rooms.conftest import World
from tests.consult_rooms.test_minutes import DRAFT, Desk, desk_of, refused

TYPED = [("summary", "Yếu nửa người phải, nói khó"), ("opinion_text", "Nghĩ nhồi máu não"), ("opinion_text", "")]


@pytest.fixture
async def desk(world: World) -> Desk:
    return await desk_of(world)


@pytest.fixture
def drafts(world: World) -> MinutesDrafts:
    return MinutesDrafts(world.database, world.store)


@pytest.fixture
async def consult(desk: Desk) -> Consult:
    return await desk.held()


async def test_two_writers_keep_a_draft_each_and_a_save_takes_only_its_writers(
    desk: Desk, drafts: MinutesDrafts, consult: Consult
) -> None:
    world = desk.world
    ha, lan = world["ha"], world["lan"]
    first = await drafts.keep(ha, consult.id, 0, TYPED, base=0, revision=0)
    assert (first.revision, first.newest, first.others) == (1, 0, 0)
    other = await drafts.keep(lan, consult.id, 0, [("summary", "Khác")], base=0, revision=0)
    assert (other.revision, other.others) == (1, 1)
    await desk.minutes.save(desk.session("lan"), consult.id, DRAFT, 0)
    assert await drafts.get(lan, consult.id, 0) is None
    kept = await drafts.get(ha, consult.id, 0)
    assert kept is not None
    assert (kept.fields, kept.base, kept.revision) == (tuple(TYPED), 0, 1)
    world.clock.advance(61)
    later = await drafts.keep(ha, consult.id, 0, TYPED[:1], base=0, revision=1)
    assert (later.revision, later.newest, later.others) == (2, 1, 0), "who writes on learns of the save"
    assert await desk.count(minutes_versions) == 1, "a draft is no version"
    async with world.database.reading() as tx:
        (sealed,) = (await tx.execute(select(minutes_drafts.c.content_sealed))).scalars()
    assert "Yếu".encode() not in sealed
    await drafts.discard(ha, consult.id, 0)
    assert await drafts.get(ha, consult.id, 0) is None


async def test_of_two_windows_the_second_is_told_and_nothing_is_written_over(
    desk: Desk, drafts: MinutesDrafts, consult: Consult
) -> None:
    ha = desk.world["ha"]
    await drafts.keep(ha, consult.id, 0, TYPED, base=0, revision=0)
    again = await drafts.keep(ha, consult.id, 0, TYPED, base=0, revision=0)
    assert again.revision == 1, "the same after an answer that was lost is one"
    late = await refused(drafts.keep(ha, consult.id, 0, [("summary", "Cửa sổ kia")], base=0, revision=0))
    assert isinstance(late, Conflict)
    assert (late.code, late.parameters) == ("minutes.draft_elsewhere", {"seen": 0, "now": 1})
    kept = await drafts.get(ha, consult.id, 0)
    assert kept is not None
    assert kept.fields == tuple(TYPED)
    chosen = await drafts.keep(ha, consult.id, 0, [("summary", "Cửa sổ kia")], base=0, revision=1)
    assert chosen.revision == 2


async def test_what_cannot_be_kept_says_why(desk: Desk, drafts: MinutesDrafts, consult: Consult) -> None:
    world = desk.world
    for who, error in (("xa", NotFound), ("dieu", Forbidden)):
        act = drafts.keep(world[who], consult.id, 0, TYPED, base=0, revision=0)
        assert isinstance(await refused(act), error)
    whole = "ưỡ" * 50_000
    await drafts.keep(world["ha"], consult.id, 0, [("summary", whole)], base=0, revision=0)
    long = await refused(
        drafts.keep(world["ha"], consult.id, 0, [("summary", "ộ" * MOST_CHARACTERS)], base=0, revision=1)
    )
    assert (long.code, isinstance(long, Invalid)) == ("minutes.draft_too_long", True)
    kept = await drafts.get(world["ha"], consult.id, 0)
    assert kept is not None
    assert kept.fields == (("summary", whole),), (
        "a hundred thousand characters pasted are kept until they are shortened"
    )
    nobody = await refused(drafts.keep(world["ha"], consult.id, 7, TYPED, base=0, revision=0))
    assert nobody.code == "minutes.no_such_person"
    await desk.minutes.save(desk.session("lan"), consult.id, replace(DRAFT, summary="x"), 0)
    for who in ("ha", "lan", "khai"):
        await desk.sign(who, consult)
    locked = await refused(drafts.keep(world["ha"], consult.id, 0, TYPED, base=0, revision=1))
    assert locked.code == "minutes.locked"
    assert await drafts.get(world["ha"], consult.id, 0) is not None, "what was typed before the lock is still there"
