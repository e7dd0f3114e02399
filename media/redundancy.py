"""Redundant audio for one viewer (RFC 2198): a packet with what came before it, as far as it is kept."""

from __future__ import annotations

from media import red
from media.tracks import AUDIO_HISTORY, DownTrack

DEEPEST = 3
"""Earlier audio packets that ride along at most."""
_LONGEST = 1_200
"""Octets of audio with what rides along, at most."""


def folded_for(down: DownTrack, payload: memoryview, sequence: int, timestamp: int) -> bytes:
    """The redundant payload of a packet, with as much as the viewer's `redundancy` says. Sequence number and timestamp
    are the layer's own."""
    earlier: list[tuple[int, bytes]] = []
    room = _LONGEST - len(payload)
    history = down.layer.history if down.layer is not None else []
    for age in range(1, min(down.redundancy, DEEPEST) + 1):
        kept = history[sequence - age & AUDIO_HISTORY - 1]
        if kept is not None and kept[0] == (sequence - age & 0xFFFF) and len(kept[3]) <= room:
            earlier.insert(0, (kept[1], kept[3]))
            room -= len(kept[3])
    return red.write(down.payload_type, timestamp, payload, earlier)
