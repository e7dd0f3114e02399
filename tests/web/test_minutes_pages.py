"""The pages of minutes: written, saved by two, signed, printed, handed on; the verifier's page and the keys."""

from __future__ import annotations

import html
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pikepdf
import pytest
from argon2 import PasswordHasher
from limits.aio.storage import MemoryStorage

from consult_rooms.minutes import Minutes
from consult_rooms.minutes_drafts import MinutesDrafts
from consult_rooms.minutes_office import MinutesOffice
from consult_rooms.minutes_signing import MinutesSigning
from consult_rooms.model import Consult
from consult_rooms.signatures import decoded, digest_of, holds, read_payload, seconds
from consult_rooms.signing_keys import KeyRing
from consult_rooms.trust_list import TrustList
from identity.authentication import Authentication
from identity.guard import Guard
from identity.passwords import Passwords
from identity.throttle import Throttle
from tests.records_panel.conftest import LANH
from tests.web.conftest import ORIGIN, PASSWORD, Browser
from tests.web.ward import Ward, ward

__all__ = ["ward"]


@dataclass
class Scene:
    """A consult that has ended, and the address of its minutes."""

    ward: Ward
    consult: Consult
    page: str

    def fields(self, version: int = 0, **changed: object) -> dict[str, object]:
        said = {
            "version": str(version),
            "person": "0",
            "summary": "Yếu nửa người phải.",
            "opinion_name": ["BS. Hà", "BS. Lê Quốc Bảo", ""],
            "opinion_kind": ["", "dissent", ""],
            "opinion_text": ["Nghĩ nhồi máu não.", "Đề nghị chuyển thẳng.", ""],
            "conclusion": "Chuyển ngay 😀.",
            "plan_what": ["Đo huyết áp"],
            "plan_who": ["BS. Bảo"],
        }
        return said | changed

    async def save(self, browser: Browser, version: int = 0, **changed: object) -> int:
        await browser.get(self.page)
        return (await browser.post(self.page, self.fields(version, **changed))).status

    async def sign(self, browser: Browser, version: int, password: str = PASSWORD) -> int:
        await browser.get(self.page)
        return (
            await browser.post(f"{self.page}/sign", {"person": "0", "version": str(version), "password": password})
        ).status


@pytest.fixture
async def scene(ward: Ward) -> Scene:
    consult = await ward.held()
    services = ward.site.services
    world, audit = ward.world, services.audit
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))
    throttle = Throttle(MemoryStorage(), per_account=5, per_address=60)
    authentication = Authentication(world.database, passwords, throttle, audit)
    keys = KeyRing(world.database, world.store.sealer, audit, Guard(audit), world.directory)
    parts = (world.database, world.store, world.log, world.directory)
    office = MinutesOffice(
        Minutes(*parts, world.opinions, audit),
        MinutesDrafts(world.database, world.store),
        MinutesSigning(*parts, audit, authentication, keys),
        keys,
        TrustList(keys, world.clock),
    )
    object.__setattr__(services, "minutes", office)  # the application holds these very services
    return Scene(ward, consult, f"/consults/{consult.id}/minutes")


def words_of(file: Path) -> str:
    """The text of a PDF by poppler, a reader of others."""
    run = ["pdftotext", "-enc", "UTF-8", str(file), "-"]
    return subprocess.run(run, check=True, capture_output=True, text=True).stdout


