"""Minutes with a dissent, signed by two, and checked in a browser without a network; a forged code is refused."""

from __future__ import annotations

import json
from pathlib import Path

import segno
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.async_api import Browser, expect

from consult_rooms.minutes_model import Seat, Signature
from consult_rooms.signatures import encoded, key_id, payload, read_payload, seconds, statement
from foundation.clock import SystemClock
from foundation.ids import StaffId
from tests.e2e.people import Person, signed_in
from tests.e2e.server import DemoServer
from tests.e2e.test_consult import STROKE, end


def forged(digest: str, of: int) -> str:
    """What somebody makes who has a key, but not one of the list."""
    private, at = Ed25519PrivateKey.generate(), SystemClock().now()
    key = key_id(private.public_key().public_bytes_raw())
    value = encoded(private.sign(statement(digest, "chair", seconds(at), key, of)))
    return payload(digest, of, (Signature(StaffId("stf_x"), Seat.CHAIR, of, at, key, value),))


async def sign(person: Person, address: str) -> None:
    await person.go(address)
    await person.page.fill("#sign-minutes [name=password]", person.server.people()[person.user_name].password)
    await person.page.click("#sign-minutes button[type=submit]")
    await person.page.wait_for_selector("#sign-minutes", state="detached")


async def test_minutes_are_signed_by_two_and_verified_without_a_network(
    browser: Browser, server: DemoServer, screenshots: Path, tmp_path: Path
) -> None:
    async with signed_in(browser, server, "bs.thuha") as specialist, signed_in(browser, server, "bs.bao") as doctor:
        consult_id = await doctor.call_emergency(await doctor.specialty_id(STROKE), "Yếu nửa người phải từ 13:20")
        await specialist.accept()
        await doctor.in_room()
        await end(specialist, "Nghĩ nhiều đến nhồi máu não do thuyên tắc từ tim.")
        address = f"/consults/{consult_id}/minutes"
        await specialist.go(f"/consults/{consult_id}")
        await specialist.page.click("#to-minutes")
        page = specialist.page
        await page.fill("#summary", "Yếu nửa người phải, nói khó từ 13:20; bình thường lần cuối 13:05.")
        await expect(page.locator("#opinion-text-0")).to_have_value("Nghĩ nhiều đến nhồi máu não do thuyên tắc từ tim.")
        await page.fill("#opinion-name-1", "BS. Lê Quốc Bảo")
        await page.select_option("#opinion-kind-1", "dissent")
        await page.fill("#opinion-text-1", "Đề nghị chuyển thẳng bệnh viện Hải Vân.")
        await page.fill("#conclusion", "Chuyển ngay bằng tàu cấp cứu.")
        await page.fill("#plan-what-0", "Đo huyết áp mỗi 15 phút trên tàu")
        await page.screenshot(path=screenshots / "minutes-form-vi-1440.png", full_page=True)
        await page.click("#save-minutes")
        await sign(doctor, address)
        await sign(specialist, address)
        await expect(page.locator("#minutes-state")).to_have_attribute("data-state", "locked")
        await expect(page.locator("[data-dissent]")).to_contain_text("chuyển thẳng")
        await page.screenshot(path=screenshots / "minutes-vi-1440.png", full_page=True)
        await doctor.page.set_viewport_size({"width": 390, "height": 844})
        await doctor.go(address)
        await doctor.page.screenshot(path=screenshots / "minutes-vi-390.png", full_page=True)
        answer = await page.request.get(server.url + f"{address}.pdf")
        assert (await answer.body()).startswith(b"%PDF-")
        file = await (await page.request.get(server.url + f"{address}.json")).text()
        assert not specialist.errors + doctor.errors
    carried = json.loads(file)["payload"]
    told = read_payload(carried)
    segno.make(carried, error="l").save(str(tmp_path / "code.png"), scale=4)
    (tmp_path / "minutes.json").write_text(file)

    context = await browser.new_context(locale="vi-VN")
    try:
        page = await context.new_page()
        await page.goto(f"{server.url}/verify")
        await page.wait_for_selector("#offline:not([hidden])")
        await context.set_offline(True)
        await page.reload()
        await expect(page.locator("#trust")).to_have_attribute("data-state", "ready")
        result = page.locator("#result")

        async def shows(text: str, standing: str) -> None:
            await page.fill("#signed", text)
            await page.click("#verify-form button[type=submit]")
            await expect(result).to_have_attribute("data-standing", standing)

        await shows(carried, "valid")
        await expect(result.locator("li")).to_have_count(2)
        await page.screenshot(path=screenshots / "verify-vi-1280.png", full_page=True)
        await shows(forged(told.digest, told.of), "unknown")
        turned = "A" if carried[10] != "A" else "B"
        await shows(carried[:10] + turned + carried[11:], "altered")
        await shows("Không có gì.", "unreadable")
        await page.set_input_files("#file", tmp_path / "code.png")
        await expect(result).to_have_attribute("data-standing", "valid")
        await shows(file.replace("Chuyển ngay", "Giữ lại"), "altered")
        await page.set_input_files("#file", tmp_path / "minutes.json")
        await expect(result).to_have_attribute("data-standing", "valid")
        await expect(result).to_contain_text("Chuyển ngay bằng tàu cấp cứu.")
    finally:
        await context.close()
