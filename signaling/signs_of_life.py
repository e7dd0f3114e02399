"""What the sockets of this node say to the others of being there: people, the rooms they are in, terminals."""

from __future__ import annotations

import logging

from consult_rooms.presence import Presence
from foundation.errors import Conflict, Unavailable
from foundation.i18n import N_
from identity.fleet import Fleet, Report
from signaling.connections import Connection
from signaling.room_members import RoomMembers

log = logging.getLogger(__name__)


class SignsOfLife:
    """That the bus is down is no reason to refuse a person anything: it is logged, and told later."""

    def __init__(self, presence: Presence, fleet: Fleet, members: RoomMembers) -> None:
        self._presence = presence
        self._fleet = fleet
        self._members = members

    async def beat(self, connection: Connection) -> None:
        """This socket lives, in the room that it is in."""
        if connection.home is None:
            return  # it has closed meanwhile
        if connection.terminal_id is not None:
            self._fleet.came(connection.terminal_id, connection.id)
        held = self._members.of(connection)
        room_of = held[0].participant.consult_id if held else None
        try:
            await self._presence.beat(connection.staff_id, connection.id, room_of)
        except Unavailable:
            log.warning("the bus is down; a socket's person is not seen as online")

    async def gone(self, connection: Connection) -> None:
        """This socket has closed, or its sign-in has ended."""
        if connection.terminal_id is not None:
            self._fleet.gone(connection.terminal_id, connection.id)
        try:
            await self._presence.gone(connection.staff_id, connection.id)
        except Unavailable:
            log.warning("the bus is down; a person stays online until the lease runs out")

    def report(self, connection: Connection, report: Report) -> None:
        """What a terminal says of itself. Raises Conflict("terminal.none") where the sign-in is at none."""
        if connection.terminal_id is None:
            raise Conflict("terminal.none", NO_TERMINAL)
        self._fleet.told(connection.terminal_id, report)


NO_TERMINAL = N_("You did not sign in at a terminal of a clinic.")
