"""What a facility's own system reads, on both stores: its side only, in the order of change, page by page."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from consult_rooms.exchange import Exchange
from consult_rooms.model import Consult, OfferState
from consult_rooms.scheduling import Scheduling
from foundation.errors import NotFound
from foundation.ids import ConsultId, SlotId
from tests.consult_rooms.conftest import (
    BURNS,
    CENTRAL_HOSPITAL,
    CLINIC,
    CONSENT,
    FOREIGN_HOSPITAL,
    OTHER_CLINIC,
    PATIENT,
    QUESTION,
    STROKE,
    STROKE_HOSPITAL,
    World,
)


@pytest.fixture
def exchange(world: World) -> Exchange:
    return Exchange(world.database, world.store, world.log, world.directory)


async def asked(world: World, count: int, seconds: float = 60) -> list[Consult]:
    made = []
    for number in range(count):
        made.append(await world.ask(f"key {number}"))
        world.clock.advance(seconds)
    return made


@pytest.mark.parametrize("seconds", [60, 0])
async def test_pages_hold_each_consult_once_even_of_one_instant(
    world: World, exchange: Exchange, seconds: float
) -> None:
    made = await asked(world, 5, seconds)
    seen: list[ConsultId] = []
    after = None
    while page := await exchange.changed(CLINIC, after=after, limit=2):
        seen += [one.consult.id for one in page]
        after = (page[-1].updated_at, page[-1].consult.id)
    assert seen == [consult.id for consult in made]


async def test_a_change_moves_a_consult_to_the_end(world: World, exchange: Exchange) -> None:
    made = await asked(world, 3)
    since = world.clock.now()
    await world.answers.accept(world["ha"], made[0].id)
    assert [one.consult.id for one in await exchange.changed(CLINIC, limit=9)] == [made[n].id for n in (1, 2, 0)]
    assert [one.consult.id for one in await exchange.changed(CLINIC, since=since, limit=9)] == [made[0].id]
    assert [one.consult.id for one in await exchange.changed(STROKE_HOSPITAL, limit=9)] == [made[0].id]


async def test_only_the_two_sides_know_of_a_consult(world: World, exchange: Exchange) -> None:
    [consult] = await asked(world, 1)
    found, offers = await exchange.request(CLINIC, consult.id)
    assert (found.consult.id, [offer.state for offer in offers]) == (consult.id, [OfferState.RINGING])
    for facility_id in (STROKE_HOSPITAL, CENTRAL_HOSPITAL, FOREIGN_HOSPITAL, OTHER_CLINIC):
        with pytest.raises(NotFound):
            await exchange.consult(facility_id, consult.id)
    await world.answers.accept(world["ha"], consult.id)
    assert (await exchange.consult(STROKE_HOSPITAL, consult.id)).consult.specialist_id == world["ha"].id
    with pytest.raises(NotFound):
        await exchange.request(STROKE_HOSPITAL, consult.id)


async def test_slots_and_who_sees_a_booking(world: World, exchange: Exchange) -> None:
    zone = ZoneInfo("Asia/Ho_Chi_Minh")
    scheduling = Scheduling(
        world.database, world.store, world.log, world.directory, world.bus, zone, timedelta(minutes=15)
    )
    starts = world.clock.now() + timedelta(hours=24)
    ends = starts + timedelta(hours=1)
    made = await scheduling.publish(world["dieu"], world["ha"].id, STROKE, starts, ends, 15)
    booked = await scheduling.book(
        world["dieu"], made[1].id, CLINIC, None, world["lan"].id, PATIENT, QUESTION, CONSENT, "k"
    )
    seen: list[SlotId] = []
    after = None
    while page := await exchange.slots(CLINIC, starts=starts, ends=ends, after=after, limit=3):
        seen += [one.slot.id for one in page]
        after = (page[-1].slot.starts_at, page[-1].slot.id)
    assert seen == [slot.id for slot in made]
    for facility_id in (CLINIC, STROKE_HOSPITAL):
        row = (await exchange.slots(facility_id, starts=starts, ends=ends, limit=9))[1]
        assert (row.appointment_id, row.consult_id, row.version) == (booked.id, booked.consult_id, 1)
        assert await exchange.appointment(facility_id, booked.id) == (booked, False)
    assert await exchange.slots(CLINIC, starts=starts, ends=ends, specialty_id=BURNS, limit=9) == []
    assert await exchange.slots(FOREIGN_HOSPITAL, starts=starts, ends=ends, limit=9) == []
    with pytest.raises(NotFound):
        await exchange.appointment(FOREIGN_HOSPITAL, booked.id)
    await scheduling.cancel(world["dieu"], booked.id)
    assert (await exchange.appointment(CLINIC, booked.id))[1]
    assert not [one for one in await exchange.slots(CLINIC, starts=starts, ends=ends, limit=9) if one.appointment_id]
