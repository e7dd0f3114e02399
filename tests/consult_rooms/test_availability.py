"""Templates, absences and conferences over both stores: slots follow them, and no booking is moved or lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest
from sqlalchemy import select, update

from consult_rooms import calendar, recurrence
from consult_rooms.appointment import Appointment, Slot, VisitType
from consult_rooms.availability_tables import availability_conflicts
from consult_rooms.pattern import Pattern
from consult_rooms.planning import Planning
from consult_rooms.tables import participants, quarter_units, slots
from foundation.errors import Conflict, Forbidden, HoichanError, Invalid, NotFound
from foundation.ids import ConferenceId, DepartmentId, TemplateId
from identity.tables import departments, facilities, links, staff
from tests.consult_rooms.conftest import (
    BURNS,
    CONSENT,
    OTHER_CLINIC,
    PATIENT,
    QUESTION,
    STROKE,
    STROKE_HOSPITAL,
    ZONE,
    World,
)

THURSDAY = date(2026, 11, 26)
THURSDAYS = Pattern(STROKE, VisitType.RETURN, "FREQ=WEEKLY;BYDAY=TH", THURSDAY, None, time(8), time(9), 15, 0, 15)
"""Two slots of a quarter with a quarter after each, each Thursday from this week on."""
DEPARTMENT = DepartmentId("dep_" + "1" * 32)


def planning_of(world: World, days: int = 11) -> Planning:
    """As `hoichan.wiring` builds it, with a horizon of a week and a half: two Thursdays."""
    return Planning.over(
        world.database, world.store, world.directory, world.bus, ZONE, ahead=timedelta(days=days), country="VN"
    )


@pytest.fixture
def planning(world: World) -> Planning:
    return planning_of(world)


async def offered(world: World, who: str = "ha") -> list[Slot]:
    """What this specialist offers from now on, by time, booked or free."""
    now = world.clock.now()
    rows = await world.queries.slots(
        world["dieu"], now, now + timedelta(days=60), specialist_id=world[who].id, specialty_id=STROKE
    )
    return [row.slot for row in rows]


def local(found: list[Slot]) -> list[str]:
    """For short."""
    return [
        f"{one.starts_at.astimezone(ZONE):%d %H:%M}{' booked' if one.appointment_id is not None else ''}"
        for one in found
    ]


async def held(world: World, who: str = "ha") -> int:
    """How many quarters of this person's time are held."""
    async with world.database.reading() as tx:
        query = select(quarter_units.c.quarter).where(quarter_units.c.resource == calendar.of_person(world[who].id))
        return len((await tx.execute(query)).all())


async def template(world: World, planning: Planning, pattern: Pattern = THURSDAYS, who: str = "ha") -> TemplateId:
    """A template of that specialist."""
    return await planning.availability.save(world["dieu"], STROKE_HOSPITAL, world[who].id, None, pattern)


async def conflicts(world: World, planning: Planning) -> list[tuple[str, str]]:
    """The open ones: cause and local time."""
    found = await planning.conflicts.open(world["dieu"], STROKE_HOSPITAL)
    assert len(found) == await planning.conflicts.count(world["dieu"], STROKE_HOSPITAL)
    return [(one.cause.value, f"{one.slot.starts_at.astimezone(ZONE):%d %H:%M}") for one in found]


async def test_slots_come_from_a_template_once_and_roll_on_with_the_days(world: World, planning: Planning) -> None:
    await template(world, planning)
    first = await offered(world)
    assert local(first) == ["26 08:00", "26 08:30", "03 08:00", "03 08:30"]
    assert {(one.visit_type, one.ends_at - one.starts_at) for one in first} == {
        (VisitType.RETURN, timedelta(minutes=15))
    }
    assert await held(world) == 8, "a quarter for the visit and one after it"
    await asyncio.gather(*(planning_of(world).materialising.run_due() for _ in range(3)))
    assert await offered(world) == first
    world.clock.advance(7 * 86_400)
    await asyncio.gather(*(planning_of(world).materialising.run_due() for _ in range(3)))
    assert local(await offered(world)) == ["03 08:00", "03 08:30", "10 08:00", "10 08:30"]
    assert await held(world) == 12


