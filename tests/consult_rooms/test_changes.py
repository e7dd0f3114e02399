"""What becomes of appointments beside booking and moving, on both stores."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from consult_rooms.appointment import Appointment, Slot
from consult_rooms.availability_tables import availability_exceptions
from consult_rooms.bookings import Order
from consult_rooms.calendar_tables import busy_calendars, busy_times
from consult_rooms.closures import ExceptionKind
from consult_rooms.expected import Turn, delay, expected_starts
from consult_rooms.model import CancelReason, ConsultState, Urgency
from consult_rooms.owners import owner_at
from consult_rooms.resources import ResourceKind, Resources
from consult_rooms.tables import quarter_units
from consult_rooms.waiting_room import Missing, Whereabouts
from foundation.audit import Audit
from foundation.errors import HoichanError
from foundation.ids import ConsultId, ResourceId, SlotId, WaitingId
from identity.model import Staff
from tests.consult_rooms.conftest import (
    CENTRAL_HOSPITAL,
    CLINIC,
    CONSENT,
    NAME,
    PATIENT,
    QUESTION,
    STROKE,
    TERMINAL,
    World,
)


async def refused(doing: Awaitable[object]) -> str:
    """The code with which it is refused."""
    with pytest.raises(HoichanError) as error:
        await doing
    return error.value.code


async def published(world: World, user_name: str, hours: float, count: int = 1) -> list[Slot]:
    """Half-hour slots of anybody, by a coordinator of their hospital."""
    person = world[user_name]
    boss = replace(world["dieu"], facility_id=person.facility_id)
    starts = world.clock.now() + timedelta(hours=hours)
    return await world.scheduling.publish(boss, person.id, STROKE, starts, starts + count * timedelta(minutes=30), 30)


def order(world: World, key: str = "w", resource_ids: frozenset[ResourceId] = frozenset()) -> Order:
    return Order(
        world["dieu"].id,
        CLINIC,
        TERMINAL,
        world["lan"].id,
        PATIENT,
        QUESTION,
        CONSENT,
        key,
        resource_ids=resource_ids,
    )


async def waits(world: World, key: str) -> WaitingId:
    now = world.clock.now()
    return await world.scheduling.waiting_list.add(
        world["lan"], order(world, key), STROKE, now, now + timedelta(days=2)
    )


async def test_a_hold_keeps_others_off_until_it_lapses(world: World) -> None:
    slot, other, third, fourth, fifth = await world.publish(count=5)
    holds, colleague = world.scheduling.holds, replace(world["dieu"], id=world["ha"].id)
    until = await holds.hold(world["dieu"], slot.id)
    assert until == world.clock.now() + timedelta(minutes=2)
    assert await refused(holds.hold(colleague, slot.id)) == "slot.held"
    assert await refused(holds.hold(world["lan"], slot.id)) == "slot.held"
    assert await refused(holds.hold(world["ha"], slot.id)) == "policy.denied"
    free = await world.queries.slots(world["xadieu"], slot.starts_at, slot.ends_at, free_only=True)
    assert free == []
    booked = await world.book(slot)
    assert booked.slot_id == slot.id
    assert await refused(holds.hold(colleague, slot.id)) == "slot.taken"
    # A hold that lapsed, or was given back, is nobody's.
    await holds.hold(colleague, other.id)
    assert await refused(world.book(other, "o")) == "slot.held"
    assert await refused(world.scheduling.withdraw(world["dieu"], other.id)) == "slot.held"
    assert await refused(world.scheduling.move(world["dieu"], booked.id, other.id, 1)) == "slot.held"
    world.clock.advance(121)
    await world.scheduling.move(world["dieu"], booked.id, other.id, 1)
    await holds.hold(colleague, slot.id)
    await holds.release(colleague, slot.id)
    for one in (slot, third, fourth):
        await holds.hold(world["dieu"], one.id)
    assert await refused(holds.hold(world["dieu"], fifth.id)) == "hold.too_many"


async def test_a_clinics_doctor_books_for_their_own_patient_alone(world: World) -> None:
    slot, second = await world.publish(count=2)
    lan = world["lan"]

    def book(who: Staff, key: str, requester: Staff = lan) -> Awaitable[Appointment]:
        return world.scheduling.book(
            who, slot.id, CLINIC, TERMINAL, requester.id, PATIENT, QUESTION, CONSENT, key, urgency=Urgency.ROUTINE
        )

    assert await refused(world.scheduling.holds.hold(world["mai"], slot.id)) == "slot.unknown", "no link to her clinic"
    await world.scheduling.holds.hold(lan, slot.id)
    colleague = replace(lan, id=world["ha"].id)
    assert await refused(book(colleague, "c")) == "policy.denied", "a colleague's patient"
    assert await refused(book(world["mai"], "m")) == "policy.denied", "another clinic's"
    unasked = world.scheduling.book(lan, slot.id, CLINIC, TERMINAL, lan.id, PATIENT, QUESTION, None, "q")
    assert await refused(unasked) == "consent.missing"
    booked = await book(lan, "k")
    assert (await book(lan, "k")).id == booked.id
    assert (await world.queries.consult(lan, booked.consult_id)).consult.owner_id == lan.id
    found = await world.queries.next_free(lan, STROKE, after=world.clock.now())
    assert [row.slot.id for row in found] == [second.id]


async def test_free_times_leave_out_where_the_specialist_is_busy_elsewhere_or_on_leave(world: World) -> None:
    first, second, third = await world.publish(count=3)
    async with world.database.transaction() as tx:
        own = {"id": "bcl_1", "staff_id": world["ha"].id, "name": "x", "created_by": world["ha"].id}
        await tx.execute(busy_calendars.insert().values(**own, created_at=world.clock.now()))
        minute = timedelta(minutes=1)
        times = {"starts_at": first.ends_at - minute, "ends_at": first.ends_at}
        await tx.execute(busy_times.insert().values(calendar_id="bcl_1", staff_id=world["ha"].id, **times))
        leave = {
            "id": "avx_1",
            "facility_id": third.facility_id,
            "staff_id": world["ha"].id,
            "kind": ExceptionKind.LEAVE,
            "starts_at": third.starts_at,
            "ends_at": third.ends_at,
            "created_by": world["dieu"].id,
            "created_at": world.clock.now(),
        }
        await tx.execute(availability_exceptions.insert().values(**leave))

    async def free() -> list[SlotId]:
        span = (first.starts_at, third.ends_at)
        listed = [row.slot.id for row in await world.queries.slots(world["lan"], *span, free_only=True)]
        next_ones = [row.slot.id for row in await world.queries.next_free(world["lan"], STROKE, after=span[0])]
        assert listed == next_ones
        return listed

    assert await free() == [second.id]
    assert await refused(world.scheduling.holds.hold(world["dieu"], first.id)) == "slot.busy"
    assert await refused(world.book(third)) == "slot.leave"
    entry = await waits(world, "w")
    await world.scheduling.waiting_list.run_due()
    (waiting,) = await world.scheduling.waiting_list.open(world["lan"])
    assert (waiting.id, waiting.slot_id) == (entry, second.id), "nor is any other offered to who waits"
    async with world.database.transaction() as tx:
        await tx.execute(availability_exceptions.update().values(removed_at=world.clock.now()))
    assert third.id in await free()


async def test_a_device_is_booked_with_specialist_and_terminal_or_nothing_is(world: World) -> None:
    resources = Resources(world.database, Audit(world.database))
    keeper = replace(world["dieu"], facility_id=CLINIC)
    device = await resources.add(keeper, ResourceKind.ULTRASOUND, "Máy siêu âm 1")
    foreign = await resources.add(replace(keeper, facility_id=CENTRAL_HOSPITAL), ResourceKind.ROOM, "Phòng 2")
    assert await refused(resources.add(keeper, "ecg", "Máy siêu âm 1")) == "resource.known"
    assert await refused(resources.add(world["lan"], "ecg", "ECG")) == "policy.denied"
    mine = (await published(world, "ha", 2))[0]
    theirs, later = await published(world, "khai", 2, 2)

    def book(slot: Slot, key: str, *needs: ResourceId, terminal: bool = True) -> Awaitable[Appointment]:
        return world.scheduling.book(
            world["dieu"],
            slot.id,
            CLINIC,
            TERMINAL if terminal else None,
            world["lan"].id,
            PATIENT,
            QUESTION,
            CONSENT,
            key,
            resource_ids=needs,
        )

    assert await refused(book(mine, "a", foreign.id)) == "resource.unfit"
    first = await book(mine, "a", device.id)
    assert await refused(book(theirs, "b", device.id, terminal=False)) == "slot.resource_busy"
    second = await book(later, "b", device.id, foreign.id)
    async with world.database.reading() as tx:
        held = (await tx.execute(select(func.count()).select_from(quarter_units))).scalar_one()
    assert held == 6 + 4 + 6  # three slots, terminal and device, terminal and two devices
    assert await refused(world.scheduling.move(world["dieu"], second.id, theirs.id, 1)) == "slot.terminal_busy"
    await world.scheduling.cancel(world["dieu"], first.id)
    # At the other hospital its room is let go; the clinic's own device comes along.
    await world.scheduling.move(world["dieu"], second.id, mine.id, 1)
    async with world.database.reading() as tx:
        holders = select(quarter_units.c.resource).where(quarter_units.c.holder == second.id)
        assert set((await tx.execute(holders)).scalars()) == {f"terminal:{TERMINAL}", f"resource:{device.id}"}
    await resources.set_active(keeper, device.id, False)
    assert await refused(book(later, "c", device.id)) == "resource.unfit"
    assert [one.name for one in await resources.of([CLINIC], active_only=False)] == ["Máy siêu âm 1"]
    assert await resources.of([CLINIC]) == []


async def test_only_an_accepted_emergency_displaces_and_nothing_is_lost(world: World) -> None:
    soon, after, far = await world.publish(hours=0.25, count=3)
    booked, stays = await world.book(soon), await world.book(far, "far")
    elsewhere = (await published(world, "khai", 3))[0]
    emergency = await world.ask("e")
    changes, lan = world.scheduling.changes, world["lan"]
    view = await world.queries.consult(lan, booked.consult_id)
    assert await world.kinds(view.consult) == ["scheduled"]  # that it rings displaces nothing
    assert await refused(changes.keep(lan, booked.id)) == "appointment.not_displaced"
    await world.answers.accept(world["ha"], emergency.id)
    entries = await world.log.since(booked.consult_id, 0)
    assert [entry.kind for entry in entries] == ["scheduled", "displaced"]
    assert (entries[-1].actor, owner_at(entries)) == (world["ha"].id, lan.id)
    assert [entry.kind for entry in await world.log.since(stays.consult_id, 0)] == ["scheduled"]
    offered = await changes.alternatives(lan, booked.id)
    assert [(one.slot.id, one.same_specialist) for one in offered] == [(after.id, True), (elsewhere.id, False)]
    assert await refused(changes.alternatives(world["mai"], booked.id)) == "consult.unknown"
    # In one tap, by the clinic's own doctor; the slot in which the specialist is away is nobody's.
    moved = await world.scheduling.move(lan, booked.id, elsewhere.id, 1)
    assert (moved.slot_id, moved.displaced_at) == (elsewhere.id, None)
    assert (await world.log.since(booked.consult_id, 2))[-1].data["reason"] == "displaced"
    assert await refused(world.book(soon, "again")) == "slot.unknown"
    assert await refused(world.scheduling.move(lan, booked.id, after.id, 2)) == "policy.denied"


async def test_a_running_consult_is_not_displaced_and_a_displaced_one_can_wait(world: World) -> None:
    first, second = await world.publish(hours=0.25, count=2)
    running, next_ = await world.book(first), await world.book(second, "n")
    world.clock.advance(15 * 60)
    await world.rooms.join(world["ha"], running.consult_id)
    emergency = await world.ask("e")
    await world.answers.accept(world["ha"], emergency.id, pause=True)
    kinds = [entry.kind for entry in await world.log.since(running.consult_id, 0)]
    assert "displaced" not in kinds
    assert "paused" in kinds
    assert (await world.queries.consult(world["lan"], running.consult_id)).consult.state is ConsultState.CLAIMED
    world.clock.advance(60)
    second_emergency = await world.ask("e2")
    await world.answers.accept(world["ha"], second_emergency.id)
    kept = await world.scheduling.changes.keep(world["lan"], next_.id)
    assert kept.displaced_at is None
    assert [entry.kind for entry in await world.log.since(next_.consult_id, 1)] == ["displaced", "kept"]
    # Who comes after all begins it, displaced or not.
    await world.scheduling.changes.late(world["ha"], next_.id, 20)
    world.clock.advance(20 * 60)
    await world.rooms.join(world["ha"], next_.consult_id)
    view = await world.queries.consult(world["lan"], next_.consult_id)
    assert view.consult.state is ConsultState.CLAIMED


async def test_nobody_came_is_said_only_of_who_is_not_there(world: World) -> None:
    first, second = await world.publish(hours=0.25, count=2)
    missed, absent = await world.book(first), await world.book(second, "second")
    changes = world.scheduling.changes
    assert await refused(changes.no_show(world["ha"], missed.id)) == "appointment.early"
    world.clock.advance(15 * 60)
    await world.scheduling.waiting_room.look(world["lan"], missed.consult_id)
    assert await refused(changes.no_show(world["ha"], missed.id)) == "appointment.present"
    world.clock.advance(60)
    await world.rooms.join(world["ha"], missed.consult_id)
    over = await changes.no_show(world["ha"], missed.id)
    assert (over.state, over.cancel_reason) == (ConsultState.CANCELLED, CancelReason.NO_SHOW)
    assert await refused(changes.no_show(world["ha"], missed.id)) == "consult.cancelled"
    assert await refused(world.scheduling.cancel(world["lan"], absent.id, "no_show")) == "choice.unknown"
    # When the specialist does not come the appointment is displaced, and waits for another time.
    world.clock.advance(30 * 60)
    gone = await changes.absent(world["lan"], absent.id)
    assert gone.displaced_at is not None
    assert (await world.log.since(absent.consult_id, 1))[0].data["cause"] == "absent"


async def test_a_walk_in_is_taken_between_two_and_never_over_one(world: World) -> None:
    later = (await world.publish(hours=1))[0]
    changes, ha = world.scheduling.changes, world["ha"].id
    taken = await changes.walk_in(world["dieu"], ha, STROKE, order(world), 30)
    assert await changes.walk_in(world["dieu"], ha, STROKE, order(world), 30) == taken
    assert (await world.queries.consult(world["lan"], taken.consult_id)).room_open
    assert await refused(changes.walk_in(world["dieu"], ha, STROKE, order(world, "x"), 30)) == "slot.overlaps"
    assert await refused(changes.walk_in(world["xadieu"], ha, STROKE, order(world, "y"), 30)) == "policy.denied"
    world.clock.advance(45 * 60)
    assert await refused(changes.walk_in(world["dieu"], ha, STROKE, order(world, "z"), 30)) == "slot.overlaps"
    await world.book(later)


async def test_a_freed_slot_is_offered_in_order_and_goes_on_when_it_lapses(world: World) -> None:
    slot = (await world.publish(hours=20))[0]
    booked = await world.book(slot)
    began = world.clock.now()
    first = await waits(world, "1")
    world.clock.advance(1)
    second = await waits(world, "2")
    assert await waits(world, "1") == first
    lists = world.scheduling.waiting_list
    await lists.run_due()
    assert [entry.state for entry in await lists.open(world["lan"])] == ["waiting", "waiting"]
    await world.scheduling.cancel(world["dieu"], booked.id)
    shown = {entry.id: entry for entry in await lists.open(world["dieu"])}
    assert (shown[first].slot_id, shown[second].slot_id) == (slot.id, None)
    assert shown[first].patient_name == NAME
    assert await refused(world.book(slot, "jump")) == "slot.held"
    assert await refused(lists.accept(world["lan"], second)) == "waiting.lapsed"
    assert await refused(lists.accept(world["mai"], first)) == "policy.denied"
    world.clock.advance(30 * 60)
    assert await refused(lists.accept(world["lan"], first)) == "waiting.lapsed"
    await asyncio.gather(lists.run_due(), lists.run_due())
    shown = {entry.id: entry for entry in await lists.open(world["dieu"])}
    assert (shown[first].slot_id, shown[second].slot_id) == (None, slot.id)
    taken = await asyncio.gather(lists.accept(world["lan"], second), lists.accept(world["lan"], second))
    assert {one.id for one in taken} == {taken[0].id}
    view = await world.queries.consult(world["lan"], taken[0].consult_id)
    assert (view.consult.patient.name, view.consult.question) == (NAME, QUESTION)
    # A slot that is published later is offered too, to whoever still waits; declined it is free to all.
    world.clock.advance(3600 - (world.clock.now() - began).total_seconds())
    new = (await world.publish(hours=22))[0]
    await lists.run_due()
    await lists.decline(world["lan"], first)
    await lists.run_due()
    await world.book(new, "direct")
    await lists.withdraw(world["lan"], first)
    assert await lists.open(world["dieu"]) == []


async def test_each_side_sees_who_is_there_and_what_is_missing(world: World) -> None:
    slot = (await world.publish(hours=1))[0]
    booked = await world.book(slot)
    room, lan, ha = world.scheduling.waiting_room, world["lan"], world["ha"]

    async def seen(user_name: str) -> dict[str, Whereabouts]:
        looked = await room.look(world[user_name], booked.consult_id)
        return {person.staff_id: person.whereabouts for person in looked.people}

    assert set((await seen("lan")).values()) == {Whereabouts.AWAITED}  # it has not opened yet
    world.clock.advance(46 * 60)
    assert await seen("lan") == {lan.id: Whereabouts.WAITING, ha.id: Whereabouts.AWAITED}
    await seen("lan")
    world.clock.advance(15 * 60)
    assert await seen("ha") == {lan.id: Whereabouts.LATE, ha.id: Whereabouts.WAITING}
    kinds = [entry.kind.value for entry in await world.log.since(booked.consult_id, 0)]
    assert kinds.count("arrived") == 2
    assert await refused(room.look(world["mai"], booked.consult_id)) == "consult.unknown"
    looked = await room.look(lan, booked.consult_id)
    assert looked.missing == (Missing.IDENTITY, Missing.VITALS)
    assert await refused(room.check_identity(lan, booked.consult_id, ["name"])) == "identity.two"
    assert await refused(room.check_identity(ha, booked.consult_id, ["name", "number"])) == "consult.not_your_part"
    await room.check_identity(lan, booked.consult_id, ["name", "birth_date"])
    assert (await room.look(lan, booked.consult_id)).missing == (Missing.VITALS,)


def test_who_runs_over_pushes_the_next_until_a_gap() -> None:
    nine = datetime(2026, 11, 24, 9, tzinfo=UTC)
    half = timedelta(minutes=30)

    def turn(name: str, starts: int, state: ConsultState = ConsultState.SCHEDULED, **more: datetime) -> Turn:
        at = nine + timedelta(minutes=starts)
        return Turn(ConsultId(name), state, at, at + half, **more)

    running = turn("a", 0, ConsultState.CLAIMED, claimed_at=nine + timedelta(minutes=10))
    day = [turn("c", 30), running, turn("d", 60), turn("e", 120), turn("x", 30, ConsultState.CANCELLED)]
    minutes = {
        name: (at - nine).total_seconds() / 60
        for name, at in expected_starts(day, nine + timedelta(minutes=20)).items()
    }
    assert minutes == {"c": 40, "d": 70, "e": 120}
    over = expected_starts(day, nine + timedelta(minutes=50))
    assert over[ConsultId("c")] == nine + timedelta(minutes=50)
    late = turn("c", 30, late_until=nine + timedelta(minutes=55))
    told = expected_starts([late, turn("d", 60)], nine)
    assert told == {"c": nine + timedelta(minutes=55), "d": nine + timedelta(minutes=60)}
    assert delay(nine, nine + timedelta(minutes=4)) is None
    assert delay(nine, nine + half) == half


async def test_the_agenda_says_when_a_consult_will_really_begin(world: World) -> None:
    first, second = await world.publish(hours=1, count=2)
    one, two = await world.book(first), await world.book(second, "second")
    reading = world.scheduling.appointments

    async def expected() -> dict[ConsultId, datetime]:
        rows = [(await world.queries.consult(world["lan"], booked.consult_id)).consult for booked in (one, two)]
        return await reading.expected(rows)

    assert await expected() == {}
    until = await world.scheduling.changes.late(world["lan"], one.id, 20)
    assert await expected() == {one.consult_id: until}
