"""The viewers whose lines are thin: what is held back for them, and what is sent to try them."""

from __future__ import annotations

from media.connection import Connection
from media.outgoing import Outbox
from media.pacing import Datagram, Pacer

_UNHELD = 50_000_000.0
"""Bit/s of a pacer that holds nothing back."""


class Paced:
    """Connections with a pacer."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._connections: set[Connection] = set()

    def pace(self, connection: Connection, bitrate: float | None) -> None:
        """Send a viewer's video evenly at about that rate (bit/s), or, with None, as it comes."""
        pacer = connection.pacer
        if bitrate is not None:
            if pacer is None:
                pacer = connection.pacer = Pacer(bitrate)
                self._connections.add(connection)
                connection.changed()
            pacer.bitrate = bitrate
        elif pacer is not None and pacer.next_at is None:
            connection.pacer = None
            self._connections.discard(connection)
            connection.changed()

    def spread(self, connection: Connection, padding: list[Datagram], bitrate: float, now: float) -> None:
        """Send padding from now on at that rate, beside the media."""
        if connection.pacer is None:
            self.pace(connection, _UNHELD)  # the padding alone is spread; media goes as it comes
        if connection.pacer is not None:
            connection.pacer.spread(padding, bitrate, now)

    def drain(self, now: float) -> None:
        """Send what pacers have let go."""
        for connection in self._connections:
            if connection.pacer is None or connection.address is None:
                continue
            for datagram in connection.pacer.due(now):
                if datagram.number is not None:
                    connection.estimate.sent(datagram.number, len(datagram.data), now)
                self._outbox.send(datagram.data, connection.address)

    def forget(self, connection: Connection) -> None:
        """A connection has ended."""
        self._connections.discard(connection)
        connection.pacer = None
