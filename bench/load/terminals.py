"""A process full of terminals: raw websocket clients that speak Engine.IO 4 and Socket.IO 5, and no more of either
than a clinic's computer at rest and in a request does.

One process is given its terminals' cookies, then orders on its standard input, a JSON object a line; each is answered
by one on its standard output. A client is one `asyncio.Protocol` over one socket, so that thousands cost the load less
than the server. Frames are masked with zeros (RFC 6455 §5.3): nobody listens in on a bench.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import os
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_IN_FLIGHT = 64
"""Handshakes of one process at once."""
_PATIENCE_S = 60.0
_TRIES = 5
"""How often a terminal comes before the bench gives up; each try after the first is counted."""
_AGAIN_S = 1.0
ACCEPT_AFTER_S = 0.05
"""How long a specialist's hand takes."""


@dataclass(slots=True)
class Seen:
    """What the terminals of this process have seen. Times are of the machine's monotonic clock, in seconds."""

    requested: dict[str, float] = field(default_factory=dict)
    rung: list[tuple[str, float]] = field(default_factory=list)
    answered_ms: list[float] = field(default_factory=list)
    claims_ms: list[float] = field(default_factory=list)
    refusals: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    """Lines that broke once their terminal was connected."""
    retries: int = 0
    """Tries to connect that failed."""
    why: dict[str, int] = field(default_factory=dict)
    """The reasons."""


