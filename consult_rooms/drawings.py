"""What both sides draw on the pictures of a consult's thread: strokes over the picture, which itself never changes.

Each author's strokes are a layer. A stroke is written once and only taken back by its author; it reaches the room by
the consult's log, and is there to be seen as long as the picture is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, func, select, update

from consult_rooms import bounds
from consult_rooms.attachments import UNKNOWN_ATTACHMENT
from consult_rooms.drawing_tables import strokes
from consult_rooms.log import ConsultLog
from consult_rooms.log_entry import LogKind
from consult_rooms.standing import standing
from consult_rooms.store import ConsultStore
from consult_rooms.thread import READERS, note_of
from consult_rooms.written_tables import attachments
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Forbidden, Invalid, NotFound
from foundation.files import FileKind
from foundation.i18n import N_
from foundation.ids import AttachmentId, ConsultId, StaffId
from identity.model import Staff
from identity.store import Directory

MOST = 400
"""Strokes of one picture at most, those taken back included."""
POINTS = 200
"""Points of one stroke at most."""
SIDE = 10_000
"""Coordinates count from 0 at the left and top edge to this at the other, whatever the picture's size."""
TEXT = 100

UNFIT = N_("This drawing cannot be used.")
TOO_MANY = N_("A picture holds at most %(limit)s strokes.")
NO_STROKE = N_("There is no such stroke on this picture.")
NOT_YOURS = N_("Only who drew a stroke takes it back.")


class StrokeKind(StrEnum):
    """How the points are joined."""

    ARROW = "arrow"
    """Two points; the head is at the second."""
    CIRCLE = "circle"
    """An ellipse in the box between two corners."""
    FREEHAND = "freehand"
    """A line through all points."""
    TEXT = "text"
    """Words that begin at the one point."""


