"""Attachments by the tus protocol 1.0.0 over a real server: broken lines, wrong offsets, sizes, types and people."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientResponse
from sqlalchemy import select

from consult_rooms.model import Consult
from consult_rooms.written_tables import upload_parts, uploads
from foundation.audit import audit_entries
from foundation.segments import SEGMENT
from tests.foundation.test_files import PDF, picture
from tests.web.conftest import ORIGIN, Browser
from tests.web.ward import Ward, ward

__all__ = ["ward"]

WEBM = bytes.fromhex("1a45dfa39f4286810142f7810142f2810442f381084282847765626d42878104") + b"voice" * 300_000
TUS = {"Tus-Resumable": "1.0.0", "Origin": ORIGIN}


@dataclass
class Sender:
    """A tus client by hand, so that it can do what a good one never does."""

    browser: Browser
    consult_id: str

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        return {name: text for name, text in (TUS | {"X-CSRF-Token": self.browser.csrf} | more).items() if text}

    async def create(self, length: int, client_id: str = "file-1", **more: str) -> ClientResponse:
        told = {
            "Upload-Length": str(length),
            "Upload-Metadata": f"client_id {base64.b64encode(client_id.encode()).decode()}",
        }
        path = f"/consults/{self.consult_id}/uploads"
        return await self.browser.client.post(path, headers=self._headers(told | more), allow_redirects=False)

    async def patch(self, where: str, offset: int, content: Any, **more: str) -> ClientResponse:
        told = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        return await self.browser.client.patch(where, data=content, headers=self._headers(told | more))

    async def break_off(self, where: str, arrives: bytes, told: int) -> None:
        """Promise `told` bytes, send some of them, and cut the line."""
        server = self.browser.client.server
        cookies = self.browser.client.session.cookie_jar.filter_cookies(server.make_url("/"))
        headers = self._headers({"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}) | {
            "Host": f"{server.host}:{server.port}",
            "Content-Length": str(told),
            "Cookie": "; ".join(f"{name}={cookie.value}" for name, cookie in cookies.items()),
        }
        _, writer = await asyncio.open_connection(str(server.host), server.port)
        head = "".join(f"{name}: {text}\r\n" for name, text in headers.items())
        writer.write(f"PATCH {where} HTTP/1.1\r\n{head}\r\n".encode() + arrives)
        await writer.drain()
        while await self.offset(where) < SEGMENT:
            await asyncio.sleep(0.01)
        writer.close()
        await writer.wait_closed()

    async def offset(self, where: str) -> int:
        response = await self.browser.client.head(where, headers=TUS)
        assert response.status == 200, response.status
        assert response.headers["Cache-Control"] == "no-store"
        return int(response.headers["Upload-Offset"])

    async def send(self, content: bytes, client_id: str = "file-1") -> ClientResponse:
        where = (await self.create(len(content), client_id)).headers["Location"]
        return await self.patch(where, 0, content)

    async def thread(self) -> list[dict[str, Any]]:
        response = await self.browser.client.get(f"/consults/{self.consult_id}/thread")
        return list(json.loads(await response.text())["entries"])


async def clinic_sender(ward: Ward) -> tuple[Consult, Sender]:
    consult = await ward.held(ended=False)
    for browser in (ward.doctor, ward.specialist, ward.coordinator, ward.stranger):
        await browser.get("/")
    return consult, Sender(ward.doctor, consult.id)


async def rows(ward: Ward, table: Any) -> list[Any]:
    async with ward.world.database.reading() as tx:
        return list((await tx.execute(select(table))).all())


async def test_a_line_that_breaks_goes_on_from_the_byte_that_arrived(ward: Ward) -> None:
    consult, sender = await clinic_sender(ward)
    created = await sender.create(len(WEBM))
    assert created.status == 201
    assert created.headers["Upload-Expires"].endswith("GMT")
    where = created.headers["Location"]
    cut = SEGMENT + 12_345

    await sender.break_off(where, WEBM[:cut], len(WEBM))
    while (arrived := await sender.offset(where)) == SEGMENT:
        await asyncio.sleep(0.01)
    assert SEGMENT < arrived <= cut, "what came after the last full segment is kept, too"
    assert (await sender.create(len(WEBM))).headers["Location"] == where, "the same file of the same person"
    assert await sender.thread() != []
    response = await sender.patch(where, arrived, WEBM[arrived:])
    assert (response.status, response.headers["Upload-Offset"]) == (204, str(len(WEBM)))
    [_, entry] = await sender.thread()
    assert (entry["attachment"]["kind"], entry["attachment"]["size"]) == ("audio/webm", len(WEBM))
    theirs = await ward.specialist.client.get(f"/consults/{consult.id}/attachments/{entry['attachment']['id']}")
    assert await theirs.read() == WEBM
    assert await rows(ward, upload_parts) == []
    assert await sender.offset(where) == len(WEBM), "who missed the answer hears that it is whole"
    assert len(await sender.thread()) == 2


async def test_a_voice_clip_is_given_out_in_ranges_never_shown_as_a_page_and_each_time_on_record(ward: Ward) -> None:
    consult, sender = await clinic_sender(ward)
    assert (await sender.send(WEBM)).status == 204
    file_id = (await sender.thread())[-1]["attachment"]["id"]
    path = f"/consults/{consult.id}/attachments/{file_id}"
    for asked, start, stop in (
        ("bytes=0-9", 0, 10),
        (f"bytes={SEGMENT - 2}-{SEGMENT + 1}", SEGMENT - 2, SEGMENT + 2),
        ("bytes=-5", len(WEBM) - 5, len(WEBM)),
        (f"bytes={len(WEBM) - 3}-", len(WEBM) - 3, len(WEBM)),
    ):
        response = await ward.specialist.client.get(path, headers={"Range": asked})
        assert (response.status, await response.read()) == (206, WEBM[start:stop])
        assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(WEBM)}"
    assert (await ward.specialist.client.get(path, headers={"Range": f"bytes={len(WEBM)}-"})).status == 416
    whole = await ward.specialist.client.get(path, headers={"Range": "bytes=0-1,5-6"})
    assert (whole.status, len(await whole.read())) == (200, len(WEBM))
    assert whole.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in whole.headers["Content-Security-Policy"]
    read = [row for row in await rows(ward, audit_entries) if row.action == "attachment.read"]
    assert {(row.actor, row.target, row.patient_id, row.outcome) for row in read} == {
        (ward.expert.id, file_id, ward.patient_id, "success")
    }
    assert len(read) == 6
    for browser in (ward.coordinator, ward.stranger):
        assert (await browser.client.get(path)).status in (403, 404)
        assert (await browser.client.get(f"/consults/{consult.id}/thread")).status in (403, 404)
    denied = [
        row for row in await rows(ward, audit_entries) if row.action == "attachment.read" and row.outcome == "denied"
    ]
    assert len(denied) == 2
    other = await ward.ask("another")
    assert (await ward.doctor.client.get(f"/consults/{other.id}/attachments/{file_id}")).status in (403, 404)


async def test_a_photograph_is_encoded_anew_and_has_a_small_twin(ward: Ward) -> None:
    consult, sender = await clinic_sender(ward)
    photo = picture(size=(900, 600), place=True)
    where = (await sender.create(len(photo))).headers["Location"]
    assert (await sender.patch(where, 0, photo[:30])).status == 204
    assert (await sender.patch(where, 30, photo[30:])).status == 204
    attached = (await sender.thread())[-1]["attachment"]
    assert (attached["kind"], attached["width"], attached["height"]) == ("image/jpeg", 900, 600)
    path = f"/consults/{consult.id}/attachments/{attached['id']}"
    content = await (await ward.specialist.client.get(path)).read()
    assert content.startswith(b"\xff\xd8")
    assert b"SecretCameraMaker" not in content
    small = await (await ward.specialist.client.get(f"{path}?small")).read()
    assert len(small) < len(content)
    page = await (await ward.specialist.client.get(f"/consults/{consult.id}")).text()
    assert path in page


@pytest.mark.parametrize(
    "content", [b"<html><script>alert(1)</script>" * 9, b"MZ" + bytes(200), b"\x89PNG\r\n\x1a\n" + bytes(300)]
)
async def test_what_is_no_picture_document_or_voice_is_refused_and_leaves_nothing(ward: Ward, content: bytes) -> None:
    _, sender = await clinic_sender(ward)
    response = await sender.send(content)
    assert (response.status, json.loads(await response.text())["code"].partition(".")[0]) == (422, "file")
    assert response.headers["Tus-Resumable"] == "1.0.0"
    assert await rows(ward, uploads) == await rows(ward, upload_parts) == []
    assert len(await sender.thread()) == 1


async def test_sizes_offsets_and_versions_are_held_to(ward: Ward) -> None:
    _, sender = await clinic_sender(ward)
    assert (await sender.create(200 * 1024 * 1024 + 1)).status == 413
    assert (await sender.create(0)).status == 422
    assert (await sender.create(10, **{"Upload-Length": "-1"})).status == 422
    assert (await sender.create(10, **{"Tus-Resumable": "0.2.2"})).status == 412
    assert (await sender.create(10, **{"X-CSRF-Token": ""})).status == 403
    where = (await sender.create(len(PDF))).headers["Location"]
    assert (await sender.patch(where, 5, PDF[5:])).status == 409
    assert (await sender.patch(where, 0, PDF, **{"Content-Type": "application/pdf"})).status == 415
    assert (await sender.patch(where, 0, PDF + b"more")).status == 413
    assert await sender.offset(where) == 0
    assert (await sender.patch(where, 0, PDF[:20])).status == 204
    assert (await sender.patch(where, 0, PDF[:20])).status == 409
    assert (await sender.patch(where, 20, PDF[20:])).status == 204
    described = await sender.browser.client.options(where.rpartition("/")[0])
    assert described.headers["Tus-Max-Size"] == str(200 * 1024 * 1024)
    assert "checksum" in described.headers["Tus-Extension"]


async def test_two_senders_of_one_upload_never_mix(ward: Ward) -> None:
    _, sender = await clinic_sender(ward)
    where = (await sender.create(len(PDF))).headers["Location"]
    answers = await asyncio.gather(*(sender.patch(where, 0, PDF) for _ in range(6)))
    assert sorted(answer.status for answer in answers) == [204] + [409] * 5
    assert [entry["attachment"]["size"] for entry in (await sender.thread())[1:]] == [len(PDF)]


async def test_a_wrong_checksum_keeps_nothing_of_its_request(ward: Ward) -> None:
    _, sender = await clinic_sender(ward)
    where = (await sender.create(len(WEBM))).headers["Location"]
    good = {
        "Upload-Checksum": "sha1 " + base64.b64encode(hashlib.sha1(WEBM[:9], usedforsecurity=False).digest()).decode()
    }
    assert (await sender.patch(where, 0, WEBM[:9], **good)).status == 204
    assert (await sender.patch(where, 9, WEBM[9:], **good)).status == 460
    assert await sender.offset(where) == 9
    assert (await sender.patch(where, 9, WEBM[9:], **{"Upload-Checksum": "md5 aaaa"})).status == 422
    assert (await sender.patch(where, 9, WEBM[9:])).status == 204


async def test_an_upload_is_its_senders_alone_expires_and_can_be_given_up(ward: Ward) -> None:
    consult, sender = await clinic_sender(ward)
    where = (await sender.create(len(PDF))).headers["Location"]
    await sender.patch(where, 0, PDF[:10])
    theirs = Sender(ward.specialist, consult.id)
    assert (await theirs.patch(where, 10, PDF[10:])).status == 404
    assert (await theirs.browser.client.head(where, headers=TUS)).status == 404
    for browser in (ward.coordinator, ward.stranger):
        assert (await Sender(browser, consult.id).create(10)).status in (403, 404)
    ward.world.clock.advance(24 * 3600 - 60)
    other = Sender(ward.doctor, consult.id)
    await ward.doctor.sign_in("bs.bao")
    await ward.doctor.get("/")
    await ward.desk.uploads.expire()
    assert len(await rows(ward, uploads)) == 1
    ward.world.clock.advance(61)
    assert (await other.patch(where, 10, PDF[10:])).status == 404
    await ward.desk.uploads.expire()
    assert await rows(ward, uploads) == await rows(ward, upload_parts) == []


async def test_one_persons_unfinished_uploads_are_few(ward: Ward) -> None:
    _, sender = await clinic_sender(ward)
    where = [(await sender.create(100, f"file-{number}")).headers["Location"] for number in range(5)]
    refused = await sender.create(100, "file-5")
    assert (refused.status, json.loads(await refused.text())["code"]) == (429, "upload.too_many")
    headers = TUS | {"X-CSRF-Token": sender.browser.csrf}
    assert (await sender.browser.client.delete(where[0], headers=headers)).status == 204
    assert (await sender.browser.client.head(where[0], headers=TUS)).status == 404
    assert (await sender.create(100, "file-5")).status == 201


async def test_nothing_comes_in_after_the_end(ward: Ward) -> None:
    consult, sender = await clinic_sender(ward)
    where = (await sender.create(len(PDF))).headers["Location"]
    await ward.world.rooms.end(ward.expert, consult.id)
    refused = await sender.patch(where, 0, PDF)
    assert (refused.status, json.loads(await refused.text())["code"]) == (409, "consult.ended")
    assert len(await sender.thread()) == 1
