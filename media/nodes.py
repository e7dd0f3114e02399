"""The media plane as a web node sees it: workers found, rooms placed, commands sent, events received."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from foundation.errors import Unavailable
from foundation.tasks import Tasks
from media import wire
from media.api import MediaEvent, RoomLost, SubscribeOffer
from media.directory import ROOM_TTL_S, RoomDirectory
from media.errors import unavailable
from media.events import Events
from media.link import WorkerLink

log = logging.getLogger(__name__)

DISCOVER_S = 1.0
PING_S = 2.0
WAIT_FOR_WORKER_S = 2.0
"""How long a command waits for a worker that is just starting again."""
_RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)


class WorkerNodes:
    """`media.api.MediaNodes` over one or more workers.

    `endpoints` are control addresses known beforehand (`unix:PATH`, `tcp:HOST:PORT`), as of a child process; workers of
    a cluster are found in the directory. `start` begins, and `tasks.close` ends it.
    """

    def __init__(self, directory: RoomDirectory, tasks: Tasks, token: str, endpoints: Sequence[str] = ()) -> None:
        self._directory = directory
        self._tasks = tasks
        self._token = token
        self._endpoints = tuple(endpoints)
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._silent: set[str] = set()
        """Control addresses where nobody answers, and whose rooms have been given up."""
        self._links: dict[str, WorkerLink] = {}
        self._rooms: dict[str, str] = {}
        self._events = Events()
        self._came = asyncio.Condition()

    async def start(self) -> None:
        """Connect to the workers, now and whenever they come back."""
        for address in self._endpoints:
            self._keepers[address] = self._tasks.start(f"media link {address}", self._keep(address))
        self._tasks.forever("media discovery", self._discover, pause_s=DISCOVER_S)
        self._tasks.forever("media measuring", self._measure, pause_s=PING_S)
        self._tasks.forever("media leases", self._renew, pause_s=ROOM_TTL_S / 3)

    async def publish(self, room_id: str, participant_id: str, offer_sdp: str, sources: Mapping[str, str]) -> str:
        result = await self._enter(
            room_id,
            {"do": "publish", "participant": participant_id, "sdp": offer_sdp, "sources": dict(sources)},
        )
        return str(result["sdp"])

    async def subscribe(self, room_id: str, participant_id: str) -> SubscribeOffer:
        return wire.read_offer(await self._enter(room_id, {"do": "subscribe", "participant": participant_id}))

    async def answer(self, room_id: str, participant_id: str, answer_sdp: str, revision: int) -> None:
        link = await self._carrier(room_id)
        message = {"participant": participant_id, "sdp": answer_sdp, "revision": revision}
        await link.ask({"do": "answer", "room": room_id, **message})

    async def prefer(self, room_id: str, participant_id: str, heights: Mapping[str, int]) -> None:
        if (link := await self._found(room_id)) is not None:
            message = {"participant": participant_id, "heights": dict(heights)}
            await link.ask({"do": "prefer", "room": room_id, **message})

    async def remove(self, room_id: str, participant_id: str) -> None:
        if (link := await self._found(room_id)) is not None:
            await link.ask({"do": "remove", "room": room_id, "participant": participant_id})

    async def close_room(self, room_id: str) -> None:
        if (link := await self._found(room_id)) is not None:
            await link.ask({"do": "close", "room": room_id})
            self._rooms.pop(room_id, None)

    def events(self) -> AsyncIterator[MediaEvent]:
        return self._events.listen()

    async def ready(self) -> bool:
        for link in [link for link in self._links.values() if link.admits][:1]:
            with suppress(Unavailable):
                link.facts = await link.ask({"do": "ping"}, within_s=1.0)
                return link.admits
        return False

    async def _enter(self, room_id: str, message: wire.Message) -> Any:
        """Send a command that begins the room if need be."""
        link = await self._carrier(room_id)
        self._rooms[room_id] = link.placement
        result = await link.ask({"room": room_id, **message})
        # The room may have ended and begun again while the command was under way.
        self._rooms[room_id] = link.placement
        return result

    async def _found(self, room_id: str) -> WorkerLink | None:
        """The worker that carries the room, which another node may have begun; None when no worker does."""
        placement = self._rooms.get(room_id) or await self._directory.holder(room_id)
        return self._links.get(placement or "")

    async def _carrier(self, room_id: str) -> WorkerLink:
        """The worker that carries the room, or the least loaded one that admits it."""
        deadline = asyncio.get_running_loop().time() + WAIT_FOR_WORKER_S
        while True:
            link = self._links.get(self._rooms.get(room_id, "")) or await self._place(room_id)
            if link is not None:
                return link
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                raise unavailable()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, 0.25)), self._came:
                    await self._came.wait()

    async def _place(self, room_id: str) -> WorkerLink | None:
        admitting = [link for link in self._links.values() if link.admits]
        if not admitting:
            return None
        candidate = min(admitting, key=lambda link: link.load)
        holder = await self._directory.get_or_claim(room_id, candidate.placement)
        if holder in self._links:
            return self._links[holder]
        if all(record.placement != holder for record in await self._directory.workers()):
            await self._directory.release(room_id, holder)  # that worker is gone
        return None

    async def _keep(self, address: str) -> None:
        """Hold a link to one worker for as long as it is known."""
        before: WorkerLink | None = None
        failures = 0
        while True:
            try:
                link = await WorkerLink.open(address, self._token)
            except (OSError, TimeoutError, wire.WireError) as error:
                if isinstance(error, wire.WireError):
                    log.warning("a media worker refused this node: %s", error)
                if before is not None:
                    await self._lose(before.placement)
                    before = None
                self._silent.add(address)
                await asyncio.sleep(_RETRY_S[min(failures, len(_RETRY_S) - 1)])
                failures += 1
                continue
            failures = 0
            self._silent.discard(address)
            if before is not None and before.placement != link.placement:
                await self._lose(before.placement)
            again = before is not None and before.placement == link.placement
            self._links[link.placement] = link
            try:
                running = self._tasks.start("media events", link.run(self._events.emit, self._ended))
                if again:
                    await self._watch(link)
                async with self._came:
                    self._came.notify_all()
                await running
            finally:
                link.close()
                if self._links.get(link.placement) is link:
                    del self._links[link.placement]
            before = link

    async def _watch(self, link: WorkerLink) -> None:
        """After a break: which rooms are still there, and what has happened in them."""
        for room_id in [room for room, placement in self._rooms.items() if placement == link.placement]:
            with suppress(Unavailable):
                if not (await link.ask({"do": "watch", "room": room_id}))["known"]:
                    await self._lose_room(room_id, link.placement)

    async def _lose(self, placement: str) -> None:
        for room_id in [room for room, carrier in self._rooms.items() if carrier == placement]:
            await self._lose_room(room_id, placement)

    async def _lose_room(self, room_id: str, placement: str) -> None:
        if self._rooms.get(room_id) == placement:
            del self._rooms[room_id]
        with suppress(Unavailable):  # the lease then runs out by itself
            await self._directory.release(room_id, placement)
        self._events.emit(RoomLost(room_id))

    def _ended(self, room_id: str) -> None:
        self._rooms.pop(room_id, None)

    async def _discover(self) -> None:
        with suppress(Unavailable):
            known = {record.control for record in await self._directory.workers()} | set(self._endpoints)
            for address in known - self._keepers.keys():
                self._keepers[address] = self._tasks.start(f"media link {address}", self._keep(address))
            for address in self._silent - known:
                self._silent.discard(address)
                self._keepers.pop(address).cancel()

    async def _measure(self) -> None:
        for link in list(self._links.values()):
            with suppress(Unavailable):
                link.facts = await link.ask({"do": "ping"})

    async def _renew(self) -> None:
        for room_id, placement in list(self._rooms.items()):
            with suppress(Unavailable):
                await self._directory.renew(room_id, placement)