async def test_a_changed_template_takes_free_slots_and_lists_the_booked_one(world: World, planning: Planning) -> None:
    template_id = await template(world, planning)
    kept, moved, *_ = await offered(world)
    first, second = await world.book(kept, "first"), await world.book(moved, "second")
    later = replace(THURSDAYS, starts=time(13), ends=time(14))
    seen = await planning.availability.preview(world["dieu"], STROKE_HOSPITAL, world["ha"].id, None, later, template_id)
    [plan] = seen.values()
    assert (len(plan.make), len(plan.withdraw), len(plan.contradictions)) == (4, 2, 2)
    assert len(await offered(world)) == 4, "a preview changes nothing"
    await planning.availability.save(world["dieu"], STROKE_HOSPITAL, world["ha"].id, None, later, template_id, 1)
    assert local(await offered(world)) == [
        *("26 08:00 booked", "26 08:30 booked", "26 13:00", "26 13:30", "03 13:00", "03 13:30")
    ]
    assert await conflicts(world, planning) == [("template", "26 08:00"), ("template", "26 08:30")]
    # One is kept, one is moved: neither is asked about again, and the slot that became free goes.
    [one, _] = await planning.conflicts.open(world["dieu"], STROKE_HOSPITAL)
    await planning.conflicts.keep(world["dieu"], one.id)
    with pytest.raises(Conflict):
        await planning.conflicts.keep(world["dieu"], one.id)
    target = next(one for one in await offered(world) if one.appointment_id is None)
    await world.scheduling.move(world["dieu"], second.id, target.id, second.version)
    assert await conflicts(world, planning) == []
    await planning.materialising.run_due()
    assert local(await offered(world)) == ["26 08:00 booked", "26 13:00 booked", "26 13:30", "03 13:00", "03 13:30"]
    async with world.database.reading() as tx:
        settled = (await tx.execute(select(availability_conflicts.c.settlement))).scalars().all()
    assert sorted(settled) == ["kept", "moved"]
    assert (await world.queries.consult(world["lan"], first.consult_id)).consult.starts_at == kept.starts_at
    # Ending it is another cause: what was kept is asked about once more.
    await planning.availability.end(world["dieu"], template_id, 2)
    assert local(await offered(world)) == ["26 08:00 booked", "26 13:00 booked"]
    assert len(await conflicts(world, planning)) == 2


async def test_leave_holidays_and_days_that_open_or_close(world: World, planning: Planning) -> None:
    daily = replace(THURSDAYS, rule="FREQ=DAILY;COUNT=5", starts_on=date(2026, 11, 23), minutes=60, after=0)
    await template(world, planning, daily)
    assert local(await offered(world)) == ["25 08:00", "26 08:00", "27 08:00"], "24 November is a holiday; 08:00 is now"
    open_id = await planning.absences.open(world["dieu"], STROKE_HOSPITAL, date(2026, 11, 24))
    free, *_ = await offered(world)
    assert local([free]) == ["24 08:00"]
    booked = await world.book(free)
    await planning.absences.remove(world["dieu"], open_id)
    assert await conflicts(world, planning) == [("holiday", "24 08:00")]
    await planning.absences.open(world["dieu"], STROKE_HOSPITAL, date(2026, 11, 24))
    assert await conflicts(world, planning) == [], "backed again, nothing is left to settle"
    by_hand = await world.publish(hours=74)
    starts = datetime(2026, 11, 26, 8, tzinfo=ZONE)
    leave_id = await planning.absences.leave(world["dieu"], world["ha"].id, starts, starts + timedelta(hours=9))
    assert local(await offered(world)) == ["24 08:00 booked", "25 08:00", "27 08:00"]
    assert by_hand[0].id not in {one.id for one in await offered(world)}, "times published by hand go too"
    await planning.absences.close(world["dieu"], STROKE_HOSPITAL, date(2026, 11, 24), date(2026, 11, 25))
    assert local(await offered(world)) == ["24 08:00 booked", "27 08:00"]
    assert await conflicts(world, planning) == [("closed", "24 08:00")]
    await world.scheduling.cancel(world["lan"], booked.id)
    assert await conflicts(world, planning) == []
    await planning.absences.remove(world["dieu"], leave_id)
    assert local(await offered(world)) == ["26 08:00", "27 08:00"], "what was freed goes, what is lifted comes back"
    assert len(await planning.absences.listed(world["dieu"], STROKE_HOSPITAL)) == 2


async def test_a_conflict_that_comes_again_is_listed_again(world: World, planning: Planning) -> None:
    await template(world, planning, replace(THURSDAYS, rule="FREQ=DAILY", starts_on=date(2026, 11, 24)))
    opened = await planning.absences.open(world["dieu"], STROKE_HOSPITAL, date(2026, 11, 24))
    await world.book((await offered(world))[0])
    for _ in range(2):
        await planning.absences.remove(world["dieu"], opened)
        assert await conflicts(world, planning) == [("holiday", "24 08:00")]
        opened = await planning.absences.open(world["dieu"], STROKE_HOSPITAL, date(2026, 11, 24))
        assert await conflicts(world, planning) == []


