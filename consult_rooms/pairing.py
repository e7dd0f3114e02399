"""What passes between those who are rung, those who ask, and those who hold a case: four services under one name."""

from __future__ import annotations

from dataclasses import dataclass

from consult_rooms.answers import Answers
from consult_rooms.handovers import Handovers
from consult_rooms.inquiries import Inquiries
from consult_rooms.leases import Leases


@dataclass(frozen=True, slots=True)
class Pairing:
    """Everything after the ring, for the edges."""

    answers: Answers
    inquiries: Inquiries
    leases: Leases
    handovers: Handovers
