"""Administration by hand: a facility, its people and terminals, files of rows; and what these people then do."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.e2e.people import Person, signed_in
from tests.e2e.server import DemoServer

FACILITY_CODE = "51777"
FACILITY = "Trạm Y tế Đồng Nhân"
ISLAND = "Trạm Y tế đảo Hòn Mây"
OWN_PASSWORD = "Mưa rào trên mái lá"


async def test_a_new_facility_and_a_new_doctor_who_signs_in(browser: Browser, server: DemoServer) -> None:
    async with signed_in(browser, server, "qt.hieu") as administrator:
        await _create_facility(administrator)
        password = await _create_doctor(administrator, "bs.moi", "BS. Cao Thị Mới")
        assert [error for error in administrator.errors if "status of 422" not in error] == []

    context = await browser.new_context(locale="vi-VN")
    page = await context.new_page()
    await _enter(page, server, "bs.moi", password)
    await page.wait_for_url("**/password")
    await page.goto(server.url + "/requests/new")
    assert page.url.endswith("/password"), "a first password opens nothing but its own change"
    await page.fill("#current", password)
    await page.wait_for_load_state("networkidle")
    await expect(page.locator("#current")).to_have_value(password)
    await page.fill("#new", OWN_PASSWORD)
    await page.fill("#again", OWN_PASSWORD + ".")
    await page.click("main button.primary")
    await expect(page.locator("#again-problem")).to_contain_text("không giống nhau")
    await page.fill("#current", password)
    await page.fill("#new", OWN_PASSWORD)
    await page.fill("#again", OWN_PASSWORD)
    await page.click("main button.primary")
    await page.wait_for_url(server.url + "/")
    await expect(page.locator("h1")).to_have_text(FACILITY)
    await _sign_out(page)
    await _enter(page, server, "bs.moi", password)
    await expect(page.locator("#failure")).to_be_visible()
    await _enter(page, server, "bs.moi", OWN_PASSWORD)
    await page.wait_for_url(server.url + "/")
    await context.close()

    async with signed_in(browser, server, "qt.hieu") as administrator:
        await _open_person(administrator, "BS. Cao Thị Mới")
        await administrator.page.locator("details summary", has_text="Ngừng sử dụng").click()
        await administrator.page.locator("details[open] button[type=submit]").click()
        await expect(administrator.page.locator(".page-head")).to_contain_text("Ngừng sử dụng")
    context = await browser.new_context(locale="vi-VN")
    page = await context.new_page()
    await _enter(page, server, "bs.moi", OWN_PASSWORD)
    await expect(page.locator("#failure")).to_be_visible()
    await context.close()


async def test_a_file_of_rows_is_checked_then_imported(browser: Browser, server: DemoServer, tmp_path: Path) -> None:
    heading = "Mã CSKCB,Mã máy trạm,Tên máy trạm\n"
    wrong, right = tmp_path / "sai.csv", tmp_path / "dung.csv"
    async with signed_in(browser, server, "qt.hieu") as administrator:
        page = administrator.page
        code = await _facility_code(administrator, ISLAND)
        wrong.write_text(heading + f"{code},CSV-01,Phòng khám\n99998,CSV-02,Phòng cấp cứu\n", encoding="utf-8")
        right.write_text(heading + f"{code},CSV-01,Phòng khám\n{code},CSV-02,Phòng cấp cứu\n", encoding="utf-8")
        await administrator.go("/administration/import/terminals")
        await page.set_input_files("#file", wrong)
        await page.click("button[value=check]")
        errors = page.locator("section[aria-labelledby=errors] tbody tr")
        await expect(errors).to_have_count(1)
        await expect(errors.first).to_contain_text("3")
        await expect(errors.first).to_contain_text("Mã CSKCB")
        await page.set_input_files("#file", right)
        await page.click("button[value=check]")
        await expect(page.locator("#result")).to_contain_text("Chưa ghi gì")
        await administrator.go(f"/administration/terminals?facility={code}")
        await expect(page.locator("main table")).not_to_contain_text("CSV-01")
        await administrator.go("/administration/import/terminals")
        await page.set_input_files("#file", right)
        await page.click("button[value=check]")
        await page.click("button[value=apply]")
        await expect(page.locator("main .facts dd")).to_have_text(["2", "2", "0", "0"])
        await administrator.go(f"/administration/terminals?facility={code}")
        for made in ("CSV-01", "CSV-02"):
            await expect(page.locator("main table")).to_contain_text(made)
        assert administrator.errors == []


async def test_a_shared_terminal_is_enrolled_handed_over_and_revoked(browser: Browser, server: DemoServer) -> None:
    async with signed_in(browser, server, "qt.hieu") as administrator:
        facility = await _facility_code(administrator, ISLAND)
        await administrator.go(f"/administration/terminals?facility={facility}")
        await administrator.page.fill("#code", "HM-77")
        await administrator.page.fill("#name", "Phòng trực")
        await administrator.page.click("section[aria-labelledby=new] button.primary")
        code = await administrator.page.inner_text(".secret code")

        context = await browser.new_context(locale="vi-VN")
        page = await context.new_page()
        await _enrol(page, server, "AAAAA-AAAAA")
        await expect(page.locator("#code-problem")).to_be_visible()
        await _enrol(page, server, code)
        await expect(page.locator(".banner")).to_contain_text("HM-77")
        await page.goto(server.url + "/sign-in")
        await expect(page.locator("aside")).to_contain_text("HM-77")
        people = server.people()
        await _enter(page, server, "bs.bao", people["bs.bao"].password)
        await expect(page.locator(".masthead .who")).to_contain_text("HM-77")
        await _lock_and_hand_over(page, server)
        await _code_works_once(browser, server, code)

        await administrator.go(f"/administration/terminals?facility={facility}")
        row = administrator.page.locator("main tr", has_text="HM-77")
        await row.locator("summary", has_text="Thu hồi").click()
        await row.locator("details[open] button[type=submit]").click()
        await expect(row).to_contain_text("Chưa")
        await page.goto(server.url + "/agenda")
        assert "/sign-in" in page.url, "revoking the terminal ended the session there"
        await context.close()


async def _lock_and_hand_over(page: Page, server: DemoServer) -> None:
    """Lock, fail and succeed to unlock; lock again and let a colleague go on at the same terminal."""
    people = server.people()
    await _lock(page)
    await page.goto(server.url + "/agenda")
    assert "/lock" in page.url, "a locked session shows nothing else"
    await page.fill("#password", "not the password")
    await page.press("#password", "Enter")
    await expect(page.locator("main [role=alert]")).to_be_visible()
    await page.fill("#password", people["bs.bao"].password)
    await page.press("#password", "Enter")
    await page.wait_for_url(re.compile(r"/(agenda)?$"))
    await _lock(page)
    await page.fill("#other_user_name", "ys.loan")
    await page.fill("#other_password", people["ys.loan"].password)
    await page.press("#other_password", "Enter")
    await page.wait_for_url(server.url + "/")
    await expect(page.locator(".masthead .who")).to_contain_text("Trịnh Thị Loan")
    await expect(page.locator(".masthead .who")).to_contain_text("HM-77")


async def _lock(page: Page) -> None:
    await page.click(".menu summary")
    await page.locator("form[action='/lock'] button").click()
    await page.wait_for_url("**/lock**")


async def _code_works_once(browser: Browser, server: DemoServer, code: str) -> None:
    context: BrowserContext = await browser.new_context(locale="vi-VN")
    page = await context.new_page()
    await _enrol(page, server, code)
    await expect(page.locator("#code-problem")).to_be_visible()
    await context.close()


async def _enrol(page: Page, server: DemoServer, code: str) -> None:
    await page.goto(server.url + "/terminal")
    await page.fill("#code", code)
    await page.press("#code", "Enter")
    await page.wait_for_load_state()


async def _create_facility(administrator: Person) -> None:
    page = administrator.page
    hub = await _facility_code(administrator, "BV Đa khoa Sông Trà")
    await administrator.go("/administration/facilities/new")
    for name, value in {
        "name": FACILITY,
        "code": FACILITY_CODE,
        "province_code": "51",
        "commune_code": "21001",
    }.items():
        await page.fill(f"#{name}", value)
    for name, value in (("kind", "commune_station"), ("technical_level", "initial"), ("managing_level", "commune")):
        await page.select_option(f"#{name}", value)
    await page.click("main .form-foot button.primary")
    await page.wait_for_url("**/administration/facilities/fac_**")
    await expect(page.locator("h1")).to_have_text(FACILITY)
    await page.fill("#hub_code", "00000")
    await page.press("#hub_code", "Enter")
    await expect(page.locator("#hub_code-problem")).to_be_visible()
    await page.fill("#hub_code", hub)
    await page.press("#hub_code", "Enter")
    await expect(page.locator("section[aria-labelledby=links] li")).to_contain_text("BV Đa khoa Sông Trà")


async def _create_doctor(administrator: Person, user_name: str, name: str) -> str:
    page = administrator.page
    await administrator.go(f"/administration/staff/new?facility={FACILITY_CODE}")
    await page.fill("#full_name", name)
    await page.fill("#user_name", user_name)
    await page.check("input[name=roles][value=rural_doctor]")
    await page.fill("#licence_number", "007711/QNG-GPHN")
    await page.click("main .form-foot button.primary")
    return await page.inner_text(".secret code")


async def _open_person(administrator: Person, name: str) -> None:
    await administrator.go(f"/administration/staff?facility={FACILITY_CODE}")
    await administrator.page.get_by_role("link", name=name).click()


async def _facility_code(administrator: Person, name: str) -> str:
    """The five digits of a facility, from the list."""
    await administrator.go("/administration/facilities")
    row = administrator.page.locator("main tbody tr", has_text=name).first
    return (await row.locator("td").nth(1).inner_text()).strip()


async def _enter(page: Page, server: DemoServer, user_name: str, password: str) -> None:
    await page.goto(server.url + "/sign-in")
    await page.fill("#user_name", user_name)
    await page.fill("#password", password)
    await page.press("#password", "Enter")
    await page.wait_for_load_state()


async def _sign_out(page: Page) -> None:
    await page.click(".menu summary")
    await page.locator("form[action='/sign-out'] button").click()
    await page.wait_for_url("**/sign-in")
