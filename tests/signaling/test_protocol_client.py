"""Two clients written from docs/protocol.md alone hold a consult over the real server and a real media worker."""

from __future__ import annotations

import asyncio
import fractions
import math
import sqlite3
from collections.abc import Iterator

import pytest
from aiortc.mediastreams import MediaStreamTrack, VideoStreamTrack
from av import AudioFrame
from playwright.async_api import Browser

from tests.conftest import free_port
from tests.e2e.conftest import browser as browser  # fixtures, asked for by name
from tests.e2e.conftest import camera as camera
from tests.e2e.conftest import chromium as chromium
from tests.e2e.people import signed_in
from tests.e2e.server import DemoServer
from tests.protocol_client import ProtocolClient, Refused, connected, hold_consult

DOCTOR, SPECIALIST = "bs.bao", "bs.thuha"
RATE = 48_000
SAMPLES = RATE // 50


class Tone(MediaStreamTrack):
    """440 Hz at half loudness, in frames of 20 ms."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._frames = 0
        self._began = 0.0

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        self._began = self._began or loop.time()
        await asyncio.sleep(max(0.0, self._began + self._frames * 0.02 - loop.time()))
        first = self._frames * SAMPLES
        self._frames += 1
        samples = (int(16_000 * math.sin(2 * math.pi * 440 * (first + n) / RATE)) for n in range(SAMPLES))
        frame = AudioFrame(format="s16", layout="mono", samples=SAMPLES)
        frame.planes[0].update(b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples))
        frame.sample_rate, frame.pts, frame.time_base = RATE, first, fractions.Fraction(1, RATE)
        return frame


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    running = DemoServer(tmp_path_factory.mktemp("protocol") / "var", free_port())
    yield running
    running.stop()


def stroke(server: DemoServer) -> str:
    """The id of the specialty, which a person's page knows."""
    with sqlite3.connect(server.var / "hoichan.db") as database:
        found = database.execute("SELECT id FROM specialties WHERE code = 'than_kinh_dot_quy'").fetchone()
    return str(found[0])


async def asked(server: DemoServer, doctor: ProtocolClient) -> str:
    request = await doctor.call(
        "request_consult",
        specialty_id=stroke(server),
        urgency="emergency",
        idempotency_key=f"key-{id(doctor)}",
        age_years=60,
        question={"situation": "Yếu nửa người phải"},
    )
    return str(request["consult_id"])


@pytest.mark.timeout(120)
async def test_two_clients_of_the_page_see_and_hear_each_other(server: DemoServer) -> None:
    people = server.people()
    async with connected(server.url, DOCTOR, people[DOCTOR].password) as doctor:
        consult_id = await asked(server, doctor)
        held = asyncio.create_task(
            hold_consult(
                server.url,
                SPECIALIST,
                people[SPECIALIST].password,
                consult_id=consult_id,
                accept=True,
                say="Tôi thấy bệnh nhân.",
                within_s=60,
            )
        )
        await doctor.wait_for("consult", consult_id=consult_id, state="claimed")
        joined = await doctor.join(consult_id)
        assert joined["role"] == "requester"
        await doctor.subscribe()
        await doctor.publish(Tone(), VideoStreamTrack())
        specialist = await held
        from_doctor = specialist.heard[doctor.participant_id]
        assert from_doctor.video_frames >= 60
        assert (640, 480) in from_doctor.sizes
        assert from_doctor.audio_energy > 100
        await doctor.decoded(specialist.participant_id, video=10, audio=10)
        assert (await doctor.wait_for("chat"))["text"] == "Tôi thấy bệnh nhân."
        assert specialist.kinds.count("claimed") == 1
        assert "first_frame" in specialist.kinds
        assert specialist.numbers == sorted(set(specialist.numbers))
        async with asyncio.timeout(10):
            while "left" not in [entry["kind"] for entry in doctor.entries]:
                await asyncio.sleep(0.05)
        numbers = [entry["number"] for entry in doctor.entries]
        assert numbers == list(range(1, len(numbers) + 1))

        async with connected(server.url, SPECIALIST, people[SPECIALIST].password) as back:
            await back.join(consult_id)
            await back.call("end_consult", consult_id=consult_id)
            await doctor.wait_for("consult", consult_id=consult_id, state="ended")


async def test_a_wrong_password_is_refused_as_the_page_says(server: DemoServer) -> None:
    client = ProtocolClient(server.url)
    with pytest.raises(Refused) as refused:
        await client.sign_in(DOCTOR, "sai mật khẩu")
    assert refused.value.code == "sign_in.wrong"
    with pytest.raises(Refused) as refused:
        await client.connect()
    assert refused.value.code == "session.needed"
    await client.close()


@pytest.mark.asyncio(loop_scope="session")  # in which the browser lives
@pytest.mark.timeout(120)
async def test_a_client_of_the_page_receives_a_chromiums_picture_and_sound(
    browser: Browser, server: DemoServer
) -> None:
    people = server.people()
    async with signed_in(browser, server, DOCTOR) as doctor:
        consult_id = await doctor.call_emergency(stroke(server), "Yếu nửa người phải", age="60")
        held = asyncio.create_task(
            hold_consult(
                server.url,
                SPECIALIST,
                people[SPECIALIST].password,
                consult_id=consult_id,
                accept=True,
                video_frames=90,
                audio_frames=250,
                within_s=60,
            )
        )
        await doctor.in_room()
        await doctor.sees_other(30)
        outcome = await held
        (from_chromium,) = outcome.heard.values()
        assert from_chromium.video_frames >= 90
        assert from_chromium.audio_energy > 1  # the fake microphone beeps once a second
        assert doctor.errors == []
