"""`hoichan run` as people and machines meet it: its first words, its first person, its signals, its worker's death."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import sqlite3
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import aiohttp
import pytest

from hoichan import demo
from tests.conftest import free_port
from tests.hoichan.program import Program, alive, hoichan
from tests.protocol_client import ProtocolClient, Refused, connected
from tests.seeded import copied_demo

DOCTOR, SPECIALIST = "bs.bao", "bs.thuha"


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serving")


@pytest.fixture(scope="module")
def running(var: Path) -> Iterator[Program]:
    """A demo, which these tests share; the tests that kill its parts leave it whole."""
    copied_demo(var / "var")
    program = Program(var, "demo", "run", "--demo", var=var / "var", port=free_port(), log_level="DEBUG")
    program.until_ready()
    yield program
    program.end()


def passwords(var: Path) -> dict[str, str]:
    entries = json.loads((var / "var" / "demo-sign-ins.json").read_text(encoding="utf-8"))
    return {entry["user_name"]: entry["password"] for entry in entries}


def test_it_prints_its_address_and_the_sign_ins(running: Program, var: Path) -> None:
    known = passwords(var)
    assert f"Hoichan: {running.url}" in running.out
    assert str(var / "var" / "demo-sign-ins.json") in running.out
    assert "private window" in running.out
    for user_name in (DOCTOR, SPECIALIST):
        [line] = [line for line in running.out.splitlines() if user_name in line.split()]
        assert known[user_name] in line.split()


async def test_its_page_shows_the_sign_ins_and_says_demo(running: Program, var: Path) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{running.url}/sign-in") as answer:
        page = await answer.text()
    assert passwords(var)[DOCTOR] in page
    assert 'class="demo"' in page


async def test_logs_name_no_patient_and_no_password(running: Program, var: Path) -> None:
    """A consult with a name and a number in its question and chat, and a page and a request that fail with them."""
    citizen, known = demo.citizens(date(2026, 11, 23))[0], passwords(var)
    told = f"{citizen.name}, CCCD {citizen.cccd}, BHYT {citizen.bhyt}"
    with sqlite3.connect(var / "var" / "hoichan.db") as database:
        [specialty] = database.execute("SELECT id FROM specialties WHERE code = 'than_kinh_dot_quy'").fetchone()
    async with (
        connected(running.url, DOCTOR, known[DOCTOR]) as doctor,
        connected(running.url, SPECIALIST, known[SPECIALIST]) as specialist,
    ):
        request = {"specialty_id": specialty, "urgency": "emergency", "question": {"situation": told}}
        asked = await doctor.call("request_consult", idempotency_key=secrets.token_hex(8), **request)
        consult_id = await specialist.accept(asked["consult_id"])
        await doctor.join(consult_id)
        await specialist.join(consult_id)
        await specialist.say(f"Tôi thấy {told}")
        assert told in (await doctor.wait_for("chat"))["text"]
        with pytest.raises(Refused):
            await doctor.call("request_consult", idempotency_key=told, **request)
        await specialist.call("end_consult", consult_id=consult_id)
        with pytest.raises(Refused):
            await ProtocolClient(running.url).sign_in(DOCTOR, known[DOCTOR] + "x")
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {citizen.cccd}"}) as http:
            for path in (f"/patients?q={citizen.cccd}", f"/api/v1/requests/{citizen.cccd}", f"/{citizen.cccd}"):
                await (await http.get(running.url + path)).read()
            await (await http.post(f"{running.url}/api/v1/requests", json={"patient": told})).read()
    assert len(running.log) > 100, "something is logged at all"
    for word in (citizen.name, citizen.cccd, str(citizen.bhyt), "hoichan_session=", *known.values()):
        assert word not in running.log, word


def test_a_killed_worker_is_missed_and_replaced(running: Program) -> None:
    [worker] = running.children()
    os.kill(worker, signal.SIGKILL)
    seen: list[int] = []

    def again() -> bool:
        status, parts = running.readiness()
        if not seen or seen[-1] != status:
            seen.append(status)
            assert status == 200 or parts == {"database": True, "bus": True, "media": False, "audit_chain": True}
        return 503 in seen and status == 200

    running.until(again, within_s=PATIENCE_S)
    [replacement] = running.children()
    assert replacement != worker
    assert not alive(worker)


def test_a_killed_server_takes_its_worker_along(running: Program, var: Path) -> None:
    [worker] = running.children()
    port = running.port
    running.process.kill()
    running.process.wait()
    began = time.monotonic()
    while alive(worker):
        assert time.monotonic() - began < 3, "the worker outlived its parent"
        time.sleep(0.02)
    again = Program(var, "again", "run", "--demo", var=var / "var", port=port)
    try:
        again.until_ready()
        assert re.findall(rf"{re.escape(DOCTOR)}\s+(\S+)", again.out) == [passwords(var)[DOCTOR]]
    finally:
        assert again.end() == 0


PATIENCE_S = 20.0
"""On an idle machine the worker is back in 2 s; tests run beside each other on small ones."""
START_S = 60.0
"""The same for a whole start: 1 s, or a demo's 8 s."""


