"""A publisher and two viewers who mean ill, one with everything negotiated that there is and one with neither RTX nor
transport-wide numbers, beside a publisher who does not."""

from __future__ import annotations

import struct

from media import rtcp, switching
from media.address import Address
from media.api import Direction, Track
from media.codecs import H264
from media.connection import Connection
from media.sdp import Codec
from media.tracks import DownTrack, UpTrack
from media.transport_feedback import Arrivals
from tests.media.test_forwarding import MEDIA, OUT, REPAIR, VIEWER, Line

AUDIO, LOW, HIGH, HONEST = 3001, 4001, 4002, 5001
SOURCES = (MEDIA, REPAIR, AUDIO, LOW, HIGH, 77)
TYPES = (96, 97, 111, 63, 102, 13)
"""VP8, its repair, Opus, RED, H.264, and something that nobody negotiated."""


class HostileLine(Line):
    """`media` and `control` take plain packets; whatever they hold is authentic to the worker."""

    def __init__(self) -> None:
        super().__init__()
        self.sealed: dict[tuple[int, int, int], bytes] = {}
        """What went to the viewers by RTP, by viewer, SSRC and packet index."""
        self._highest: dict[tuple[int, int], int] = {}
        hostile, viewer = self.publisher, self.viewer
        hostile.level_number, hostile.transport_number, hostile.mid_number = 1, 3, 4
        hostile.rid_number, hostile.repaired_rid_number = 5, 6
        hostile.arrivals = Arrivals()
        viewer.numbered = True
        plain = self._plain = Address("192.0.2.4", 4, b"plain")
        self.inbox[plain] = []
        self.plain, self._plain_end = self._connect(Direction.SUBSCRIBE, plain, 4)
        self._viewers = ((self.viewer_end, viewer), (self._plain_end, self.plain))
        self._feed(UpTrack(_track("v"), "s", hostile, "0", self.up.codec, repair=Codec(97, "RTX", 90_000)), [MEDIA], 96)
        hostile.repairs = {REPAIR: hostile.ups[MEDIA]}
        opus, folded = Codec(111, "OPUS", 48_000, 2), Codec(63, "RED", 48_000, 2)
        self._feed(UpTrack(_track("a", "audio"), "s", hostile, "1", opus, red=folded), [AUDIO], 111, red=True)
        self._feed(UpTrack(_track("h"), "s", hostile, "2", H264, rids=("l", "h")), [LOW, HIGH], 102)
        other = self._other = Address("192.0.2.3", 3, b"honest")
        self.inbox[other] = []
        self.honest, self._honest_end = self._connect(Direction.PUBLISH, other, 3)
        self._feed(UpTrack(_track("b", "audio"), "s", self.honest, "0", opus), [HONEST], 111)
        self._sequence = self._contents = 0
        for connection in (hostile, viewer, self.plain):
            self.feedback.tick(connection, self.now)

    def _feed(self, up: UpTrack, sources: list[int], kind: int, *, red: bool = False) -> None:
        """Give the viewers a track. The first takes repairs of VP8 by their own stream, the second takes none."""
        connection: Connection = up.connection
        for ssrc, layer in zip(sources, up.layers, strict=True):
            layer.ssrc = ssrc
            connection.ups[ssrc] = layer
        out = OUT + 10 * sources[0]
        repair = (out + 1, 97) if kind == 96 else None
        down = DownTrack(up, self.viewer, out, kind, "1", repair=repair, red_type=63 if red else None)
        other = DownTrack(up, self.plain, out, kind, "1", red_type=63 if red else None)
        self.viewer.downs[out], self.plain.downs[out] = down, other
        up.viewers = (down, other)
        for each in up.viewers:
            switching.aim(each, up.layers[0])

    def media(self, packet: bytes) -> None:
        """The hostile publisher sends RTP: as it is, and as packets of its streams with that content."""
        self.publish(packet)
        if len(packet) >= 4:
            for ssrc, kind in zip(SOURCES, TYPES, strict=True):
                self.publish(
                    struct.pack("!BBH4sL", packet[0] & 0x3F | 0x80, kind, self.step(), packet[:4], ssrc) + packet[4:]
                )
        self._look()

    def step(self) -> int:
        """Sequence numbers of the hostile publisher's own packets."""
        self._sequence = self._sequence + 1 & 0xFFFF
        return self._sequence

    def leap(self, number: int, streams: int = 31) -> None:
        """Some of the streams (one a bit) go on, or back, at that number, with a content that never was before."""
        self._sequence = number
        self._contents += 1
        content = self._contents.to_bytes(3, "big")
        for place, (ssrc, kind, head) in enumerate(
            (
                (MEDIA, 96, b"\x10\0"),
                (AUDIO, 111, b"\x78"),
                (LOW, 102, b"\x65"),
                (HIGH, 102, b"\x65"),
                (REPAIR, 97, struct.pack("!H", number ^ 3) + b"\x10\1"),
            )
        ):
            if streams >> place & 1:
                self.publish(struct.pack("!BBHLL", 0x80, kind, number, number * 3_000, ssrc) + head + content)
        self._look()

    def control(self, packet: bytes) -> None:
        """Both of them send RTCP: as it is, and as feedback of each kind about each stream."""
        for end, connection in ((self.publisher_end, self.publisher), *self._viewers):
            self.tell(end, connection, packet)
        body = packet[: 4 * (min(len(packet), 1_200) // 4)]
        words = 2 + len(body) // 4
        for out in list(self.viewer.downs):
            for head, kind in ((0x81, 205), (0x8F, 205), (0x81, 206), (0x84, 206), (0x8F, 206), (0x80, 200)):
                self.tell(self.viewer_end, self.viewer, struct.pack("!BBHLL", head, kind, words, 1, out) + body)
        blocks = len(body) // 24
        self.tell(self.viewer_end, self.viewer, struct.pack("!BBHL", 0x80 | blocks & 31, 201, words - 1, 1) + body)
        for ssrc in (MEDIA, AUDIO, LOW):
            self.tell(self.publisher_end, self.publisher, struct.pack("!BBHL", 0x80, 200, words - 1, ssrc) + body)
        self._look()

    def ask_again(self, numbers: list[int]) -> None:
        """The viewers ask for packets of each stream, by distance from the newest that they could have."""
        for end, connection in self._viewers:
            for out, down in list(connection.downs.items()):
                newest = down.sequence_offset + (down.layer.reception.highest if down.layer is not None else 0)
                asked = [newest - number & 0xFFFF for number in numbers]
                if asked:
                    self.tell(end, connection, rtcp.write_nack(1, out, asked))
        self._look()

    def switch(self, layer: int) -> None:
        """The viewers are to be fed from another layer of the track in H.264."""
        for _, connection in self._viewers:
            down = connection.downs[OUT + 10 * LOW]
            switching.aim(down, down.up.layers[layer % 2])

    def pass_time(self, seconds: float) -> None:
        """Look after everything as the transport would."""
        self.now += seconds
        self.tick()
        self._look()

    def _look(self) -> None:
        """No nonce may meet two texts (RFC 7714 §8): for each number of a stream there is one packet."""
        for viewer, data in [(name, data) for name in (VIEWER, self._plain) for data in self.inbox[name]]:
            assert len(data) <= 2_048 + 160
            if not 192 <= data[1] < 224:
                nonce = viewer.port, int.from_bytes(data[8:12], "big"), self._index(viewer.port, data)
                assert self.sealed.setdefault(nonce, data) == data, f"nonce {nonce} twice"
        for datagrams in self.inbox.values():
            datagrams.clear()

    def _index(self, viewer: int, data: bytes) -> int:
        """The packet index, as both ends of SRTP reckon it (RFC 3711 §3.3.1)."""
        ssrc, sequence = int.from_bytes(data[8:12], "big"), int.from_bytes(data[2:4], "big")
        highest = self._highest.get((viewer, ssrc), sequence)
        index = highest + ((sequence - highest + 0x8000 & 0xFFFF) - 0x8000)
        self._highest[viewer, ssrc] = max(highest, index)
        return index

    def still_forwards(self) -> None:
        """The other publisher's packets go on, and the worker holds no more than it should."""
        self.pass_time(0.1)
        packet = struct.pack("!BBHLL", 0x80, 111, 1, 960, HONEST) + b"honest"
        self.buffer.put(0, packet)
        length = self._honest_end.seal_rtp(self.buffer, len(packet))
        before = self.forwarder.forwarded
        self.arrive(self.honest, length, self._other)
        assert self.forwarder.forwarded == before + 2
        assert 0 < self.viewer.estimate.bitrate < 1e9
        for layer in self.publisher.ups.values():
            assert len(layer.asked) <= 400
        assert len(self.publisher.strangers) <= 32


def _track(name: str, kind: str = "video") -> Track:
    return Track(name, "p", kind, "camera")
