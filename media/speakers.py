"""Who speaks: from the audio levels that publishers' packets carry (RFC 6464)."""

from __future__ import annotations

from collections.abc import Iterable

from media.publisher import Publisher
from media.tracks import UpLayer

_QUIET = 55
"""-dBov from which a packet counts as silence."""
_RISE = 0.1
"""How much of a packet's level the smoothed one takes on: it follows within about ten packets, 0.2 s."""
_FADE = 0.85
"""What is left of a level at each look: nothing comes of a microphone that is off."""
_BEGINS, _ENDS = 0.2, 0.08


def hear(layer: UpLayer, level: int) -> None:
    """Take a packet's level, in -dBov: 0 is the loudest, 127 silence."""
    up = layer.up
    loudness = 0.0 if level >= _QUIET else 1.0 - level / _QUIET
    up.level += (loudness - up.level) * _RISE


class Speakers:
    """The speakers of one room."""

    def __init__(self) -> None:
        self._speaking: tuple[str, ...] = ()

    def now(self, publishers: Iterable[Publisher]) -> tuple[str, ...] | None:
        """Who speaks, the loudest first, when somebody has begun or ended; else None. Called ten times a second."""
        levels: list[tuple[float, str]] = []
        for publisher in publishers:
            loudest = 0.0
            for up in publisher.ups:
                if not up.is_video:
                    loudest = max(loudest, up.level)
                    up.level *= _FADE
            if loudest > (_ENDS if publisher.participant_id in self._speaking else _BEGINS):
                levels.append((-loudest, publisher.participant_id))
        speaking = tuple(name for _, name in sorted(levels))
        if set(speaking) == set(self._speaking):
            return None
        self._speaking = speaking
        return speaking