def test_a_free_port_is_told_and_sigterm_stops_it_cleanly(tmp_path: Path) -> None:
    """Ctrl-C ends every server of these tests, and they ask for the same status."""
    program = Program(tmp_path, "run", "run", var=tmp_path / "var", port=0)
    program.until(lambda: "Hoichan: http" in program.out, within_s=START_S)
    told = re.search(r"Hoichan: http://127\.0\.0\.1:(\d+) ", program.out)
    assert told
    assert int(told[1]) > 0
    program.port = int(told[1])
    program.until_ready()
    [worker] = program.children()
    began = time.monotonic()
    assert program.end(signal.SIGTERM) == 0
    assert time.monotonic() - began < 5
    assert not alive(worker)
    assert "Traceback" not in program.log
    assert "ERROR" not in program.log
    assert not (tmp_path / "var" / "hoichan.db-wal").exists(), "the database was closed, and nobody has opened it again"


@pytest.mark.chaos
def test_sigterm_stops_a_start_at_whatever_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some moments of a first start: at once, in the migration and in the seeding. Each next one goes on from there."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    for moment, sign in enumerate(("tmp/hoichan-*", "var/hoichan.db-wal", "var/demo-sign-ins.json")):
        program = Program(tmp_path, f"start{moment}", "run", "--demo", var=tmp_path / "var", port=free_port())
        try:
            program.until(lambda: list(tmp_path.glob("tmp/hoichan-*")), within_s=START_S)  # from here it has begun
            program.until(lambda sign=sign: list(tmp_path.glob(sign)), within_s=START_S)
        finally:
            status = program.end(signal.SIGTERM, within_s=START_S)
        assert status == 0, program.log
        assert "Traceback" not in program.log
        assert list((tmp_path / "tmp").glob("hoichan-*")) == []


async def test_the_first_person_of_an_empty_installation(tmp_path: Path) -> None:
    settings = {"var": tmp_path / "var", "port": free_port()}
    program = Program(tmp_path, "empty", "run", **settings)
    try:
        program.until_ready()
        assert "sign-ins" not in program.out
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
            async with http.get(f"{program.url}/sign-in") as answer:
                page = await answer.text()
                assert answer.status == 200
            assert 'class="demo"' not in page
            assert "demo-list" not in page
            person = ("--user-name", "qt.dau", "--full-name", "Q. T. Đầu")
            place = ("--facility-code", "51001", "--facility-name", "Bệnh viện đa khoa tỉnh")
            created = hoichan("staff", "create-admin", *person, *place, **settings)
            assert created.returncode == 0, created.stderr
            password = created.stdout.strip()
            assert password not in created.stderr

            async def post(path: str, **fields: str) -> tuple[int, str, str]:
                [token] = re.findall(r'name="csrf" value="([^"]+)"', page)[:1] or [""]
                data = {"csrf": token, **fields}
                headers = {"Origin": program.url}
                async with http.post(program.url + path, data=data, headers=headers, allow_redirects=False) as answer:
                    return answer.status, answer.headers.get("Location", ""), await answer.text()

            assert (await post("/sign-in", user_name="qt.dau", password=password + "x"))[0] in (401, 422, 429)
            status, where, _ = await post("/sign-in", user_name="qt.dau", password=password)
            assert status == 303
            async with http.get(program.url + where) as answer:
                page = await answer.text()
                assert answer.status == 200
                assert "password" in str(answer.url), "a first password is changed before anything else"
        assert password not in program.log
    finally:
        assert program.end() == 0
