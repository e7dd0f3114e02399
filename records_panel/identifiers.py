"""Citizen and insurance numbers as people write them: reading, structure, warnings, masking. Pure.

CCCD: 12 digits without a check digit. BHYT stands in three forms side by side: a 15-character card, the 10-digit
social-insurance number that also ends the card, and (since 15 August 2025) the CCCD itself. What the structure says
against the birth date or sex is a warning and never a refusal, since real numbers do disagree.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.text import clean_line

_FILLING = re.compile(r"[\s.\-\u2010-\u2015\u2212/_]+")
_CCCD = re.compile(r"[0-9]{12}")
_CARD = re.compile(r"[A-Z]{2}[0-9]{13}")
_SOCIAL = re.compile(r"[0-9]{10}")
_SHOWN = 4
_SEXES = ("male", "female")


class NumberKind(StrEnum):
    """The numbers by which one citizen is found exactly."""

    CCCD = "cccd"
    BHYT = "bhyt"


class Mismatch(StrEnum):
    """What a CCCD says otherwise than the person; shown, never in the way."""

    BIRTH_YEAR = "birth_year"
    SEX = "sex"


@dataclass(frozen=True, slots=True)
class Cccd:
    """A citizen number and what its digits say. `birth_code` is the province or country where birth was registered."""

    number: str
    birth_code: str
    sex: str
    birth_year: int

    def warnings(self, birth_date: date | None, sex: str | None) -> tuple[Mismatch, ...]:
        """Where the number disagrees with what is otherwise known; unknown agrees with everything."""
        found = []
        if birth_date is not None and birth_date.year != self.birth_year:
            found.append(Mismatch.BIRTH_YEAR)
        if sex in _SEXES and sex != self.sex:
            found.append(Mismatch.SEX)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Bhyt:
    """An insurance number in the form in which it was written.

    `key` is the same for a card and for its ten-digit form, so that either finds the person; `is_cccd` says that
    the number is the citizen number, and so no second identifier beside it.
    """

    number: str
    key: str
    is_cccd: bool


def read_cccd(text: str) -> Cccd:
    """Read a citizen number, tolerant of spaces, dots, dashes and full-width digits.

    Raises `Invalid("patient.cccd_form")` when there are not exactly twelve digits.
    """
    number = _bare(text)
    if not _CCCD.fullmatch(number):
        raise Invalid("patient.cccd_form", N_("A citizen number has 12 digits."), field="number")
    century, female = divmod(int(number[3]), 2)
    return Cccd(
        number=number,
        birth_code=number[:3],
        sex=_SEXES[female],
        birth_year=1900 + 100 * century + int(number[4:6]),
    )


def read_bhyt(text: str) -> Bhyt:
    """Read an insurance number in any of its three forms. Raises `Invalid("patient.bhyt_form")`."""
    number = _bare(text)
    if _CARD.fullmatch(number):
        return Bhyt(number, key=number[-10:], is_cccd=False)
    if _SOCIAL.fullmatch(number):
        return Bhyt(number, key=number, is_cccd=False)
    if _CCCD.fullmatch(number):
        return Bhyt(number, key=number, is_cccd=True)
    raise Invalid(
        "patient.bhyt_form",
        N_("An insurance number has 15 characters (two letters and 13 digits), 10 digits, or the 12 of the CCCD."),
        field="number",
    )


def masked(number: str | None) -> str | None:
    """The last four characters alone, such as `••••4471`; a shorter number shows nothing of itself."""
    if not number:
        return None
    return "••••" + (number[-_SHOWN:] if len(number) > _SHOWN else "")


def read_birth_date(text: str) -> date:
    """`12/03/1958`, `12-3-1958` or `1958-03-12`. Raises `Invalid("patient.birth_date_form")`."""
    parts = [int(part) for part in re.findall(r"[0-9]+", unicodedata.normalize("NFKC", text)) if len(part) <= 4]
    try:
        if len(parts) != 3:
            raise ValueError("a date has three parts")
        year, month, day = parts if parts[0] > 31 else reversed(parts)
        if year < 1880:
            raise ValueError("nobody alive was born then")
        return date(year, month, day)
    except ValueError as error:
        raise Invalid(
            "patient.birth_date_form", N_("Write the birth date as day/month/year."), field="birth_date"
        ) from error


def _bare(text: str) -> str:
    # NFKC turns the full-width digits that some keyboards and copied pages give into plain ones.
    return _FILLING.sub("", unicodedata.normalize("NFKC", clean_line(text))).upper()
