"""Citizen and insurance numbers of the right shape for invented people."""

from datetime import date
from random import Random
from typing import Literal

from hoichan.demo.content import Sex

BhytFormat = Literal["card15", "social10", "cccd12"]


def cccd(birth_code: str, birth: date, sex: Sex, last_six: int) -> str:
    """A twelve-digit citizen number: province of registration, century and sex, year of birth, six more digits.

    The fourth digit is 0 or 1 for men and women of the 1900s, 2 or 3 for those of the 2000s.
    """
    century_and_sex = (birth.year // 100 - 19) * 2 + (sex == "female")
    return f"{birth_code}{century_and_sex}{birth.year % 100:02d}{last_six:06d}"


def bhyt(form: BhytFormat, rng: Random, citizen_number: str, group: str) -> str:
    """An insurance number in one of the three formats in use side by side.

    `group` is the two-letter beneficiary group with its benefit level, such as `HT3`; only the 15-character card shows
    it. The 12-digit format (since 15 August 2025) is the citizen number itself.
    """
    if form == "cccd12":
        return citizen_number
    social = f"{citizen_number[1:3]}{rng.randrange(10_000_000, 99_999_999)}"
    return social if form == "social10" else f"{group}{citizen_number[1:3]}{social}"
