"""The on-call rota: a night filled and emptied, a date left open, a swap between two, a file; desktop and phone."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Browser, Page, expect

from tests.e2e.people import PHONE, signed_in
from tests.e2e.server import DemoServer

FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


async def test_a_gap_is_seen_filled_and_opened_again(browser: Browser, server: DemoServer) -> None:
    phone: Any = PHONE
    async with signed_in(browser, server, "dp.khue") as coordinator:
        page = coordinator.page
        await page.click(".nav a[href='/rota']")
        stroke = page.locator("#rota section", has_text="Thần kinh")
        await expect(stroke.locator(".tile-head .chip")).to_contain_text("Đủ ngày đêm")
        code = await page.locator("#rota section", has_text="Sản").first.get_attribute("data-specialty")
        field = page.locator(f"#rota section[data-specialty={code}]")
        await expect(field.locator(".tile-head .chip")).to_contain_text("Có giờ không ai trực")
        saturday = field.locator("[data-weekday='5']")
        await expect(saturday.locator(".gap")).to_contain_text("00:00–24:00")

        await page.set_viewport_size(phone)
        assert await page.evaluate(FITS)
        offer = page.locator("#offer option", has_text="Sản").first
        await page.select_option("#offer", str(await offer.get_attribute("value")))
        await page.check("#turn-form [name=weekday][value='5']")
        await page.fill("#starts", "20:00")
        await page.fill("#ends", "06:00")
        await page.click("#turn-form button[type=submit]")
        await expect(saturday.locator("[data-turn]")).to_contain_text("20:00–06:00")
        await expect(saturday.locator(".gap")).to_contain_text("00:00–20:00")
        await expect(field.locator("[data-weekday='6'] .gap")).to_contain_text("06:00–24:00")
        await saturday.locator("[data-turn] summary").click()
        await saturday.locator("[data-turn] [data-remove]").click()
        await expect(saturday.locator("[data-turn]")).to_have_count(0)
        await page.click(".language button[value=en]")
        await expect(page.locator("h1")).to_have_text("On-call rota")
        await expect(saturday.locator(".gap")).to_contain_text("Nobody 00:00–24:00")
        await page.click(".language button[value=vi]")
        await _a_date_is_left_open_and_held_again(page)
        await _a_swap_between_two(browser, server, page)
        await _a_file_is_taken(page)
        assert coordinator.errors == []


async def _a_date_is_left_open_and_held_again(page: Page) -> None:
    """The week after next: Wednesday without anybody is red there, and announced at once."""
    await page.set_viewport_size({"width": 1440, "height": 900})
    await page.click("#later")
    wednesday = page.locator("#rota section", has_text="Thần kinh").locator("[data-weekday='2']")
    await expect(page.locator("#coming-gaps")).to_have_count(0)
    turn = wednesday.locator("[data-turn]", has_text="07:00–19:00").first
    await turn.locator("summary").click()
    await turn.locator("form[action$=lift] button").click()
    await expect(wednesday.locator(".gap")).to_contain_text("07:00–19:00")
    await expect(page.locator("#coming-gaps")).to_contain_text("Thần kinh")
    await wednesday.locator("[data-lifted] button").click()
    await expect(wednesday.locator(".gap")).to_have_count(0)
    await expect(page.locator("#coming-gaps")).to_have_count(0)


async def _a_swap_between_two(browser: Browser, server: DemoServer, page: Page) -> None:
    async with signed_in(browser, server, "bs.thuha") as giver:
        await giver.go("/turns")
        mine = giver.page.locator("#given option", has_text="Thứ Ba").last
        value = str(await mine.get_attribute("value"))
        await giver.page.select_option("#given", value)
        await giver.page.select_option("#to_id", label="BS. Nguyễn Hoài An")
        await giver.page.click("#swap-form button[type=submit]")
        await expect(giver.page.locator("#my-swaps [data-swap=asked]")).to_have_count(1)
        async with signed_in(browser, server, "bs.hoaian", PHONE) as taker:
            await taker.go("/turns")
            assert await taker.page.evaluate(FITS)
            await taker.page.click("#asked-of-me [data-accept]")
            await expect(taker.page.locator(f"#mine [data-turn$='{value.split()[1]}']").first).to_be_visible()
            assert taker.errors == []
        await giver.page.reload()
        await expect(giver.page.locator("#my-swaps [data-swap=accepted]")).to_have_count(1)
        assert giver.errors == []
    await page.goto(f"{server.url}/rota?day={value.split()[1]}")
    await expect(page.locator("#swaps [data-swap=accepted]")).to_have_count(1)
    tuesday = page.locator("#rota section", has_text="Thần kinh").locator("[data-weekday='1']")
    await expect(tuesday.locator("[data-lifted]")).to_have_count(1)


async def _a_file_is_taken(page: Page) -> None:
    field = await page.locator("#rota section", has_text="Nội tiết").first.get_attribute("data-specialty")
    await page.click("#to-import")
    rows = f"user_name;specialty;day;starts;ends;level\nbs.son;{field};CN;03:00;04:00;backup\nbs.ai;x;y;z;;\n"
    file: Any = {"name": "truc.csv", "mimeType": "text/csv", "buffer": rows.encode("utf-16")}
    await page.set_input_files("#file", file)
    await page.click("button[name=act][value=check]")
    await expect(page.locator("#import-result")).to_contain_text("Chưa ghi gì")
    await expect(page.locator("table").first.locator("tbody tr").first).to_contain_text("tên đăng nhập")
    await page.click("#apply")
    await expect(page.locator("#import-result h2")).to_have_text("Đã nhập")
