"""A consult of three to its signed minutes with a dissent and an addendum: the line breaks while they write and sign.

The signatures are then checked in a browser without a network; a forged code is refused.
"""

from __future__ import annotations

import json
from pathlib import Path

import segno
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.async_api import Browser, Route, expect

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


YEARS_BACK = "Date.now = ((now) => () => now() - 9e10)(Date.now)"
"""A terminal whose clock is some three years slow."""


PASTE = "(area, text) => { area.value = text; area.dispatchEvent(new Event('input', { bubbles: true })) }"
"""At once: typed by the browser's driver, a hundred thousand characters take half a minute."""


async def sign(person: Person, address: str) -> None:
    await person.go(address)
    await ask_to_sign(person)
    await person.page.wait_for_selector("#sign-minutes", state="detached")


async def ask_to_sign(person: Person, form: str = "#sign-minutes") -> None:
    await person.page.fill(f"{form} [name=password]", person.server.people()[person.user_name].password)
    await person.page.click(f"{form} button[type=submit]")


async def lose_the_first_answer(person: Person, path: str) -> list[str]:
    """The server gets the first request of that path and its answer is lost; gives what was asked, as it grows."""
    asked: list[str] = []

    async def handle(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) > 1:
            await route.continue_()
            return
        await route.fetch()
        await route.abort()

    await person.page.route(path, handle)
    return asked


async def ask_in(asks: Person, third: Person) -> None:
    """A third person is asked into the room, and enters it."""
    await asks.page.click("#invite")
    option = asks.page.locator("#invitee option", has_text="Nguyễn Hoài An")
    await asks.page.locator("#invitee").select_option(label=str(await option.first.text_content()))
    await asks.page.click("#invite-form button[type=submit]")
    await third.page.click(".toast a")
    await third.page.click("#enter-room", no_wait_after=True)
    await third.in_room()


async def write_while_the_line_breaks(specialist: Person, address: str) -> None:
    """The form, kept by the server as one types; offline by the browser alone, whose page is then gone; and back."""
    page = specialist.page
    await page.fill("#summary", "Yếu nửa người phải, nói khó từ 13:20; bình thường lần cuối 13:05.")
    await expect(page.locator("#opinion-text-0")).to_have_value("Nghĩ nhiều đến nhồi máu não do thuyên tắc từ tim.")
    await page.fill("#opinion-name-1", "BS. Lê Quốc Bảo")
    await page.select_option("#opinion-kind-1", "dissent")
    await page.fill("#opinion-text-1", "Đề nghị chuyển thẳng bệnh viện Hải Vân.")
    state = page.locator("#draft-state")
    await expect(state).to_contain_text("Đã lưu tạm lúc")
    await specialist.context.set_offline(True)
    await page.fill("#conclusion", "Chuyển ngay bằng tàu cấp cứu. 🚑 مريض")
    await page.click("#save-minutes")
    await expect(state).to_contain_text("Mất mạng")
    await page.close()
    await specialist.context.set_offline(False)
    specialist.page = page = await specialist.context.new_page()
    await specialist.go(address)
    await expect(page.locator("#conclusion")).to_have_value("Chuyển ngay bằng tàu cấp cứu. 🚑 مريض")
    await expect(page.locator("#opinion-text-1")).to_have_value("Đề nghị chuyển thẳng bệnh viện Hải Vân.")
    await expect(page.locator("#typed")).to_contain_text("đã có lại trong biểu mẫu")
    await page.locator("#summary").evaluate(PASTE, "Yếu. " * 20_000)
    await expect(page.locator("#draft-state")).to_contain_text("Phần này có 100000 ký tự, tối đa 20000")
    await page.fill("#summary", "Yếu nửa người phải, nói khó từ 13:20; bình thường lần cuối 13:05.")
    await page.fill("#plan-what-0", "Đo huyết áp mỗi 15 phút trên tàu")


async def test_minutes_of_three_outlive_broken_lines_and_are_verified_without_a_network(
    browser: Browser, server: DemoServer, screenshots: Path, tmp_path: Path
) -> None:
    async with (
        signed_in(browser, server, "bs.thuha") as specialist,
        signed_in(browser, server, "bs.bao") as doctor,
        signed_in(browser, server, "bs.hoaian") as third,
    ):
        consult_id = await doctor.call_emergency(await doctor.specialty_id(STROKE), "Yếu nửa người phải từ 13:20")
        await specialist.accept()
        await doctor.in_room()
        await ask_in(doctor, third)
        await end(specialist, "Nghĩ nhiều đến nhồi máu não do thuyên tắc từ tim.")
        address = f"/consults/{consult_id}/minutes"
        await specialist.go(f"/consults/{consult_id}")
        await specialist.page.click("#to-minutes")
        await specialist.page.screenshot(path=screenshots / "minutes-form-vi-1440.png", full_page=True)
        await write_while_the_line_breaks(specialist, address)
        page = specialist.page
        await page.screenshot(path=screenshots / "minutes-back-vi-1440.png", full_page=True)
        await page.click("#save-minutes")
        await page.wait_for_selector("#sign-minutes")
        await doctor.context.add_init_script(YEARS_BACK)
        await doctor.go(address)
        asked = await lose_the_first_answer(doctor, "**/minutes/sign")
        await ask_to_sign(doctor)
        await doctor.page.wait_for_selector("#sign-minutes", state="detached")
        assert len(asked) == 2, "the lost answer was asked for again"
        await sign(third, address)
        await specialist.go(address)
        await expect(page.locator(".signature-box[data-state=signed]")).to_have_count(2)
        await specialist.context.set_offline(True)
        await ask_to_sign(specialist)
        await expect(page.locator("#sign-minutes [data-sending]")).to_have_attribute("data-state", "unanswered")
        await specialist.context.set_offline(False)
        await expect(page.locator("#minutes-state")).to_have_attribute("data-state", "locked")
        await expect(page.locator("[data-dissent]")).to_contain_text("chuyển thẳng")
        await page.screenshot(path=screenshots / "minutes-vi-1440.png", full_page=True)
        await doctor.page.set_viewport_size({"width": 390, "height": 844})
        await doctor.go(address)
        asked = await lose_the_first_answer(doctor, "**/minutes/addenda")
        await doctor.page.fill("#add-minutes [name=text]", "CT tại viện: không xuất huyết.")
        await ask_to_sign(doctor, "#add-minutes")
        await expect(doctor.page.locator("article")).to_contain_text("CT tại viện: không xuất huyết.")
        await expect(doctor.page.locator("article a[href*=addendum]")).to_have_count(1)
        await doctor.page.screenshot(path=screenshots / "minutes-vi-390.png", full_page=True)
        answer = await page.request.get(server.url + f"{address}.pdf")
        assert (await answer.body()).startswith(b"%PDF-")
        file = await (await page.request.get(server.url + f"{address}.json")).text()
        assert not [one for one in specialist.errors + doctor.errors + third.errors if "net::ERR_" not in one]
    carried = json.loads(file)["payload"]
    told = read_payload(carried)
    now = seconds(SystemClock().now())
    assert [now - one.at < 120 for one in told.stamps] == [True] * 3, "no terminal's clock gets into a signature"
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
        await expect(result.locator("li")).to_have_count(3)
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