async def test_a_departments_template_holds_for_its_specialists(world: World, planning: Planning) -> None:
    async with world.database.transaction() as tx:
        await tx.execute(departments.insert().values(id=DEPARTMENT, facility_id=STROKE_HOSPITAL, name="Thần kinh"))
    with pytest.raises(Invalid) as error:
        await planning.availability.save(world["dieu"], STROKE_HOSPITAL, None, DEPARTMENT, THURSDAYS)
    assert error.value.code == "availability.unfit"
    await change(world, "ha", department_id=DEPARTMENT)
    await planning.availability.save(world["dieu"], STROKE_HOSPITAL, None, DEPARTMENT, THURSDAYS)
    assert len(await offered(world)) == 4
    # Who comes later is found by the runner, who leaves is left out; what is booked stays.
    await change(world, "khai", department_id=DEPARTMENT, facility_id=STROKE_HOSPITAL)
    await planning.materialising.run_due()
    assert len(await offered(world, "khai")) == 4
    await world.book((await offered(world))[0])
    await change(world, "ha", active=False)
    world.clock.advance(86_400)
    await planning.materialising.run_due()
    assert local(await offered(world)) == ["26 08:00 booked"]
    assert await conflicts(world, planning) == [("left", "26 08:00")]


async def change(world: World, who: str, **values: object) -> None:
    """Change a row of the staff, as administration does."""
    async with world.database.transaction() as tx:
        await tx.execute(update(staff).where(staff.c.id == world[who].id).values(**values))
    world.people[who] = await world.directory.staff(world[who].id)


async def test_two_editors_of_one_template(world: World, planning: Planning) -> None:
    template_id = await template(world, planning)
    keep = planning.availability
    mine, yours = replace(THURSDAYS, starts=time(7)), replace(THURSDAYS, ends=time(10))

    async def save(pattern: Pattern) -> HoichanError | None:
        try:
            await keep.save(world["dieu"], STROKE_HOSPITAL, world["ha"].id, None, pattern, template_id, 1)
        except HoichanError as error:
            return error
        return None

    refused = [one for one in await asyncio.gather(save(mine), save(yours)) if one is not None]
    assert [(one.code, one.parameters) for one in refused] == [
        ("availability.changed", {"name": world["dieu"].full_name})
    ]
    held_now = await keep.template(world["dieu"], template_id)
    assert held_now.version == 2
    assert held_now.pattern in (mine, yours)
    assert await keep.seen(world["dieu"], template_id, 1) == THURSDAYS, "nothing is lost: the version seen is there"
    await keep.end(world["dieu"], template_id, 2)
    with pytest.raises(Conflict) as error:
        await keep.save(world["dieu"], STROKE_HOSPITAL, world["ha"].id, None, mine, template_id, 2)
    assert error.value.code == "availability.ended"
    assert await keep.templates(world["dieu"], STROKE_HOSPITAL) == []


async def test_what_is_refused_and_to_whom(world: World, planning: Planning) -> None:
    keep = planning.availability
    for wrong, code in (
        (replace(THURSDAYS, ends=time(7)), "slot.window"),
        (replace(THURSDAYS, rule="FREQ=SECONDLY"), "recurrence.too_often"),
        (replace(THURSDAYS, rule=recurrence.ONCE, starts_on=date(2026, 11, 20)), "slot.past"),
        (replace(THURSDAYS, specialty_id=BURNS), "availability.unfit"),
    ):
        with pytest.raises(Invalid) as error:
            await template(world, planning, wrong)
        assert error.value.code == code
    now = world.clock.now()
    for starts, ends, told in (
        (timedelta(hours=2), timedelta(hours=1), "availability.inverted"),
        (timedelta(hours=-2), timedelta(hours=-1), "slot.past"),
        (timedelta(days=1), timedelta(days=500), "availability.long"),
        (timedelta(days=500), timedelta(days=501), "slot.far"),
    ):
        with pytest.raises(Invalid) as error:
            await planning.absences.leave(world["dieu"], world["ha"].id, now + starts, now + ends)
        assert error.value.code == told
    with pytest.raises(Invalid) as error:
        await planning.absences.open(world["dieu"], STROKE_HOSPITAL, THURSDAY)
    assert error.value.code == "availability.no_holiday"
    template_id = await template(world, planning)
    for who in ("xadieu", "ha", "lan"):
        with pytest.raises(Forbidden):
            await keep.save(world[who], STROKE_HOSPITAL, world["ha"].id, None, THURSDAYS)
        with pytest.raises(Forbidden):
            await keep.template(world[who], template_id)
        with pytest.raises(Forbidden):
            await keep.end(world[who], template_id, 1)
        with pytest.raises(Forbidden):
            await planning.conflicts.open(world[who], STROKE_HOSPITAL)
        with pytest.raises(Forbidden):
            await planning.absences.leave(world[who], world["ha"].id, now, now + timedelta(days=1))
    with pytest.raises(Forbidden):
        await planning.absences.leave(world["dieu"], world["xa"].id, now, now + timedelta(days=1))


