"""The hot path: an authentic packet of a publisher goes to every viewer with a new header. Nothing is decoded,
awaited or logged here.

The file is long because it is one way from beginning to end: calls between its steps would cost at each packet.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from math import inf

from media import headers, red, switching, vp8
from media.aiortc_seam import MAX_PACKET, PacketBuffer
from media.codecs import starts_key_frame
from media.connection import MAX_STRANGERS, Connection
from media.fan_out import FanOut, Group
from media.incoming import Batch
from media.intake import LEFT, OPENED, RECORD, ROOM, TAKEN, Intake
from media.outgoing import Outbox
from media.redundancy import folded_for
from media.tracks import HISTORY, DownTrack, UpLayer
from media.watch import Nobody, Watch

_HEADER = struct.Struct("!BBHLL")
_SSRC = struct.Struct("!L")
OUTGOING = struct.Struct("!BBHLL8s")
"""A header with the mid as its one extension."""
OUTGOING_BYTES = 20
NUMBERED = struct.Struct("!BBHLL5sH5s")
"""A header with the mid and the transport-wide number."""
NUMBERED_BYTES = 24
_LONGEST = MAX_PACKET - 64
_FARTHEST = 1_000
"""A leap of sequence numbers greater than this is a new beginning, not a loss."""


class Forwarder:
    """Forwards RTP."""

    def __init__(self, datagrams: Outbox, fan_out: FanOut | None = None) -> None:
        self._datagrams = datagrams
        self._fan_out = fan_out
        self._intake = Intake(fan_out) if fan_out is not None and datagrams.queue is not None else None
        self.forwarded = 0
        """Packets sent to viewers so far."""
        self.watch: Watch = Nobody()
        self.heard: Callable[[UpLayer, int], None] = lambda _layer, _level: None
        """Called with the audio level of a packet, in -dBov (RFC 6464): 0 is the loudest, 127 silence."""

    def take(self, batch: Batch, count: int, now: float) -> Sequence[int]:
        """Forward what is ordinary of a batch of datagrams; gives the places of those that nobody has looked at."""
        intake, queue = self._intake, self._datagrams.queue
        if intake is None or queue is None:
            return range(count)
        slot = self._datagrams.take_slots(ROOM)
        used = intake.take(batch.messages_at, count, now, queue, slot)
        self._datagrams.give_back(ROOM - used)
        packets, sources, keep = batch.packets, intake.sources, self._datagrams.keep
        left: list[int] = []
        opened: list[tuple[int, int, int]] = []
        records = RECORD.iter_unpack(intake.records[: count * RECORD.size])
        for place, (kind, at, number, level, start, end, timestamp, sequence, marker) in enumerate(records):
            if kind == TAKEN:
                source = sources[at]
                if source is not None and source.group is not None:
                    connection, layer, group = source.connection, source.layer, source.group
                    history = layer.history
                    history[sequence & len(history) - 1] = (
                        sequence, timestamp, marker, bytes(packets[place].view[start:end])
                    )  # fmt: skip
                    connection.heard_at = now
                    if number >= 0 and connection.arrivals is not None:
                        connection.arrivals.note(number, now)
                    if level >= 0:
                        self.heard(layer, level)
                    if group.count:
                        keep(group.addresses)
                        self.forwarded += group.count
            elif kind == LEFT:
                left.append(place)
            elif kind == OPENED:
                opened.append((place, at, end))
        # Nothing of a source is taken behind what of it was left or opened, so each stream stays in order.
        for place, at, end in opened:
            if (source := sources[at]) is not None:
                self._go_on(source.connection, packets[place], end, now, source.key)
        return left

    def receive(self, connection: Connection, packet: PacketBuffer, length: int, now: float, key: bytes = b"") -> None:
        """Take an RTP packet of `length` bytes. `key` is the address by which its source may be known from now on."""
        srtp = connection.srtp
        if srtp is None or length < 12 or length > _LONGEST:
            return
        # The header is authenticated below, but never encrypted.
        ssrc = _SSRC.unpack_from(packet.view, 8)[0]
        if (
            ssrc not in connection.ups
            and ssrc not in connection.repairs
            and (ssrc in connection.strangers or len(connection.strangers) >= MAX_STRANGERS)
        ):
            return
        length = srtp.open_rtp(packet, length)
        if length >= 12:
            self._go_on(connection, packet, length, now, key)

    def _go_on(self, connection: Connection, packet: PacketBuffer, length: int, now: float, key: bytes) -> None:
        """Take an RTP packet that has proved authentic."""
        view = packet.view
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(view)
        connection.heard_at = now
        layer = connection.ups.get(ssrc)
        is_repair = False
        if layer is None:
            layer = connection.repairs.get(ssrc)
            is_repair = layer is not None
        if layer is None:
            self._introduce(connection, view, ssrc, length)
            layer = connection.ups.get(ssrc)
            if layer is None:
                layer = connection.repairs.get(ssrc)
                is_repair = True
                if layer is None:
                    return

        start = 12 + 4 * (first & 15)
        if first & 0x10:
            if start + 4 > length:
                return
            words = view[start + 2] << 8 | view[start + 3]
            # A sender's packets of one stream are mostly laid out like the last one.
            if is_repair:
                number_at, level_at = _place(view, length, connection.transport_number, 2), 0
            else:
                if words != layer.extension_words or not _stand(layer, view, connection):
                    _look(layer, view, length, words, connection)
                number_at, level_at = layer.number_at, layer.level_at
            if number_at and number_at + 2 <= length and connection.arrivals is not None:
                connection.arrivals.note(view[number_at] << 8 | view[number_at + 1], now)
            if level_at and level_at < length:
                self.heard(layer, view[level_at] & 0x7F)
            start += 4 + 4 * words
        if first & 0x20:
            length -= view[length - 1]
        if start > length:
            return
        up = layer.up
        payload_type = second & 0x7F
        ahead = 0
        if is_repair:
            # RFC 4588 §4: the original sequence number leads the payload. Less is padding, sent to probe the line.
            if payload_type != up.repair_type or length - start < 2:
                return
            sequence = view[start] << 8 | view[start + 1]
            start += 2
            # Only a hole in the recent past may be filled, or a publisher could have two packets sealed as one.
            if (layer.reception.highest - sequence & 0xFFFF) >= HISTORY:
                return
            asked = layer.asked.pop(sequence, None)
            if asked is not None and asked[1] == 1:
                connection.repair_s += (now - asked[0] - connection.repair_s) / 8
        elif payload_type == up.codec.payload_type or payload_type == up.red_type:
            ahead = layer.reception.count(sequence, timestamp, now)
            if ahead != 1:
                if 1 < ahead < _FARTHEST:
                    self.watch.gap(layer, sequence - ahead + 1 & 0xFFFF, ahead - 1)
                else:
                    layer.asked.pop(sequence, None)
            layer.reception.state.octets += length - 12
            if payload_type == up.red_type:
                self._unfold(layer, packet, second & 0x80, sequence, timestamp, start, length, ahead, now)
                return
        else:
            return
        self._forward(layer, packet, second & 0x80, sequence, timestamp, start, length, ahead, now)
        if key and ahead > 0:
            self._arm(connection, layer, key)

    def _arm(self, connection: Connection, layer: UpLayer, key: bytes) -> None:
        """Let C take the next packet if nothing but its being the next one matters."""
        intake, fan_out, ssrc, srtp = self._intake, self._fan_out, layer.ssrc, connection.srtp
        if intake is None or fan_out is None or ssrc is None or srtp is None or layer.awaiting:
            return
        absent = not layer.number_at and connection.transport_number
        if absent or not (layer.level_at or layer.up.is_video or not connection.level_number):
            return  # it would have to be looked for in each packet
        group = fan_out.group(layer)
        if group is None or group.rest or connection.ups.get(ssrc) is not layer:
            return
        source = intake.source(connection, layer)
        if source is not None:
            source.arm(key, ssrc, srtp, group)

    def _forward(
        self, layer: UpLayer, source: PacketBuffer, marker: int, sequence: int, timestamp: int,
        start: int, end: int, ahead: int, now: float,
    ) -> None:  # fmt: skip
        up = layer.up
        view = source.view
        history = layer.history
        place = sequence & len(history) - 1
        # A packet that came before, or too late to tell, would be sealed under a nonce already used.
        if ahead <= 0:
            kept = history[place]
            if (kept is not None and kept[0] == sequence) or (layer.reception.highest - sequence & 0xFFFF) >= len(
                history
            ):
                return
        history[place] = (sequence, timestamp, marker, bytes(view[start:end]))
        state = layer.reception.state
        if marker:
            state.frames += 1
            if ahead > 0:
                state.frame_at = now
        is_video = up.is_video
        if is_video:
            if timestamp == state.key_timestamp:
                state.key_octets += end - start
            elif (layer.awaiting or timestamp != state.frame_timestamp) and starts_key_frame(
                up.codec.name, view, start, end
            ):
                state.key_timestamp, state.key_octets, layer.key_wanted = timestamp, end - start, False
                layer.key_sequence, layer.broken_since = sequence, inf
                if up.codec.name == "VP8":
                    layer.height = vp8.height(view, start, end) or layer.height
                self._enter(layer, view, sequence, timestamp, start, end, now)
            elif layer.awaiting:
                self.watch.key_frame_needed(layer, now)
            state.frame_timestamp = timestamp
        elif layer.awaiting:
            self._enter(layer, view, sequence, timestamp, start, end, now)
        downs = layer.downs
        if ahead > 0 and self._fan_out is not None and (group := self._fan_out.group(layer)) is not None:
            if group.count:
                self._send_group(group, source, marker, sequence, timestamp, start, end, now)
            downs = group.rest
        for down in downs:
            if ahead <= 0 and not down.epochs[-1].holds(sequence):
                continue  # from before this viewer was fed from the layer
            if down.single and timestamp != state.key_timestamp:
                self._leave_still(down)
                continue
            self.copy(down, source, marker, sequence, timestamp, start, end, now)
            if down.single and marker:
                self._leave_still(down)

    def _send_group(
        self, group: Group, source: PacketBuffer, marker: int, sequence: int, timestamp: int,
        start: int, end: int, now: float,
    ) -> None:  # fmt: skip
        """Send its copy to each viewer of a group, by the built loop."""
        datagrams, fan_out = self._datagrams, self._fan_out
        if fan_out is None:
            return
        count = group.count
        first = datagrams.take_slots(count)
        queue = datagrams.queue
        fan_out.send(
            group, source, marker, sequence, timestamp, start, end, datagrams.slots[first].at, now, queue, first
        )
        if queue is None:
            datagrams.write_row(group.addresses, first, fan_out.lengths)
        else:
            datagrams.keep(group.addresses)
        self.forwarded += count

    def _enter(
        self, layer: UpLayer, view: memoryview, sequence: int, timestamp: int, start: int, end: int, now: float
    ) -> None:
        for down in layer.awaiting:
            switching.enter(down, layer, sequence, timestamp, view, start, end, now)
            self.watch.begun(down, now)

    def copy(
        self, down: DownTrack, source: PacketBuffer, marker: int, sequence: int, timestamp: int,
        start: int, end: int, now: float,
    ) -> None:  # fmt: skip
        """Send one viewer its copy of a packet."""
        connection = down.connection
        address, srtp = connection.address, down.srtp
        if address is None or srtp is None:
            return
        datagrams = self._datagrams
        slot = datagrams.take_slot()
        out = datagrams.slots[slot]
        size = end - start
        second = marker | down.payload_type
        folded: bytes | None = None
        if down.redundancy and down.red_type is not None:
            folded = folded_for(down, source.view[start:end], sequence, timestamp)
            second = marker | down.red_type
            size = len(folded)
        if not connection.numbered:
            OUTGOING.pack_into(
                out.view, 0, 0x90, second, sequence + down.sequence_offset & 0xFFFF,
                timestamp + down.timestamp_offset & 0xFFFFFFFF, down.ssrc, down.extension,
            )  # fmt: skip
            begin = OUTGOING_BYTES
            number = 0
        else:
            number = connection.numbers[0]
            connection.numbers[0] = number + 1 & 0xFFFF
            NUMBERED.pack_into(
                out.view, 0, 0x90, second, sequence + down.sequence_offset & 0xFFFF,
                timestamp + down.timestamp_offset & 0xFFFFFFFF, down.ssrc,
                down.number_before, number, down.number_after,
            )  # fmt: skip
            begin = NUMBERED_BYTES
        if folded is not None:
            out.put(begin, folded)
        else:
            out.copy(begin, source, start, size)
            if down.picture_offset or down.base_layer_offset:
                descriptor = vp8.read(out.view, begin, begin + size)
                if descriptor is not None:
                    vp8.rewrite(out.view, begin, descriptor, down.picture_offset, down.base_layer_offset)
        sealed = srtp.seal_rtp(out, begin + size)
        if not sealed:
            return
        down.packets += 1
        down.octets += size
        self.forwarded += 1
        if connection.numbered:
            pacer = connection.pacer
            if pacer is not None:
                pacer.push(bytes(out.view[:sealed]), not down.up.is_video, number)
                return
            connection.estimate.sent(number, sealed, now)
        datagrams.write(address, slot, sealed)

    def _unfold(
        self, layer: UpLayer, packet: PacketBuffer, marker: int, sequence: int, timestamp: int,
        start: int, end: int, ahead: int, now: float,
    ) -> None:  # fmt: skip
        """Forward the primary block of redundant audio, and before it what was lost and rides along."""
        blocks = red.read(packet.view, start, end)
        if blocks is None:
            return
        if ahead > 1:
            missing = min(ahead, len(blocks)) - 1
            for age in range(missing, 0, -1):
                offset, block_start, block_end = blocks[-1 - age]
                number = sequence - age & 0xFFFF
                if offset and block_end > block_start:
                    layer.asked.pop(number, None)
                    self._forward(
                        layer, packet, 0, number, timestamp - offset & 0xFFFFFFFF, block_start, block_end, 0, now
                    )
        _, primary, primary_end = blocks[-1]
        if primary < primary_end:
            self._forward(layer, packet, marker, sequence, timestamp, primary, primary_end, ahead, now)

    def _leave_still(self, down: DownTrack) -> None:
        down.single = False
        switching.aim(down, None)

    def _introduce(self, connection: Connection, view: memoryview, ssrc: int, length: int) -> None:
        mid = headers.text(view, length, connection.mid_number)
        rid = headers.text(view, length, connection.rid_number)
        repaired = headers.text(view, length, connection.repaired_rid_number)
        connection.owner.introduce(ssrc, view[1] & 0x7F, mid, rid or repaired)
        if ssrc not in connection.ups and ssrc not in connection.repairs:
            connection.strangers.add(ssrc)


def _stand(layer: UpLayer, view: memoryview, connection: Connection) -> bool:
    """Whether number and level stand where they stood, by what stands before them: browsers leave the mid away once it
    has been heard, which may move them in extensions as long as before."""
    number_at, level_at = layer.number_at, layer.level_at
    if (view[number_at - 1] != layer.number_head) if number_at else connection.transport_number:
        return False
    if layer.up.is_video:
        return True
    return view[level_at - 1] == layer.level_head if level_at else not connection.level_number


def _look(layer: UpLayer, view: memoryview, length: int, words: int, connection: Connection) -> None:
    layer.extension_words = words
    layer.number_at = _place(view, length, connection.transport_number, 2)
    layer.level_at = 0 if layer.up.is_video else _place(view, length, connection.level_number, 1)
    layer.number_head, layer.level_head = view[layer.number_at - 1], view[layer.level_at - 1]


def _place(view: memoryview, length: int, number: int, size: int) -> int:
    """Where the data of a header extension of that size begins, or 0."""
    found = headers.find(view, length, number)
    return found[0] if found is not None and found[1] == size else 0