async def test_minutes_are_written_by_two_signed_and_locked(scene: Scene) -> None:
    ward, doctor, specialist = scene.ward, scene.ward.doctor, scene.ward.specialist
    assert (await doctor.get(scene.page)).status == 200
    assert "Nghĩ nhồi máu" not in doctor.page
    assert scene.page in (await (await doctor.get(f"/consults/{scene.consult.id}")).text())
    assert await scene.save(doctor) == 303
    assert await scene.save(specialist, 1, summary="Yếu nửa người trái.") == 303
    late = await scene.save(doctor, 1, conclusion="Giữ tại trạm <b>.")
    shown = html.unescape(doctor.page)
    assert late == 409
    assert "Vừa có người lưu và sửa tóm tắt." in shown
    assert "Yếu nửa người trái." in shown
    assert "Giữ tại trạm <b>." in shown, "what was typed is still there"
    assert "<b>." not in doctor.page
    assert await scene.save(doctor, 2) == 303
    assert await scene.sign(doctor, 2) == 409
    assert await scene.sign(doctor, 3, "sai") == 422
    assert await scene.sign(doctor, 3) == 303
    assert await scene.sign(specialist, 3) == 303
    await specialist.get(scene.page)
    page = html.unescape(specialist.page)
    assert 'data-state="locked"' in page
    assert "Đề nghị chuyển thẳng." in page
    added = {"person": "0", "number": "1", "text": "CT: không xuất huyết.", "password": PASSWORD}
    assert (await specialist.post(f"{scene.page}/addenda", added)).status == 303
    await doctor.get(scene.page)
    assert "CT: không xuất huyết." in html.unescape(doctor.page)
    assert await scene.save(doctor, 3) == 409
    assert (await ward.stranger.get(scene.page)).status == 404
    assert (await ward.coordinator.get(scene.page)).status == 403
    assert (await ward.stranger.get(f"{scene.page}.pdf")).status == 404


async def test_a_hundred_thousand_characters_are_refused_and_come_back(scene: Scene) -> None:
    doctor, text = scene.ward.doctor, "ưỡ" * 50_000
    assert await scene.save(doctor, summary=text) == 422
    assert text in html.unescape(doctor.page)


async def test_what_is_typed_is_kept_and_stands_beside_what_others_saved(scene: Scene) -> None:
    doctor, specialist = scene.ward.doctor, scene.ward.specialist
    await doctor.get(scene.page)
    typed = {**scene.fields(), "revision": "0", "summary": "Đang gõ dở <b>"}
    headers = {"X-CSRF-Token": doctor.csrf, "Origin": ORIGIN, "Accept": "application/json"}

    async def keep(fields: dict[str, object]) -> tuple[int, dict[str, object]]:
        pairs = [(name, one) for name, told in fields.items() for one in (told if isinstance(told, list) else [told])]
        response = await doctor.client.put(f"{scene.page}/draft", data=pairs, headers=headers)
        return response.status, await response.json()

    status, told = await keep(typed)
    assert (status, told["revision"], told["newest"], told["others"]) == (200, 1, 0, 0)
    status, told = await keep({**typed, "summary": "Cửa sổ thứ hai"})
    assert (status, told["code"]) == (409, "minutes.draft_elsewhere")
    other = await (await doctor.get(f"{scene.page}/draft")).json()
    assert ["summary", "Đang gõ dở <b>"] in other["fields"]
    assert (await specialist.get(f"{scene.page}/draft")).status == 404, "a draft is its writer's alone"
    assert await scene.save(specialist, summary="Bản của bệnh viện.") == 303
    await doctor.get(f"{scene.page}?edit=1")
    shown = html.unescape(doctor.page)
    assert "Đang gõ dở <b>" in shown
    assert "Bản của bệnh viện." in shown
    assert "Trong lúc đó đã có người lưu." in shown
    assert 'name="revision" value="1"' in shown
    assert await scene.save(doctor, 1, summary="Đã gõ xong.") == 303
    assert (await doctor.get(f"{scene.page}/draft")).status == 404
    status, _ = await keep({**typed, "version": "2", "conclusion": "Thêm."})
    assert status == 200
    await doctor.get(scene.page)
    assert 'id="typed"' in doctor.page
    assert (await doctor.post(f"{scene.page}/draft/discard", {"person": "0"})).status == 303
    await doctor.get(scene.page)
    assert 'id="typed"' not in doctor.page


async def test_a_script_gets_the_same_answer_for_a_signature_asked_for_again(scene: Scene) -> None:
    """And no clock but the server's counts, whatever a browser sends along."""
    doctor, specialist = scene.ward.doctor, scene.ward.specialist
    json_only = {"Accept": "application/json"}
    await scene.save(doctor)
    for browser, whole in ((doctor, False), (specialist, True)):
        await browser.get(scene.page)
        for _ in range(2):
            fields = {"person": "0", "version": "1", "password": PASSWORD, "at": "2001-01-01T00:00:00Z"}
            answer = await browser.post(f"{scene.page}/sign", fields, headers=json_only)
            assert (answer.status, await answer.json()) == (200, {"version": 1, "locked": whole})
            await browser.get(scene.page)
    stale = await doctor.post(
        f"{scene.page}/sign", {"person": "0", "version": "7", "password": PASSWORD}, headers=json_only
    )
    assert (stale.status, (await stale.json())["code"]) == (409, "minutes.stale")
    signed = json.loads(await (await doctor.get(f"{scene.page}.json")).text())
    now = seconds(scene.ward.world.clock.now())
    assert [one.at for one in read_payload(signed["payload"]).stamps] == [now, now]


