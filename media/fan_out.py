"""The forwarder's inner loops in C, where they have been built (`media/fan_out.c`): one call a packet for all its
viewers, and one a turn for all that waits to be sent.

They do what `Forwarder` and `Outgoing` do in Python, packet by packet the same, for viewers who need nothing special;
those who are paced, get stills or redundancy stay with Python. A machine without a C compiler forwards in Python alone.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from media import native, vp8
from media.aiortc_seam import SLOT_STRIDE, PacketBuffer, seal_function
from media.native import ffi as _ffi

if TYPE_CHECKING:
    from media.address import Address
    from media.tracks import DownTrack, UpLayer

_PACKET = struct.Struct("=QiiiIdHHBBBx")
_MOST = 64
"""Viewers of one layer that a call takes: more than a room has."""


class Queue:
    """What waits for a turn to end, as C keeps it, with the memory that it takes."""

    __slots__ = ("_touched", "_waits", "memory")

    def __init__(
        self, slots: int, stride: int, most: int, *, vectors: int, messages: int, controls: int,
        name_bytes: int, most_segments: int, most_octets: int,
    ) -> None:  # fmt: skip
        self._waits: Any = _ffi.new("struct wait[]", most)
        self._touched: Any = _ffi.new("struct peer *[]", most)
        self.memory: Any = _ffi.new(
            "struct queue *",
            {
                "slots": slots, "waits": self._waits, "touched": self._touched, "vectors": vectors,
                "messages": messages, "controls": controls, "stride": stride, "most": most, "touched_count": 0,
                "name_bytes": name_bytes, "most_segments": most_segments, "most_octets": most_octets,
            },
        )  # fmt: skip


class Group:
    """The viewers of one layer as C sees them, made for one state of `UpLayer.downs`."""

    __slots__ = ("addresses", "count", "downs", "fed", "renumbers", "rest", "structs", "viewers")

    def __init__(self, downs: tuple[DownTrack, ...]) -> None:
        self.downs = downs
        self.fed = tuple(down for down in downs if _is_plain(down))
        self.rest = tuple(down for down in downs if not _is_plain(down))
        self.count = len(self.fed)
        self.addresses: list[Address] = [down.connection.address for down in self.fed if down.connection.address]
        self.structs = [_viewer(down) for down in self.fed]
        self.viewers: Any = _ffi.new("struct viewer *[]", self.structs)
        self.renumbers = any(down.picture_offset or down.base_layer_offset for down in self.fed)


class FanOut:
    """The built loop."""

    def __init__(self, library: Any) -> None:
        self.library = library
        """All that was built beside it."""
        self._fan_out = library.fan_out
        self._wait, self._gather = library.queue_wait, library.queue_gather
        self._protect = seal_function()
        self._packet: Any = _ffi.new("char[]", _PACKET.size)
        self._packet_view = memoryview(_ffi.buffer(self._packet))
        self._lengths: Any = _ffi.new("int[]", _MOST)
        self.lengths = memoryview(_ffi.buffer(self._lengths)).cast("i")
        """Of what the last call sealed, by viewer; 0 where it was refused."""

    @classmethod
    def load(cls, path: Path = native.LIBRARY) -> FanOut | None:
        """The loop, or None where it has not been built."""
        library = native.library(path)
        return None if library is None else cls(library)

    def group(self, layer: UpLayer) -> Group | None:
        """The viewers of a layer, made anew when they or what they need has changed."""
        group = layer.group
        if group is None or group.downs is not layer.downs:
            if len(layer.downs) > _MOST:
                return None
            group = layer.group = Group(layer.downs)
        return group

    def wait(self, queue: Queue, address: Address, slot: int, length: int) -> None:
        """The first `length` bytes of a slot of the queue wait to be sent there. The address has to stay until then."""
        self._wait(queue.memory, address.at, slot, length)

    def gather(self, queue: Queue, *, segments: bool) -> int:
        """Make messages of all that waits; how many."""
        return int(self._gather(queue.memory, segments))

    def send(
        self, group: Group, source: PacketBuffer, marker: int, sequence: int, timestamp: int,
        start: int, end: int, slots: int, now: float, queue: Queue | None, slot: int,
    ) -> None:  # fmt: skip
        """Seal the packet for each viewer of a group into the slots that begin at `slots`. With a queue, to which they
        belong from `slot` on, it waits there for its viewer, whose address has to stay until it has gone."""
        picture_at = base_layer_at = -1
        picture_id = wide = base_layer_index = 0
        if group.renumbers and (found := vp8.read(source.view, start, end)) is not None:
            picture_at, picture_id, wide = found.picture_at, found.picture_id, int(found.wide)
            base_layer_at, base_layer_index = found.base_layer_at, found.base_layer_index
        _PACKET.pack_into(
            self._packet_view, 0, source.at + start, end - start, picture_at, base_layer_at, timestamp, now, sequence,
            picture_id, marker, wide, base_layer_index,
        )  # fmt: skip
        self._fan_out(
            self._protect, self._packet, group.viewers, group.count, slots, SLOT_STRIDE, self._lengths,
            _ffi.NULL if queue is None else queue.memory, slot,
        )  # fmt: skip


def _is_plain(down: DownTrack) -> bool:
    connection = down.connection
    return (
        down.srtp is not None
        and connection.address is not None
        and connection.address.stream is None
        and connection.pacer is None
        and not down.single
        and not down.redundancy
    )


def _viewer(down: DownTrack) -> Any:
    connection = down.connection
    made = down.native
    if made is None:
        made = down.native = _ffi.new("struct viewer *")
    if down.srtp is None or connection.address is None:
        raise ValueError("a viewer without keys or address")
    made.srtp, made.peer = _ffi.cast("void *", down.srtp.sender), _ffi.cast("struct peer *", connection.address.at)
    if connection.numbered:
        made.next_number = _ffi.cast("uint16_t *", connection.numbers.buffer_info()[0])
        times, sizes, last = connection.estimate.flight.places
        made.sent_times, made.sent_sizes = _ffi.cast("double *", times), _ffi.cast("uint16_t *", sizes)
        made.sent_last = _ffi.cast("uint16_t *", last)
    made.ssrc, made.timestamp_offset = down.ssrc, down.timestamp_offset
    made.sequence_offset, made.picture_offset = down.sequence_offset, down.picture_offset
    made.base_layer_offset, made.payload_type = down.base_layer_offset, down.payload_type
    made.extension, made.before, made.after = down.extension, down.number_before, down.number_after
    return made
