"""The worker's one UDP socket and TCP beside it: demultiplexing (RFC 7983), ICE-lite, DTLS, the passing of time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from math import inf

from foundation.clock import Clock
from media.aiortc_seam import BindingRequest, PacketBuffer
from media.api import ConnectionState, Direction
from media.connection import Connection, ConnectionOwner
from media.datagrams import READ_BATCH, Address, Datagrams
from media.description import Endpoint
from media.dtls import Certificate, DtlsSession, DtlsState
from media.errors import unavailable
from media.fan_out import FanOut
from media.feedback import Feedback
from media.forwarding import Forwarder
from media.pacing import Pacer
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
_CROWDED_S, _GATHER_S = 0.0005, 0.0001
"""When the last packets came less than this ago, the next are waited for this long: fewer turns cost less."""
_MOST_ADDRESSES = 8
_UNHELD = 50_000_000.0
"""Bit/s of a pacer that holds nothing back."""
_SETTLES_S = 5.0
"""After this time a handshake that has served is let go."""
_ALERT = 21
_HALF_OPEN_S = 3.0
"""When all places are taken, a handshake that has hung for so long makes room for another."""
_AMPLIFICATION = 3
"""Octets sent to an address for each that came from it, until a handshake has shown that somebody is there."""
_LAST_WORDS_S, _DOUBT_S = 0.3, 3.5
"""Packets this soon after a goodbye may have overtaken it; with none after them for so long, the peer has left. It is
longer than the interval between two consent checks (RFC 7675)."""
_SETTLED_S = 1.0
"""An address that has been silent for this long is left for another that proves itself without nominating it."""


class Transport:
    """Owns the socket and every connection. All its methods run on the event loop's thread."""

    def __init__(self, settings: WorkerSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._certificate = Certificate(clock.now())
        self._socket, listening = bind(settings)
        self.endpoint = Endpoint(
            settings.announced,
            self._socket.getsockname()[1],
            self._certificate.fingerprint,
            None if listening is None else listening.getsockname()[1],
        )
        self._listener = None if listening is None else TcpListener(listening, settings, self, clock)
        self._datagrams = Datagrams(self._socket)
        self._forwarder = Forwarder(self._datagrams, FanOut.load())
        self._forwarder.heard = hear
        self._feedback = Feedback(self._datagrams, self._forwarder, settings.video_bitrate)
        self._by_ufrag: dict[str, Connection] = {}
        self._by_key: dict[bytes, Connection] = {}
        """By `Address.key`: the one connection that an address speaks for."""
        self._connections: set[Connection] = set()
        self._half_open: dict[Connection, None] = {}
        """Whose handshakes are under way, the oldest first."""
        self._paced: set[Connection] = set()
        self._read_at = -inf
        self.settled = 0
        """Handshakes let go since the start."""
        self.closed = 0
        """Connections closed since the start."""
        self.govern: Callable[[float, float], None] = lambda _now, _turn: None
        """Called with each tick, and the loop's time: some of the rooms weigh their lines."""

    @property
    def dropped(self) -> int:
        """Datagrams that the kernel had no room for."""
        return self._datagrams.dropped

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
        return len(self._half_open)

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
                self._drain(now)
                self._feedback.repair.tick(now)
                if self._listener is not None:
                    self._listener.tick(now)
                for connection in turns.due(self._connections, turn):
                    self._tick(connection, now)
                self._datagrams.flush()
                await asyncio.sleep(0)  # packets that came meanwhile go first
                self.govern(self._clock.monotonic(), turn)
                self._datagrams.flush()
        finally:
            loop.remove_reader(self._socket.fileno())
            for connection in list(self._connections):
                self.close(connection)
            self._datagrams.flush()
            self._socket.close()
            if self._listener is not None:
                self._listener.close()

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
        self.closed += 1
        self._half_open.pop(connection, None)
        if connection.dtls is not None:
            connection.dtls.end()
            self._speak(connection)
            self._datagrams.flush()
        self._by_ufrag.pop(connection.ufrag, None)
        for address in connection.addresses:
            if self._by_key.get(address.key) is connection:
                del self._by_key[address.key]
        self._paced.discard(connection)
        # Owners, tracks and connections know each other: what is large goes now, not when cycles are looked for.
        connection.srtp = connection.dtls = connection.pacer = None
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
        pacer = connection.pacer
        if bitrate is not None:
            if pacer is None:
                pacer = connection.pacer = Pacer(bitrate)
                self._paced.add(connection)
                connection.changed()
            pacer.bitrate = bitrate
        elif pacer is not None and pacer.next_at is None:
            connection.pacer = None
            self._paced.discard(connection)
            connection.changed()

    def probe(self, connection: Connection, down: DownTrack, octets: int, most: int, bitrate: float) -> None:
        """See `media.plane`."""
        padding = self._feedback.resender.padding(down, octets, most)
        if padding:
            if connection.pacer is None:
                self.pace(connection, _UNHELD)  # the padding alone is spread; media goes as it comes
            if connection.pacer is not None:
                connection.pacer.spread(padding, bitrate, self._clock.monotonic())

    def ended(self, up: UpTrack) -> None:
        """See `media.plane`."""
        for layer in up.layers:
            self._feedback.repair.forget(layer)
            layer.history[:] = [None] * len(layer.history)

    def _drain(self, now: float) -> None:
        """Send what pacers have let go."""
        for connection in self._paced:
            if connection.pacer is None or connection.address is None:
                continue
            for datagram in connection.pacer.due(now):
                if datagram.number is not None:
                    connection.estimate.sent(datagram.number, len(datagram.data), now)
                self._datagrams.send(datagram.data, connection.address)

    def take(self, packet: PacketBuffer, length: int, address: Address, now: float) -> None:
        """A packet that came by another way than the socket, such as TCP."""
        self._demultiplex(packet, length, address.key, address, now)
        self._flush(now)

    def gone(self, address: Address) -> None:
        """A way such as TCP has ended. It stays its connection's address until the peer comes by another."""
        connection = self._by_key.pop(address.key, None)
        if connection is not None and connection.address is not address:
            connection.addresses.remove(address)

    def _readable(self) -> None:
        datagrams = self._datagrams
        if self._clock.monotonic() - self._read_at < _CROWDED_S:
            # Packets come faster than it takes to wake up for each: let some gather, as network cards do.
            time.sleep(_GATHER_S)
        self._read_at = self._clock.monotonic()
        for _ in range(_READS):
            count = datagrams.read()
            if not count:
                return
            now = self._clock.monotonic()
            packets, lengths, keys = datagrams.packets, datagrams.lengths, datagrams.keys
            by_key, forward = self._by_key, self._forwarder.receive
            for place in range(count):
                packet = packets[place]
                view = packet.view
                # The first byte of RTP and RTCP (RFC 7983 §7); the second tells them apart (RFC 5761 §4).
                if 128 <= view[0] < 192 and not 192 <= view[1] < 224:
                    connection = by_key.get(keys[place])
                    if connection is not None:
                        forward(connection, packet, lengths[place], now)
                else:
                    self._demultiplex(packet, lengths[place], keys[place], None, now)
            self._flush(now)
            if count < READ_BATCH:
                return

    def _demultiplex(self, packet: PacketBuffer, length: int, key: bytes, address: Address | None, now: float) -> None:
        if length < 2:
            return
        view = packet.view
        first = view[0]
        if first < 4:
            self._take_check(bytes(view[:length]), key, address, now)
            return
        connection = self._by_key.get(key)
        if connection is None:
            return
        if 128 <= first < 192:
            if 192 <= view[1] < 224:
                self._feedback.receive(connection, packet, length, now)
            else:
                self._forwarder.receive(connection, packet, length, now)
        elif 20 <= first < 64:
            self._take_dtls(connection, bytes(view[:length]), key, now)

    def _flush(self, now: float) -> None:
        self._feedback.repair.flush(now)
        self._datagrams.flush()

    def _take_check(self, datagram: bytes, key: bytes, address: Address | None, now: float) -> None:
        """Answer an authentic connectivity check (RFC 8445 §7.3); anything else gets no answer at all."""
        request = BindingRequest.parse(datagram)
        if request is None:
            return
        connection = self._by_ufrag.get(request.username.partition(":")[0])
        if connection is None or not request.is_from_holder_of(connection.password):
            return
        holder = self._by_key.get(key)
        known = next((one for one in connection.addresses if one.key == key), None)
        here = known or address or self._datagrams.address(key)
        if holder is not connection:
            # A forged source address must not take a living connection's packets away from it.
            if holder is not None and now - holder.heard_at < self._settings.silence_s:
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
        self._datagrams.send(response, here)
        if here is connection.address:
            connection.credit += _AMPLIFICATION * len(datagram) - len(response)
            if connection.held:
                self._speak(connection)

    def _adopt(self, connection: Connection, address: Address) -> None:
        if len(connection.addresses) >= _MOST_ADDRESSES:
            oldest = next(known for known in connection.addresses if known is not connection.address)
            connection.addresses.remove(oldest)
            if self._by_key.get(oldest.key) is connection:
                del self._by_key[oldest.key]
        if address not in connection.addresses:
            connection.addresses.append(address)
        self._by_key[address.key] = connection
        if address.stream is not None:
            address.stream.prove(connection.is_sound)

    def _take_dtls(self, connection: Connection, datagram: bytes, key: bytes, now: float) -> None:
        dtls = connection.dtls
        if dtls is None:
            if len(self._half_open) >= self._settings.max_handshakes and not self._make_room(now):
                return
            self._half_open[connection] = None
            dtls = connection.dtls = DtlsSession(self._certificate)
            connection.handshake_at = now
        was = dtls.state
        if was is DtlsState.SETTLED:
            # It can no longer be read whether this is a goodbye. Whoever sends packets after it did not leave.
            if datagram[0] == _ALERT and connection.doubted_at is None:
                connection.doubted_at = now
            return
        if connection.address is not None and connection.address.key == key:
            connection.credit += _AMPLIFICATION * len(datagram)
        dtls.receive(datagram)
        if was is not dtls.state:
            self._half_open.pop(connection, None)
            if dtls.state is DtlsState.ESTABLISHED:
                connection.credit = inf
        self._speak(connection)
        if dtls.state is DtlsState.ENDED:
            self._end(connection)
        elif was is not dtls.state:
            connection.heard_at = now
            self.trust(connection)

    def _speak(self, connection: Connection) -> None:
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
                self._datagrams.send(datagram, address)
            else:
                held.append(datagram)
        connection.held = held

    def _make_room(self, now: float) -> bool:
        """End the handshake that has hung for longest; False when none has hung for long."""
        oldest = next(iter(self._half_open))
        if oldest.handshake_at is None or now - oldest.handshake_at < _HALF_OPEN_S:
            return False
        self._end(oldest)
        return True

    def _end(self, connection: Connection) -> None:
        self.close(connection)
        connection.owner.connection_changed(connection, ConnectionState.CLOSED)

    def _change(self, connection: Connection, state: ConnectionState) -> None:
        connection.state = state
        connection.owner.connection_changed(connection, state)

    def _settle(self, connection: Connection, now: float) -> None:
        dtls, began = connection.dtls, connection.handshake_at
        if dtls is not None and connection.proved and began is not None and now - began > _SETTLES_S:
            if dtls.state is DtlsState.ESTABLISHED:
                self.settled += 1
            dtls.settle()

    def _has_left(self, connection: Connection, now: float) -> bool:
        """Whether nothing authentic has come since what may have been a goodbye."""
        doubted_at = connection.doubted_at
        if doubted_at is None:
            return False
        if connection.heard_at > doubted_at + _LAST_WORDS_S:
            connection.doubted_at = None
            return False
        return now - doubted_at > _DOUBT_S

    def _tick(self, connection: Connection, now: float) -> None:
        if connection not in self._connections:
            return  # closed with its room by one before it
        settings = self._settings
        silence = now - connection.heard_at
        if connection.srtp is not None:
            self._settle(connection, now)
            if silence > settings.abandon_s or self._has_left(connection, now):
                self._end(connection)
                return
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
            self._speak(connection)
            if not alive:
                self._end(connection)