async def test_a_specialist_abroad_keeps_the_wall_clock_over_the_change(world: World) -> None:
    async with world.database.transaction() as tx:
        await tx.execute(update(facilities).where(facilities.c.id == STROKE_HOSPITAL).values(zone="Europe/Paris"))
    planning = planning_of(world, days=340)
    mondays = replace(
        THURSDAYS, rule="FREQ=WEEKLY;BYDAY=MO", starts_on=date(2027, 3, 22), ends_on=date(2027, 11, 8), capacity=1
    )
    async with world.database.transaction() as tx:  # past the farthest that a form may plan: time goes there instead
        now = await tx.now()
    world.clock.advance((datetime(2027, 3, 20, tzinfo=ZONE) - now).total_seconds())
    await template(world, planning, mondays)
    async with world.database.reading() as tx:
        starts = (await tx.execute(select(slots.c.starts_at).order_by(slots.c.starts_at))).scalars().all()
    by_day = {f"{at:%m-%d}": f"{at:%H:%M}" for at in starts}
    assert (by_day["03-22"], by_day["03-29"]) == ("07:00", "06:00")
    assert (by_day["10-25"], by_day["11-01"]) == ("06:00", "07:00")


async def conference(world: World, planning: Planning, *who: str, hours: int = 48) -> ConferenceId:
    """An hour with four cases, BS. Hà in the chair."""
    starts = world.clock.now() + timedelta(hours=hours)
    return await planning.conferences.plan(
        world["dieu"],
        STROKE_HOSPITAL,
        specialty_id=STROKE,
        title="Hội chẩn u não",
        chair_id=world["ha"].id,
        member_ids=[world[one].id for one in who],
        starts_at=starts,
        ends_at=starts + timedelta(hours=1),
        case_minutes=15,
    )


async def book_for(world: World, slot: Slot, who: str) -> Appointment:
    """A case of that doctor's clinic."""
    coordinator = replace(world["dieu"], facility_id=world[who].facility_id)
    return await world.scheduling.book(
        coordinator, slot.id, world[who].facility_id, None, world[who].id, PATIENT, QUESTION, CONSENT, f"case-{who}"
    )


async def test_the_cases_of_a_conference_are_kept_apart(world: World, planning: Planning) -> None:
    async with world.database.transaction() as tx:
        await tx.execute(links.insert().values(spoke_id=OTHER_CLINIC, hub_id=STROKE_HOSPITAL))
    await change(world, "khai", facility_id=STROKE_HOSPITAL)
    await change(world, "an", facility_id=STROKE_HOSPITAL)
    conference_id = await conference(world, planning, "khai")
    boxes = await offered(world)
    assert len(boxes) == 4
    assert {one.visit_type for one in boxes} == {VisitType.CONFERENCE}
    first, second = await book_for(world, boxes[0], "lan"), await book_for(world, boxes[1], "mai")
    held_, cases = await planning.conference_queries.agenda(world["dieu"], conference_id)
    assert [one.booked is not None for one in cases] == [True, True, False, False]
    assert [person.full_name for person in held_.members] == ["BS. Hà", "BS. Khải"]
    world.clock.advance(47.75 * 3600)
    # Members are of each case; a clinic knows its own alone, even that there is another it does not see.
    for case in (first, second):
        assert await world.opens_book("khai", case.consult_id)
        for who in ("ha", "khai"):
            await world.queries.consult(world[who], case.consult_id)
    for who, own, other in (("lan", first, second), ("mai", second, first)):
        await world.queries.consult(world[who], own.consult_id)
        with pytest.raises(NotFound):
            await world.opens_book(who, other.consult_id)
        with pytest.raises(NotFound):
            await world.queries.consult(world[who], other.consult_id)
        with pytest.raises(HoichanError):
            await world.rooms.join(world[who], other.consult_id)
        rows = await world.queries.slots(world[who], boxes[0].starts_at, boxes[-1].ends_at)
        assert [row.slot.appointment_id for row in rows] == [own.id, None, None]
        with pytest.raises(NotFound):
            await planning.conference_queries.agenda(world[who], conference_id)
    with pytest.raises(NotFound):
        await planning.conference_queries.agenda(world["an"], conference_id)
    # Another at the table is in the rooms of the cases, and whoever leaves it is out of them.
    await planning.conferences.change_members(world["dieu"], conference_id, [world["an"].id], 1)
    for case in (first, second):
        await world.queries.consult(world["an"], case.consult_id)
        with pytest.raises(NotFound):
            await world.queries.consult(world["khai"], case.consult_id)
    assert (await held(world, "khai"), await held(world, "an")) == (0, 4)
    with pytest.raises(Conflict) as error:
        await planning.conferences.cancel(world["dieu"], conference_id, 2)
    assert (error.value.code, error.value.parameters["count"]) == ("conference.booked", 2)
    # A case that moves to another time leaves the table.
    [free] = await world.publish(hours=100)
    await world.scheduling.move(world["dieu"], first.id, free.id, first.version)
    async with world.database.reading() as tx:
        query = select(participants.c.staff_id).where(participants.c.consult_id == first.consult_id)
        assert set((await tx.execute(query)).scalars()) == {world["lan"].id, world["ha"].id}
    await world.scheduling.cancel(world["mai"], second.id)
    await planning.conferences.cancel(world["dieu"], conference_id, 2)
    assert (await held(world, "an"), await planning.conference_queries.listed(world["dieu"])) == (0, [])


