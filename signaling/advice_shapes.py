"""Items of advice as events and acknowledgements carry them. Printed in `docs/protocol.md`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from consult_rooms.advice_model import AdviceItem, AdviceKind, AdviceState
from signaling.shapes import CONSULT, STRICT, ConsultRef

AdviceRef = Annotated[str, Field(pattern=r"^adv_[0-9a-f]{32}$")]


@dataclass(frozen=True, slots=True, config=STRICT)
class AdvicePart:
    """One item of the specialist's advice, as it stands."""

    advice_id: AdviceRef
    """The item."""
    number: int
    """Its number in the consult, from 1."""
    person: int
    """Which of the consult's patients it is about; 0: whom it was asked for."""
    version: int
    """Grows with each change: a lower one than yours is old."""
    kind: AdviceKind
    """`action`, `drug`, `test`, `referral` or `watch` (what to watch for)."""
    text: str
    """What to do."""
    dose: str
    """A drug's dose; empty for everything else."""
    state: AdviceState
    """What the clinic answered: `open` (nothing yet), `will_do`, `cannot`, `done`; or `withdrawn` by the specialist."""
    reason: str
    """Why it cannot be done; otherwise empty."""
    author_name: str
    """Who gave it."""
    changed_by_name: str
    """Who made this version."""
    changed_at: datetime
    """When."""


@dataclass(frozen=True, slots=True, config=STRICT)
class Advice:
    """Items of advice that are new or changed, in a room that you are in; not sent to observers.

    They are written by plain HTTP, on the consult's page or in the room, and come to both sides at once; after the
    call as well, by the hint `consult`.
    """

    consult_id: ConsultRef
    """The room."""
    items: list[AdvicePart]
    """Each replaces the one of the same `advice_id`."""
    name: ClassVar[str] = "advice"
    example: ClassVar[dict[str, Any]] = {
        "consult_id": CONSULT,
        "items": [
            {
                "advice_id": "adv_0198f3a1e6f7708192a3b4c5d6e7f809",
                "number": 1,
                "person": 0,
                "version": 2,
                "kind": "drug",
                "text": "Aspirin",
                "dose": "300 mg, uống ngay",
                "state": "cannot",
                "reason": "Trạm không có aspirin",
                "author_name": "BS. Hà",
                "changed_by_name": "BS. Nguyễn Thị Lụa",
                "changed_at": "2026-11-23T07:05:10Z",
            }
        ],
    }


def advice_part(item: AdviceItem) -> AdvicePart:
    """An item as the protocol says it."""
    return AdvicePart(
        advice_id=item.id,
        number=item.number,
        person=item.person,
        version=item.version,
        kind=item.kind,
        text=item.text,
        dose=item.dose,
        state=item.state,
        reason=item.reason,
        author_name=item.author_name,
        changed_by_name=item.changed_by_name,
        changed_at=item.changed_at,
    )
