"""What a viewer gets: the layers that its line carries and its tiles need, by a clock that is told."""

import struct
from pathlib import Path

import pytest

from media.address import Address
from media.aiortc_seam import AES_128_GCM, PacketBuffer, SrtpSession
from media.api import Cause, Direction, Rung, Track
from media.codecs import VP8
from media.connection import Connection
from media.fake import FakeMediaNodes
from media.forwarding import Forwarder
from media.pacing import Pacer
from media.publisher import Publisher
from media.sdp import Codec
from media.speakers import Speakers, hear
from media.tracks import DownTrack, UpLayer, UpTrack
from media.viewing import Viewing
from tests.media.test_forwarding import Inbox, Owner, vp8_frame

VIEWER = Address("192.0.2.2", 2, b"viewer")
FRAME_S = 1 / 30
OCTETS = (600, 2_000, 6_000)
"""Of a frame of each layer: about 150, 500 and 1,500 kbit/s."""


class Estimate:
    """Says what the test says."""

    def __init__(self) -> None:
        self.bitrate = 5e6
        self.acknowledged = 0.0
        self.loss_rate = 0.0
        self.queue_s = 0.0
        self.fed = True
        self.limited = False
        self.together_s = 0.0

    def falls(self, bitrate: float) -> None:
        """The line grows thin: a queue shows it."""
        self.bitrate, self.queue_s = bitrate, 0.3

    def rises(self, bitrate: float) -> None:
        """The line carries more again."""
        self.bitrate, self.queue_s = bitrate, 0.0

    def tick(self, now: float) -> None: ...

    def probe(self, now: float, goal: float) -> None: ...

    def sent(self, number: int, size: int, now: float) -> None: ...


