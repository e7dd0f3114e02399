"""A bad line between a browser and a media server: a relay on loopback, as a process of its own.

The browser is given the relay's port in place of the server's; to the server each address of the browser is a socket of
the relay. Both directions are shaped apart (`bench.path`). Commands come as JSON lines on standard input, each
answered by one line; the process ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.path import Conditions, Fate, Path

_HOST = "127.0.0.1"
_MOST = 2_048
_BATCH = 64
_BUFFER = 4 << 20
_MOST_DROPS = 200_000
_RTP = struct.Struct("!BBHLL")
_LINE = 64 << 20

Deliver = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Drop:
    """An RTP packet that the line swallowed; its header is readable in SRTP too."""

    at: float
    """On this machine's monotonic clock, seconds."""
    ssrc: int
    sequence: int
    timestamp: int
    fate: Fate


@dataclass(slots=True)
class Tally:
    """What one direction did. Counts are datagrams and bytes of UDP payload since the last report."""

    packets: int = 0
    octets: int = 0
    lost: int = 0
    overflown: int = 0
    drops: list[Drop] = field(default_factory=list)
    late_ms: float = 0.0
    """The latest that a packet left after its time: how busy the machine was."""


class Relay:
    """The process's inside: one socket before the browser, one behind it for each of the browser's addresses."""

    def __init__(self, seed: str) -> None:
        self._front = _socket()
        self.port: int = self._front.getsockname()[1]
        self._server = ("", 0)
        self._backs: dict[tuple[str, int], socket.socket] = {}
        self._browsers: dict[socket.socket, tuple[str, int]] = {}
        self._up: Path[Deliver] = Path(f"{seed} up")
        self._down: Path[Deliver] = Path(f"{seed} down")
        self._up_tally, self._down_tally = Tally(), Tally()

    def run(self) -> None:
        """Relay until standard input ends."""
        commands = b""
        print(json.dumps({"port": self.port}), flush=True)
        while True:
            # select waits to the microsecond, where epoll's waits are rounded up to milliseconds.
            watched: list[socket.socket | int] = [0, self._front, *self._browsers]
            readable, _, _ = select.select(watched, [], [], self._wait())
            for source in readable:
                if isinstance(source, int):
                    chunk = os.read(0, 65_536)
                    if not chunk:
                        return
                    *lines, commands = (commands + chunk).split(b"\n")
                    for line in lines:
                        print(json.dumps(self._obey(json.loads(line))), flush=True)
                else:
                    self._read(source)
            self._deliver()

    def _wait(self) -> float:
        moments = [at for path in (self._up, self._down) if (at := path.next_at) is not None]
        return max(0.0, min(moments) - time.monotonic()) if moments else 1.0

    def _obey(self, command: dict[str, Any]) -> dict[str, Any]:
        now = time.monotonic()
        if "server" in command:
            # The sockets stay while the server does: it knows the browser by their addresses.
            if self._server != (server := (command["server"][0], command["server"][1])):
                self._server = server
                for back in self._browsers:
                    back.close()
                self._backs, self._browsers = {}, {}
        elif "up" in command:
            self._up.shape(Conditions(**command["up"]), now)
            self._down.shape(Conditions(**command["down"]), now)
        else:
            report = {"up": asdict(self._up_tally), "down": asdict(self._down_tally)}
            self._up_tally, self._down_tally = Tally(), Tally()
            return report
        return {"at": now}

    def _read(self, source: socket.socket) -> None:
        for _ in range(_BATCH):
            try:
                data, address = source.recvfrom(_MOST)
            except BlockingIOError:
                return
            except OSError:  # nobody listens at the other end yet, or no more
                continue
            now = time.monotonic()
            if source is self._front:
                back = self._backs.get(address) or self._meet(address)
                _count(self._up_tally, data, self._up.offer(_sending(back, data), len(data), now), now)
            elif (browser := self._browsers.get(source)) is not None:
                deliver = _sending(self._front, data, browser)
                _count(self._down_tally, data, self._down.offer(deliver, len(data), now), now)

    def _meet(self, address: tuple[str, int]) -> socket.socket:
        back = self._backs[address] = _socket()
        back.connect(self._server)
        self._browsers[back] = address
        return back

    def _deliver(self) -> None:
        for path, tally in ((self._up, self._up_tally), (self._down, self._down_tally)):
            at, now = path.next_at, time.monotonic()
            if at is None or at > now:
                continue
            tally.late_ms = max(tally.late_ms, (now - at) * 1_000)
            for deliver in path.due(now):
                deliver()


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        made.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
    made.bind((_HOST, 0))
    return made


def _sending(sender: socket.socket, data: bytes, address: tuple[str, int] | None = None) -> Deliver:
    def send() -> None:
        try:
            if address is None:
                sender.send(data)
            else:
                sender.sendto(data, address)
        except OSError:  # closed meanwhile, or nobody listens: a datagram may be lost
            pass

    return send


def _count(tally: Tally, data: bytes, fate: Fate, now: float) -> None:
    tally.packets += 1
    tally.octets += len(data)
    if fate is Fate.PASSED:
        return
    if fate is Fate.LOST:
        tally.lost += 1
    else:
        tally.overflown += 1
    if len(data) >= _RTP.size and 128 <= data[0] < 192 and not 192 <= data[1] < 224 and len(tally.drops) < _MOST_DROPS:
        _, _, sequence, timestamp, ssrc = _RTP.unpack_from(data)
        tally.drops.append(Drop(now, ssrc, sequence, timestamp, fate))


class Link:
    """A relay process, seen from the bench."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port
        """Where the browser sends to, on loopback."""

    @classmethod
    async def start(cls, seed: str) -> Link:
        """Start the process; equal seeds lose the same packets of equal traffic."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.link", seed,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_LINE,
        )  # fmt: skip
        assert process.stdout is not None
        return cls(process, json.loads(await process.stdout.readline())["port"])

    async def aim(self, host: str, port: int) -> None:
        """Send to this server from now on."""
        await self._ask({"server": [host, port]})

    async def shape(self, up: Conditions, down: Conditions) -> float:
        """Change both directions (`up`: from the browser); when it was done, on the monotonic clock."""
        return float((await self._ask({"up": asdict(up), "down": asdict(down)}))["at"])

    async def report(self) -> tuple[Tally, Tally]:
        """What was done since the last report, up and down."""
        answer = await self._ask({})
        up, down = (
            Tally(
                **{
                    **answer[way],
                    "drops": [Drop(**{**drop, "fate": Fate(drop["fate"])}) for drop in answer[way]["drops"]],
                }
            )
            for way in ("up", "down")
        )
        return up, down

    async def stop(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(5):
            await self._process.wait()

    async def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        async with asyncio.timeout(10):
            answer: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return answer


if __name__ == "__main__":
    Relay(sys.argv[1]).run()
