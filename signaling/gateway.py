"""The Socket.IO server: it connects, refuses, receives, emits and cuts. Only it and its seam know python-socketio.

What an event does stands in `dispatch`, what the log means to sockets in `notices`; a `Gateway` builds these parts of
signalling for its node out of the program's services. Wiring: `attach(app)` before the application starts, `await
start()` once its loop runs, `await close()` before the application and the services close.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from zoneinfo import ZoneInfo

import socketio  # type: ignore[import-untyped]  # python-socketio has no type marker
from aiohttp import hdrs, web
from multidict import CIMultiDict

from consult_rooms.board_queries import BoardQueries
from consult_rooms.log import ConsultLog
from consult_rooms.opinions import Opinions
from consult_rooms.pairing import Pairing
from consult_rooms.presence import Presence
from consult_rooms.queries import Queries
from consult_rooms.requests import Requests
from consult_rooms.rooms import Rooms
from consult_rooms.scheduling import Scheduling
from consult_rooms.shared_work import SharedWork
from consult_rooms.written import WrittenCases
from foundation.addresses import caller
from foundation.boards import KEEP_S
from foundation.bus import Bus
from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import HoichanError, SignInNeeded, TooMany, Unavailable
from foundation.i18n import LOCALES, N_, Language, Languages
from foundation.paces import Asker, Paces
from foundation.pauses import Pauses
from foundation.tasks import Tasks
from identity.fleet import KEEP_S as FLEET_KEEP_S
from identity.fleet import Fleet
from identity.sessions import Sessions
from identity.store import Directory
from media.api import MediaNodes, Relays
from signaling.announcements import Announcements
from signaling.answering import Answering
from signaling.attendance import Attendance
from signaling.boards import TICK_S, Boards
from signaling.connections import Connection, Connections
from signaling.dispatch import INTERNAL, Dispatch, refusal
from signaling.drawing import Drawing
from signaling.engineio_seam import ROUND_S, Sockets
from signaling.negotiation import Negotiation
from signaling.notices import Notices
from signaling.protocol import wire
from signaling.qualities import Qualities
from signaling.room_members import RoomMembers
from signaling.server_events import ServerEvent
from signaling.session_watch import LOOK_S, SessionWatch
from signaling.signs_of_life import SignsOfLife
from signaling.views import Views

log = logging.getLogger(__name__)

PATH = "/socket.io/"
SESSION_COOKIE = "hoichan_session"
LANGUAGE_COOKIE = "hoichan_language"
MESSAGE_BYTES = 200_000
"""The largest message that is read; a longer one ends its connection (WebSocket close code 1009)."""
PING_S = 5
PING_TIMEOUT_S = 4
"""Between pings, and the wait for each answer: a dead line is known within 9 s of its last sign of life."""
AT_ONCE = 8
"""Newcomers that are looked up and greeted at once, fewer than the database has connections."""
QUEUE = 1_000
"""Newcomers that may wait for it; beyond, the answer is `server.full`, and clients come again by themselves."""
SWEEP_S = 1.0
"""Between looks for clients of long polling that came no more; a websocket's own reader knows by itself."""


