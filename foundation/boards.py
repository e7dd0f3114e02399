"""What one process tells of many things at once: who is signed in here, which terminals are. A sheet of a shared board.

The whole sheet lives by one lease, renewed every `KEEP_S` however much stands on it: ten thousand sockets cost the bus
no more than ten. Only what changes is written. A node that dies loses its sheet when the lease runs out; a bus that
lost it (Redis restarted empty) is given the whole of it again at the next renewal.
"""

from __future__ import annotations

import logging
from asyncio import Lock
from collections.abc import Iterable
from uuid import uuid4

from foundation.bus import Bus
from foundation.errors import Unavailable

log = logging.getLogger(__name__)

TTL_S = 8.0
"""How long a sheet outlives its node: with a missed renewal or two, what is read is true within 10 s."""
KEEP_S = 2.5
"""Between renewals."""


class Board:
    """This process's sheet of the board `name`, and the way to read all sheets."""

    def __init__(self, bus: Bus, name: str) -> None:
        self._bus = bus
        self._name = name
        self._holder = uuid4().hex
        self._values: dict[str, str] = {}
        self._whole = False
        """Whether the bus holds all of the sheet, as far as is known here."""
        self._gathered: dict[str, str | None] = {}
        """Changes that wait for the write before them."""
        self._asked = 0
        """How many writes were asked for."""
        self._done = 0
        """Of these, how many the bus has: one write serves all that were asked for before it began."""
        self._writing = Lock()

    async def put(self, entry: str, value: str) -> None:
        """Write an entry; what stands there already costs nothing. Raises Unavailable("bus.unavailable").

        It is kept in any case, and reaches the bus with a later renewal.
        """
        if self._values.get(entry) == value and self._whole:
            return
        self._values[entry] = value
        await self._write({entry: value})

    async def take(self, entry: str) -> None:
        """Strike an entry out. Raises Unavailable("bus.unavailable"); see `put`."""
        if self._values.pop(entry, None) is not None:
            await self._write({entry: None})

    def later(self, entry: str, value: str | None) -> None:
        """Write an entry with the next renewal, or with what is written before; None strikes it out."""
        if value is None:
            self._values.pop(entry, None)
        else:
            self._values[entry] = value
        self._gathered[entry] = value

    async def keep(self) -> None:
        """Renew the lease; call it every `KEEP_S`. A bus that is down is logged."""
        try:
            await self._write(None)
        except Unavailable:
            log.warning("the bus is down; board %s is not seen by other nodes", self._name)

    async def read(self, entries: Iterable[str]) -> dict[str, list[str]]:
        """What all living sheets say of these entries; one of which none says anything is absent.

        Raises Unavailable("bus.unavailable").
        """
        wanted = list(dict.fromkeys(entries))
        return await self._bus.look(self._name, wanted) if wanted else {}

    async def _write(self, changes: dict[str, str | None] | None) -> None:
        """Write what has gathered; None to renew the lease whether or not anything has.

        One write at a time, so that none overtakes another; what comes meanwhile goes with the next.
        """
        self._gathered.update(changes or {})
        self._asked = own = self._asked + 1
        async with self._writing:
            if changes is not None and self._done >= own:
                return  # the writer before took it along
            asked = self._asked
            gathered, self._gathered = self._gathered, {}
            whole, self._whole = self._whole, False  # until it is written
            if not (whole and await self._bus.note(self._name, self._holder, TTL_S, gathered)):
                await self._bus.note(self._name, self._holder, TTL_S, dict(self._values), whole=True)
            self._whole, self._done = True, asked
