"""Parts of the coordinators' board as it goes over the socket. Its docstrings are printed in `docs/protocol.md`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from consult_rooms.model import Urgency
from signaling.shapes import CONSULT, STRICT, ConsultRef, EntryNumber, StaffRef

SlotRef = Annotated[str, Field(pattern=r"^slo_[0-9a-f]{32}$")]
AppointmentRef = Annotated[str, Field(pattern=r"^apt_[0-9a-f]{32}$")]
ROWS: list[dict[str, Any]] = [
    {
        "consult_id": CONSULT,
        "number": 4,
        "code": "HC-2611-0412",
        "state": "ringing",
        "urgency": "emergency",
        "specialty_id": "spe_0198f3a0a0b17c2d9e0f1a2b3c4d5e6f",
        "specialty": "Thần kinh",
        "facility": "Trạm y tế đặc khu",
        "requester_name": "BS. Nguyễn Thị Lụa",
        "age": 60,
        "sex": "male",
        "question": "Liệt nửa người phải, nói khó từ 40 phút trước",
        "owner_name": "BS. Nguyễn Thị Lụa",
        "coordinator_name": None,
        "specialist_name": None,
        "created_at": "2026-11-23T07:02:10Z",
        "claimed_at": None,
        "starts_at": None,
        "ends_at": None,
        "due_at": "2026-11-23T07:04:10Z",
        "step": "on_call",
        "step_due_at": "2026-11-23T07:02:40Z",
        "ringing": ["BS. Hà"],
        "rung": 2,
        "refused": [{"name": "BS. Khải", "answer": "declined", "reason": "in_procedure"}],
        "notes": 0,
        "note": None,
    }
]
"""Rows of the examples."""


@dataclass(frozen=True, slots=True, config=STRICT)
class BoardAnswerPart:
    """Somebody who was rung and did not take the case."""

    name: str
    """Who."""
    answer: str
    """`declined`, `busy`, `later` or `forwarded`."""
    reason: str | None
    """Why it was declined: `in_procedure`, `in_consult`, `out_of_scope`, `other`."""


@dataclass(frozen=True, slots=True, config=STRICT)
class BoardNotePart:
    """What a coordinator noted last."""

    author_name: str
    """Who."""
    text: str
    """What."""
    at: datetime
    """When."""


@dataclass(frozen=True, slots=True, config=STRICT)
class BoardRowPart:
    """An open request or a running consult on the board. Replaces the row of its `consult_id`."""

    consult_id: ConsultRef
    """The consult."""
    number: EntryNumber
    """Of its last log entry: a row with a lower one is older."""
    code: str
    """What people say on the telephone."""
    state: str
    """`ringing`, `claimed` or `written`."""
    urgency: Urgency
    """`emergency`, `urgent` or `routine`."""
    specialty_id: str
    """Its specialty."""
    specialty: str
    """The specialty's name in the person's language."""
    facility: str
    """Where the patient is."""
    requester_name: str
    """Who asks."""
    age: int | None
    """The patient's age in years, perhaps estimated."""
    sex: str | None
    """`male`, `female` or `other`, as far as it is known."""
    question: str
    """The beginning of the question."""
    owner_name: str
    """Who is accountable now."""
    coordinator_name: str | None
    """Which coordinator took charge of it; null for none."""
    specialist_name: str | None
    """Who took the case."""
    created_at: datetime
    """When it was asked."""
    claimed_at: datetime | None
    """When somebody took the call."""
    starts_at: datetime | None
    """The booked time; null for one that rang."""
    ends_at: datetime | None
    """When the booked time is over: a call that goes on beyond it overruns."""
    due_at: datetime | None
    """By when somebody should take it, or answer it in writing; null once somebody has taken the call."""
    step: str | None
    """The step of the ladder that rings."""
    step_due_at: datetime | None
    """When the next one starts."""
    ringing: list[str]
    """Names of those for whom it rings, the first ones."""
    rung: int
    """How many were rung in all."""
    refused: list[BoardAnswerPart]
    """Who did not take it and why, the last ones."""
    notes: int
    """How many notes coordinators made."""
    note: BoardNotePart | None
    """The last of them."""


@dataclass(frozen=True, slots=True, config=STRICT)
class LaneSlotPart:
    """A slot of today. Of what is booked at a clinic that is not yours, only that it is."""

    slot_id: SlotRef
    """The slot."""
    starts_at: datetime
    """When it begins."""
    ends_at: datetime
    """When it is over."""
    specialty_id: str
    """An appointment moves within its specialty."""
    specialty: str
    """Its name in the person's language."""
    booked: bool
    """Whether somebody has it."""
    consult_id: str | None
    """The consult that is booked there."""
    appointment_id: str | None
    """The appointment; move it by this."""
    version: int | None
    """Of the appointment; send it along."""
    state: str | None
    """The consult's state."""
    urgency: str | None
    """Its urgency."""
    clinic: str | None
    """The clinic that booked it."""
    terminal_id: str | None
    """The clinic's terminal."""
    terminal: str | None
    """The terminal's code and name."""
    displaced: bool
    """Whether the specialist is elsewhere, so that another time is to be chosen."""


@dataclass(frozen=True, slots=True, config=STRICT)
class LanePart:
    """A specialist's day. Replaces the lane of its `specialist_id`; one without slots goes."""

    specialist_id: StaffRef
    """Whose."""
    name: str
    """The name to show."""
    facility: str
    """The hospital."""
    slots: list[LaneSlotPart]
    """By time."""
