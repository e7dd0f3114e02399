"""A consult in which no browser may use anything but the relay that its join told it of: the whole chain, from the
settings through the join to coturn and the worker, in real pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.async_api import Browser

from tests.conftest import free_port
from tests.e2e.people import signed_in
from tests.e2e.server import DemoServer
from tests.e2e.test_consult import STROKE
from tests.media.turn_server import SECRET, TurnServer

RELAY_ONLY = """
const Real = window.RTCPeerConnection;
window.peers = [];
window.RTCPeerConnection = class extends Real {
  constructor(settings) {
    super({ ...settings, iceTransportPolicy: "relay" });
    window.peers.push(this);
  }
};
"""
WAYS = """async () => Promise.all(
  window.peers.filter((peer) => peer.connectionState === "connected").map(async (peer) => {
    const all = await peer.getStats();
    const transport = [...all.values()].find((one) => one.type === "transport");
    const local = all.get(all.get(transport.selectedCandidatePairId).localCandidateId);
    return `${local.candidateType} ${local.relayProtocol}`;
  }))"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    """An installation whose only relay is reached by TCP."""
    folder = tmp_path_factory.mktemp("relay")
    secret = folder / "shared"
    secret.write_text(SECRET + "\n")  # as an editor leaves it
    with ExitStack() as stack:
        turn = TurnServer(folder, "127.0.0.1", free_port(), free_port(), ["127.0.0.1"], "--allow-loopback-peers")
        stack.callback(turn.stop)
        running = DemoServer(
            folder / "var",
            free_port(),
            HOICHAN_TURN_URLS=f"turn:127.0.0.1:{turn.port}?transport=tcp",
            HOICHAN_TURN_SECRET_FILE=str(secret),
        )
        stack.callback(running.stop)
        yield running


async def test_a_consult_by_the_relay_alone(browser: Browser, server: DemoServer) -> None:
    async with signed_in(browser, server, "bs.thuha") as specialist, signed_in(browser, server, "bs.bao") as doctor:
        for person in (specialist, doctor):
            await person.context.add_init_script(RELAY_ONLY)
        await doctor.call_emergency(await doctor.specialty_id(STROKE), "Yếu nửa người phải")
        await specialist.go("/")
        await specialist.accept()
        await doctor.in_room()
        for person in (specialist, doctor):
            await person.sees_other()
            assert await person.hears_other() > 0.01
            assert await person.page.evaluate(WAYS) == ["relay tcp"] * 2
            assert person.errors == []
