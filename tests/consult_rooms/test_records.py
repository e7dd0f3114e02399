"""Further consents and roll-calls: what is recorded, who reads it, and how the roll reaches the minutes."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest

from consult_rooms.further_consents import FurtherConsent, Purpose, checked, further_consent
from consult_rooms.minutes_model import Attendee, Seat
from consult_rooms.model import ConsentBy
from consult_rooms.roll_call import Capacity, Present, people_of, roll
from consult_rooms.statements import StatementKind
from foundation.errors import Conflict, Forbidden, Invalid, NotFound
from tests.consult_rooms.conftest import World
from tests.consult_rooms.test_minutes import DRAFT, desk_of

SPOKEN = FurtherConsent(Purpose.RECORDING, True, ConsentBy.SELF, True, "Chị Hoa, điều dưỡng")
PEOPLE = [("Lê Văn Con", "relative"), ("  ", "other"), ("Anh Mẩy", "interpreter")]


def test_a_spoken_consent_has_a_witness_and_nobody_consents_who_could_not_be_asked() -> None:
    nfd = unicodedata.normalize("NFD", SPOKEN.witness)
    assert checked(replace(SPOKEN, witness=f" {nfd}\u202e ")) == SPOKEN
    assert further_consent("recording", SPOKEN.json()) == SPOKEN
    for wrong, code in (
        (replace(SPOKEN, witness=" "), "consent.no_witness"),
        (replace(SPOKEN, by=ConsentBy.NOT_POSSIBLE), "consent.not_possible"),
        (replace(SPOKEN, note="ế" * 100_000), "text.too_long"),
    ):
        with pytest.raises(Invalid) as told:
            checked(wrong)
        assert told.value.code == code


def test_a_roll_keeps_its_order_and_leaves_empty_lines_out() -> None:
    assert people_of(roll(PEOPLE)) == (
        Present("Lê Văn Con", Capacity.RELATIVE),
        Present("Anh Mẩy", Capacity.INTERPRETER),
    )
    for wrong, code in (
        ([("A", "king")], "choice.unknown"),
        ([("ế" * 100_000, "other")], "text.too_long"),
        ([("A", "other")] * 41, "roll.too_many"),
    ):
        with pytest.raises(Invalid) as told:
            roll(wrong)
        assert told.value.code == code


async def test_each_consent_stands_for_itself_and_the_last_answer_holds(world: World) -> None:
    lan, ha = world["lan"], world["ha"]
    consult = await world.ask()
    records = world.intake.records
    await records.consent(lan, consult.id, SPOKEN)
    with pytest.raises(Forbidden):
        await records.consent(ha, consult.id, SPOKEN)
    assert (await world.intake.statements.read(ha, consult.id)).statements == (), "who is rung reads no names"
    await world.answers.accept(ha, consult.id)
    await records.consent(ha, consult.id, FurtherConsent(Purpose.TEACHING, False, ConsentBy.PROXY, False))
    await records.consent(lan, consult.id, replace(SPOKEN, given=False))
    stated = await world.intake.statements.read(ha, consult.id)
    held = {one.code: one.document["given"] for one in stated.holding(StatementKind.CONSENT)}
    assert held == {"recording": False, "teaching": False}
    assert len(stated.all(StatementKind.CONSENT)) == 3
    with pytest.raises(NotFound):
        await records.consent(world["mai"], consult.id, SPOKEN)


async def test_the_roll_of_both_rooms_is_called_by_either_side_and_stands_in_the_minutes(world: World) -> None:
    desk = await desk_of(world)
    consult = await desk.held()
    lan, ha = world["lan"], world["ha"]
    records = world.intake.records
    first = await records.call_roll(lan, consult.id, "clinic", PEOPLE, seen=0)
    await records.call_roll(lan, consult.id, "hospital", [("Em Vy", "student")], seen=0)
    with pytest.raises(Conflict) as told:
        await records.call_roll(ha, consult.id, "clinic", [("Khác", "other")], seen=0)
    assert told.value.code == "statement.stale"
    await records.call_roll(ha, consult.id, "clinic", [*PEOPLE, ("Bà Tư", "relative")], seen=first.number)
    with pytest.raises(Invalid):
        await records.call_roll(ha, consult.id, "street", PEOPLE, seen=0)
    await world.intake.sheets.answer(lan, consult.id, "stroke", {"arm": "yes"})

    view = await desk.minutes.read(desk.session("lan"), consult.id)
    called = [one for one in view.content.people if one.staff_id is None]
    assert called == [
        Attendee(Seat.PRESENT, "Lê Văn Con", "Người nhà bệnh nhân, Trạm Đảo"),
        Attendee(Seat.PRESENT, "Anh Mẩy", "Phiên dịch, Trạm Đảo"),
        Attendee(Seat.PRESENT, "Bà Tư", "Người nhà bệnh nhân, Trạm Đảo"),
        Attendee(Seat.PRESENT, "Em Vy", "Học viên, Bệnh viện Tỉnh"),
    ]
    assert view.content.summary == "Nghi đột quỵ. Yếu hoặc liệt tay, chân một bên: có."
    # The form shows them among its guests: saved, each stands once.
    guests = [*((one.name, one.unit) for one in called), ("Ông Ba", "Trưởng thôn")]
    saved = await desk.minutes.save(desk.session("lan"), consult.id, replace(DRAFT, guests=guests), 0)
    names = [one.name for one in saved.content.people if one.staff_id is None]
    assert names == ["Lê Văn Con", "Anh Mẩy", "Bà Tư", "Em Vy", "Ông Ba"]
