"""Devices of a consult: linked on their page, seen in the room by their name, shown on a wall, taken out again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.e2e.people import DESKTOP, PHONE, Person, signed_in
from tests.e2e.server import DemoServer
from tests.e2e.test_consult import STROKE, end
from tests.e2e.test_pages import _fits_a_phone, _is_vietnamese, _policy_violations, _shows_focus, _size
from tests.hoichan.test_open_media import Encoder
from tests.media.test_viewer import Screen

NAME = "Máy siêu âm"
TILE = f"video-tile[aria-label*='{NAME}'], video-tile:has-text('{NAME}')"


@pytest_asyncio.fixture(loop_scope="session")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as http:
        yield http


async def link(page: Page, name: str, scope: str) -> tuple[str, str]:
    """Make a link by the form; its address and token."""
    await page.fill("#name", name)
    await page.check(f"input[name=scope][value={scope}]", force=True)
    await page.click("main form button.primary")
    await expect(page.locator("#device-token")).to_be_visible()
    address, token = [str(await page.locator(f"#device-{part}").text_content()) for part in ("address", "token")]
    return address, token


async def test_an_encoder_is_seen_by_both_and_a_screen_shows_the_room(
    browser: Browser, server: DemoServer, http: aiohttp.ClientSession
) -> None:
    async with signed_in(browser, server, "bs.thuha") as specialist, signed_in(browser, server, "bs.bao") as doctor:
        consult_id = await doctor.call_emergency(await doctor.specialty_id(STROKE))
        await specialist.accept()
        await doctor.in_room()
        for person in (doctor, specialist):
            await person.sees_other(5)
        side = Person(server, doctor.context, await doctor.context.new_page(), "bs.bao")
        policy = _policy_violations(side)
        await _looks_right(side, consult_id)
        address, token = await link(side.page, NAME, "publish")
        assert address == f"{server.url}/whip/{consult_id}"
        await side.go(f"/consults/{consult_id}/devices")
        await expect(side.page.locator("main")).not_to_contain_text(token)
        encoder, screen = Encoder(http, address, token), Screen()
        try:
            await encoder.publish()
            for person in (doctor, specialist):
                tile = person.page.locator(TILE)
                await expect(tile).to_have_count(1, timeout=20_000)
                await expect(tile).to_have_attribute("data-decoded", "true", timeout=20_000)
            await side.go(f"/consults/{consult_id}/devices")
            await expect(side.page.locator("main table")).to_contain_text("Đang kết nối")
            wall, key = await link(side.page, "Màn hình phòng mổ", "view")
            assert wall == f"{server.url}/whep/{consult_id}"
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/sdp"}
            async with http.post(wall, data=(await screen.offer()).encode(), headers=headers) as response:
                assert response.status == 201, await response.text()
                await screen.take(await response.text())
            await screen.decodes(0, 1)
            row = side.page.locator("main table tr", has_text=NAME)
            await row.locator("summary").click()
            await row.locator("form button").click()
            await expect(row).to_contain_text("Đã thu hồi")
            for person in (doctor, specialist):
                await expect(person.page.locator(TILE)).to_have_count(0, timeout=20_000)
            async with http.delete(encoder.session, headers=encoder.headers) as response:
                assert response.status == 401
            await end(specialist, "Xong.")
            async with http.post(wall, data=b"v=0", headers=headers) as response:
                assert (response.status, (await response.json())["code"]) == (409, "consult.closed")
            await side.go(f"/consults/{consult_id}/devices")
            await expect(side.page.locator("main form[action$=devices]")).to_have_count(0)
        finally:
            await encoder.close()
            await screen.close()
        assert [*side.errors, *policy] == []


async def _looks_right(person: Person, consult_id: str) -> None:
    """The page in both languages, by keyboard and on a phone."""
    path = f"/consults/{consult_id}/devices"
    await person.go(path)
    await _is_vietnamese(person, path)
    await _shows_focus(person, path)
    await person.page.set_viewport_size(_size(PHONE))
    await _fits_a_phone(person, path)
    await person.page.click("main form button.primary")
    await expect(person.page.locator("#name")).to_be_focused()  # the browser itself asks for the name
    await person.page.click(".language button[value=en]")
    await expect(person.page.locator("h1")).to_have_text("Devices")
    await _fits_a_phone(person, path)
    await person.page.click(".language button[value=vi]")
    await expect(person.page.locator("h1")).to_have_text("Thiết bị")
    await person.page.set_viewport_size(_size(DESKTOP))


async def test_the_page_is_for_those_who_hold_the_consult(browser: Browser, server: DemoServer) -> None:
    async with signed_in(browser, server, "bs.bao") as doctor, signed_in(browser, server, "bs.hoaian") as other:
        consult_id = await doctor.call_emergency(await doctor.specialty_id(STROKE))
        answer = await other.page.goto(f"{server.url}/consults/{consult_id}/devices")
        assert answer is not None
        assert answer.status in (403, 404)
        # While it rings there is no room to connect to.
        await doctor.go(f"/consults/{consult_id}/devices")
        await expect(doctor.page.locator("main form[action$=devices]")).to_have_count(0)
