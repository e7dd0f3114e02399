"""The seam to python-socketio and python-engineio: sockets of which ten thousand stand in one process.

The libraries give each socket five tasks with their timers, a queue, and an index of its own; each ping goes through
them, and whoever leaves is looked for in everybody's index. Here a websocket has the one task that reads it; what goes
out is written to its line at once, whose own buffer is the queue; one round pings all whose turn has come and hangs up
on those who fell silent. Long polling is the library's own. Private names of both libraries stand in this file alone;
their versions are pinned, and tests/signaling/test_engineio_seam.py holds what is expected of them.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Iterator
from typing import Any

import engineio  # type: ignore[import-untyped]  # python-engineio has no type marker
import socketio  # type: ignore[import-untyped]  # nor has python-socketio
from aiohttp import WSMsgType, web
from engineio import exceptions, packet
from engineio.async_socket import AsyncSocket  # type: ignore[import-untyped]  # as above

log = logging.getLogger(__name__)

BACKLOG_BYTES = 1_000_000
"""What may wait for the client of a websocket; one that reads slower than that is cut and asks again."""
BACKLOG = 1_000
"""The same for one of long polling, in packets."""
ROUND_S = 0.1
"""Between rounds of pings."""
_AT_ONCE = 50
"""Pings in a row before others have their turn."""
_PONG = "3"
_STANDSTILL_S = 0.5
"""A round that begins this much late tells of this process, not of the lines."""


class Sockets(socketio.AsyncServer):  # type: ignore[misc]  # a class without types
    """A Socket.IO server of such sockets. Call `round` every `ROUND_S`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(client_manager=_Index(), **options)

    def _engineio_server_class(self) -> type[_Engine]:
        return _Engine

    async def round(self) -> None:
        """Ping whose turn has come, and hang up on whoever has not answered."""
        await self.eio.round()

    async def hang_up(self, socket_id: str) -> None:
        """Break a socket off, once its line has taken what was sent before; one that takes nothing for seconds at once.

        Its client hears no farewell of ours, and so comes back by itself.
        """
        transport = self.transport(socket_id)
        if transport is None:
            return
        await transport.close(wait=False, abort=True)
        if isinstance(transport, _Socket):
            transport.finish()
        else:
            transport.queue.put_nowait(None)  # wakes the poll that waits, or its writer, which then closes

    def is_behind(self, socket_id: str) -> bool:
        """Whether more waits for a socket's client to read than is kept for it."""
        transport = self.transport(socket_id)
        if isinstance(transport, _Socket):
            return transport.unread > BACKLOG_BYTES
        return transport is not None and transport.queue.qsize() > BACKLOG

    def transport(self, socket_id: str) -> Any:
        """The Engine.IO socket below a socket, or None when it is closed."""
        return self.eio.sockets.get(self.manager.eio_sid_from_sid(socket_id, "/"))


class _Index(socketio.AsyncManager):  # type: ignore[misc]  # as above
    """Who is connected. Without a room for each socket: one is found, and leaves, without a look at the others."""

    def basic_enter_room(self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None) -> None:
        if room != sid:
            super().basic_enter_room(sid, namespace, room, eio_sid=eio_sid)

    def get_participants(self, namespace: str, room: Any) -> Iterator[tuple[str, str]]:
        eio_sid = self.eio_sid_from_sid(room, namespace) if isinstance(room, str) else None
        if eio_sid is None:
            yield from super().get_participants(namespace, room)
        else:
            yield room, eio_sid

    def basic_disconnect(self, sid: str, namespace: str, **_: Any) -> None:
        self.basic_leave_room(sid, namespace, None)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            waiting = pending.get(namespace, [])
            if sid in waiting:
                waiting.remove(sid)
                if not waiting:
                    del pending[namespace]

    async def emit(self, event: str, data: Any, namespace: str, room: Any = None, **options: Any) -> None:
        """To one socket without a task for it."""
        eio_sid = self.eio_sid_from_sid(room, namespace) if isinstance(room, str) else None
        if eio_sid is None or data is None or options.get("callback") is not None:
            await super().emit(event, data, namespace, room=room, **options)
            return
        told = self.server.packet_class(socketio.packet.EVENT, namespace=namespace, data=[event, data]).encode()
        for part in told if isinstance(told, list) else [told]:
            await self.server.eio.send(eio_sid, part)


