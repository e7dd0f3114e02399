"""Slots and appointments, on both stores: nobody and no terminal is booked twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from consult_rooms.appointment import Appointment
from consult_rooms.model import ConsultState, ParticipantRole
from consult_rooms.tables import quarter_units
from foundation.errors import Conflict, Forbidden, HoichanError, Invalid, NotFound
from foundation.ids import SlotId, new_id
from tests.consult_rooms.conftest import (
    CLINIC,
    CONSENT,
    OTHER_CLINIC,
    OTHER_TERMINAL,
    PATIENT,
    QUESTION,
    STROKE,
    TERMINAL,
    UNKNOWN_WOMAN,
    World,
)


async def units(world: World) -> int:
    """How many quarters are held, by anybody."""
    async with world.database.reading() as tx:
        return int((await tx.execute(select(func.count()).select_from(quarter_units))).scalar_one())


async def test_a_window_becomes_slots_on_quarters(world: World) -> None:
    starts = world.clock.now() + timedelta(hours=2)
    made = await world.scheduling.publish(
        world["dieu"], world["ha"].id, STROKE, starts, starts + timedelta(minutes=80), 20
    )
    assert [(slot.starts_at - starts, slot.ends_at - slot.starts_at) for slot in made] == [
        (timedelta(minutes=offset), timedelta(minutes=20)) for offset in (0, 30, 60)
    ]


async def test_overlapping_slots_of_one_specialist_are_refused_whole(world: World) -> None:
    await world.publish(hours=2, count=2)
    with pytest.raises(Conflict) as error:
        await world.publish(hours=1.5, count=2)
    assert error.value.code == "slot.overlaps"
    assert await units(world) == 4
    await world.publish(hours=3)


async def test_fifty_publish_the_same_time_and_one_does(world: World) -> None:
    async def publish() -> str:
        try:
            await world.publish()
        except HoichanError as error:
            return error.code
        return "published"

    results = await asyncio.gather(*(publish() for _ in range(50)))
    assert sorted(results) == ["published"] + ["slot.overlaps"] * 49


@pytest.mark.parametrize(
    ("starts_in", "ends_in", "minutes", "code"),
    [
        (130, 190, 30, "slot.times"),
        (120, 190, 3, "slot.times"),
        (120, 1000, 481, "slot.times"),
        (120, 140, 30, "slot.window"),
        (-30, 60, 30, "slot.past"),
        (120, 120 + 49 * 15, 15, "slot.many"),
        (600_000, 600_060, 30, "slot.far"),
    ],
)
async def test_unusable_times_are_refused(world: World, starts_in: int, ends_in: int, minutes: int, code: str) -> None:
    now = world.clock.now()
    with pytest.raises(Invalid) as error:
        await world.scheduling.publish(
            world["dieu"],
            world["ha"].id,
            STROKE,
            now + timedelta(minutes=starts_in),
            now + timedelta(minutes=ends_in),
            minutes,
        )
    assert error.value.code == code


async def test_only_coordinators_of_the_hospital_publish(world: World) -> None:
    for who in ("ha", "lan", "xadieu"):
        with pytest.raises(Forbidden):
            await world.scheduling.publish(
                world[who],
                world["ha"].id,
                STROKE,
                world.clock.now() + timedelta(hours=1),
                world.clock.now() + timedelta(hours=2),
                30,
            )


async def test_a_booking_is_a_consult_with_both_people(world: World) -> None:
    slot = (await world.publish())[0]
    booked = await world.book(slot)
    view = await world.queries.consult(world["ha"], booked.consult_id)
    assert view.consult.state is ConsultState.SCHEDULED
    assert view.consult.opens_at == slot.starts_at - timedelta(minutes=15)
    assert view.names_patient
    assert {person.participant.role for person in view.people} == {
        ParticipantRole.REQUESTER,
        ParticipantRole.SPECIALIST,
    }
    day = datetime(2026, 11, 23, tzinfo=UTC).date()
    for who in ("lan", "ha"):
        assert [row.consult.id for row in await world.queries.agenda(world[who], day)] == [booked.consult_id]
    assert await world.kinds(view.consult) == ["scheduled"]
    assert await world.book(slot) == booked


async def test_fifty_bookings_of_one_slot_have_one_winner(world: World) -> None:
    slot = (await world.publish())[0]

    async def book(number: int) -> Appointment | str:
        try:
            return await world.book(slot, key=f"k{number}")
        except HoichanError as error:
            return error.code

    results = await asyncio.gather(*(book(number) for number in range(50)))
    assert sum(isinstance(result, Appointment) for result in results) == 1
    assert [result for result in results if isinstance(result, str)] == ["slot.taken"] * 49


async def test_fifty_bookings_of_one_terminal_have_one_winner(world: World) -> None:
    crowd = await world.recruit(50)
    starts = world.clock.now() + timedelta(hours=2)
    # Slots of fifty people at one hour, published past the policy, which is tested above.
    slots = []
    for staff in crowd:
        boss = replace(world["dieu"], facility_id=staff.facility_id)
        slots += await world.scheduling.publish(boss, staff.id, STROKE, starts, starts + timedelta(minutes=30), 30)

    async def book(number: int) -> Appointment | str:
        try:
            return await world.book(slots[number], key=f"k{number}")
        except HoichanError as error:
            return error.code

    results = await asyncio.gather(*(book(number) for number in range(50)))
    assert sum(isinstance(result, Appointment) for result in results) == 1
    assert [result for result in results if isinstance(result, str)] == ["slot.terminal_busy"] * 49
    # Those that lost their terminal hold no slot either.
    free = await world.queries.slots(world["dieu"], starts, starts + timedelta(hours=1), free_only=True)
    assert len(free) == 49


async def test_the_same_booking_sent_at_once_is_one(world: World) -> None:
    slot = (await world.publish())[0]
    booked = await asyncio.gather(*(world.book(slot) for _ in range(8)))
    assert len({appointment.id for appointment in booked}) == 1


async def test_a_clinic_without_terminal_has_one_room(world: World) -> None:
    first = (await world.publish("ha"))[0]
    await world.book(first, "a", None)
    coordinator = replace(world["dieu"], facility_id=world["khai"].facility_id)
    second = (
        await world.scheduling.publish(coordinator, world["khai"].id, STROKE, first.starts_at, first.ends_at, 30)
    )[0]
    with pytest.raises(Conflict) as error:
        await world.book(second, "b", None)
    assert error.value.code == "slot.terminal_busy"
    await world.book(second, "b", TERMINAL)


async def test_a_move_frees_the_old_time_and_is_version_checked(world: World) -> None:
    first, second, third = await world.publish(count=3)
    booked = await world.book(first)
    moved = await world.scheduling.move(world["dieu"], booked.id, second.id, booked.version)
    assert (moved.starts_at, moved.version) == (second.starts_at, 2)
    with pytest.raises(Conflict) as error:
        await world.scheduling.move(world["dieu"], booked.id, third.id, booked.version)
    assert error.value.code == "appointment.stale"
    again = await world.book(first, "again")
    with pytest.raises(Conflict) as error:
        await world.scheduling.move(world["dieu"], moved.id, again.slot_id, moved.version)
    assert error.value.code == "slot.taken"
    view = await world.queries.consult(world["lan"], booked.consult_id)
    assert view.consult.starts_at == second.starts_at
    assert await world.kinds(view.consult) == ["scheduled", "moved"]
    assert await units(world) == 6 + 4


async def test_a_move_to_another_specialist_changes_the_room(world: World) -> None:
    booked = await world.book((await world.publish("ha"))[0])
    chief = replace(world["dieu"], facility_id=world["khai"].facility_id)
    starts = world.clock.now() + timedelta(hours=5)
    other = await world.scheduling.publish(chief, world["khai"].id, STROKE, starts, starts + timedelta(minutes=30), 30)
    await world.scheduling.move(world["dieu"], booked.id, other[0].id, 1)
    view = await world.queries.consult(world["khai"], booked.consult_id)
    assert view.specialist_name == "BS. Khải"
    with pytest.raises(NotFound):
        await world.queries.consult(world["ha"], booked.consult_id)


async def test_two_moves_that_want_each_others_time_both_end(world: World) -> None:
    first, second = await world.publish(count=2)
    one, two = await world.book(first, "1"), await world.book(second, "2")

    async def move(appointment: Appointment, slot_id: SlotId) -> str:
        try:
            await world.scheduling.move(world["dieu"], appointment.id, slot_id, 1)
        except HoichanError as error:
            return error.code
        return "moved"

    assert set(await asyncio.gather(move(one, second.id), move(two, first.id))) == {"slot.taken"}


async def test_a_cancelled_appointment_frees_slot_and_terminal(world: World) -> None:
    slot = (await world.publish())[0]
    booked = await world.book(slot)
    with pytest.raises(NotFound):
        await world.scheduling.cancel(world["mai"], booked.id)
    await world.scheduling.cancel(world["lan"], booked.id)
    assert await units(world) == 2
    with pytest.raises(Conflict) as error:
        await world.scheduling.cancel(world["dieu"], booked.id)
    assert error.value.code == "consult.cancelled"
    assert (await world.book(slot, "new")).id != booked.id
    day = datetime(2026, 11, 23, tzinfo=UTC).date()
    assert len(await world.queries.agenda(world["lan"], day)) == 1


async def test_a_slot_is_withdrawn_only_while_free(world: World) -> None:
    first, second = await world.publish(count=2)
    await world.scheduling.withdraw(world["dieu"], first.id)
    await world.book(second)
    with pytest.raises(Conflict):
        await world.scheduling.withdraw(world["dieu"], second.id)
    with pytest.raises(NotFound):
        await world.book(first, "late")
    assert len(await world.publish()) == 1


async def test_bookings_are_checked(world: World) -> None:
    slot = (await world.publish())[0]

    async def refused(code: str, **changed: object) -> None:
        given: dict[str, object] = {
            "slot_id": slot.id,
            "clinic_id": CLINIC,
            "terminal_id": TERMINAL,
            "requester_id": world["lan"].id,
            "patient": PATIENT,
            "question": QUESTION,
            "consent": CONSENT,
            "idempotency_key": "x",
        }
        staff = changed.pop("staff", world["dieu"])
        with pytest.raises(HoichanError) as error:
            await world.scheduling.book(staff, **{**given, **changed})  # type: ignore[arg-type] # wrong on purpose
        assert error.value.code == code

    await refused("policy.denied", staff=world["xadieu"])
    await refused("policy.denied", staff=world["lan"], requester_id=world["mai"].id)
    await refused("policy.denied", clinic_id=OTHER_CLINIC)
    await refused("slot.requester", requester_id=world["mai"].id)
    await refused("terminal.foreign", terminal_id=OTHER_TERMINAL)
    await refused("patient.not_established", patient=UNKNOWN_WOMAN)
    await refused("consent.missing", consent=None)
    await refused("slot.unknown", slot_id=SlotId(new_id("slo")))
    world.clock.advance(3 * 3600)
    await refused("slot.past")
    assert len(await world.queries.slots(world["lan"], slot.starts_at, slot.ends_at)) == 1
