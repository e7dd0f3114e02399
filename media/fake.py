"""A media plane without a network, for tests of what stands on `media.api`.

Rooms, tracks, revisions and descriptions are the real ones; only no packet ever comes. `connect`, `tell` and `lose`
play what a network would do. It passes the same contract tests as `WorkerNodes`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from foundation.clock import Clock, SystemClock
from media.api import ConnectionState, Direction, MediaEvent, RoomLost, SubscribeOffer
from media.connection import Connection, ConnectionOwner
from media.description import Endpoint
from media.errors import unavailable
from media.events import Events
from media.room import Rooms
from media.tracks import DownTrack, UpLayer, UpTrack


class _NoNetwork:
    """Connections that only exist."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.endpoint = Endpoint(("127.0.0.1",), 9, ":".join(["AB"] * 32))
        self.connections: list[Connection] = []

    def open(self, owner: ConnectionOwner, direction: Direction) -> Connection:
        connection = Connection(owner, direction, self._clock.monotonic())
        self.connections.append(connection)
        return connection

    def restart_ice(self, connection: Connection) -> None:
        connection.renew_credentials()

    def close(self, connection: Connection) -> None:
        if connection in self.connections:
            self.connections.remove(connection)

    def trust(self, connection: Connection) -> None:
        """No certificate ever comes."""

    def now(self) -> float:
        return self._clock.monotonic()

    def ask_key_frame(self, layer: UpLayer) -> None:
        """No packet ever goes."""

    def replay(self, _down: DownTrack, _layer: UpLayer) -> bool:
        """No packet was ever kept."""
        return False

    def pace(self, connection: Connection, bitrate: float | None) -> None:
        """No packet ever goes."""

    def probe(self, connection: Connection, down: DownTrack, octets: int, most: int, bitrate: float) -> None:
        """No packet ever goes."""

    def ended(self, up: UpTrack) -> None:
        """Nothing was waited for."""


class FakeMediaNodes:
    """`media.api.MediaNodes` in memory."""

    def __init__(self, clock: Clock | None = None, *, capacity: int = 16) -> None:
        self._network = _NoNetwork(clock or SystemClock())
        self._events = Events()
        self._capacity = capacity
        self._rooms = self._fresh()
        self.admits = True
        """Set to False to play a plane without a live worker."""
        self.heights: dict[tuple[str, str], dict[str, int]] = {}
        """What viewers have preferred so far, by room and participant."""

    def _fresh(self) -> Rooms:
        return Rooms(self._network, self._events.emit, lambda _room: None, capacity=self._capacity)

    def _live(self) -> Rooms:
        if not self.admits:
            raise unavailable()
        return self._rooms

    async def publish(
        self, room_id: str, participant_id: str, offer_sdp: str, sources: Mapping[str, str], *, leads: bool = False
    ) -> str:
        return self._live().publish(room_id, participant_id, offer_sdp, sources, leads=leads)

    async def subscribe(self, room_id: str, participant_id: str, *, restart: bool = False) -> SubscribeOffer:
        return self._live().subscribe(room_id, participant_id, restart=restart)

    async def view(self, room_id: str, participant_id: str, offer_sdp: str) -> str:
        return self._live().view(room_id, participant_id, offer_sdp)

    async def answer(self, room_id: str, participant_id: str, answer_sdp: str, revision: int) -> None:
        self._live().answer(room_id, participant_id, answer_sdp, revision)

    async def prefer(self, room_id: str, participant_id: str, heights: Mapping[str, int]) -> None:
        self.heights.setdefault((room_id, participant_id), {}).update(heights)
        self._rooms.prefer(room_id, participant_id, heights)

    async def remove(self, room_id: str, participant_id: str) -> None:
        self._rooms.remove(room_id, participant_id)

    async def close_room(self, room_id: str) -> None:
        self._rooms.close_room(room_id)

    def events(self) -> AsyncIterator[MediaEvent]:
        return self._events.listen()

    async def ready(self) -> bool:
        return self.admits

    def connect(self, state: ConnectionState = ConnectionState.CONNECTED) -> None:
        """Bring every open connection to a state, as packets or silence would."""
        for connection in list(self._network.connections):
            connection.owner.connection_changed(connection, state)
        self._rooms.sweep()

    def tell(self, event: MediaEvent) -> None:
        """Emit what a worker would have concluded from packets: a quality, an uplink, layers, speakers."""
        self._events.emit(event)

    def lose(self, *room_ids: str) -> None:
        """The worker dies, and with it every room; `room_ids` are those that listeners are told of."""
        self._rooms = self._fresh()
        self._network.connections.clear()
        for room_id in room_ids:
            self._events.emit(RoomLost(room_id))
