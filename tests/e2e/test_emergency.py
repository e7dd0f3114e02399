"""A closed book is opened in an emergency on a telephone, by keyboard; the officer hears of it and reviews it."""

from __future__ import annotations

from playwright.async_api import Browser, expect

from tests.e2e.people import PHONE, Person, signed_in
from tests.e2e.server import DemoServer

WORDS = "Người bệnh quay lại vì khó thở, cần xem thuốc đang dùng"
WIDTH = "() => document.documentElement.scrollWidth"


async def _to_the_closed_book(doctor: Person) -> None:
    page = doctor.page
    await doctor.go("/consults")
    path = await page.locator("main table a[href^='/consults/con_']").first.get_attribute("href")
    await doctor.go(f"{path}/book")
    await expect(page.locator(".absence[data-kind=withheld]")).to_be_visible()


async def test_an_emergency_from_end_to_end(browser: Browser, server: DemoServer) -> None:
    async with (
        signed_in(browser, server, "bv.linh") as officer,
        signed_in(browser, server, "bs.thuha", PHONE) as doctor,
    ):
        page, desk = doctor.page, officer.page
        await expect(desk.locator("#emergencies")).to_contain_text("Không có lần mở nào cần xét")
        await _to_the_closed_book(doctor)
        # By keyboard from here: the way in, the reason, the words, the password.
        await page.locator("#book a[href$='/emergency']").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#glass-words")
        await page.locator("input[name=reason]").first.focus()
        await page.keyboard.press("ArrowDown")
        await expect(page.locator("input[name=reason][value=unable]")).to_be_checked()
        await page.keyboard.press("Tab")
        await page.keyboard.type(WORDS)
        await page.keyboard.press("Tab")
        await expect(page.locator("#password")).to_be_focused()
        await page.keyboard.type("không phải mật khẩu")
        await page.keyboard.press("Enter")
        await expect(page.locator("#password-problem")).to_be_visible()
        await expect(page.locator("#password")).to_be_focused()
        await expect(page.locator("#glass-words")).to_have_value(WORDS)
        assert await page.evaluate(WIDTH) <= PHONE["width"]
        await page.keyboard.type(server.people()["bs.thuha"].password)
        await page.keyboard.press("Enter")
        await expect(page.locator("#book .glass")).to_contain_text("Đang mở khẩn cấp")
        await expect(page.locator("#book .patient h2")).not_to_be_empty()
        assert await page.evaluate(WIDTH) <= PHONE["width"]
        # The officer did nothing: the notice came, and the list lives.
        await expect(desk.locator(".toast")).to_contain_text("Vừa có sổ sức khỏe được mở khẩn cấp")
        await expect(desk.locator("#emergencies li")).to_contain_text("Không hỏi được người bệnh")
        # The banner stays on every tab, and the list of views has the opening.
        await page.locator("#book a[href*='tab=viewers']").click()
        await expect(page.locator("#book-viewers")).to_be_visible()
        await expect(page.locator("#book .glass")).to_be_visible()
        await expect(page.locator("#book .book-body")).to_contain_text("Mở sổ khẩn cấp: Không hỏi được người bệnh")
        await desk.locator(".toast a").click()
        await desk.locator("#emergencies a").first.click()
        await expect(desk.locator("main")).to_contain_text(WORDS)
        await desk.locator("input[name=verdict][value=justified]").check(force=True)
        await desk.locator("main button.primary").click()
        await desk.wait_for_url("**/administration/emergencies")
        await expect(desk.locator("#emergencies")).to_contain_text("Không có lần mở nào cần xét")
        await expect(desk.locator("main table")).to_contain_text("Chính đáng")
        # Refused passwords and closed books answer with an error on purpose; nothing else may fail.
        wanted = ("403", "422")
        assert [text for text in doctor.errors + officer.errors if not any(code in text for code in wanted)] == []
