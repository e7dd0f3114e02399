"""Where a peer is: its address as the kernel writes it, or the stream by which it came."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any, Protocol

import cffi  # type: ignore[import-untyped]  # its stubs would pin another package for one file

NAME_BYTES = 32
"""Room for a socket address of either family."""

_ffi = cffi.FFI()
_ffi.cdef("struct peer { char name[32]; int32_t first; int32_t last; };")  # as in fan_out.c

Pointer = Any
"""Memory that the kernel or C reads or writes, owned by Python."""


class Stream(Protocol):
    """A peer that is reached by TCP (RFC 4571) instead of by datagrams."""

    def write(self, data: memoryview | bytes) -> None:
        """Send one packet, or drop it when the peer does not keep up."""
        ...

    def prove(self, is_sound: Callable[[int], bool]) -> None:
        """The peer has proved who it is. `is_sound` tells of an outgoing SSRC whether it goes before pictures."""
        ...


class Address:
    """Where a peer is. Equal when family, host and port are."""

    __slots__ = ("_hash", "_peer", "at", "host", "key", "port", "stream", "waiting")

    def __init__(self, host: str, port: int, key: bytes, stream: Stream | None = None) -> None:
        self.host = host
        self.port = port
        self.key = key
        """The socket address as the kernel writes it, or what tells a stream from all others."""
        self.stream = stream
        self._peer: Pointer = _ffi.new("struct peer *", {"first": -1, "last": -1})
        _ffi.memmove(self._peer.name, key, min(len(key), NAME_BYTES))
        self.at = int(_ffi.cast("uintptr_t", self._peer))
        """Where the socket address lies in memory, and behind it what C notes of packets that wait."""
        self.waiting: list[int] = []
        """Slot and length, slot and length of what waits for this turn to end, as Python keeps it."""
        self._hash = hash(key)

    @classmethod
    def read(cls, key: bytes) -> Address:
        """From a socket address as the kernel writes it. One of IPv4 that came by IPv6 is named as IPv4."""
        port = key[2] << 8 | key[3]
        if struct.unpack_from("=H", key)[0] == socket.AF_INET6:
            host = socket.inet_ntop(socket.AF_INET6, key[8:24])
            return cls(host.removeprefix("::ffff:"), port, key)
        return cls(socket.inet_ntop(socket.AF_INET, key[4:8]), port, key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and other.key == self.key and other.stream is self.stream

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Address({self.host}:{self.port})"


def key(host: str, port: int, *, wide: bool) -> bytes:
    """A numeric address as the kernel would write it, for a socket of IPv6 when `wide`."""
    if wide:
        host = host if ":" in host else f"::ffff:{host}"
        family = struct.pack("=H", socket.AF_INET6)
        return family + struct.pack("!HI", port, 0) + socket.inet_pton(socket.AF_INET6, host) + bytes(4)
    return (
        struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_pton(socket.AF_INET, host) + bytes(8)
    )
