"""The hot path: an authentic packet of a publisher goes to every viewer with a new header. Nothing is decoded,
awaited or logged here."""

from __future__ import annotations

import struct
from collections.abc import Callable

from media.aiortc_seam import MAX_PACKET, Address, PacketBuffer
from media.codecs import starts_key_frame
from media.connection import MAX_STRANGERS, Connection
from media.tracks import HISTORY, DownTrack, UpTrack

Send = Callable[[memoryview | bytes, Address], None]

_HEADER = struct.Struct("!BBHLL")
_OUTGOING = struct.Struct("!BBHLL8s")
_OUTGOING_BYTES = 20
_SSRC = struct.Struct("!L")
_LONGEST = MAX_PACKET - 64


class Forwarder:
    """Forwards RTP. `inbound` holds the packet being looked at."""

    def __init__(self, inbound: PacketBuffer, outbound: PacketBuffer, send: Send) -> None:
        self._in = inbound
        self._out = outbound
        self._send = send
        self.forwarded = 0
        """Packets sent to viewers so far."""
        self.on_key_frame_needed: Callable[[UpTrack, float], None] = lambda _up, _now: None

    def receive(self, connection: Connection, length: int, now: float) -> None:
        """Take the RTP packet of `length` bytes that lies in the inbound buffer."""
        srtp = connection.srtp
        if srtp is None or length < 12 or length > _LONGEST:
            return
        view = self._in.view
        ssrc: int = _SSRC.unpack_from(view, 8)[0]
        up = connection.ups.get(ssrc)
        is_repair = False
        if up is None:
            up = connection.repairs.get(ssrc)
            is_repair = up is not None
            if up is None and (ssrc in connection.strangers or len(connection.strangers) >= MAX_STRANGERS):
                return
        length = srtp.open_rtp(self._in, length)
        if length < 12:
            return
        connection.heard_at = now
        if up is None:
            self._introduce(connection, ssrc, length)
            up = connection.ups.get(ssrc)
            if up is None:
                up = connection.repairs.get(ssrc)
                is_repair = True
                if up is None:
                    return

        first, second, sequence, timestamp, _ = _HEADER.unpack_from(view)
        start = 12 + 4 * (first & 15)
        if first & 0x10:
            if start + 4 > length:
                return
            start += 4 + 4 * (view[start + 2] << 8 | view[start + 3])
        if first & 0x20:
            length -= view[length - 1]
        if start > length:
            return
        payload_type = second & 0x7F
        if is_repair:
            # RFC 4588 §4: the original sequence number leads the payload. Less is padding, sent to probe the line.
            if payload_type != up.repair_type or length - start < 2:
                return
            sequence = view[start] << 8 | view[start + 1]
            start += 2
            # Only a hole in the recent past may be filled, or a publisher could have two packets sealed as one.
            if (up.reception.highest - sequence & 0xFFFF) >= HISTORY:
                return
        elif payload_type != up.codec.payload_type:
            return
        else:
            up.reception.count(sequence, timestamp, now)
        self._forward(up, second & 0x80, sequence, timestamp, start, length, now)

    def _forward(
        self, up: UpTrack, marker: int, sequence: int, timestamp: int, start: int, end: int, now: float
    ) -> None:
        source, out = self._in, self._out
        size = end - start
        history = up.history
        if history is not None:
            # A packet that came before, or too late to tell, would be sealed under a nonce already used.
            kept = history[sequence & HISTORY - 1]
            if (kept is not None and kept[0] == sequence) or (up.reception.highest - sequence & 0xFFFF) >= HISTORY:
                return
            history[sequence & HISTORY - 1] = (sequence, timestamp, marker, bytes(source.view[start:end]))
        key_frame: bool | None = None
        for down in up.downs:
            if down.waiting:
                if key_frame is None:
                    key_frame = starts_key_frame(up.codec.name, source.view, start, end)
                    if not key_frame:
                        self.on_key_frame_needed(up, now)
                if not key_frame:
                    continue
                down.waiting = False
            address, srtp = down.connection.address, down.srtp
            if address is None or srtp is None:
                continue
            _OUTGOING.pack_into(
                out.view, 0, 0x90, marker | down.payload_type, sequence + down.sequence_offset & 0xFFFF,
                timestamp + down.timestamp_offset & 0xFFFFFFFF, down.ssrc, down.extension,
            )  # fmt: skip
            out.copy(_OUTGOING_BYTES, source, start, size)
            sealed = srtp.seal_rtp(out, _OUTGOING_BYTES + size)
            if sealed:
                self._send(out.view[:sealed], address)
                down.packets += 1
                down.octets += size
                self.forwarded += 1

    def repeat(self, down: DownTrack, sequence: int) -> bool:
        """Send a packet again from the history, `sequence` being the publisher's. False when it is not kept.

        The packet is byte for byte the one sent before, which AES-GCM needs: its nonce is the same.
        """
        history = down.up.history
        kept = history[sequence & HISTORY - 1] if history is not None else None
        address, srtp = down.connection.address, down.srtp
        if kept is None or kept[0] != sequence or down.waiting or address is None or srtp is None:
            return False
        _, timestamp, marker, payload = kept
        _OUTGOING.pack_into(
            self._out.view, 0, 0x90, marker | down.payload_type, sequence + down.sequence_offset & 0xFFFF,
            timestamp + down.timestamp_offset & 0xFFFFFFFF, down.ssrc, down.extension,
        )  # fmt: skip
        self._out.put(_OUTGOING_BYTES, payload)
        sealed = srtp.seal_rtp(self._out, _OUTGOING_BYTES + len(payload))
        if sealed:
            self._send(self._out.view[:sealed], address)
            self.forwarded += 1
        return True

    def _introduce(self, connection: Connection, ssrc: int, length: int) -> None:
        view = self._in.view
        mid = read_extension(view, length, connection.mid_number)
        connection.owner.introduce(ssrc, view[1] & 0x7F, mid)
        if ssrc not in connection.ups and ssrc not in connection.repairs:
            connection.strangers.add(ssrc)


def read_extension(packet: memoryview | bytes, length: int, number: int) -> str | None:
    """The text of a one-byte header extension element (RFC 8285 §4.2), or None when the packet has none."""
    at = 12 + 4 * (packet[0] & 15)
    if not number or not packet[0] & 0x10 or at + 4 > length or packet[at] != 0xBE or packet[at + 1] != 0xDE:
        return None
    end = min(length, at + 4 + 4 * (packet[at + 2] << 8 | packet[at + 3]))
    at += 4
    while at < end:
        element = packet[at]
        if element == 0:
            at += 1
            continue
        size = (element & 15) + 1
        if element >> 4 == number and at + 1 + size <= end:
            return bytes(packet[at + 1 : at + 1 + size]).decode("ascii", "replace")
        at += 1 + size
    return None
