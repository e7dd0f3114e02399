"""A clinic that changes its network in the middle of a call, as from a cable to a telephone: its address is another one
from then on, the old one is gone, and the call goes on after an ICE restart (RFC 8445 §2.4, §9)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from foundation.tasks import Tasks
from media.api import ConnectionChanged, ConnectionState, MediaEvent
from tests.media.conftest import Plane
from tests.media.namespaces import Namespace, cable
from tests.media.site import browser_in, enter, meet, ways, worker_in
from tests.media.test_chromium import Visitor, sees_and_hears

BEFORE, AFTER = "10.84.1", "10.84.2"
"""The clinic's two networks: the hospital is .1 in each, the clinic .2."""
WORKER = "10.84.9.1"


@dataclass(frozen=True)
class Site:
    """A hospital, and a clinic with two cables to it, of which one is plugged in."""

    hospital: Namespace
    clinic: Namespace
    cables: tuple[str, str]

    def change(self) -> None:
        """Pull one cable and plug the other in."""
        old, new = self.cables
        self.clinic.ip(f"link set {old} down")
        self.clinic.ip(f"address flush dev {old}")
        self.clinic.ip(f"link set {new} up")
        self.clinic.ip(f"route replace default via {AFTER}.1 dev {new}")


@pytest.fixture(params=["udp", pytest.param("tcp", marks=pytest.mark.chaos)])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """With UDP open, and with UDP closed on both networks."""
    with Namespace() as hospital, Namespace() as clinic:
        first, second = cable(hospital, clinic, BEFORE), cable(hospital, clinic, AFTER)
        hospital.ip(f"address add {WORKER}/32 dev lo")
        clinic.ip(f"link set {second} down")
        clinic.ip(f"route add default via {BEFORE}.1 dev {first}")
        if request.param == "tcp":
            clinic.close_udp()
        yield Site(hospital, clinic, (first, second))


@pytest.fixture
async def plane(site: Site, tmp_path: Path, tasks: Tasks) -> AsyncIterator[Plane]:
    async with worker_in(site.hospital, tmp_path, tasks, WORKER, 0) as plane:
        yield plane


@pytest.fixture
async def clinic(site: Site, tmp_path: Path) -> AsyncIterator[Browser]:
    async with browser_in(site.clinic, tmp_path) as browser:
        yield browser


@pytest.fixture
async def hospital(site: Site, tmp_path: Path) -> AsyncIterator[Browser]:
    async with browser_in(site.hospital, tmp_path) as browser:
        yield browser


def more(frames: int) -> Callable[[dict[str, Any]], bool]:
    return lambda seen: any(video["frames"] >= frames for video in seen["video"])


async def pictures(visitor: Visitor) -> int:
    return max(int(video["frames"]) for video in (await visitor.received())["video"])


async def test_a_call_goes_on_from_another_address(
    site: Site, plane: Plane, clinic: Browser, hospital: Browser, tasks: Tasks
) -> None:
    a, b = await enter(clinic, plane, "a"), await enter(hospital, plane, "b")
    await meet(plane, tasks, a, b)
    for visitor in (a, b):
        await visitor.until(sees_and_hears)
    assert {way["from"] for way in await ways(a)} == {f"{BEFORE}.2"}
    changes: list[MediaEvent] = []

    async def note() -> None:
        async for event in plane.nodes.events():
            changes.append(event)  # noqa: PERF401 - it goes on until the test ends

    tasks.start("note", note())
    offers = len(b.offers)

    site.change()
    before = -1
    async with asyncio.timeout(15):  # the old network is gone, and what came over it is decoded
        while (now := await pictures(b)) != before:
            before = now
            await asyncio.sleep(0.5)
    await a.page.evaluate("restartIce()")  # what a client does when its network changes
    await b.until(more(before + 60))
    assert (await ways(a))[0]["from"] == f"{AFTER}.2"
    # The same connection: nothing was closed, and nobody else had to be told.
    assert not any(isinstance(one, ConnectionChanged) and one.state is ConnectionState.CLOSED for one in changes)
    assert len(b.offers) == offers

    # What it receives comes by a connection that the worker offers: it asks for a new one.
    await a.page.evaluate("S.sub.close(); S.sub = null")
    await a.subscribe()
    await a.until(more(60))
    assert {way["from"] for way in await ways(a)} == {f"{AFTER}.2"}
