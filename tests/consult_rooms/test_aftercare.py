"""From the advice to the outcome, the clock moved to day 7 and on, on both stores."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from consult_rooms.aftercare import Aftercare
from consult_rooms.aftercare_model import LineFelt, Outcome, Usefulness
from consult_rooms.aftercare_notices import AftercareNotices
from consult_rooms.debts import Owing
from consult_rooms.follow_up_plan import FollowUpPlan
from consult_rooms.model import Consult, Urgency
from consult_rooms.opinions import Opinions
from foundation.audit import Audit
from foundation.errors import Conflict, Forbidden, Invalid, NotFound
from foundation.sealing import Sealer
from notify.contacts import Contacts
from notify.outbox import Outbox
from notify.outbox_tables import notices
from tests.consult_rooms.conftest import NAME, ZONE, World
from tests.consult_rooms.desk import written_of
from tests.consult_rooms.test_minutes import DRAFT, desk_of

DAY = timedelta(days=1)


class Ward:
    """The world with everything that comes after the advice; `second` is another node over the same store."""

    def __init__(self, world: World, sealer: Sealer) -> None:
        self.world = world
        outbox = Outbox(world.database, Contacts(world.database, Audit(world.database), sealer), ())
        told = AftercareNotices(outbox, ZONE.key)
        world.opinions = Opinions(world.database, world.store, world.log, FollowUpPlan(told=told))

        def node() -> Aftercare:
            parts = (world.database, world.store, world.log, world.directory, world.requests, ZONE, told)
            return Aftercare.over(*parts, audit=Audit(world.database))

        self.first, self.second = node(), node()

    async def advised(self, key: str = "k", text: str = "Chuyển tuyến ngay.") -> Consult:
        consult = await self.ended(key)
        await self.world.opinions.save(self.world["ha"], consult.id, text, 0)
        return await self.world.opinions.close(self.world["ha"], consult.id)

    async def ended(self, key: str = "k") -> Consult:
        consult = await self.world.ask(key)
        await self.world.answers.accept(self.world["ha"], consult.id)
        await self.world.rooms.join(self.world["lan"], consult.id)
        return await self.world.rooms.end(self.world["ha"], consult.id)

    async def told(self) -> list[tuple[str, str, dict[str, Any]]]:
        names = {person.id: name for name, person in self.world.people.items()}
        async with self.world.database.reading() as tx:
            rows = (await tx.execute(select(notices).order_by(notices.c.created_at, notices.c.kind))).all()
        return [(names[row.staff_id], row.kind, row.content) for row in rows]

    async def owed(self, who: str) -> dict[str, list[int | None]]:
        found = await self.first.debts.of(self.world[who])
        return {kind.value: [one.day for one in debts] for kind, debts in found.items() if debts}


@pytest.fixture
def after(world: World, sealer: Sealer) -> Ward:
    return Ward(world, sealer)


async def test_a_case_stays_open_until_the_advice_is_read_and_the_outcome_known(after: Ward) -> None:
    lan, ha, follow_ups = after.world["lan"], after.world["ha"], after.first.follow_ups
    consult = await after.advised()
    assert await after.owed("lan") == {"advice": [None]}
    assert (await after.first.debts.unread(lan), await after.first.debts.unread(ha)) == (1, 0)
    assert await after.first.debts.open_cases([consult.id]) == {consult.id: True}

    for who in ("ha", "khai"):
        with pytest.raises((Forbidden, NotFound)):
            await follow_ups.read(after.world[who], consult.id, 0)
    await follow_ups.read(lan, consult.id, 0)
    await follow_ups.read(lan, consult.id, 0)
    assert (await after.world.kinds(consult)).count("advice_read") == 1
    assert await after.first.debts.open_cases([consult.id]) == {consult.id: False}
    assert await after.owed("lan") == {}

    after.world.clock.advance(7 * DAY.total_seconds())
    assert await after.owed("lan") == {"follow_up": [7]}  # not day 1 as well
    await follow_ups.answer(lan, consult.id, 0, 7, Outcome.BETTER, "Đã đi lại được.")
    await follow_ups.answer(lan, consult.id, 0, 7, Outcome.BETTER)
    assert await after.owed("lan") == {}
    (advice,) = await follow_ups.of(ha, consult.id)
    assert [(one.day, one.outcome) for one in advice.follow_ups] == [(1, None), (7, Outcome.BETTER), (21, None)]
    assert [(one.note, one.by_name) for one in advice.follow_ups[1].answers] == [("Đã đi lại được.", "BS. Lan")]
    assert not advice.settled
    assert advice.asked(after.world.clock.now()) is None
    assert await after.first.debts.open_cases([consult.id]) == {consult.id: False}

    after.world.clock.advance(14 * DAY.total_seconds())
    assert await after.owed("lan") == {"follow_up": [21]}
    await follow_ups.answer(lan, consult.id, 0, 21, "died")
    await follow_ups.answer(lan, consult.id, 0, 21, "same")  # the wrong button
    (advice,) = await follow_ups.of(lan, consult.id)
    assert [one.outcome for one in advice.follow_ups[2].answers] == [Outcome.DIED, Outcome.SAME]
    assert advice.settled
    assert await after.first.debts.open_cases([consult.id]) == {}


async def test_whoever_died_is_not_asked_about_again(after: Ward) -> None:
    lan, consult = after.world["lan"], await after.advised()
    after.world.clock.advance(DAY.total_seconds())
    await after.first.follow_ups.answer(lan, consult.id, 0, 1, Outcome.DIED)
    after.world.clock.advance(30 * DAY.total_seconds())
    await after.first.follow_ups.run_due()
    assert [kind for _, kind, _ in await after.told()] == ["advice", "outcome"]
    assert await after.owed("lan") == {"advice": [None]}
    (advice,) = await after.first.follow_ups.of(lan, consult.id)
    assert advice.asked(after.world.clock.now()) is None
    await after.first.follow_ups.read(lan, consult.id, 0)
    assert await after.first.debts.open_cases([consult.id]) == {}


async def test_two_nodes_tell_the_clinic_once_and_nothing_clinical(after: Ward) -> None:
    consult = await after.advised()
    nodes = (after.first.follow_ups, after.second.follow_ups)
    after.world.clock.advance(DAY.total_seconds() - 1)
    await asyncio.gather(*(node.run_due() for node in nodes))
    assert [(who, kind) for who, kind, _ in await after.told()] == [("lan", "advice")]
    after.world.clock.advance(1)
    for _ in range(2):
        await asyncio.gather(*(node.run_due() for node in nodes))
    await after.first.follow_ups.answer(after.world["lan"], consult.id, 0, 1, Outcome.WORSE, "Yếu hơn.")
    told = await after.told()
    assert [(who, kind) for who, kind, _ in told] == [("lan", "advice"), ("lan", "follow_up"), ("ha", "outcome")]
    assert told[1][2] == {
        "clinic": "Trạm Đảo",
        "hospital": "Bệnh viện Tỉnh",
        "code": consult.code,
        "path": f"/consults/{consult.id}",
        "minutes": "1440",
    }
    assert (await after.world.kinds(consult)).count("follow_up_due") == 1
    entries = await after.world.log.since(consult.id, 0)
    said = str(told) + str([entry.data for entry in entries])
    assert not any(word in said for word in (NAME, "Yếu", "worse", "Chuyển"))


async def test_who_may_not_and_what_cannot_be(after: Ward) -> None:
    lan, ha, consult = after.world["lan"], after.world["ha"], await after.ended()
    follow_ups = after.first.follow_ups
    with pytest.raises(NotFound, match="advice"):
        await follow_ups.read(lan, consult.id, 0)
    await after.world.opinions.save(ha, consult.id, "Theo dõi.", 0)
    await after.world.opinions.close(ha, consult.id)
    for act in (
        follow_ups.answer(ha, consult.id, 0, 1, Outcome.BETTER),
        follow_ups.answer(after.world["dieu"], consult.id, 0, 1, Outcome.BETTER),
        follow_ups.of(after.world["dieu"], consult.id),
        follow_ups.of(after.world["mai"], consult.id),
        follow_ups.rate(after.world["dieu"], consult.id, Usefulness.YES),
    ):
        with pytest.raises((Forbidden, NotFound)):
            await act
    for bad in ((0, 2, "better", ""), (1, 1, "better", ""), (0, 1, "cured", ""), (0, 1, "same", "x" * 2_001)):
        with pytest.raises((NotFound, Invalid)):
            await follow_ups.answer(lan, consult.id, *bad)
    assert "followed_up" not in await after.world.kinds(consult)


async def test_both_sides_rate_in_two_taps_and_may_think_again(after: Ward) -> None:
    lan, ha = after.world["lan"], after.world["ha"]
    running = await after.world.ask("running")
    with pytest.raises(Conflict, match="rating"):
        await after.first.follow_ups.rate(lan, running.id, Usefulness.YES)
    consult = await after.ended()
    rate, rating = after.first.follow_ups.rate, after.first.follow_ups.rating
    await rate(lan, consult.id, Usefulness.PARTLY)
    await rate(lan, consult.id, line=LineFelt.WEAK)
    await rate(lan, consult.id, Usefulness.YES)
    await rate(ha, consult.id, line=LineFelt.GOOD)
    assert await rating(lan, consult.id) == (Usefulness.YES, LineFelt.WEAK)
    assert await rating(ha, consult.id) == (None, LineFelt.GOOD)


async def test_what_each_person_owes(world: World, sealer: Sealer) -> None:
    desk = await desk_of(world)
    over = await desk.held("minutes")
    after = Ward(world, sealer)
    assert await after.owed("ha") == {"opinion": [None]}
    await desk.minutes.save(desk.session("lan"), over.id, DRAFT, 0)
    assert set(await after.owed("ha")) == {"opinion", "minutes"}
    assert set(await after.owed("lan")) == {"minutes"}
    await desk.sign("lan", over)
    assert await after.owed("lan") == {}
    for who in ("ha", "khai"):
        await desk.sign(who, over)
    # Locked minutes are advice as well: the case is not over with them.
    assert await after.owed("lan") == {"advice": [None]}
    assert set(await after.owed("ha")) == {"opinion"}
    asked = await world.requests.create(
        world["lan"],
        terminal_id=None,
        specialty_id=over.specialty_id,
        urgency=Urgency.ROUTINE,
        patient=over.patient,
        question=over.question,
        consent=over.consent,
        idempotency_key="in-writing",
        in_writing=True,
    )
    await written_of(world).take(world["ha"], asked.id)
    found = await after.first.debts.of(world["ha"])
    assert [one.row.patient_name for one in found[Owing.WRITTEN]] == [NAME]


async def test_a_return_takes_the_patient_back_to_the_same_specialist(after: Ward) -> None:
    lan, consult = after.world["lan"], await after.advised()
    again = await after.first.returns.ask(lan, consult.id, f"Tái khám sau ca {consult.code}", key="return-1")
    assert (again.urgency, again.patient, again.specialty_id) == (
        Urgency.ROUTINE,
        consult.patient,
        consult.specialty_id,
    )
    assert again.question.background.startswith(consult.question.situation)
    assert again.consent is not None
    assert again.consent.note.startswith(consult.code)
    assert await after.first.returns.ask(lan, consult.id, "x", key="return-1") == again
    rung = [entry.data["staff"] for entry in await after.world.log.since(again.id, 0) if entry.kind == "rung"]
    assert rung[0] == after.world["ha"].id
    for who in ("ha", "mai"):
        with pytest.raises((Forbidden, NotFound)):
            await after.first.returns.ask(after.world[who], consult.id, "x", key="return-2")
    with pytest.raises(Conflict):
        await after.first.returns.ask(lan, (await after.world.ask("z")).id, "x", key="return-3")
