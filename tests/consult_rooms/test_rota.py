"""Turns on call: which minute they cover, and who keeps them."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest

from consult_rooms.appointment import Shift
from consult_rooms.rota import covers
from foundation.errors import Conflict, Forbidden, Invalid, NotFound
from foundation.ids import FacilityId, SpecialtyId, StaffId
from tests.consult_rooms.conftest import (
    BURNS,
    CENTRAL_HOSPITAL,
    STROKE,
    STROKE_HOSPITAL,
    ZONE,
    World,
)


def turn(weekday: int, starts: str, ends: str) -> Shift:
    return Shift(
        "s",
        StaffId("x"),
        SpecialtyId("y"),
        FacilityId("z"),
        weekday,
        time.fromisoformat(starts),
        time.fromisoformat(ends),
    )


@pytest.mark.parametrize(
    ("shift", "day", "at", "expected"),
    [
        (turn(0, "07:00", "19:00"), 23, "07:00", True),
        (turn(0, "07:00", "19:00"), 23, "18:59", True),
        (turn(0, "07:00", "19:00"), 23, "19:00", False),
        (turn(0, "07:00", "19:00"), 23, "06:59", False),
        (turn(0, "07:00", "19:00"), 24, "08:00", False),
        (turn(0, "19:00", "07:00"), 23, "19:00", True),
        (turn(0, "19:00", "07:00"), 23, "23:59", True),
        (turn(0, "19:00", "07:00"), 24, "00:00", True),
        (turn(0, "19:00", "07:00"), 24, "06:59", True),
        (turn(0, "19:00", "07:00"), 24, "07:00", False),
        (turn(0, "19:00", "07:00"), 23, "06:00", False),
        (turn(6, "19:00", "07:00"), 23, "06:00", True),  # Sunday night ends on Monday
        (turn(0, "07:00", "07:00"), 24, "06:59", True),
        (turn(0, "07:00", "07:00"), 24, "07:00", False),
        (turn(0, "00:00", "00:00"), 23, "23:59", True),
        (turn(0, "00:00", "00:00"), 24, "00:00", False),
        (turn(0, "22:00", "00:00"), 23, "23:30", True),
    ],
)
def test_which_minutes_a_turn_covers(shift: Shift, day: int, at: str, expected: bool) -> None:
    local = datetime.combine(datetime(2026, 11, day, tzinfo=ZONE).date(), time.fromisoformat(at), ZONE)
    assert covers(shift, local) is expected


async def test_the_rota_is_read_in_local_time(world: World) -> None:
    await world.rota.add(
        world["dieu"],
        staff_id=world["khai"].id,
        specialty_id=STROKE,
        facility_id=STROKE_HOSPITAL,
        weekday=1,
        starts=time(0),
        ends=time(1),
    )
    hubs = [STROKE_HOSPITAL, CENTRAL_HOSPITAL]
    before = datetime(2026, 11, 23, 23, 59, tzinfo=ZONE)
    assert [person.staff_id for person in (await world.rota.on_call(hubs, STROKE, at=before))[STROKE]] == [
        world["ha"].id
    ]
    after = before + timedelta(minutes=1)
    assert {person.staff_id for person in (await world.rota.on_call(hubs, STROKE, at=after))[STROKE]} == {
        world["ha"].id,
        world["khai"].id,
    }


async def test_who_left_is_not_on_call_and_a_turn_can_go(world: World) -> None:
    shifts = await world.rota.shifts([STROKE_HOSPITAL])
    assert [shift.weekday for shift in shifts] == list(range(7))
    for shift in shifts:
        await world.rota.remove(world["dieu"], shift.id)
    assert await world.rota.on_call([STROKE_HOSPITAL], STROKE) == {}
    with pytest.raises(NotFound):
        await world.rota.remove(world["dieu"], shifts[0].id)


async def test_only_fitting_people_are_put_on_call_by_those_who_keep_the_rota(world: World) -> None:
    given = {"specialty_id": STROKE, "facility_id": STROKE_HOSPITAL, "weekday": 0, "starts": time(7), "ends": time(8)}

    async def add(who: str, staff: str, **changed: object) -> None:
        await world.rota.add(world[who], **{**given, "staff_id": world[staff].id, **changed})  # type: ignore[arg-type] # mixed kinds

    for who in ("ha", "lan", "xadieu"):
        with pytest.raises(Forbidden):
            await add(who, "khai")
    for staff, changed in (
        ("bong", {}),
        ("nghi", {}),
        ("lan", {}),
        ("khai", {"weekday": 7}),
        ("khai", {"specialty_id": BURNS}),
    ):
        with pytest.raises(Invalid):
            await add("dieu", staff, **changed)
    with pytest.raises(Conflict):
        await add("dieu", "ha")
    async with world.bus.subscribe("agenda") as hints:
        await add("dieu", "khai")
        assert await anext(hints) == {"staff": world["khai"].id}
