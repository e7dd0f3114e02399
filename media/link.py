"""A web node's connection to one worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from media import wire
from media.api import MediaEvent
from media.errors import unavailable

CONNECT_S = 1.0
ANSWER_S = 5.0


class WorkerLink:
    """An authenticated control connection. Made by `open`, lives in `run`, ends with either side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, facts: wire.Message) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._last = 0
        self.placement = f"{facts['worker']}/{facts['instance']}"
        """Names this run of the worker: after a restart it is another."""
        self.facts = facts
        """What the worker said of itself last; see `Worker.facts`."""

    @classmethod
    async def open(cls, address: str, token: str) -> WorkerLink:
        """Connect to `unix:PATH` or `tcp:HOST:PORT`. Raises OSError, TimeoutError or WireError."""
        scheme, _, rest = address.partition(":")
        if scheme == "unix":
            opening = asyncio.open_unix_connection(rest, limit=wire.LIMIT)
        else:
            host, _, port = rest.rpartition(":")
            opening = asyncio.open_connection(host.strip("[]"), int(port), limit=wire.LIMIT)
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await opening
        try:
            facts = await wire.enter(reader, writer, token)
            return cls(reader, writer, facts)
        except BaseException:
            writer.close()
            raise

    @property
    def admits(self) -> bool:
        """Whether the worker takes new rooms, as far as it has said."""
        return bool(self.facts.get("admits"))

    @property
    def load(self) -> float:
        """Share of a core, as far as the worker has said."""
        return float(self.facts.get("load", 0.0))

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
