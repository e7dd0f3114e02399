"""Media over TCP where UDP is closed: passive ICE candidates (RFC 6544) with framed packets (RFC 4571).

One listening socket. Whoever connects has some seconds for a first frame, which has to be a connectivity check that
the transport answers, and is cut otherwise. On the way out TCP repairs what is lost, so what a slow peer cannot take in
time is dropped here, by whole frames of video, before it delays the sound: sound and control go first.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from foundation.clock import Clock
from media import codecs
from media.aiortc_seam import MAX_PACKET, STUN_COOKIE, PacketBuffer
from media.datagrams import Address
from media.settings import WorkerSettings

log = logging.getLogger(__name__)

STALE_S = 0.25
"""Video is begun no more while some has waited this long: what a viewer sees is never older than that and one frame."""
_MOST_VIDEO = 512 << 10
_MOST_URGENT = 64 << 10
"""Octets that wait at most. Sound and control alone never need so much unless the peer has stopped reading."""
_UNSENT = 16 << 10
"""Octets that the kernel takes beyond what is on its way: the queue has to be here, where it can be ordered."""
_RECEIVE = 8 << 10
_ACCEPTED_AT_ONCE = 32
_MOST_SOURCES = 64
_AUDIO = frozenset((codecs.OPUS.payload_type, codecs.RED.payload_type))
"""Payload types of sound, the same for every viewer (`codecs.PayloadTypes`)."""


class Intake(Protocol):
    """Where packets go that came in. `Transport` is the real one."""

    def take(self, packet: PacketBuffer, length: int, address: Address, now: float) -> None:
        """A packet of that peer. An authentic check is answered before this returns."""
        ...

    def gone(self, address: Address) -> None:
        """That peer's connection has ended; whoever it was may come back by another."""
        ...


class TcpStream:
    """One peer's connection, from its acceptance to its end. Nothing here waits."""

    def __init__(
        self, bound: socket.socket, host: str, port: int, key: bytes, intake: Intake, clock: Clock,
        ended: Callable[[TcpStream], None],
    ) -> None:  # fmt: skip
        self._socket = bound
        self._intake = intake
        self._clock = clock
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self.address = Address(host, port, key, self)
        self.accepted_at = self.heard_at = clock.monotonic()
        self.proven = False
        """Whether the transport has answered it."""
        self.closed = False
        self.dropped = 0
        """Packets that it was too slow for."""
        self._packet = PacketBuffer()
        self._received = memoryview(bytearray(_RECEIVE))
        self._filled = 0
        self._rest = memoryview(b"")
        """What the kernel has not yet taken of a frame that it has begun."""
        self._urgent: deque[bytes] = deque()
        self._urgent_octets = 0
        self._video: deque[tuple[float, bytes]] = deque()
        """Frames with the time at which each began to wait."""
        self._video_octets = 0
        self._under_way: dict[int, int] = {}
        """By SSRC: the RTP timestamp of the picture that is sent, while something waits."""
        self._cut: dict[int, int] = {}
        """By SSRC: the RTP timestamp of the picture of which no more is sent."""
        self._waits = False
        self._loop.add_reader(bound.fileno(), self._readable)

    def write(self, data: memoryview | bytes) -> None:
        """Send one packet, now or when the peer has read on, or drop it."""
        if self.closed:
            return
        self.proven = True
        frame = len(data).to_bytes(2, "big") + data
        video = (self._waits or self._cut) and _is_video(frame)
        if video and not self._goes(frame):
            self.dropped += 1
        elif not self._waits:
            self._send(frame)
        elif video:
            self._video.append((self._clock.monotonic(), frame))
            self._video_octets += len(frame)
        elif self._urgent_octets + len(frame) <= _MOST_URGENT:
            self._urgent.append(frame)
            self._urgent_octets += len(frame)
        else:
            self.dropped += 1

    @property
    def waiting(self) -> int:
        """Octets that wait here for the peer to read on."""
        return len(self._rest) + self._urgent_octets + self._video_octets

    def close(self) -> None:
        """Hang up. A stranger is cut without a word, so that nothing of the connection is left here."""
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._socket.fileno())
        self._loop.remove_writer(self._socket.fileno())
        if not self.proven:
            with suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()
        self._urgent.clear()
        self._video.clear()
        self._received = memoryview(b"")
        self._ended(self)

    def _readable(self) -> None:
        try:
            count = self._socket.recv_into(self._received[self._filled :])
        except (BlockingIOError, InterruptedError):
            return
        except OSError:  # reset
            count = 0
        if not count:
            self.close()
            return
        view, at, end = self._received, 0, self._filled + count
        while end - at >= 2:
            length = view[at] << 8 | view[at + 1]
            if length > MAX_PACKET:
                self.close()
                return
            if end - at < 2 + length:
                break
            if length:  # an empty frame is allowed and says nothing (RFC 4571 §2)
                self._take(view[at + 2 : at + 2 + length], length)
                if self.closed:
                    return
            at += 2 + length
        self._filled = end - at
        if at:
            view[: self._filled] = bytes(view[at:end])

    def _take(self, frame: memoryview, length: int) -> None:
        if not self.proven and (length < 20 or frame[0] > 3 or frame[4:8] != STUN_COOKIE):
            self.close()
            return
        self.heard_at = self._clock.monotonic()
        self._packet.view[:length] = frame
        self._intake.take(self._packet, length, self.address, self.heard_at)
        if not self.proven:
            self.close()

    def _goes(self, frame: bytes) -> bool:
        """Whether a packet of video goes out: a picture goes as a whole, or is cut from some packet on."""
        timestamp, source = int.from_bytes(frame[6:10], "big"), int.from_bytes(frame[10:14], "big")
        cut = self._cut.get(source)
        if cut == timestamp:
            return False
        begins = self._under_way.get(source) != timestamp
        stale = begins and bool(self._video) and self._clock.monotonic() - self._video[0][0] > STALE_S
        if stale or self._video_octets + len(frame) > _MOST_VIDEO:
            _note(self._cut, source, timestamp)
            return False
        if cut is not None:
            del self._cut[source]
        _note(self._under_way, source, timestamp)
        return True

    def _send(self, frame: bytes | memoryview) -> bool:
        """Give the kernel a frame. False when it has taken no more than a part, or the peer is gone."""
        try:
            sent = self._socket.send(frame)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.close()
            return False
        if sent == len(frame):
            return True
        self._rest = memoryview(frame)[sent:]
        if not self._waits:
            self._waits = True
            self._loop.add_writer(self._socket.fileno(), self._writable)
        return False

    def _writable(self) -> None:
        frame: bytes | memoryview = self._rest
        self._rest = memoryview(b"")
        while not len(frame) or self._send(frame):
            if self._urgent:
                frame = self._urgent.popleft()
                self._urgent_octets -= len(frame)
            elif self._video:
                frame = self._video.popleft()[1]
                self._video_octets -= len(frame)
            else:
                self._waits = False
                self._under_way.clear()
                self._loop.remove_writer(self._socket.fileno())
                return


