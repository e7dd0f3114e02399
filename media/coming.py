"""Whether the pictures of a published layer come, by the frames themselves."""

from __future__ import annotations

from math import inf

from media.tracks import UpLayer

STILLS_RATE = 1.5
"""Frames a second below which a layer brings stills."""
_SILENT_S = 1.5
"""A layer of which no whole frame has come for this long is not being sent."""
_STALLED_S = 0.7
"""The same while a smaller layer goes on: a browser whose line grew thin drips the rest of the large one."""
_STILLS_SILENT_S = 5.0
"""The same for stills."""
_BACK_S, _BACK_RATE = 1.0, 5.0
"""The smallest layer, once it stood, has to move for so long and with so many frames a second: on a line that it fills
it would come and go."""


def comes(layer: UpLayer, now: float) -> bool:
    """Whether frames of a layer come, as often as they did, and whole."""
    if not _moves(layer, now):
        return False
    if layer is not layer.up.layers[0]:
        return not layer.overflows  # what is left of it only stands in the way of the smaller ones
    if 0 < layer.frame_rate < STILLS_RATE:
        return True
    return now - layer.stalled_at > _BACK_S and (layer.stalled_at <= layer.wanted_at or layer.frame_rate >= _BACK_RATE)


def look(layer: UpLayer, now: float) -> None:
    """Note whether its pictures stand just now. Called some times a second."""
    if not layer.watched:
        let_go(layer, now)
        if layer.overflows and now - layer.reception.newest_at > _SILENT_S:
            layer.overflows = False  # nothing of it is on the line any more: whatever comes next is a new beginning
    elif layer.frames and not _moves(layer, now):
        layer.stalled_at = now


def let_go(layer: UpLayer, now: float) -> None:
    """Wait for nothing that is missing of a layer that nobody watches: who comes to it begins with a key frame.

    That its pictures stood is remembered.
    """
    if layer.frames and not _moves(layer, now):
        layer.stalled_at = now
    layer.asked.clear()
    layer.broken_since = inf


def _moves(layer: UpLayer, now: float) -> bool:
    silence = now - layer.frame_at
    if 0 < layer.frame_rate < STILLS_RATE:
        return silence < _STILLS_SILENT_S
    others = (other for other in layer.up.layers if other is not layer)
    limit = _STALLED_S if any(now - other.frame_at < 0.3 for other in others) else _SILENT_S
    return silence < limit and now - layer.stands_since < limit
