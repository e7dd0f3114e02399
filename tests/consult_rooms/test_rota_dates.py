"""Single dates of the rota: who is rung then, leave, gaps to come, two keepers at once, and tables of turns."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from consult_rooms.candidates import Roster
from consult_rooms.roster import Asked
from consult_rooms.rota_ledger import ChangeKind
from foundation.errors import Conflict, Forbidden, Invalid, NotFound
from foundation.ids import StaffId
from foundation.sheet_writing import csv_of, xlsx_of
from identity.tables import staff as staff_table
from tests.consult_rooms.conftest import CENTRAL_HOSPITAL, CLINIC, STROKE, STROKE_HOSPITAL, ZONE, World

HUBS = [STROKE_HOSPITAL, CENTRAL_HOSPITAL]


def go(world: World, at: datetime) -> None:
    """Let it be that time."""
    world.clock.advance((at - world.clock.now()).total_seconds())


def today(world: World) -> date:
    return world.clock.now().astimezone(ZONE).date()


async def on_call(world: World, at: datetime | None = None) -> set[StaffId]:
    found = await world.rota.on_call(HUBS, STROKE, at=at)
    return {person.staff_id for person in found.get(STROKE, [])}


async def rung_first(world: World) -> set[StaffId]:
    """Whom the ladder takes to be on call."""
    roster: Roster = await world.rosters.read(Asked(CLINIC, STROKE))
    return {fact.person.staff_id for fact in roster.facts if fact.on_call is not None}


async def turn_of(world: World, day: date) -> str:
    return next(one.id for one in await world.rota.shifts([STROKE_HOSPITAL]) if one.weekday == day.weekday())


async def test_the_ladder_rings_by_what_holds_on_the_date(world: World) -> None:
    go(world, datetime(2026, 11, 24, 2, 0, tzinfo=UTC))  # Tuesday, nine o'clock
    day, keeper, dates = today(world), world["dieu"], world.duty.dates
    assert await rung_first(world) == await on_call(world) == {world["ha"].id}
    shift_id = await turn_of(world, day)
    await dates.lift(keeper, shift_id, day)
    assert await rung_first(world) == await on_call(world) == set()
    await dates.restore(keeper, shift_id, day)
    assert await rung_first(world) == await on_call(world) == {world["ha"].id}
    await dates.lift(keeper, shift_id, day, instead=world["khai"].id)
    assert await rung_first(world) == await on_call(world) == {world["khai"].id}
    # The turn goes on past midnight, and belongs to the day on which it began; a week later all is as ever.
    go(world, datetime(2026, 11, 24, 22, 0, tzinfo=UTC))
    assert await rung_first(world) == await on_call(world) == {world["khai"].id}
    go(world, datetime(2026, 11, 25, 2, 0, tzinfo=UTC))
    assert await rung_first(world) == await on_call(world) == {world["ha"].id}
    go(world, datetime(2026, 12, 1, 2, 0, tzinfo=UTC))
    assert await rung_first(world) == await on_call(world) == {world["ha"].id}


async def test_a_turn_of_one_date_adds_to_the_weekly_ones(world: World) -> None:
    day = today(world) + timedelta(days=2)
    given = {"specialty_id": STROKE, "facility_id": STROKE_HOSPITAL, "weekday": 0, "starts": time(8), "ends": time(9)}
    shift = await world.rota.add(world["dieu"], staff_id=world["khai"].id, day=day, **given)  # type: ignore[arg-type] # mixed kinds
    assert shift.weekday == day.weekday()
    then = datetime.combine(day, time(8, 30), ZONE)
    assert await on_call(world, then) == {world["ha"].id, world["khai"].id}
    assert await on_call(world, then + timedelta(days=7)) == {world["ha"].id}
    for who, changed, code in (
        ("hetha", {}, "rota.unlicensed"),
        ("khai", {"day": today(world) - timedelta(days=2)}, "rota.past"),
    ):
        with pytest.raises(Invalid) as refused:
            await world.rota.add(world["dieu"], staff_id=world[who].id, **{"day": day, **given, **changed})  # type: ignore[arg-type] # mixed kinds
        assert refused.value.code == code
    with pytest.raises(Conflict):
        await world.rota.add(world["dieu"], staff_id=world["khai"].id, day=day, **given)  # type: ignore[arg-type] # mixed kinds


async def test_only_dates_that_fit_are_lifted_by_those_who_keep_the_rota(world: World) -> None:
    day, dates = today(world) + timedelta(days=1), world.duty.dates
    shift_id = await turn_of(world, day)
    with pytest.raises(Forbidden):
        await dates.lift(world["xadieu"], shift_id, day)
    for wrong in (day + timedelta(days=1), day - timedelta(days=7)):
        with pytest.raises(Invalid):
            await dates.lift(world["dieu"], shift_id, wrong)
    with pytest.raises(Invalid):
        await dates.lift(world["dieu"], shift_id, day, instead=world["hetha"].id)
    assert await world.duty.weeks.changes(STROKE_HOSPITAL, 7) == [], "a refusal leaves nothing behind"
    await dates.lift(world["dieu"], shift_id, day)
    with pytest.raises(Conflict):
        await dates.lift(world["dieu"], shift_id, day)
    await world.rota.remove(world["dieu"], shift_id)
    with pytest.raises(NotFound):
        await dates.restore(world["dieu"], shift_id, day)


async def test_leave_leaves_gaps_that_are_seen_before_they_happen(world: World) -> None:
    weeks, first = world.duty.weeks, today(world) + timedelta(days=3)
    assert await weeks.coming_gaps(HUBS) == []
    assert (
        await world.duty.dates.leave(world["dieu"], STROKE_HOSPITAL, world["ha"].id, first, first + timedelta(days=1))
        == 2
    )
    [gap] = await weeks.coming_gaps(HUBS)
    assert gap.starts_at == datetime.combine(first, time(7), ZONE)
    assert gap.ends_at == datetime.combine(first + timedelta(days=2), time(7), ZONE)
    go(world, gap.starts_at + timedelta(hours=30))
    [gap] = await weeks.coming_gaps(HUBS)
    assert gap.starts_at == world.clock.now(), "hours that are over are no gap to come"
    with pytest.raises(Invalid):
        await world.duty.dates.leave(world["dieu"], STROKE_HOSPITAL, world["ha"].id, first, first - timedelta(days=1))


async def test_a_licence_that_runs_out_is_a_gap_from_then_on(world: World) -> None:
    ends = today(world) + timedelta(days=4)
    async with world.database.transaction() as tx:
        await tx.execute(staff_table.update().where(staff_table.c.id == world["ha"].id).values(licence_expires=ends))
    gaps = await world.duty.weeks.coming_gaps(HUBS)
    assert gaps[0].starts_at == datetime.combine(ends + timedelta(days=1), time(7), ZONE)


async def test_two_keepers_of_one_rota_learn_of_each_other(world: World) -> None:
    seen = (await world.duty.weeks.read(STROKE_HOSPITAL, today(world))).version
    day = today(world) + timedelta(days=1)
    shift_id = await turn_of(world, day)
    await world.duty.dates.lift(world["dieu"], shift_id, day, seen=seen)
    other = await world.recruit(1)
    async with world.database.transaction() as tx:
        await tx.execute(
            staff_table.update()
            .where(staff_table.c.id == other[0].id)
            .values(roles=["coordinator"], facility_id=STROKE_HOSPITAL)
        )
    second = (await world.directory.staff_many([other[0].id]))[other[0].id]
    with pytest.raises(Conflict) as stale:
        await world.rota.remove(second, shift_id, seen=seen)
    assert stale.value.code == "rota.stale"
    [changed] = await world.duty.weeks.changes(STROKE_HOSPITAL, seen)
    assert (changed.actor, changed.change.kind, changed.change.day) == (world["dieu"].id, ChangeKind.LIFTED, day)
    await world.rota.remove(second, shift_id, seen=changed.version)
    await world.rota.remove(second, await turn_of(world, day + timedelta(days=1)), seen=seen + 1)


HEADER = ["Tên đăng nhập", "Chuyên khoa", "Ngày", "Bắt đầu", "Kết thúc", "Bậc"]


async def test_a_table_of_turns_is_tried_then_taken_and_its_errors_told_by_row(world: World) -> None:
    keeper, files = world["dieu"], world.duty.files
    day = today(world) + timedelta(days=5)
    rows = [
        ["ha", "stroke", "Thứ Hai", "7:00", "07h00", "dự phòng"],  # the weekly turn stands there
        ["ha", "stroke", day.isoformat(), "8:00", "12:00", ""],
        ["ha", "stroke", f"{day:%d/%m/%Y}", "8:00", "11:00", ""],
        ["ai đó", "stroke", "CN", "8:00", "12:00", ""],
        ["ha", "burns", "2", "8:00", "12:00", ""],
        ["ha", "stroke", "2020-01-01", "8:00", "25:00", "gì đó"],
        ["ha", "stroke", "sometimes", "", "12:00", ""],
        ["HA", "STROKE", "sunday", "20:00", "24:00", "backup"],
    ]
    told = [
        (4, None, "import.repeated_row"),
        (5, "user_name", "staff.unknown"),
        (6, "user_name", "rota.unfit"),
        (7, "day", "rota.past"),
        (7, "ends", "rota.time"),
        (7, "level", "rota.level"),
        (8, "day", "rota.weekday"),
        (8, "starts", "rota.time"),
    ]
    for data in (csv_of(HEADER, rows), xlsx_of({"Trực": [HEADER, *rows]})):
        tried = await files.run(keeper, STROKE_HOSPITAL, data, apply=False)
        assert [(one.row, one.column, one.error.code) for one in tried.problems] == told
        assert (tried.rows, tried.added, tried.unchanged, tried.applied) == (8, 2, 1, False)
    assert len(await files.table(keeper, STROKE_HOSPITAL)) == 8, "nothing was written"
    done = await files.run(keeper, STROKE_HOSPITAL, data, apply=True)
    assert (done.added, done.applied) == (2, True)
    table = await files.table(keeper, STROKE_HOSPITAL)
    assert ["ha", "stroke", "Sunday", "20:00", "00:00", "backup", "BS. Hà"] in table
    again = await files.run(keeper, STROKE_HOSPITAL, csv_of(table[0], table[1:]), apply=True)
    assert (again.added, again.unchanged, again.applied, again.problems) == (0, 9, False, ())
    with pytest.raises(Forbidden):
        await files.run(world["xadieu"], STROKE_HOSPITAL, data, apply=True)
    with pytest.raises(Forbidden):
        await files.table(world["ha"], STROKE_HOSPITAL)
