"""The worker's one UDP socket: demultiplexing (RFC 7983), ICE-lite, DTLS, and the passing of time."""

from __future__ import annotations

import asyncio
import socket

from foundation.clock import Clock
from media.aiortc_seam import MAX_PACKET, Address, BindingRequest, PacketBuffer
from media.api import ConnectionState, Direction
from media.connection import Connection, ConnectionOwner
from media.description import Endpoint
from media.dtls import Certificate, DtlsSession, DtlsState
from media.errors import unavailable
from media.feedback import Feedback
from media.forwarding import Forwarder
from media.settings import WorkerSettings

TICK_S = 0.1
_BATCH = 64
"""Datagrams read before other work gets its turn."""
_SOCKET_BUFFER = 8 << 20
_MOST_ADDRESSES = 8
_SETTLED_S = 1.0
"""An address that has been silent for this long is left for another that proves itself without nominating it."""


class Transport:
    """Owns the socket and every connection. All its methods run on the event loop's thread."""

    def __init__(self, settings: WorkerSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._certificate = Certificate(clock.now())
        family = socket.AF_INET6 if ":" in settings.bind_host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self._socket.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER)
        self._socket.bind((settings.bind_host, settings.port))
        self.endpoint = Endpoint(settings.announced, self._socket.getsockname()[1], self._certificate.fingerprint)
        self._inbound, outbound = PacketBuffer(), PacketBuffer()
        self._forwarder = Forwarder(self._inbound, outbound, self._send)
        self._feedback = Feedback(self._inbound, outbound, self._send, self._forwarder, settings.video_bitrate)
        self._by_ufrag: dict[str, Connection] = {}
        self._by_address: dict[Address, Connection] = {}
        self._connections: set[Connection] = set()
        self._handshakes = 0
        self.dropped = 0
        """Datagrams that the kernel had no room for."""

    @property
    def forwarded(self) -> int:
        """Packets sent to viewers since the start."""
        return self._forwarder.forwarded

    @property
    def connections(self) -> int:
        """Connections open now."""
        return len(self._connections)

    @property
    def feedback(self) -> Feedback:
        """RTCP of all connections."""
        return self._feedback

    async def run(self) -> None:
        """Serve the socket until cancelled, then say goodbye to every peer."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._socket.fileno(), self._readable)
        try:
            while True:
                await asyncio.sleep(TICK_S)
                self._tick(self._clock.monotonic())
        finally:
            loop.remove_reader(self._socket.fileno())
            for connection in list(self._connections):
                self.close(connection)
            self._socket.close()

    def open(self, owner: ConnectionOwner, direction: Direction) -> Connection:
        """A new connection, reachable by its ICE credentials. Raises `media.unavailable` when the worker is full."""
        if len(self._connections) >= self._settings.max_connections:
            raise unavailable()
        connection = Connection(owner, direction, self._clock.monotonic())
        self._connections.add(connection)
        self._by_ufrag[connection.ufrag] = connection
        return connection

    def restart_ice(self, connection: Connection) -> None:
        """Give a connection new ICE credentials; packets flow on until the peer comes by its new way."""
        del self._by_ufrag[connection.ufrag]
        connection.renew_credentials()
        self._by_ufrag[connection.ufrag] = connection

    def close(self, connection: Connection) -> None:
        """Close a connection without telling its owner. One closed already is ignored."""
        if connection not in self._connections:
            return
        self._connections.discard(connection)
        if connection.dtls is not None:
            if connection.dtls.state is DtlsState.HANDSHAKE:
                self._handshakes -= 1
            connection.dtls.end()
            self._flush(connection)
        self._by_ufrag.pop(connection.ufrag, None)
        for address in connection.addresses:
            if self._by_address.get(address) is connection:
                del self._by_address[address]
        connection.srtp = None
        connection.state = ConnectionState.CLOSED

    def trust(self, connection: Connection) -> None:
        """The peer's fingerprints are known (or known anew): let media pass if its certificate has them."""
        dtls = connection.dtls
        if dtls is None or dtls.state is not DtlsState.ESTABLISHED or not connection.peer_fingerprints:
            return
        if connection.srtp is None:
            srtp = dtls.srtp() if dtls.is_peer(connection.peer_fingerprints) else None
            if srtp is None:
                self._end(connection)
                return
            connection.srtp = srtp
            self._change(connection, ConnectionState.CONNECTED)
            self._feedback.report(connection, self._clock.monotonic())

    def begin(self, connection: Connection) -> None:
        """Viewers' new tracks on this connection want key frames and clocks."""
        now = self._clock.monotonic()
        for down in connection.downs.values():
            if not down.packets:
                self._feedback.begin(down, now)

    def _send(self, data: memoryview | bytes, address: Address) -> None:
        try:
            self._socket.sendto(data, address)
        except OSError:  # the kernel's queue is full or the way is gone: a datagram may be lost
            self.dropped += 1

    def _readable(self) -> None:
        now = self._clock.monotonic()
        view = self._inbound.view[:MAX_PACKET]
        receive = self._socket.recvfrom_into
        for _ in range(_BATCH):
            try:
                length, address = receive(view)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error of an earlier datagram
                continue
            if length < 2:
                continue
            first = view[0]
            if 128 <= first < 192:
                connection = self._by_address.get(address)
                if connection is not None:
                    if 192 <= view[1] < 224:
                        self._feedback.receive(connection, length, now)
                    else:
                        self._forwarder.receive(connection, length, now)
            elif first < 4:
                self._take_check(bytes(view[:length]), address, now)
            elif 20 <= first < 64:
                connection = self._by_address.get(address)
                if connection is not None:
                    self._take_dtls(connection, bytes(view[:length]), now)

    def _take_check(self, datagram: bytes, address: Address, now: float) -> None:
        """Answer an authentic connectivity check (RFC 8445 §7.3); anything else gets no answer at all."""
        request = BindingRequest.parse(datagram)
        if request is None:
            return
        connection = self._by_ufrag.get(request.username.partition(":")[0])
        if connection is None or not request.is_from_holder_of(connection.password):
            return
        holder = self._by_address.get(address)
        if holder is not connection:
            # A forged source address must not take a living connection's packets away from it.
            if holder is not None and now - holder.heard_at < self._settings.silence_s:
                return
            self._adopt(connection, address)
        if address != connection.address and (
            request.nominates or connection.address is None or now - connection.heard_at > _SETTLED_S
        ):
            connection.address = address
        connection.heard_at = now
        self._send(request.response(address, connection.password), address)

    def _adopt(self, connection: Connection, address: Address) -> None:
        if len(connection.addresses) >= _MOST_ADDRESSES:
            oldest = next(known for known in connection.addresses if known != connection.address)
            connection.addresses.remove(oldest)
            if self._by_address.get(oldest) is connection:
                del self._by_address[oldest]
        if address not in connection.addresses:
            connection.addresses.append(address)
        self._by_address[address] = connection

    def _take_dtls(self, connection: Connection, datagram: bytes, now: float) -> None:
        dtls = connection.dtls
        if dtls is None:
            if self._handshakes >= self._settings.max_handshakes:
                return
            self._handshakes += 1
            dtls = connection.dtls = DtlsSession(self._certificate)
            connection.handshake_at = now
        was = dtls.state
        dtls.receive(datagram)
        if was is DtlsState.HANDSHAKE and dtls.state is not was:
            self._handshakes -= 1
        self._flush(connection)
        if dtls.state is DtlsState.ENDED:
            self._end(connection)
        elif was is not dtls.state:
            connection.heard_at = now
            self.trust(connection)

    def _flush(self, connection: Connection) -> None:
        if connection.dtls is not None and connection.address is not None:
            for datagram in connection.dtls.outgoing():
                self._send(datagram, connection.address)

    def _end(self, connection: Connection) -> None:
        self.close(connection)
        connection.owner.connection_changed(connection, ConnectionState.CLOSED)

    def _change(self, connection: Connection, state: ConnectionState) -> None:
        connection.state = state
        connection.owner.connection_changed(connection, state)

    def _tick(self, now: float) -> None:
        settings = self._settings
        for connection in list(self._connections):
            if connection not in self._connections:
                continue  # closed with its room by one before it
            silence = now - connection.heard_at
            if connection.srtp is not None:
                if silence > settings.abandon_s:
                    self._end(connection)
                    continue
                silent = silence > settings.silence_s
                if silent != (connection.state is ConnectionState.DISCONNECTED):
                    self._change(connection, ConnectionState.DISCONNECTED if silent else ConnectionState.CONNECTED)
                self._feedback.tick(connection, now)
            elif (
                connection.handshake_at is not None and now - connection.handshake_at > settings.handshake_timeout_s
            ) or now - connection.created_at > settings.connect_timeout_s:
                self._end(connection)
            elif connection.dtls is not None and connection.dtls.state is DtlsState.HANDSHAKE:
                alive = connection.dtls.tick()
                self._flush(connection)
                if not alive:
                    self._handshakes -= 1
                    self._end(connection)
