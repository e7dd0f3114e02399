"""A bare python-socketio server on aiohttp, as its own documentation sets one up: the limit beside which ours is held.

python -m bench.load.bare PORT
"""

from __future__ import annotations

import sys

import socketio  # type: ignore[import-untyped]  # python-socketio has no type marker
from aiohttp import web

from signaling.gateway import PING_S, PING_TIMEOUT_S


def main() -> None:
    server = socketio.AsyncServer(async_mode="aiohttp", ping_interval=PING_S, ping_timeout=PING_TIMEOUT_S)

    @server.event  # type: ignore[untyped-decorator]  # as its module, see above
    async def connect(_socket_id: str, _environ: dict[str, object], _auth: object) -> None:
        """Everybody is let in."""

    application = web.Application()
    server.attach(application)
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