async def test_members_are_taken_together_and_free_times_give_way(world: World, planning: Planning) -> None:
    await change(world, "khai", facility_id=STROKE_HOSPITAL)
    afternoons = replace(
        THURSDAYS, rule="FREQ=DAILY", starts_on=date(2026, 11, 25), after=0, starts=time(13), ends=time(15)
    )
    await template(world, planning, afternoons)
    await template(world, planning, afternoons, "khai")
    assert (await held(world), await held(world, "khai")) == (72, 72)
    session = await conference(world, planning, "khai")
    assert (await held(world), await held(world, "khai")) == (72, 72), "the session took what was free there"
    assert len([one for one in await offered(world) if one.conference_id == session]) == 4
    await planning.conferences.cancel(world["dieu"], session, 1)
    assert (await held(world), await held(world, "khai")) == (72, 72), "and the templates have it back"
    await world.book(next(one for one in await offered(world, "khai") if local([one]) == ["25 14:15"]))
    with pytest.raises(Conflict) as error:
        await conference(world, planning, "khai")
    assert (error.value.code, error.value.parameters) == ("conference.busy", {"names": "BS. Khải"})
    assert local(await offered(world))[:2] == ["25 13:00", "25 13:15"], "nobody's time was touched"
    assert await held(world) == 72
    for who, code in (((), "conference.table"), (("xa",), "conference.unfit"), (("dieu",), "conference.unfit")):
        with pytest.raises(Invalid) as refused:
            await conference(world, planning, *who, hours=200)
        assert refused.value.code == code


async def test_of_two_sessions_at_once_one_has_the_member(world: World, planning: Planning) -> None:
    await change(world, "khai", facility_id=STROKE_HOSPITAL)
    await change(world, "an", facility_id=STROKE_HOSPITAL)
    made = await asyncio.gather(
        *(conference(world, planning, who) for who in ("khai", "an") * 4), return_exceptions=True
    )
    assert len([one for one in made if isinstance(one, str)]) == 1
    assert {getattr(one, "code", "") for one in made if not isinstance(one, str)} <= {
        "conference.busy",
        "conference.raced",
    }
    assert await held(world) == 4
    assert await held(world, "khai") + await held(world, "an") == 4


async def test_leave_of_a_member_lists_the_booked_cases(world: World, planning: Planning) -> None:
    await change(world, "khai", facility_id=STROKE_HOSPITAL)
    await conference(world, planning, "khai")
    box = (await offered(world))[2]
    await book_for(world, box, "lan")
    starts = world.clock.now() + timedelta(hours=40)
    await planning.absences.leave(world["dieu"], world["khai"].id, starts, starts + timedelta(days=1))
    [one] = await planning.conflicts.open(world["dieu"], STROKE_HOSPITAL)
    assert (one.slot.id, one.staff_name, one.cause.value) == (box.id, "BS. Khải", "leave")
    assert len(await offered(world)) == 4
