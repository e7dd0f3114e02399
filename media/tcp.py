"""Media over TCP where UDP is closed: passive ICE candidates (RFC 6544) on one listening socket.

Whoever connects has some seconds to make an authentic connectivity check and is cut otherwise; how many there are is
bounded in all and by place. What passes on a connection stands in `media.stream`.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from ipaddress import IPv6Address, ip_address

from foundation.clock import Clock
from media.settings import WorkerSettings
from media.stream import UNSENT, Intake, TcpStream

log = logging.getLogger(__name__)

_ACCEPTED_AT_ONCE = 32


class TcpListener:
    """The listening socket and everyone who has come by it, within bounds."""

    def __init__(self, bound: socket.socket, settings: WorkerSettings, intake: Intake, clock: Clock) -> None:
        self._socket = bound
        self._settings = settings
        self._intake = intake
        self._clock = clock
        self._streams: set[TcpStream] = set()
        self._by_site: dict[str, int] = {}
        self._accepted = 0
        self._paused = False
        self.refused = 0
        """Connections cut at once because there were too many."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    @property
    def streams(self) -> int:
        """Connections open now."""
        return len(self._streams)

    def all(self) -> list[TcpStream]:
        """The connections open now."""
        return list(self._streams)

    def start(self) -> None:
        """Begin to accept."""
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._acceptable)

    def close(self) -> None:
        """Stop and hang up on everyone."""
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        for stream in list(self._streams):
            stream.close()
        self._socket.close()

    def tick(self, now: float) -> None:
        """Cut who has shown no key in time, and who has fallen silent."""
        settings = self._settings
        for stream in list(self._streams):
            if stream.proven:
                late = now - stream.heard_at > settings.tcp_silence_s
            else:
                late = now - stream.accepted_at > settings.tcp_proof_s
            if late:
                stream.close()
        if self._paused:
            self._paused = False
            self.start()

    def _acceptable(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                bound, name = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no file descriptors left: asked again, without turning in circles, by the next tick
                log.warning("a media connection by TCP cannot be accepted")
                asyncio.get_running_loop().remove_reader(self._socket.fileno())
                self._paused = True
                return
            self._admit(bound, name[0].partition("%")[0].removeprefix("::ffff:"), name[1])

    def _admit(self, bound: socket.socket, host: str, port: int) -> None:
        site, settings = _site(host), self._settings
        if len(self._streams) >= settings.tcp_streams or self._by_site.get(site, 0) >= settings.tcp_streams_per_site:
            self.refused += 1
            bound.close()
            return
        bound.setblocking(False)
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
        self._accepted += 1
        # Shorter than any socket address, so that it is none, and never used twice.
        key = b"tcp" + self._accepted.to_bytes(6, "big")
        self._by_site[site] = self._by_site.get(site, 0) + 1
        self._streams.add(TcpStream(bound, host, port, key, self._intake, self._clock, self._forget))

    def _forget(self, stream: TcpStream) -> None:
        self._streams.discard(stream)
        self._intake.gone(stream.address)
        site = _site(stream.address.host)
        left = self._by_site[site] - 1
        if left:
            self._by_site[site] = left
        else:
            del self._by_site[site]


def _site(host: str) -> str:
    """What counts as one place: an IPv4 address, or the 64 bits of IPv6 that one household has."""
    address = ip_address(host)
    return address.packed[:8].hex() if isinstance(address, IPv6Address) else host
