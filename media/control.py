"""The worker's end of the control channel: commands in, answers and events out, for several web nodes at once."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Any

from foundation.errors import HoichanError, Invalid
from foundation.i18n import N_
from media import wire
from media.api import MediaEvent
from media.errors import full, unavailable
from media.facts import WorkerFacts
from media.room import Rooms
from media.settings import WorkerSettings

log = logging.getLogger(__name__)

MAX_NODES = 64
MOST_LINES = 8_640
"""The highest tile that is believed: a wall screen of 8K, stood on its side."""
_MOST_UNSENT = 8 << 20
"""Bytes that wait for one node; a node that reads no more is cut off and comes back to a fresh picture."""

COMMAND_INVALID = N_("The video service was asked for something that it does not know.")


class _Node:
    """One connected web node. `rooms` are those that it has used."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.rooms: set[str] = set()

    def send(self, message: wire.Message) -> None:
        if self.writer.is_closing():
            return
        if self.writer.transport.get_write_buffer_size() > _MOST_UNSENT:
            log.warning("a web node does not read its events and is cut off")
            self.writer.transport.abort()
            return
        self.writer.write(wire.encode(message))


class ControlServer:
    """Serves the control channel of one worker."""

    def __init__(
        self, settings: WorkerSettings, instance: str, facts: Callable[[], WorkerFacts], drain: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._instance = instance
        self._facts = facts
        self._drain = drain
        self._nodes: set[_Node] = set()
        self._server: asyncio.Server | None = None
        self._rooms: Rooms | None = None
        self.address = ""
        """Where nodes reach it: `unix:PATH` or `tcp:HOST:PORT`, once started."""

    async def start(self, rooms: Rooms) -> None:
        """Begin to listen."""
        self._rooms = rooms
        path = self._settings.control_path
        if path is not None:
            path.unlink(missing_ok=True)  # left behind by a killed worker
            before = os.umask(0o177)
            try:
                self._server = await asyncio.start_unix_server(self._serve, path, limit=wire.LIMIT)
            finally:
                os.umask(before)
            self.address = f"unix:{path}"
        else:
            host, port = self._settings.control_host, self._settings.control_port
            self._server = await asyncio.start_server(self._serve, host, port, limit=wire.LIMIT)
            self.address = f"tcp:{host}:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Stop listening and cut every node off."""
        if self._server is not None:
            self._server.close()
        for node in list(self._nodes):
            node.writer.close()
        if self._settings.control_path is not None:
            self._settings.control_path.unlink(missing_ok=True)

    def emit(self, event: MediaEvent) -> None:
        """Send an event to every node that uses its room."""
        message = wire.write_event(event)
        for node in self._nodes:
            if event.room_id in node.rooms:
                node.send(message)

    def ended(self, room_id: str) -> None:
        """Tell the nodes of a room that its last participant has gone."""
        for node in self._nodes:
            if room_id in node.rooms:
                node.rooms.discard(room_id)
                node.send({"event": "ended", "room": room_id})

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        node = _Node(writer)
        try:
            if len(self._nodes) >= MAX_NODES:
                return
            await wire.admit(
                reader,
                writer,
                self._settings.control_token,
                {"worker": self._settings.worker_id, "instance": self._instance, **self._facts().write()},
            )
            self._nodes.add(node)
            while (message := await wire.read(reader)) is not None:
                node.send(self._answer(node, message))
                await writer.drain()
        except wire.WireError as error:
            log.warning("a control connection was refused: %s", error)
        except ConnectionError:
            pass  # the node is gone; it comes back by itself
        finally:
            self._nodes.discard(node)
            writer.close()

    def _answer(self, node: _Node, message: wire.Message) -> wire.Message:
        number = message.get("id")
        try:
            return {"id": number, "result": self._command(node, message)}
        except HoichanError as error:
            return {"id": number, "error": wire.write_error(error)}
        except Exception:  # the root of a command: one that fails must not end the calls of all the others
            log.exception("a command failed")
            return {"id": number, "error": wire.write_error(unavailable())}

    def _command(self, node: _Node, message: wire.Message) -> Any:
        rooms = self._rooms
        if rooms is None:
            raise unavailable()
        match message:
            case {"do": "ping"}:
                return self._facts().write()
            case {"do": "drain"}:
                self._drain()
                return self._facts().write()
            case {"do": "watch", "room": str(room)}:
                if room not in rooms:
                    return {"known": False}
                node.rooms.add(room)
                for event in rooms.states(room):
                    node.send(wire.write_event(event))
                return {"known": True}
            case {
                "do": "publish",
                "room": str(room),
                "participant": str(who),
                "sdp": str(text),
                "sources": dict(given),
            }:
                self._admit(node, room, rooms)
                checked = {mid: name for mid, name in given.items() if isinstance(name, str)}
                leads = message.get("leads") is True
                return {"sdp": rooms.publish(room, who, text, checked, leads=leads)}
            case {"do": "subscribe", "room": str(room), "participant": str(who)}:
                self._admit(node, room, rooms)
                return wire.write_offer(rooms.subscribe(room, who, restart=message.get("restart") is True))
            case {"do": "view", "room": str(room), "participant": str(who), "sdp": str(text)}:
                self._admit(node, room, rooms)
                return {"sdp": rooms.view(room, who, text)}
            case {
                "do": "answer",
                "room": str(room),
                "participant": str(who),
                "sdp": str(text),
                "revision": int(revision),
            }:
                node.rooms.add(room)
                rooms.answer(room, who, text, revision)
                return {}
            case {"do": "prefer", "room": str(room), "participant": str(who), "heights": dict(heights)}:
                wanted = {
                    track: height
                    for track, height in heights.items()
                    if type(height) is int and 0 <= height <= MOST_LINES
                }
                rooms.prefer(room, who, wanted)
                return {}
            case {"do": "remove", "room": str(room), "participant": str(who)}:
                rooms.remove(room, who)
                return {}
            case {"do": "close", "room": str(room)}:
                rooms.close_room(room)
                return {}
        raise Invalid("media.command_invalid", COMMAND_INVALID)

    def _admit(self, node: _Node, room: str, rooms: Rooms) -> None:
        """A full or draining worker takes nobody into a new room; those in its rooms may still come back."""
        if room not in rooms and not self._facts().admits:
            raise full()
        node.rooms.add(room)