class Stage:
    """A publisher with three layers and one viewer."""

    def __init__(self) -> None:
        self.now = 100.0
        inbox = Inbox()
        inbox.of[VIEWER] = []
        self.sent = inbox.of[VIEWER]
        self.forwarder = Forwarder(inbox)
        self.buffer = PacketBuffer()
        owner = Owner()
        self.publisher = Connection(owner, Direction.PUBLISH, self.now)
        self.publisher.srtp, self.end = SrtpSession(AES_128_GCM, b"a" * 28, b"b" * 28), SrtpSession(
            AES_128_GCM, b"b" * 28, b"a" * 28
        )  # fmt: skip
        self.viewer = Connection(owner, Direction.SUBSCRIBE, self.now)
        self.viewer.srtp = SrtpSession(AES_128_GCM, b"c" * 28, b"d" * 28)
        self.viewer.address = VIEWER
        self.viewer.numbered = True
        self.estimate = Estimate()
        self.viewer.estimate = self.estimate  # type: ignore[assignment]  # a fake of what is used of it
        track = Track("t", "a", "video", "camera")
        self.up = UpTrack(track, "s", self.publisher, "0", VP8, rids=("q", "h", "f"))
        for number, layer in enumerate(self.up.layers, 1):
            layer.ssrc = number
            self.publisher.ups[number] = layer
        self.down = DownTrack(self.up, self.viewer, 9, 96, "1", repair=(10, 97))
        self.viewer.downs[9] = self.down
        self.height: int | None = None
        self.viewing = Viewing(self.viewer, self)
        self.silent: set[int] = set()
        self.asked: set[UpLayer] = set()
        self.frame = 0
        self.changes: list[tuple[Rung, Cause]] = []

    # What `Viewing` asks of the plane.
    def ask_key_frame(self, layer: UpLayer) -> None:
        self.asked.add(layer)

    def replay(self, _down: DownTrack, _layer: UpLayer) -> bool:
        return False

    def pace(self, connection: Connection, bitrate: float | None) -> None:
        connection.pacer = None if bitrate is None else connection.pacer or Pacer(bitrate)

    def probe(self, connection: Connection, down: DownTrack, octets: int, most: int, bitrate: float) -> None: ...

    def run(self, seconds: float) -> None:
        """Let time pass: 30 frames a second of each layer that is not silent, a key frame where one was asked for."""
        until = self.now + seconds
        while self.now < until:
            self.frame += 1
            self.now += FRAME_S
            for index, layer in enumerate(self.up.layers):
                if index in self.silent:
                    continue
                key = layer in self.asked
                self.asked.discard(layer)
                body = bytes(OCTETS[index] // 2)
                for part in range(2):
                    head = vp8_frame(self.frame, self.frame & 255, key=key, body=body)
                    payload = head if part == 0 else b"\x80\x80\x00\x00" + body
                    sequence = 2 * self.frame + part & 0xFFFF
                    packet = struct.pack(
                        "!BBHLL", 0x80, 96 | 0x80 * part, sequence, self.frame * 3_000, index + 1
                    ) + payload[: 1_200]  # fmt: skip
                    self.buffer.put(0, packet)
                    length = self.end.seal_rtp(self.buffer, len(packet))
                    self.forwarder.receive(self.publisher, self.buffer, length, self.now)
                layer.bitrate = layer.known_bitrate = OCTETS[index] * 8 * 30
                layer.frame_rate = 30.0
            if self.frame % 3 == 0:
                for _, rung, cause in self.viewing.govern([(self.down, self.height)], self.now):
                    self.changes.append((rung, cause))

    @property
    def layer(self) -> str:
        return "" if self.down.layer is None else self.down.layer.rid


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_good_line_brings_the_best_layer(stage: Stage) -> None:
    stage.run(3)
    assert stage.layer == "f"
    assert stage.changes[-1] == (Rung.HD, Cause.NONE)
    assert stage.viewer.pacer is None


def test_a_thin_line_goes_down_at_once_and_up_by_itself(stage: Stage) -> None:
    stage.run(3)
    stage.estimate.falls(300_000)
    stage.run(0.5)
    assert stage.layer == "q"
    assert stage.changes[-1] == (Rung.LOW, Cause.DOWNLINK)
    assert stage.viewer.pacer is not None
    stage.estimate.rises(5e6)
    stage.run(6)
    assert stage.layer == "f"
    assert stage.changes[-1] == (Rung.HD, Cause.NONE)


def test_below_video_there_are_stills_and_then_audio_alone(stage: Stage) -> None:
    stage.run(2)
    stage.estimate.falls(100_000)
    stage.run(11)
    assert stage.changes[-1] == (Rung.STILLS, Cause.DOWNLINK)
    before = stage.down.sent[0]
    stage.run(10)
    assert 2 <= stage.down.sent[0] - before <= 12  # two or three frames, not three hundred
    stage.estimate.falls(30_000)
    # Audio needs all that there is.
    stage.run(2)
    assert stage.changes[-1] in {(Rung.AUDIO, Cause.DOWNLINK), (Rung.STILLS, Cause.DOWNLINK)}
    stage.estimate.falls(10_000)
    stage.run(2)
    assert stage.changes[-1] == (Rung.AUDIO, Cause.DOWNLINK)
    assert stage.layer == ""


def test_a_small_tile_gets_a_small_layer(stage: Stage) -> None:
    for layer, height in zip(stage.up.layers, (120, 240, 480), strict=True):
        layer.height = height
    stage.height = 200
    stage.run(3)
    for layer, height in zip(stage.up.layers, (120, 240, 480), strict=True):
        layer.height = height
    stage.run(1)
    assert stage.changes[-1][1] is Cause.WISH
    stage.height = 0
    stage.run(0.5)
    assert (stage.layer, stage.changes[-1]) == ("", (Rung.AUDIO, Cause.WISH))


def test_what_the_publisher_cannot_send_is_its_uplinks_fault(stage: Stage) -> None:
    stage.run(3)
    stage.silent = {1, 2}
    stage.run(4)
    assert stage.layer == "q"
    assert stage.changes[-1] == (Rung.LOW, Cause.UPLINK)


def test_a_queue_that_overflows_is_dropped_up_to_a_key_frame(stage: Stage) -> None:
    stage.run(3)
    stage.estimate.falls(1_000_000)
    stage.run(0.2)
    assert stage.viewer.pacer is not None
    stage.run(3)  # nobody drains the pacer, as if nothing passed any more
    assert stage.viewer.pacer is not None
    assert stage.viewer.pacer.wait_s < 2.0


def test_nobody_watches_nobody_sends() -> None:
    stage = Stage()
    publisher = Publisher.__new__(Publisher)
    assert publisher.watch(stage.up, {0, 2}, 10.0) is None
    assert publisher.watch(stage.up, {0}, 12.0) is None  # not yet: wishes come and go
    assert publisher.watch(stage.up, {0}, 16.0) == ("q",)
    assert publisher.watch(stage.up, {1}, 17.0) == ("q", "h")
    assert publisher.watch(stage.up, set(), 30.0) == ("q",)


def test_who_speaks_is_heard_from_the_levels() -> None:
    publishers = []
    for name in ("a", "b"):
        publisher = Publisher.__new__(Publisher)
        publisher.participant_id = name
        track = Track(name, name, "audio", "microphone")
        connection = Connection(Owner(), Direction.PUBLISH, 0.0)
        publisher._ups = {"0": UpTrack(track, "s", connection, "0", Codec(111, "OPUS", 48_000, 2))}
        publishers.append(publisher)
    speakers = Speakers()
    a, b = [publisher.ups[0].layers[0] for publisher in publishers]
    for _ in range(10):
        hear(a, 20)
        hear(b, 90)
    assert speakers.now(publishers) == ("a",)
    assert speakers.now(publishers) is None
    for _ in range(20):
        hear(b, 10)
        speakers.now(publishers)
    assert speakers.now(publishers) is None
    assert speakers._speaking == ("b",)


async def test_the_clinics_camera_goes_before_screens_and_other_cameras() -> None:
    nodes = FakeMediaNodes()
    offer = (Path(__file__).parent / "corpus" / "chromium-publish.sdp").read_text()
    for name, leads in (("clinic", True), ("hospital", False)):
        await nodes.publish("room", name, offer, {}, leads=leads)
    priorities = {
        name: [up.priority for up in participant.publisher.ups if up.is_video]
        for name, participant in nodes._rooms._rooms["room"].participants.items()
        if participant.publisher is not None
    }
    assert min(priorities["clinic"]) < 2 < min(priorities["hospital"])
