"""`hoichan media`: the workers of this machine from the settings, and questions to workers that run."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from secrets import token_hex

import click

from foundation.clock import SystemClock
from foundation.settings import Settings
from foundation.tasks import Tasks
from hoichan.connections import opened_bus, read_secret
from hoichan.run_folder import RunFolder
from media.settings import WorkerSettings
from media.supervisor import MediaChild
from media.worker import run_worker

_CHILD = (sys.executable, "-m", "hoichan", "media", "--child")


class ChildPlan:
    """How an embedded installation starts its workers: sockets and a secret in a private temporary folder."""

    def __init__(self, settings: Settings) -> None:
        self._folder = RunFolder()
        folder = self._folder.path
        self.token = token_hex(32)
        token_file = folder / "token"
        token_file.touch(0o600)
        token_file.write_text(self.token)
        count = settings.media_workers
        # Not below the var folder: the path of a Unix socket may have 107 bytes at most.
        self.controls = tuple(f"unix:{folder / f'media{number}.sock'}" for number in range(count))
        self._environments: list[Mapping[str, str]] = [
            {
                **os.environ,
                "HOICHAN_MEDIA_CONTROL": control,
                "HOICHAN_MEDIA_TOKEN_FILE": str(token_file),
                "HOICHAN_MEDIA_BIND": settings.media_bind,
                "HOICHAN_MEDIA_ANNOUNCE": settings.media_announce,
                "HOICHAN_MEDIA_PORT": str(_counted(settings.media_port, number)),
                "HOICHAN_MEDIA_TCP": _counted_tcp(settings.media_tcp, number),
                "HOICHAN_MEDIA_MAX_LOAD": str(settings.media_max_load),
                "HOICHAN_MEDIA_ROOM_CAPACITY": str(settings.media_room_capacity),
                "HOICHAN_MEDIA_WORKERS": "1",
                "HOICHAN_REDIS_URL": "",
            }
            for number, control in enumerate(self.controls)
        ]

    def children(self, tasks: Tasks) -> list[MediaChild]:
        """The workers, not started yet."""
        return [
            MediaChild(
                [*_CHILD, "--no-drain", "--worker-id", f"worker-{number}"],
                tasks,
                SystemClock(),
                environment=environment,
                control=(control, self.token),
            )
            for number, (control, environment) in enumerate(zip(self.controls, self._environments, strict=True))
        ]

    def close(self) -> None:
        """Remove the folder."""
        self._folder.close()


def worker_settings(settings: Settings, worker_id: str, *, child: bool = False, drains: bool = True) -> WorkerSettings:
    """The worker's own settings. Raises click.UsageError when the control address or the secret is missing."""
    token = read_secret(settings.media_token_file)
    if not token:
        raise click.UsageError("a media worker needs HOICHAN_MEDIA_TOKEN_FILE, the secret it shares with the web nodes")
    kind, _, path = settings.media_control.partition(":")
    host, _, port = settings.media_control.rpartition(":")
    if kind != "unix" and not (host and port.isdigit()):
        raise click.UsageError("HOICHAN_MEDIA_CONTROL has to be HOST:PORT or unix:PATH")
    announced = settings.media_announce or settings.media_bind
    if announced in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        raise click.UsageError("HOICHAN_MEDIA_ANNOUNCE has to be the address at which browsers reach this worker")
    return WorkerSettings(
        worker_id=worker_id or f"worker-{token_hex(4)}",
        control_token=token,
        control_path=Path(path) if kind == "unix" else None,
        control_host="127.0.0.1" if kind == "unix" else host,
        control_port=0 if kind == "unix" else int(port),
        control_announce=settings.media_control_announce,
        bind_host=settings.media_bind,
        announce_host=announced,
        port=settings.media_port,
        max_load=settings.media_max_load,
        room_capacity=settings.media_room_capacity,
        tcp_port=settings.media_tcp_port,
        drain_s=settings.media_drain_seconds if drains else 0.0,
        stop_with_parent=child,
    )


async def run_media(settings: Settings, worker_id: str, *, child: bool = False, drains: bool = True) -> int:
    """Serve until a signal, or as a child until the parent is gone."""
    wanted = worker_settings(settings, worker_id, child=child, drains=drains)
    if settings.media_workers > 1 and not child:
        return await _run_several(settings, wanted)
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(opened_bus(settings, SystemClock())) if settings.redis_url else None
        await run_worker(wanted, bus=bus)
    return 0


def worker_addresses(settings: Settings) -> list[str]:
    """The control addresses of the workers of these settings, as links take them."""
    wanted = worker_settings(settings, "any")
    host = "127.0.0.1" if wanted.control_host in ("0.0.0.0", "::") else wanted.control_host  # noqa: S104 - compared
    first = f"unix:{wanted.control_path}" if wanted.control_path else f"tcp:{host}:{wanted.control_port}"
    return [_counted_address(first, number) for number in range(settings.media_workers)]


async def _run_several(settings: Settings, first: WorkerSettings) -> int:
    """One process a worker below this one, which only watches them. SIGTERM drains them all, a second one ends them."""
    tasks = Tasks()
    children = [
        MediaChild(
            [*_CHILD, "--worker-id", f"{first.worker_id}-{number}"],
            tasks,
            SystemClock(),
            environment={
                **os.environ,
                "HOICHAN_MEDIA_CONTROL": _counted_address(settings.media_control, number),
                "HOICHAN_MEDIA_CONTROL_ANNOUNCE": _counted_address(settings.media_control_announce, number),
                "HOICHAN_MEDIA_PORT": str(_counted(settings.media_port, number)),
                "HOICHAN_MEDIA_TCP": _counted_tcp(settings.media_tcp, number),
                "HOICHAN_MEDIA_WORKERS": "1",
            },
            control=(address, first.control_token),
            drains=True,
        )
        for number, address in enumerate(worker_addresses(settings))
    ]
    stopped = asyncio.Event()

    async def finish() -> None:
        await asyncio.gather(*(child.ended() for child in children))
        stopped.set()

    draining = False

    def terminate() -> None:
        nonlocal draining
        if draining:
            stopped.set()
        draining = True
        for child in children:
            child.drain()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, terminate)
    loop.add_signal_handler(signal.SIGINT, stopped.set)
    for child in children:
        await child.start()
    tasks.start("media end", finish())
    await stopped.wait()
    await asyncio.gather(*(child.stop() for child in children))
    await tasks.close()
    return 0


def _counted(port: int, number: int) -> int:
    """The port of the worker of that number; 0 stays any free one."""
    return port + number if port else 0


def _counted_tcp(port: str, number: int) -> str:
    """The same for `HOICHAN_MEDIA_TCP`, whose words hold for every worker."""
    return str(_counted(int(port), number)) if port.isdecimal() else port


def _counted_address(address: str, number: int) -> str:
    """The control address of the worker of that number: the port counted up, or the path with `.1`, `.2` behind it."""
    if not address or number == 0:
        return address
    if address.startswith("unix:"):
        return f"{address}.{number}"
    host, _, port = address.rpartition(":")
    return f"{host}:{_counted(int(port), number)}"
