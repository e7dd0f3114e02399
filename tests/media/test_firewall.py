"""A clinic whose network lets no UDP out: Chromium there, and the real worker, in network namespaces of the test."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, async_playwright

from foundation.bus import MemoryBus
from foundation.clock import SystemClock
from foundation.tasks import Tasks
from media.directory import BusDirectory
from media.nodes import WorkerNodes
from media.supervisor import MediaChild
from media.turn import TurnServers
from tests.media.conftest import TOKEN, Plane
from tests.media.namespaces import Namespace, cable
from tests.media.test_chromium import ARGUMENTS, Visitor, relay, sees_and_hears
from tests.media.turn_server import SECRET, TurnServer

TOWN = "10.83.1"
"""The network between clinic and hospital: the hospital is .1, the clinic .2."""
HOSPITAL, ROUTER = f"{TOWN}.1", f"{TOWN}.77"
WORKER = "10.83.9.1"
"""A private address behind the hospital, as workers have."""


@dataclass(frozen=True)
class Site:
    """Two networks with one cable between them."""

    hospital: Namespace
    clinic: Namespace
    device: str


@pytest.fixture
def site() -> Iterator[Site]:
    """UDP is closed at the clinic; TCP is not."""
    hospital, clinic = Namespace(), Namespace()
    try:
        device = cable(hospital, clinic, TOWN)
        hospital.ip(f"address add {WORKER}/32 dev lo")
        clinic.ip(f"route add default via {HOSPITAL} dev {device}")
        clinic.close_udp(device, ROUTER)
        yield Site(hospital, clinic, device)
    finally:
        clinic.delete()
        hospital.delete()


@pytest.fixture
async def plane(request: pytest.FixtureRequest, site: Site, tmp_path: Path, tasks: Tasks) -> AsyncIterator[Plane]:
    """A worker in the hospital, by default without TCP; its control socket lies in a folder, which namespaces do not
    divide."""
    settings = {
        "worker_id": "w1",
        "control_token": TOKEN,
        "control_path": str(tmp_path / "control"),
        "bind_host": WORKER,
        "announce_host": WORKER,
        "tcp_port": getattr(request, "param", None),
        "stop_with_parent": True,
    }
    clock = SystemClock()
    program = [*site.hospital.command, sys.executable, "-m", "tests.media.worker_process", json.dumps(settings)]
    child = MediaChild(program, tasks, clock)
    nodes = WorkerNodes(BusDirectory(MemoryBus(clock)), tasks, TOKEN, [f"unix:{settings['control_path']}"])
    await child.start()
    await nodes.start()
    plane = Plane(nodes, child)
    await plane.until_ready()
    yield plane
    await child.stop()


@pytest.fixture
def turn(site: Site, tmp_path: Path) -> Iterator[TurnServer]:
    server = TurnServer(tmp_path, HOSPITAL, 3478, 443, [WORKER], command=site.hospital.command)
    yield server
    server.stop()


@pytest.fixture
async def browser(site: Site, tmp_path: Path) -> AsyncIterator[Browser]:
    """Chromium in the clinic."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=site.clinic.program(tmp_path, "/usr/bin/chromium"),
            headless=True,
            # The relay's certificate is the test's own.
            args=[*ARGUMENTS, "--ignore-certificate-errors"],
        )
        yield browser
        await browser.close()


def configuration(*urls: str, only: bool = True) -> dict[str, Any]:
    """What a client makes of the `ice_servers` of its join."""
    (server,) = TurnServers(urls, SECRET, timedelta(minutes=5), SystemClock()).servers("par_1")
    told = {"urls": list(server.urls), "username": server.username, "credential": server.credential}
    return {"iceServers": [told], "iceTransportPolicy": "relay" if only else "all"}


async def enter(browser: Browser, plane: Plane, name: str, settings: dict[str, Any]) -> Visitor:
    """A page whose connections are made with these settings besides their own."""
    visitor = await Visitor.enter(browser, name, plane)
    await visitor.page.evaluate(
        """settings => {
          const Real = window.RTCPeerConnection;
          window.RTCPeerConnection = function (own) { return new Real({...own, ...settings}); };
        }""",
        settings,
    )
    return visitor


async def ways(visitor: Visitor) -> list[dict[str, Any]]:
    """The chosen pair of each of the two connections: what kind of way it is."""
    found: list[dict[str, Any]] = await visitor.page.evaluate(
        """async () => Promise.all([S.pub, S.sub].map(async (peer) => {
          const all = await peer.getStats();
          const transport = [...all.values()].find((one) => one.type === "transport");
          const pair = all.get(transport.selectedCandidatePairId);
          const [local, remote] = [all.get(pair.localCandidateId), all.get(pair.remoteCandidateId)];
          return {type: local.candidateType, protocol: local.protocol, relay: local.relayProtocol ?? null,
                  to: remote.address, tcp: remote.tcpType ?? null};
        }))"""
    )
    return found


async def meet(browser: Browser, plane: Plane, tasks: Tasks, settings: dict[str, Any]) -> tuple[Visitor, Visitor]:
    a, b = [await enter(browser, plane, name, settings) for name in ("a", "b")]
    tasks.start("relay", relay({"a": a, "b": b}, plane))
    for visitor in (a, b):
        await visitor.subscribe()
        await visitor.page.evaluate("publish('VP8')")
    return a, b


@pytest.mark.parametrize(
    ("url", "protocol"),
    [(f"turn:{HOSPITAL}:3478?transport=tcp", "tcp"), (f"turns:{HOSPITAL}:443?transport=tcp", "tls")],
)
async def test_people_meet_by_the_relay_alone(
    url: str, protocol: str, turn: TurnServer, browser: Browser, plane: Plane, tasks: Tasks
) -> None:
    for visitor in await meet(browser, plane, tasks, configuration(url)):
        seen = await visitor.until(sees_and_hears)
        assert "GCM" in seen["srtp"]
        way = {"type": "relay", "protocol": "udp", "relay": protocol, "to": WORKER, "tcp": None}
        assert await ways(visitor) == [way, way]


@pytest.mark.parametrize("plane", [0], indirect=True, ids=["tcp"])
async def test_people_meet_by_tcp_without_a_relay(browser: Browser, plane: Plane, tasks: Tasks) -> None:
    """ICE-TCP: the browser connects to the worker's own TCP port (RFC 6544)."""
    for visitor in await meet(browser, plane, tasks, {}):
        seen = await visitor.until(sees_and_hears)
        assert "GCM" in seen["srtp"]
        assert all(video["lost"] <= 0 for video in seen["video"])
        for way in await ways(visitor):
            assert (way["protocol"], way["relay"], way["to"], way["tcp"]) == ("tcp", None, WORKER, "passive")


async def test_udp_is_closed_there(browser: Browser, plane: Plane, turn: TurnServer) -> None:
    """Without which the tests above would show nothing: neither the worker nor the relay is reached by UDP."""
    settings = configuration(f"turn:{HOSPITAL}:3478?transport=udp", only=False)
    visitor = await enter(browser, plane, "a", settings)
    await visitor.page.evaluate("publish('VP8')")
    await asyncio.sleep(4)
    assert (await visitor.page.evaluate("states()"))["pub"] in ("connecting", "failed")
