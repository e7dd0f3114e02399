"""ICE-lite (RFC 8445 §2.5): connectivity checks are answered, and tell which connection an address speaks for."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from media.address import Address
from media.aiortc_seam import BindingRequest
from media.connection import Connection
from media.handshakes import AMPLIFICATION
from media.outgoing import Outbox

_MOST_ADDRESSES = 8
_SETTLED_S = 1.0
"""An address that has been silent for this long is left for another that proves itself without nominating it."""


class IceLite:
    """The credentials and addresses of all connections. `earned` is told whose address may be sent more to."""

    def __init__(self, outbox: Outbox, silence_s: float, earned: Callable[[Connection], None]) -> None:
        self._outbox = outbox
        self._silence_s = silence_s
        self._earned = earned
        self._by_ufrag: dict[str, Connection] = {}
        self.by_key: dict[bytes, Connection] = {}
        """By `Address.key`: the one connection that an address speaks for."""

    def expect(self, connection: Connection) -> None:
        """A new connection, reachable by its credentials."""
        self._by_ufrag[connection.ufrag] = connection

    def restart(self, connection: Connection) -> None:
        """Give a connection new credentials (§9); packets flow on until the peer comes by its new way."""
        del self._by_ufrag[connection.ufrag]
        connection.renew_credentials()
        self._by_ufrag[connection.ufrag] = connection

    def forget(self, connection: Connection) -> None:
        """A connection has ended."""
        self._by_ufrag.pop(connection.ufrag, None)
        for address in connection.addresses:
            if self.by_key.get(address.key) is connection:
                del self.by_key[address.key]

    def gone(self, address: Address) -> None:
        """A way such as TCP has ended. It stays its connection's address until the peer comes by another."""
        connection = self.by_key.pop(address.key, None)
        if connection is not None and connection.address is not address:
            connection.addresses.remove(address)

    def check(self, datagram: bytes, key: bytes, address: Address | None, now: float) -> None:
        """Answer an authentic connectivity check (RFC 8445 §7.3); anything else gets no answer at all."""
        request = BindingRequest.parse(datagram)
        if request is None:
            return
        connection = self._by_ufrag.get(request.username.partition(":")[0])
        if connection is None or not request.is_from_holder_of(connection.password):
            return
        holder = self.by_key.get(key)
        known = next((one for one in connection.addresses if one.key == key), None)
        here = known or address or Address.read(key)
        if holder is not connection:
            # A forged source address must not take a living connection's packets away from it.
            if holder is not None and now - holder.heard_at < self._silence_s:
                return
            self._adopt(connection, here)
        if here is not connection.address and (
            request.nominates or connection.address is None or now - connection.heard_at > _SETTLED_S
        ):
            connection.address = here
            connection.changed()
            if connection.credit < inf:
                connection.credit = 0  # earned by another address
        connection.heard_at = now
        response = request.response(here.host, here.port, connection.password)
        self._outbox.send(response, here)
        if here is connection.address:
            connection.credit += AMPLIFICATION * len(datagram) - len(response)
            if connection.held:
                self._earned(connection)

    def _adopt(self, connection: Connection, address: Address) -> None:
        if len(connection.addresses) >= _MOST_ADDRESSES:
            oldest = next(known for known in connection.addresses if known is not connection.address)
            connection.addresses.remove(oldest)
            connection.disarm()
            if self.by_key.get(oldest.key) is connection:
                del self.by_key[oldest.key]
        if address not in connection.addresses:
            connection.addresses.append(address)
        if (holder := self.by_key.get(address.key)) is not None:
            holder.disarm()
        self.by_key[address.key] = connection
        if address.stream is not None:
            address.stream.prove(connection.is_sound)
