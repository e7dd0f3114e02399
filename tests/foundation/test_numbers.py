"""Numbers as people read them: whatever way they are written, as CLDR has it."""

from __future__ import annotations

import random

import pytest
from babel.numbers import format_decimal

from foundation.i18n import LOCALES, Languages

LANGUAGES = Languages()


@pytest.mark.parametrize(
    ("value", "digits", "vietnamese", "english"),
    [
        (5, None, "5", "5"),
        (36.8, None, "36,8", "36.8"),
        (140.0, None, "140", "140"),
        (0.0004, None, "0", "0"),
        (1234.5, None, "1.234,5", "1,234.5"),
        (2.346, 2, "2,35", "2.35"),
        (-0.4, None, "-0,4", "-0.4"),
    ],
)
def test_numbers_are_written_as_people_read_them(
    value: float, digits: int | None, vietnamese: str, english: str
) -> None:
    assert [LANGUAGES.get(code).number(value, digits) for code in ("vi", "en")] == [vietnamese, english]


def test_the_short_way_writes_what_the_long_one_does() -> None:
    dice = random.Random(5)
    values: list[float] = [-0.0, 1e-05, 1e15, 1e22, 999.9995, *range(-3, 1005)]
    values += [round(dice.uniform(-1100, 1100), dice.randrange(6)) for _ in range(500)]
    for code in LOCALES:
        for digits in (0, 1, 3):
            pattern = "#,##0." + "#" * digits
            wrong = [
                value
                for value in values
                if LANGUAGES.get(code).number(value, digits) != format_decimal(value, format=pattern, locale=code)
            ]
            assert wrong == []
