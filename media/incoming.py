"""What comes in by the UDP socket, in batches: many datagrams a system call (`recvmmsg`)."""

from __future__ import annotations

import socket
from typing import Protocol

from media import address
from media.address import NAME_BYTES, Pointer
from media.aiortc_seam import MAX_PACKET, PacketBuffer
from media.datagrams import BATCHES, MESSAGE, READ_BATCH, VECTOR, ffi, libc


class Batch(Protocol):
    """Datagrams that came together. `Incoming` is the real one."""

    packets: list[PacketBuffer]
    messages_at: int
    """Where they lie as messages of `recvmmsg`."""


class Incoming:
    """The reading half of one bound UDP socket."""

    def __init__(self, bound: socket.socket) -> None:
        self._socket = bound
        self._fd = bound.fileno()
        self.wide = bound.family == socket.AF_INET6
        """Whether it is a socket of IPv6, by which IPv4 comes too."""
        self._name_bytes = 28 if self.wide else 16
        self.packets = [PacketBuffer() for _ in range(READ_BATCH)]
        """What the last `read` brought, one datagram each."""
        self.lengths: list[int] = [0] * READ_BATCH
        self.keys: list[bytes] = [b""] * READ_BATCH
        """The senders of `packets`, as `Address.key` has them."""
        self._names: Pointer = ffi.new("char[]", READ_BATCH * NAME_BYTES)
        self._names_view = memoryview(ffi.buffer(self._names))
        self._vectors: Pointer = ffi.new("struct iovec[]", READ_BATCH)
        self._messages: Pointer = ffi.new("struct mmsghdr[]", READ_BATCH)
        self.messages_at = int(ffi.cast("uintptr_t", self._messages))
        self._words = self._prepare()

    def _prepare(self) -> memoryview:
        """Say where datagrams and their senders shall be written; gives the messages as words of 32 bits."""
        names_at, vectors_at = int(ffi.cast("uintptr_t", self._names)), int(ffi.cast("uintptr_t", self._vectors))
        vectors, messages = memoryview(ffi.buffer(self._vectors)), memoryview(ffi.buffer(self._messages))
        for number, packet in enumerate(self.packets):
            VECTOR.pack_into(vectors, number * VECTOR.size, packet.at, MAX_PACKET)
            MESSAGE.pack_into(
                messages, number * MESSAGE.size,
                names_at + number * NAME_BYTES, NAME_BYTES, vectors_at + number * VECTOR.size, 1, 0, 0, 0, 0,
            )  # fmt: skip
        return messages.cast("I")

    def read(self) -> int:
        """How many datagrams came, at most `READ_BATCH`; they lie in `packets`, `lengths` and `keys`."""
        if not BATCHES:
            return self._read_singly()
        count: int = libc.recvmmsg(self._fd, self._messages, READ_BATCH, socket.MSG_DONTWAIT, ffi.NULL)
        if count <= 0:
            return 0
        # The kernel writes how long a sender's address is, which for one socket is always the same.
        names, size = self._names_view[: count * NAME_BYTES].tobytes(), self._name_bytes
        self.keys = [names[at : at + size] for at in range(0, count * NAME_BYTES, NAME_BYTES)]
        self.lengths = self._words[14 : count * 16 : 16].tolist()
        return count

    def _read_singly(self) -> int:
        for number, packet in enumerate(self.packets):
            try:
                self.lengths[number], name = self._socket.recvfrom_into(packet.view[:MAX_PACKET])
            except OSError:  # nothing left, or an ICMP error of an earlier datagram
                return number
            self.keys[number] = address.key(name[0].partition("%")[0], name[1], wide=self.wide)
        return READ_BATCH
