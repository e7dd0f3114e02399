"""Answers to a ring, the lease of a claim, handovers and pauses: each once, and late ones by a code of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import date
from typing import Any

import pytest

from consult_rooms.inquiries import inquiries_of
from consult_rooms.log_entry import LogKind
from consult_rooms.model import Consult, ConsultState, DeclineReason, Offer, OfferState
from consult_rooms.owners import owner_at
from foundation.audit import audit_entries
from foundation.errors import HoichanError
from foundation.ids import StaffId
from identity.tables import staff
from tests.consult_rooms.conftest import World


async def code(doing: Awaitable[Any]) -> str:
    with pytest.raises(HoichanError) as refused:
        await doing
    return refused.value.code


async def now(world: World, consult: Consult) -> Consult:
    async with world.database.reading() as tx:
        return await world.store.get(tx, consult.id)


async def offers(world: World, consult: Consult) -> dict[StaffId, Offer]:
    async with world.database.reading() as tx:
        return {offer.staff_id: offer for offer in await world.store.offers(tx, consult.id)}


async def test_busy_is_no_more_than_said_and_lets_the_ladder_go_on(world: World) -> None:
    consult = await world.ask()
    await world.answers.busy(world["ha"], consult.id)
    await world.answers.busy(world["ha"], consult.id)
    assert (await world.kinds(consult)).count("busy") == 1
    assert (await now(world, consult)).step is not consult.step
    assert await code(world.answers.decline(world["ha"], consult.id, DeclineReason.OTHER)) == "offer.answered"
    assert (await world.answers.accept(world["ha"], consult.id)).specialist_id == world["ha"].id
    assert await code(world.answers.busy(world["khai"], consult.id)) == "consult.already_claimed"


async def test_a_promise_keeps_one_ring_silent_until_its_time_and_no_other(world: World) -> None:
    consult = await world.ask()
    until = await world.answers.later(world["ha"], consult.id)
    assert (until - world.clock.now()).total_seconds() == 300
    assert await world.answers.later(world["ha"], consult.id) == until
    rung = await offers(world, consult)
    assert rung[world["ha"].id].state is OfferState.LATER
    assert rung[world["khai"].id].state is OfferState.RINGING
    world.clock.advance(299)
    await world.answers.ring_promised()
    assert (await offers(world, consult))[world["ha"].id].state is OfferState.LATER
    world.clock.advance(2)
    await asyncio.gather(*(world.answers.ring_promised() for _ in range(4)))
    assert (await offers(world, consult))[world["ha"].id].state is OfferState.RINGING
    again = [entry for entry in await world.log.since(consult.id, 0) if entry.data.get("again")]
    assert [entry.data["staff"] for entry in again] == [world["ha"].id]


async def test_a_promise_is_forgotten_with_the_claim(world: World) -> None:
    consult = await world.ask()
    await world.answers.later(world["ha"], consult.id)
    await world.answers.accept(world["khai"], consult.id)
    world.clock.advance(301)
    await world.answers.ring_promised()
    assert (await offers(world, consult))[world["ha"].id].state is OfferState.STOPPED


async def test_a_ring_is_forwarded_to_a_colleague_who_could_take_it(world: World) -> None:
    consult = await world.ask()
    for unfit in ("bong", "xa", "hetha", "lan", "nghi"):
        assert await code(world.answers.forward(world["ha"], consult.id, world[unfit].id)) == "forward.unfit"
    await world.answers.forward(world["ha"], consult.id, world["an"].id)
    await world.answers.forward(world["ha"], consult.id, world["an"].id)
    rung = await offers(world, consult)
    assert rung[world["ha"].id].state is OfferState.FORWARDED
    assert rung[world["an"].id].state is OfferState.RINGING
    assert (await world.kinds(consult)).count("forwarded") == 1
    assert await code(world.answers.forward(world["an"], consult.id, world["ha"].id)) == "forward.already_rung"
    assert await code(world.answers.forward(world["mai"], consult.id, world["khai"].id)) == "consult.unknown"


async def test_more_is_asked_and_answered_before_anybody_takes_it(world: World) -> None:
    consult = await world.ask()
    asked = await world.inquiries.ask(world["ha"], consult.id, "Huyết áp?", "ask-00000001")
    assert await world.inquiries.ask(world["ha"], consult.id, "Huyết áp?", "ask-00000001") == asked
    assert await code(world.inquiries.answer(world["ha"], consult.id, asked, "178/96")) == "consult.not_your_part"
    await world.inquiries.answer(world["lan"], consult.id, asked, "178/96")
    await world.inquiries.answer(world["lan"], consult.id, asked, "178/96")
    assert await code(world.inquiries.answer(world["lan"], consult.id, asked, "120/80")) == "inquiry.answered"
    async with world.database.reading() as tx:
        (known,) = await inquiries_of(tx, world.store.sealer, consult.id)
    assert (known.question, known.answer, known.asker_name) == ("Huyết áp?", "178/96", "BS. Hà")
    assert (await world.kinds(consult))[-2:] == ["asked", "answered"]
    for number in range(9):
        await world.inquiries.ask(world["ha"], consult.id, "Nữa?", f"ask-1000000{number}")
    assert await code(world.inquiries.ask(world["ha"], consult.id, "Nữa?", "ask-20000000")) == "inquiry.too_many"


async def test_a_coordinator_in_charge_owns_it_until_the_claim_and_again_after_its_loss(world: World) -> None:
    consult = await world.ask()
    assert consult.owner_id == world["lan"].id
    await world.answers.take_charge(world["dieu"], consult.id)
    owned = await world.answers.take_charge(world["dieu"], consult.id)
    assert (owned.owner_id, owned.state) == (world["dieu"].id, ConsultState.RINGING)
    assert await code(world.answers.take_charge(world["ha"], consult.id)) == "consult.not_your_part"
    assert await code(world.answers.take_charge(world["xadieu"], consult.id)) == "consult.unknown"
    await world.answers.accept(world["ha"], consult.id)
    assert await code(world.answers.take_charge(world["dieu"], consult.id)) == "consult.already_claimed"
    world.clock.advance(46)
    await world.leases.run_due()
    assert (await now(world, consult)).owner_id == world["dieu"].id
    owners = [owner_at(await world.log.since(consult.id, 0), number) for number in (1, 4, 5, 6)]
    assert owners == [world["lan"].id, world["dieu"].id, world["ha"].id, world["dieu"].id]


async def test_a_claim_without_a_sign_of_life_is_lost_once_and_rings_again(world: World) -> None:
    consult = await world.ask()
    await world.requests.widen(world["lan"], consult.id)
    await world.answers.decline(world["an"], consult.id, DeclineReason.IN_PROCEDURE)
    await world.answers.accept(world["ha"], consult.id)
    world.clock.advance(30)
    assert await world.leases.hold(world["ha"], consult.id) is not None
    world.clock.advance(44)
    await world.leases.run_due()
    assert (await now(world, consult)).state is ConsultState.CLAIMED
    world.clock.advance(2)
    await asyncio.gather(*(world.leases.run_due() for _ in range(5)))
    lost = await now(world, consult)
    assert (lost.state, lost.owner_id, lost.specialist_id) == (ConsultState.RINGING, world["lan"].id, None)
    assert lost.step_due_at is not None
    assert lost.step_due_at > world.clock.now()
    assert (await world.kinds(consult)).count("claim_lost") == 1
    rung = await offers(world, consult)
    assert rung[world["an"].id].state is OfferState.DECLINED
    assert rung[world["ha"].id].state is rung[world["khai"].id].state is OfferState.RINGING
    assert await code(world.leases.hold(world["ha"], consult.id)) == "claim.lost"
    assert await code(world.leases.hold(world["mai"], consult.id)) == "consult.unknown"
    assert not await world.opens_book("ha", consult.id)
    await world.answers.accept(world["khai"], consult.id)
    assert await code(world.leases.hold(world["ha"], consult.id)) == "consult.already_claimed"
    assert await code(world.rooms.join(world["ha"], consult.id)) == "room.not_invited"


async def test_who_has_entered_loses_nothing_by_silence(world: World) -> None:
    consult = await world.ask()
    await world.answers.accept(world["ha"], consult.id)
    await world.rooms.join(world["ha"], consult.id)
    assert await world.leases.hold(world["ha"], consult.id) is None
    world.clock.advance(1_000)
    await world.leases.run_due()
    assert (await now(world, consult)).specialist_id == world["ha"].id


async def running(world: World, who: str = "ha", key: str = "k") -> Consult:
    consult = await world.ask(key)
    await world.answers.accept(world[who], consult.id)
    await world.rooms.join(world[who], consult.id)
    return await now(world, consult)


async def test_a_handover_counts_when_accepted_and_takes_the_book_along(world: World) -> None:
    consult = await running(world)
    await world.handovers.offer(world["ha"], consult.id, world["khai"].id)
    await world.handovers.offer(world["ha"], consult.id, world["khai"].id)
    assert await code(world.handovers.offer(world["ha"], consult.id, world["an"].id)) == "handover.open"
    assert await code(world.handovers.accept(world["an"], consult.id)) == "consult.unknown"
    assert (await now(world, consult)).owner_id == world["ha"].id
    assert await code(world.opens_book("khai", consult.id)) == "consult.unknown"
    await world.handovers.accept(world["khai"], consult.id)
    taken = await world.handovers.accept(world["khai"], consult.id)
    assert (taken.owner_id, taken.specialist_id, taken.lease_until) == (world["khai"].id, world["khai"].id, None)
    assert await world.opens_book("khai", consult.id)
    assert not await world.opens_book("ha", consult.id)
    assert (await world.kinds(consult)).count("handed_over") == 1
    assert await code(world.handovers.withdraw(world["ha"], consult.id)) == "consult.not_your_part"


async def test_a_handover_is_declined_withdrawn_or_over_with_the_consult(world: World) -> None:
    consult = await running(world)
    await world.handovers.offer(world["ha"], consult.id, world["khai"].id)
    for _ in range(2):
        await world.handovers.decline(world["khai"], consult.id, DeclineReason.IN_CONSULT)
    assert await code(world.handovers.accept(world["khai"], consult.id)) == "handover.gone"
    await world.handovers.offer(world["ha"], consult.id, world["an"].id)
    for _ in range(2):
        await world.handovers.withdraw(world["ha"], consult.id)
    assert await code(world.handovers.accept(world["an"], consult.id)) == "handover.gone"
    await world.handovers.offer(world["ha"], consult.id, world["an"].id)
    await world.rooms.end(world["ha"], consult.id)
    assert await code(world.handovers.accept(world["an"], consult.id)) == "handover.gone"
    kinds = await world.kinds(consult)
    assert [kinds.count(f"handover_{what}") for what in ("offered", "declined", "withdrawn")] == [3, 1, 1]


async def test_nobody_hands_over_to_whom_the_case_is_not_for(world: World) -> None:
    consult = await running(world)
    for unfit in ("bong", "xa", "hetha", "lan", "ha"):
        assert await code(world.handovers.offer(world["ha"], consult.id, world[unfit].id)) == "handover.unfit"
    assert await code(world.handovers.offer(world["lan"], consult.id, world["khai"].id)) == "consult.not_your_part"


async def test_out_of_a_running_consult_leads_a_pause_that_is_seen(world: World) -> None:
    first = await running(world)
    second = await world.ask("second")
    assert await code(world.answers.accept(world["ha"], second.id)) == "consult.running"
    assert (await now(world, second)).state is ConsultState.RINGING
    taken = await world.answers.accept(world["ha"], second.id, pause=True)
    paused = await now(world, first)
    assert paused.paused_at == world.clock.now()
    assert paused.owner_id == taken.owner_id == world["ha"].id
    assert (await world.kinds(first))[-1] == "paused"
    await world.rooms.join(world["ha"], second.id)
    await world.rooms.join(world["ha"], first.id)
    assert (await now(world, first)).paused_at is None
    assert (await world.kinds(first))[-1] == "resumed"


async def test_a_case_that_nobody_entered_cannot_pause(world: World) -> None:
    consult = await world.ask()
    await world.answers.accept(world["ha"], consult.id)
    assert await code(world.handovers.pause(world["ha"], consult.id)) == "consult.not_entered"


async def test_what_was_refused_stands_in_the_audit(world: World) -> None:
    consult = await running(world)
    await world.handovers.offer(world["ha"], consult.id, world["khai"].id)
    async with world.database.transaction() as tx:
        yesterday = {"licence_expires": date(2026, 11, 22)}
        await tx.execute(staff.update().where(staff.c.id == world["khai"].id).values(**yesterday))
    khai = (await world.directory.staff_many([world["khai"].id]))[world["khai"].id]
    assert await code(world.handovers.accept(khai, consult.id)) == "licence.expired"
    async with world.database.reading() as tx:
        rows = (await tx.execute(audit_entries.select())).all()
    assert [(row.actor, row.action, row.outcome) for row in rows] == [(khai.id, "consult.accept_handover", "denied")]
    assert LogKind.HANDED_OVER not in await world.kinds(consult)
