"""A media worker as a child process of the web node: started, started again when it dies, stopped with its parent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from foundation.clock import Clock
from foundation.tasks import Tasks

log = logging.getLogger(__name__)

_BACKOFF_S = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
_HEALTHY_S = 30.0
"""A child that lived this long is started again without delay."""
_GOODBYE_S = 5.0


class MediaChild:
    """One child process. `arguments` begin with the program; secrets go by files or `environment`, never by arguments.

    The child's standard input is held open: a worker with `stop_with_parent` ends when this process does.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        tasks: Tasks,
        clock: Clock,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._arguments = tuple(arguments)
        self._tasks = tasks
        self._clock = clock
        self._environment = None if environment is None else dict(environment)
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

    async def stop(self) -> None:
        """Ask the child to stop, and make it after 5 s."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None

    async def _keep(self) -> None:
        failures = 0
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
                status = await self._process.wait()
                failures = 0 if self._clock.monotonic() - began > _HEALTHY_S else failures + 1
                log.warning("the media worker ended with status %d and is started again", status)
                await asyncio.sleep(_BACKOFF_S[min(max(failures - 1, 0), len(_BACKOFF_S) - 1)])
        finally:
            await self._end()

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(_GOODBYE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
