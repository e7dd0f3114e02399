"""Cuts the sockets and the media of sign-ins that have ended, within `LOOK_S` even when no hint arrives."""

from __future__ import annotations

import logging

from foundation.bus import Bus
from foundation.clock import Clock
from foundation.errors import HoichanError
from foundation.ids import SessionId
from identity.sessions import TOPIC, Sessions
from signaling.connections import Connection, Connections, Outlet
from signaling.room_members import RoomMembers
from signaling.server_events import SessionEnded
from signaling.signs_of_life import SignsOfLife

log = logging.getLogger(__name__)

LOOK_S = 3.0
TOUCH_S = 30.0


class SessionWatch:
    """Asks after the sign-ins behind the sockets of this node, and keeps those in a room from idling out."""

    def __init__(
        self,
        sessions: Sessions,
        connections: Connections,
        outlet: Outlet,
        members: RoomMembers,
        signs: SignsOfLife,
        bus: Bus,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._connections = connections
        self._outlet = outlet
        self._members = members
        self._signs = signs
        self._bus = bus
        self._clock = clock
        self._touched_at = clock.monotonic()

    async def look(self) -> None:
        """Cut what has ended; a person in a room is not idle."""
        sockets = self._connections.all()
        living = await self._sessions.living({connection.session_id for connection in sockets})
        for connection in sockets:
            if connection.session_id not in living:
                await self.end(connection, "ended")
        if self._clock.monotonic() - self._touched_at >= TOUCH_S:
            self._touched_at = self._clock.monotonic()
            await self._sessions.touch({connection.session_id for connection in self._members.present()})

    async def listen(self) -> None:
        """Follow hints, for ever."""
        async with self._bus.subscribe(TOPIC) as hints:
            async for hint in hints:
                for connection in self._connections.of_session(SessionId(str(hint["session"]))):
                    await self.end(connection, str(hint.get("reason", "ended")))

    async def end(self, connection: Connection, reason: str) -> None:
        """Out of every room at once, without the grace of a broken line, then off."""
        # Forgotten first: whatever fails below, nothing is carried out for this socket any more.
        self._connections.remove(connection)
        for member in self._members.of(connection):
            try:
                await self._members.leave(member)
            except HoichanError as error:
                log.warning("a leave was not logged: %s", error.code)
        await self._signs.gone(connection)
        await self._outlet.send(connection, SessionEnded(reason))
        await self._outlet.cut(connection)
