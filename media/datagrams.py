"""The UDP socket in batches: many datagrams a system call, and those of one size to one peer as one (UDP GSO).

A forwarder spends most of its time in the kernel: on the way out each datagram costs several times what encrypting
it costs. So what one turn of the event loop has to say is collected by peer, and a run of datagrams of one size goes
out as a single message that the kernel cuts up (`UDP_SEGMENT`, Linux 4.18); `recvmmsg` and `sendmmsg` do the rest.
Where the kernel or the network card knows no segmentation, every datagram becomes a message of its own.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

import cffi  # type: ignore[import-untyped]  # its stubs would pin another package for one file

from media.aiortc_seam import MAX_PACKET, PacketBuffer

READ_BATCH = 32
WRITE_BATCH = 512
_MOST_SEGMENTS = 48
_MOST_OCTETS = 64_000
"""Segments of one message, and their octets: the kernel takes 64 at most, and 64 kB."""
_SOL_UDP, _UDP_SEGMENT = 17, 103
_NAME_BYTES = 32

_ffi = cffi.FFI()
_ffi.cdef(
    """
    struct iovec { void *iov_base; size_t iov_len; };
    struct msghdr {
        void *msg_name; uint32_t msg_namelen;
        struct iovec *msg_iov; size_t msg_iovlen;
        void *msg_control; size_t msg_controllen;
        int msg_flags;
    };
    struct mmsghdr { struct msghdr msg_hdr; unsigned int msg_len; };
    int recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags, void *timeout);
    int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags);
    int malloc_trim(size_t pad);
    """
)
_libc: Any = _ffi.dlopen(None)
_BATCHES = sys.platform == "linux" and _ffi.sizeof("struct mmsghdr") == 64
"""Whether calls and 64-bit layout are there; elsewhere (a developer's Mac) datagrams go one by one."""

# `struct msghdr` and `struct cmsghdr` of 64-bit Linux, each in one go: field by field costs more than encrypting.
_MESSAGE = struct.Struct("=QI4xQQQQi4xI4x")
_VECTOR = struct.Struct("=QQ")
_CONTROL = struct.Struct("=QiiH6x")
_CONTROL_USED = 18


def return_memory() -> None:
    """Give memory that nobody uses any more back to the system, as the C library would only when its end is free."""
    with suppress(AttributeError):  # a C library that has no such call
        _libc.malloc_trim(0)


Pointer = Any
"""Memory that the kernel reads or writes, owned by Python."""


class Stream(Protocol):
    """A peer that is reached by TCP (RFC 4571) instead of by datagrams."""

    def write(self, data: memoryview | bytes) -> None:
        """Send one packet, or drop it when the peer does not keep up."""
        ...

    def prove(self, is_sound: Callable[[int], bool]) -> None:
        """The peer has proved who it is. `is_sound` tells of an outgoing SSRC whether it goes before pictures."""
        ...


class Outbox(Protocol):
    """Where packets go. `Datagrams` is the real one."""

    slots: list[PacketBuffer]

    def take_slot(self) -> int:
        """A slot to write the next packet into."""
        ...

    def take_slots(self, count: int) -> int:
        """The first of so many slots that lie behind each other in memory."""
        ...

    def write(self, address: Address, slot: int, length: int) -> None:
        """The first `length` bytes of a slot go to that peer."""
        ...

    def write_row(self, addresses: Sequence[Address], first: int, lengths: Sequence[int] | memoryview) -> None:
        """The same for slots in a row, each to its own peer; a length of 0 is left out."""
        ...

    def send(self, data: memoryview | bytes, address: Address) -> None:
        """One packet from elsewhere: the same as writing it into a slot."""
        ...


class Address:
    """Where a peer is. Equal when family, host and port are."""

    __slots__ = ("_hash", "host", "key", "name", "name_at", "port", "stream", "touched", "waiting")

    def __init__(self, host: str, port: int, key: bytes, stream: Stream | None = None) -> None:
        self.host = host
        self.port = port
        self.key = key
        """The socket address as the kernel writes it, or what tells a stream from all others."""
        self.stream = stream
        self.name: Pointer = _ffi.new("char[]", _NAME_BYTES)
        _ffi.memmove(self.name, key, min(len(key), _NAME_BYTES))
        self.name_at = int(_ffi.cast("uintptr_t", self.name))
        self.waiting: list[int] = []
        """Slot and length, slot and length of what waits for this turn to end."""
        self._hash = hash(key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and other.key == self.key and other.stream is self.stream

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Address({self.host}:{self.port})"


class Datagrams:
    """One bound UDP socket. `read` fills `packets`; `write` collects, `flush` sends."""

    def __init__(self, bound: socket.socket) -> None:
        self._socket = bound
        self._fd = bound.fileno()
        self._wide = bound.family == socket.AF_INET6
        self._name_bytes = 28 if self._wide else 16
        self.segments = _BATCHES
        """Whether runs of one size go out as one message; given up for good when the kernel refuses one."""
        self.dropped = 0
        """Datagrams that the kernel had no room for, or no way for."""

        self.packets = [PacketBuffer() for _ in range(READ_BATCH)]
        """What the last `read` brought, one datagram each."""
        self.lengths: list[int] = [0] * READ_BATCH
        self.keys: list[bytes] = [b""] * READ_BATCH
        """The senders of `packets`, as `Address.key` has them."""
        self._names: Pointer = _ffi.new("char[]", READ_BATCH * _NAME_BYTES)
        self._names_view = memoryview(_ffi.buffer(self._names))
        self._in_vectors: Pointer = _ffi.new("struct iovec[]", READ_BATCH)
        self._in: Pointer = _ffi.new("struct mmsghdr[]", READ_BATCH)
        self._in_view = memoryview(_ffi.buffer(self._in))
        self._prepare_reading()

        self.slots = PacketBuffer.row(WRITE_BATCH)
        """Memory for what goes out; `take_slot` says which is free."""
        self.used = 0
        self._slot_at = [slot.at for slot in self.slots]
        self._touched: list[Address] = []
        self._vectors: Pointer = _ffi.new("struct iovec[]", WRITE_BATCH)
        self._vectors_view = memoryview(_ffi.buffer(self._vectors))
        self._vectors_at = int(_ffi.cast("uintptr_t", self._vectors))
        self._control: Pointer = _ffi.new("char[]", WRITE_BATCH * _CONTROL.size)
        self._control_view = memoryview(_ffi.buffer(self._control))
        self._control_at = int(_ffi.cast("uintptr_t", self._control))
        self._out: Pointer = _ffi.new("struct mmsghdr[]", WRITE_BATCH)
        self._out_view = memoryview(_ffi.buffer(self._out))

    def _prepare_reading(self) -> None:
        names_at, vectors_at = int(_ffi.cast("uintptr_t", self._names)), int(_ffi.cast("uintptr_t", self._in_vectors))
        vectors = memoryview(_ffi.buffer(self._in_vectors))
        for number, packet in enumerate(self.packets):
            _VECTOR.pack_into(vectors, number * _VECTOR.size, packet.at, MAX_PACKET)
            _MESSAGE.pack_into(
                self._in_view, number * _MESSAGE.size,
                names_at + number * _NAME_BYTES, _NAME_BYTES, vectors_at + number * _VECTOR.size, 1, 0, 0, 0, 0,
            )  # fmt: skip
        self._in_lengths = self._in_view.cast("I")
        self._fresh = bytes(self._in_view)

    def read(self) -> int:
        """How many datagrams came, at most `READ_BATCH`; they lie in `packets`, `lengths` and `keys`."""
        if not _BATCHES:
            return self._read_singly()
        count: int = _libc.recvmmsg(self._fd, self._in, READ_BATCH, socket.MSG_DONTWAIT, _ffi.NULL)
        if count <= 0:
            return 0
        lengths, keys, names, words = self.lengths, self.keys, self._names_view, self._in_lengths
        size = self._name_bytes
        for number in range(count):
            lengths[number] = words[number * 16 + 14]
            at = number * _NAME_BYTES
            keys[number] = bytes(names[at : at + size])
            words[number * 16 + 2] = _NAME_BYTES
        return count

    def _read_singly(self) -> int:
        for number, packet in enumerate(self.packets):
            try:
                self.lengths[number], name = self._socket.recvfrom_into(packet.view[:MAX_PACKET])
            except OSError:  # nothing left, or an ICMP error of an earlier datagram
                return number
            self.keys[number] = self.key(name[0].partition("%")[0], name[1])
        return READ_BATCH

    def address(self, key: bytes) -> Address:
        """The sender of a datagram that `read` brought."""
        port = key[2] << 8 | key[3]
        if self._wide:
            host = socket.inet_ntop(socket.AF_INET6, key[8:24])
            return Address(host.removeprefix("::ffff:"), port, key)
        return Address(socket.inet_ntop(socket.AF_INET, key[4:8]), port, key)

    def key(self, host: str, port: int) -> bytes:
        """The key of a numeric address, as the kernel would write it."""
        if self._wide:
            host = host if ":" in host else f"::ffff:{host}"
            family = struct.pack("=H", socket.AF_INET6)
            return family + struct.pack("!HI", port, 0) + socket.inet_pton(socket.AF_INET6, host) + bytes(4)
        return (
            struct.pack("=H", socket.AF_INET)
            + struct.pack("!H", port)
            + socket.inet_pton(socket.AF_INET, host)
            + bytes(8)
        )

    def take_slot(self) -> int:
        """A slot to write the next packet into; sends what waits when all are taken."""
        if self.used == WRITE_BATCH:
            self.flush()
        number = self.used
        self.used = number + 1
        return number

    def take_slots(self, count: int) -> int:
        """The first of `count` free slots in a row; sends what waits when there are not as many."""
        if self.used + count > WRITE_BATCH:
            self.flush()
        number = self.used
        self.used = number + count
        return number

    def write(self, address: Address, slot: int, length: int) -> None:
        """The first `length` bytes of a slot go to that peer with the next `flush`, behind what waits for it now."""
        waiting = address.waiting
        if not waiting:
            self._touched.append(address)
        waiting += (slot, length)

    def write_row(self, addresses: Sequence[Address], first: int, lengths: Sequence[int] | memoryview) -> None:
        """What `write` does, for slots in a row, each to its own peer; a length of 0 is left out."""
        slot = first
        for address in addresses:
            length = lengths[slot - first]
            if length:
                waiting = address.waiting
                if not waiting:
                    self._touched.append(address)
                waiting += (slot, length)
            slot += 1

    def send(self, data: memoryview | bytes, address: Address) -> None:
        """One packet from elsewhere: the same as writing it into a slot."""
        slot = self.take_slot()
        self.slots[slot].view[: len(data)] = data
        self.write(address, slot, len(data))

    def flush(self) -> None:
        """Send everything that waits. Order holds for each peer."""
        touched = self._touched
        if not touched:
            self.used = 0
            return
        self._touched = []
        vectors, control, out = self._vectors_view, self._control_view, self._out_view
        slot_at, name_bytes = self._slot_at, self._name_bytes
        most = _MOST_SEGMENTS if self.segments else 1
        messages = vector = 0
        for address in touched:
            waiting = address.waiting
            if address.stream is not None:
                self._write_stream(address)
                continue
            end = len(waiting)
            at = 0
            while at < end:
                size = waiting[at + 1]
                last = vector + min(most, _MOST_OCTETS // (size or 1))
                first = vector
                while True:
                    length = waiting[at + 1]
                    _VECTOR.pack_into(vectors, vector * 16, slot_at[waiting[at]], length)
                    vector += 1
                    at += 2
                    # A run has one size; its last datagram may be shorter.
                    if length != size or at == end or vector == last or waiting[at + 1] > size:
                        break
                count = vector - first
                if count > 1:
                    _CONTROL.pack_into(control, messages * 24, _CONTROL_USED, _SOL_UDP, _UDP_SEGMENT, size)
                    _MESSAGE.pack_into(
                        out, messages * 64, address.name_at, name_bytes, self._vectors_at + first * 16, count,
                        self._control_at + messages * 24, 24, 0, 0,
                    )  # fmt: skip
                else:
                    _MESSAGE.pack_into(
                        out, messages * 64, address.name_at, name_bytes, self._vectors_at + first * 16, 1, 0, 0, 0, 0
                    )
                messages += 1
            waiting.clear()
        self.used = 0
        if _BATCHES:
            self._send_messages(messages)
        else:
            for message in range(messages):
                self._send_singly(message)

    def _write_stream(self, address: Address) -> None:
        waiting = address.waiting
        for at in range(0, len(waiting), 2):
            if address.stream is not None:
                address.stream.write(self.slots[waiting[at]].view[: waiting[at + 1]])
        waiting.clear()

    def _send_messages(self, count: int) -> None:
        done = 0
        while done < count:
            sent: int = _libc.sendmmsg(self._fd, self._out + done, count - done, socket.MSG_DONTWAIT)
            if sent > 0:
                done += sent
                continue
            number = _ffi.errno
            if number in (errno.EAGAIN, errno.ENOBUFS):
                # The queue is full: what is left is lost, as on any line that is too thin.
                self.dropped += sum(self._segments_of(place) for place in range(done, count))
                return
            if number == errno.EINTR:
                continue
            if self._segments_of(done) > 1 and number in (errno.EINVAL, errno.EIO, errno.EOPNOTSUPP):
                self.segments = False
                self._send_singly(done)
            else:  # no way to that one peer
                self.dropped += self._segments_of(done)
            done += 1

    def _segments_of(self, message: int) -> int:
        return int(self._out[message].msg_hdr.msg_iovlen)

    def _send_singly(self, message: int) -> None:
        header = self._out[message].msg_hdr
        name = bytes(_ffi.buffer(_ffi.cast("char *", header.msg_name), self._name_bytes))
        address = self.address(name)
        for place in range(header.msg_iovlen):
            vector = header.msg_iov[place]
            data = bytes(_ffi.buffer(_ffi.cast("char *", vector.iov_base), vector.iov_len))
            try:
                self._socket.sendto(data, (address.host, address.port))
            except OSError:
                self.dropped += 1
