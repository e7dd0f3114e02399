"""Units are converted exactly or not at all."""

from __future__ import annotations

import pytest

from records_panel.units import converted, convertible


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (12.5, "mg/L", "mg/dL", 1.25),
        (1.25, "mg/dL", "mg/L", 12.5),
        (128, "umol/L", "mmol/L", 0.128),
        (0.1, "g/dL", "mg/dL", 100.0),
        (140, "g/L", "g/dL", 14.0),
        (250, "ng/mL", "ug/L", 250.0),
        (7.2, "10*9/L", "10*3/uL", 7.2),
        (7200, "/uL", "10*9/L", 7.2),
        (4.5, "10*12/L", "10*6/uL", 4.5),
        (1, "ukat/L", "U/L", 60.0),
        (5, "m[IU]/L", "u[IU]/mL", 5.0),
        (5, "m[iU]/L", "u[IU]/mL", 5.0),
        (0.42, "1", "%", 42.0),
        (36.8, "Cel", "[degF]", 98.24),
        (98.6, "[degF]", "Cel", 37.0),
        (10, "[lb_av]", "kg", 4.5359237),
        (70, "[in_i]", "cm", 177.8),
        (3.3, "anything", "anything", 3.3),
    ],
)
def test_exact(value: float, source: str, target: str, expected: float) -> None:
    assert converted(value, source, target) == expected


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("mmol/L", "mg/dL"),  # needs the molar mass
        ("kPa", "mm[Hg]"),  # a rounded constant
        ("mmol/mol", "%"),  # a regression (NGSP)
        ("U/L", "[IU]/L"),  # an enzyme's unit and an arbitrary one
        ("g/L", "g"),
        ("g/(24.h)", "g/L"),
        ("", "mg/dL"),
        ("mg/dl", "mg/dL"),  # UCUM tells capitals apart; a text is not a code
    ],
)
def test_never(source: str, target: str) -> None:
    assert not convertible(source, target)
    with pytest.raises(ValueError, match="dimension"):
        converted(1.0, source, target)
