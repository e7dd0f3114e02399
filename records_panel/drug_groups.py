"""Drugs that change what may be done at once. Data: a substance's names as records write them, and its ATC prefix.

It only lifts what the record already says onto the red line; it advises nothing. Source of the groups: WHO ATC index,
B01AA (vitamin K antagonists), B01AB (heparins), B01AE and B01AF (direct inhibitors), B01AX05 (fondaparinux).
"""

from __future__ import annotations

from foundation.text import fold

ANTICOAGULANT_ATC = ("B01AA", "B01AB", "B01AE", "B01AF", "B01AX05")
ANTICOAGULANT_NAMES = (
    "acenocoumarol",
    "acenocumarol",
    "sintrom",
    "aceronko",
    "warfarin",
    "coumadin",
    "phenprocoumon",
    "fluindion",
    "rivaroxaban",
    "xarelto",
    "apixaban",
    "eliquis",
    "edoxaban",
    "lixiana",
    "dabigatran",
    "pradaxa",
    "heparin",
    "enoxaparin",
    "lovenox",
    "dalteparin",
    "tinzaparin",
    "nadroparin",
    "fondaparinux",
    "arixtra",
)


def is_anticoagulant(text: str, codes: frozenset[str]) -> bool:
    """Whether a drug of this name or code thins the blood."""
    if any(code.startswith(ANTICOAGULANT_ATC) for code in codes):
        return True
    folded = fold(text)
    return any(name in folded for name in ANTICOAGULANT_NAMES)
