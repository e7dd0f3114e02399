"""Requests, from asking to the claim, on both stores."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from consult_rooms.model import (
    CancelReason,
    Consult,
    ConsultState,
    DeclineReason,
    IdentityState,
    OfferState,
    Question,
    Step,
    Urgency,
)
from foundation.audit import audit_entries
from foundation.errors import Conflict, Forbidden, HoichanError, Invalid, NotFound
from foundation.ids import ConsultId, new_id
from identity.model import Staff
from tests.consult_rooms.conftest import OTHER_TERMINAL, PATIENT, STROKE, UNKNOWN_WOMAN, World
from tests.statements import statements


async def test_a_request_rings_those_on_call_at_once(world: World) -> None:
    consult = await world.ask()
    assert consult.state is ConsultState.RINGING
    assert consult.step is Step.ON_CALL
    assert consult.step_due_at == world.clock.now() + timedelta(seconds=30)
    assert consult.code == "HC-2611-0001"
    assert await world.kinds(consult) == ["requested", "step_started", "rung"]
    rung = (await world.log.since(consult.id, 2))[0]
    assert rung.data["staff"] == world["ha"].id
    assert rung.data["online"] is False


async def test_a_request_and_its_audience_ask_little(world: World) -> None:
    with statements(world.database) as asked:
        consult = await world.ask()
    begin = 1 if world.database.is_sqlite else 0
    # Its terminal; who could be rung: 2; its number, itself, whom it is about, whom it rings, its log.
    assert len(asked) - begin <= 1 + 2 + 5, asked
    with statements(world.database) as asked:
        state, people = await world.log.audience(consult.id)
    assert (state, people) == (ConsultState.RINGING, {world[name].id for name in ("lan", "ha", "dieu")})
    assert len(asked) == 1
    assert await world.log.audience(ConsultId(new_id("con"))) == (None, set())


async def test_the_same_key_gives_the_same_consult_also_at_once(world: World) -> None:
    consults = await asyncio.gather(*(world.ask("twice") for _ in range(8)))
    assert len({consult.id for consult in consults}) == 1
    assert (await world.ask("other")).id != consults[0].id


async def test_codes_of_simultaneous_requests_differ(world: World) -> None:
    codes = {consult.code for consult in await asyncio.gather(*(world.ask(f"k{n}") for n in range(12)))}
    assert codes == {f"HC-2611-{n:04d}" for n in range(1, 13)}


async def test_fifty_accepts_have_one_winner_and_forty_nine_clear_refusals(world: World) -> None:
    crowd = await world.recruit(50)
    consult = await world.ask()
    await world.requests.widen(world["lan"], consult.id)

    async def accept(staff: Staff) -> Consult | HoichanError:
        try:
            return await world.answers.accept(staff, consult.id)
        except HoichanError as error:
            return error

    results = await asyncio.gather(*(accept(staff) for staff in crowd))
    won = [result for result in results if isinstance(result, Consult)]
    lost = [result for result in results if isinstance(result, HoichanError)]
    assert (len(won), len(lost)) == (1, 49)
    winner = next(staff for staff in crowd if staff.id == won[0].specialist_id)
    for loser in lost:
        assert loser.code == "consult.already_claimed"
        assert loser.parameters == {"name": winner.full_name, "time": "14:00:00"}
    assert (await world.kinds(consult)).count("claimed") == 1
    people = await world.rooms.participants(consult.id)
    assert {person.staff_id for person in people} == {world["lan"].id, winner.id}


async def test_the_winner_may_click_twice(world: World) -> None:
    consult = await world.ask()
    taken = await asyncio.gather(*(world.answers.accept(world["ha"], consult.id) for _ in range(10)))
    assert {result.specialist_id for result in taken} == {world["ha"].id}
    assert (await world.kinds(consult)).count("claimed") == 1


async def test_a_claim_stops_every_other_ring(world: World) -> None:
    consult = await world.ask()
    await world.requests.widen(world["lan"], consult.id)
    world.clock.advance(5)
    await world.answers.accept(world["khai"], consult.id)
    async with world.database.reading() as tx:
        states = {offer.staff_id: offer.state for offer in await world.store.offers(tx, consult.id)}
    assert states[world["khai"].id] is OfferState.ACCEPTED
    assert set(states.values()) == {OfferState.ACCEPTED, OfferState.STOPPED}
    claimed = (await world.log.since(consult.id, 0))[-1]
    assert claimed.data["waited_s"] == 5


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ("hetha", "licence.expired"),
        ("bong", "consult.not_offered"),
        ("xa", "consult.not_offered"),
        ("lan", "policy.denied"),
        ("dieu", "licence.expired"),
    ],
)
async def test_who_may_not_claim_is_refused_and_audited(world: World, who: str, code: str) -> None:
    consult = await world.ask()
    with pytest.raises(Forbidden) as denial:
        await world.answers.accept(world[who], consult.id)
    assert denial.value.code == code
    async with world.database.reading() as tx:
        rows = (await tx.execute(audit_entries.select())).all()
    assert [(row.actor, row.outcome) for row in rows] == [(world[who].id, "denied")]


async def test_one_of_the_specialty_may_claim_without_being_rung(world: World) -> None:
    consult = await world.ask()
    taken = await world.answers.accept(world["an"], consult.id)
    assert taken.specialist_id == world["an"].id


async def test_when_all_of_a_step_decline_the_next_begins_at_once(world: World) -> None:
    consult = await world.ask()
    await world.answers.decline(world["ha"], consult.id, DeclineReason.IN_PROCEDURE)
    async with world.database.reading() as tx:
        now = await world.store.get(tx, consult.id)
        offers = await world.store.offers(tx, consult.id)
    assert now.step is Step.SPECIALTY
    assert {offer.staff_id for offer in offers if offer.state is OfferState.RINGING} == {
        world["khai"].id,
        world["an"].id,
    }
    assert [offer.reason for offer in offers if offer.state is OfferState.DECLINED] == [DeclineReason.IN_PROCEDURE]
    await world.answers.decline(world["ha"], consult.id, DeclineReason.OTHER)  # again: nothing happens
    assert (await world.kinds(consult)).count("declined") == 1


async def test_who_declined_may_think_again(world: World) -> None:
    consult = await world.ask()
    await world.answers.decline(world["ha"], consult.id, DeclineReason.IN_CONSULT)
    assert (await world.answers.accept(world["ha"], consult.id)).specialist_id == world["ha"].id


async def test_decline_refuses_a_made_up_reason_and_strangers(world: World) -> None:
    consult = await world.ask()
    with pytest.raises(Invalid):
        await world.answers.decline(world["ha"], consult.id, "tired")
    with pytest.raises(NotFound):
        await world.answers.decline(world["xa"], consult.id, DeclineReason.OTHER)
    with pytest.raises(Conflict) as error:
        await world.answers.decline(world["an"], consult.id, DeclineReason.OTHER)
    assert error.value.code == "consult.not_rung"


async def test_a_cancelled_request_rings_no_more(world: World) -> None:
    consult = await world.ask()
    with pytest.raises(NotFound):
        await world.requests.cancel(world["mai"], consult.id)
    cancelled = await world.requests.cancel(world["lan"], consult.id, CancelReason.TRANSFERRED)
    assert cancelled.state is ConsultState.CANCELLED
    assert cancelled.cancel_reason is CancelReason.TRANSFERRED
    with pytest.raises(Conflict) as error:
        await world.answers.accept(world["ha"], consult.id)
    assert error.value.code == "consult.cancelled"
    world.clock.advance(60)
    await world.runner.run_due()
    assert await world.kinds(consult) == ["requested", "step_started", "rung", "cancelled"]


async def test_too_late_to_cancel_says_who_took_it(world: World) -> None:
    consult = await world.ask()
    await world.answers.accept(world["ha"], consult.id)
    with pytest.raises(Conflict) as error:
        await world.requests.cancel(world["lan"], consult.id)
    assert error.value.parameters["name"] == "BS. Hà"


async def test_widen_goes_to_the_coordinator_and_no_further(world: World) -> None:
    consult = await world.ask()
    assert (await world.requests.widen(world["lan"], consult.id)).step is Step.SPECIALTY
    last = await world.requests.widen(world["dieu"], consult.id)
    assert last.step is Step.COORDINATOR
    assert last.step_due_at == world.clock.now() + timedelta(seconds=300)
    with pytest.raises(Conflict) as error:
        await world.requests.widen(world["lan"], consult.id)
    assert error.value.code == "consult.last_step"
    assert (await world.answers.accept(world["ha"], consult.id)).state is ConsultState.CLAIMED


async def test_a_more_urgent_question_shortens_the_step(world: World) -> None:
    consult = await world.ask(urgency=Urgency.ROUTINE)
    changed = await world.requests.change_question(
        world["lan"], consult.id, Question(situation="Nặng hơn"), urgency=Urgency.EMERGENCY
    )
    assert changed.urgency is Urgency.EMERGENCY
    assert changed.step_due_at == world.clock.now() + timedelta(seconds=30)
    back = await world.requests.change_question(world["lan"], consult.id, changed.question, urgency=Urgency.ROUTINE)
    assert back.step_due_at == changed.step_due_at


async def test_an_emergency_needs_only_its_specialty(world: World) -> None:
    consult = await world.ask(patient=UNKNOWN_WOMAN, question=Question(), consent=None)
    assert consult.patient.identity is IdentityState.TEMPORARY
    with pytest.raises(Invalid) as error:
        await world.ask("routine", urgency=Urgency.ROUTINE, patient=UNKNOWN_WOMAN)
    assert error.value.field == "patient"
    with pytest.raises(Invalid) as error:
        await world.ask("routine", urgency=Urgency.ROUTINE, question=Question())
    assert error.value.field == "situation"
    with pytest.raises(Invalid) as error:
        await world.ask("routine", urgency=Urgency.URGENT, consent=None)
    assert error.value.field == "consent"


async def test_bad_input_is_refused_by_field(world: World) -> None:
    with pytest.raises(Invalid) as error:
        await world.ask(question=Question(background="a" * 4_001))
    assert (error.value.code, error.value.field) == ("text.too_long", "background")
    with pytest.raises(Invalid):
        await world.ask("")
    with pytest.raises(Invalid) as error:
        await world.requests.create(
            world["lan"],
            terminal_id=OTHER_TERMINAL,
            specialty_id=STROKE,
            urgency=Urgency.EMERGENCY,
            patient=PATIENT,
            question=Question(),
            consent=None,
            idempotency_key="foreign",
        )
    assert error.value.field == "terminal_id"
    with pytest.raises(Forbidden):
        await world.ask(by="ha")
    with pytest.raises(NotFound):
        await world.answers.accept(world["ha"], ConsultId(new_id("con")))


async def test_a_clinic_without_a_hospital_still_keeps_its_request(world: World) -> None:
    consult = await world.requests.create(
        world["mai"],
        terminal_id=OTHER_TERMINAL,
        specialty_id=STROKE,
        urgency=Urgency.EMERGENCY,
        patient=UNKNOWN_WOMAN,
        question=Question(),
        consent=None,
        idempotency_key="alone",
    )
    assert consult.state is ConsultState.RINGING
    assert consult.step is Step.COORDINATOR
    assert await world.kinds(consult) == ["requested", *["step_started"] * 5]
