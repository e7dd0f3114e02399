"""Drawing on the pictures of a room: what a client sends, what comes to everyone. Printed in `docs/protocol.md`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from consult_rooms.drawings import MOST, POINTS, SIDE, TEXT, Stroke, StrokeKind
from signaling.shapes import CONSULT, STAFF, STRICT, ClientKey, ConsultRef, StaffRef

AttachmentRef = Annotated[str, Field(pattern=r"^att_[0-9a-f]{32}$")]
Place = Annotated[int, Field(ge=0, le=SIDE)]
Point = Annotated[list[Place], Field(min_length=2, max_length=2)]
Points = Annotated[list[Point], Field(min_length=1, max_length=POINTS)]
StrokeNumber = Annotated[int, Field(ge=1, le=MOST)]
PICTURE = "att_0198f3a1e6f7708192a3b4c5d6e7f809"


@dataclass(frozen=True, slots=True, config=STRICT)
class StrokePart:
    """One stroke over a picture."""

    attachment_id: AttachmentRef
    """The picture."""
    number: StrokeNumber
    """Its number on this picture, from 1."""
    author_id: StaffRef
    """Who drew it: a layer of its own."""
    author_name: str
    """The name to show."""
    client_id: str
    """The key of the author's client: drop what you already show."""
    kind: StrokeKind
    """`arrow`, `circle`, `freehand` or `text`."""
    points: Points
    """(x, y), each from 0 at the left and top edge to 10,000 at the other."""
    text: str
    """The words of a text; empty for everything else."""
    at: datetime
    """When it was drawn."""
    undone: bool
    """Whether its author took it back: show it no longer."""


@dataclass(frozen=True, slots=True, config=STRICT)
class Drawn:
    """The stroke is kept. Sending it again gives the same number."""

    number: StrokeNumber
    """Its number on the picture."""
    example: ClassVar[dict[str, Any]] = {"number": 3}


@dataclass(frozen=True, slots=True, config=STRICT)
class Draw:
    """Draw on a picture of the room's thread. It comes back to everyone in the room as `strokes`. Observers may not."""

    consult_id: ConsultRef
    """The room."""
    attachment_id: AttachmentRef
    """The picture, by the id of its attachment."""
    kind: StrokeKind
    """`arrow` (two points, the head at the second), `circle` (the corners of its box), `freehand`, `text` (one)."""
    points: Points
    """(x, y), each from 0 at the left and top edge to 10,000 at the other."""
    client_id: ClientKey
    """Random; repeat it when trying again: the stroke is kept once."""
    text: Annotated[str, Field(max_length=TEXT)] = ""
    """The words of a text."""
    name: ClassVar[str] = "draw"
    ack: ClassVar[type[Drawn]] = Drawn
    example: ClassVar[dict[str, Any]] = {
        "consult_id": CONSULT,
        "attachment_id": PICTURE,
        "kind": "arrow",
        "points": [[1200, 800], [4300, 5100]],
        "client_id": "str-7d20f1",
    }


@dataclass(frozen=True, slots=True, config=STRICT)
class UndoStroke:
    """Take a stroke of your own back."""

    consult_id: ConsultRef
    """The room."""
    attachment_id: AttachmentRef
    """The picture."""
    number: StrokeNumber
    """The stroke."""
    name: ClassVar[str] = "undo_stroke"
    ack: ClassVar[type[Drawn]] = Drawn
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT, "attachment_id": PICTURE, "number": 3}


@dataclass(frozen=True, slots=True, config=STRICT)
class Strokes:
    """Strokes that are new or were taken back, in a room that you are in, your own included. What was drawn before
    stands at `GET /consults/{consult_id}/attachments/{attachment_id}/strokes`."""

    consult_id: ConsultRef
    """The room."""
    strokes: list[StrokePart]
    """Each replaces the one of the same picture and number."""
    name: ClassVar[str] = "strokes"
    example: ClassVar[dict[str, Any]] = {
        "consult_id": CONSULT,
        "strokes": [
            {
                "attachment_id": PICTURE,
                "number": 3,
                "author_id": STAFF,
                "author_name": "BS. Hà",
                "client_id": "str-7d20f1",
                "kind": "arrow",
                "points": [[1200, 800], [4300, 5100]],
                "text": "",
                "at": "2026-11-23T07:06:10Z",
                "undone": False,
            }
        ],
    }


DrawingEvent = Draw | UndoStroke


def stroke_part(stroke: Stroke) -> StrokePart:
    """A stroke as the protocol says it."""
    return StrokePart(
        attachment_id=stroke.attachment_id,
        number=stroke.number,
        author_id=stroke.author_id,
        author_name=stroke.author_name,
        client_id=stroke.client_id,
        kind=stroke.shape.kind,
        points=[list(point) for point in stroke.shape.points],
        text=stroke.shape.text,
        at=stroke.at,
        undone=stroke.undone,
    )
