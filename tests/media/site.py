"""The worker and Chromium, each in a network namespace of the test, and by which way they found each other."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright

from foundation.bus import MemoryBus
from foundation.clock import SystemClock
from foundation.tasks import Tasks
from media.directory import BusDirectory
from media.nodes import WorkerNodes
from media.supervisor import MediaChild
from tests.headless import HEADLESS_CHROMIUM
from tests.media.conftest import TOKEN, Plane
from tests.media.namespaces import Namespace
from tests.media.test_chromium import ARGUMENTS, Visitor, relay


@asynccontextmanager
async def worker_in(
    namespace: Namespace, folder: Path, tasks: Tasks, host: str, tcp_port: int | None = None
) -> AsyncIterator[Plane]:
    """A worker at an address of the namespace. Its control socket lies in a folder, which namespaces do not divide."""
    settings = {
        "worker_id": "w1",
        "control_token": TOKEN,
        "control_path": str(folder / "control"),
        "bind_host": host,
        "announce_host": host,
        "tcp_port": tcp_port,
        "stop_with_parent": True,
    }
    clock = SystemClock()
    program = [*namespace.command, sys.executable, "-m", "tests.media.worker_process", json.dumps(settings)]
    child = MediaChild(program, tasks, clock)
    nodes = WorkerNodes(BusDirectory(MemoryBus(clock)), tasks, TOKEN, [f"unix:{settings['control_path']}"])
    await child.start()
    await nodes.start()
    plane = Plane(nodes, child)
    await plane.until_ready()
    try:
        yield plane
    finally:
        await child.stop()


@asynccontextmanager
async def browser_in(namespace: Namespace, folder: Path) -> AsyncIterator[Browser]:
    """Chromium in the namespace; the test talks to it by a pipe."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=namespace.program(folder, HEADLESS_CHROMIUM),
            headless=True,
            args=[*ARGUMENTS, "--ignore-certificate-errors"],  # a relay's certificate is the test's own
        )
        try:
            yield browser
        finally:
            await browser.close()


async def enter(browser: Browser, plane: Plane, name: str, settings: dict[str, Any] | None = None) -> Visitor:
    """A page whose connections are made with these settings besides their own."""
    visitor = await Visitor.enter(browser, name, plane)
    await visitor.page.evaluate(
        """settings => {
          const Real = window.RTCPeerConnection;
          window.RTCPeerConnection = function (own) { return new Real({...own, ...settings}); };
        }""",
        settings or {},
    )
    return visitor


async def meet(plane: Plane, tasks: Tasks, *visitors: Visitor) -> None:
    """Everyone publishes a camera and a microphone and receives what the others publish."""
    tasks.start("relay", relay({visitor.name: visitor for visitor in visitors}, plane))
    for visitor in visitors:
        await visitor.subscribe()
        await visitor.page.evaluate("publish('VP8')")


async def ways(visitor: Visitor) -> list[dict[str, Any]]:
    """The chosen pair of the publish and of the subscribe connection: what kind of way it is, from where to where."""
    found: list[dict[str, Any]] = await visitor.page.evaluate(
        """async () => Promise.all([S.pub, S.sub].map(async (peer) => {
          const all = await peer.getStats();
          const transport = [...all.values()].find((one) => one.type === "transport");
          const pair = all.get(transport.selectedCandidatePairId);
          const [local, remote] = [all.get(pair.localCandidateId), all.get(pair.remoteCandidateId)];
          return {type: local.candidateType, protocol: local.protocol, relay: local.relayProtocol ?? null,
                  from: local.address, to: remote.address, tcp: remote.tcpType ?? null};
        }))"""
    )
    return found
