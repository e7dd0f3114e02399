"""The media plane as a web node sees it: workers found, rooms placed, commands sent, events received."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from foundation.errors import Unavailable
from foundation.tasks import Tasks
from media import wire
from media.api import MediaEvent, RoomLost, SubscribeOffer
from media.directory import ROOM_TTL_S, RoomDirectory
from media.errors import FULL_CODE, full, unavailable
from media.events import Events
from media.facts import WorkerFacts
from media.keeper import Keeper
from media.link import WorkerLink
from media.placement import Placement

DISCOVER_S = 1.0
WAIT_FOR_WORKER_S = 2.0
"""How long a command waits for a worker that is just starting again."""
READY_S = 1.0
_REFUSALS = 8
"""Workers that one command asks at most; each that refuses counts as full until it says otherwise."""


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
        self._keepers: dict[str, tuple[Keeper, asyncio.Task[None]]] = {}
        self._links: dict[str, WorkerLink] = {}
        self._rooms: dict[str, str] = {}
        self._given_up: set[str] = set()
        """Placements whose rooms go elsewhere, though the directory may name them for a while yet."""
        self._placement = Placement()
        self._events = Events()
        self._came = asyncio.Condition()

    async def start(self) -> None:
        """Connect to the workers, now and whenever they come back."""
        for address in self._endpoints:
            self._keep(address)
        self._tasks.forever("media discovery", self._discover, pause_s=DISCOVER_S)
        self._tasks.forever("media leases", self._renew, pause_s=ROOM_TTL_S / 3)

    async def publish(
        self, room_id: str, participant_id: str, offer_sdp: str, sources: Mapping[str, str], *, leads: bool = False
    ) -> str:
        result = await self._enter(
            room_id,
            {
                "do": "publish",
                "participant": participant_id,
                "sdp": offer_sdp,
                "sources": dict(sources),
                "leads": leads,
            },
        )
        return str(result["sdp"])

    async def subscribe(self, room_id: str, participant_id: str, *, restart: bool = False) -> SubscribeOffer:
        message = {"do": "subscribe", "participant": participant_id, "restart": restart}
        return wire.read_offer(await self._enter(room_id, message))

    async def view(self, room_id: str, participant_id: str, offer_sdp: str) -> str:
        result = await self._enter(room_id, {"do": "view", "participant": participant_id, "sdp": offer_sdp})
        return str(result["sdp"])

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
        links = list(self._links.values())
        answers = (link.measure(within_s=READY_S) for link in links)
        return any(isinstance(found, WorkerFacts) for found in await asyncio.gather(*answers, return_exceptions=True))

    def fleet(self) -> dict[str, WorkerFacts]:
        """What each linked worker said of itself last, by the name of its run."""
        return {placement: link.facts for placement, link in sorted(self._links.items())}

    async def linked(self, link: WorkerLink, *, again: bool) -> None:
        """See `media.keeper.LinkOwner`."""
        self._links[link.placement] = link
        self._given_up.discard(link.placement)
        if again:
            await self._watch(link)
        async with self._came:
            self._came.notify_all()

    def unlinked(self, link: WorkerLink) -> None:
        """See `media.keeper.LinkOwner`."""
        if self._links.get(link.placement) is link:
            del self._links[link.placement]

    async def lost(self, placement: str) -> None:
        """See `media.keeper.LinkOwner`."""
        self._given_up.add(placement)
        rooms = [room for room, carrier in self._rooms.items() if carrier == placement]
        await asyncio.gather(*(self._lose_room(room_id, placement) for room_id in rooms))

    def event(self, event: MediaEvent) -> None:
        """See `media.keeper.LinkOwner`."""
        self._events.emit(event)

    def ended(self, room_id: str) -> None:
        """See `media.keeper.LinkOwner`."""
        self._rooms.pop(room_id, None)

    async def _enter(self, room_id: str, message: wire.Message) -> Any:
        """Send a command that begins the room if need be."""
        for _ in range(_REFUSALS):
            link = await self._carrier(room_id)
            self._rooms[room_id] = link.placement
            try:
                result = await link.ask({"room": room_id, **message})
            except Unavailable as error:
                if error.code != FULL_CODE:
                    raise
                # The room is not there (any more), and the worker has filled up since it spoke last.
                link.facts = replace(link.facts, admits=False)
                del self._rooms[room_id]
                await self._directory.release(room_id, link.placement)
                continue
            # The room may have ended and begun again while the command was under way.
            self._rooms[room_id] = link.placement
            return result
        raise full()

    async def _found(self, room_id: str) -> WorkerLink | None:
        """The worker that carries the room, which another node may have begun; None when no worker does."""
        placement = self._rooms.get(room_id) or await self._directory.holder(room_id)
        return await self._carrying(room_id) if placement is None else self._links.get(placement)

    async def _carrier(self, room_id: str) -> WorkerLink:
        """The worker that carries the room, or the least busy one that admits it."""
        deadline = asyncio.get_running_loop().time() + WAIT_FOR_WORKER_S
        while True:
            link = self._links.get(self._rooms.get(room_id, "")) or await self._place(room_id)
            if link is not None:
                return link
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                raise self._refusal()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, 0.25)), self._came:
                    await self._came.wait()

    async def _place(self, room_id: str) -> WorkerLink | None:
        holder = await self._directory.holder(room_id)
        if holder is not None:
            if holder in self._links:
                return self._links[holder]
            if not await self._is_gone(holder):
                return None
            await self._directory.release(room_id, holder)
        now = asyncio.get_running_loop().time()
        carrying = await self._carrying(room_id)
        chosen = self._placement.choose(self.fleet(), now) if carrying is None else carrying.placement
        if chosen is None:
            return None
        holder = await self._directory.get_or_claim(room_id, chosen)
        if holder == chosen and carrying is None:
            self._placement.note(chosen, now)
        return self._links.get(holder)

    async def _carrying(self, room_id: str) -> WorkerLink | None:
        """The worker that has a room of which the directory does not know: a Redis that came back empty forgot it.

        Without this question the room would be begun a second time elsewhere, and its people would not meet.
        """
        links = list(self._links.values())
        asked = (link.ask({"do": "watch", "room": room_id}, within_s=READY_S) for link in links)
        told = await asyncio.gather(*asked, return_exceptions=True)
        return next(
            (link for link, one in zip(links, told, strict=True) if isinstance(one, dict) and one["known"]), None
        )

    async def _is_gone(self, placement: str) -> bool:
        if placement in self._given_up:
            return True
        return all(record.placement != placement for record in await self._directory.workers())

    def _refusal(self) -> Unavailable:
        """Why no worker takes the room: all are busy, or none is there (that stays)."""
        staying = [facts for facts in self.fleet().values() if not facts.draining]
        return full() if staying and not any(facts.admits for facts in staying) else unavailable()

    def _keep(self, address: str) -> None:
        keeper = Keeper(address, self._token, self, self._tasks)
        self._keepers[address] = (keeper, self._tasks.start(f"media link {address}", keeper.run()))

    async def _watch(self, link: WorkerLink) -> None:
        """After a break: which rooms are still there, and what has happened in them."""
        for room_id in [room for room, placement in self._rooms.items() if placement == link.placement]:
            with suppress(Unavailable):
                if not (await link.ask({"do": "watch", "room": room_id}))["known"]:
                    await self._lose_room(room_id, link.placement)

    async def _lose_room(self, room_id: str, placement: str) -> None:
        if self._rooms.get(room_id) == placement:
            del self._rooms[room_id]
        self._events.emit(RoomLost(room_id))
        with suppress(Unavailable):  # the lease then runs out by itself
            await self._directory.release(room_id, placement)

    async def _discover(self) -> None:
        with suppress(Unavailable):
            records = await self._directory.workers()
            known = {record.control for record in records} | set(self._endpoints)
            for address in known - self._keepers.keys():
                self._keep(address)
            for address in [address for address, (keeper, _) in self._keepers.items() if keeper.silent]:
                if address not in known:
                    self._keepers.pop(address)[1].cancel()
            self._given_up &= {record.placement for record in records} | set(self._rooms.values())

    async def _renew(self) -> None:
        for room_id, placement in list(self._rooms.items()):
            with suppress(Unavailable):
                if not await self._directory.renew(room_id, placement) and self._rooms.get(room_id) == placement:
                    # Other nodes have given that worker up and begun the room elsewhere: everybody meets there.
                    await self._lose_room(room_id, placement)
