"""The load peer's engine against a server made of Python's own SRTP and the worker's own readers."""

import os
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pylibsrtp import Policy, Session

from bench.load import build
from bench.load.descriptions import Local, Sources, accept, answer, offer, read
from bench.load.engine import Engine, Incoming, Keys, Outgoing
from bench.load.payload import payload
from media import headers, rtcp, sdp, transport_feedback

CAMERA, REPAIR, MICROPHONE = 1111, 2222, 3333
MID, TRANSPORT = 4, 3
KEYS = Keys(os.urandom(28), os.urandom(28))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build.engine(tmp_path_factory.mktemp("engine"))


@pytest.fixture
def engine(library: Path) -> Iterator[Engine]:
    engine = Engine(library, 4, payload())
    yield engine
    engine.close()


class Server:
    """The other end of one peer's socket."""

    def __init__(self) -> None:
        self.socket, self.peer = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for one in (self.socket, self.peer):
            one.bind(("127.0.0.1", 0))
        self.socket.connect(self.peer.getsockname())
        self.peer.connect(self.socket.getsockname())
        self.peer.setblocking(False)
        self.socket.settimeout(2)
        profile = Policy.SRTP_PROFILE_AEAD_AES_128_GCM
        self._open = Session(Policy(key=KEYS.send, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
        self._seal = Session(Policy(key=KEYS.receive, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))

    def close(self) -> None:
        self.socket.close()
        self.peer.close()

    def receive(self) -> tuple[bool, bytes]:
        """The next packet, and whether it is RTCP."""
        data = self.socket.recv(2048)
        control = 192 <= data[1] < 224
        return control, self._open.unprotect_rtcp(data) if control else self._open.unprotect(data)

    def send(self, packet: bytes, *, times: int = 1) -> None:
        sealed = self._seal.protect(packet)
        for _ in range(times):
            self.socket.send(sealed)

    def control(self, packet: bytes) -> None:
        self.socket.send(self._seal.protect_rtcp(packet))


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def video_line() -> Outgoing:
    return Outgoing(
        ssrc=CAMERA, repair_ssrc=REPAIR, payload_type=96, repair_type=97, mid=MID, transport=TRANSPORT, mid_text=b"1"
    )


def publish(engine: Engine, server: Server) -> None:
    audio = Outgoing(
        ssrc=MICROPHONE, payload_type=111, repair_type=-1, mid=MID, level=1, transport=TRANSPORT, mid_text=b"0"
    )
    engine.publish(server.peer.fileno(), KEYS, audio, video_line(), 3)
    engine.start()


def test_a_publisher_sends_at_the_real_rate_with_what_was_negotiated(engine: Engine, server: Server) -> None:
    publish(engine, server)
    came: dict[int, int] = {}
    numbers, octets = [], 0
    end = time.monotonic() + 2
    while time.monotonic() < end:
        control, data = server.receive()
        if control:
            continue
        ssrc = struct.unpack_from("!L", data, 8)[0]
        came[ssrc] = came.get(ssrc, 0) + 1
        octets += len(data)
        assert headers.text(data, len(data), MID) == ("1" if ssrc == CAMERA else "0")
        found = headers.find(data, len(data), TRANSPORT)
        assert found is not None
        numbers.append(int.from_bytes(data[found[0] : found[0] + 2], "big"))
    assert 80 <= came[MICROPHONE] <= 102
    assert 150 <= came[CAMERA] <= 400
    assert 0.8e6 < octets * 8 / 2 < 1.6e6
    assert numbers == [(numbers[0] + place) & 0xFFFF for place in range(len(numbers))]


def test_a_publisher_repeats_what_a_nack_asks_for_and_begins_anew_after_a_pli(engine: Engine, server: Server) -> None:
    publish(engine, server)
    asked = -1
    repeated: bytes | None = None
    original = b""
    keys = 0
    end = time.monotonic() + 3
    while time.monotonic() < end and (repeated is None or keys < 2):
        control, data = server.receive()
        if control:
            continue
        ssrc, sequence = struct.unpack_from("!L", data, 8)[0], struct.unpack_from("!H", data, 2)[0]
        start = 16 + 4 * struct.unpack_from("!H", data, 14)[0]
        if ssrc == CAMERA and data[start] == 0x90 and not data[start + 4] & 1:
            keys += 1
        if ssrc == CAMERA and asked < 0:
            asked, original = sequence, data[start:]
            server.control(rtcp.write_nack(1, CAMERA, [sequence]))
            server.control(rtcp.write_picture_loss(1, CAMERA))
        if ssrc == REPAIR:
            assert data[1] & 0x7F == 97
            repeated = data[start:]
    assert repeated is not None
    assert repeated == asked.to_bytes(2, "big") + original
    assert keys == 2  # the first frame, and the one that was asked for: the next by itself comes after three seconds
    engine.stop()
    totals = engine.totals()
    assert (totals["nacks"], totals["nacks_answered"], totals["key_requests"]) == (1, 1, 1)


def test_a_viewer_counts_and_tells_what_arrived_when(engine: Engine, server: Server) -> None:
    audio = Incoming(payload_type=111, repair_type=-1, clock_rate=48_000, transport=0)
    video = Incoming(payload_type=96, repair_type=97, clock_rate=90_000, transport=TRANSPORT)
    engine.view(server.peer.fileno(), KEYS, audio, video, 77, tells_limit=False)
    engine.start()
    engine.open_window()
    time.sleep(0.02)
    lost = {5, 6, 20, 40}
    sent: dict[int, float] = {}
    # Two change places, and one comes after the feedback about its neighbours.
    for number in (*range(10), 11, 10, *range(12, 15), *range(16, 31), 15, *range(31, 60)):
        if number not in lost:
            extension = struct.pack("!HHBHB", 0xBEDE, 1, TRANSPORT << 4 | 1, 65_500 + number & 0xFFFF, 0)
            head = struct.pack("!BBHLL", 0x90, 96, 100 + number, 3000 * number, CAMERA)
            sent[65_500 + number & 0xFFFF] = time.time()
            server.send(head + extension + bytes(20) + struct.pack("@Q", time.time_ns()))
        time.sleep(0.1 if number == 30 else 0.005)  # the long one needs a large delta
    arrivals: dict[int, float | None] = {}
    fraction = None
    server.socket.settimeout(1.5)
    with pytest.raises(TimeoutError):
        while True:
            control, data = server.receive()
            assert control
            for packet in rtcp.walk(data, len(data)):
                if packet.kind == rtcp.TRANSPORT_FEEDBACK:
                    arrivals |= dict(transport_feedback.read(data, packet))
                if packet.kind == rtcp.RECEIVER_REPORT:
                    fraction = rtcp.report_blocks(data, packet)[0]
            if len(arrivals) == 60 and fraction is not None and fraction.highest == 159:
                server.socket.settimeout(0.2)
    engine.close_window()
    engine.stop()
    assert {number for number, at in arrivals.items() if at is None} == {65_500 + number & 0xFFFF for number in lost}
    first = next(iter(sent))
    for number, at in sent.items():
        arrived, began = arrivals[number], arrivals[first]
        assert arrived is not None
        assert began is not None
        assert arrived - began == pytest.approx(at - sent[first], abs=0.02)
    assert fraction is not None
    assert fraction.lost == len(lost)
    totals = engine.totals()
    assert totals["received"] == 60 - len(lost)
    assert totals["open_errors"] == totals["foreign"] == totals["silent"] == 0


def test_a_packet_that_comes_twice_counts_once(engine: Engine, server: Server) -> None:
    video = Incoming(payload_type=96, repair_type=-1, clock_rate=90_000, transport=0)
    engine.view(server.peer.fileno(), KEYS, Incoming(payload_type=111, repair_type=-1), video, 77, tells_limit=True)
    engine.start()
    engine.open_window()
    time.sleep(0.02)
    packet = struct.pack("!BBHLL", 0x80, 96, 1, 0, CAMERA) + bytes(20) + struct.pack("@Q", time.time_ns())
    server.send(packet, times=2)
    time.sleep(0.05)
    engine.stop()
    assert engine.totals()["received"] == 1
    assert engine.totals()["open_errors"] == 1


LOCAL = Local("ufrag123", "p" * 24, "AB:" * 31 + "CD", 5000, transport_feedback=True)


def test_the_worker_reads_the_offer_as_it_is_meant() -> None:
    description = sdp.parse(offer(LOCAL, Sources(MICROPHONE, CAMERA, REPAIR)))
    audio, video = description.sections
    assert [audio.kind, video.kind] == ["audio", "video"]
    assert video.media_ssrcs == [CAMERA]
    assert video.repairs == {REPAIR: CAMERA}
    assert video.codecs[97].parameter("apt") == "96"
    assert description.transport.setup == "active"


@pytest.mark.parametrize("accepted", [True, False])
def test_a_viewer_accepts_transport_feedback_or_not(accepted: bool) -> None:
    text = offer(LOCAL, Sources(MICROPHONE, CAMERA, REPAIR)).replace("a=sendonly", "a=sendrecv")
    remote = read(text)
    accept(remote, transport_feedback=accepted)
    local = Local("ufrag456", "q" * 24, LOCAL.fingerprint, 5001, transport_feedback=accepted)
    agreed = answer(local, remote)
    assert ("transport-cc" in agreed) == ("transport-wide-cc" in agreed) == accepted
    assert "a=recvonly" in agreed
    assert remote.of_kind("video").tells_limit != accepted
    sdp.parse(agreed)


def test_an_offer_without_a_way_on_loopback_is_refused() -> None:
    with pytest.raises(ValueError, match="no way to the server"):
        read("v=0\r\na=ice-ufrag:a\r\na=ice-pwd:b\r\n")
