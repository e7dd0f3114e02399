"""Gateways on loopback ports over real services on SQLite, and Socket.IO clients of real people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import socketio  # type: ignore[import-untyped]  # python-socketio has no type marker
from aiohttp import web
from aiortc import RTCPeerConnection
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack
from limits.aio.storage import MemoryStorage

from consult_rooms.model import Consult
from consult_rooms.queries import Queries
from consult_rooms.shared_work import SharedWork
from foundation.audit import Audit
from foundation.bus import Bus, Hint
from foundation.clock import FakeClock
from foundation.database import Database
from foundation.paces import Paces, Rates
from foundation.sealing import Sealer
from foundation.tasks import Tasks
from identity.authentication import Authentication, Verified
from identity.fleet import Fleet
from identity.model import Terminal
from identity.passwords import Passwords
from identity.sessions import Sessions
from identity.throttle import Throttle
from media.fake import FakeMediaNodes
from media.turn import TurnServers
from signaling.gateway import Gateway
from tests.conftest import languages
from tests.consult_rooms.conftest import TERMINAL, ZONE, World, build, seed
from tests.consult_rooms.desk import written_of
from tests.media.peers import SETTINGS, offer_loopback

ORIGIN = "https://hoichan.example.vn"
TURN_URLS = ("turn:turn.example.vn:3478?transport=udp", "turns:turn.example.vn:443?transport=tcp")
PATIENCE_S = 4.0


async def eventually(condition: Callable[[], object], within_s: float = PATIENCE_S) -> None:
    """Wait until the condition holds, or fail."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.01)


async def publish_offer() -> tuple[str, dict[str, str]]:
    """An offer of a microphone and a camera as aiortc writes it, and its sources by mid."""
    offer_loopback()
    connection = RTCPeerConnection(SETTINGS)
    connection.addTrack(AudioStreamTrack())
    connection.addTrack(VideoStreamTrack())
    await connection.setLocalDescription(await connection.createOffer())
    sources = {str(one.mid): "microphone" if one.kind == "audio" else "camera" for one in connection.getTransceivers()}
    sdp: str = connection.localDescription.sdp
    await connection.close()
    return sdp, sources


@dataclass
class Client:
    """One Socket.IO connection and everything that it has received."""

    socket: socketio.AsyncClient
    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def all(self, name: str) -> list[dict[str, Any]]:
        """Payloads of that event so far."""
        return [payload for event, payload in self.received if event == name]

    async def next(self, name: str, within_s: float = PATIENCE_S, **fields: object) -> dict[str, Any]:
        """The first event of that name with those fields, perhaps still to come."""

        def found() -> list[dict[str, Any]]:
            return [one for one in self.all(name) if all(one.get(key) == value for key, value in fields.items())]

        await eventually(found, within_s)
        return found()[0]

    def kinds(self, consult: Consult) -> list[str]:
        """Kinds of the log entries received, in the order in which they came."""
        return [e["kind"] for one in self.all("log") if one["consult_id"] == consult.id for e in one["entries"]]

    def numbers(self, consult: Consult) -> list[int]:
        """Their numbers."""
        return [e["number"] for one in self.all("log") if one["consult_id"] == consult.id for e in one["entries"]]

    async def call(self, name: str, *payload: object) -> dict[str, Any]:
        """Send an event and wait for its acknowledgement."""
        answer = await self.socket.call(name, payload[0] if payload else {}, timeout=PATIENCE_S)
        assert isinstance(answer, dict)
        return answer

    async def done(self, name: str, **payload: object) -> dict[str, Any]:
        """The same, which has to go well."""
        answer = await self.call(name, payload)
        assert answer.get("ok") is True, answer
        return answer

    async def error(self, name: str, **payload: object) -> dict[str, Any]:
        """The same, which has to be refused."""
        answer = await self.call(name, payload)
        assert "error" in answer, answer
        error: dict[str, Any] = answer["error"]
        return error

    async def join(self, consult: Consult, tab: str = "tab-00001", **more: object) -> dict[str, Any]:
        return await self.done("join_room", consult_id=consult.id, tab_id=tab, **more)


