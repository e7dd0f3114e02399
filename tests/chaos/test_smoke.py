"""A minute of bad luck: the media worker dies again and again under a call, and consult follows consult."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.hoichan.program import Program
from tests.protocol_client import Heard, ProtocolClient, connected

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]

DOCTOR, SPECIALIST = "bs.bao", "bs.thuha"
KILLS = 5
CONSULTS = 30
AGAIN_S = 30.0
"""Time to see and hear each other again after the worker died; a client asks again after 1, 2, 4 … s."""


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chaos")


@pytest.fixture(scope="module")
def running(var: Path) -> Iterator[Program]:
    program = Program(var, "demo", "run", "--demo", var=var / "var", port=free_port())
    program.until_ready()
    yield program
    assert program.end() == 0
    assert "Traceback" not in program.log


@pytest.fixture
async def pair(running: Program, var: Path) -> AsyncIterator[tuple[ProtocolClient, ProtocolClient]]:
    """The doctor and the specialist, connected."""
    entries = json.loads((var / "var" / "demo-sign-ins.json").read_text(encoding="utf-8"))
    known = {entry["user_name"]: entry["password"] for entry in entries}
    async with AsyncExitStack() as stack:
        people = [
            await stack.enter_async_context(connected(running.url, name, known[name])) for name in (DOCTOR, SPECIALIST)
        ]
        yield people[0], people[1]


async def claimed(var: Path, doctor: ProtocolClient, specialist: ProtocolClient) -> str:
    """A new emergency that the specialist took, with both in its room."""
    with sqlite3.connect(var / "var" / "hoichan.db") as database:
        [specialty] = database.execute("SELECT id FROM specialties WHERE code = 'than_kinh_dot_quy'").fetchone()
    asked = await doctor.call(
        "request_consult", specialty_id=specialty, urgency="emergency", idempotency_key=secrets.token_hex(8)
    )
    consult_id = await specialist.accept(asked["consult_id"])
    await asyncio.gather(doctor.join(consult_id), specialist.join(consult_id))
    return consult_id


def frames(heard: Heard | None) -> tuple[int, int]:
    return (0, 0) if heard is None else (heard.video_frames, heard.audio_frames)


async def sees_and_hears(one: ProtocolClient, other: ProtocolClient) -> None:
    """Wait until 10 frames of picture and 20 of sound more than now have been decoded."""
    video, audio = frames(one.heard.get(other.participant_id))
    await one.decoded(other.participant_id, video=video + 10, audio=audio + 20, within_s=AGAIN_S)


async def test_a_call_outlives_its_worker_again_and_again(
    running: Program, var: Path, pair: tuple[ProtocolClient, ProtocolClient]
) -> None:
    doctor, specialist = pair
    consult_id = await claimed(var, doctor, specialist)
    for person in pair:
        await person.publish()
        await person.subscribe()
    for number in range(KILLS):
        await asyncio.gather(sees_and_hears(doctor, specialist), sees_and_hears(specialist, doctor))
        lost = [sum(name == "media_lost" for name, _ in person.events) for person in pair]
        assert lost == [number, number]
        [worker] = running.children()
        os.kill(worker, signal.SIGKILL)
        async with asyncio.timeout(AGAIN_S):
            for person in pair:
                while sum(name == "media_lost" for name, _ in person.events) == number:
                    await asyncio.sleep(0.05)
    await asyncio.gather(sees_and_hears(doctor, specialist), sees_and_hears(specialist, doctor))
    await specialist.call("end_consult", consult_id=consult_id)
    await doctor.wait_for("consult", consult_id=consult_id, state="ended")
    assert "left" not in [entry["kind"] for entry in doctor.entries], "nobody left the room for all that"


async def test_thirty_consults_in_a_row(
    running: Program, var: Path, pair: tuple[ProtocolClient, ProtocolClient]
) -> None:
    doctor, specialist = pair
    held = set()
    for number in range(CONSULTS):
        doctor.entries.clear()  # of the consult before
        consult_id = await claimed(var, doctor, specialist)
        await specialist.say(f"Ca thứ {number}")
        await doctor.wait_for("chat", consult_id=consult_id, text=f"Ca thứ {number}")
        await specialist.call("end_consult", consult_id=consult_id)
        await doctor.wait_for("consult", consult_id=consult_id, state="ended")
        numbers = [entry["number"] for entry in doctor.entries]
        assert numbers == list(range(1, len(numbers) + 1)), "each entry once and in order"
        held.add(consult_id)
    assert len(held) == CONSULTS
    assert running.readiness() == (200, {"database": True, "bus": True, "media": True, "audit_chain": True})
