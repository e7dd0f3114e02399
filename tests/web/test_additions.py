"""Adding to a book from the room: forms and files by HTTP, and what comes back, as the room's script speaks."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from aiohttp import ClientResponse, FormData

from consult_rooms.model import Consult
from foundation.clock import FakeClock
from foundation.ids import ConsultId
from tests.foundation.test_files import PDF, picture
from tests.records_panel.conftest import LANH
from tests.web.clinic import Clinic, clinic, part
from tests.web.conftest import ORIGIN, PASSWORD, Browser

__all__ = ["clinic"]

JSON = {"Accept": "application/json"}
PRESSURE = {"kind": "vitals", "systolic": "178", "diastolic": "96", "oxygen": "95", "key": "a"}


async def taken(clinic: Clinic, *, known: bool = True) -> Consult:
    """A case that the specialist has taken, both in its room."""
    fields = {"patient": await clinic.proof()} if known else {}
    consult_id = await clinic.ask(situation="Yếu nửa người phải", **fields)
    consult = await clinic.world.answers.accept(clinic.expert, consult_id)
    for browser in (clinic.doctor, clinic.specialist):
        await browser.get(f"/consults/{consult_id}/room")
        assert browser.csrf
    return consult


async def send(browser: Browser, consult_id: str, fields: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    response = await browser.post(f"/consults/{consult_id}/additions", fields, headers=JSON)
    return response.status, json.loads(await response.text())


async def upload(
    browser: Browser, consult_id: str, content: bytes, *, token: bool = True, fields: dict[str, str] | None = None
) -> ClientResponse:
    form = FormData()
    for name, value in ({"key": "f", "description": "Bàn chân phải"} if fields is None else fields).items():
        form.add_field(name, value)
    form.add_field("file", content, filename="../../<b>.jpg", content_type="text/html")
    headers = {"Origin": ORIGIN, **JSON} | ({"X-CSRF-Token": browser.csrf} if token else {})
    path = f"/consults/{consult_id}/additions/file"
    return await browser.client.post(path, data=form, headers=headers, allow_redirects=False)


async def panel(browser: Browser, consult_id: str) -> str:
    _, text = await part(browser, f"/consults/{consult_id}/book")
    return text


async def test_the_other_side_reads_what_was_added_marked_new(clinic: Clinic, clock: FakeClock) -> None:
    consult = await taken(clinic)
    status, answer = await send(clinic.doctor, consult.id, PRESSURE)
    assert status == 201
    theirs, own = await panel(clinic.specialist, consult.id), await panel(clinic.doctor, consult.id)
    assert "HA 178/96 mmHg · SpO₂ 95 %" in theirs
    assert "BS. Lê Quốc Bảo, Trạm Y tế đảo Hòn Mây" in theirs
    assert f'data-addition="{answer["id"]}" data-kind="vitals" data-new' in theirs
    assert f'data-withdraw="{answer["id"]}"' not in theirs
    assert "data-new" not in own, "what one wrote oneself is no news"
    assert f'data-withdraw="{answer["id"]}"' in own
    assert re.search(r'<span class="value">178/96', theirs), "and it stands among the vital signs"
    clock.advance(600)
    assert "data-new" not in await panel(clinic.specialist, consult.id)


async def test_an_unusual_value_is_asked_about_once(clinic: Clinic) -> None:
    consult = await taken(clinic)
    odd = PRESSURE | {"oxygen": "71", "temperature": "42,5"}
    status, answer = await send(clinic.doctor, consult.id, odd)
    assert (status, answer["code"]) == (409, "addition.unusual")
    assert "SpO₂ 71 %, " in answer["detail"]
    assert "42,5 °C" in answer["detail"]
    assert (await send(clinic.doctor, consult.id, odd | {"confirmed": "1"}))[0] == 201


async def test_what_cannot_be_is_refused_beside_its_field(clinic: Clinic) -> None:
    consult = await taken(clinic)
    status, answer = await send(clinic.doctor, consult.id, PRESSURE | {"oxygen": "950"})
    assert (status, answer["code"], answer["field"]) == (422, "addition.impossible", "oxygen")
    status, answer = await send(clinic.doctor, consult.id, {"kind": "result", "test": "Kali", "key": "r"})
    assert (status, answer["code"], answer["field"]) == (422, "text.empty", "value")
    status, answer = await send(clinic.doctor, consult.id, {name: PRESSURE[name] for name in PRESSURE if name != "key"})
    assert (status, answer["code"]) == (422, "key.unusable")


async def test_a_result_with_its_range(clinic: Clinic) -> None:
    consult = await taken(clinic)
    fields = {"kind": "result", "test": "<b>Kali</b>", "value": "6,1", "unit": "mmol/L", "low": "3,5", "high": "5"}
    assert (await send(clinic.specialist, consult.id, fields | {"key": "r"}))[0] == 201
    raw = await (await clinic.doctor.get(f"/consults/{consult.id}/book", headers={"X-Fragment": "1"})).text()
    assert "&lt;b&gt;Kali&lt;/b&gt; 6,1 mmol/L (3,5–5)" in raw
    assert "<b>Kali" not in raw


async def test_a_retry_after_a_lost_answer_is_the_same(clinic: Clinic) -> None:
    consult = await taken(clinic)
    answers = [await send(clinic.doctor, consult.id, PRESSURE) for _ in range(3)]
    assert len({answer["id"] for _, answer in answers}) == 1
    files = [await upload(clinic.doctor, consult.id, picture()) for _ in range(2)]
    assert len({(await response.json())["id"] for response in files}) == 1
    assert (await panel(clinic.specialist, consult.id)).count("data-addition=") == 2


async def test_a_photograph_comes_back_to_whom_the_book_is_open(clinic: Clinic) -> None:
    consult = await taken(clinic)
    response = await upload(clinic.doctor, consult.id, picture(place=True))
    assert response.status == 201
    page = await panel(clinic.specialist, consult.id)
    assert "Bàn chân phải" in page
    small, full = re.findall(rf"/consults/{consult.id}/files/fil_[0-9a-f]+", page)[::-1][:2]
    for path in (small, full):
        response = await clinic.specialist.client.get(path)
        assert (response.status, response.content_type) == (200, "image/jpeg")
        headers = response.headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert headers["Cache-Control"] == "no-store"
        assert re.fullmatch(r'attachment; filename="hoichan-[0-9a-f]{8}\.jpg"', headers["Content-Disposition"])
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        content = await response.read()
        assert content.startswith(b"\xff\xd8")
        assert b"SecretCameraMaker" not in content
    stranger = await clinic.site.browser()
    await stranger.sign_in("dd.hoa")
    assert (await stranger.get(full, headers=JSON)).status == 404
    assert (await clinic.specialist.get(full[:-1] + ("0" if full[-1] != "0" else "1"), headers=JSON)).status == 404


async def test_a_document_is_a_download(clinic: Clinic) -> None:
    consult = await taken(clinic)
    paper = PDF + bytes(1_500_000)  # more than a form may have
    assert (await upload(clinic.doctor, consult.id, paper)).status == 201
    page = await panel(clinic.specialist, consult.id)
    found = re.search(r'<a href="([^"]+)" download>Bàn chân phải \(PDF\)</a>', page)
    assert found
    response = await clinic.specialist.client.get(found[1])
    assert response.content_type == "application/pdf"
    assert response.headers["Content-Disposition"].endswith('.pdf"')
    assert await response.read() == paper


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"<svg onload=alert(1)>", 422, "file.kind"),
        (b"", 422, "file.empty"),
        (b"%PDF-" + bytes(2 * 1024 * 1024), 422, "file.too_large"),
        (b"%PDF-" + bytes(3 * 1024 * 1024), 422, "file.too_large"),
    ],
)
async def test_a_file_that_is_refused(clinic: Clinic, content: bytes, status: int, code: str) -> None:
    consult = await taken(clinic)
    response = await upload(clinic.doctor, consult.id, content)
    assert (response.status, (await response.json())["code"]) == (status, code)
    assert "data-addition" not in await panel(clinic.doctor, consult.id)


async def test_an_upload_needs_the_token_and_sound_parts(clinic: Clinic) -> None:
    consult = await taken(clinic)
    assert (await upload(clinic.doctor, consult.id, PDF, token=False)).status in (403, 413)
    path = f"/consults/{consult.id}/additions/file"
    headers = {"Origin": ORIGIN, "X-CSRF-Token": clinic.doctor.csrf, **JSON}
    for kind, body in (
        ("application/octet-stream", PDF),
        ("multipart/form-data", PDF),
        ("multipart/form-data; boundary=x", b"--x\r\nnot a part"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nf\r\n--x--'),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\n' + b"k" * 100_000 + b"\r\n--x--",
        ),
    ):
        response = await clinic.doctor.client.post(path, data=body, headers=headers | {"Content-Type": kind})
        assert response.status == 422, (kind, body[:40])
    assert "data-addition" not in await panel(clinic.doctor, consult.id)


async def test_strangers_and_observers_add_nothing(clinic: Clinic) -> None:
    consult = await taken(clinic)
    stranger = await clinic.site.browser()
    await stranger.sign_in("dd.hoa")
    assert (await send(stranger, consult.id, PRESSURE))[0] == 404
    assert (await upload(stranger, consult.id, PDF)).status == 404
    coordinator = await clinic.site.browser()
    await coordinator.sign_in("dp.khue")
    status, answer = await send(coordinator, consult.id, PRESSURE)
    assert (status, answer["code"]) == (403, "addition.denied")
    assert (await send(clinic.doctor, ConsultId("con_" + "0" * 32), PRESSURE))[0] == 404


async def test_what_was_added_before_the_identity_moves_with_it(clinic: Clinic) -> None:
    consult = await taken(clinic, known=False)
    assert (await send(clinic.doctor, consult.id, PRESSURE))[0] == 201
    page = await panel(clinic.specialist, consult.id)
    assert "HA 178/96 mmHg" in page
    assert "data-new" in page
    (patient_id,) = await clinic.records.add(LANH)
    fields = {"patient_id": patient_id, "name": LANH.name, "birth_date": f"{LANH.birth_date:%d/%m/%Y}"}
    response, text = await part(clinic.doctor, f"/consults/{consult.id}/identity", fields)
    assert response.status == 200
    assert '<span class="value">178/96' in text


async def test_an_author_takes_back_an_error(clinic: Clinic) -> None:
    consult = await taken(clinic)
    _, answer = await send(clinic.doctor, consult.id, PRESSURE)
    path = f"/consults/{consult.id}/additions/{answer['id']}/withdraw"
    assert (await clinic.specialist.post(path, {}, headers=JSON)).status == 403
    assert (await clinic.doctor.post(path, {}, headers=JSON)).status == 200
    page = await panel(clinic.specialist, consult.id)
    assert "data-addition" not in page
    assert "178/96" not in page


async def test_an_emergency_opens_the_files_of_a_book_on_record(clinic: Clinic) -> None:
    consult = await taken(clinic)
    assert (await upload(clinic.doctor, consult.id, picture())).status == 201
    (small, full) = re.findall(
        rf"/consults/{consult.id}/files/(fil_[0-9a-f]+)", await panel(clinic.specialist, consult.id)
    )[::-1][:2]
    clinic.world.clock.advance(25 * 3600)
    await clinic.specialist.sign_in("bs.ha")
    path = f"/consults/{consult.id}/files/{full}"
    assert (await clinic.specialist.get(path)).status == 403
    await clinic.specialist.get(f"/consults/{consult.id}/emergency")
    opening = {"reason": "danger", "words": "Bệnh nhân quay lại vì khó thở", "password": PASSWORD}
    response, text = await part(clinic.specialist, f"/consults/{consult.id}/emergency", opening)
    assert (response.status, full in text) == (200, True)
    for file in (full, small):
        response = await clinic.specialist.get(f"/consults/{consult.id}/files/{file}")
        assert (response.status, response.headers["Content-Type"]) == (200, "image/jpeg")
    assert (await clinic.specialist.get(f"/consults/{consult.id}/files/fil_{'0' * 32}")).status == 404

    # Outside any consult by the book itself, whose papers lead there.
    doctor = await clinic.site.browser()
    await doctor.sign_in("bs.bao")
    await doctor.get("/emergency/patient")
    number = {"number": str(LANH.cccd), "birth_date": f"{LANH.birth_date:%d/%m/%Y}"}
    book = (await doctor.post("/emergency/patient", opening | number)).headers["Location"]
    _, papers = await part(doctor, f"{book}?tab=papers")
    outside = f"{book.removesuffix('/book')}/files/{full}"
    assert f'href="{outside}"' in papers
    assert (await doctor.get(outside)).status == 200
    assert (await clinic.specialist.get(outside)).status == 404
    trail = await clinic.records.trail()
    assert any(row.action == "book.read" and row.outcome == "denied" for row in trail)
    reads = [row for row in trail if row.action == "file.read" and row.outcome == "success"]
    assert [(row.details["purpose"], row.consult_id) for row in reads] == [
        *[("BTG", consult.id)] * 2,
        ("BTG", None),
    ]
    assert {row.target for row in reads} == {full, small}