class Node:
    """One web node: services of its own over the shared store and bus, a gateway, a port."""

    def __init__(self, world: World, sessions: Sessions, media: FakeMediaNodes, paces: Paces) -> None:
        self.world = world
        self.sessions = sessions
        self.media = media
        self.tasks = Tasks()
        store, zone = world.store, ZONE
        self.fleet = Fleet(world.database, world.bus, world.directory, world.clock)
        self.queries = Queries(world.database, store, world.log, world.directory, world.rota, world.presence, zone)
        self.gateway = Gateway(
            origins=[ORIGIN],
            database=world.database,
            sessions=sessions,
            directory=world.directory,
            requests=world.requests,
            pairing=world.pairing,
            written=written_of(world),
            opinions=world.opinions,
            rooms=world.rooms,
            queries=self.queries,
            board=world.board.queries,
            shared=SharedWork.over(world.database, world.store, world.log, world.directory),
            scheduling=world.scheduling,
            consult_log=world.log,
            presence=world.presence,
            fleet=self.fleet,
            paces=paces,
            media=media,
            relays=TurnServers(TURN_URLS, "a secret", timedelta(hours=12), world.clock),
            bus=world.bus,
            languages=languages(),
            clock=world.clock,
            tasks=self.tasks,
            zone=zone,
        )
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Node]:
        application = web.Application()
        self.gateway.attach(application)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        await self.gateway.start()
        try:
            yield self
        finally:
            await self.gateway.close()
            await runner.cleanup()
            await self.tasks.close()


@dataclass
class Live:
    """Nodes, people and their clients."""

    world: World
    nodes: list[Node]
    stack: AsyncExitStack
    build_node: Callable[[], Awaitable[Node]]

    @property
    def node(self) -> Node:
        return self.nodes[0]

    @property
    def media(self) -> FakeMediaNodes:
        return self.node.media

    async def sign_in(self, user_name: str) -> str:
        """A session's secret. Signing in by password is tested with `identity`."""
        person = self.world[user_name]
        terminal = None
        if user_name == "lan":
            terminal = Terminal(TERMINAL, person.facility_id, "P1", "Phòng khám")
        async with self.world.database.transaction() as tx:
            _, secret = await self.node.sessions.start(tx, Verified(person, 1), terminal, "192.0.2.1")
        return secret

    async def connect(
        self,
        user_name: str,
        *,
        secret: str | None = None,
        node: Node | None = None,
        transport: str = "websocket",
        **headers: str,
    ) -> Client:
        """A connection of that person."""
        secret = secret or await self.sign_in(user_name)
        return await self.open(node or self.node, {"Cookie": f"hoichan_session={secret}", **headers}, transport)

    async def open(self, node: Node, headers: dict[str, str], transport: str = "websocket") -> Client:
        """A connection with these headers."""
        socket = socketio.AsyncClient(reconnection=False)
        client = Client(socket)

        async def keep(name: str, payload: dict[str, Any] | None = None) -> None:
            client.received.append((name, payload or {}))

        socket.on("*", keep)
        await socket.connect(node.url, headers=headers, transports=[transport], wait_timeout=5)
        self.stack.push_async_callback(socket.disconnect)
        return client

    async def claimed(self, key: str = "k") -> Consult:
        """A consult that BS. Hà took."""
        consult = await self.world.ask(key)
        return await self.world.answers.accept(self.world["ha"], consult.id)


@asynccontextmanager
async def living(
    database: Database,
    clock: FakeClock,
    bus: Bus,
    sealer: Sealer,
    nodes: int = 1,
    rates: Rates = Rates(),  # noqa: B008 - frozen
) -> AsyncIterator[Live]:
    """A small country with that many nodes, which share one store, one bus and one media plane."""
    people = await seed(database)
    media = FakeMediaNodes(clock)
    audit = Audit(database)
    throttle = Throttle(MemoryStorage(), per_account=5, per_address=20)
    sessions = Sessions(database, bus, audit, Authentication(database, Passwords(), throttle, audit))
    async with AsyncExitStack() as stack:
        running: list[Node] = []

        async def add() -> Node:
            world = await build(database, clock, bus, sealer, people, rota=not running)
            node = await stack.enter_async_context(Node(world, sessions, media, Paces(clock, rates)).running())
            running.append(node)
            return node

        first = await add()
        for _ in range(nodes - 1):
            await add()
        yield Live(first.world, running, stack, add)


async def lost(_topic: str, _hint: Hint) -> None:
    """In the place of a bus's `publish`: what it would have told is lost, as when the process is killed before."""


@pytest.fixture
async def live(sqlite_database: Database, clock: FakeClock, bus: Bus, sealer: Sealer) -> AsyncIterator[Live]:
    """One node."""
    async with living(sqlite_database, clock, bus, sealer) as found:
        yield found


@pytest.fixture
async def pair(sqlite_database: Database, clock: FakeClock, any_bus: Bus, sealer: Sealer) -> AsyncIterator[Live]:
    """Two nodes, over the in-process bus and over a real Redis."""
    async with living(sqlite_database, clock, any_bus, sealer, nodes=2) as found:
        yield found
