"""What goes out by the UDP socket, in batches: many datagrams a system call, and those of one size to one peer as one.

What one turn of the event loop has to say is collected by peer, and a run of datagrams of one size goes out as a single
message that the kernel cuts up (UDP GSO, `UDP_SEGMENT`, Linux 4.18); `sendmmsg` does the rest. Where the kernel or the
network card knows no segmentation, every datagram becomes a message of its own.

Collecting is C's work where it has been built (`media/fan_out.c`), and Python's where not; both do the same.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from typing import Protocol

from media.address import Address, Pointer
from media.aiortc_seam import SLOT_STRIDE, PacketBuffer
from media.datagrams import (
    BATCHES,
    CONTROL,
    CONTROL_USED,
    MESSAGE,
    SOL_UDP,
    UDP_SEGMENT,
    VECTOR,
    WRITE_BATCH,
    ffi,
    libc,
)
from media.fan_out import FanOut, Queue

MOST_SEGMENTS = 48
MOST_OCTETS = 64_000
"""Segments of one message, and their octets: the kernel takes 64 at most, and 64 kB."""


class Outbox(Protocol):
    """Where packets go. `Outgoing` is the real one."""

    slots: list[PacketBuffer]
    queue: Queue | None
    """What waits as C keeps it; None when it is Python that does."""

    def take_slot(self) -> int:
        """A slot to write the next packet into."""
        ...

    def take_slots(self, count: int) -> int:
        """The first of so many slots that lie behind each other in memory."""
        ...

    def give_back(self, count: int) -> None:
        """The last slots that were taken are not needed."""
        ...

    def write(self, address: Address, slot: int, length: int) -> None:
        """The first `length` bytes of a slot go to that peer."""
        ...

    def write_row(self, addresses: Sequence[Address], first: int, lengths: Sequence[int] | memoryview) -> None:
        """The same for slots in a row, each to its own peer; a length of 0 is left out."""
        ...

    def keep(self, addresses: Sequence[Address]) -> None:
        """C has written to these peers: they must not be let go before it has been sent."""
        ...

    def send(self, data: memoryview | bytes, address: Address) -> None:
        """One packet from elsewhere: the same as writing it into a slot."""
        ...


class Outgoing:
    """The writing half of one bound UDP socket, and the way to streams. `write` collects, `flush` sends."""

    def __init__(self, bound: socket.socket, native: FanOut | None = None) -> None:
        self._socket = bound
        self._fd = bound.fileno()
        self._name_bytes = 28 if bound.family == socket.AF_INET6 else 16
        self.segments = BATCHES
        """Whether runs of one size go out as one message; given up for good when the kernel refuses one."""
        self.dropped = 0
        """Datagrams that the kernel had no room for, or no way for."""
        self.slots = PacketBuffer.row(WRITE_BATCH)
        """Memory for what goes out; `take_slot` says which is free."""
        self.used = 0
        self._slot_at = [slot.at for slot in self.slots]
        self._touched: list[Address] = []
        """Who gets something, as far as Python keeps it: streams, and all others where there is no C."""
        self._vectors: Pointer = ffi.new("struct iovec[]", WRITE_BATCH)
        self._vectors_view = memoryview(ffi.buffer(self._vectors))
        self._vectors_at = int(ffi.cast("uintptr_t", self._vectors))
        self._control: Pointer = ffi.new("char[]", WRITE_BATCH * CONTROL.size)
        self._control_view = memoryview(ffi.buffer(self._control))
        self._control_at = int(ffi.cast("uintptr_t", self._control))
        self._messages: Pointer = ffi.new("struct mmsghdr[]", WRITE_BATCH)
        self._messages_view = memoryview(ffi.buffer(self._messages))
        self._native = native if BATCHES else None
        self._kept: list[Sequence[Address]] = []
        self.queue: Queue | None = None
        """What waits as C keeps it; None when it is Python that does."""
        if self._native is not None:
            self.queue = Queue(
                self.slots[0].at, SLOT_STRIDE, WRITE_BATCH,
                vectors=self._vectors_at, messages=int(ffi.cast("uintptr_t", self._messages)),
                controls=self._control_at, name_bytes=self._name_bytes,
                most_segments=MOST_SEGMENTS, most_octets=MOST_OCTETS,
            )  # fmt: skip

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

    def give_back(self, count: int) -> None:
        """The last `count` slots that were taken are not needed."""
        self.used -= count

    def write(self, address: Address, slot: int, length: int) -> None:
        """The first `length` bytes of a slot go to that peer with the next `flush`, behind what waits for it now."""
        if self._native is not None and self.queue is not None and address.stream is None:
            self._native.wait(self.queue, address, slot, length)
            self._kept.append((address,))
            return
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
                self.write(address, slot, length)
            slot += 1

    def keep(self, addresses: Sequence[Address]) -> None:
        """C has written to these peers: they must not be let go before it has been sent."""
        self._kept.append(addresses)

    def send(self, data: memoryview | bytes, address: Address) -> None:
        """One packet from elsewhere: the same as writing it into a slot."""
        slot = self.take_slot()
        self.slots[slot].view[: len(data)] = data
        self.write(address, slot, len(data))

    def flush(self) -> None:
        """Send everything that waits. Order holds for each peer."""
        if not self.used:
            return
        messages = 0
        if self._native is not None and self.queue is not None:
            messages = self._native.gather(self.queue, segments=self.segments)
        touched = self._touched
        if touched:
            self._touched = []
            streams = [address for address in touched if address.stream is not None]
            for address in streams:
                self._write_stream(address)
            if len(streams) < len(touched):
                messages = self._gather([address for address in touched if address.stream is None])
        self.used = 0
        if BATCHES:
            self._send_messages(messages)
        else:
            for message in range(messages):
                self._send_singly(message)
        self._kept.clear()

    def _gather(self, touched: Sequence[Address]) -> int:
        """Make messages of what waits for these peers; how many."""
        vectors, control, out = self._vectors_view, self._control_view, self._messages_view
        slot_at, name_bytes = self._slot_at, self._name_bytes
        most = MOST_SEGMENTS if self.segments else 1
        messages = vector = 0
        for address in touched:
            waiting = address.waiting
            end = len(waiting)
            at = 0
            while at < end:
                size = waiting[at + 1]
                last = vector + min(most, MOST_OCTETS // (size or 1))
                first = vector
                while True:
                    length = waiting[at + 1]
                    VECTOR.pack_into(vectors, vector * 16, slot_at[waiting[at]], length)
                    vector += 1
                    at += 2
                    # A run has one size; its last datagram may be shorter.
                    if length != size or at == end or vector == last or waiting[at + 1] > size:
                        break
                count = vector - first
                control_at, control_bytes = 0, 0
                if count > 1:
                    CONTROL.pack_into(control, messages * 24, CONTROL_USED, SOL_UDP, UDP_SEGMENT, size)
                    control_at, control_bytes = self._control_at + messages * 24, 24
                MESSAGE.pack_into(
                    out, messages * 64, address.at, name_bytes, self._vectors_at + first * 16, count,
                    control_at, control_bytes, 0, 0,
                )  # fmt: skip
                messages += 1
            waiting.clear()
        return messages

    def _write_stream(self, address: Address) -> None:
        waiting = address.waiting
        for at in range(0, len(waiting), 2):
            if address.stream is not None:
                address.stream.write(self.slots[waiting[at]].view[: waiting[at + 1]])
        waiting.clear()

    def _send_messages(self, count: int) -> None:
        done = 0
        while done < count:
            sent: int = libc.sendmmsg(self._fd, self._messages + done, count - done, socket.MSG_DONTWAIT)
            if sent > 0:
                done += sent
                continue
            number = ffi.errno
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
        return int(self._messages[message].msg_hdr.msg_iovlen)

    def _send_singly(self, message: int) -> None:
        header = self._messages[message].msg_hdr
        address = Address.read(bytes(ffi.buffer(ffi.cast("char *", header.msg_name), self._name_bytes)))
        for place in range(header.msg_iovlen):
            vector = header.msg_iov[place]
            data = bytes(ffi.buffer(ffi.cast("char *", vector.iov_base), vector.iov_len))
            try:
                self._socket.sendto(data, (address.host, address.port))
            except OSError:
                self.dropped += 1
