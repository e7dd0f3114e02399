"""Hints and presence between nodes. Nothing on the bus is the truth: the database is.

`publish` carries hints (an id, a number), which may be lost; readers also look for themselves. A group's members are
those that have beaten lately: presence, live workers, leases. `MemoryBus` serves one process, `redis_bus` many.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Protocol

from foundation.clock import Clock

Hint = Mapping[str, str | int]
QUEUE = 10_000
"""Hints that wait for one subscriber at most; the oldest go first, since a hint may be lost."""


class Bus(Protocol):
    """What nodes tell each other."""

    def subscribe(self, topic: str) -> AbstractAsyncContextManager[AsyncIterator[Hint]]:
        """Hints of a topic from the moment the block is entered."""
        ...

    async def publish(self, topic: str, hint: Hint) -> None:
        """Send a hint to every subscriber on every node. Best effort: never raises for a broken bus."""
        ...

    async def beat(self, group: str, member: str, ttl_s: float, value: str = "") -> None:
        """Be a member of the group for `ttl_s` from now, with a value that others may read."""
        ...

    async def drop(self, group: str, member: str) -> None:
        """Leave the group now."""
        ...

    async def members(self, groups: Iterable[str]) -> dict[str, dict[str, str]]:
        """The living members of each group with their values; a group without members is absent."""
        ...

    async def note(
        self, board: str, holder: str, ttl_s: float, changes: Mapping[str, str | None], *, whole: bool = False
    ) -> bool:
        """Change entries of the holder's sheet of a board (None strikes out) and keep the sheet for `ttl_s` from now.

        With `whole` the sheet is written anew. Without, False when the sheet has run out: then nothing is written.
        """
        ...

    async def look(self, board: str, entries: Iterable[str]) -> dict[str, list[str]]:
        """What the living sheets of a board say of these entries; those of which none says anything are absent."""
        ...

    async def acquire(self, name: str, holder: str, ttl_s: float) -> bool:
        """Take a lease, or renew one's own. False while somebody else holds it."""
        ...

    async def release(self, name: str, holder: str) -> None:
        """Give a lease back, when it is still one's own."""
        ...

    async def holder(self, name: str) -> str | None:
        """Who holds the lease now."""
        ...

    async def ready(self) -> bool:
        """Whether the bus answers."""
        ...

    async def close(self) -> None:
        """End all subscriptions."""
        ...


def offer(queue: asyncio.Queue[Hint], hint: Hint) -> None:
    """Put a hint into a subscriber's queue; a full queue loses its oldest."""
    if queue.full():
        with suppress(asyncio.QueueEmpty):
            queue.get_nowait()
    queue.put_nowait(hint)


async def drain(queue: asyncio.Queue[Hint]) -> AsyncIterator[Hint]:
    """A subscriber's hints as they come."""
    while True:
        yield await queue.get()


class MemoryBus:
    """The bus of a single process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queues: dict[str, set[asyncio.Queue[Hint]]] = defaultdict(set)
        self._groups: dict[str, dict[str, tuple[float, str]]] = defaultdict(dict)
        self._leases: dict[str, tuple[str, float]] = {}
        self._boards: dict[str, dict[str, tuple[float, dict[str, str]]]] = defaultdict(dict)

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncIterator[AsyncIterator[Hint]]:
        queue: asyncio.Queue[Hint] = asyncio.Queue(QUEUE)
        self._queues[topic].add(queue)
        try:
            yield drain(queue)
        finally:
            self._queues[topic].discard(queue)

    async def publish(self, topic: str, hint: Hint) -> None:
        for queue in self._queues.get(topic, ()):
            offer(queue, hint)

    async def beat(self, group: str, member: str, ttl_s: float, value: str = "") -> None:
        self._groups[group][member] = (self._clock.monotonic() + ttl_s, value)

    async def drop(self, group: str, member: str) -> None:
        members = self._groups.get(group, {})
        members.pop(member, None)
        if not members:
            self._groups.pop(group, None)

    async def members(self, groups: Iterable[str]) -> dict[str, dict[str, str]]:
        now = self._clock.monotonic()
        found = {}
        for group in groups:
            living = {m: entry for m, entry in self._groups.get(group, {}).items() if entry[0] > now}
            if living:
                self._groups[group] = living
                found[group] = {member: value for member, (_, value) in living.items()}
            else:
                self._groups.pop(group, None)
        return found

    async def note(
        self, board: str, holder: str, ttl_s: float, changes: Mapping[str, str | None], *, whole: bool = False
    ) -> bool:
        now = self._clock.monotonic()
        until, sheet = self._boards[board].get(holder, (0.0, {}))
        if whole:
            sheet = {}
        elif until <= now:
            return False
        for entry, value in changes.items():
            if value is None:
                sheet.pop(entry, None)
            else:
                sheet[entry] = value
        self._boards[board][holder] = (now + ttl_s, sheet)
        return True

    async def look(self, board: str, entries: Iterable[str]) -> dict[str, list[str]]:
        now = self._clock.monotonic()
        living = [sheet for until, sheet in self._boards[board].values() if until > now]
        found = {entry: [sheet[entry] for sheet in living if entry in sheet] for entry in entries}
        return {entry: values for entry, values in found.items() if values}

    async def acquire(self, name: str, holder: str, ttl_s: float) -> bool:
        now = self._clock.monotonic()
        owner, until = self._leases.get(name, (holder, 0.0))
        if owner != holder and until > now:
            return False
        self._leases[name] = (holder, now + ttl_s)
        return True

    async def release(self, name: str, holder: str) -> None:
        if self._leases.get(name, ("", 0.0))[0] == holder:
            del self._leases[name]

    async def holder(self, name: str) -> str | None:
        owner, until = self._leases.get(name, (None, 0.0))
        return owner if until > self._clock.monotonic() else None

    async def ready(self) -> bool:
        return True

    async def close(self) -> None:
        self._queues.clear()
