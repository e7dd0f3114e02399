"""Which worker carries which room, for all web nodes of an installation: leases and heartbeats on the bus."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from foundation.bus import Bus  # a worker that is nobody's but one node's starts without loading Redis

WORKERS = "media.workers"
HEARTBEAT_S = 2.0
WORKER_TTL_S = 7.0
ROOM_TTL_S = 30.0
"""A room that nobody renews is free to be placed anew after this time."""


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker that registered itself. `placement` names this one run of it, `control` is its control address."""

    placement: str
    control: str


class RoomDirectory(Protocol):
    """Where rooms are. A claim is a lease on the room, held in the name of a worker's placement."""

    async def get_or_claim(self, room_id: str, candidate: str) -> str:
        """The placement that holds the room: `candidate` when it was free. Renews the lease either way."""
        ...

    async def holder(self, room_id: str) -> str | None:
        """The placement that holds the room, if one does."""
        ...

    async def renew(self, room_id: str, placement: str) -> bool:
        """Keep a room where it is for another `ROOM_TTL_S`. False when it is somewhere else by now."""
        ...

    async def release(self, room_id: str, placement: str) -> None:
        """Free a room, if that placement holds it still."""
        ...

    async def workers(self) -> list[WorkerRecord]:
        """Workers that registered themselves and live."""
        ...


class BusDirectory:
    """The directory on the installation's bus: in process, or in Redis for a cluster."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def get_or_claim(self, room_id: str, candidate: str) -> str:
        name = _lease(room_id)
        while True:
            holder = await self._bus.holder(name) or candidate
            # Renewing in the holder's name fails only if the room changed hands between the two calls.
            if await self._bus.acquire(name, holder, ROOM_TTL_S):
                return holder

    async def holder(self, room_id: str) -> str | None:
        return await self._bus.holder(_lease(room_id))

    async def renew(self, room_id: str, placement: str) -> bool:
        return await self._bus.acquire(_lease(room_id), placement, ROOM_TTL_S)

    async def release(self, room_id: str, placement: str) -> None:
        await self._bus.release(_lease(room_id), placement)

    async def workers(self) -> list[WorkerRecord]:
        members = (await self._bus.members([WORKERS])).get(WORKERS, {})
        return [WorkerRecord(placement, json.loads(value)["control"]) for placement, value in members.items()]


def _lease(room_id: str) -> str:
    return f"media.room:{room_id}"
