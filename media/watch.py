"""What the forwarder tells those who repair and ask (`media.repair`)."""

from __future__ import annotations

from typing import Protocol

from media.tracks import DownTrack, UpLayer


class Watch(Protocol):
    """What the forwarder tells those who repair and ask."""

    def gap(self, layer: UpLayer, first: int, count: int) -> None:
        """Packets of a layer, from that number on, have not come (yet)."""
        ...

    def key_frame_needed(self, layer: UpLayer, now: float) -> None:
        """Viewers wait for a key frame of a layer whose packets come."""
        ...

    def begun(self, down: DownTrack, now: float) -> None:
        """A viewer is fed from another layer from now on."""
        ...


class Nobody:
    """Watches nothing."""

    def gap(self, layer: UpLayer, first: int, count: int) -> None:
        """Nothing."""

    def key_frame_needed(self, layer: UpLayer, now: float) -> None:
        """Nothing."""

    def begun(self, down: DownTrack, now: float) -> None:
        """Nothing."""
