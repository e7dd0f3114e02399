"""What may be typed into the quick form, what is asked about, and what is refused."""

from __future__ import annotations

import pytest

from foundation.errors import Invalid
from records_panel.bedside import Sign, description, lab_result, signs


def test_values_are_read_with_comma_or_point_and_blanks_are_not_measured() -> None:
    found = signs({"systolic": "178", "diastolic": " 96 ", "temperature": "36,8", "weight": "54.25", "pulse": ""})
    assert found.values == {
        Sign.SYSTOLIC: 178,
        Sign.DIASTOLIC: 96,
        Sign.TEMPERATURE: 36.8,
        Sign.WEIGHT: 54.25,
    }
    assert found.unusual == ()


@pytest.mark.parametrize(
    ("typed", "field", "code"),
    [
        ({}, "systolic", "addition.empty"),
        ({"pulse": "  "}, "systolic", "addition.empty"),
        ({"pulse": "abc"}, "pulse", "addition.number"),
        ({"pulse": "-5"}, "pulse", "addition.number"),
        ({"pulse": "8.5"}, "pulse", "addition.number"),
        ({"pulse": "1e2"}, "pulse", "addition.number"),
        ({"pulse": "٩٢"}, "pulse", "addition.number"),
        ({"temperature": "36.85"}, "temperature", "addition.number"),
        ({"pulse": "401"}, "pulse", "addition.impossible"),
        ({"oxygen": "101"}, "oxygen", "addition.impossible"),
        ({"oxygen": "0"}, "oxygen", "addition.impossible"),
        ({"temperature": "47,1"}, "temperature", "addition.impossible"),
        ({"temperature": "9.9"}, "temperature", "addition.impossible"),
        ({"coma_scale": "2"}, "coma_scale", "addition.impossible"),
        ({"coma_scale": "16"}, "coma_scale", "addition.impossible"),
        ({"pain": "11"}, "pain", "addition.impossible"),
        ({"weight": "0"}, "weight", "addition.impossible"),
        ({"systolic": "120"}, "diastolic", "addition.pressure"),
        ({"diastolic": "80"}, "systolic", "addition.pressure"),
        ({"systolic": "80", "diastolic": "120"}, "diastolic", "addition.pressure"),
    ],
)
def test_only_the_impossible_is_refused(typed: dict[str, str], field: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        signs(typed)
    assert (refused.value.code, refused.value.field) == (code, field)


@pytest.mark.parametrize(
    ("typed", "unusual"),
    [
        ({"systolic": "0", "diastolic": "0", "pulse": "0"}, {"systolic", "diastolic", "pulse"}),  # an arrest
        ({"oxygen": "71", "temperature": "42,5"}, {"oxygen", "temperature"}),
        ({"oxygen": "85", "temperature": "34", "pulse": "180", "glucose": "3"}, set()),
        ({"glucose": "2,1", "coma_scale": "3", "pain": "10"}, {"glucose"}),
        ({"weight": "0.9"}, {"weight"}),  # a preterm child
        ({"systolic": "90", "diastolic": "90"}, set()),
    ],
)
def test_the_unusual_is_asked_about_and_possible(typed: dict[str, str], unusual: set[str]) -> None:
    assert {sign.value for sign in signs(typed).unusual} == unusual


@pytest.mark.parametrize(
    ("value", "number", "comparator", "words"),
    [
        ("5,6", 5.6, "", ""),
        ("-2", -2, "", ""),
        ("<0.5", 0.5, "<", ""),
        ("≥ 100", 100, ">=", ""),
        ("Dương tính", None, "", "Dương tính"),
        ("1:80", None, "", "1:80"),
        ("5.6 mmol", None, "", "5.6 mmol"),
    ],
)
def test_a_result_is_a_number_with_its_comparator_or_words(
    value: str, number: float | None, comparator: str, words: str
) -> None:
    found = lab_result("Troponin I", value, "ng/L", "", "")
    assert (found.number, found.comparator, found.words) == (number, comparator, words)


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        (("", "5", "", "", ""), "test", "text.empty"),
        (("Kali", "", "", "", ""), "value", "text.empty"),
        (("K" * 121, "5", "", "", ""), "test", "text.too_long"),
        (("Kali", "5", "u" * 41, "", ""), "unit", "text.too_long"),
        (("Kali", "5", "", "abc", ""), "low", "addition.number"),
        (("Kali", "5", "", "", "<5"), "high", "addition.number"),
        (("Kali", "5", "", "6", "5"), "low", "addition.range"),
    ],
)
def test_a_result_that_cannot_be_used(fields: tuple[str, str, str, str, str], field: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        lab_result(*fields)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_words_are_cleaned_and_bounded() -> None:
    assert description("  Vết\u202e thương\n bàn chân ") == "Vết thương bàn chân"
    with pytest.raises(Invalid):
        description("x" * 301)
