"""Turns that specialists pass to each other: both agree, nobody is missing, and it holds on that date alone."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, time, timedelta

import pytest

from consult_rooms.model import Level
from consult_rooms.planning import Planning
from consult_rooms.rota_ledger import ChangeKind
from consult_rooms.swaps import Swap, Swaps, SwapState
from consult_rooms.turn_notices import TurnNotices
from foundation.audit import Audit
from foundation.errors import Conflict, Forbidden, Invalid, NotFound
from foundation.ids import StaffId
from identity.tables import staff as staff_table
from notify.contacts import Contacts
from notify.notice import NoticeKind
from notify.outbox import Outbox
from notify.wording import Wording
from tests.conftest import languages
from tests.consult_rooms.conftest import STROKE, STROKE_HOSPITAL, ZONE, World


async def turn_of(world: World, day: date, who: str = "ha") -> tuple[str, date]:
    """The weekly turn that somebody has on that day of the week, and the date."""
    shifts = await world.rota.shifts([STROKE_HOSPITAL])
    mine = world[who].id
    return next(one.id for one in shifts if (one.weekday, one.staff_id) == (day.weekday(), mine)), day


async def on_call(world: World, day: date, hour: int = 12) -> set[StaffId]:
    found = await world.rota.on_call([STROKE_HOSPITAL], STROKE, at=datetime.combine(day, time(hour), ZONE))
    return {person.staff_id for person in found.get(STROKE, [])}


def tuesday(world: World) -> date:
    today = world.clock.now().astimezone(ZONE).date()
    return today + timedelta(days=(1 - today.weekday()) % 7 + 7)


async def add(world: World, who: str, day: date, starts: int, ends: int, level: Level = Level.FIRST) -> None:
    await world.rota.add(
        world["dieu"],
        staff_id=world[who].id,
        specialty_id=STROKE,
        facility_id=STROKE_HOSPITAL,
        weekday=day.weekday(),
        starts=time(starts),
        ends=time(ends),
        level=level,
    )


async def test_who_is_asked_and_who_asked_are_told_and_of_ones_leave(world: World) -> None:
    contacts = Contacts(world.database, Audit(world.database), world.store.sealer)
    outbox = Outbox(world.database, contacts, [])
    notices = TurnNotices(outbox, str(ZONE))
    swaps = Swaps(world.database, world.directory, world.rota, ZONE, notices)
    day = tuesday(world)
    asked = await swaps.ask(world["ha"], await turn_of(world, day), world["khai"].id)
    [told] = await outbox.own(world["khai"].id)
    assert (told.kind, told.values["path"]) == (NoticeKind.SWAP_ASKED, "/turns")
    title, body = Wording(languages()).of(told.kind, told.values, "vi", str(ZONE))
    assert f"{day:%d/%m/%Y}" in title
    assert "Đột quỵ" not in title + body, "not even the field"
    await swaps.decline(world["khai"], asked.id)
    assert [one.kind for one in await outbox.own(world["ha"].id)] == [NoticeKind.SWAP_ANSWERED]
    planning = Planning.over(
        world.database,
        world.store,
        world.directory,
        world.bus,
        ZONE,
        ahead=timedelta(days=7),
        country="",
        notices=notices,
    )
    starts = world.clock.now() + timedelta(days=1)
    await planning.absences.leave(world["dieu"], world["ha"].id, starts, starts + timedelta(days=1))
    assert NoticeKind.LEAVE in [one.kind for one in await outbox.own(world["ha"].id)]


async def test_a_turn_passes_to_a_colleague_who_accepts(world: World) -> None:
    day, swaps = tuesday(world), world.duty.swaps
    asked = await swaps.ask(world["ha"], await turn_of(world, day), world["khai"].id)
    assert await on_call(world, day) == {world["ha"].id}, "nothing holds before the colleague says so"
    with pytest.raises(Conflict) as twice:
        await swaps.ask(world["ha"], await turn_of(world, day), world["an"].id)
    assert twice.value.code == "swap.open"
    for stranger in ("ha", "an"):
        with pytest.raises(NotFound):
            await swaps.accept(world[stranger], asked.id)
    await swaps.accept(world["khai"], asked.id)
    assert await on_call(world, day) == {world["khai"].id}
    assert await on_call(world, day + timedelta(days=7)) == {world["ha"].id}
    [listed] = await swaps.at(world["dieu"], STROKE_HOSPITAL)
    assert listed.state is SwapState.ACCEPTED
    assert [one.id for one in await swaps.mine(world["ha"])] == [one.id for one in await swaps.mine(world["khai"])]
    with pytest.raises(Forbidden):
        await swaps.at(world["xadieu"], STROKE_HOSPITAL)
    [change, *_] = await world.duty.weeks.changes(STROKE_HOSPITAL)
    assert (change.change.kind, change.change.shift.staff_id) == (ChangeKind.SWAPPED, world["khai"].id)
    # What one got by a swap is a turn like any other, and can be passed on.
    week = await world.duty.weeks.read(STROKE_HOSPITAL, day, 1)
    mine = next(turn for turn in week.turns if turn.day == day and turn.shift.staff_id == world["khai"].id)
    onward = await swaps.ask(world["khai"], (mine.shift.id, day), world["an"].id)
    await swaps.accept(world["an"], onward.id)
    assert await on_call(world, day) == {world["an"].id}


async def test_two_turns_change_hands_at_once(world: World) -> None:
    day = tuesday(world)
    night, swaps = day + timedelta(days=1), world.duty.swaps
    await add(world, "khai", night, 20, 23, Level.BACKUP)
    with pytest.raises(Conflict) as twice:  # Hà has that Wednesday as first already, and cannot be the backup too
        await swaps.ask(world["ha"], await turn_of(world, day), world["khai"].id, await turn_of(world, night, "khai"))
    assert twice.value.code == "swap.twice"
    for shift in await world.rota.shifts([STROKE_HOSPITAL]):
        if shift.weekday == night.weekday() and shift.level is Level.FIRST:
            await world.rota.remove(world["dieu"], shift.id)
    asked = await swaps.ask(
        world["ha"], await turn_of(world, day), world["khai"].id, await turn_of(world, night, "khai")
    )
    await swaps.accept(world["khai"], asked.id)
    assert await on_call(world, day) == {world["khai"].id}
    at = datetime.combine(night, time(21), ZONE)
    backup = await world.rota.on_call([STROKE_HOSPITAL], STROKE, level=Level.BACKUP, at=at)
    assert [person.staff_id for person in backup[STROKE]] == [world["ha"].id]


async def test_a_swap_that_leaves_hours_open_or_somebody_unlicensed_is_refused(world: World) -> None:
    day, swaps = tuesday(world), world.duty.swaps
    turn = await turn_of(world, day)

    async def refused(to: str) -> str:
        with pytest.raises((Conflict, Invalid)) as error:
            await swaps.ask(world["ha"], turn, world[to].id)
        return error.value.code

    assert await refused("hetha") == "rota.unlicensed"
    assert await refused("bong") == await refused("nghi") == await refused("ha") == "rota.unfit"
    await add(world, "an", day, 10, 12, Level.BACKUP)
    assert await refused("an") == "swap.twice"
    asked = await swaps.ask(world["ha"], turn, world["khai"].id)
    async with world.database.transaction() as tx:
        await tx.execute(
            staff_table.update().where(staff_table.c.id == world["khai"].id).values(licence_expires=day - timedelta(1))
        )
    with pytest.raises(Invalid):  # the licence ran out between the asking and the answer
        await swaps.accept(world["khai"], asked.id)
    assert await on_call(world, day) == {world["ha"].id}
    [still] = await swaps.mine(world["ha"])
    assert still.state is SwapState.ASKED


async def test_a_swap_is_answered_once_and_before_the_turn(world: World) -> None:
    day, swaps = tuesday(world), world.duty.swaps

    async def ask(on: date) -> Swap:
        return await swaps.ask(world["ha"], await turn_of(world, on), world["khai"].id)

    first = await ask(day)
    answers = await asyncio.gather(
        swaps.accept(world["khai"], first.id),
        swaps.withdraw(world["ha"], first.id),
        swaps.decline(world["khai"], first.id),
        return_exceptions=True,
    )
    assert sorted(isinstance(one, Conflict) for one in answers) == [False, True, True]
    second = await ask(day + timedelta(days=1))
    await swaps.decline(world["khai"], second.id)
    third = await ask(day + timedelta(days=1))
    await world.duty.dates.lift(world["dieu"], third.given.shift.id, third.given.day)
    with pytest.raises(NotFound):  # the coordinator took the turn away meanwhile
        await swaps.accept(world["khai"], third.id)
    fourth = await ask(day + timedelta(days=2))
    then = datetime.combine(fourth.given.day, time(7), ZONE)
    world.clock.advance((then - world.clock.now()).total_seconds())
    with pytest.raises(Conflict) as late:
        await swaps.accept(world["khai"], fourth.id)
    assert late.value.code == "swap.begun"
    with pytest.raises(Forbidden):
        await swaps.ask(world["khai"], await turn_of(world, day + timedelta(days=14)), world["an"].id)
