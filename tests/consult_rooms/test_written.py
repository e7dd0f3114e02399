"""Written cases, on both stores: how a case becomes one, who takes, answers and raises it, and whose it is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from consult_rooms.access import Relation
from consult_rooms.model import CancelReason, Consult, ConsultState, DeclineReason, Step, Urgency, WrittenCause
from consult_rooms.owners import owner_at
from consult_rooms.thread import Threads
from consult_rooms.writing import DUE, Writing
from consult_rooms.written import WrittenCases
from foundation.errors import Conflict, Forbidden, HoichanError, Invalid, NotFound
from identity.model import Staff
from tests.consult_rooms.conftest import CONSENT, PATIENT, QUESTION, STROKE, TERMINAL, World
from tests.consult_rooms.desk import desk_of


@dataclass
class Desk:
    """What this page of the program adds to the world."""

    world: World
    writing: Writing
    cases: WrittenCases
    threads: Threads

    async def unanswered(self, key: str = "k", urgency: Urgency = Urgency.EMERGENCY) -> Consult:
        """A request that nobody took."""
        consult = await self.world.ask(key, urgency)
        async with self.world.database.transaction() as tx:
            assert await self.writing.begin(tx, consult.id, urgency, WrittenCause.UNANSWERED)
        return await self.get(consult)

    async def get(self, consult: Consult) -> Consult:
        async with self.world.database.reading() as tx:
            return await self.world.store.get(tx, consult.id)

    async def owner(self, consult: Consult) -> str:
        """Whose it is, by its row and by its log, which have to agree."""
        row, entries = (await self.get(consult)).owner_id, await self.world.log.since(consult.id, 0)
        assert owner_at(entries) == row
        return next(name for name, person in self.world.people.items() if person.id == row)

    async def listed(self, who: str) -> list[str]:
        return [row.consult.id for row in await self.cases.listed(self.world[who])]


@pytest.fixture
def desk(world: World, tmp_path: Path) -> Desk:
    services = desk_of(world, tmp_path)
    return Desk(world, Writing(world.log), services.written, services.threads)


async def test_an_unanswered_request_is_its_requesters_case_with_a_due_time_and_rings_for_nobody(desk: Desk) -> None:
    consult = await desk.unanswered()
    assert consult.state is ConsultState.WRITTEN
    assert consult.due_at == desk.world.clock.now() + DUE[Urgency.EMERGENCY]
    assert await desk.world.queries.rings_for(desk.world["ha"].id) == []
    assert await desk.owner(consult) == "lan"
    assert (await desk.world.kinds(consult))[-1] == "written"
    with pytest.raises(Conflict) as error:
        await desk.world.answers.accept(desk.world["ha"], consult.id)
    assert error.value.code == "consult.written"


async def test_a_routine_question_may_be_asked_in_writing_from_the_first(desk: Desk) -> None:
    world = desk.world

    async def ask(urgency: Urgency, key: str = "w") -> Consult:
        return await world.requests.create(
            world["lan"],
            terminal_id=TERMINAL,
            specialty_id=STROKE,
            urgency=urgency,
            patient=PATIENT,
            question=QUESTION,
            consent=CONSENT,
            idempotency_key=key,
            in_writing=True,
        )

    consult = await ask(Urgency.ROUTINE)
    assert (await ask(Urgency.ROUTINE)).id == consult.id
    assert (consult.state, consult.step) == (ConsultState.WRITTEN, None)
    assert consult.due_at == world.clock.now() + DUE[Urgency.ROUTINE]
    assert await world.kinds(consult) == ["requested", "written"]
    assert await desk.owner(consult) == "lan"
    assert await desk.listed("ha") == [consult.id]
    assert (await desk.cases.take(world["ha"], consult.id)).specialist_id == world["ha"].id
    for urgency in (Urgency.EMERGENCY, Urgency.URGENT):
        with pytest.raises(Invalid) as refused:
            await ask(urgency, urgency)
        assert refused.value.code == "request.rings"


async def test_an_overdue_case_is_said_once_for_each_due_time(desk: Desk) -> None:
    world = desk.world
    consult = await desk.unanswered()
    world.clock.advance(DUE[Urgency.EMERGENCY].total_seconds() - 1)
    await desk.cases.run_overdue()
    assert "overdue" not in await world.kinds(consult)
    await desk.cases.take(world["ha"], consult.id)
    world.clock.advance(2)
    await asyncio.gather(*(desk.cases.run_overdue() for _ in range(4)))
    said = (await world.log.since(consult.id, 0))[-1]
    assert (said.kind.value, said.data["staff"]) == ("overdue", world["ha"].id)
    [row] = await desk.cases.listed(world["ha"])
    assert row.consult.is_overdue(world.clock.now())
    assert row.owner_name == "BS. Hà"
    # A call, and in writing again: another due time.
    await desk.cases.raise_to_call(world["ha"], consult.id)
    await desk.cases.go_on(world["ha"], consult.id)
    await desk.cases.run_overdue()
    assert (await world.kinds(consult)).count("overdue") == 1
    world.clock.advance(DUE[Urgency.EMERGENCY].total_seconds() + 1)
    await desk.cases.run_overdue()
    await desk.cases.run_overdue()
    assert (await world.kinds(consult)).count("overdue") == 2


async def test_a_claim_before_the_turn_wins_and_a_step_with_time_left_is_no_end(desk: Desk) -> None:
    consult = await desk.world.ask()
    async with desk.world.database.transaction() as tx:
        begin = desk.writing.begin
        assert not await begin(tx, consult.id, consult.urgency, WrittenCause.UNANSWERED, only_due=True)
        assert not await begin(tx, consult.id, consult.urgency, WrittenCause.UNANSWERED, step=Step.COORDINATOR)
    await desk.world.answers.accept(desk.world["ha"], consult.id)
    async with desk.world.database.transaction() as tx:
        assert not await desk.writing.begin(tx, consult.id, consult.urgency, WrittenCause.UNANSWERED)
    assert (await desk.get(consult)).state is ConsultState.CLAIMED


async def test_it_stands_in_the_lists_of_those_who_may_do_something_about_it(desk: Desk) -> None:
    routine = await desk.unanswered("r", Urgency.ROUTINE)
    urgent = await desk.unanswered("u", Urgency.URGENT)
    emergency = await desk.unanswered("e")
    ids = [emergency.id, urgent.id, routine.id]
    for who in ("lan", "ha", "khai", "dieu"):
        assert await desk.listed(who) == ids, who
    for who in ("mai", "bong", "xa", "xadieu"):
        assert await desk.listed(who) == [], who
    await desk.cases.take(desk.world["ha"], urgent.id)
    assert await desk.listed("khai") == [emergency.id, routine.id]
    assert await desk.listed("ha") == ids
    [row] = [row for row in await desk.cases.listed(desk.world["khai"]) if row.consult.id == emergency.id]
    assert (row.related, row.patient_name, row.consult.patient.name) == (Relation.CANDIDATE, None, None)


async def test_of_all_who_take_it_one_owns_it_and_the_book_opens_to_that_one(desk: Desk) -> None:
    world = desk.world
    consult = await desk.unanswered()
    who: list[Staff] = [world["ha"], world["khai"], world["an"], *await world.recruit(10)]
    assert not await world.opens_book("ha", consult.id)
    answers = await asyncio.gather(*(desk.cases.take(one, consult.id) for one in who), return_exceptions=True)
    [winner] = [one for one, answer in zip(who, answers, strict=True) if isinstance(answer, Consult)]
    lost = [answer for answer in answers if isinstance(answer, HoichanError)]
    assert {(answer.code, answer.parameters["name"]) for answer in lost} == {
        ("consult.already_claimed", winner.full_name)
    }
    assert len(lost) == len(who) - 1
    assert (await desk.cases.take(winner, consult.id)).specialist_id == winner.id
    assert (await desk.get(consult)).owner_id == winner.id
    assert (await world.kinds(consult)).count("taken") == 1


async def test_the_book_opens_from_the_taking_to_the_answer(desk: Desk) -> None:
    world = desk.world
    consult = await desk.unanswered()
    assert not await world.opens_book("lan", consult.id)
    await desk.cases.take(world["ha"], consult.id)
    assert await desk.owner(consult) == "ha"
    assert await world.opens_book("ha", consult.id)
    await world.opinions.save(world["ha"], consult.id, "Chuyển tuyến trong đêm.", 0)
    closed = await world.opinions.close(world["ha"], consult.id)
    assert closed.state is ConsultState.CLOSED
    assert closed.ended_at == closed.closed_at
    assert not await world.opens_book("ha", consult.id)
    assert await desk.listed("ha") == []
    with pytest.raises(Conflict):
        await desk.threads.say(world["lan"], consult.id, "cảm ơn", "late")


@pytest.mark.parametrize(("who", "code"), [("hetha", "licence.expired"), ("bong", "consult.not_offered")])
async def test_who_may_not_claim_may_not_take(desk: Desk, who: str, code: str) -> None:
    consult = await desk.unanswered()
    with pytest.raises(Forbidden) as error:
        await desk.cases.take(desk.world[who], consult.id)
    assert error.value.code == code
    assert (await desk.get(consult)).specialist_id is None


@pytest.mark.parametrize("who", ["lan", "ha"])
async def test_either_side_raises_a_taken_case_to_the_room_and_the_other_is_called(desk: Desk, who: str) -> None:
    world = desk.world
    consult = await desk.unanswered()
    await desk.cases.take(world["ha"], consult.id)
    raised = await desk.cases.raise_to_call(world[who], consult.id)
    assert (raised.state, raised.due_at, raised.specialist_id) == (ConsultState.CLAIMED, None, world["ha"].id)
    entry = (await world.log.since(consult.id, 0))[-1]
    other = {"lan": "ha", "ha": "lan"}[who]
    assert (entry.kind.value, entry.data["staff"]) == ("raised", world[other].id)
    await desk.cases.raise_to_call(world[other], consult.id)
    assert (await world.kinds(consult)).count("raised") == 1
    await world.rooms.join(world["lan"], consult.id)
    assert await desk.owner(consult) == "ha"


async def test_a_case_that_nobody_took_rings_again_from_the_first_step(desk: Desk) -> None:
    world = desk.world
    consult = await world.ask()
    await world.answers.decline(world["ha"], consult.id, DeclineReason.IN_PROCEDURE)
    async with world.database.transaction() as tx:
        assert await desk.writing.begin(tx, consult.id, consult.urgency, WrittenCause.UNANSWERED)
    with pytest.raises(NotFound):
        await desk.cases.raise_to_call(world["mai"], consult.id)
    raised = await desk.cases.raise_to_call(world["lan"], consult.id)
    assert (raised.state, raised.step, raised.due_at) == (ConsultState.RINGING, Step.ON_CALL, None)
    assert [ring.consult_id for ring in await world.queries.rings_for(world["ha"].id)] == [consult.id]
    assert await desk.owner(consult) == "lan"
    claimed = await world.answers.accept(world["ha"], consult.id)
    assert claimed.state is ConsultState.CLAIMED


async def test_who_is_out_of_the_field_is_not_rung_again(desk: Desk) -> None:
    world = desk.world
    consult = await world.ask()
    await world.answers.decline(world["ha"], consult.id, DeclineReason.OUT_OF_SCOPE)
    async with world.database.transaction() as tx:
        assert await desk.writing.begin(tx, consult.id, consult.urgency, WrittenCause.UNANSWERED)
    await desk.cases.raise_to_call(world["lan"], consult.id)
    assert await world.queries.rings_for(world["ha"].id) == []
    assert await world.queries.rings_for(world["khai"].id) != []


async def test_the_requester_gives_it_up_until_somebody_has_taken_it(desk: Desk) -> None:
    world = desk.world
    first, second = await desk.unanswered("1"), await desk.unanswered("2")
    cancelled = await world.requests.cancel(world["lan"], first.id, CancelReason.TRANSFERRED)
    assert (cancelled.state, cancelled.due_at) == (ConsultState.CANCELLED, None)
    await desk.cases.take(world["ha"], second.id)
    with pytest.raises(Conflict) as error:
        await world.requests.cancel(world["lan"], second.id)
    assert error.value.code == "consult.already_claimed"


async def test_a_call_whose_line_died_goes_on_in_writing_and_comes_back(desk: Desk) -> None:
    world = desk.world
    consult = await world.ask()
    await world.answers.accept(world["ha"], consult.id)
    await world.rooms.join(world["ha"], consult.id)
    await world.rooms.join(world["lan"], consult.id)
    await world.rooms.chat(world["lan"], consult.id, "mất tiếng", "1")
    with pytest.raises(NotFound):
        await desk.cases.go_on(world["khai"], consult.id)
    written = await desk.cases.go_on(world["lan"], consult.id)
    assert (written.state, written.specialist_id) == (ConsultState.WRITTEN, world["ha"].id)
    assert not any(person.present for person in await world.rooms.participants(consult.id))
    assert await desk.owner(consult) == "ha"
    await desk.threads.say(world["ha"], consult.id, "tôi đọc đây", "2")
    await desk.threads.say(world["ha"], consult.id, "tôi đọc đây", "2")
    assert [line.text for line in await desk.threads.since(world["lan"], consult.id)] == ["mất tiếng", "tôi đọc đây"]
    await desk.cases.raise_to_call(world["ha"], consult.id)
    await world.rooms.join(world["lan"], consult.id)
    assert await world.opens_book("ha", consult.id)


async def test_the_owner_puts_a_routine_question_that_rings_in_writing_and_nobody_is_rung_any_longer(
    desk: Desk,
) -> None:
    world = desk.world
    urgent, routine = await world.ask("u", Urgency.URGENT), await world.ask("r", Urgency.ROUTINE)
    with pytest.raises(Invalid) as rings:
        await desk.cases.go_on(world["lan"], urgent.id)
    assert rings.value.code == "request.rings"
    for who, error in (("ha", Forbidden), ("dieu", Forbidden), ("mai", NotFound)):
        with pytest.raises(error):
            await desk.cases.go_on(world[who], routine.id)
    for _ in range(2):
        written = await desk.cases.go_on(world["lan"], routine.id)
        assert (written.state, written.step_due_at) == (ConsultState.WRITTEN, None)
        assert written.due_at == world.clock.now() + DUE[Urgency.ROUTINE]
    assert (await world.kinds(routine)).count("written") == 1
    assert await desk.owner(routine) == "lan"
    assert [ring.consult_id for ring in await world.queries.rings_for(world["ha"].id)] == [urgent.id]


async def test_a_coordinator_in_charge_owns_what_rings_and_puts_it_in_writing_instead_of_the_requester(
    desk: Desk,
) -> None:
    world = desk.world
    consult = await world.ask("r", Urgency.ROUTINE)
    await world.answers.take_charge(world["dieu"], consult.id)
    with pytest.raises(Forbidden):
        await desk.cases.go_on(world["lan"], consult.id)
    for _ in range(2):
        assert (await desk.cases.go_on(world["dieu"], consult.id)).state is ConsultState.WRITTEN
    assert await desk.owner(consult) == "dieu"


async def test_the_answer_is_the_opinion_and_the_end_in_one(desk: Desk) -> None:
    world = desk.world
    consult, ha, words = await desk.unanswered(), world["ha"], "Giữ thuốc cũ."
    with pytest.raises(Forbidden):
        await world.opinions.answer(ha, consult.id, words)
    await desk.cases.take(ha, consult.id)
    await desk.cases.raise_to_call(ha, consult.id)
    with pytest.raises(Conflict) as running:
        await world.opinions.answer(ha, consult.id, words)
    assert running.value.code == "consult.not_ended"
    await desk.cases.go_on(ha, consult.id)
    await world.opinions.save(ha, consult.id, "Nháp.", 0)
    for text, version, code in ((words, 0, "opinion.stale"), (" ", 1, "opinion.missing")):
        with pytest.raises((Conflict, Invalid)) as refused:
            await world.opinions.answer(ha, consult.id, text, version)
        assert refused.value.code == code
    for _ in range(2):
        closed = await world.opinions.answer(ha, consult.id, words, 1)
        assert (closed.state, closed.ended_at) == (ConsultState.CLOSED, world.clock.now())
    assert (await world.kinds(consult))[-2:] == ["opinion_saved", "closed"]
    opinion = await world.opinions.get(world["lan"], consult.id)
    assert opinion is not None
    assert (opinion.text, opinion.version) == (words, 2)
    with pytest.raises(Conflict) as closed_for_good:
        await world.opinions.answer(ha, consult.id, "Khác.", 2)
    assert closed_for_good.value.code == "consult.closed"


async def test_a_room_that_everybody_left_becomes_a_written_case_after_a_while(desk: Desk) -> None:
    world = desk.world
    left, running, lone = [await world.ask(key) for key in ("1", "2", "3")]
    for consult in (left, running, lone):
        await world.answers.accept(world["ha"], consult.id, pause=True)
        _, place = await world.rooms.join(world["lan"], consult.id)
        if consult is not running:
            await world.rooms.leave(place)
    for consult in (left, running):
        _, place = await world.rooms.join(world["ha"], consult.id)
        await world.rooms.leave(place)
    world.clock.advance(599)
    await desk.cases.run_left()
    assert (await desk.get(left)).state is ConsultState.CLAIMED
    world.clock.advance(2)
    await asyncio.gather(desk.cases.run_left(), desk.cases.run_left())
    assert (await desk.get(left)).state is ConsultState.WRITTEN
    assert (await world.kinds(left)).count("written") == 1
    # Somebody waits in the one; into the other its specialist never came, which is the claim's lease to decide.
    assert {(await desk.get(one)).state for one in (running, lone)} == {ConsultState.CLAIMED}
    assert await desk.owner(left) == "ha"


async def test_the_requester_adds_to_the_thread_while_it_waits_and_nobody_else_reads_it(desk: Desk) -> None:
    world = desk.world
    consult = await world.ask()
    await desk.threads.say(world["lan"], consult.id, "huyết áp đang tụt", "1")
    for who in ("ha", "khai", "dieu", "mai"):
        with pytest.raises((Forbidden, NotFound)):
            await desk.threads.since(world[who], consult.id)
        with pytest.raises((Forbidden, NotFound)):
            await desk.threads.say(world[who], consult.id, "xin chào", "1")
    await world.answers.accept(world["ha"], consult.id)
    assert [line.text for line in await desk.threads.since(world["ha"], consult.id)] == ["huyết áp đang tụt"]
