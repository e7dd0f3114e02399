"""What `intake.c` takes of a batch of datagrams: the packets of sources whose last packet was an ordinary one.

`Forwarder` arms a source when it has handled a packet by itself and nothing speaks against the next one going the same
way; whatever changes that (`UpLayer.disarm`) leaves the next packet to Python again.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from media.aiortc_seam import SrtpSession, open_function, seal_function
from media.datagrams import READ_BATCH
from media.fan_out import FanOut, Group, Queue
from media.native import SOURCES, ffi

if TYPE_CHECKING:
    from media.connection import Connection
    from media.tracks import UpLayer

LEFT, OPENED, TAKEN, REFUSED = range(4)
"""What became of a datagram: not touched; decrypted, and Python's from there; sent to all viewers; not authentic."""
RECORD = struct.Struct("=iiiiiiIHBx")
"""Kind, source, transport-wide number, audio level (each -1: none), start and end of the payload, timestamp, sequence
number, marker (0x80 or 0)."""
ROOM = 256
"""Slots that a batch may fill."""
_CODECS = {"VP8": 1}
_OTHER_VIDEO = 2


class Source:
    """One SSRC of one publisher as C knows it, and all that has to stay in memory as long as it does."""

    __slots__ = ("_intake", "_struct", "connection", "group", "key", "layer", "place", "srtp", "ssrc")

    def __init__(self, intake: Intake, place: int, layer: UpLayer, connection: Connection) -> None:
        self._intake = intake
        self._struct: Any = intake.struct(place)
        self.place = place
        self.layer = layer
        self.connection = connection
        self.key = b""
        self.ssrc = 0
        self.group: Group | None = None
        self.srtp: SrtpSession | None = None

    def disarm(self) -> None:
        """Leave the next packet to Python."""
        self._struct.armed = 0

    def release(self) -> None:
        """The layer has ended, or has another SSRC."""
        self._intake.release(self)

    def arm(self, key: bytes, ssrc: int, srtp: SrtpSession, group: Group) -> None:
        """Take what comes next by itself when it is ordinary."""
        ours, layer = self._struct, self.layer
        if key != self.key or ssrc != self.ssrc:
            self._intake.name(self, key, ssrc)
        if group is not self.group:
            self.group = group
            ours.viewers, ours.count, ours.renumbers = group.viewers, group.count, group.renumbers
        if srtp is not self.srtp:
            self.srtp = srtp
            ours.srtp = ffi.cast("void *", srtp.receiver)
        ours.words, ours.number_at, ours.level_at = layer.extension_words, layer.number_at, layer.level_at
        ours.number_head, ours.level_head = layer.number_head, layer.level_head
        ours.armed = 1


class Intake:
    """All sources of one socket."""

    def __init__(self, fan_out: FanOut) -> None:
        self._library = fan_out.library
        self._table: Any = ffi.new("struct intake *")
        self._library.intake_clear(self._table)
        self._free = list(range(SOURCES - 1, -1, -1))
        self.sources: list[Source | None] = [None] * SOURCES
        self._protect, self._unprotect = seal_function(), open_function()
        self._records: Any = ffi.new("char[]", READ_BATCH * RECORD.size)
        self.records = memoryview(ffi.buffer(self._records))

    def struct(self, place: int) -> Any:
        """A source as C sees it. It lies in the table, which has to stay as long as this is used."""
        return self._table.sources[place]

    def source(self, connection: Connection, layer: UpLayer) -> Source | None:
        """The source of a layer, made when it has none yet; None when there are too many."""
        source = layer.source
        if source is None:
            if not self._free:
                return None
            place = self._free.pop()
            source = layer.source = self.sources[place] = Source(self, place, layer, connection)
            ours, codec = self.struct(place), layer.up.codec
            ours.reception = layer.reception.state
            ours.payload_type = codec.payload_type
            ours.codec = _CODECS.get(codec.name, _OTHER_VIDEO) if layer.up.is_video else 0
        source.connection = connection
        return source

    def name(self, source: Source, key: bytes, ssrc: int) -> None:
        """From now on it is found by this address and SSRC."""
        ours = self.struct(source.place)
        if source.key:
            self._library.intake_remove(self._table, source.place)
        source.key, source.ssrc = key, ssrc
        ffi.memmove(ours.name, key, len(key))
        ours.ssrc = ssrc
        self._library.intake_add(self._table, source.place)

    def release(self, source: Source) -> None:
        """Forget a source."""
        if source.layer.source is not source:
            return
        source.disarm()
        if source.key:
            self._library.intake_remove(self._table, source.place)
        source.layer.source = self.sources[source.place] = None
        self._free.append(source.place)

    def take(self, batch: int, count: int, now: float, queue: Queue, slot: int) -> int:
        """Go through `count` datagrams, messages of `recvmmsg` that lie at `batch`. Their `RECORD`s stand in `records`
        then; gives how many slots from `slot` on have been used, `ROOM` at most."""
        used: int = self._library.intake_take(
            self._table, batch, count, now, self._protect, self._unprotect, queue.memory, slot, ROOM, self._records
        )
        return used
