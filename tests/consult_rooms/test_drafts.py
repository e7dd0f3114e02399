"""Drafts of requests, on both stores: each its writer's alone, sealed, few, and gone in time."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from consult_rooms.drafts import MOST_CHARACTERS, PER_PERSON, Drafts
from consult_rooms.written_tables import drafts
from foundation.errors import HoichanError, NotFound
from foundation.ids import DraftId, new_id
from tests.consult_rooms.conftest import World

FIELDS = [("situation", "Yếu nửa người phải"), ("age_years", "70"), ("background", "")]


@pytest.fixture
def service(world: World) -> Drafts:
    return Drafts(world.database, world.store)


async def test_a_draft_comes_back_as_it_was_left_and_nobody_else_finds_it(world: World, service: Drafts) -> None:
    draft_id = DraftId(new_id("dra"))
    await service.keep(world["lan"], draft_id, FIELDS[:1])
    await service.keep(world["lan"], draft_id, FIELDS)
    [draft] = await service.listed(world["lan"])
    assert draft.fields == (("situation", "Yếu nửa người phải"), ("age_years", "70"))
    assert await service.get(world["lan"], draft_id) == draft
    assert await service.listed(world["mai"]) == []
    for refused in (service.get(world["mai"], draft_id), service.keep(world["mai"], draft_id, FIELDS)):
        with pytest.raises(NotFound):
            await refused
    await service.discard(world["mai"], draft_id)
    assert await service.listed(world["lan"]) == [draft]
    await service.discard(world["lan"], draft_id)
    assert await service.listed(world["lan"]) == []


async def test_nothing_typed_stands_in_the_database_in_plain(world: World, service: Drafts) -> None:
    await service.keep(world["lan"], DraftId(new_id("dra")), FIELDS)
    async with world.database.reading() as tx:
        [row] = (await tx.execute(select(drafts))).all()
    assert b"situation" not in row.content_sealed


async def test_drafts_expire_after_their_last_change(world: World, service: Drafts) -> None:
    draft_id = DraftId(new_id("dra"))
    await service.keep(world["lan"], draft_id, FIELDS)
    world.clock.advance(71 * 3600)
    await service.keep(world["lan"], draft_id, FIELDS)
    world.clock.advance(71 * 3600)
    await service.expire()
    assert len(await service.listed(world["lan"])) == 1
    world.clock.advance(3601)
    assert await service.listed(world["lan"]) == []
    await service.expire()
    async with world.database.reading() as tx:
        assert (await tx.execute(select(drafts))).all() == []


async def test_what_is_too_long_or_too_many_is_told(world: World, service: Drafts) -> None:
    with pytest.raises(HoichanError) as error:
        await service.keep(world["lan"], DraftId(new_id("dra")), [("situation", "x" * MOST_CHARACTERS)])
    assert error.value.code == "draft.too_long"
    with pytest.raises(NotFound):
        await service.keep(world["lan"], DraftId("../x"), FIELDS)
    for _ in range(PER_PERSON):
        await service.keep(world["lan"], DraftId(new_id("dra")), FIELDS)
    with pytest.raises(HoichanError) as error:
        await service.keep(world["lan"], DraftId(new_id("dra")), FIELDS)
    assert error.value.code == "draft.too_many"
