"""A clinic whose network lets no UDP out: Chromium there, and the real worker, in network namespaces of the test."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from foundation.clock import SystemClock
from foundation.tasks import Tasks
from media.turn import TurnServers
from tests.media.conftest import Plane
from tests.media.namespaces import Namespace, cable
from tests.media.site import browser_in, enter, meet, ways, worker_in
from tests.media.test_chromium import Visitor, sees_and_hears
from tests.media.turn_server import SECRET, TurnServer

TOWN = "10.83.1"
"""The network between clinic and hospital: the hospital is .1, the clinic .2."""
HOSPITAL = f"{TOWN}.1"
WORKER = "10.83.9.1"
"""A private address behind the hospital, as workers have."""


@dataclass(frozen=True)
class Site:
    """Two networks with one cable between them."""

    hospital: Namespace
    clinic: Namespace


@pytest.fixture
def site() -> Iterator[Site]:
    """UDP is closed at the clinic; TCP is not."""
    with Namespace() as hospital, Namespace() as clinic:
        device = cable(hospital, clinic, TOWN)
        hospital.ip(f"address add {WORKER}/32 dev lo")
        clinic.ip(f"route add default via {HOSPITAL} dev {device}")
        clinic.close_udp()
        yield Site(hospital, clinic)


@pytest.fixture
async def plane(request: pytest.FixtureRequest, site: Site, tmp_path: Path, tasks: Tasks) -> AsyncIterator[Plane]:
    """A worker in the hospital, without TCP unless the test asks for it."""
    async with worker_in(site.hospital, tmp_path, tasks, WORKER, getattr(request, "param", None)) as plane:
        yield plane


@pytest.fixture
def turn(site: Site, tmp_path: Path) -> Iterator[TurnServer]:
    server = TurnServer(tmp_path, HOSPITAL, 3478, 443, [WORKER], command=site.hospital.command)
    yield server
    server.stop()


@pytest.fixture
async def browser(site: Site, tmp_path: Path) -> AsyncIterator[Browser]:
    """Chromium in the clinic."""
    async with browser_in(site.clinic, tmp_path) as browser:
        yield browser


def by_relay(url: str, *, only: bool = True) -> dict[str, Any]:
    """What a client makes of the `ice_servers` of its join."""
    (server,) = TurnServers([url], SECRET, timedelta(minutes=5), SystemClock()).servers("par_1")
    told = {"urls": list(server.urls), "username": server.username, "credential": server.credential}
    return {"iceServers": [told], "iceTransportPolicy": "relay" if only else "all"}


async def pair(
    browser: Browser, plane: Plane, tasks: Tasks, settings: dict[str, Any] | None = None
) -> tuple[Visitor, Visitor]:
    """Two people of the clinic, each with camera and microphone."""
    a, b = [await enter(browser, plane, name, settings) for name in ("a", "b")]
    await meet(plane, tasks, a, b)
    return a, b


@pytest.mark.parametrize(
    ("url", "protocol"),
    [(f"turn:{HOSPITAL}:3478?transport=tcp", "tcp"), (f"turns:{HOSPITAL}:443?transport=tcp", "tls")],
    ids=["tcp", "tls"],
)
async def test_people_meet_by_the_relay_alone(
    url: str, protocol: str, turn: TurnServer, browser: Browser, plane: Plane, tasks: Tasks
) -> None:
    for visitor in await pair(browser, plane, tasks, by_relay(url)):
        seen = await visitor.until(sees_and_hears)
        assert "GCM" in seen["srtp"]
        way = {"type": "relay", "protocol": "udp", "relay": protocol, "from": HOSPITAL, "to": WORKER, "tcp": None}
        assert await ways(visitor) == [way, way]


@pytest.mark.parametrize("plane", [0], indirect=True, ids=["tcp"])
async def test_people_meet_by_tcp_without_a_relay(browser: Browser, plane: Plane, tasks: Tasks) -> None:
    """ICE-TCP: the browser connects to the worker's own TCP port (RFC 6544)."""
    for visitor in await pair(browser, plane, tasks):
        seen = await visitor.until(sees_and_hears)
        assert "GCM" in seen["srtp"]
        assert all(video["lost"] <= 0 for video in seen["video"])
        for way in await ways(visitor):
            assert (way["protocol"], way["relay"], way["to"], way["tcp"]) == ("tcp", None, WORKER, "passive")


async def test_udp_is_closed_there(browser: Browser, plane: Plane, turn: TurnServer) -> None:
    """Without which the tests above would show nothing: neither the worker nor the relay is reached by UDP."""
    settings = by_relay(f"turn:{HOSPITAL}:3478?transport=udp", only=False)
    visitor = await enter(browser, plane, "a", settings)
    await visitor.page.evaluate("publish('VP8')")
    await asyncio.sleep(4)
    assert (await visitor.page.evaluate("states()"))["pub"] in ("connecting", "failed")
