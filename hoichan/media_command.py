"""`hoichan media`: one worker from the settings, and the question whether it lives."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from secrets import token_hex

import click

from foundation.clock import SystemClock
from foundation.settings import Settings
from foundation.tasks import Tasks
from hoichan.connections import opened_bus, read_secret
from media.directory import BusDirectory
from media.nodes import WorkerNodes
from media.settings import WorkerSettings
from media.worker import run_worker


class ChildPlan:
    """How an embedded installation starts its worker: a socket and a secret in a private temporary folder."""

    def __init__(self, settings: Settings) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="hoichan-")
        folder = Path(self._folder.name)
        self.token = token_hex(32)
        token_file = folder / "token"
        token_file.touch(0o600)
        token_file.write_text(self.token)
        # Not below the var folder: the path of a Unix socket may have 107 bytes at most.
        self.control = f"unix:{folder / 'media.sock'}"
        self.environment: Mapping[str, str] = {
            **os.environ,
            "HOICHAN_MEDIA_CONTROL": self.control,
            "HOICHAN_MEDIA_TOKEN_FILE": str(token_file),
            "HOICHAN_MEDIA_BIND": settings.media_bind,
            "HOICHAN_MEDIA_ANNOUNCE": settings.media_announce,
            "HOICHAN_MEDIA_PORT": str(settings.media_port),
            "HOICHAN_REDIS_URL": "",
        }

    def close(self) -> None:
        """Remove the folder."""
        self._folder.cleanup()


def worker_settings(settings: Settings, worker_id: str, *, child: bool = False) -> WorkerSettings:
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
        stop_with_parent=child,
    )


async def run_media(settings: Settings, worker_id: str, *, child: bool = False) -> int:
    """Serve until a signal, or as a child until the parent is gone."""
    wanted = worker_settings(settings, worker_id, child=child)
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(opened_bus(settings, SystemClock())) if settings.redis_url else None
        await run_worker(wanted, bus=bus)
    return 0


async def check_worker(settings: Settings) -> int:
    """0 when the worker of these settings answers on its control socket within 3 s, else 1."""
    wanted = worker_settings(settings, "check")
    host = "127.0.0.1" if wanted.control_host in ("0.0.0.0", "::") else wanted.control_host  # noqa: S104 - compared
    control = f"unix:{wanted.control_path}" if wanted.control_path else f"tcp:{host}:{wanted.control_port}"
    tasks = Tasks()
    async with opened_bus(Settings(redis_url=""), SystemClock()) as bus:
        nodes = WorkerNodes(BusDirectory(bus), tasks, wanted.control_token, (control,))
        await nodes.start()
        answered = False
        for _ in range(30):
            if answered := await nodes.ready():
                break
            await asyncio.sleep(0.1)
        await tasks.close()
    return 0 if answered else 1
