"""Answers that a server may say are still true (`ETag`, RFC 9110 §8.8.3): in memory alone, bounded, and soon forgotten.

They live as long as somebody reads: half an hour after the last use they are gone, which is about a consult, and with
the process they are gone at once. Nothing is shown from here that the server has not confirmed in that moment.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from foundation.clock import Clock

MOST_BYTES = 32 * 1024 * 1024
IDLE_S = 30 * 60.0


@dataclass(slots=True)
class _Kept:
    etag: str
    body: bytes
    used: float


class Etags:
    """Bodies by address and reader. The least recently used ones go first when there are too many bytes."""

    def __init__(self, clock: Clock, *, most_bytes: int = MOST_BYTES, idle_s: float = IDLE_S) -> None:
        self._clock = clock
        self._most = most_bytes
        self._idle_s = idle_s
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0

    def etag(self, key: str) -> str | None:
        """What to ask with in `If-None-Match`."""
        self.sweep()
        kept = self._kept.get(key)
        return kept.etag if kept else None

    def confirmed(self, key: str) -> bytes | None:
        """The body that the server has just said is still true."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        kept.used = self._clock.monotonic()
        self._kept.move_to_end(key)
        return kept.body

    def keep(self, key: str, etag: str, body: bytes) -> None:
        """Remember a body; one that would fill an eighth of the room alone is not kept."""
        self.forget(key)
        if len(body) > self._most // 8:
            return
        self._kept[key] = _Kept(etag, body, self._clock.monotonic())
        self._bytes += len(body)
        while self._bytes > self._most:
            self.forget(next(iter(self._kept)))

    def forget(self, key: str) -> None:
        """Let one go."""
        if kept := self._kept.pop(key, None):
            self._bytes -= len(kept.body)

    def sweep(self) -> None:
        """Let go what nobody has used for long. The oldest use stands first."""
        limit = self._clock.monotonic() - self._idle_s
        while self._kept and next(iter(self._kept.values())).used < limit:
            self.forget(next(iter(self._kept)))

    def clear(self) -> None:
        """Let everything go."""
        self._kept.clear()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)