class _Engine(engineio.AsyncServer):  # type: ignore[misc]  # as above
    """The sockets, in the order in which their pings and answers are due."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.spent: asyncio.Queue[Any] = asyncio.Queue()
        """What stands for the queue of a websocket: always empty."""
        self._pings: deque[tuple[float, _Socket]] = deque()
        self._answers: deque[tuple[float, _Socket]] = deque()
        self._lost_s = 0.0
        """For how long this process has stood still in all."""
        self._next: float | None = None

    def time(self) -> float:
        """Seconds, without those in which this process stood still: what waited then is no line's fault."""
        return asyncio.get_running_loop().time() - self._lost_s

    def rests(self, socket: _Socket) -> None:
        """Ping this one when its pause is over."""
        self._pings.append((self.time() + self.ping_interval, socket))

    def expects(self, socket: _Socket) -> None:
        """Hang up on this one unless it answers."""
        socket.asked_at = self.time()
        self._answers.append((socket.asked_at, socket))

    async def round(self) -> None:
        """See `Sockets.round`."""
        now = asyncio.get_running_loop().time()
        if self._next is not None and now - self._next > _STANDSTILL_S:
            self._lost_s += now - self._next
        self._next = now + ROUND_S
        now = self.time()
        while self._answers and self._answers[0][0] + self.ping_timeout <= now:
            asked_at, socket = self._answers.popleft()
            if socket.asked_at == asked_at:
                self.start_background_task(socket.hang_up)
        sent = 0
        while self._pings and self._pings[0][0] <= now:
            _, socket = self._pings.popleft()
            if not socket.closed and not socket.closing:
                self.expects(socket)
                await socket.send(packet.Packet(packet.PING))
                sent += 1
                if sent % _AT_ONCE == 0:
                    await asyncio.sleep(0)
        self._next = asyncio.get_running_loop().time() + ROUND_S

    async def _handle_connect(self, environ: dict[str, Any], transport: str, jsonp_index: int | None = None) -> Any:
        """A client connects; a copy of the library's for websockets, with a socket of our kind."""
        if transport != "websocket":
            return await super()._handle_connect(environ, transport, jsonp_index)
        eio_sid = self.generate_id()
        socket = self.sockets[eio_sid] = _Socket(self, eio_sid)
        told = {
            "sid": eio_sid,
            "upgrades": [],
            "pingTimeout": int(self.ping_timeout * 1000),
            "pingInterval": int(self.ping_interval * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
        await socket.send(packet.Packet(packet.OPEN, told))
        await self._trigger_event("connect", eio_sid, environ, run_async=False)
        try:
            return await socket.handle_get_request(environ)
        finally:
            # One whose line broke before it was up as well: the server above would keep what it knows of it.
            await socket.close(wait=False, abort=True, reason=self.reason.TRANSPORT_ERROR)
            self.sockets.pop(eio_sid, None)


class _Socket(AsyncSocket):  # type: ignore[misc]  # as above
    """A websocket from its first byte on. What is sent before it is up waits in the library's queue."""

    def __init__(self, server: _Engine, eio_sid: str) -> None:
        super().__init__(server, eio_sid)
        self.asked_at: float | None = None
        """When the ping was sent that awaits its answer."""
        self.queue: asyncio.Queue[packet.Packet]
        self._line: web.WebSocketResponse | None = None
        self._wire: asyncio.Transport | None = None

    @property
    def unread(self) -> int:
        """Bytes that its client has not read and the kernel has not taken."""
        return 0 if self._wire is None else self._wire.get_write_buffer_size()

    async def send(self, pkt: packet.Packet) -> None:
        """Write a packet to the line, without waiting for it; what is sent to one that has closed is lost."""
        if self._line is None:
            await self.queue.put(pkt)
        elif not self.closed:
            await _write(self._line, pkt.encode())

    async def close(self, wait: bool = True, abort: bool = False, reason: str | None = None) -> None:
        """Close it; whoever is told so and stays is hung up on."""
        closes = not self.closing and not self.closed
        await super().close(wait, abort, reason)
        if closes and not abort:
            self.server.expects(self)

    def finish(self) -> None:
        """End the line when it has taken what was written to it, and in any case soon."""
        if self._wire is not None:
            self._wire.close()
            self.server.expects(self)

    async def hang_up(self) -> None:
        """The line is dead, or its client does not go."""
        await self.close(wait=False, abort=True, reason=self.server.reason.PING_TIMEOUT)
        if self._wire is not None:
            self._wire.abort()

    async def _upgrade_websocket(self, environ: dict[str, Any]) -> web.WebSocketResponse:
        request: web.Request = environ["aiohttp.request"]
        # Nothing waits for the line to take what is written (`writer_limit`): who falls behind is cut.
        line = web.WebSocketResponse(
            max_msg_size=self.server.max_http_buffer_size, compress=False, writer_limit=sys.maxsize
        )
        await line.prepare(request)
        self._line, self._wire, self.connected, self.upgraded = line, request.transport, True, True
        while not self.queue.empty():
            await _write(line, self.queue.get_nowait().encode())
            self.queue.task_done()
        self.queue = self.server.spent
        self.server.rests(self)
        try:
            await self._read(line)
        finally:
            await self.close(wait=False, abort=True, reason=self.server.reason.TRANSPORT_CLOSE)
            self.asked_at = None
        return line

    async def _read(self, line: web.WebSocketResponse) -> None:
        while True:
            message = await line.receive()
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            if message.data == _PONG:
                if self.asked_at is not None and not self.closed:
                    self.asked_at = None
                    self.server.rests(self)
                continue
            try:
                await self.receive(packet.Packet(encoded_packet=message.data))
            except exceptions.EngineIOError:
                continue
            except ValueError:
                return  # no packet of Engine.IO
            except Exception:  # the root of a socket's reading: one packet must not end it
                log.exception("a packet could not be carried out")


async def _write(line: web.WebSocketResponse, data: str | bytes) -> None:
    try:
        if isinstance(data, str):
            await line.send_str(data)
        else:
            await line.send_bytes(data)
    except ConnectionError:
        pass  # whoever reads the line hears it too
