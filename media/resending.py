"""Packets of a layer's history that go to one viewer: what it misses, fills its line, or begins a picture."""

from __future__ import annotations

from media import switching, vp8
from media.aiortc_seam import PacketBuffer
from media.forwarding import NUMBERED, NUMBERED_BYTES, OUTGOING, OUTGOING_BYTES, Forwarder
from media.outgoing import Outbox
from media.pacing import Datagram
from media.tracks import DownTrack, UpLayer

_MOST_PADDING = 255
_MOST_PROBES = 200
_NEWEST_S = 0.7
_MOST_REPLAYED = 96
_MOST_REPLAYED_OCTETS = 100_000
"""A key frame that is older, or has more behind it, costs more than a new one."""


class Resender:
    """Sends from the history."""

    def __init__(self, datagrams: Outbox, forwarder: Forwarder) -> None:
        self._datagrams = datagrams
        self._forwarder = forwarder
        self._spare = PacketBuffer()

    def replay(self, down: DownTrack, layer: UpLayer, now: float) -> bool:
        """Begin a viewer's stream with the layer's newest key frame and all that came since, if all of it is kept and
        little: the first picture need not wait for another key frame. False when it needs one."""
        if down.tail is not None or down.layer is not None or layer.key_sequence < 0 or not layer.up.is_video:
            return False
        newest = layer.reception
        count = (newest.highest - layer.key_sequence & 0xFFFF) + 1
        age = newest.timestamp - layer.key_timestamp & 0xFFFFFFFF
        if count > _MOST_REPLAYED or age > _NEWEST_S * layer.up.codec.clock_rate:
            return False
        if now - layer.frame_at > _NEWEST_S:
            return False
        packets = []
        for more in range(count):
            number = layer.key_sequence + more & 0xFFFF
            kept = layer.history[number & len(layer.history) - 1]
            if kept is None or kept[0] != number or not kept[3]:
                return False
            packets.append(kept)
        if sum(len(kept[3]) for kept in packets) > _MOST_REPLAYED_OCTETS:
            return False
        _, timestamp, _, payload = packets[0]
        switching.enter(down, layer, layer.key_sequence, timestamp, payload, 0, len(payload), now)
        self._forwarder.watch.begun(down, now)
        spare = self._spare
        for number, timestamp, marker, payload in packets:
            spare.put(12, payload)
            self._forwarder.copy(down, spare, marker, number, timestamp, 12, 12 + len(payload), now)
        return True

    def repeat(self, down: DownTrack, sequence: int, now: float) -> bool:
        """Send a viewer a packet again from the history, `sequence` being the viewer's. False when it is not kept.

        By RTX (RFC 4588) when the viewer takes it. Else the packet is byte for byte the one sent before, which AES-GCM
        needs, since its nonce is the same: such a viewer is given no transport-wide numbers.
        """
        found = switching.origin(down, sequence)
        connection = down.connection
        address, srtp = connection.address, down.srtp
        # Audio may have gone out with other redundancy the first time: never twice under one nonce.
        if found is None or address is None or srtp is None or not down.up.is_video:
            return False
        if connection.numbered and not down.repair_ssrc:
            return False  # it went out with a number that is not kept
        epoch, number = found
        kept = epoch.layer.history[number & len(epoch.layer.history) - 1]
        if kept is None or kept[0] != number or not kept[3]:
            return False
        if epoch is not down.epochs[-1] and epoch.layer.up.codec.name == "VP8":
            return True  # its picture ids have gone with the layer, and a key frame has come since
        _, timestamp, marker, payload = kept
        datagrams = self._datagrams
        slot = datagrams.take_slot()
        out = datagrams.slots[slot]
        timestamp = timestamp + epoch.timestamp_offset & 0xFFFFFFFF
        number_sent = 0
        if down.repair_ssrc:
            down.repair_sequence = down.repair_sequence + 1 & 0xFFFF
            if connection.numbered:
                number_sent = connection.numbers[0]
                connection.numbers[0] = number_sent + 1 & 0xFFFF
                NUMBERED.pack_into(
                    out.view, 0, 0x90, marker | down.repair_type, down.repair_sequence, timestamp, down.repair_ssrc,
                    down.number_before, number_sent, down.number_after,
                )  # fmt: skip
                begin = NUMBERED_BYTES
            else:
                OUTGOING.pack_into(
                    out.view, 0, 0x90, marker | down.repair_type, down.repair_sequence, timestamp, down.repair_ssrc,
                    down.extension,
                )  # fmt: skip
                begin = OUTGOING_BYTES
            out.view[begin], out.view[begin + 1] = sequence >> 8, sequence & 0xFF
            begin += 2
        else:
            OUTGOING.pack_into(
                out.view, 0, 0x90, marker | down.payload_type, sequence, timestamp, down.ssrc, down.extension
            )
            begin = OUTGOING_BYTES
        out.put(begin, payload)
        if down.picture_offset or down.base_layer_offset:
            descriptor = vp8.read(out.view, begin, begin + len(payload))
            if descriptor is not None:
                vp8.rewrite(out.view, begin, descriptor, down.picture_offset, down.base_layer_offset)
        sealed = srtp.seal_rtp(out, begin + len(payload))
        if sealed:
            self._forwarder.forwarded += 1
            if connection.numbered and down.repair_ssrc:
                if connection.pacer is not None:
                    # Ahead of the video that waits: what is missing holds up the picture.
                    connection.pacer.push(bytes(out.view[:sealed]), True, number_sent)
                    return True
                connection.estimate.sent(number_sent, sealed, now)
            datagrams.write(address, slot, sealed)
        return True

    def padding(self, down: DownTrack, octets: int, most: int) -> list[Datagram]:
        """Datagrams of about that many octets in all, `most` each, which show what a viewer's line carries.

        They go by the repair stream, as padding alone (RFC 3550 §5.1), or for large ones as packets sent before.
        """
        connection, srtp, layer = down.connection, down.srtp, down.layer
        found: list[Datagram] = []
        if srtp is None or not down.repair_ssrc or not connection.numbered:
            return found
        kept = [one for one in layer.history if one is not None and one[3]] if layer is not None and down.epochs else []
        old = iter([one for one in kept if most > _MOST_PADDING and down.epochs[-1].holds(one[0])])
        while octets > 0 and len(found) < _MOST_PROBES:
            one = next(old, None)
            if one is None:
                body = bytes(_MOST_PADDING - 1) + bytes((_MOST_PADDING,))
                first, stamp = 0xB0, down.timestamp_offset
            else:
                body = (one[0] + down.sequence_offset & 0xFFFF).to_bytes(2, "big") + one[3]
                first, stamp = 0x90, one[1] + down.timestamp_offset & 0xFFFFFFFF
            down.repair_sequence = down.repair_sequence + 1 & 0xFFFF
            number = connection.numbers[0]
            connection.numbers[0] = number + 1 & 0xFFFF
            out = self._spare
            NUMBERED.pack_into(
                out.view, 0, first, down.repair_type, down.repair_sequence, stamp, down.repair_ssrc,
                down.number_before, number, down.number_after,
            )  # fmt: skip
            out.put(NUMBERED_BYTES, body)
            if one is not None and (down.picture_offset or down.base_layer_offset):
                descriptor = vp8.read(out.view, NUMBERED_BYTES + 2, NUMBERED_BYTES + len(body))
                if descriptor is not None:
                    vp8.rewrite(out.view, NUMBERED_BYTES + 2, descriptor, down.picture_offset, down.base_layer_offset)
            sealed = srtp.seal_rtp(out, NUMBERED_BYTES + len(body))
            if not sealed:
                break
            found.append(Datagram(bytes(out.view[:sealed]), False, number))
            octets -= sealed
        return found
