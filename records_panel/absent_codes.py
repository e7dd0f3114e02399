"""Codes by which a record says that there is nothing, or that nothing is known (IPS absent-unknown, SNOMED CT)."""

from __future__ import annotations

import re

from foundation.text import fold
from records_panel.fhir_reading import codes, concept_text
from records_panel.model import AbsenceKind

NONE_AT_ALL = frozenset(
    {
        "no-known-allergies",
        "no-known-problems",
        "no-known-medications",
        "no-known-immunizations",
        "no-known-procedures",
        "no-known-devices",
        "716186003",  # No known allergy
        "160244002",  # No known allergies, older
        "160245001",  # No current problems or disability
    }
)
NONE_OF_A_KIND = frozenset(
    {
        "no-known-medication-allergies",
        "no-known-environmental-allergies",
        "no-known-food-allergies",
        "409137002",  # No known drug allergy
        "428607008",  # No known environmental allergy
        "429625007",  # No known food allergy
        "428197003",  # No known insect allergy
        "1003774007",  # No known latex allergy
    }
)
NOTHING_KNOWN = frozenset(
    {
        "no-allergy-info",
        "no-problem-info",
        "no-medication-info",
        "no-immunization-info",
        "no-procedure-info",
        "no-device-info",
        "1631000175102",  # Patient not asked
    }
)


# Some systems write the sentence alone; only a concept without any code is read by its words.
_SENTENCE = re.compile(r"(?:no known|nil known|khong ghi nhan|da hoi, khong co)\b")


def absence_of(concept: object) -> AbsenceKind | None:
    """The silence that a concept stands for; None for a real entry."""
    found = codes(concept)
    if found & NONE_AT_ALL or found & NONE_OF_A_KIND:
        return AbsenceKind.KNOWN_NONE
    if found & NOTHING_KNOWN:
        return AbsenceKind.NO_INFORMATION
    if not found and _SENTENCE.match(fold(concept_text(concept))):
        return AbsenceKind.KNOWN_NONE
    return None


def is_partial(concept: object) -> bool:
    """Whether it says “none” of one kind alone, such as food allergies, and leaves the others open."""
    return bool(codes(concept) & NONE_OF_A_KIND) and not codes(concept) & NONE_AT_ALL
