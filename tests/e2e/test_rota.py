"""The on-call rota: a coordinator fills an empty night and empties it again, on a desktop and on a phone."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Browser, expect

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
        await saturday.locator("[data-turn] button").click()
        await expect(saturday.locator("[data-turn]")).to_have_count(0)
        await page.click(".language button[value=en]")
        await expect(page.locator("h1")).to_have_text("On-call rota")
        await expect(saturday.locator(".gap")).to_contain_text("Nobody 00:00–24:00")
        await page.click(".language button[value=vi]")
        assert coordinator.errors == []
