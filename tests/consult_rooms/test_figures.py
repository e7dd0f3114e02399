"""Figures against counting by hand, on both stores; whose figures one may read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from consult_rooms.figures import Dimension, Which
from consult_rooms.follow_ups import FollowUps
from consult_rooms.model import Consult, Urgency
from foundation.errors import Forbidden, Invalid
from tests.consult_rooms.conftest import CLINIC, STROKE_HOSPITAL, ZONE, World

WAITS = (5, 30, 110, 121, 4_000)
"""Seconds until each was taken; an emergency has two minutes."""


async def answered(world: World, key: str, after_s: int, urgency: Urgency = Urgency.EMERGENCY) -> Consult:
    asked = await world.ask(key, urgency)
    world.clock.advance(after_s)
    taken = await world.answers.accept(world["ha"], asked.id)
    return await world.rooms.end(world["ha"], taken.id)


async def test_figures_are_those_that_were_counted_by_hand(world: World) -> None:
    slots = await world.publish(hours=2, count=4)
    await world.book(slots[0], "kept")
    await world.book(slots[1], "left", terminal_id=None)
    for number, wait in enumerate(WAITS):
        await answered(world, f"asked-{number}", wait)
    given_up = await world.ask("given-up")
    await world.requests.cancel(world["lan"], given_up.id, "mistake")
    await world.ask("nobody")
    world.clock.advance(7 * 86_400)
    late = await answered(world, "next-week", 900, Urgency.URGENT)
    desk, today = world.figures, world.clock.now().astimezone(ZONE).date()
    figures = await desk.read(world["dieu"], STROKE_HOSPITAL, today - timedelta(days=7), 2)
    total = figures.total
    assert (total.requests, total.cancelled, total.answered, total.in_time) == (8, 1, 6, 4)
    assert (total.median_s, total.ninetieth_s) == (110, 4_000), "by the nearest rank"
    assert (total.booked, total.missed, total.offered_minutes, total.used_minutes) == (2, 2, 120, 60)
    first, second = figures.by[Dimension.WEEK]
    assert (first.requests, first.median_s, first.ninetieth_s) == (7, 110, 4_000)
    assert (second.requests, second.in_time, second.median_s) == (1, 1, 900)
    assert {line.key: line.requests for line in figures.by[Dimension.HOSPITAL]} == {STROKE_HOSPITAL: 6, "": 2}
    [clinic] = figures.by[Dimension.FACILITY]
    assert (clinic.key, clinic.requests) == (CLINIC, 8)
    [field] = [line for line in figures.by[Dimension.SPECIALTY] if line.requests]
    assert field.in_time_share == 4 / 7
    assert field.used_share == 0.5
    every = await desk.cases(world["dieu"], STROKE_HOSPITAL, today - timedelta(days=7), 2)
    assert len(every) == 8
    assert every[0].id == late.id
    slow = await desk.cases(world["dieu"], STROKE_HOSPITAL, today - timedelta(days=7), 2, Which.LATE)
    assert sorted(case.waited_s or 0 for case in slow) == [0, 121, 4_000]
    lost = (Dimension.HOSPITAL, "")
    assert len(await desk.cases(world["dieu"], STROKE_HOSPITAL, today - timedelta(days=7), 2, Which.ALL, *lost)) == 2
    missed = await desk.cases(world["dieu"], STROKE_HOSPITAL, today - timedelta(days=7), 2, Which.MISSED)
    assert len(missed) == 2
    empty = await desk.read(world["dieu"], STROKE_HOSPITAL, today + timedelta(days=70), 1)
    assert (empty.total.requests, empty.total.median_s, empty.total.in_time_share) == (0, None, None)


async def test_a_week_ends_at_local_midnight(world: World) -> None:
    sunday = datetime(2026, 11, 29, 16, 30, tzinfo=UTC)  # half past eleven at night
    world.clock.advance((sunday - world.clock.now()).total_seconds())
    await world.ask("sunday")
    world.clock.advance(3_600)
    await world.ask("monday")
    figures = await world.figures.read(world["dieu"], STROKE_HOSPITAL, sunday.date(), 2)
    assert [line.requests for line in figures.by[Dimension.WEEK]] == [1, 1]


async def test_only_those_in_charge_read_the_figures_of_their_own(world: World) -> None:
    await world.ask("one")
    today = world.clock.now().date()
    for who in ("ha", "lan", "xadieu"):
        with pytest.raises(Forbidden):
            await world.figures.read(world[who], STROKE_HOSPITAL, today, 1)
        with pytest.raises(Forbidden):
            await world.figures.cases(world[who], STROKE_HOSPITAL, today, 1)
    for weeks in (0, 27):
        with pytest.raises(Invalid):
            await world.figures.read(world["dieu"], STROKE_HOSPITAL, today, weeks)


async def test_ratings_are_told_as_shares_and_not_of_so_few_that_one_could_guess_whose(world: World) -> None:
    after = FollowUps(world.database, world.store, world.log, world.directory)
    today = world.clock.now().astimezone(ZONE).date()
    first, second = await answered(world, "first", 20), await answered(world, "second", 20)
    await after.rate(world["lan"], first.id, "yes", "good")
    await after.rate(world["ha"], first.id, "partly", "bad")
    few = await world.figures.read(world["dieu"], STROKE_HOSPITAL, today, 1)
    assert (few.total.of_use, few.total.useful_share, few.total.good_line_share) == (2, None, None)
    await after.rate(world["lan"], second.id, "yes")
    await after.rate(world["ha"], second.id, "no")
    told = await world.figures.read(world["dieu"], STROKE_HOSPITAL, today, 1)
    assert (told.total.useful_share, told.total.good_line_share) == (0.5, None)
    for dimension, key in ((Dimension.HOSPITAL, STROKE_HOSPITAL), (Dimension.FACILITY, CLINIC)):
        [line] = [line for line in told.by[dimension] if line.key == key]
        assert (line.of_use, line.useful, line.of_line, line.good_line) == (4, 2, 2, 1)
