"""A media worker as a child process: started, started again when it dies or hangs, drained, stopped with its parent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from foundation.clock import Clock
from foundation.tasks import Tasks
from media.link import MISSED, WorkerLink
from media.wire import WireError

log = logging.getLogger(__name__)

_BACKOFF_S = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
_HEALTHY_S = 30.0
"""A child that lived this long is started again without delay."""
_GOODBYE_S = 5.0
_LINK_S = 0.5
_UNHEARD = 2 * MISSED
"""Pings without an answer after which a child is killed: later than its rooms go elsewhere, for it may be alive yet."""
_BEGINS_S = 15.0
"""How long a child may take to listen at all."""


class MediaChild:
    """One child process. `arguments` begin with the program; secrets go by files or `environment`, never by arguments.

    The child's standard input is held open: a worker with `stop_with_parent` ends when this process does. `control` is
    its control address and the token: a child that answers there no more is killed (`media.link` says after how long).
    `drains` says that a child that ends by itself with status 0 has drained, and stays away.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        tasks: Tasks,
        clock: Clock,
        *,
        environment: Mapping[str, str] | None = None,
        control: tuple[str, str] | None = None,
        drains: bool = False,
    ) -> None:
        self._arguments = tuple(arguments)
        self._tasks = tasks
        self._clock = clock
        self._environment = None if environment is None else dict(environment)
        self._control = control
        self._drains = drains
        self._leaving = False
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while the child runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """Start the child and keep it running. `WorkerNodes.ready` tells when it serves."""
        self._keeper = self._tasks.start("media child", self._keep())

    def drain(self) -> None:
        """Ask the child to end when its rooms have; it is not started again. For children that drain."""
        self._leaving = True
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()

    async def ended(self) -> None:
        """Wait until the child has drained and is not started again."""
        if self._keeper is not None:
            await asyncio.wait([self._keeper])

    async def stop(self) -> None:
        """Ask the child to stop, and make it after 5 s."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None

    async def _keep(self) -> None:
        failures = 0
        guard: asyncio.Task[None] | None = None
        try:
            while True:
                began = self._clock.monotonic()
                self._process = await asyncio.create_subprocess_exec(
                    *self._arguments,
                    stdin=asyncio.subprocess.PIPE,
                    env=self._environment,
                    # A Ctrl-C at the terminal goes to the parent, which then stops the child in its own time.
                    start_new_session=True,
                )
                if self._control is not None:
                    guard = self._tasks.start("media guard", self._guard(self._process, *self._control))
                status = await self._process.wait()
                if guard is not None:
                    guard.cancel()
                if self._leaving or (self._drains and status == 0):
                    log.info("a media worker has drained")
                    return
                failures = 0 if self._clock.monotonic() - began > _HEALTHY_S else failures + 1
                log.warning("the media worker ended with status %d and is started again", status)
                await asyncio.sleep(_BACKOFF_S[min(max(failures - 1, 0), len(_BACKOFF_S) - 1)])
        finally:
            if guard is not None:
                guard.cancel()
            await self._end()

    async def _guard(self, process: asyncio.subprocess.Process, address: str, token: str) -> None:
        """Kill the process when it hangs: nothing else would ever bring its place back."""
        unheard, heard, began = 0, False, self._clock.monotonic()
        while process.returncode is None:
            await asyncio.sleep(_LINK_S)
            try:
                link = await WorkerLink.open(address, token)
            except TimeoutError:  # it listens, and says nothing: one that has not begun to listen refuses
                unheard += 1
            except (OSError, WireError):
                unheard = 0 if heard or self._clock.monotonic() - began < _BEGINS_S else _UNHEARD
            else:
                unheard, heard = 0, True
                watching = self._tasks.start("media guard pings", link.watch(_UNHEARD))
                try:
                    await link.run(lambda _event: None, lambda _room: None)
                finally:
                    watching.cancel()
                if link.hung:
                    unheard = _UNHEARD
            if unheard >= _UNHEARD // 2 and process.returncode is None:
                log.error("the media worker hangs and is killed")
                process.kill()

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        if self._drains and process.stdin is not None:
            process.stdin.close()  # the sign of a parent that is gone: a signal would only make it drain
        else:
            process.terminate()
        try:
            async with asyncio.timeout(_GOODBYE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
