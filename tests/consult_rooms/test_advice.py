"""Advice in numbered items: given, read back, changed, carried out after the close. On both stores."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from consult_rooms.advice import Advice, Wording
from consult_rooms.advice_model import AdviceKind, AdviceState
from consult_rooms.advice_tables import advice_versions
from consult_rooms.model import Consult, ParticipantRole
from foundation.errors import Conflict, Forbidden, HoichanError, Invalid, NotFound
from foundation.ids import AdviceId, new_id
from tests.consult_rooms.conftest import World
from tests.consult_rooms.test_opinions import taken, turn

ASPIRIN = Wording(AdviceKind.DRUG, "Aspirin", "300 mg, uống ngay")
TRANSFER = Wording("referral", "Chuyển đơn vị đột quỵ")


async def scene(world: World) -> tuple[Advice, Consult]:
    return Advice(world.database, world.store, world.log, world.directory), await taken(world)


async def refused(act: object) -> str:
    with pytest.raises(HoichanError) as error:
        await act  # type: ignore[misc]  # any of the service's coroutines
    return error.value.code


async def test_items_are_numbered_read_back_one_by_one_and_carried_out_after_the_close(world: World) -> None:
    advice, consult = await scene(world)
    ha, lan = world["ha"], world["lan"]
    first = await advice.give(ha, consult.id, ASPIRIN, "key-00001")
    assert await advice.give(ha, consult.id, ASPIRIN, "key-00001") == first, "sent twice is one item"
    second = await advice.give(ha, consult.id, TRANSFER, "key-00002")
    assert [(one.number, one.state, one.version) for one in (first, second)] == [
        (1, AdviceState.OPEN, 1),
        (2, AdviceState.OPEN, 1),
    ]
    cannot = await advice.answer(lan, consult.id, first.id, 1, "cannot", "Trạm không có aspirin")
    again = await advice.answer(lan, consult.id, first.id, 1, "cannot", "Trạm không có aspirin")
    assert again == cannot
    assert (cannot.reason, cannot.changed_by_name, cannot.version) == ("Trạm không có aspirin", "BS. Lan", 2)
    # Worded anew, it has to be read back again, and what was said of the old wording is gone from it.
    clopidogrel = Wording(AdviceKind.DRUG, "Clopidogrel", "300 mg")
    amended = await advice.amend(ha, consult.id, first.id, 2, clopidogrel)
    assert (amended.text, amended.state, amended.reason, amended.version) == ("Clopidogrel", AdviceState.OPEN, "", 3)
    await advice.answer(lan, consult.id, second.id, 1, "will_do")
    await world.rooms.end(ha, consult.id)
    await world.opinions.save(ha, consult.id, "Chuyển tuyến.", 0)
    await world.opinions.close(ha, consult.id)
    done = await advice.answer(lan, consult.id, second.id, 2, "done")
    assert [one.state for one in await advice.each(lan, consult.id)] == [AdviceState.OPEN, AdviceState.DONE]
    assert done.version == 3
    assert await refused(advice.give(ha, consult.id, TRANSFER, "key-00003")) == "consult.closed"
    assert await refused(advice.amend(ha, consult.id, first.id, 3, ASPIRIN)) == "consult.closed"
    changes = [entry.data["change"] for entry in await world.log.since(consult.id, 0) if entry.kind == "advised"]
    assert changes == ["given", "given", "cannot", "amended", "will_do", "done"]
    async with world.database.reading() as tx:
        kept = (await tx.execute(select(advice_versions))).all()
    assert len(kept) == len(changes), "every version stays"
    assert not any(b"spirin" in row.content_sealed for row in kept), "sealed"


async def test_nobody_answers_what_was_changed_meanwhile(world: World) -> None:
    advice, consult = await scene(world)
    ha, lan = world["ha"], world["lan"]
    item = await advice.give(ha, consult.id, ASPIRIN, "key-00001")
    await advice.amend(ha, consult.id, item.id, 1, Wording("drug", "Aspirin", "160 mg"))
    assert await refused(advice.answer(lan, consult.id, item.id, 1, "will_do")) == "advice.stale"
    assert await refused(advice.amend(ha, consult.id, item.id, 1, ASPIRIN)) == "advice.stale"
    gone = await advice.withdraw(ha, consult.id, item.id, 2)
    assert gone.state is AdviceState.WITHDRAWN
    assert await advice.withdraw(ha, consult.id, item.id, 2) == gone
    assert await refused(advice.answer(lan, consult.id, item.id, 3, "done")) == "advice.withdrawn"


async def test_each_side_does_its_own_part_and_strangers_learn_nothing(world: World) -> None:
    advice, consult = await scene(world)
    ha, lan = world["ha"], world["lan"]
    item = await advice.give(ha, consult.id, ASPIRIN, "key-00001")
    await world.rooms.join(lan, consult.id)
    await world.rooms.invite(lan, consult.id, world["an"].id)
    await world.rooms.invite(lan, consult.id, world["khai"].id, ParticipantRole.OBSERVER)
    assert await refused(advice.give(lan, consult.id, ASPIRIN, "key-00002")) == "consult.not_your_part"
    for who in ("ha", "an", "khai"):
        with pytest.raises(Forbidden):
            await advice.answer(world[who], consult.id, item.id, 1, "done")
    assert [one.id for one in await advice.each(world["an"], consult.id)] == [item.id]
    assert await refused(advice.each(world["khai"], consult.id)) == "opinion.not_for_you"
    for act in (
        advice.each(world["mai"], consult.id),
        advice.answer(world["mai"], consult.id, item.id, 1, "done"),
        advice.give(world["mai"], consult.id, ASPIRIN, "key-00003"),
        advice.answer(lan, consult.id, AdviceId(new_id("adv")), 1, "done"),
    ):
        with pytest.raises(NotFound):
            await act


async def test_what_cannot_be_used_is_refused_with_its_field(world: World) -> None:
    advice, consult = await scene(world)
    item = await advice.give(world["ha"], consult.id, TRANSFER, "key-00001")
    for act, code, field in (
        (advice.give(world["ha"], consult.id, Wording("drug", "Aspirin"), "k"), "advice.dose", "dose"),
        (advice.give(world["ha"], consult.id, Wording("prayer", "x"), "k"), "choice.unknown", "kind"),
        (advice.give(world["ha"], consult.id, Wording("test", " "), "k"), "text.empty", "text"),
        (advice.give(world["ha"], consult.id, Wording("test", "x" * 501), "k"), "text.too_long", "text"),
        (advice.answer(world["lan"], consult.id, item.id, 1, "cannot", " "), "advice.reason", "reason"),
        (advice.answer(world["lan"], consult.id, item.id, 1, "open"), "choice.unknown", "state"),
    ):
        with pytest.raises(Invalid) as error:
            await act
        assert (error.value.code, error.value.field) == (code, field)


async def test_items_belong_to_the_patient_they_were_given_for(world: World) -> None:
    advice, consult = await scene(world)
    ha = world["ha"]
    first = await advice.give(ha, consult.id, ASPIRIN, "key-00001")
    await turn(world, consult)
    second = await advice.give(ha, consult.id, TRANSFER, "key-00002")
    assert first.person == 0 < second.person
    await world.rooms.end(ha, consult.id)
    await world.opinions.save(ha, consult.id, "Chuyển tuyến.", 0, 0)
    await world.opinions.close(ha, consult.id, 0)
    with pytest.raises(Conflict) as locked:
        await advice.amend(ha, consult.id, first.id, 1, TRANSFER)
    assert locked.value.code == "opinion.closed"
    assert (await advice.amend(ha, consult.id, second.id, 1, ASPIRIN)).version == 2
