"""One peer's TCP connection: framed packets (RFC 4571) in and out, without ever waiting.

On the way in the first frame has to be a connectivity check that the transport answers. On the way out TCP repairs
what is lost, so what a slow peer cannot take in time is dropped here, by whole pictures, before it delays the sound:
sound and control go first, and sound that comes too late to be played does not go at all.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from math import inf
from typing import Protocol

from foundation.clock import Clock
from media.address import Address
from media.aiortc_seam import MAX_PACKET, STUN_COOKIE, PacketBuffer

STALE_S = 0.25
"""Video is begun no more while some has waited this long: what a viewer sees is never older than that and one frame."""
LATE_S = 0.4
"""Sound that has waited this long is left out: it would come too late to be played, and hold up what is newer."""
_MOST_VIDEO = 512 << 10
_MOST_URGENT = 64 << 10
"""Octets that wait at most. Sound and control alone never need so much unless the peer has stopped reading."""
UNSENT = 4 << 10
"""Octets that the kernel takes beyond what is on its way: the queue has to be here, where sound overtakes. A line of
80 kbit/s takes 0.4 s for so much."""
_RECEIVE = 8 << 10
_MOST_SOURCES = 64


class _Kind(Enum):
    """What a frame holds, by its first octets (RFC 7983 §7, RFC 5761 §4)."""

    CONTROL = auto()
    """Checks, DTLS and RTCP."""
    SOUND = auto()
    VIDEO = auto()


class Intake(Protocol):
    """Where packets go that came in. `Transport` is the real one."""

    def take(self, packet: PacketBuffer, length: int, address: Address, now: float) -> None:
        """A packet of that peer. By an authentic check its stream is proved before this returns."""
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
        self._is_sound: Callable[[int], bool] = lambda _ssrc: False
        self.closed = False
        self.dropped = 0
        """Packets that it was too slow for."""
        self._packet = PacketBuffer()
        self._received = memoryview(bytearray(_RECEIVE))
        self._filled = 0
        self._rest = memoryview(b"")
        """What the kernel has not yet taken of a frame that it has begun."""
        self._urgent: deque[tuple[float, bytes]] = deque()
        """Frames of sound and control with the time from which each is of no use."""
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

    def prove(self, is_sound: Callable[[int], bool]) -> None:
        """See `media.address.Stream`."""
        self.proven = True
        self._is_sound = is_sound

    def write(self, data: memoryview | bytes) -> None:
        """Send one packet, now or when the peer has read on, or drop it."""
        if self.closed:
            return
        frame = len(data).to_bytes(2, "big") + data
        if not self._waits and not self._cut:
            self._send(frame)
            return
        kind = self._kind(frame)
        if kind is _Kind.VIDEO and not self._goes(frame):
            self.dropped += 1
        elif not self._waits:
            self._send(frame)
        elif kind is _Kind.VIDEO:
            self._video.append((self._clock.monotonic(), frame))
            self._video_octets += len(frame)
        elif self._urgent_octets + len(frame) <= _MOST_URGENT:
            too_late_at = self._clock.monotonic() + LATE_S if kind is _Kind.SOUND else inf
            self._urgent.append((too_late_at, frame))
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

    def _kind(self, frame: bytes) -> _Kind:
        if len(frame) < 14 or not 128 <= frame[2] < 192 or 192 <= frame[3] < 224:
            return _Kind.CONTROL
        return _Kind.SOUND if self._is_sound(int.from_bytes(frame[10:14], "big")) else _Kind.VIDEO

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
                too_late_at, frame = self._urgent.popleft()
                self._urgent_octets -= len(frame)
                if self._clock.monotonic() > too_late_at:
                    self.dropped += 1
                    frame = b""
            elif self._video:
                frame = self._video.popleft()[1]
                self._video_octets -= len(frame)
            else:
                self._waits = False
                self._under_way.clear()
                self._loop.remove_writer(self._socket.fileno())
                return


def _note(pictures: dict[int, int], source: int, timestamp: int) -> None:
    if len(pictures) >= _MOST_SOURCES and source not in pictures:
        pictures.clear()
    pictures[source] = timestamp
