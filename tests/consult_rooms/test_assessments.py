"""Scores add up as published and examinations compare both sides; what a consult keeps of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from consult_rooms import examinations, scores
from consult_rooms.assessments import examinations_of, scores_of
from consult_rooms.case_summary import case_summary
from consult_rooms.examinations import agreement, compared, filled
from consult_rooms.roll_call import Side
from consult_rooms.scores import Score, shipped, total
from consult_rooms.statements import StatementKind
from foundation.errors import Conflict, Forbidden, Invalid, NotFound
from tests.consult_rooms.conftest import ZONE, World
from tests.consult_rooms.test_identities import MERGED

NOON = datetime(2026, 11, 23, 12, tzinfo=ZONE)
ABDOMEN = examinations.shipped()["abdominal"]


def least(code: str, **but: str) -> dict[str, str]:
    """The answers that give the fewest points, with some others."""
    return _extreme(shipped()[code], most=False) | but


def _extreme(score: Score, *, most: bool) -> dict[str, str]:
    given = {}
    for item in score.items:
        tested = [one for one in item.choices if one.points is not None] or list(item.choices)
        tested.sort(key=lambda one: one.points or 0, reverse=most)
        given[item.code] = tested[0].code
    return given


@pytest.mark.parametrize(
    ("code", "items", "lowest", "highest"),
    [
        ("nihss", 15, 0, 42),
        ("gcs", 3, 3, 15),
        ("pgcs", 3, 3, 15),
        ("qsofa", 3, 0, 3),
        ("apgar", 5, 0, 10),
        ("wells_dvt", 10, -2, 9),
        ("wells_pe", 7, 0, 12.5),
        ("curb65", 5, 0, 5),
        ("cha2ds2_vasc", 7, 0, 9),
    ],
)
def test_a_score_has_the_items_and_the_bounds_that_were_published(
    code: str, items: int, lowest: float, highest: float
) -> None:
    score = shipped()[code]
    assert len([one for one in score.items if one.counts]) == items
    assert score.range == (lowest, highest)
    assert (total(score, _extreme(score, most=False)), total(score, _extreme(score, most=True))) == (lowest, highest)


@pytest.mark.parametrize(
    ("code", "given", "points"),
    [
        # A left middle cerebral artery stroke: drowsy, aphasic, gaze to the left, right arm and leg without movement.
        (
            "nihss",
            least("nihss", loc="1", questions="2", commands="2", gaze="2", visual="2", face="2")
            | {"arm_right": "4", "leg_right": "4", "sensory": "1", "language": "3", "dysarthria": "2"},
            25,
        ),
        ("gcs", {"eyes": "2", "verbal": "3", "motor": "5"}, 10),
        ("pgcs", {"eyes": "3", "verbal": "4", "motor": "5"}, 12),
        ("qsofa", least("qsofa", breathing="yes", pressure="yes"), 2),
        # Blue hands and feet alone, at five minutes: 9 of 10.
        ("apgar", _extreme(shipped()["apgar"], most=True) | {"minute": "m5", "colour": "1"}, 9),
        # A plaster, a tender and larger calf, a cellulitis at least as likely.
        ("wells_dvt", _extreme(shipped()["wells_dvt"], most=False) | dict.fromkeys(("paralysis", "tender"), "yes"), 0),
        ("wells_pe", least("wells_pe", rate="yes", immobile="yes", haemoptysis="yes"), 4),
        ("curb65", least("curb65", confusion="yes", age="yes"), 2),
        ("cha2ds2_vasc", least("cha2ds2_vasc", age="2", stroke="yes", sex="1"), 5),
    ],
)
def test_points_add_up_as_published(code: str, given: Mapping[str, str], points: float) -> None:
    assert total(shipped()[code], given) == points


def test_what_could_not_be_tested_is_named_and_never_counted_silently() -> None:
    nihss = _scored("nihss", least("nihss", face="1", arm_left="un", dysarthria="un"))
    assert (nihss.total, [one.code for one in nihss.untested]) == (1, ["arm_left", "dysarthria"])
    gcs = _scored("gcs", {"eyes": "4", "verbal": "nt", "motor": "6"})
    assert (gcs.total, gcs.shown("vi"), [one.code for one in gcs.untested]) == (None, "–", ["verbal"])
    apgar = _scored("apgar", _extreme(shipped()["apgar"], most=True))
    assert apgar.untested == (), "the minute does not count, and is not missing"
    assert (_points(1.5, "vi"), _points(1.5, "en"), _points(-2, "vi")) == ("1,5", "1.5", "−2")


@pytest.mark.parametrize(
    ("given", "error", "field"),
    [
        ({"verbal": ""}, "score.incomplete", "verbal"),
        ({"motor": "7"}, "choice.unknown", "motor"),
        ({"eyes": "NaN"}, "choice.unknown", "eyes"),
        ({"assessed": "hôm qua"}, "answer.moment", "assessed"),
        ({"assessed": "2026-11-23T12:01"}, "answer.future", "assessed"),
    ],
)
def test_what_cannot_be_added_up_is_refused_beside_its_item(given: dict[str, str], error: str, field: str) -> None:
    with pytest.raises(Invalid) as told:
        _scored("gcs", {"eyes": "4", "verbal": "5", "motor": "6"} | given)
    assert (told.value.code, told.value.field) == (error, field)


def test_a_record_of_an_older_program_stays_as_it_was_asked() -> None:
    old: dict[str, Any] = _scored("qsofa", least("qsofa", breathing="yes")).json()
    old["score"] = old["score"] | {"version": 0, "title": {"vi": "qSOFA cũ", "en": "Old qSOFA"}}
    old["score"]["items"] = [one | {"points": 2} for one in old["score"]["items"]]
    again = scores.recorded(old)
    assert (again.score.title.vi, again.total, again.json()) == ("qSOFA cũ", 2, old)
    for broken in ({"score": old["score"]}, old | {"score": {"code": "x"}}):
        with pytest.raises(KeyError):
            scores.recorded(broken)
    # Two versions of a list are compared by what both ask, each in the words of who filled it.
    data = dict(ABDOMEN.data) | {"version": 0, "items": list(ABDOMEN.data["items"][2:4])}
    before = filled(examinations.checklist(data), {"tenderness": "present", "guarding": "present"})
    assert examinations.recorded(before.json()) == before
    rows = compared(before, filled(ABDOMEN, {"tenderness": "present", "liver": "absent"}))
    assert [row.agree for row in rows] == [True, None, None]


def test_both_sides_agree_only_where_both_judged() -> None:
    clinic = filled(ABDOMEN, {"tenderness": "present", "guarding": "absent", "mass": "unseen", "liver": "absent"})
    hospital = filled(ABDOMEN, {"tenderness": "present", "guarding": "present", "mass": "unseen", "spleen": "absent"})
    rows = compared(clinic, hospital)
    assert [(row.label.en, row.agree) for row in rows] == [
        ("Tenderness", True),
        ("Guarding", False),
        ("Palpable mass", None),
        ("Enlarged liver", None),
        ("Enlarged spleen", None),
    ]
    assert agreement(rows) == (1, 2)
    assert agreement(compared(clinic, None)) == (0, 0)
    with pytest.raises(Invalid) as told:
        filled(ABDOMEN, {"tenderness": "maybe"})
    assert (told.value.code, told.value.field) == ("choice.unknown", "tenderness")


def test_every_word_stands_in_both_languages_and_every_list_can_be_left_open() -> None:
    of_scores = [
        words
        for one in shipped().values()
        for words in (
            one.title,
            one.formula,
            *(i.label for i in one.items),
            *(c.label for i in one.items for c in i.choices),
        )
    ]
    of_lists = [
        words
        for one in examinations.shipped().values()
        for words in (one.title, *(i.label for i in one.items), *(label for i in one.items for _, label in i.choices))
    ]
    for words in of_scores + of_lists:
        assert words.vi
        assert words.en
        assert words.vi == unicodedata.normalize("NFC", words.vi)
    asked = {one.code: [item.code for item in one.items] for one in shipped().values()}
    asked |= {one.code: [item.code for item in one.items] for one in examinations.shipped().values()}
    for name, codes in asked.items():
        assert len(codes) == len(set(codes)), name
    assert all(one.source for one in shipped().values())
    assert all("unseen" in dict(i.choices) for one in examinations.shipped().values() for i in one.items)


async def test_a_score_is_kept_with_those_before_it_and_stays_with_its_patient(world: World) -> None:
    lan, ha = world["lan"], world["ha"]
    consult = await world.ask()
    given = {"eyes": "4", "verbal": "4", "motor": "6"}
    first = await world.intake.assessments.score(lan, consult.id, "gcs", given)
    assert (await world.intake.assessments.score(lan, consult.id, "gcs", given)).number == first.number
    with pytest.raises(NotFound) as unknown:
        await world.intake.assessments.score(lan, consult.id, "made_up", given)
    assert unknown.value.code == "score.unknown"
    with pytest.raises(Forbidden):
        await world.intake.assessments.score(ha, consult.id, "gcs", given)
    with pytest.raises(NotFound):
        await world.intake.assessments.score(world["mai"], consult.id, "gcs", given)
    await world.answers.accept(ha, consult.id)
    world.clock.advance(20 * 60)
    await world.intake.assessments.score(ha, consult.id, "gcs", given | {"verbal": "nt"})
    shown = scores_of((await world.intake.statements.read(lan, consult.id)).statements)
    assert [(one.scored.total, one.statement.author_id, len(one.earlier)) for one in shown] == [(None, ha.id, 1)]
    assert shown[0].earlier[0][0].total == 14
    entry = (await world.log.since(consult.id, 0))[-1]
    assert (entry.kind, entry.data) == ("scored", {"score": "gcs", "version": 1}), "how much it is, the log never tells"
    summary = case_summary((await world.intake.statements.read(lan, consult.id)).statements)
    assert summary.startswith("Thang điểm hôn mê Glasgow (GCS): 14 (")
    assert "Mở mắt (E) 4, Lời nói (V) –, Vận động (M) 6" in summary
    assert "không đánh giá được: Lời nói (V)" in summary
    await world.requests.change_identity(lan, consult.id, MERGED, "turned")
    assert scores_of((await world.intake.statements.read(ha, consult.id)).statements) == ()


async def test_each_side_fills_its_own_list(world: World) -> None:
    lan, ha = world["lan"], world["ha"]
    consult = await world.ask()
    await world.answers.accept(ha, consult.id)
    examine = world.intake.assessments.examine
    mine = await examine(lan, consult.id, "abdominal", {"tenderness": "present", "guarding": "absent"}, seen=0)
    await examine(
        ha, consult.id, "abdominal", {"tenderness": "present", "guarding": "present", "mass": "absent"}, seen=0
    )
    stated = await world.intake.statements.read(lan, consult.id)
    (both,) = examinations_of(stated)
    assert {side: one.author_id for side, (_, one) in both.sides.items()} == {Side.CLINIC: lan.id, Side.HOSPITAL: ha.id}
    assert both.agreement == (1, 2)
    assert case_summary(stated.statements) == (
        "Khám bụng. Ấn đau: có; Co cứng thành bụng: cơ sở đề nghị không có, chuyên gia có; "
        "Khối sờ thấy: chuyên gia không có."
    )
    with pytest.raises(Conflict) as stale:
        await examine(lan, consult.id, "abdominal", {"tenderness": "absent"}, seen=0)
    assert stale.value.code == "statement.stale"
    await examine(lan, consult.id, "abdominal", {}, seen=mine.number)
    (rest,) = examinations_of(await world.intake.statements.read(ha, consult.id))
    assert set(rest.sides) == {Side.HOSPITAL}, "who takes everything back has found nothing"
    assert rest.agreement == (0, 0)
    with pytest.raises(NotFound) as unknown:
        await examine(lan, consult.id, "made_up", {}, seen=0)
    assert unknown.value.code == "examination.unknown"
    kinds = {one.kind for one in (await world.intake.statements.read(lan, consult.id)).statements}
    assert kinds == {StatementKind.EXAMINATION}


def _scored(code: str, given: Mapping[str, str]) -> scores.Scored:
    return scores.scored(shipped()[code], given, until=NOON, now=NOON)


def _points(value: float, language: str) -> str:
    return scores.points(value, language)
