"""A web node's connection to one worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from foundation.errors import Unavailable
from media import wire
from media.api import MediaEvent
from media.errors import unavailable
from media.facts import WorkerFacts

OPEN_S = 2.0
"""The longest that connecting and proving the token may take."""
ANSWER_S = 5.0
PING_S = 0.5
PONG_S = 1.0
MISSED = 3
"""Pings in a row without an answer after which a worker counts as hung: noticed within
`PING_S` + `MISSED` × `PONG_S` = 3.5 s. One alone may be this process's own pause, or a machine short of breath."""


class WorkerLink:
    """An authenticated control connection. Made by `open`, lives in `run`, ends with either side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, facts: wire.Message) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._last = 0
        self.placement = f"{facts['worker']}/{facts['instance']}"
        """Names this run of the worker: after a restart it is another."""
        self.facts = WorkerFacts.read(facts)
        """What the worker said of itself last."""
        self.hung = False
        """Whether the link was cut because the worker no longer answers."""

    @classmethod
    async def open(cls, address: str, token: str) -> WorkerLink:
        """Connect to `unix:PATH` or `tcp:HOST:PORT`. Raises OSError, TimeoutError or WireError."""
        scheme, _, rest = address.partition(":")
        async with asyncio.timeout(OPEN_S):
            if scheme == "unix":
                reader, writer = await asyncio.open_unix_connection(rest, limit=wire.LIMIT)
            else:
                host, _, port = rest.rpartition(":")
                reader, writer = await asyncio.open_connection(host.strip("[]"), int(port), limit=wire.LIMIT)
            try:
                facts = await wire.enter(reader, writer, token)
                return cls(reader, writer, facts)
            except BaseException:
                writer.close()
                raise

    async def run(self, event: Callable[[MediaEvent], None], ended: Callable[[str], None]) -> None:
        """Hand on events and answers until the connection ends."""
        try:
            while (message := await wire.read(self._reader)) is not None:
                if "id" in message:
                    waiting = self._waiting.pop(message["id"], None)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(message)
                elif message.get("event") == "ended":
                    ended(message["room"])
                elif (known := wire.read_event(message)) is not None:
                    event(known)
        except wire.WireError:
            pass  # ends the link as a closed connection does
        finally:
            self.close()

    async def watch(self, most_missed: int = MISSED) -> None:
        """Ask the worker for its facts again and again; cut the link when it hangs."""
        missed = 0
        while not self._writer.is_closing():
            try:
                await self.measure(within_s=PONG_S)
                missed = 0
            except Unavailable:
                missed += 1
                if self._writer.is_closing():
                    return
                if missed == most_missed:
                    self.hung = True
                    self._writer.transport.abort()  # what it has not read, it will not read
                    self.close()
                    return
                continue
            await asyncio.sleep(PING_S)

    async def measure(self, *, within_s: float) -> WorkerFacts:
        """The worker's facts of now. Raises `media.unavailable`."""
        self.facts = WorkerFacts.read(await self.ask({"do": "ping"}, within_s=within_s))
        return self.facts

    async def ask(self, message: wire.Message, *, within_s: float = ANSWER_S) -> Any:
        """The worker's result. Raises its error, or `media.unavailable` when it does not answer in time."""
        if self._writer.is_closing():
            raise unavailable()
        self._last += 1
        number = self._last
        waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        try:
            self._writer.write(wire.encode({"id": number, **message}))
            async with asyncio.timeout(within_s):
                answer = await waiting
        except (TimeoutError, ConnectionError) as error:
            raise unavailable() from error
        finally:
            self._waiting.pop(number, None)
        if "error" in answer:
            raise wire.read_error(answer["error"])
        return answer["result"]

    def close(self) -> None:
        """End the connection; whoever waits for an answer is told that none will come."""
        self._writer.close()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(unavailable())
