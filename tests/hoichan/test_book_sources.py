"""`hoichan run` with another system's books: merged over HTTP, failing by day, and told by `hoichan book sources`."""

from __future__ import annotations

import asyncio
import html
import json
import re
import secrets
import sqlite3
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from joserfc.jwk import ECKey

from hoichan import demo
from tests.conftest import free_port
from tests.hoichan.program import Program, hoichan, invoke
from tests.protocol_client import connected
from tests.records_panel.hospital import Hospital, of, person, running, saying
from tests.records_panel.samples import allergy, drug
from tests.seeded import copied_demo

DOCTOR, SPECIALIST = "bs.bao", "bs.thuha"
CITIZEN = demo.citizens(date(2026, 11, 23))[0]
REACH = {"fetch_networks": "127.0.0.0/8", "fetch_plain_hosts": "127.0.0.1"}


@pytest.fixture
async def hospital() -> AsyncIterator[Hospital]:
    patient = person(number=str(CITIZEN.cccd), name=[{"text": CITIZEN.name}], birthDate=CITIZEN.birth_date.isoformat())
    theirs = [patient, of(allergy("Latex của bệnh viện", "high")), of(drug("Warfarin của bệnh viện", dose="5 mg"))]
    async with running(Hospital(theirs, key=ECKey.generate_key("P-384"))) as started:
        yield started


def sources(folder: Path, hospital: Hospital) -> Path:
    """The file of an administrator: a hospital with a key, and one that is away."""
    assert hospital.key is not None
    (folder / "key.pem").write_bytes(hospital.key.as_pem(private=True))
    file = folder / "sources.toml"
    file.write_text(
        f"""
        [[source]]
        id = "songtra"
        name = "BV Sông Trà"
        base = "{hospital.base}"
        [source.auth]
        client_id = "hoichan"
        key_file = "{folder / "key.pem"}"

        [[source]]
        id = "tinh"
        name = "Sổ tỉnh"
        base = "http://127.0.0.1:1/fhir"
        """,
        encoding="utf-8",
    )
    return file


def words(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert found, page[:2000]
    return html.unescape(found[1])


async def test_a_source_stands_in_the_panel_beside_the_own_book(tmp_path: Path, hospital: Hospital) -> None:
    var = copied_demo(tmp_path / "var")
    settings: dict[str, Any] = {"var": var, "sources_file": sources(tmp_path, hospital), **REACH}
    program = Program(tmp_path, "demo", "run", "--demo", port=free_port(), **settings)
    try:
        await asyncio.to_thread(program.until_ready)
        entries = json.loads((tmp_path / "var" / "demo-sign-ins.json").read_text(encoding="utf-8"))
        known = {entry["user_name"]: entry["password"] for entry in entries}
        with sqlite3.connect(tmp_path / "var" / "hoichan.db") as database:
            [specialty] = database.execute("SELECT id FROM specialties WHERE code = 'than_kinh_dot_quy'").fetchone()
        async with (
            connected(program.url, DOCTOR, known[DOCTOR]) as doctor,
            connected(program.url, SPECIALIST, known[SPECIALIST]) as specialist,
            aiohttp.ClientSession(cookies=_cookie(doctor)) as http,
        ):
            request = {"specialty_id": specialty, "urgency": "emergency", "question": {"situation": "Yếu nửa người"}}
            asked = await doctor.call("request_consult", idempotency_key=secrets.token_hex(8), **request)
            consult_id = await specialist.accept(asked["consult_id"])
            await _identify(http, program.url, consult_id)
            page = await _book(http, program.url, consult_id)
            assert "Latex của bệnh viện" in page
            assert "Warfarin của bệnh viện" in page
            assert "Chưa lấy đủ từ" not in page
            assert "Không lấy được gì từ Sổ tỉnh: " in page
            assert "BV Sông Trà: lấy lúc" in page
            assert "Sổ sức khỏe của hệ thống này: lấy lúc" in page
            hospital.faults["AllergyIntolerance"] = saying(500)
            page = await _book(http, program.url, consult_id)
            assert "Chưa lấy đủ từ BV Sông Trà: Dị ứng (báo lỗi từ phía họ)" in page
            assert "Warfarin của bệnh viện" in page
        assert not any(str(CITIZEN.cccd) in path for path in hospital.paths())
        assert str(CITIZEN.cccd) not in program.log
        assert CITIZEN.name not in program.log
        assert "source tinh: unreachable" in program.log
    finally:
        program.end()


def _cookie(client: Any) -> dict[str, str]:
    name, _, value = client._cookie.partition("=")
    return {name: value}


async def _identify(http: aiohttp.ClientSession, url: str, consult_id: str) -> None:
    async with http.get(f"{url}/consults/{consult_id}/book") as answer:
        page = await answer.text()
    csrf, headers = field(page, "csrf"), {"Origin": url, "X-Fragment": "1"}
    form = {"csrf": csrf, "number": str(CITIZEN.cccd)}
    async with http.post(f"{url}/patients/search", data=form, headers=headers) as answer:
        patient_id = field(await answer.text(), "patient_id")
    born = CITIZEN.birth_date.strftime("%d/%m/%Y")
    form = {"csrf": csrf, "patient_id": patient_id, "number": str(CITIZEN.cccd), "birth_date": born}
    async with http.post(f"{url}/consults/{consult_id}/identity", data=form, headers=headers) as answer:
        assert answer.status == 200, await answer.text()


async def _book(http: aiohttp.ClientSession, url: str, consult_id: str) -> str:
    async with http.get(f"{url}/consults/{consult_id}/book", headers={"X-Fragment": "1"}) as answer:
        assert answer.status == 200
        return words(await answer.text())


async def test_the_check_tells_which_source_answers(tmp_path: Path, hospital: Hospital) -> None:
    settings: dict[str, Any] = {"var": tmp_path / "var", "sources_file": sources(tmp_path, hospital), **REACH}
    told = await asyncio.to_thread(hoichan, "book", "sources", **settings)
    assert told.returncode == 1, told.stderr
    lines = told.stdout.splitlines()
    assert lines[0] == f"songtra: BV Sông Trà, {hospital.base}"
    assert lines[1] == "  answers; FHIR 4.0.1; has no Patient/$summary"
    assert lines[2].startswith("  cannot be searched for CarePlan, Condition")
    assert lines[3] == "tinh: Sổ tỉnh, http://127.0.0.1:1/fhir"
    assert lines[4] == "  FAILED at its CapabilityStatement (metadata): it cannot be reached"
    assert str(CITIZEN.cccd) not in told.stdout + told.stderr
    hospital.faults["token"] = saying(401)
    again = await asyncio.to_thread(invoke, "book", "sources", **settings)
    assert "FAILED at a token (SMART Backend Services): it does not let this system in (HTTP 401)" in again.stdout


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('[[source]]\nid = "a"\n', "source.0.name"),
        ('[[source]]\nid = "a"\nname = "A"\nbase = "https://a.vn"\nca_file = "/nothing"\n', "/nothing"),
        (
            '[[source]]\nid = "a"\nname = "A"\nbase = "https://a.vn"\n'
            '[source.auth]\nclient_id = "h"\nkey_file = "sources.toml"\n',
            "cannot be read",
        ),
    ],
)
def test_a_mistake_in_the_file_ends_the_program_with_its_place(tmp_path: Path, content: str, told: str) -> None:
    file = tmp_path / "sources.toml"
    file.write_text(content)
    result = invoke("book", "sources", var=tmp_path / "var", sources_file=file)
    assert result.exit_code == 1
    assert told in result.output
    assert "Traceback" not in result.output
