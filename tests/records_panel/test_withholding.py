"""What of a fetched book reaches the mapping of one reader: marks, scopes, parts that a Consent withholds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from identity.model import Sensitivity
from records_panel.consents import Portion
from records_panel.fhir_mapping import book_view
from records_panel.grants import Decision, Ground, Why
from records_panel.sensitivity import kinds
from records_panel.withholding import released
from tests.records_panel.conftest import ZONE
from tests.records_panel.samples import NOW, bundle

OPEN = Decision(Why.OPEN, Ground.CONSULT)
Json = dict[str, Any]


def labelled(*codes: str, **resource: Any) -> Json:
    return {
        "resourceType": "Condition",
        "id": "x",
        **resource,
        "meta": {"security": [{"code": code} for code in codes]},
    }


def problem(text: str, *codes: str) -> Json:
    return labelled(*codes, id=text, code={"text": text})


def problems(decision: Decision, *resources: Json) -> tuple[set[str], int]:
    view = book_view(released(bundle(*resources), decision), NOW, source="-", zone=ZONE)
    return {item.text for item in view.problems.items}, view.withheld


@pytest.mark.parametrize(
    ("codes", "needed"),
    [
        ((), set()),
        (("N",), set()),
        (("L", "DELAU"), set()),
        (("R",), {"other"}),
        (("r",), {"other"}),
        (("R", "PSY"), {"psychiatric"}),
        (("HIV",), {"hiv"}),
        (("HIV", "SUD"), {"hiv", "substance"}),
        (("V",), {"very_restricted"}),
        (("V", "SDV"), {"very_restricted", "violence"}),
        (("R", "SEX"), {"reproductive"}),
        (("R", "GDIS"), {"genetic"}),
        (("R", "CEL"), {"other"}),
    ],
)
def test_labels_tell_which_scopes_are_needed(codes: tuple[str, ...], needed: set[str]) -> None:
    assert kinds(labelled(*codes)) == {Sensitivity(kind) for kind in needed}


def test_a_reader_sees_what_all_its_scopes_are_held_for() -> None:
    book = (problem("plain"), problem("hiv", "R", "HIV"), problem("both", "HIV", "PSY"), problem("very", "V", "HIV"))
    hiv, psy, very = Sensitivity.HIV, Sensitivity.PSYCHIATRIC, Sensitivity.VERY_RESTRICTED
    assert problems(OPEN, *book) == ({"plain"}, 3)
    assert problems(replace(OPEN, kinds=frozenset({psy})), *book) == ({"plain"}, 3)
    assert problems(replace(OPEN, kinds=frozenset({hiv})), *book) == ({"plain", "hiv"}, 2)
    assert problems(replace(OPEN, kinds=frozenset({hiv, psy})), *book) == ({"plain", "hiv", "both"}, 1)
    assert problems(replace(OPEN, kinds=frozenset({hiv, psy, very})), *book) == ({"plain", "hiv", "both", "very"}, 0)


@pytest.mark.parametrize(
    ("portion", "left"),
    [
        (Portion(types=frozenset({"Condition"})), set()),
        (Portion(references=frozenset({"Condition/a"})), {"b"}),
        (Portion(codes=frozenset({"F41"})), {"a"}),
        (Portion(types=frozenset({"Observation"}), references=frozenset({"Condition/a"})), {"a", "b"}),
        (Portion(labels=frozenset({"N"})), {"b"}),
        (Portion(), {"a", "b"}),
    ],
)
def test_a_consent_withholds_its_part_visibly(portion: Portion, left: set[str]) -> None:
    coded = problem("b") | {"code": {"text": "b", "coding": [{"code": "F41"}]}}
    shown, withheld = problems(replace(OPEN, portions=(portion,)), problem("a", "N"), coded)
    assert (shown, withheld) == (left, 2 - len(left))


def test_nothing_of_a_withheld_entry_is_left_to_be_referred_to() -> None:
    drug = labelled("R", "HIV", resourceType="Medication", code={"text": "Dolutegravir"})
    taken = {
        "resourceType": "MedicationStatement",
        "id": "taken",
        "status": "active",
        "medicationReference": {"reference": "Medication/x"},
        "contained": [labelled("HIV", resourceType="Condition", code={"text": "Dolutegravir"})],
    }
    inside = {"resourceType": "Bundle", "entry": [{"resource": drug}]}
    book = released(bundle(taken, drug, inside), OPEN)
    assert "Dolutegravir" not in str(book)
    assert "Dolutegravir" not in str(book_view(book, NOW, source="-", zone=ZONE))
    assert "Dolutegravir" in str(released(bundle(drug), replace(OPEN, kinds=frozenset({Sensitivity.HIV}))))


def test_the_source_is_left_as_it_came() -> None:
    book = bundle(problem("hiv", "R", "HIV"))
    before = str(book)
    released(book, replace(OPEN, kinds=frozenset(Sensitivity)))
    released(book, OPEN)
    assert str(book) == before


def test_a_closed_book_is_never_released() -> None:
    with pytest.raises(ValueError, match="closed"):
        released(bundle(), Decision(Why.EXPIRED))


def test_hostile_depth_is_cut() -> None:
    deep: Json = problem("deep")
    for _ in range(50):
        deep = {"resourceType": "List", "contained": [deep]}
    assert "deep" not in str(released(bundle(deep), OPEN))
