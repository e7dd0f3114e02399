"""Who is signed in with a living socket, and who of them is in a consult. A board of the bus, a sheet a node.

A socket's own pings tell its node within 10 s that the line is dead; the node's lease (`foundation.boards`) tells the
others within 8 s that the node is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from foundation.boards import Board
from foundation.bus import Bus
from foundation.ids import ConsultId, StaffId


class Presence:
    """The board `presence` has one entry a person and node: the room of each of that person's sockets, or ""."""

    def __init__(self, bus: Bus) -> None:
        self._board = Board(bus, "presence")
        self._sockets: dict[StaffId, dict[str, str]] = {}

    async def beat(self, staff_id: StaffId, socket_id: str, consult_id: ConsultId | None = None) -> None:
        """This socket lives; `consult_id` while it is in that consult's room."""
        self._sockets.setdefault(staff_id, {})[socket_id] = consult_id or ""
        await self._tell(staff_id)

    async def gone(self, staff_id: StaffId, socket_id: str) -> None:
        """This socket has closed."""
        sockets = self._sockets.get(staff_id)
        if sockets is None or sockets.pop(socket_id, None) is None:
            return
        if not sockets:
            del self._sockets[staff_id]
        await self._tell(staff_id)

    async def keep(self) -> None:
        """Renew this node's lease; call it every `boards.KEEP_S`."""
        await self._board.keep()

    async def online(self, staff_ids: Iterable[StaffId]) -> set[StaffId]:
        """Those of them with a living socket. Raises Unavailable("bus.unavailable")."""
        return {StaffId(staff_id) for staff_id in await self._board.read(staff_ids)}

    async def in_consult(self, staff_ids: Iterable[StaffId]) -> dict[StaffId, ConsultId]:
        """Those of them who are in a room now, with its consult. Raises Unavailable("bus.unavailable")."""
        rooms = {
            staff_id: [room for sheet in sheets for room in json.loads(sheet) if room]
            for staff_id, sheets in (await self._board.read(staff_ids)).items()
        }
        return {StaffId(staff_id): ConsultId(found[0]) for staff_id, found in rooms.items() if found}

    async def _tell(self, staff_id: StaffId) -> None:
        sockets = self._sockets.get(staff_id)
        if sockets is None:
            await self._board.take(staff_id)
        else:
            await self._board.put(staff_id, json.dumps(sorted(set(sockets.values()))))
