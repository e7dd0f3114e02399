"""Signing in and out, the language switch, and an emergency by keyboard alone, declined and cancelled."""

from __future__ import annotations

from playwright.async_api import Browser, Page, expect

from tests.e2e.people import DESKTOP, Person, signed_in
from tests.e2e.server import DemoServer

STROKE = "Thần kinh"


async def test_a_wrong_password_a_right_one_and_the_way_out(browser: Browser, server: DemoServer) -> None:
    context = await browser.new_context(locale="vi-VN")
    page = await context.new_page()
    await page.goto(server.url + "/agenda")
    assert "/sign-in" in page.url, "nothing is shown before sign-in"
    for user_name, password in (("bs.thuan", "not the password"), ("nobody.here", "not the password")):
        await page.fill("#user_name", user_name)
        await page.fill("#password", password)
        await page.press("#password", "Enter")
        told = await page.locator("#failure").inner_text()
        assert told.strip() == "Tên đăng nhập hoặc mật khẩu không đúng.", "neither of the two is said to be wrong"
        await expect(page.locator("#user_name")).to_have_value(user_name)
        await expect(page.locator("#password")).to_have_value("")
    await page.fill("#user_name", "bs.thuan")
    await page.fill("#password", server.people()["bs.thuan"].password)
    await page.press("#password", "Enter")
    await page.wait_for_url("**/agenda")
    await page.click(".menu summary")
    await page.locator("form[action='/sign-out'] button").click()
    await page.wait_for_url("**/sign-in")
    await page.go_back()
    await page.goto(server.url + "/agenda")
    assert "/sign-in" in page.url
    await context.close()


async def test_the_language_stays_with_the_person(browser: Browser, server: DemoServer) -> None:
    try:
        async with signed_in(browser, server, "bs.thuan") as person:
            await expect(person.page.locator("html")).to_have_attribute("lang", "vi")
            await person.go("/requests/new?urgency=routine")
            await person.page.click(".language button[value=en]")
            await expect(person.page.locator("h1")).to_have_text("Ask for a consult")
            assert "urgency=routine" in person.page.url, "the switch comes back to the same page"
        async with signed_in(browser, server, "bs.thuan") as person:
            await expect(person.page.locator("html")).to_have_attribute("lang", "en")
            await expect(person.page.locator(".start")).to_contain_text("Emergency call")
    finally:
        async with signed_in(browser, server, "bs.thuan") as person:
            await person.page.click(".language button[value=vi]")
            await expect(person.page.locator(".start")).to_contain_text("Gọi cấp cứu")


async def test_the_account_menu_closes_by_escape_and_by_a_press_elsewhere(browser: Browser, server: DemoServer) -> None:
    async with signed_in(browser, server, "bs.thuan") as person:
        menu, button = person.page.locator(".masthead details.menu"), person.page.locator(".masthead .menu summary")
        await button.click()
        await expect(menu).to_have_attribute("open", "")
        await person.page.keyboard.press("Tab")
        await person.page.keyboard.press("Escape")
        await expect(menu).not_to_have_attribute("open", "")
        await expect(button).to_be_focused()
        await button.click()
        await menu.locator(".menu-who").click()
        await expect(menu).to_have_attribute("open", "")
        await person.page.locator("h1").first.click()
        await expect(menu).not_to_have_attribute("open", "")


async def test_a_confirmed_patient_is_there_after_a_reload(browser: Browser, server: DemoServer) -> None:
    """The browser keeps a sealed proof: no name, no number, nothing that another person could use."""
    async with signed_in(browser, server, "bs.thuan") as person:
        page = person.page
        await person.go("/requests/new?urgency=routine")
        await person.identify("051058004471", "12/03/1958")
        await page.fill("[name=situation]", "Đau ngực")
        kept = str(await page.evaluate("JSON.stringify({...sessionStorage})"))
        for secret in ("051058004471", "4471", "Lành", "1958"):
            assert secret not in kept
        await page.reload()
        await expect(page.locator("#patient .found h3")).to_have_text("Nguyễn Văn Lành")
        await expect(page.locator("[name=situation]")).to_have_value("Đau ngực")
        await expect(page.locator("#send-summary")).to_contain_text("Nguyễn Văn Lành")
        async with page.expect_response(lambda answer: "/drafts/" in answer.url and answer.request.method == "PUT"):
            await page.locator("#patient form button").click()
        await expect(page.locator("#patient [name=number]")).to_be_visible()
        await page.reload()
        await expect(page.locator("#patient [name=number]")).to_be_visible()
        await expect(page.locator("#patient .found")).to_have_count(0)
        assert person.errors == []


