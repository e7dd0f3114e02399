"""Janus from Debian as a bench meets it: the video room alone, on loopback, with one event loop and ICE-lite."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp

from bench.load import build
from bench.load.build import CannotMeasure

_START_S = 15.0
_ANSWER_S = 30.0
Message = dict[str, Any]

# Everything that is not named here is left as Debian has it.
_GENERAL = """
general: {{
  configs_folder = "{folder}"
  plugins_folder = "{plugins}"
  transports_folder = "{transports}"
  debug_level = 3
  debug_timestamps = false
  event_loops = 1
}}
nat: {{
  ice_lite = true
  ice_enforce_list = "127.0.0.1"
}}
media: {{ ipv6 = false }}
plugins: {{ disable = "{others}" }}
transports: {{ disable = "{unused}" }}
"""
_HTTP = """
general: {{
  json = "compact"
  base_path = "/janus"
  http = true
  port = {port}
  ip = "127.0.0.1"
  https = false
}}
admin: {{ admin_http = false }}
"""


class Janus:
    """A Janus process. `stop` ends it."""

    def __init__(self, folder: Path, core: int) -> None:
        program = shutil.which("janus")
        home = next(Path("/usr/lib").glob("*/janus/plugins/libjanus_videoroom.so"), None)
        if program is None or home is None:
            raise CannotMeasure("the comparison needs Janus: on Debian, apt-get install --no-install-recommends janus")
        plugins = home.parent
        transports = plugins.parent / "transports"
        others = ",".join(path.name for path in plugins.glob("*.so") if path.name != home.name)
        unused = ",".join(path.name for path in transports.glob("*.so") if path.name != "libjanus_http.so")
        settings = folder / f"janus-{secrets.token_hex(4)}"
        settings.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        (settings / "janus.jcfg").write_text(
            _GENERAL.format(folder=settings, plugins=plugins, transports=transports, others=others, unused=unused)
        )
        (settings / "janus.transport.http.jcfg").write_text(_HTTP.format(port=port))
        (settings / "janus.plugin.videoroom.jcfg").write_text("general: {}\n")
        self.url = f"http://127.0.0.1:{port}/janus"
        self._log = (settings / "log").open("w")
        self._process = subprocess.Popen(
            ["taskset", "--cpu-list", str(core), program, "--configs-folder", str(settings)],
            env={"LD_PRELOAD": str(build.loopback(folder)), "PATH": "/usr/bin:/bin"},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self.pid = self._process.pid

    async def ready(self) -> None:
        """Wait until it answers. Raises CannotMeasure."""
        async with aiohttp.ClientSession() as http:
            with suppress(TimeoutError):
                async with asyncio.timeout(_START_S):
                    while self._process.poll() is None:
                        with suppress(aiohttp.ClientError):
                            async with http.get(f"{self.url}/info") as response:
                                if response.status == 200:
                                    return
                        await asyncio.sleep(0.05)
        raise CannotMeasure(f"Janus did not start:\n{self._said()}")

    def _said(self) -> str:
        return Path(self._log.name).read_text()[-2000:]

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


class JanusError(Exception):
    """Janus refused a request."""


class JanusClient:
    """One session of Janus's HTTP interface, which carries any number of handles. Use it as a context."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: dict[str, asyncio.Future[Message]] = {}
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> JanusClient:
        connector = aiohttp.TCPConnector(limit=64)
        self._http = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60))
        self._session = f"{self._url}/{(await self._post(self._url, {'janus': 'create'}))['data']['id']}"
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        await self._http.close()

    async def attach(self) -> str:
        """A new handle of the video room."""
        made = await self._post(self._session, {"janus": "attach", "plugin": "janus.plugin.videoroom"})
        return f"{self._session}/{made['data']['id']}"

    async def ask(self, handle: str, body: Message, *, jsep: Message | None = None) -> Message:
        """Send a message to the plugin; its answer, with `jsep` when it has a description."""
        message: Message = {"janus": "message", "body": body}
        if jsep is not None:
            message["jsep"] = jsep
        transaction = secrets.token_hex(8)
        future = self._waiting[transaction] = asyncio.get_running_loop().create_future()
        try:
            answer = await self._post(handle, message, transaction)
            if answer["janus"] == "ack":
                async with asyncio.timeout(_ANSWER_S):
                    answer = await future
        finally:
            del self._waiting[transaction]
        data = answer.get("plugindata", {}).get("data", {})
        if "error" in data:
            raise JanusError(data["error"])
        return {**data, "jsep": answer.get("jsep")}

    async def _post(self, url: str, message: Message, transaction: str = "t") -> Message:
        async with self._http.post(url, json={**message, "transaction": transaction}) as response:
            answer: Message = await response.json(content_type=None)
        if answer["janus"] == "error":
            raise JanusError(answer["error"]["reason"])
        return answer

    async def _read(self) -> None:
        """Long polls, which also keep the session alive."""
        while True:
            async with self._http.get(f"{self._session}?maxev=20") as response:
                events = await response.json(content_type=None)
            for event in events if isinstance(events, list) else [events]:
                future = self._waiting.get(event.get("transaction", ""))
                if future is not None and not future.done() and event["janus"] == "event":
                    future.set_result(event)
