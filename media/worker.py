"""One media worker: a process with one UDP socket and a control channel."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex
from typing import TYPE_CHECKING

from foundation.clock import Clock, SystemClock
from foundation.errors import Unavailable
from foundation.tasks import Tasks
from media.control import ControlServer
from media.datagrams import return_memory
from media.directory import HEARTBEAT_S, WORKER_TTL_S, WORKERS
from media.facts import WorkerFacts
from media.room import Rooms
from media.settings import WorkerSettings
from media.transport import Transport

if TYPE_CHECKING:
    from foundation.bus import Bus  # a worker that is nobody's but one node's starts without loading Redis

log = logging.getLogger(__name__)

_MEASURE_S = 1.0
_TIDY_S = 5.0
_TIDY_CLOSED = 50
"""Closed connections that are worth a search of the memory, which takes some milliseconds."""


class Worker:
    """A worker inside a running event loop. `bus`, when given, is where it registers itself for a cluster.

    `drained` is called when it has been told to drain and nothing is left to wait for.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        clock: Clock,
        tasks: Tasks,
        bus: Bus | None = None,
        drained: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._tasks = tasks
        self._bus = bus
        self._drained = drained
        self._instance = token_hex(8)
        self._load = 0.0
        self._rate = 0.0
        self._draining = False
        self.transport = Transport(settings, clock)
        self.control = ControlServer(settings, self._instance, self.facts, self.drain)
        self._rooms = Rooms(self.transport, self.control.emit, self._room_ended, capacity=settings.room_capacity)
        self.transport.govern = self._rooms.govern

    @property
    def placement(self) -> str:
        """Name of this run of the worker, which rooms are claimed for."""
        return f"{self._settings.worker_id}/{self._instance}"

    @property
    def draining(self) -> bool:
        """Whether it takes no new rooms because it is to end."""
        return self._draining

    def facts(self) -> WorkerFacts:
        """What nodes place rooms by."""
        return WorkerFacts(
            admits=not self._draining and self._load < self._settings.max_load,
            draining=self._draining,
            load=round(self._load, 3),
            rate=round(self._rate),
            rooms=len(self._rooms),
            connections=self.transport.connections,
        )

    def drain(self) -> None:
        """Take no new rooms and end with the last one there is, or after `drain_s`. Again is no error."""
        if self._draining:
            return
        self._draining = True
        log.info("media worker %s drains: %d rooms go on", self._settings.worker_id, len(self._rooms))
        if not len(self._rooms):
            self._drained()
        elif self._settings.drain_s:
            asyncio.get_running_loop().call_later(self._settings.drain_s, self._drained)

    async def start(self) -> None:
        """Begin to serve."""
        self._tasks.start("media transport", self.transport.run())
        await self.control.start(self._rooms)
        self._tasks.start("media measuring", self._measure())
        self._tasks.start("media tidying", self._tidy())
        if self._bus is not None:
            self._tasks.start("media registration", self._register(self._bus))
        log.info(
            "media worker %s serves UDP port %d, control at %s",
            self._settings.worker_id, self.transport.endpoint.port, self.control.address,
        )  # fmt: skip

    async def close(self) -> None:
        """Leave the directory and stop listening. The caller closes the tasks, which ends the transport."""
        self._draining = True
        if self._bus is not None:
            with suppress(Unavailable):
                await self._bus.drop(WORKERS, self.placement)
        await self.control.close()

    def _room_ended(self, room_id: str) -> None:
        self.control.ended(room_id)
        if self._draining and not len(self._rooms):
            self._drained()

    async def _tidy(self) -> None:
        """Find what closed connections have left behind: they and their owners know each other."""
        closed = settled = 0
        while True:
            await asyncio.sleep(_TIDY_S)
            if self.transport.settled - settled >= _TIDY_CLOSED:
                settled = self.transport.settled
                return_memory()
            if self.transport.closed - closed >= _TIDY_CLOSED or not self.transport.connections:
                closed = self.transport.closed
                gc.collect()

    async def _measure(self) -> None:
        while True:
            began, busy, sent = self._clock.monotonic(), time.process_time(), self.transport.forwarded
            await asyncio.sleep(_MEASURE_S)
            elapsed = max(self._clock.monotonic() - began, 1e-3)
            # Smoothed over some seconds: a burst of joins is no load that lasts.
            self._load += ((time.process_time() - busy) / elapsed - self._load) / 4
            self._rate += ((self.transport.forwarded - sent) / elapsed - self._rate) / 4
            self._rooms.sweep()

    async def _register(self, bus: Bus) -> None:
        while True:
            with suppress(Unavailable):  # the directory comes back; nodes go on with what they know
                announced = self._settings.control_announce
                control = f"tcp:{announced}" if announced else self.control.address
                value = json.dumps({"control": control, **self.facts().write()})
                await bus.beat(WORKERS, self.placement, WORKER_TTL_S, value)
            await asyncio.sleep(HEARTBEAT_S)


def spare_pauses() -> None:
    """Leave the search for cycles to `Worker`: by itself it comes in the middle of packets, and with the packets that
    are kept for repair it takes longer than their jitter."""
    gc.collect()
    gc.freeze()
    gc.disable()


async def run_worker(settings: WorkerSettings, *, clock: Clock | None = None, bus: Bus | None = None) -> None:
    """The whole life of a worker process: serve until SIGINT or a second SIGTERM, or until the parent is gone.

    The first SIGTERM drains it when there is a time for that, as does the command; then it ends with its last room.
    """
    stopped = asyncio.Event()
    tasks = Tasks()
    worker = Worker(settings, clock or SystemClock(), tasks, bus, stopped.set)

    def terminate() -> None:
        if settings.drain_s and not worker.draining:
            worker.drain()
        else:
            stopped.set()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, terminate)
    loop.add_signal_handler(signal.SIGINT, stopped.set)
    if settings.stop_with_parent:
        await loop.connect_read_pipe(lambda: _Parent(stopped), sys.stdin)
    try:
        await worker.start()
        spare_pauses()
        await stopped.wait()
    finally:
        await worker.close()
        await tasks.close()


class _Parent(asyncio.Protocol):
    """Standard input as a sign of life of the parent: it ends when the parent does, however it ends."""

    def __init__(self, stopped: asyncio.Event) -> None:
        self._stopped = stopped

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The parent is gone."""
        self._stopped.set()
