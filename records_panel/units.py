"""Units of measured values: which may be turned into each other exactly, and how. Pure.

UCUM (ucum.org, §3 and its table of units) is the measure. A conversion is offered only where it is a fixed ratio of
whole numbers of one and the same dimension, so that nothing is rounded before it is shown: mg/L to mg/dL, µmol/L to
mmol/L, 10*9/L to /uL. What needs more than the units is never done: mmol/L to mg/dL needs the molar mass of what was
measured, kPa to mm[Hg] a rounded constant, HbA1c in mmol/mol to per cent a regression.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType

# Code: (dimension, how much of the dimension's first unit it is). Several codes may mean the same.
_PREFIXES = (("", 0), ("m", -3), ("u", -6), ("n", -9), ("p", -12))
_VOLUMES = (("L", 0), ("dL", -1), ("mL", -3), ("uL", -6))


def _table() -> Mapping[str, tuple[str, Fraction]]:
    table: dict[str, tuple[str, Fraction]] = {}

    def per_volume(dimension: str, unit: str, power: int, most_volume: int = 4) -> None:
        for volume, shift in _VOLUMES[:most_volume]:
            table[f"{unit}/{volume}"] = (dimension, Fraction(10) ** (power - shift))

    for prefix, power in _PREFIXES:
        per_volume("mass concentration", f"{prefix}g", power)
        per_volume("substance concentration", f"{prefix}mol", power)
        per_volume("osmolality", f"{prefix}osm", power, 1)
    for prefix, power in (("", 0), ("m", -3), ("u", -6), ("k", 3)):
        for unit in ("[IU]", "[iU]"):
            per_volume("arbitrary concentration", f"{prefix}{unit}", power)
        per_volume("catalytic concentration", f"{prefix}U", power)
    for prefix, power in (("u", -6), ("n", -9)):
        # One katal is one mole a second, one U a micromole a minute: 60 000 000 U.
        table[f"{prefix}kat/L"] = ("catalytic concentration", Fraction(60_000_000) * Fraction(10) ** power)
    for power in (3, 6, 9, 12):
        per_volume("number concentration", f"10*{power}", power)
        per_volume("number concentration", f"10^{power}", power)
    per_volume("number concentration", "", 0)
    table |= {
        "1": ("fraction", Fraction(1)),
        "%": ("fraction", Fraction(1, 100)),
        "kg": ("mass", Fraction(1000)),
        "g": ("mass", Fraction(1)),
        "mg": ("mass", Fraction(1, 1000)),
        "[lb_av]": ("mass", Fraction(45_359_237, 100_000)),
        "m": ("length", Fraction(1)),
        "cm": ("length", Fraction(1, 100)),
        "mm": ("length", Fraction(1, 1000)),
        "[in_i]": ("length", Fraction(254, 10_000)),
    }
    return MappingProxyType(table)


_UNITS = _table()
# Scales with another zero: kelvin = (value + zero) * step.
_SCALES: Mapping[str, tuple[Fraction, Fraction]] = MappingProxyType(
    {"Cel": (Fraction(27_315, 100), Fraction(1)), "[degF]": (Fraction(45_967, 100), Fraction(5, 9))}
)


def convertible(source: str, target: str) -> bool:
    """Whether a value in one UCUM code can be told in the other without loss of exactness."""
    if source == target:
        return True
    if source in _SCALES and target in _SCALES:
        return True
    one, other = _UNITS.get(source), _UNITS.get(target)
    return one is not None and other is not None and one[0] == other[0]


def converted(value: float, source: str, target: str) -> float:
    """The value in the other unit: the nearest number to the exact quotient, of the value's decimal as it was written.

    Raises ValueError for units that are not `convertible`.
    """
    if source == target:
        return value
    if not convertible(source, target):
        raise ValueError("these units are not of one dimension")
    exact = Fraction(str(value))
    if source in _SCALES:
        zero, step = _SCALES[source]
        other_zero, other_step = _SCALES[target]
        return float((exact + zero) * step / other_step - other_zero)
    return float(exact * _UNITS[source][1] / _UNITS[target][1])
