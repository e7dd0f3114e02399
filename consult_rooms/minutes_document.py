"""The canonical document of minutes: one JSON value (RFC 8785) that holds everything that is signed, and back.

What is saved is this text, and nothing beside it: page, PDF and signature cannot differ from one another.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from consult_rooms.advice_model import AdviceKind, AdviceState
from consult_rooms.minutes_model import Advised, Attendee, Content, Seat, Task, Voice
from consult_rooms.model import Patient
from consult_rooms.signatures import canonical, moment
from foundation.ids import StaffId

MINUTES = "hoichan-minutes/1"
ADDENDUM = "hoichan-addendum/1"


@dataclass(frozen=True, slots=True)
class Place:
    """A facility as a document names it."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the server itself knows of the consult, and nobody types.

    `header` is the facility whose minutes these are: the specialist's, or the clinic's while nobody has the case.
    """

    code: str
    specialty: str
    header: Place
    clinic: Place
    patient: Patient
    age: int | None
    question: str
    starts_at: datetime | None
    ends_at: datetime | None
    advice: tuple[Advised, ...] = ()
    """The items about this patient, with what the clinic answered, in the order in which they were given."""


def written(facts: Facts, person: int, version: int, content: Content) -> str:
    """The document of one version."""
    patient = facts.patient
    return canonical(
        {
            "format": MINUTES,
            "consult": facts.code,
            "person": person,
            "version": version,
            "header": {"code": facts.header.code, "name": facts.header.name},
            "clinic": {"code": facts.clinic.code, "name": facts.clinic.name},
            "specialty": facts.specialty,
            "patient": identity(patient, facts.age),
            "starts": _at(facts.starts_at),
            "ends": _at(facts.ends_at),
            "question": facts.question,
            "people": [
                {
                    "seat": one.seat.value,
                    "name": one.name,
                    "unit": one.unit,
                    "staff": one.staff_id,
                    "came": _at(one.came_at),
                    "left": _at(one.left_at),
                    "absent": one.absent,
                }
                for one in content.people
            ],
            "summary": content.summary,
            "opinions": [{"name": one.name, "text": one.text, "dissent": one.dissent} for one in content.opinions],
            "advice": [
                {
                    "number": one.number,
                    "kind": one.kind.value,
                    "text": one.text,
                    "dose": one.dose,
                    "state": one.state.value,
                    "reason": one.reason,
                    "given_by": one.given_by,
                    "answered_by": one.answered_by,
                    "answered": _at(one.answered_at),
                }
                for one in facts.advice
            ],
            "conclusion": content.conclusion,
            "plan": [{"what": one.what, "who": one.who} for one in content.plan],
        }
    )


def identity(patient: Patient, age: int | None) -> dict[str, str | int | None]:
    """Whom a document is about; of the number the last four digits alone."""
    return {
        "name": patient.name,
        "birth_date": None if patient.birth_date is None else patient.birth_date.isoformat(),
        "sex": patient.sex,
        "age": age,
        "number": patient.masked_number,
    }


def content_of(document: str) -> Content:
    """What was written into a document of `written`."""
    found: dict[str, Any] = json.loads(document)
    return Content(
        people=tuple(
            Attendee(
                Seat(one["seat"]),
                one["name"],
                one["unit"],
                None if one["staff"] is None else StaffId(one["staff"]),
                _instant(one["came"]),
                _instant(one["left"]),
                one["absent"],
            )
            for one in found["people"]
        ),
        summary=found["summary"],
        opinions=tuple(Voice(one["name"], one["text"], one["dissent"]) for one in found["opinions"]),
        conclusion=found["conclusion"],
        plan=tuple(Task(one["what"], one["who"]) for one in found["plan"]),
    )


def advice_in(document: str) -> tuple[Advised, ...]:
    """The items of advice in a document; none in one that was saved before documents held them."""
    return tuple(
        Advised(
            one["number"],
            AdviceKind(one["kind"]),
            one["text"],
            one["dose"],
            AdviceState(one["state"]),
            one["reason"],
            one["given_by"],
            one["answered_by"],
            _instant(one["answered"]),
        )
        for one in json.loads(document).get("advice", ())
    )


def about(document: str) -> object:
    """The identity in a document, to compare with `identity`."""
    return json.loads(document)["patient"]


def addendum(minutes_digest: str, consult: str, person: int, number: int, author: Attendee, text: str) -> str:
    """The document of an addendum. It names the minutes by their digest, so it belongs to these and no others."""
    return canonical(
        {
            "format": ADDENDUM,
            "minutes": minutes_digest,
            "consult": consult,
            "person": person,
            "number": number,
            "author": {"name": author.name, "unit": author.unit, "staff": author.staff_id},
            "text": text,
        }
    )


def _at(at: datetime | None) -> str | None:
    return None if at is None else moment(at)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text.replace("Z", "+00:00"))