async def test_the_document_is_pdf_a_with_vietnamese_text_and_codes_that_verify(scene: Scene, tmp_path: Path) -> None:
    doctor, specialist = scene.ward.doctor, scene.ward.specialist
    assert (await doctor.get(f"{scene.page}.pdf")).status == 404
    await scene.save(doctor)
    for browser in (doctor, specialist):
        await scene.sign(browser, 1)
    response = await doctor.get(f"{scene.page}.pdf")
    (tmp_path / "m.pdf").write_bytes(await response.read())
    assert response.headers["Content-Type"] == "application/pdf"
    assert LANH.name not in response.headers["Content-Disposition"]
    text = words_of(tmp_path / "m.pdf")
    flat = " ".join(text.split())
    for words in (
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
        "BIÊN BẢN HỘI CHẨN TỪ XA",
        LANH.name,
        "Ý kiến khác",
        "Đề nghị chuyển thẳng.",
        "Chuyển ngay [U+1F600].",
        "U+1F600 GRINNING FACE",
        "Yếu nửa người phải <13:20>",
    ):
        assert words in flat
    with pikepdf.open(tmp_path / "m.pdf") as pdf, pdf.open_metadata() as meta:
        assert (meta["pdfaid:part"], meta["pdfaid:conformance"]) == ("2", "B")
        assert pdf.Root.OutputIntents[0].DestOutputProfile is not None
        fonts = [font for page in pdf.pages for font in page.Resources.get("/Font", {}).values()]
        assert fonts
        for font in fonts:
            (inner,) = font.DescendantFonts
            embedded = set(inner.FontDescriptor.keys()) & {"/FontFile", "/FontFile2", "/FontFile3"}
            assert embedded, "each font lies in the file"
            assert "/ToUnicode" in font
    signed = json.loads(await (await doctor.get(f"{scene.page}.json")).text())
    found = re.search(r"HCM1\.[\w.-]+", re.sub(r"\s", "", text))
    assert found is not None
    # Poppler takes a hyphen at a line's end for one that parts a word.
    assert found[0].replace("-", "").startswith(signed["payload"].replace("-", ""))
    told = read_payload(signed["payload"])
    assert told.digest == digest_of(signed["document"])
    trust = json.loads(await (await scene.ward.stranger.get("/trust-list.json")).text())
    keys = {one["id"]: decoded(one["public"]) for one in json.loads(trust["list"])["keys"]}
    assert [one.seat for one in told.stamps] == ["chair", "secretary"]
    assert all(holds(one, told.digest, told.of, keys[one.key_id]) for one in told.stamps)
    assert "BS." not in signed["payload"]


async def test_the_verifier_is_for_everybody_and_shows_nobody(scene: Scene) -> None:
    browser = await scene.ward.site.browser()
    for path in ("/verify", "/verify?language=en", "/verify-worker.js", "/trust-list.json"):
        assert (await browser.get(path)).status == 200
    await scene.ward.doctor.get("/verify")
    assert "Lê Quốc Bảo" not in html.unescape(scene.ward.doctor.page)


async def test_an_administrator_ends_a_key(scene: Scene) -> None:
    await scene.save(scene.ward.doctor)
    await scene.sign(scene.ward.doctor, 1)
    keeper = await scene.ward.site.browser()
    await keeper.sign_in("qt.tram")
    assert (await keeper.get("/administration/keys")).status == 200
    found = re.search(r"/administration/keys/(\w+)/revoke\?facility=(\w+)", keeper.page)
    assert found is not None
    done = await keeper.post(html.unescape(found[0]), {"reason": "compromised"})
    assert done.status == 303
    trust = json.loads(await (await keeper.get("/trust-list.json")).text())
    assert json.loads(trust["list"])["keys"][0]["reason"] == "compromised"
    denied = await scene.ward.doctor.post(html.unescape(found[0]), {"reason": "retired"})
    assert denied.status == 403