class TcpListener:
    """The listening socket and everyone who has come by it, within bounds."""

    def __init__(self, bound: socket.socket, settings: WorkerSettings, intake: Intake, clock: Clock) -> None:
        self._socket = bound
        self._settings = settings
        self._intake = intake
        self._clock = clock
        self._streams: set[TcpStream] = set()
        self._by_site: dict[str, int] = {}
        self._accepted = 0
        self._paused = False
        self.refused = 0
        """Connections cut at once because there were too many."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    @property
    def streams(self) -> int:
        """Connections open now."""
        return len(self._streams)

    def all(self) -> list[TcpStream]:
        """The connections open now."""
        return list(self._streams)

    def start(self) -> None:
        """Begin to accept."""
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._acceptable)

    def close(self) -> None:
        """Stop and hang up on everyone."""
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        for stream in list(self._streams):
            stream.close()
        self._socket.close()

    def tick(self, now: float) -> None:
        """Cut who has shown no key in time, and who has fallen silent."""
        settings = self._settings
        for stream in list(self._streams):
            if stream.proven:
                late = now - stream.heard_at > settings.tcp_silence_s
            else:
                late = now - stream.accepted_at > settings.tcp_proof_s
            if late:
                stream.close()
        if self._paused:
            self._paused = False
            self.start()

    def _acceptable(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                bound, name = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no file descriptors left: asked again, without turning in circles, by the next tick
                log.warning("a media connection by TCP cannot be accepted")
                asyncio.get_running_loop().remove_reader(self._socket.fileno())
                self._paused = True
                return
            self._admit(bound, name[0].partition("%")[0].removeprefix("::ffff:"), name[1])

    def _admit(self, bound: socket.socket, host: str, port: int) -> None:
        site, settings = _site(host), self._settings
        if len(self._streams) >= settings.tcp_streams or self._by_site.get(site, 0) >= settings.tcp_streams_per_site:
            self.refused += 1
            bound.close()
            return
        bound.setblocking(False)
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
        self._accepted += 1
        # Shorter than any socket address, so that it is none, and never used twice.
        key = b"tcp" + self._accepted.to_bytes(6, "big")
        self._by_site[site] = self._by_site.get(site, 0) + 1
        self._streams.add(TcpStream(bound, host, port, key, self._intake, self._clock, self._forget))

    def _forget(self, stream: TcpStream) -> None:
        self._streams.discard(stream)
        self._intake.gone(stream.address)
        site = _site(stream.address.host)
        left = self._by_site[site] - 1
        if left:
            self._by_site[site] = left
        else:
            del self._by_site[site]


def _note(pictures: dict[int, int], source: int, timestamp: int) -> None:
    if len(pictures) >= _MOST_SOURCES and source not in pictures:
        pictures.clear()
    pictures[source] = timestamp


def _site(host: str) -> str:
    """What counts as one place: an IPv4 address, or the 64 bits of IPv6 that one household has."""
    address = ip_address(host)
    return address.packed[:8].hex() if isinstance(address, IPv6Address) else host


def _is_video(frame: bytes) -> bool:
    """Whether a frame holds RTP that is no sound; RTCP, checks and DTLS are control (RFC 7983, RFC 5761)."""
    return (
        len(frame) >= 14
        and 128 <= frame[2] < 192
        and not 192 <= frame[3] < 224
        and frame[3] & 127 not in _AUDIO
    )  # fmt: skip
