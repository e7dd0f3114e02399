"""One control address and whoever answers there: linked, measured, linked again, and given up when it is gone."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from foundation.tasks import Tasks
from media import wire
from media.api import MediaEvent
from media.link import WorkerLink

log = logging.getLogger(__name__)

_RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)


class LinkOwner(Protocol):
    """Who is told what becomes of links."""

    async def linked(self, link: WorkerLink, *, again: bool) -> None:
        """A link is up; `again`: to the same run of a worker, whose rooms were not given up."""
        ...

    def unlinked(self, link: WorkerLink) -> None:
        """That link is down."""
        ...

    async def lost(self, placement: str) -> None:
        """That run of a worker is gone, or hangs: its rooms have to go elsewhere."""
        ...

    def event(self, event: MediaEvent) -> None:
        """The worker said something of a room."""
        ...

    def ended(self, room_id: str) -> None:
        """A room has ended."""
        ...


class Keeper:
    """Holds a link to one address for as long as `run` runs.

    A worker whose process ends is lost as soon as a new connection is refused, which is at once; one that hangs when
    it has missed its pings (`media.link.MISSED`).
    """

    def __init__(self, address: str, token: str, owner: LinkOwner, tasks: Tasks) -> None:
        self._address = address
        self._token = token
        self._owner = owner
        self._tasks = tasks
        self.silent = False
        """Whether nobody answers here, and whoever did has been given up."""

    async def run(self) -> None:
        """Keep the link, for ever."""
        before: str | None = None
        failures = 0
        while True:
            try:
                link = await WorkerLink.open(self._address, self._token)
            except (OSError, TimeoutError, wire.WireError) as error:
                if isinstance(error, wire.WireError):
                    log.warning("a media worker refused this node: %s", error)
                if before is not None:
                    await self._owner.lost(before)
                    before = None
                self.silent = True
                await asyncio.sleep(_RETRY_S[min(failures, len(_RETRY_S) - 1)])
                failures += 1
                continue
            failures = 0
            self.silent = False
            if before is not None and before != link.placement:
                await self._owner.lost(before)
            await self._serve(link, again=before == link.placement)
            before = link.placement
            if link.hung:
                log.warning("the media worker at %s does not answer any more", self._address)
                await self._owner.lost(before)
                before = None

    async def _serve(self, link: WorkerLink, *, again: bool) -> None:
        watching: asyncio.Task[None] | None = None
        try:
            running = self._tasks.start("media events", link.run(self._owner.event, self._owner.ended))
            watching = self._tasks.start("media pings", link.watch())
            await self._owner.linked(link, again=again)
            await running
        finally:
            link.close()
            if watching is not None:
                watching.cancel()
            self._owner.unlinked(link)