class Terminal(asyncio.Protocol):
    """One connection, and the person behind it: a clinic that asks, or a specialist who takes what rings."""

    __slots__ = ("_acks", "_buffer", "_connected", "_seen", "_shaken", "_transport")

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._buffer = b""
        self._shaken = False
        self._transport: asyncio.Transport | None = None
        self._connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._acks: dict[int, Callable[[dict[str, Any]], None]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a TCP transport is both

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._connected.done():
            self._connected.set_exception(exc or ConnectionError("the server hung up"))
        elif self._connected.exception() is None:
            self._seen.lost += 1

    async def open(self, host: str, cookie: str, *, compression: bool) -> None:
        """Upgrade to a websocket and wait until the namespace is joined. Raises OSError, TimeoutError."""
        offered = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" if compression else ""
        key = base64.b64encode(os.urandom(16)).decode()
        self._write(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{offered}"
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0\r\n"
            "Accept-Language: vi-VN,vi;q=0.9,en;q=0.8\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
            f"Cookie: {cookie}\r\n\r\n".encode()
        )
        async with asyncio.timeout(_PATIENCE_S):
            await self._connected

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _frame(self, text: str) -> None:
        payload = text.encode()
        size = len(payload)
        head = bytes((0x81, 0x80 | size)) if size < 126 else struct.pack("!BBH", 0x81, 0x80 | 126, size)
        self._write(head + b"\0\0\0\0" + payload)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._shaken:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head[:20] or b"permessage-deflate" in head:
                self._connected.set_exception(ConnectionError(head[:200].decode("latin-1")))
                return
            self._shaken, self._buffer = True, rest
        while (size := self._whole()) is not None:
            kind, start, end = self._buffer[0] & 0x0F, size[0], size[1]
            payload, self._buffer = self._buffer[start:end], self._buffer[end:]
            if kind == 1:
                self._packet(payload.decode())

    def _whole(self) -> tuple[int, int] | None:
        """Where the payload of the next frame stands, once all of it is there."""
        held = len(self._buffer)
        if held < 2:
            return None
        size, start = self._buffer[1], 2
        if size == 126:
            if held < 4:
                return None
            size, start = int.from_bytes(self._buffer[2:4], "big"), 4
        elif size == 127:
            if held < 10:
                return None
            size, start = int.from_bytes(self._buffer[2:10], "big"), 10
        return (start, start + size) if held >= start + size else None

    def _packet(self, text: str) -> None:
        if text == "2":  # ping
            self._frame("3")
        elif text.startswith("0"):
            self._frame("40")
        elif text.startswith("40") and not self._connected.done():
            self._connected.set_result(None)
        elif text.startswith("44") and not self._connected.done():
            self._connected.set_exception(ConnectionError(text))
        elif text.startswith("42"):
            name, payload = json.loads(text[2:])
            if name == "ring":
                self._ring(payload["consult_id"])
        elif text.startswith("43"):
            at = text.index("[")
            answered = self._acks.pop(int(text[2:at]), None)
            if answered is not None:
                answered(json.loads(text[at:])[0])

    def send(self, name: str, payload: dict[str, Any], then: Callable[[dict[str, Any]], None] | None = None) -> None:
        """Send an event; `then` is given its acknowledgement, refusals are counted."""
        number = 1 + max(self._acks, default=0)

        def answered(told: dict[str, Any]) -> None:
            if "error" in told:
                code = f"{name}: {told['error']['code']}"
                self._seen.refusals[code] = self._seen.refusals.get(code, 0) + 1
            elif then is not None:
                then(told)

        self._acks[number] = answered
        self._frame(f"42{number}{json.dumps([name, payload])}")

    def ask(self, specialty_id: str, key: str) -> None:
        """An emergency."""
        sent = time.monotonic()

        def answered(told: dict[str, Any]) -> None:
            self._seen.answered_ms.append((time.monotonic() - sent) * 1000)
            self._seen.requested[told["consult_id"]] = sent

        self.send(
            "request_consult",
            {"specialty_id": specialty_id, "urgency": "emergency", "idempotency_key": key},
            answered,
        )

    def _ring(self, consult_id: str) -> None:
        self._seen.rung.append((consult_id, time.monotonic()))
        asyncio.get_running_loop().call_later(ACCEPT_AFTER_S, self._accept, consult_id)

    def _accept(self, consult_id: str) -> None:
        sent = time.monotonic()

        def claimed(_told: dict[str, Any]) -> None:
            self._seen.claims_ms.append((time.monotonic() - sent) * 1000)
            self.send("join_room", {"consult_id": consult_id, "tab_id": "bench-tab-01"}, joined)

        def joined(_told: dict[str, Any]) -> None:
            self.send("end_consult", {"consult_id": consult_id})

        self.send("accept_offer", {"consult_id": consult_id}, claimed)


class Crowd:
    """The terminals of this process."""

    def __init__(self, orders: dict[str, Any]) -> None:
        self._cookies: list[str] = orders["cookies"]
        self._ports: list[int] = orders["ports"]
        self._compression: bool = orders["compression"]
        self.seen = Seen()
        self._all: list[Terminal] = []
        self._next = 0

    async def connect(self, until: int) -> dict[str, Any]:
        """Connect until that many are."""
        began = time.monotonic()
        places = iter(range(len(self._all), until))
        self._all.extend(Terminal(self.seen) for _ in range(until - len(self._all)))
        await asyncio.gather(*(self._connector(places) for _ in range(_IN_FLIGHT)))
        return {"seconds": time.monotonic() - began}

    async def _connector(self, places: Any) -> None:
        for place in places:
            for left in reversed(range(_TRIES)):
                try:
                    await self._come(place)
                    break
                except (OSError, TimeoutError) as error:
                    self.seen.retries += 1
                    why = f"{type(error).__name__}: {error}"[:120]
                    self.seen.why[why] = self.seen.why.get(why, 0) + 1
                    if not left:
                        raise
                    await asyncio.sleep(_AGAIN_S)  # as a browser's client does
                    self._all[place] = Terminal(self.seen)

    async def _come(self, place: int) -> None:
        port, client = self._ports[place % len(self._ports)], self._all[place]
        await asyncio.get_running_loop().create_connection(lambda: client, "127.0.0.1", port)
        await client.open(f"127.0.0.1:{port}", self._cookies[place], compression=self._compression)

    async def request(self, schedule: list[tuple[float, int, str, str]]) -> dict[str, Any]:
        """Ask at these times: (when, which terminal, specialty, key)."""
        for when, place, specialty_id, key in schedule:
            await asyncio.sleep(max(0.0, when - time.monotonic()))
            self._all[place].ask(specialty_id, key)
        return {}

    def forget(self) -> dict[str, Any]:
        """Forget what was timed so far; broken lines stay."""
        for timed in (self.seen.requested, self.seen.rung, self.seen.answered_ms, self.seen.claims_ms):
            timed.clear()
        return {}

    async def report(self) -> dict[str, Any]:
        """What was seen so far."""
        seen = self.seen
        return {
            "requested": seen.requested,
            "rung": seen.rung,
            "answered_ms": seen.answered_ms,
            "claims_ms": seen.claims_ms,
            "refusals": seen.refusals,
            "lost": seen.lost,
            "retries": seen.retries,
            "why": seen.why,
        }


async def main(plan: dict[str, Any]) -> None:
    """Carry out orders until the input ends."""
    gc.disable()  # it lives for a minute; a search through thousands of terminals would look like a slow server
    crowd, loop = Crowd(plan), asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        match order["do"]:
            case "connect":
                answer = await crowd.connect(order["until"])
            case "request":
                answer = await crowd.request(order["schedule"])
            case "forget":
                answer = crowd.forget()
            case _:
                answer = await crowd.report()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
