"""A Socket.IO server for the connection's tests: one answer of each kind, on two free ports that it prints.

At the second no WebSocket passes, as in a network whose proxy knows none.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import socketio  # type: ignore[import-untyped]  # the package has no types
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler


@web.middleware
async def without_websocket(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses the upgrade, as a proxy does that carries plain HTTP alone."""
    if hdrs.UPGRADE in request.headers:
        return web.Response(status=400)
    return await handler(request)


async def serve() -> None:
    """Serve until standard input ends with the test."""
    server = socketio.AsyncServer(async_mode="aiohttp", ping_interval=1, ping_timeout=1, cors_allowed_origins="*")
    application = web.Application()
    server.attach(application)
    narrow = web.Application(middlewares=[without_websocket])
    server.attach(narrow)

    @server.event  # type: ignore[untyped-decorator]  # python-socketio has no types
    async def connect(_sid: str, _environ: dict[str, Any], auth: object) -> None:
        if auth == "refuse":
            raise socketio.exceptions.ConnectionRefusedError("session.needed")

    @server.event  # type: ignore[untyped-decorator]
    async def beat(_sid: str, _payload: object) -> dict[str, object]:
        return {"ok": True}

    @server.event  # type: ignore[untyped-decorator]
    async def accept_offer(_sid: str, payload: dict[str, Any]) -> dict[str, object]:
        if payload["consult_id"] == "taken":
            return {"error": {"code": "consult.already_claimed", "message": "BS. Hà đã nhận ca"}}
        return {"ok": True, "room_url": f"/consults/{payload['consult_id']}/room"}

    @server.event  # type: ignore[untyped-decorator]
    async def watch_consult(sid: str, payload: dict[str, Any]) -> dict[str, object]:
        await server.emit("log", {"consult_id": payload["consult_id"], "entries": []}, to=sid)
        return {"ok": True}

    @server.event  # type: ignore[untyped-decorator]
    async def drop_me(sid: str, _payload: object) -> None:
        # The TCP connection breaks, as a line does; after a farewell by protocol the client stays away.
        server.get_environ(sid)["aiohttp.request"].transport.abort()

    runners = [web.AppRunner(application), web.AppRunner(narrow)]
    for runner in runners:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(*(runner.addresses[0][1] for runner in runners), flush=True)  # noqa: T201 - the test reads the ports
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    for runner in runners:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve())