class Gateway:
    """The sockets of one node and everything live behind them."""

    def __init__(
        self,
        *,
        origins: Iterable[str],
        database: Database,
        sessions: Sessions,
        directory: Directory,
        requests: Requests,
        pairing: Pairing,
        written: WrittenCases,
        opinions: Opinions,
        rooms: Rooms,
        queries: Queries,
        board: BoardQueries,
        shared: SharedWork,
        scheduling: Scheduling,
        consult_log: ConsultLog,
        presence: Presence,
        fleet: Fleet,
        paces: Paces,
        media: MediaNodes,
        relays: Relays,
        bus: Bus,
        languages: Languages,
        clock: Clock,
        tasks: Tasks,
        zone: ZoneInfo,
        proxied: bool = False,
    ) -> None:
        self._origins = frozenset(origins)
        self._sessions = sessions
        self._presence = presence
        self._fleet = fleet
        self._paces = paces
        self._proxied = proxied
        self._languages = languages
        self._clock = clock
        self._tasks = tasks
        self._server = Sockets(
            async_mode="aiohttp",
            cors_allowed_origins=sorted(self._origins),
            max_http_buffer_size=MESSAGE_BYTES,
            ping_interval=PING_S,
            ping_timeout=PING_TIMEOUT_S,
            # The library's own watch wakes once a socket and ping: 2,500 times a second with ten thousand.
            monitor_clients=False,
        )
        self._server.on("connect", self._connect)
        self._server.on("disconnect", self._disconnect)
        self._server.on("*", self._event)
        self._connections = Connections()
        self._pauses = Pauses()
        self._door = asyncio.Semaphore(AT_ONCE)
        self._at_door = 0
        views = Views(directory, queries, shared, clock, zone)
        attendance = Attendance(rooms, directory, bus)
        self._members = RoomMembers(self._connections, self, rooms, attendance, media, bus, clock)
        self._qualities = Qualities(self._members, rooms, clock)
        self._negotiation = Negotiation(self._connections, self, self._members, self._qualities, rooms, media)
        self._boards = Boards(self, directory, board, scheduling, clock)
        self._announcements = Announcements(
            self._connections, self, self._members, consult_log, queries, rooms, directory, views, self._boards
        )
        self._notices = Notices(database, consult_log, bus, self._connections, self._announcements, clock)
        self._signs = SignsOfLife(presence, fleet, self._members)
        self._watch = SessionWatch(sessions, self._connections, self, self._members, self._signs, bus, clock)
        self._dispatch = Dispatch(
            sessions=sessions,
            requests=requests,
            answering=Answering(pairing, written, opinions),
            rooms=rooms,
            queries=queries,
            consult_log=consult_log,
            signs=self._signs,
            paces=paces,
            members=self._members,
            negotiation=self._negotiation,
            qualities=self._qualities,
            notices=self._notices,
            boards=self._boards,
            drawing=Drawing(shared.drawings, self._members, queries),
            views=views,
            relays=relays,
            clock=clock,
        )

    def attach(self, app: web.Application) -> None:
        """Serve Socket.IO below `PATH` of this application."""
        for method in (hdrs.METH_GET, hdrs.METH_POST, hdrs.METH_OPTIONS):
            app.router.add_route(method, PATH, self._handle)

    async def start(self) -> None:
        """Begin to follow logs, rooms, sessions and media. Raises Unavailable when the database does not answer."""
        running = await self._notices.open()
        self._tasks.start("signaling: keep places after a restart", self._members.adopt(running))
        self._tasks.forever("signaling: look at the logs", self._notices.look, pause_s=1.0)
        self._tasks.forever("signaling: hints of logs", self._notices.listen)
        self._tasks.forever("signaling: hints of agendas", self._notices.listen_for_agendas)
        self._tasks.forever("signaling: hints to officers", self._notices.listen_for_oversight)
        self._tasks.forever("signaling: presence", self._presence.keep, pause_s=KEEP_S)
        self._tasks.forever("signaling: terminals", self._fleet.keep, pause_s=FLEET_KEEP_S)
        self._tasks.forever("signaling: pings", self._server.round, pause_s=ROUND_S)
        self._tasks.forever("signaling: sockets that polled", self._sweep, pause_s=SWEEP_S)
        self._tasks.forever("signaling: members of rooms", self._members.tick, pause_s=0.5)
        self._tasks.forever("signaling: changes of quality", self._qualities.tell, pause_s=0.5)
        self._tasks.forever("signaling: boards", self._boards.tick, pause_s=TICK_S)
        self._tasks.forever("signaling: hints of rooms", self._members.listen)
        self._tasks.forever("signaling: sessions", self._watch.look, pause_s=LOOK_S)
        self._tasks.forever("signaling: hints of sessions", self._watch.listen)
        self._tasks.forever("signaling: media events", self._negotiation.listen)

    async def close(self) -> None:
        """Hang up on every socket. Clients come back to another node, or to this one when it runs again."""
        for connection in self._connections.all():
            await self._hang_up(connection)
        await self._server.shutdown()
        await self._fleet.keep()

    async def send(self, connection: Connection, event: ServerEvent) -> None:
        """Send an event; a socket that has fallen behind is cut instead (see `Outlet`)."""
        if self._server.is_behind(connection.id):
            log.warning("a socket was cut: it reads too slowly")
            await self._hang_up(connection)
            return
        await self._server.emit(event.name, wire(event), to=connection.id)

    async def cut(self, connection: Connection) -> None:
        """See `Outlet`. The packet DISCONNECT is the farewell after which a client stays away."""
        transport = self._server.transport(connection.id)
        await self._server.disconnect(connection.id)
        if transport is not None:
            # A client that was told to go and stays is hung up on. Without waiting for it to read that.
            await transport.close(wait=False)

    async def _hang_up(self, connection: Connection) -> None:
        """Break a socket as a line breaks, without a word: its client comes back by itself."""
        await self._server.hang_up(connection.id)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        """Every HTTP request of the transport. A page of another site gets no further than this."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and origin not in self._origins:
            return web.json_response(
                {"code": "origin.foreign", "title": self._language(request).text(FOREIGN), "status": 403},
                status=403,
                content_type="application/problem+json",
            )
        response: web.StreamResponse = await self._server.handle_request(_spare(request))
        return response

    async def _sweep(self) -> None:
        """Close those that polled and fell silent, forget those that have closed, and keep pauses short."""
        self._pauses.look(len(self._connections), self._connections.gone)
        # Their values alone: ten thousand pairs a second would set off a search for cycles every few seconds.
        for transport in list(self._server.eio.sockets.values()):
            if transport.closed:
                self._server.eio.sockets.pop(transport.sid, None)
            elif not transport.upgraded and not transport.closing:
                await transport.check_ping_timeout()

    async def _connect(self, socket_id: str, environ: dict[str, Any], _auth: object = None) -> None:
        """A client asks in. A refusal is the packet CONNECT_ERROR with `{"message", "data": {"code"}}`."""
        request = environ.get("aiohttp.request")
        if not isinstance(request, web.Request) or self._connections.get(socket_id) is not None:
            return  # an event that calls itself `connect`, from a socket that is in already
        language = self._language(request)
        try:
            async with self._turn():
                connection = await self._admit(socket_id, request)
        except HoichanError as error:
            log.info("refused to connect: %s", error.code)
            raise self._refused(socket_id, error, language) from None
        except Exception:  # the root of a connection: one fault must not take the server with it
            log.exception("a connection failed")
            raise self._refused(socket_id, Unavailable("internal", INTERNAL), language) from None
        environ.clear()  # the library would keep each header of the handshake as long as the socket
        # After this handler returns: nothing may be sent before the client has heard that it is connected.
        self._tasks.start("signaling: greet", self._greet(connection))

    def _refused(self, socket_id: str, error: HoichanError, language: Language) -> Exception:
        """What python-socketio turns into the refusal; whoever stays on the line after it is hung up on."""
        if (transport := self._server.transport(socket_id)) is not None:
            self._tasks.start("signaling: hang up", transport.close(wait=False))
        told = refusal(error, language)["error"]
        refused: Exception = socketio.exceptions.ConnectionRefusedError(told.pop("message"), told)
        return refused

    async def _admit(self, socket_id: str, request: web.Request) -> Connection:
        forwarded = request.headers.getall(hdrs.X_FORWARDED_FOR, [])
        address = caller(request.remote, forwarded, proxied=self._proxied)
        secret = request.cookies.get(SESSION_COOKIE, "")
        if self._paces.owner(secret) is None:
            self._paces.look(address)
        session = await self._sessions.find(secret) if secret else None
        if session is None:
            self._paces.stranger(address)
            raise SignInNeeded("session.needed", SIGN_IN)
        if session.staff.must_change_password:
            raise SignInNeeded("session.first_password", FIRST_PASSWORD)
        # A locked session is let in: whoever is on call rings behind the lock, and does nothing before the password.
        connection = Connection(
            socket_id, session.id, session.staff.id, self._language(request, session.staff.language)
        )
        connection.terminal_id = None if session.terminal is None else session.terminal.id
        connection.asker = Asker(session.staff.id, session.facility.id, connection.terminal_id)
        self._paces.remember(secret, connection.asker)
        connection.counted_at = self._clock.monotonic()
        self._connections.add(connection)
        return connection

    async def _greet(self, connection: Connection) -> None:
        await self._signs.beat(connection)
        async with self._turn(limited=False):
            await self._announcements.greet(connection)

    @asynccontextmanager
    async def _turn(self, *, limited: bool = True) -> AsyncIterator[None]:
        """One's turn at the door. After a broken network thousands come within seconds, and each asks the database.

        Raises TooMany("server.full"). Not `limited` are those who are in: that they are still to be greeted is no
        reason to refuse others.
        """
        if limited and self._at_door >= QUEUE:
            raise TooMany("server.full", FULL, retry_after_s=5)
        self._at_door += limited
        try:
            async with self._door:
                yield
        finally:
            self._at_door -= limited

    async def _disconnect(self, socket_id: str, _reason: object = None) -> None:
        connection = self._connections.get(socket_id)
        if connection is None:
            return
        self._connections.remove(connection)
        await self._members.lost(connection)
        await self._signs.gone(connection)
        await self._hang_up(connection)

    async def _event(self, name: object, socket_id: str, *arguments: object) -> dict[str, Any]:
        connection = self._connections.get(socket_id)
        if connection is None:
            return refusal(SignInNeeded("session.ended", SIGN_IN), self._languages.get(None))
        if self._server.is_behind(connection.id):
            await self._hang_up(connection)
        return await self._dispatch.answer(connection, name, arguments)

    def _language(self, request: web.Request, own: str | None = None) -> Language:
        """The browser's switch, else the person's own, else Vietnamese."""
        chosen = request.cookies.get(LANGUAGE_COOKIE)
        return self._languages.get(chosen if chosen in LOCALES else own)


def _spare(request: web.Request) -> web.Request:
    """The request of a websocket without what nobody asks it for: it is kept as long as the socket.

    Without permessage-deflate (RFC 7692), whose windows cost 300 kB a socket, since messages here are short.
    """
    if hdrs.UPGRADE not in request.headers:
        return request
    kept = ((name, value) for name, value in request.headers.items() if not name.lower().startswith(_SPARED))
    return request.clone(headers=CIMultiDict(kept))


_SPARED = ("sec-websocket-extensions", "accept", "cache-control", "pragma", "sec-fetch-", "sec-ch-")

FULL = N_("Too many are connecting just now. The page tries again by itself.")
FOREIGN = N_("This request came from another site and was not carried out.")
SIGN_IN = N_("Sign in to go on.")
FIRST_PASSWORD = N_("Choose your own password first.")
