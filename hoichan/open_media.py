"""`hoichan media --open`: rooms of any name over WHIP and WHEP, without the rest of the service.

For trying a device before it meets a patient, and for load tools. One token opens everything, so it listens on loopback
unless told otherwise. Nothing is stored; there is no database, no sign-in and no page.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

import click
from aiohttp import web

from foundation.bus import MemoryBus
from foundation.clock import SystemClock
from foundation.i18n import Languages
from foundation.settings import Settings
from foundation.tasks import Tasks
from hoichan.media_command import ChildPlan
from media.api import NoRelays
from media.directory import BusDirectory
from media.nodes import WorkerNodes
from signaling.open_door import OpenDoor
from signaling.whip import WhipEdge

_SHORTEST = 8
_UNBOUND = {"media_max_load": 10.0, "media_room_capacity": 1_000}
"""A load tool wants to find the limits, not to be refused below them. What the environment sets stays as it is."""
_LOOK_S = 0.05


async def run_open_media(settings: Settings, token: str, listen: str) -> int:
    """Serve until a signal. Workers are children of this process, as in `hoichan run`."""
    if len(token) < _SHORTEST:
        raise click.UsageError(f"--token needs {_SHORTEST} characters at least: whoever knows it sees every room")
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise click.UsageError("--http has to be HOST:PORT, such as 127.0.0.1:8090")
    unset = {name: value for name, value in _UNBOUND.items() if name not in settings.model_fields_set}
    plan, tasks = ChildPlan(settings.model_copy(update=unset)), Tasks()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    children = plan.children(tasks)
    for child in children:
        await child.start()
    try:
        nodes = WorkerNodes(BusDirectory(MemoryBus(SystemClock())), tasks, plan.token, plan.controls)
        await nodes.start()
        await _serve(nodes, tasks, token, host.strip("[]"), int(port), stopped)
    finally:
        await asyncio.gather(*(child.stop() for child in children))
        await tasks.close()
        plan.close()
    return 0


async def _serve(nodes: WorkerNodes, tasks: Tasks, token: str, host: str, port: int, stopped: asyncio.Event) -> None:
    # A page of any site may call it: without the token that gets it nowhere.
    edge = WhipEdge(OpenDoor(token), nodes, NoRelays(), Languages(), tasks, origins=("*",))
    application = web.Application()
    edge.attach(application)
    application.router.add_get("/healthz", _health(nodes))
    runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise click.ClickException(f"cannot listen at {host}:{port}: {error.strerror}") from error
        edge.start()
        while not await nodes.ready() and not stopped.is_set():  # noqa: ASYNC110 - what comes up is another process
            await asyncio.sleep(_LOOK_S)
        at = runner.addresses[0]
        shown = f"[{at[0]}]:{at[1]}" if ":" in at[0] else f"{at[0]}:{at[1]}"
        click.echo(f"publish: http://{shown}/whip/ROOM\nview:    http://{shown}/whep/ROOM\nAuthorization: Bearer …")
        sys.stdout.flush()
        await stopped.wait()
    finally:
        await runner.cleanup()


def _health(nodes: WorkerNodes) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def health(_request: web.Request) -> web.Response:
        fine = await nodes.ready()
        return web.json_response({"status": "ok" if fine else "unavailable"}, status=200 if fine else 503)

    return health
