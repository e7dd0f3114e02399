"""RTCP between publishers, worker and viewers: key frames, repair, reports, and the bitrate allowed to publishers."""

from __future__ import annotations

import secrets

from media import rtcp
from media.aiortc_seam import PacketBuffer
from media.api import Direction
from media.connection import Connection
from media.forwarding import Forwarder, Send
from media.tracks import DownTrack, UpTrack

KEY_FRAME_INTERVAL_S = 0.5
"""One request for a key frame at most goes to a source in this time: each costs the publisher a large frame."""
REPORT_INTERVAL_S = 1.0
NACK_INTERVAL_S = 0.04
"""A packet is asked of the publisher again at the earliest after this time."""
REPAIRS_PER_TICK = 100
"""Packets repeated to one viewer between two ticks at most."""
_MOST_ASKED = 256
_AUDIO_BITRATE = 128_000


class Feedback:
    """Reads and writes RTCP. `inbound` holds the packet being looked at."""

    def __init__(
        self, inbound: PacketBuffer, outbound: PacketBuffer, send: Send, forwarder: Forwarder, video_bitrate: int
    ) -> None:
        self._in = inbound
        self._out = outbound
        self._send_datagram = send
        self._forwarder = forwarder
        self._video_bitrate = video_bitrate
        self._name = secrets.token_hex(8)
        forwarder.on_key_frame_needed = self.ask_key_frame

    def receive(self, connection: Connection, length: int, now: float) -> None:
        """Take the RTCP packet of `length` bytes that lies in the inbound buffer."""
        srtp = connection.srtp
        length = srtp.open_rtcp(self._in, length) if srtp is not None else 0
        if not length:
            return
        connection.heard_at = now
        # The buffer is used again for what is sent in answer, so the packet is read from a copy.
        data = bytes(self._in.view[:length])
        for packet in rtcp.walk(data, length):
            if packet.kind == rtcp.SENDER_REPORT and connection.direction is Direction.PUBLISH:
                self._take_report(connection, rtcp.sender_report(data, packet), now)
            elif packet.kind == rtcp.PAYLOAD_FEEDBACK:
                for source in rtcp.key_frame_sources(data, packet):
                    if (down := connection.downs.get(source)) is not None:
                        self.ask_key_frame(down.up, now)
            elif packet.kind == rtcp.TRANSPORT_FEEDBACK and packet.count == rtcp.NACK:
                source_ssrc = rtcp.media_source(data, packet)
                if source_ssrc is not None and (asked := connection.downs.get(source_ssrc)) is not None:
                    self._repair(asked, rtcp.missing(data, packet), now)

    def ask_key_frame(self, up: UpTrack, now: float) -> None:
        """Ask the publisher for a key frame, now or as soon as the interval allows."""
        if up.track.kind != "video":
            return
        if now - up.key_asked_at < KEY_FRAME_INTERVAL_S or up.ssrc is None or up.connection.srtp is None:
            up.key_wanted = True
            return
        up.key_asked_at, up.key_wanted = now, False
        self._send(up.connection, rtcp.write_picture_loss(up.connection.ssrc, up.ssrc))

    def begin(self, down: DownTrack, now: float) -> None:
        """A viewer begins to receive a track: it needs a key frame, and the clocks for lip sync."""
        self.ask_key_frame(down.up, now)
        self._report_down(down, now)

    def tick(self, connection: Connection, now: float) -> None:
        """What falls due with time. Called about ten times a second for each connection that is up."""
        connection.repair_budget = REPAIRS_PER_TICK
        if connection.direction is Direction.PUBLISH:
            for up in connection.ups.values():
                if up.key_wanted:
                    self.ask_key_frame(up, now)
            if now - connection.reported_at >= REPORT_INTERVAL_S:
                self.report(connection, now)

    def report(self, connection: Connection, now: float) -> None:
        """Tell a publisher how its streams arrive and how much it may send."""
        connection.reported_at = now
        if not connection.ups:
            return
        blocks = []
        limit = 0
        for ssrc, up in connection.ups.items():
            limit += self._video_bitrate if up.track.kind == "video" else _AUDIO_BITRATE
            if up.reception.received:
                last = 0 if up.report is None else up.report.ntp >> 16 & 0xFFFFFFFF
                blocks.append(up.reception.block(ssrc, last, now - up.report_at))
        packet = rtcp.write_receiver_report(connection.ssrc, blocks) + rtcp.write_name(connection.ssrc, self._name)
        self._send(connection, packet + rtcp.write_bitrate_limit(connection.ssrc, limit, list(connection.ups)))

    def _take_report(self, connection: Connection, report: rtcp.SenderReport | None, now: float) -> None:
        up = None if report is None else connection.ups.get(report.ssrc)
        if up is None:
            return
        up.report, up.report_at = report, now
        for down in up.downs:
            self._report_down(down, now)

    def _report_down(self, down: DownTrack, now: float) -> None:
        """Pass the publisher's clocks on, moved to now and to the viewer's numbers."""
        report = down.up.report
        if report is None:
            return
        elapsed = now - down.up.report_at
        moved = rtcp.SenderReport(
            ssrc=down.ssrc,
            ntp=report.ntp + int(elapsed * (1 << 32)) & 0xFFFFFFFFFFFFFFFF,
            rtp=report.rtp + int(elapsed * down.up.codec.clock_rate) + down.timestamp_offset,
            packets=down.packets,
            octets=down.octets,
        )
        name = rtcp.write_name(down.ssrc, down.up.stream_id)
        self._send(down.connection, rtcp.write_sender_report(moved) + name)

    def _repair(self, down: DownTrack, numbers: list[int], now: float) -> None:
        """Answer a viewer's NACK from the history; what the worker lacks itself is asked of the publisher."""
        up, connection = down.up, down.connection
        lacking = []
        for number in numbers:
            if connection.repair_budget <= 0:
                break
            connection.repair_budget -= 1
            sequence = number - down.sequence_offset & 0xFFFF
            if not self._forwarder.repeat(down, sequence) and now - up.asked.get(sequence, 0.0) >= NACK_INTERVAL_S:
                lacking.append(sequence)
        if lacking and up.ssrc is not None and up.history is not None:
            if len(up.asked) + len(lacking) > _MOST_ASKED:
                up.asked.clear()
            up.asked.update(dict.fromkeys(lacking, now))
            self._send(up.connection, rtcp.write_nack(up.connection.ssrc, up.ssrc, lacking))

    def _send(self, connection: Connection, packet: bytes) -> None:
        if connection.srtp is None or connection.address is None:
            return
        self._out.put(0, packet)
        sealed = connection.srtp.seal_rtcp(self._out, len(packet))
        if sealed:
            self._send_datagram(self._out.view[:sealed], connection.address)
