"""What is expected of python-socketio and python-engineio, over real lines with short times."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import socketio  # type: ignore[import-untyped]  # python-socketio has no type marker
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web
from aiohttp.test_utils import TestServer

from signaling import engineio_seam
from signaling.engineio_seam import ROUND_S, Sockets
from tests.signaling.conftest import eventually


class Hall:
    """A server of such sockets, and raw clients."""

    def __init__(self) -> None:
        self.server = Sockets(async_mode="aiohttp", ping_interval=0.2, ping_timeout=0.3, monitor_clients=False)
        self.ids: list[str] = []
        self.left: list[str] = []
        self.server.on("connect", self._connect)
        self.server.on("disconnect", self._disconnect)
        self.server.on("*", self._event)
        self.session = ClientSession()
        self.url = ""

    async def _connect(self, socket_id: str, _environ: dict[str, Any], _auth: object = None) -> None:
        self.ids.append(socket_id)

    async def _disconnect(self, _socket_id: str, reason: str) -> None:
        self.left.append(reason)

    async def _event(self, name: str, _socket_id: str, *arguments: Any) -> dict[str, Any]:
        return {"name": name, "said": arguments}

    async def rounds(self) -> None:
        while True:
            await self.server.round()
            await asyncio.sleep(ROUND_S)

    async def connect(self) -> ClientWebSocketResponse:
        """One that has joined, and answers nothing by itself."""
        line = await self.session.ws_connect(f"{self.url}/socket.io/?EIO=4&transport=websocket")
        assert json.loads((await line.receive_str())[1:])["pingInterval"] == 200
        await line.send_str("40")
        assert (await line.receive_str()).startswith("40")
        return line


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    app, found = web.Application(), Hall()
    found.server.attach(app)
    server = TestServer(app)
    await server.start_server()
    found.url = str(server.make_url("")).rstrip("/")
    rounds = asyncio.create_task(found.rounds())
    yield found
    rounds.cancel()
    await found.session.close()
    await server.close()


async def test_who_answers_stays_and_who_falls_silent_is_hung_up_on(hall: Hall) -> None:
    lively, silent = await hall.connect(), await hall.connect()
    for _ in range(4):
        assert await lively.receive_str() == "2"
        await lively.send_str("3")
    assert await silent.receive_str() == "2"
    assert (await silent.receive()).type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR)
    assert hall.left == ["ping timeout"]
    assert len(hall.server.eio.sockets) == 1
    await lively.send_str('420["hello",7]')
    assert await anyhow(lively) == '430[{"name":"hello","said":[7]}]'
    await lively.close()
    await eventually(lambda: hall.left == ["ping timeout", "transport close"])
    await eventually(lambda: not hall.server.eio.sockets)
    manager = hall.server.manager
    assert (manager.rooms, manager.pending_connect, manager.pending_disconnect) == ({}, {}, {})


async def anyhow(line: ClientWebSocketResponse) -> str:
    """The next packet that is no ping; pings are answered."""
    while (told := await line.receive_str()) == "2":
        await line.send_str("3")
    return told


async def test_a_process_that_stood_still_blames_no_line(hall: Hall) -> None:
    line = await hall.connect()
    assert await line.receive_str() == "2"
    time.sleep(0.9)  # noqa: ASYNC251 - the whole process, as when it searches for cycles
    await line.send_str("3")
    assert await line.receive_str() == "2"
    assert hall.left == []


async def test_who_is_told_to_go_and_stays_is_hung_up_on(hall: Hall) -> None:
    line = await hall.connect()
    transport = hall.server.transport(hall.ids[0])
    await hall.server.disconnect(hall.ids[0])
    assert await anyhow(line) == "41"
    await transport.close(wait=False)
    assert await anyhow(line) == "1"
    assert (await line.receive()).type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR)
    await eventually(lambda: not hall.server.eio.sockets)


async def test_what_a_slow_reader_leaves_is_counted_and_nobody_waits_for_it(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engineio_seam, "BACKLOG_BYTES", 10_000)
    line = await hall.connect()
    assert line._response.connection is not None
    assert line._response.connection.transport is not None
    line._response.connection.transport.pause_reading()
    assert not hall.server.is_behind(hall.ids[0])
    for number in range(200):
        await hall.server.emit("much", {"number": number, "text": "x" * 100_000}, to=hall.ids[0])
    assert hall.server.is_behind(hall.ids[0])


@pytest.mark.parametrize("transports", [["polling"], ["polling", "websocket"], ["websocket"]])
async def test_each_transport_carries_events_both_ways(hall: Hall, transports: list[str]) -> None:
    client, heard = socketio.AsyncClient(reconnection=False), asyncio.Queue[Any]()
    client.on("news", heard.put)
    await client.connect(hall.url, transports=transports)
    assert await client.call("hello", {"a": 1}, timeout=5) == {"name": "hello", "said": [{"a": 1}]}
    await hall.server.emit("news", {"b": 2}, to=hall.ids[0])
    assert await asyncio.wait_for(heard.get(), 5) == {"b": 2}
    await client.disconnect()
    await eventually(lambda: len(hall.left) == 1)


async def test_what_is_no_packet_ends_its_socket_alone(hall: Hall) -> None:
    broken, other = await hall.connect(), await hall.connect()
    await broken.send_str("x")
    assert (await broken.receive()).type in (WSMsgType.CLOSE, WSMsgType.CLOSED)
    await other.send_str('421["hello"]')
    assert await anyhow(other) == '431[{"name":"hello","said":[]}]'
