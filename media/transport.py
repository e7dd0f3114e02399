"""The worker's one UDP socket and TCP beside it: demultiplexing (RFC 7983), ICE-lite, DTLS, the passing of time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from math import inf

from foundation.clock import Clock
from media.address import Address
from media.aiortc_seam import PacketBuffer
from media.api import ConnectionState, Direction
from media.connection import Connection, ConnectionOwner
from media.datagrams import READ_BATCH
from media.description import Endpoint
from media.dtls import DtlsState
from media.errors import unavailable
from media.fan_out import FanOut
from media.feedback import Feedback
from media.forwarding import Forwarder
from media.handshakes import Handshakes
from media.ice import IceLite
from media.incoming import Incoming
from media.outgoing import Outgoing
from media.paced import Paced
from media.settings import WorkerSettings
from media.sockets import bind
from media.speakers import hear
from media.tcp import TcpListener
from media.tracks import DownTrack, UpLayer, UpTrack
from media.turns import Turns

TICK_S = 0.005
"""Between looks at what is lost, and at what is held back for thin lines."""
SLOW_TICK_S, PARTS = 0.1, 16
"""Between looks at each connection and each room, and in how many steps they are gone through."""
_READS = 4
"""Batches of datagrams read before other work gets its turn."""
_TICKS = 4
"""Connections that are looked at before packets that came meanwhile get their turn."""
_CROWDED_S, _GATHER_S = 0.0005, 0.0003
"""When the last packets came less than this ago, the next are waited for this long: fewer turns cost less."""


class Transport:
    """Owns the socket and every connection. All its methods run on the event loop's thread."""

    def __init__(self, settings: WorkerSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._socket, listening = bind(settings)
        native = FanOut.load()
        self._incoming, self._outgoing = Incoming(self._socket), Outgoing(self._socket, native)
        self._handshakes = Handshakes(self._outgoing, settings, clock.now(), established=self.trust, ended=self._end)
        self._ice = IceLite(self._outgoing, settings.silence_s, self._handshakes.speak)
        self._forwarder = Forwarder(self._outgoing, native)
        self._forwarder.heard = hear
        self._feedback = Feedback(self._outgoing, self._forwarder, settings.video_bitrate)
        self._paced = Paced(self._outgoing)
        self.endpoint = Endpoint(
            settings.announced,
            self._socket.getsockname()[1],
            self._handshakes.certificate.fingerprint,
            None if listening is None else listening.getsockname()[1],
        )
        self._listener = None if listening is None else TcpListener(listening, settings, self, clock)
        self._connections: set[Connection] = set()
        self._read_at = -inf
        self.closed = 0
        """Connections closed since the start."""
        self.govern: Callable[[float, float], Iterable[None]] = lambda _now, _turn: ()
        """Called with each tick, and the loop's time: some of the rooms weigh their lines, with a pause after each."""

    @property
    def dropped(self) -> int:
        """Datagrams that the kernel had no room for."""
        return self._outgoing.dropped

    @property
    def forwarded(self) -> int:
        """Packets sent to viewers since the start."""
        return self._forwarder.forwarded

    @property
    def connections(self) -> int:
        """Connections open now."""
        return len(self._connections)

    @property
    def handshakes(self) -> int:
        """DTLS handshakes under way."""
        return len(self._handshakes)

    @property
    def settled(self) -> int:
        """Handshakes let go since the start."""
        return self._handshakes.settled

    @property
    def feedback(self) -> Feedback:
        """RTCP of all connections."""
        return self._feedback

    async def run(self) -> None:
        """Serve the socket until cancelled, then say goodbye to every peer."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._socket.fileno(), self._readable)
        if self._listener is not None:
            self._listener.start()
        try:
            turns: Turns[Connection] = Turns(SLOW_TICK_S, PARTS)
            while True:
                await asyncio.sleep(TICK_S)
                now, turn = self._clock.monotonic(), loop.time()
                self._paced.drain(now)
                self._feedback.repair.tick(now)
                if self._listener is not None:
                    self._listener.tick(now)
                for place, connection in enumerate(turns.due(self._connections, turn)):
                    self._tick(connection, now)
                    if place % _TICKS == _TICKS - 1:
                        self._read()
                self._outgoing.flush()
                await asyncio.sleep(0)  # packets that came meanwhile go first
                for _ in self.govern(self._clock.monotonic(), turn):
                    self._read()
                self._outgoing.flush()
        finally:
            loop.remove_reader(self._socket.fileno())
            for connection in list(self._connections):
                self.close(connection)
            self._outgoing.flush()
            self._socket.close()
            if self._listener is not None:
                self._listener.close()

    def open(self, owner: ConnectionOwner, direction: Direction) -> Connection:
        """A new connection, reachable by its ICE credentials. Raises `media.unavailable` when the worker is full."""
        if len(self._connections) >= self._settings.max_connections:
            raise unavailable()
        connection = Connection(owner, direction, self._clock.monotonic())
        self._connections.add(connection)
        self._ice.expect(connection)
        return connection

    def restart_ice(self, connection: Connection) -> None:
        """Give a connection new ICE credentials; packets flow on until the peer comes by its new way."""
        self._ice.restart(connection)

    def close(self, connection: Connection) -> None:
        """Close a connection without telling its owner. One closed already is ignored."""
        if connection not in self._connections:
            return
        self._connections.discard(connection)
        self.closed += 1
        connection.route({})
        self._handshakes.forget(connection)
        self._outgoing.flush()
        self._ice.forget(connection)
        self._paced.forget(connection)
        # Owners, tracks and connections know each other: what is large goes now, not when cycles are looked for.
        connection.srtp = connection.dtls = None
        connection.held = []
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

    def now(self) -> float:
        """See `media.plane`."""
        return self._clock.monotonic()

    def ask_key_frame(self, layer: UpLayer) -> None:
        """See `media.plane`."""
        self._feedback.repair.ask_key_frame(layer, self._clock.monotonic())

    def replay(self, down: DownTrack, layer: UpLayer) -> bool:
        """See `media.plane`."""
        return self._feedback.resender.replay(down, layer, self._clock.monotonic())

    def pace(self, connection: Connection, bitrate: float | None) -> None:
        """See `media.plane`."""
        self._paced.pace(connection, bitrate)

    def probe(self, connection: Connection, down: DownTrack, octets: int, most: int, bitrate: float) -> None:
        """See `media.plane`."""
        padding = self._feedback.resender.padding(down, octets, most)
        if padding:
            self._paced.spread(connection, padding, bitrate, self._clock.monotonic())

    def ended(self, up: UpTrack) -> None:
        """See `media.plane`."""
        for layer in up.layers:
            self._feedback.repair.forget(layer)
            layer.history[:] = [None] * len(layer.history)

    def take(self, packet: PacketBuffer, length: int, address: Address, now: float) -> None:
        """A packet that came by another way than the socket, such as TCP."""
        self._demultiplex(packet, length, address.key, address, now)
        self._flush(now)

    def gone(self, address: Address) -> None:
        """A way such as TCP has ended. It stays its connection's address until the peer comes by another."""
        self._ice.gone(address)

    def _readable(self) -> None:
        if self._clock.monotonic() - self._read_at < _CROWDED_S:
            # Packets come faster than it takes to wake up for each: let some gather, as network cards do.
            time.sleep(_GATHER_S)
        for _ in range(_READS):
            if self._read() < READ_BATCH:
                return

    def _read(self) -> int:
        """Take one batch of what has come; how many datagrams that was."""
        incoming = self._incoming
        count = incoming.read()
        if not count:
            return 0
        self._read_at = now = self._clock.monotonic()
        packets, lengths, keys = incoming.packets, incoming.lengths, incoming.keys
        by_key, forward = self._ice.by_key, self._forwarder.receive
        for place in self._forwarder.take(incoming, count, now):
            packet = packets[place]
            view = packet.view
            # The first byte of RTP and RTCP (RFC 7983 §7); the second tells them apart (RFC 5761 §4).
            if 128 <= view[0] < 192 and not 192 <= view[1] < 224:
                connection = by_key.get(keys[place])
                if connection is not None:
                    forward(connection, packet, lengths[place], now, keys[place])
            else:
                self._demultiplex(packet, lengths[place], keys[place], None, now)
        self._flush(now)
        return count

    def _demultiplex(self, packet: PacketBuffer, length: int, key: bytes, address: Address | None, now: float) -> None:
        if length < 2:
            return
        view = packet.view
        first = view[0]
        if first < 4:
            self._ice.check(bytes(view[:length]), key, address, now)
            return
        connection = self._ice.by_key.get(key)
        if connection is None:
            return
        if 128 <= first < 192:
            if 192 <= view[1] < 224:
                self._feedback.receive(connection, packet, length, now)
            else:
                self._forwarder.receive(connection, packet, length, now)
        elif 20 <= first < 64:
            self._handshakes.take(connection, bytes(view[:length]), key, now)

    def _flush(self, now: float) -> None:
        self._feedback.repair.flush(now)
        self._outgoing.flush()

    def _end(self, connection: Connection) -> None:
        self.close(connection)
        connection.owner.connection_changed(connection, ConnectionState.CLOSED)

    def _change(self, connection: Connection, state: ConnectionState) -> None:
        connection.state = state
        connection.owner.connection_changed(connection, state)

    def _tick(self, connection: Connection, now: float) -> None:
        if connection not in self._connections:
            return  # closed with its room by one before it
        settings = self._settings
        if connection.srtp is None:
            self._handshakes.repeat(connection, now)
            return
        self._handshakes.settle(connection, now)
        silence = now - connection.heard_at
        if silence > settings.abandon_s or self._handshakes.has_left(connection, now):
            self._end(connection)
            return
        silent = silence > settings.silence_s
        if silent != (connection.state is ConnectionState.DISCONNECTED):
            self._change(connection, ConnectionState.DISCONNECTED if silent else ConnectionState.CONNECTED)
        self._feedback.tick(connection, now)
