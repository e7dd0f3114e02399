"""Sending evenly to a viewer whose line is thin: a burst would fill the queue before the bottleneck, and audio would
wait behind a picture. Audio goes at once here, video as fast as the line is thought to carry it.

Datagrams are sealed already; nothing here looks into them.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

FACTOR = 1.0
"""Of the line's estimate. Browsers pace at 2.5 of it; on a line that audio half fills, a queue before the bottleneck
would be audio's delay, and probes show better what more it carries."""
HORIZON_S = 0.4
"""Video that would wait longer is better dropped, up to the next key frame, than shown late."""
MOST_VIDEO = 2_000
"""Datagrams of video that wait at most, whatever the bitrate."""
MOST_AUDIO = 100
"""Datagrams of audio that wait at most: two seconds of one speaker."""

_CATCH_UP_S = 0.01
"""A caller that comes this late may send what it missed at once."""
_SLOWEST = 10_000.0


class Datagram(NamedTuple):
    """One sealed datagram; `number` is its transport-wide number (16 bits), when it has one."""

    data: bytes
    is_audio: bool
    number: int | None


class Pacer:
    """The queue before one viewer's line.

    `bitrate` (bit/s) may be set at any time. `horizon_s` too: a still, say, may take seconds to pass.
    """

    __slots__ = (
        "_audio",
        "_free_at",
        "_overflowing",
        "_spread",
        "_video",
        "_waiting",
        "bitrate",
        "factor",
        "horizon_s",
    )

    def __init__(self, bitrate: float, *, factor: float = FACTOR, horizon_s: float = HORIZON_S) -> None:
        self.bitrate = bitrate
        self.factor = factor
        self.horizon_s = horizon_s
        self._audio: deque[Datagram] = deque()
        self._video: deque[Datagram] = deque()
        self._spread: deque[tuple[float, Datagram]] = deque()
        self._waiting = 0
        """Octets of video that wait."""
        self._free_at = 0.0
        """When the line is free for the next datagram of video."""
        self._overflowing = False

    def push(self, data: bytes, is_audio: bool, number: int | None = None) -> bool:
        """Queue a datagram. False when it was dropped since there is no room even beyond the horizon."""
        if is_audio:
            if len(self._audio) >= MOST_AUDIO:
                self._audio.popleft()
            self._audio.append(Datagram(data, True, number))
            return True
        if len(self._video) >= MOST_VIDEO or self.wait_s > 4 * self.horizon_s:
            self._overflowing = True
            return False
        self._video.append(Datagram(data, False, number))
        self._waiting += len(data)
        return True

    def spread(self, datagrams: list[Datagram], bitrate: float, now: float) -> None:
        """Send these from now on at a bitrate of their own, beside the queue: padding that probes the line.

        They replace what an earlier call has left.
        """
        self._spread.clear()
        for datagram in datagrams[:MOST_VIDEO]:
            self._spread.append((now, datagram))
            now += len(datagram.data) * 8 / max(bitrate, _SLOWEST)

    def due(self, now: float) -> list[Datagram]:
        """What is to be sent now, in this order; it has left the queue."""
        gone = list(self._audio)
        rate = max(self.bitrate * self.factor, _SLOWEST) / 8
        free_at = max(self._free_at, now - _CATCH_UP_S)
        if gone:
            self._audio.clear()
            # Audio does not wait for the line, but what it takes is not there for video.
            free_at = min(free_at + sum(len(datagram.data) for datagram in gone) / rate, now + self.horizon_s)
        while self._spread and self._spread[0][0] <= now:
            gone.append(self._spread.popleft()[1])
        video = self._video
        while video and free_at <= now:
            datagram = video.popleft()
            size = len(datagram.data)
            self._waiting -= size
            free_at += size / rate
            gone.append(datagram)
        self._free_at = free_at
        return gone

    @property
    def next_at(self) -> float | None:
        """When `due` has something next (seconds of the caller's clock, maybe past); None while nothing waits."""
        if self._audio:
            return 0.0
        times = [self._spread[0][0]] if self._spread else []
        if self._video:
            times.append(self._free_at)
        return min(times, default=None)

    @property
    def wait_s(self) -> float:
        """How long the video that waits would take to pass at the bitrate."""
        return self._waiting * 8 / max(self.bitrate, _SLOWEST)

    @property
    def overflowing(self) -> bool:
        """Whether video has to be dropped, up to a key frame that comes when this is over.

        Begins when the queue exceeds the horizon and ends when a quarter of it is left, so that a key frame finds room.
        """
        wait_s = self.wait_s
        if wait_s > self.horizon_s:
            self._overflowing = True
        elif wait_s <= self.horizon_s / 4 and len(self._video) <= MOST_VIDEO // 4:
            self._overflowing = False
        return self._overflowing

    def drop_video(self) -> int:
        """Drop the video that waits; how many datagrams that were."""
        dropped = len(self._video)
        self._video.clear()
        self._waiting = 0
        return dropped