_POINTS = {
    StrokeKind.ARROW: (2, 2),
    StrokeKind.CIRCLE: (2, 2),
    StrokeKind.FREEHAND: (2, POINTS),
    StrokeKind.TEXT: (1, 1),
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What is drawn: points as (x, y), and the words of a text."""

    kind: StrokeKind
    points: tuple[tuple[int, int], ...]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Stroke:
    """One stroke of a picture; `number` counts those of the picture from 1. `undone`: its author took it back."""

    attachment_id: AttachmentId
    number: int
    author_id: StaffId
    author_name: str
    client_id: str
    shape: Shape
    at: datetime
    undone: bool


class Drawings:
    """Draws, takes back and reads. Who may add to the thread draws on its pictures, and who may read it sees that."""

    def __init__(self, database: Database, store: ConsultStore, log: ConsultLog, directory: Directory) -> None:
        self._database = database
        self._store = store
        self._log = log
        self._directory = directory

    async def draw(
        self, staff: Staff, consult_id: ConsultId, attachment_id: AttachmentId, shape: Shape, client_id: str
    ) -> Stroke:
        """Add a stroke; the same `client_id` of one author is one stroke.

        Raises Invalid `stroke.unfit`, Conflict `stroke.too_many`, NotFound `attachment.unknown`, and what `note_of`
        does.
        """
        fit = _fitting(shape)
        own_id = bounds.client_id(client_id)
        async with self._database.transaction() as tx:
            await note_of(tx, self._store, staff, consult_id)
            await self._picture(tx, consult_id, attachment_id)
            of_picture = strokes.c.attachment_id == attachment_id
            mine = of_picture & (strokes.c.author_id == staff.id) & (strokes.c.client_id == own_id)
            known = (await tx.execute(select(strokes.c.number).where(mine))).scalar_one_or_none()
            if known is None:
                last = (await tx.execute(select(func.count()).where(of_picture))).scalar_one()
                if last >= MOST:
                    raise Conflict("stroke.too_many", TOO_MANY, limit=MOST)
                known = last + 1
                told = json.dumps([fit.kind.value, fit.points, fit.text], ensure_ascii=False)
                await tx.execute(
                    strokes.insert().values(
                        attachment_id=attachment_id,
                        number=known,
                        consult_id=consult_id,
                        author_id=staff.id,
                        client_id=own_id,
                        shape_sealed=self._store.sealer.seal_text(told, shape_place(attachment_id, known)),
                        at=await tx.now(),
                    )
                )
                await self._log.append(tx, consult_id, LogKind.DRAWN, staff.id, _data(attachment_id, known, "drawn"))
            return (await self._read(tx, attachment_id, {known}))[0]

    async def undo(self, staff: Staff, consult_id: ConsultId, attachment_id: AttachmentId, number: int) -> Stroke:
        """Take one's own stroke back; it is not shown any more. Again: nothing. Raises Forbidden `stroke.not_yours`."""
        async with self._database.transaction() as tx:
            await note_of(tx, self._store, staff, consult_id)
            await self._picture(tx, consult_id, attachment_id)
            found = await self._read(tx, attachment_id, {number})
            if not found:
                raise NotFound("stroke.unknown", NO_STROKE)
            if found[0].author_id != staff.id:
                raise Forbidden("stroke.not_yours", NOT_YOURS)
            if not found[0].undone:
                one = (strokes.c.attachment_id == attachment_id) & (strokes.c.number == number)
                await tx.execute(update(strokes).where(one).values(undone_at=await tx.now()))
                await self._log.append(tx, consult_id, LogKind.DRAWN, staff.id, _data(attachment_id, number, "undone"))
            return (await self._read(tx, attachment_id, {number}))[0]

    async def each(
        self,
        staff: Staff,
        consult_id: ConsultId,
        attachment_id: AttachmentId,
        numbers: Iterable[int] | None = None,
    ) -> list[Stroke]:
        """The strokes of a picture in order, or those of these numbers. For who may read the thread."""
        async with self._database.reading() as tx:
            place = await standing(tx, self._store, staff, consult_id)
            place.require(*READERS)
            await self._picture(tx, consult_id, attachment_id)
            return await self._read(tx, attachment_id, None if numbers is None else set(numbers))

    async def _picture(self, tx: Transaction, consult_id: ConsultId, attachment_id: AttachmentId) -> None:
        query = select(attachments.c.kind).where(
            attachments.c.id == attachment_id, attachments.c.consult_id == consult_id
        )
        kind = (await tx.execute(query)).scalar_one_or_none()
        if kind is None or not FileKind(kind).is_picture:
            raise NotFound("attachment.unknown", UNKNOWN_ATTACHMENT)

    async def _read(self, tx: Transaction, attachment_id: AttachmentId, numbers: set[int] | None) -> list[Stroke]:
        query = select(strokes).where(strokes.c.attachment_id == attachment_id).order_by(strokes.c.number)
        if numbers is not None:
            query = query.where(strokes.c.number.in_(numbers))
        rows = (await tx.execute(query)).all()
        people = await self._directory.staff_many({row.author_id for row in rows}, tx=tx) if rows else {}
        return [self._stroke(row, people) for row in rows]

    def _stroke(self, row: Row[Any], people: dict[StaffId, Staff]) -> Stroke:
        opened = self._store.sealer.open_text(row.shape_sealed, shape_place(row.attachment_id, row.number))
        kind, points, text = json.loads(opened)
        author = people.get(row.author_id)
        return Stroke(
            attachment_id=row.attachment_id,
            number=row.number,
            author_id=row.author_id,
            author_name="" if author is None else author.full_name,
            client_id=row.client_id,
            shape=Shape(StrokeKind(kind), tuple((x, y) for x, y in points), text),
            at=row.at,
            undone=row.undone_at is not None,
        )


def shape_place(attachment_id: str, number: int) -> str:
    """Where a shape says that it stands (`Sealer.seal`)."""
    return f"strokes.shape:{attachment_id}:{number}"


def _data(attachment_id: AttachmentId, number: int, change: str) -> dict[str, str | int | float | bool | None]:
    return {"attachment": attachment_id, "stroke": number, "change": change}


def _fitting(shape: Shape) -> Shape:
    least, most = _POINTS[shape.kind]
    inside = all(0 <= place <= SIDE for point in shape.points for place in point)
    text = bounds.text(shape.text, TEXT, "text", empty=False) if shape.kind is StrokeKind.TEXT else ""
    if not least <= len(shape.points) <= most or not inside:
        raise Invalid("stroke.unfit", UNFIT, field="points")
    return Shape(shape.kind, shape.points, text)
