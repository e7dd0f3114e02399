"""Who is signed in with a living socket, and who of them is in a consult. Leases on the bus, fed by heartbeats."""

from __future__ import annotations

from collections.abc import Iterable

from foundation.bus import Bus
from foundation.ids import ConsultId, StaffId

TTL_S = 30.0
"""A person whose sockets were silent for this long is offline. Sockets beat every 10 s."""


class Presence:
    """The group `presence:<staff id>` has one member a socket; its value is the consult in whose room it is."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def beat(self, staff_id: StaffId, socket_id: str, consult_id: ConsultId | None = None) -> None:
        """This socket lives; `consult_id` while it is in that consult's room."""
        await self._bus.beat(f"presence:{staff_id}", socket_id, TTL_S, consult_id or "")

    async def gone(self, staff_id: StaffId, socket_id: str) -> None:
        """This socket has closed."""
        await self._bus.drop(f"presence:{staff_id}", socket_id)

    async def online(self, staff_ids: Iterable[StaffId]) -> set[StaffId]:
        """Those of them with a living socket. Raises Unavailable("bus.unavailable")."""
        return set(await self._sockets(staff_ids))

    async def in_consult(self, staff_ids: Iterable[StaffId]) -> dict[StaffId, ConsultId]:
        """Those of them who are in a room now, with its consult. Raises Unavailable("bus.unavailable")."""
        return {
            staff_id: ConsultId(next(room for room in rooms if room))
            for staff_id, rooms in (await self._sockets(staff_ids)).items()
            if any(rooms)
        }

    async def _sockets(self, staff_ids: Iterable[StaffId]) -> dict[StaffId, list[str]]:
        asked = {f"presence:{staff_id}": staff_id for staff_id in staff_ids}
        if not asked:
            return {}
        living = await self._bus.members(asked)
        return {asked[group]: list(sockets.values()) for group, sockets in living.items()}
