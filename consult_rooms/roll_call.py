"""The roll-call: everybody in both rooms by name, off camera too, interpreters and relatives included. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from consult_rooms import bounds
from consult_rooms.bilingual import Words
from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.text import clean_line

NAME = 200
MOST = 40
"""People of one room at most."""
TOO_MANY = N_("These are too many people: %(limit)s at most in one room.")


class Side(StrEnum):
    """In whose room somebody is."""

    CLINIC = "clinic"
    HOSPITAL = "hospital"


class Capacity(StrEnum):
    """What somebody is there as."""

    DOCTOR = "doctor"
    NURSE = "nurse"
    RELATIVE = "relative"
    INTERPRETER = "interpreter"
    STUDENT = "student"
    OTHER = "other"


CAPACITIES: Mapping[Capacity, Words] = {
    Capacity.DOCTOR: Words("Bác sĩ", "Doctor"),
    Capacity.NURSE: Words("Điều dưỡng, hộ sinh", "Nurse or midwife"),
    Capacity.RELATIVE: Words("Người nhà bệnh nhân", "Relative of the patient"),
    Capacity.INTERPRETER: Words("Phiên dịch", "Interpreter"),
    Capacity.STUDENT: Words("Học viên", "Student"),
    Capacity.OTHER: Words("Người khác", "Somebody else"),
}
"""In both languages, since minutes name them in Vietnamese whoever reads."""


@dataclass(frozen=True, slots=True)
class Present:
    """Somebody who is in a room."""

    name: str
    capacity: Capacity


def roll(people: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The people of one room as they are sealed, names in their normal form; lines without a name are left out.

    Raises Invalid `text.too_long`, `choice.unknown`, `roll.too_many`.
    """
    named = [(clean_line(bounds.text(name, NAME, "name")), capacity) for name, capacity in people]
    there = [(name, bounds.code(Capacity, capacity, "capacity")) for name, capacity in named if name]
    if len(there) > MOST:
        raise Invalid("roll.too_many", TOO_MANY, field="name", limit=MOST)
    return {"people": [{"name": name, "capacity": capacity.value} for name, capacity in there]}


def people_of(document: Mapping[str, Any]) -> tuple[Present, ...]:
    """The people of what was sealed."""
    return tuple(Present(one["name"], Capacity(one["capacity"])) for one in document["people"])
