"""DTLS handshakes under way: how many there may be, how much they may say to an address before it has shown that
somebody is there, and when what has served is let go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from math import inf

from media.connection import Connection
from media.dtls import Certificate, DtlsSession, DtlsState
from media.outgoing import Outbox
from media.settings import WorkerSettings

AMPLIFICATION = 3
"""Octets sent to an address for each that came from it, until a handshake has shown that somebody is there."""
_SETTLES_S = 5.0
"""After this time a handshake that has served is let go."""
_ALERT = 21
_HALF_OPEN_S = 3.0
"""When all places are taken, a handshake that has hung for so long makes room for another."""
_LAST_WORDS_S, _DOUBT_S = 0.3, 3.5
"""Packets this soon after a goodbye may have overtaken it; with none after them for so long, the peer has left. It is
longer than the interval between two consent checks (RFC 7675)."""

Told = Callable[[Connection], None]


class Handshakes:
    """The handshakes of one worker. `established` is told of those that succeed, `ended` of those that fail."""

    def __init__(
        self, outbox: Outbox, settings: WorkerSettings, now: datetime, *, established: Told, ended: Told
    ) -> None:
        self._outbox = outbox
        self._settings = settings
        self._established = established
        self._ended = ended
        self.certificate = Certificate(now)
        self._half_open: dict[Connection, None] = {}
        """Whose handshakes are under way, the oldest first."""
        self.settled = 0
        """Let go since the start."""

    def __len__(self) -> int:
        return len(self._half_open)

    def forget(self, connection: Connection) -> None:
        """A connection has ended: say goodbye. The caller sends what that is."""
        self._half_open.pop(connection, None)
        if connection.dtls is not None:
            connection.dtls.end()
            self.speak(connection)

    def take(self, connection: Connection, datagram: bytes, key: bytes, now: float) -> None:
        """A DTLS datagram of a known peer's address."""
        dtls = connection.dtls
        if dtls is None:
            if len(self._half_open) >= self._settings.max_handshakes and not self._make_room(now):
                return
            self._half_open[connection] = None
            dtls = connection.dtls = DtlsSession(self.certificate)
            connection.handshake_at = now
        was = dtls.state
        if was is DtlsState.SETTLED:
            # It can no longer be read whether this is a goodbye. Whoever sends packets after it did not leave.
            if datagram[0] == _ALERT and connection.doubted_at is None:
                connection.doubted_at = now
            return
        if connection.address is not None and connection.address.key == key:
            connection.credit += AMPLIFICATION * len(datagram)
        dtls.receive(datagram)
        if was is not dtls.state:
            self._half_open.pop(connection, None)
            if dtls.state is DtlsState.ESTABLISHED:
                connection.credit = inf
        self.speak(connection)
        if dtls.state is DtlsState.ENDED:
            self._ended(connection)
        elif was is not dtls.state:
            connection.heard_at = now
            self._established(connection)

    def speak(self, connection: Connection) -> None:
        """Send what DTLS has to say, as far as the address has earned it (compare RFC 9000 §8.1): a check may come
        with somebody else's address as its source. What it has not waits for the next packet from there."""
        dtls, address = connection.dtls, connection.address
        if dtls is None or address is None:
            return
        waiting = [datagram for datagram in dtls.outgoing() if datagram] or connection.held
        held = []
        for datagram in waiting:
            # Who has opened a TCP connection is there.
            if address.stream is not None or len(datagram) <= connection.credit:
                connection.credit -= len(datagram)
                self._outbox.send(datagram, address)
            else:
                held.append(datagram)
        connection.held = held

    def repeat(self, connection: Connection, now: float) -> None:
        """Repeat what a handshake under way has not heard an answer to, or end it after too long."""
        settings, began = self._settings, connection.handshake_at
        if (
            began is not None and now - began > settings.handshake_timeout_s
        ) or now - connection.created_at > settings.connect_timeout_s:
            self._ended(connection)
        elif connection.dtls is not None and connection.dtls.state is DtlsState.HANDSHAKE:
            alive = connection.dtls.tick()
            self.speak(connection)
            if not alive:
                self._ended(connection)

    def settle(self, connection: Connection, now: float) -> None:
        """Let a handshake go that has served, and with it much memory."""
        dtls, began = connection.dtls, connection.handshake_at
        if dtls is not None and connection.proved and began is not None and now - began > _SETTLES_S:
            if dtls.state is DtlsState.ESTABLISHED:
                self.settled += 1
            dtls.settle()

    def has_left(self, connection: Connection, now: float) -> bool:
        """Whether nothing authentic has come since what may have been a goodbye."""
        doubted_at = connection.doubted_at
        if doubted_at is None:
            return False
        if connection.heard_at > doubted_at + _LAST_WORDS_S:
            connection.doubted_at = None
            return False
        return now - doubted_at > _DOUBT_S

    def _make_room(self, now: float) -> bool:
        """End the handshake that has hung for longest; False when none has hung for long."""
        oldest = next(iter(self._half_open))
        if oldest.handshake_at is None or now - oldest.handshake_at < _HALF_OPEN_S:
            return False
        self._ended(oldest)
        return True