async def test_an_emergency_by_keyboard_declined_and_cancelled(browser: Browser, server: DemoServer) -> None:
    async with signed_in(browser, server, "bs.thuha") as specialist, signed_in(browser, server, "bs.siuhoan") as doctor:
        await expect(specialist.page.locator("#duty")).to_contain_text(STROKE)
        consult_id = await _call_by_keyboard(doctor)
        await _decline_by_keyboard(specialist)
        ladder = doctor.page.locator("#ladder")
        row = ladder.locator("li li", has_text="Trần Thị Thu Hà")
        await expect(row).to_contain_text("Từ chối: đang làm thủ thuật")
        await expect(specialist.page.locator("ring-card")).to_have_count(0)

        async with signed_in(browser, server, "bs.khai") as colleague:
            await colleague.page.wait_for_selector("ring-card dialog[open]")
            await _tab_to(doctor.page, "#cancel-request")
            await doctor.page.keyboard.press("Enter")
            await _tab_to(doctor.page, "#cancel input[name=reason]")
            await doctor.page.keyboard.press("ArrowDown")
            await _tab_to(doctor.page, "#confirm-cancel")
            await doctor.page.keyboard.press("Enter")
            await doctor.page.wait_for_url(f"**/consults/{consult_id}")
            await expect(doctor.page.locator(".page-head")).to_contain_text("Đã hủy")
            await expect(colleague.page.locator("ring-card")).to_have_count(0)
            assert colleague.errors == []

        await doctor.go("/consults")
        code = await doctor.page.locator("main tbody tr").first.locator("small").first.inner_text()
        await doctor.page.locator("main tbody tr").first.get_by_role("link").click()
        await doctor.page.wait_for_url(f"**/consults/{consult_id}")
        await expect(doctor.page.locator("h1")).to_contain_text(code)
        await expect(doctor.page.locator("#timeline li[data-kind=cancelled]")).to_have_count(1)
        await expect(doctor.page.locator("#timeline li[data-kind=declined]")).to_have_count(1)
        assert specialist.errors == []
        assert doctor.errors == []


async def _call_by_keyboard(doctor: Person) -> str:
    """From the home page to the waiting page with Tab, arrows, Space and Enter; gives the consult's id."""
    page = doctor.page
    await page.set_viewport_size({"width": DESKTOP["width"], "height": DESKTOP["height"]})
    await _tab_to(page, "a[href='/requests/new?urgency=emergency']")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/requests/new?urgency=emergency")
    await expect(page.locator("#request-page")).to_be_visible()
    await _tab_to(page, "input[name=specialty_id]")
    await page.keyboard.press("Space")
    chosen = page.locator("label.choice", has=page.locator("input[name=specialty_id]:checked"))
    for _ in range(12):
        if STROKE in await chosen.inner_text():
            break
        await page.keyboard.press("ArrowDown")
    await expect(chosen).to_contain_text(STROKE)
    await _tab_to(page, "#send-request", most=60)
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#waiting")
    return str(await page.get_attribute("#waiting", "data-consult-id"))


async def _decline_by_keyboard(specialist: Person) -> None:
    page = specialist.page
    await page.wait_for_selector("ring-card dialog[open]")
    await expect(page.locator("ring-card [data-accept]")).to_be_focused()
    await _tab_to(page, "ring-card summary")
    await page.keyboard.press("Space")
    await _tab_to(page, "ring-card [data-decline=in_procedure]")
    await page.keyboard.press("Enter")


async def _tab_to(page: Page, selector: str, most: int = 40) -> None:
    """Press Tab until that element has the focus."""
    for _ in range(most):
        if await page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"{selector} is not reached in {most} steps")
