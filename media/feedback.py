"""RTCP between publishers, worker and viewers: key frames, repair, reports, and how much may be sent."""

from __future__ import annotations

import secrets

from media import rtcp, transport_feedback
from media.aiortc_seam import PacketBuffer
from media.api import Direction
from media.coming import STILLS_RATE
from media.connection import MAX_REPORTERS, Connection
from media.forwarding import Forwarder
from media.outgoing import Outbox
from media.repair import REPAIR_OCTETS, Repair
from media.resending import Resender
from media.tracks import DownTrack

REPORT_INTERVAL_S = 1.0
STATUSES = 4 * transport_feedback.MOST_STATUSES
"""Statuses of transport-wide feedback that are read of a connection between two ticks: 40,000 packets a second."""
_LEAST_REPORT_S = 0.1
"""Sender reports that come sooner after each other are not passed on: each becomes one for every viewer."""
_AUDIO_BITRATE = 128_000
_THIN, _STANDING_S = 130_000, 0.1
"""Bit/s and seconds of queue at which a viewer's line has no room for redundant audio."""
_SEAL = 20
"""Octets that SRTCP puts behind packets: an index of 4, and with AES-GCM a tag of 16 (RFC 3711 §3.4, RFC 7714 §9)."""
_LEAST_STATUSES = 64
"""What a feedback costs of the budget at least, whether it can be read or not."""
_LOSSY, _CLEAN = 0.02, 0.005
"""Shares of lost audio packets from which redundancy rides along, and below which it is given up."""


