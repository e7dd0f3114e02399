"""Carries out what a client sends about drawing. It needs a place in the room, as every event of a room."""

from __future__ import annotations

from consult_rooms.drawings import Drawings, Shape
from consult_rooms.queries import Queries
from foundation.errors import Conflict
from foundation.ids import AttachmentId, ConsultId
from identity.model import Staff
from signaling.connections import Connection
from signaling.drawing_events import Draw, DrawingEvent, Drawn
from signaling.room_members import RoomMembers


class Drawing:
    """Strokes of a room's people."""

    def __init__(self, drawings: Drawings, members: RoomMembers, queries: Queries) -> None:
        self._drawings = drawings
        self._members = members
        self._queries = queries

    async def carry_out(self, connection: Connection, staff: Staff, event: DrawingEvent) -> Drawn:
        """Draw or take back. Raises what `Drawings` does, Conflict `room.not_joined`."""
        consult_id, picture = ConsultId(event.consult_id), AttachmentId(event.attachment_id)
        try:
            self._members.held(connection, consult_id)
        except Conflict:
            await self._queries.consult(staff, consult_id)  # a stranger hears that there is no such consult
            raise
        if isinstance(event, Draw):
            shape = Shape(event.kind, tuple((x, y) for x, y in event.points), event.text)
            stroke = await self._drawings.draw(staff, consult_id, picture, shape, event.client_id)
        else:
            stroke = await self._drawings.undo(staff, consult_id, picture, event.number)
        return Drawn(stroke.number)
