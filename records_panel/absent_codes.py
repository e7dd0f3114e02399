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
        "787480003",  # No known procedures
        "787481004",  # No known medications
        "787482006",  # No known immunizations
        "787483001",  # No known device use
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
_SENTENCE = re.compile(
    r"(?:no known|nil known|none known|no hx of|no (?:active|current|recorded) |khong ghi nhan|khong co"
    r"|da hoi, khong co|sin alergias|sin antecedentes|no se conoce|no presenta|ninguna? conocid|sem alergias"
    r"|sem registr|nenhuma? conhecid|keine? bekannt|keine (?:allerg|medik)|aucune? |geen bekende"
    r"|nessuna? (?:allerg|nota))|(?:none|nil|nkda|nka)[.]?$"
)
_UNKNOWN = re.compile(
    r"(?:there is )?no (?:information|data|records?) |(?:information )?(?:not available|unavailable|unknown)\b"
    r"|chua co thong tin|khong co thong tin|khong ro\b|sin informacion|no hay (?:informacion|datos)|keine angaben"
)


def absence_in_words(text: str) -> AbsenceKind | None:
    """The silence that a narrative stands for when it begins with a known phrase; None for anything else."""
    folded = fold(text[:200])
    if _UNKNOWN.search(folded):
        return AbsenceKind.NO_INFORMATION
    return AbsenceKind.KNOWN_NONE if _SENTENCE.match(folded) else None


def absence_of(concept: object) -> AbsenceKind | None:
    """The silence that a concept stands for; None for a real entry."""
    found = codes(concept)
    if found & NONE_AT_ALL or found & NONE_OF_A_KIND:
        return AbsenceKind.KNOWN_NONE
    if found & NOTHING_KNOWN:
        return AbsenceKind.NO_INFORMATION
    return None if found else absence_in_words(concept_text(concept))


def words_of_absence(concept: object) -> str:
    """The record's own words for a silence; none where it has a bare code alone, since ours are better than that.

    Of “none” of one kind alone even the code stays: without it, ours would say too much.
    """
    text = concept_text(concept)
    return "" if text in codes(concept) and not is_partial(concept) else text


def is_partial(concept: object) -> bool:
    """Whether it says “none” of one kind alone, such as food allergies, and leaves the others open."""
    return bool(codes(concept) & NONE_OF_A_KIND) and not codes(concept) & NONE_AT_ALL