class Feedback:
    """Reads and writes RTCP."""

    def __init__(self, datagrams: Outbox, forwarder: Forwarder, video_bitrate: int) -> None:
        self._datagrams = datagrams
        self._video_bitrate = video_bitrate
        self._name = secrets.token_hex(8)
        self.resender = Resender(datagrams, forwarder)
        self.repair = Repair(self.resender, self._send, self._report_down)
        forwarder.watch = self.repair

    def receive(self, connection: Connection, buffer: PacketBuffer, length: int, now: float) -> None:
        """Take the RTCP packet of `length` bytes."""
        srtp, data = connection.srtp, buffer.view
        if srtp is None or length < 8:
            return
        if (
            data[1] == rtcp.TRANSPORT_FEEDBACK
            and data[0] & 31 == rtcp.TRANSPORT_WIDE
            and length - 4 - 4 * (data[2] << 8 | data[3]) <= _SEAL
            and connection.estimate.rests(now)
        ):
            return  # it would not be read, and nothing stands behind it: its head, which says so, is not encrypted
        sender = rtcp.sender(data)
        is_known = sender in connection.reporters or sender in connection.ups
        if not is_known and len(connection.reporters) >= MAX_REPORTERS:
            return
        length = srtp.open_rtcp(buffer, length)
        if not length:
            return
        if not is_known:
            connection.reporters.add(sender)
        connection.heard_at, connection.proved = now, True
        for packet in rtcp.walk(data, length):
            if packet.kind == rtcp.SENDER_REPORT:
                if connection.direction is Direction.PUBLISH:
                    self._take_report(connection, rtcp.sender_report(data, packet), now)
            elif packet.kind == rtcp.RECEIVER_REPORT:
                self._take_blocks(connection, rtcp.report_blocks(data, packet), now)
            elif packet.kind == rtcp.PAYLOAD_FEEDBACK:
                for source in rtcp.key_frame_sources(data, packet):
                    if (down := connection.downs.get(source)) is not None and (layer := down.layer) is not None:
                        # Who is on the way to a smaller layer is helped by that one's.
                        self.repair.ask_key_frame(layer if layer.watched else down.target or layer, now)
                if (
                    connection.direction is Direction.SUBSCRIBE
                    and (limit := rtcp.bitrate_limit(data, packet)) is not None
                ):
                    connection.estimate.limit(limit, now, _sending(connection))
            elif packet.kind == rtcp.TRANSPORT_FEEDBACK:
                if packet.count == rtcp.NACK:
                    if connection.repair_budget <= 0:
                        continue
                    source_ssrc = rtcp.media_source(data, packet)
                    if source_ssrc is not None and (asked := connection.downs.get(source_ssrc)) is not None:
                        self.repair.answer(asked, rtcp.missing(data, packet), now)
                elif packet.count == rtcp.TRANSPORT_WIDE and connection.numbered and connection.status_budget > 0:
                    if connection.estimate.rests(now):
                        continue  # it came with others, which were read
                    report = transport_feedback.read(data, packet)
                    connection.status_budget -= max(len(report), _LEAST_STATUSES)
                    connection.estimate.feedback(report, now)

    def begin(self, down: DownTrack, now: float) -> None:
        """A viewer begins to receive a track: it needs a key frame."""
        if down.target is not None:
            self.repair.ask_key_frame(down.target, now)

    def tick(self, connection: Connection, now: float) -> None:
        """What falls due with time. Called about ten times a second for each connection that is up."""
        connection.repair_budget, connection.status_budget = REPAIR_OCTETS, STATUSES
        if connection.direction is not Direction.PUBLISH:
            if connection.numbered and now - connection.reported_at >= REPORT_INTERVAL_S:
                connection.reported_at = now
                self.protect(connection)
            return
        for layer in connection.ups.values():
            if layer.up.is_video:
                layer.forget()
        if connection.arrivals is not None:
            source = next(iter(connection.ups), 0)
            for packet in connection.arrivals.packets(connection.ssrc, source):
                self._send(connection, packet)
        if now - connection.reported_at >= REPORT_INTERVAL_S:
            self.report(connection, now)

    def report(self, connection: Connection, now: float) -> None:
        """Tell a publisher how its streams arrive and how much it may send."""
        connection.reported_at = now
        if not connection.ups:
            return
        blocks = []
        limits = {}
        for ssrc, layer in connection.ups.items():
            limits[layer.up.track.track_id] = self._video_bitrate if layer.up.is_video else _AUDIO_BITRATE
            if layer.reception.received:
                last = 0 if layer.report is None else layer.report.ntp >> 16 & 0xFFFFFFFF
                blocks.append(layer.reception.block(ssrc, last, now - layer.report_at))
            elapsed = now - layer.counted_at
            octets = layer.octets - layer.counted_octets
            frames = layer.frames - layer.counted_frames
            layer.counted_at, layer.counted_octets, layer.counted_frames = now, layer.octets, layer.frames
            if 0 < elapsed < 10 * REPORT_INTERVAL_S:
                bitrate = octets * 8 / elapsed
                # A second with a key frame says more than the layer needs, one in which it began or ended less.
                layer.bitrate = (layer.bitrate + bitrate) / 2 if layer.bitrate and bitrate else bitrate
                if frames >= 0.7 * layer.frame_rate * elapsed and bitrate:
                    layer.known_bitrate = layer.bitrate
                layer.frame_rate = _frame_rate(layer.frame_rate, frames / elapsed)
            for down in layer.downs:
                down.epochs[-1].settle()
        packet = rtcp.write_receiver_report(connection.ssrc, blocks) + rtcp.write_name(connection.ssrc, self._name)
        limit = rtcp.write_bitrate_limit(connection.ssrc, sum(limits.values()), list(connection.ups))
        self._send(connection, packet + limit)

    def _take_report(self, connection: Connection, report: rtcp.SenderReport | None, now: float) -> None:
        layer = None if report is None else connection.ups.get(report.ssrc)
        if layer is None or (layer.report is not None and now - layer.report_at < _LEAST_REPORT_S):
            return
        layer.report, layer.report_at = report, now
        for down in layer.downs:
            self._report_down(down, now)

    def protect(self, connection: Connection) -> None:
        """Give a viewer's audio the redundancy that its losses call for: its reports of audio come each 5 s only."""
        lost = connection.estimate.loss_rate
        for down in connection.downs.values():
            if down.red_type is not None:
                self._protect(down, lost)

    def _protect(self, down: DownTrack, lost: float) -> None:
        before = down.redundancy
        if lost > _LOSSY:
            down.redundancy = 2 if lost > 5 * _LOSSY else max(1, before)
        elif lost < _CLEAN and before:
            down.redundancy -= 1
        down.redundancy = min(down.redundancy, _affordable(down.connection))
        if down.redundancy != before:
            down.connection.changed()

    def _take_blocks(self, connection: Connection, blocks: list[rtcp.ReportBlock], now: float) -> None:
        """What a viewer says of its losses: by them audio gets redundancy, and thin lines their measure."""
        worst = 0.0
        for block in blocks:
            down = connection.downs.get(block.ssrc)
            if down is None:
                continue
            lost = block.fraction / 256
            worst = max(worst, lost)
            if down.red_type is not None:
                self._protect(down, lost)
        if blocks and connection.direction is Direction.SUBSCRIBE:
            connection.estimate.loss(worst, now)

    def _report_down(self, down: DownTrack, now: float) -> None:
        """Pass the publisher's clocks on, moved to now and to the viewer's numbers."""
        layer = down.layer
        if layer is None or layer.report is None:
            return
        report = layer.report
        elapsed = now - layer.report_at
        packets, octets = down.sent
        moved = rtcp.SenderReport(
            ssrc=down.ssrc,
            ntp=report.ntp + int(elapsed * (1 << 32)) & 0xFFFFFFFFFFFFFFFF,
            rtp=report.rtp + int(elapsed * down.up.codec.clock_rate) + down.timestamp_offset,
            packets=packets,
            octets=octets,
        )
        name = rtcp.write_name(down.ssrc, down.up.stream_id)
        self._send(down.connection, rtcp.write_sender_report(moved) + name)

    def _send(self, connection: Connection, packet: bytes) -> None:
        if connection.srtp is None or connection.address is None:
            return
        slot = self._datagrams.take_slot()
        out = self._datagrams.slots[slot]
        out.put(0, packet)
        sealed = connection.srtp.seal_rtcp(out, len(packet))
        if sealed:
            self._datagrams.write(connection.address, slot, sealed)


def _frame_rate(before: float, lately: float) -> float:
    """Smoothed, and faster down than up. What stops at once is not taken for stills, which come now and then."""
    if not lately and before >= STILLS_RATE:
        return 0.0
    return before + (lately - before) * (0.5 if lately > before else 0.75)


def _sending(viewer: Connection) -> float:
    """Bit/s that go to a viewer now."""
    return sum(down.layer.bitrate for down in viewer.downs.values() if down.layer is not None)


def _affordable(viewer: Connection) -> int:
    """How much redundancy a line has room for: on a thin one it would be what fills the queue."""
    estimate = viewer.estimate
    if estimate.bitrate < _THIN or estimate.queue_s > _STANDING_S:
        return 0
    return 1 if estimate.bitrate < 2 * _THIN else 2
