"""An opinion for each patient of a consult: what was written for one is never the other's. On both stores."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from consult_rooms.log_entry import LogKind
from consult_rooms.model import Consult, ConsultState, IdentityChange
from consult_rooms.tables import consult_log
from foundation.errors import Conflict, Invalid
from foundation.ids import PatientId
from tests.consult_rooms.conftest import PATIENT, World

OTHER = replace(PATIENT, patient_id=PatientId("pat_" + "b" * 32), name="Nguyễn Thị Khác", masked_number="•••• 1111")


async def taken(world: World) -> Consult:
    consult = await world.ask(patient=PATIENT)
    await world.answers.accept(world["ha"], consult.id)
    return consult


async def turn(world: World, consult: Consult, change: IdentityChange = IdentityChange.TURNED) -> None:
    patient = None if change is IdentityChange.REVERTED else OTHER
    await world.requests.change_identity(world["lan"], consult.id, patient, change)


async def texts(world: World, consult: Consult) -> list[tuple[str | None, str | None, bool, bool]]:
    """For each person: name, text, whether it is closed, whether the consult is about them now."""
    return [
        (
            one.person.patient.name,
            one.opinion.text if one.opinion else None,
            one.opinion is not None and one.opinion.closed_at is not None,
            one.now,
        )
        for one in await world.opinions.each(world["lan"], consult.id)
    ]


async def test_each_patient_has_an_opinion_and_the_last_one_closes_the_consult(world: World) -> None:
    consult, ha = await taken(world), world["ha"]
    first = await world.opinions.save(ha, consult.id, "Chuyển tuyến.", 0)
    await turn(world, consult)
    assert await texts(world, consult) == [
        (PATIENT.name, "Chuyển tuyến.", False, False),
        (OTHER.name, None, False, True),
    ]
    second = await world.opinions.save(ha, consult.id, "Theo dõi tại trạm.", 0)
    assert (first.person, first.version, second.version) == (0, 1, 1)
    # A page that was opened before the turn still writes about whom it was opened for.
    await world.opinions.save(ha, consult.id, "Chuyển tuyến ngay.", 1, first.person)
    assert [row[1] for row in await texts(world, consult)] == ["Chuyển tuyến ngay.", "Theo dõi tại trạm."]
    await world.rooms.end(ha, consult.id)
    assert (await world.opinions.close(ha, consult.id, first.person)).state is ConsultState.ENDED
    assert [row[2] for row in await texts(world, consult)] == [True, False]
    for act in (
        world.opinions.save(ha, consult.id, "Khác đi.", 2, first.person),
        world.opinions.close(ha, consult.id, first.person),
    ):
        with pytest.raises(Conflict) as locked:
            await act
        assert locked.value.code == "opinion.closed"
    closed = await world.opinions.close(ha, consult.id, second.person)
    assert (closed.state, closed.closed_at) == (ConsultState.CLOSED, world.clock.now())
    async with world.database.reading() as tx:
        kinds = list((await tx.execute(select(consult_log.c.kind).order_by(consult_log.c.number))).scalars())
    assert kinds[-2:] == [LogKind.OPINION_LOCKED, LogKind.CLOSED]


async def test_nobody_is_left_out_of_the_closing(world: World) -> None:
    consult, ha = await taken(world), world["ha"]
    await world.opinions.save(ha, consult.id, "Chuyển tuyến.", 0)
    await turn(world, consult)
    await world.rooms.end(ha, consult.id)
    with pytest.raises(Invalid) as missing:
        await world.opinions.close(ha, consult.id)
    assert missing.value.code == "opinion.missing"
    assert (await world.opinions.close(ha, consult.id, 0)).state is ConsultState.ENDED


async def test_turning_back_leads_to_the_same_opinion(world: World) -> None:
    consult, ha = await taken(world), world["ha"]
    await world.opinions.save(ha, consult.id, "Chuyển tuyến.", 0)
    await turn(world, consult)
    await world.requests.change_identity(world["lan"], consult.id, PATIENT, IdentityChange.TURNED)
    assert await texts(world, consult) == [
        (PATIENT.name, "Chuyển tuyến.", False, True),
        (OTHER.name, None, False, False),
    ]
    assert (await world.opinions.save(ha, consult.id, "Chuyển tuyến ngay.", 1)).version == 2


async def test_a_turn_that_was_taken_back_asks_for_no_opinion(world: World) -> None:
    consult, ha = await taken(world), world["ha"]
    await world.opinions.save(ha, consult.id, "Chuyển tuyến.", 0)
    await turn(world, consult)
    wrong = await world.opinions.save(ha, consult.id, "Nhầm người.", 0)
    await turn(world, consult, IdentityChange.REVERTED)
    assert await texts(world, consult) == [(PATIENT.name, "Chuyển tuyến.", False, True)]
    with pytest.raises(Conflict) as gone:
        await world.opinions.save(ha, consult.id, "Nhầm người nữa.", 1, wrong.person)
    assert gone.value.code == "opinion.no_such_person"
    await world.rooms.end(ha, consult.id)
    assert (await world.opinions.close(ha, consult.id)).state is ConsultState.CLOSED
