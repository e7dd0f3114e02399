"""Question templates: what an answer may be, what a consult keeps of them, and what becomes of a retired one."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import select

from consult_rooms import question_templates
from consult_rooms.case_summary import case_summary
from consult_rooms.model import ConsultState, Urgency
from consult_rooms.question_sheets import sheets_of
from consult_rooms.question_templates import ItemKind, Template, answered, sheet, shipped, template
from consult_rooms.statement_tables import statements
from consult_rooms.statements import StatementKind
from foundation.errors import Conflict, Forbidden, Invalid, NotFound
from foundation.text import fold
from identity.model import Role
from tests.consult_rooms.conftest import ZONE, World
from tests.consult_rooms.test_identities import MERGED

NOON = datetime(2026, 11, 23, 12, tzinfo=ZONE)
STROKE = shipped()["stroke"]
GIVEN = {"last_known_well": "2026-11-23T07:20", "how_known": "witnessed", "arm": "yes", "anticoagulant": "yes"}


def test_each_field_of_the_plan_has_its_template_with_red_flags_in_both_languages() -> None:
    wanted = {"stroke", "chest_pain", "obstetrics", "paediatrics", "trauma", "burns", "psychiatry", "general"}
    assert set(shipped()) == wanted
    for one in shipped().values():
        codes = [item.code for item in one.items]
        assert len(codes) == len(set(codes))
        assert any(item.kind is ItemKind.FLAG for item in one.items), one.code
        for words in (one.title, *(item.label for item in one.items)):
            assert words.vi
            assert words.en
            assert words.vi == unicodedata.normalize("NFC", words.vi)
        assert all(word == fold(word) for word in one.words)
        assert template(one.data) == one


def test_a_specialty_finds_its_template_by_its_name() -> None:
    for name, codes in (
        ("Thần kinh, đột quỵ", ["general", "stroke"]),
        ("Sản phụ khoa", ["general", "obstetrics"]),
        ("Ngoại tổng hợp", ["general", "trauma"]),
        ("Nội tiết", ["general"]),
    ):
        assert [one.code for one in shipped().values() if one.suits(name)] == codes


def test_answers_are_checked_and_come_back_in_their_normal_form() -> None:
    nfd = unicodedata.normalize("NFD", "Tự đi lại được 👵🏽") + "\u202egnod"
    made = answered(STROKE, GIVEN | {"before": nfd, "glucose": " 7,25 "}, until=NOON)
    assert made.value("before") == "Tự đi lại được 👵🏽gnod"
    assert (made.value("glucose"), made.value("last_known_well")) == ("7.25", "2026-11-23T07:20")
    assert [one.item.code for one in made.red] == ["anticoagulant"]
    assert made.answered[0].is_red
    assert sheet(made.json()) == made
    shown = {one.item.code: one.shown for one in made.answered}
    assert (shown["glucose"].vi, shown["glucose"].en) == ("7,25 mmol/L", "7.25 mmol/L")
    assert shown["last_known_well"].vi == "23/11/2026 07:20"


@pytest.mark.parametrize(
    ("code", "value", "error"),
    [
        ("before", "ế" * 100_000, "text.too_long"),
        ("last_known_well", "2026-11-23T12:01", "answer.future"),
        ("last_known_well", "hôm qua", "answer.moment"),
        ("last_known_well", "2026-11-23T07:20+07:00", "answer.moment"),
        ("last_known_well", "2026-11-23", "answer.moment"),
        ("glucose", "1e3", "answer.number"),
        ("glucose", "nan", "answer.number"),
        ("arm", "maybe", "choice.unknown"),
    ],
)
def test_what_cannot_be_an_answer_is_refused_beside_its_question(code: str, value: str, error: str) -> None:
    with pytest.raises(Invalid) as told:
        answered(STROKE, {code: value}, until=NOON)
    assert (told.value.code, told.value.field) == (error, code)


async def test_answers_are_sealed_and_read_by_the_specialist(world: World) -> None:
    lan, ha = world["lan"], world["ha"]
    consult = await world.ask()
    told = await world.intake.sheets.answer(lan, consult.id, "stroke", GIVEN | {"before": "Tự đi lại"})
    again = await world.intake.sheets.answer(lan, consult.id, "stroke", GIVEN | {"before": "Tự đi lại"})
    assert again.number == told.number, "the same answers sent twice are kept once"
    # Whoever is rung reads them as the question, before taking the case.
    rung = sheets_of(await world.intake.statements.read(ha, consult.id))
    assert [(one.template.code, one.value("before")) for one, _ in rung] == [("stroke", "Tự đi lại")]
    assert (await world.kinds(consult)).count("sheet_answered") == 1
    entry = (await world.log.since(consult.id, 0))[-1]
    assert entry.data == {"template": "stroke", "version": 1, "red_flags": 1}
    with pytest.raises(NotFound):
        await world.intake.statements.read(world["mai"], consult.id)
    with pytest.raises(Forbidden):
        await world.intake.sheets.answer(ha, consult.id, "stroke", {})
    # A red flag suggests; the urgency is the requester's alone.
    assert (await world.queries.consult(lan, consult.id)).consult.urgency is Urgency.EMERGENCY
    async with world.database.reading() as tx:
        stored = (await tx.execute(select(statements.c.document_sealed))).scalar_one()
    assert b"last_known_well" not in stored


async def test_of_two_who_answer_at_once_the_second_is_told(world: World) -> None:
    lan, ha = world["lan"], world["ha"]
    consult = await world.ask()
    await world.answers.accept(ha, consult.id)
    first = await world.intake.sheets.answer(lan, consult.id, "stroke", GIVEN, seen=0)
    with pytest.raises(Conflict) as told:
        await world.intake.sheets.answer(ha, consult.id, "stroke", {"face": "yes"}, seen=0)
    assert told.value.code == "statement.stale"
    await world.intake.sheets.answer(ha, consult.id, "stroke", {"face": "yes"}, seen=first.number)
    stated = await world.intake.statements.read(lan, consult.id)
    assert [one.author_name for one in stated.all(StatementKind.SHEET)] == ["BS. Hà", "BS. Lan"]
    assert [one.value("face") for one, _ in sheets_of(stated)] == ["yes"]


async def test_a_case_goes_on_with_the_template_that_it_began_with(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lan = world["lan"]
    chief = replace(lan, roles=frozenset({Role.ADMINISTRATOR}), installation_wide=True)
    began, later = await world.ask("began"), await world.ask("later")
    await world.intake.sheets.answer(lan, began.id, "stroke", GIVEN)
    with pytest.raises(Forbidden):
        await world.intake.sheets.retire(lan, "stroke", retired=True)
    await world.intake.sheets.retire(chief, "stroke", retired=True)
    await world.intake.sheets.retire(chief, "stroke", retired=True)

    async def offered(consult_id: object) -> dict[str, bool]:
        stated = await world.intake.statements.read(lan, consult_id)  # type: ignore[arg-type]
        return {one.template.code: one.is_gone for one in await world.intake.sheets.of(stated)}

    assert (await offered(began.id))["stroke"] is True
    assert "stroke" not in await offered(later.id)
    await world.intake.sheets.answer(lan, began.id, "stroke", GIVEN | {"face": "no"})
    # The page was open before: what was typed is not thrown away.
    await world.intake.sheets.answer(lan, later.id, "stroke", {"face": "yes"})
    assert (await offered(later.id))["stroke"] is True
    await world.intake.sheets.retire(chief, "stroke", retired=False)
    assert await offered(began.id) == dict.fromkeys(shipped(), False)

    # A later program ships another version, or none of that name.
    newer: dict[str, Template] = {"stroke": template({**STROKE.data, "version": 2, "items": STROKE.data["items"][:1]})}
    for there in (newer, {}):
        for module in (question_templates, __import__("consult_rooms.question_sheets", fromlist=["shipped"])):
            monkeypatch.setattr(module, "shipped", lambda there=there: there)
        assert (await offered(began.id))["stroke"] is True
        seen = sheets_of(await world.intake.statements.read(lan, began.id))[0][0]
        assert (seen.template.version, seen.value("arm")) == (1, "yes")
        await world.intake.sheets.answer(lan, began.id, "stroke", GIVEN | {"arm": "no" if there else "unknown"})
        await world.intake.sheets.answer(lan, began.id, "stroke", GIVEN)


async def test_answers_stay_with_their_patient_and_begin_the_summary(world: World) -> None:
    lan, ha = world["lan"], world["ha"]
    consult = await world.ask()
    told = await world.intake.sheets.answer(lan, consult.id, "stroke", GIVEN)
    assert case_summary([told]) == (
        "Nghi đột quỵ. DẤU HIỆU BÁO ĐỘNG: Đang dùng thuốc chống đông. Lần cuối còn thấy bình thường: 23/11/2026 07:20."
        " Mốc giờ đó: có người chứng kiến. Yếu hoặc liệt tay, chân một bên: có."
    )
    await world.answers.accept(ha, consult.id)
    await world.requests.change_identity(lan, consult.id, MERGED, "turned")
    assert (await world.intake.statements.read(ha, consult.id)).statements == ()
    await world.requests.change_identity(lan, consult.id, None, "reverted")
    assert len((await world.intake.statements.read(ha, consult.id)).statements) == 1
    await world.rooms.end(ha, consult.id)
    await world.opinions.save(ha, consult.id, "Ý kiến", 0)
    await world.opinions.close(ha, consult.id)
    assert (await world.queries.consult(lan, consult.id)).consult.state is ConsultState.CLOSED
    with pytest.raises(Conflict) as closed:
        await world.intake.sheets.answer(lan, consult.id, "stroke", {})
    assert closed.value.code == "consult.closed"
