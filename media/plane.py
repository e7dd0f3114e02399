"""What rooms need of the network: connections to open and close. `Transport` is the real one."""

from __future__ import annotations

from typing import Protocol

from media.api import Direction
from media.connection import Connection, ConnectionOwner
from media.description import Endpoint
from media.tracks import DownTrack, UpLayer, UpTrack


class Plane(Protocol):
    """The connections of one worker."""

    @property
    def endpoint(self) -> Endpoint:
        """Where peers reach the worker."""
        ...

    def open(self, owner: ConnectionOwner, direction: Direction) -> Connection:
        """A new connection. Raises `media.unavailable` when there are too many."""
        ...

    def restart_ice(self, connection: Connection) -> None:
        """Give the connection new ICE credentials."""
        ...

    def close(self, connection: Connection) -> None:
        """Close a connection without telling its owner."""
        ...

    def trust(self, connection: Connection) -> None:
        """The peer's fingerprints have been noted: media may pass if its certificate has them."""
        ...

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def ask_key_frame(self, layer: UpLayer) -> None:
        """Ask the publisher for a key frame, as soon as the interval between two allows."""
        ...

    def replay(self, down: DownTrack, layer: UpLayer) -> bool:
        """Begin a viewer's stream with the layer's newest key frame, if it is recent and kept whole."""
        ...

    def pace(self, connection: Connection, bitrate: float | None) -> None:
        """Send a viewer's video evenly at about that rate, or, with None, as it comes."""
        ...

    def probe(self, connection: Connection, down: DownTrack, octets: int, most: int, bitrate: float) -> None:
        """Send padding of that many octets in all, `most` a packet, at that rate beside a viewer's media."""
        ...

    def ended(self, up: UpTrack) -> None:
        """A track is published no more."""
        ...
