"""What rooms need of the network: connections to open and close. `Transport` is the real one."""

from __future__ import annotations

from typing import Protocol

from media.api import Direction
from media.connection import Connection, ConnectionOwner
from media.description import Endpoint


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

    def begin(self, connection: Connection) -> None:
        """New tracks go out on this connection: ask for key frames, send clocks."""
        ...
