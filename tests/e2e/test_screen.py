"""What is shown beside faces: a shared screen, a second camera under its name, and which picture is large."""

from __future__ import annotations

from playwright.async_api import Browser, Page, async_playwright, expect

from tests.e2e.conftest import BROWSER_ARGUMENTS
from tests.e2e.people import Person, signed_in
from tests.e2e.server import DemoServer
from tests.e2e.test_consult import STROKE, end
from tests.headless import HEADLESS_CHROMIUM

SCREEN = "video-tile[data-source=screen]"
REMEMBER_SHARED = """
  const ask = MediaDevices.prototype.getDisplayMedia;
  MediaDevices.prototype.getDisplayMedia = async function (...all) {
    return (window.shared = await ask.apply(this, all));
  };
"""


async def in_a_room(doctor: Person, specialist: Person) -> None:
    await doctor.call_emergency(await doctor.specialty_id(STROKE))
    await specialist.accept()
    await doctor.in_room()
    for person in (doctor, specialist):
        await person.sees_other(10)


async def test_a_shared_screen_is_large_until_it_ends(browser: Browser, server: DemoServer) -> None:
    async with signed_in(browser, server, "bs.thuha") as specialist, signed_in(browser, server, "bs.bao") as doctor:
        await doctor.context.add_init_script(REMEMBER_SHARED)
        await in_a_room(doctor, specialist)
        await doctor.page.click("#share")
        await expect(doctor.page.locator("#share")).to_have_attribute("aria-pressed", "true")
        await expect(doctor.page.locator("#share")).to_contain_text("Dừng chia sẻ")
        screen = specialist.page.locator(SCREEN)
        await expect(screen).to_have_attribute("data-decoded", "true", timeout=20_000)
        await expect(screen).to_have_class("video remote")
        await expect(screen).to_contain_text("Màn hình, BS. Lê Quốc Bảo")
        face = specialist.page.locator("video-tile[data-source=camera]")
        await expect(face).to_have_class("video third")
        await _large_by_keyboard(specialist.page)
        await _ends_by_the_browsers_own_bar(doctor.page)
        await expect(screen).to_have_count(0)
        await expect(face).to_have_class("video remote")
        await expect(doctor.page.locator("#share")).to_have_attribute("aria-pressed", "false")
        assert not specialist.errors + doctor.errors
        await end(specialist, "Xong.")


async def _large_by_keyboard(page: Page) -> None:
    """The face takes the place of the screen, and gives it back."""
    pin = page.locator("video-tile[data-source=camera] .video-pin")
    await pin.focus()
    await page.keyboard.press("Enter")
    await expect(pin).to_have_attribute("aria-pressed", "true")
    await expect(page.locator("video-tile[data-source=camera]")).to_have_class("video remote")
    await expect(page.locator(SCREEN)).to_have_class("video third")
    await page.keyboard.press("Space")
    await expect(page.locator(SCREEN)).to_have_class("video remote")


async def _ends_by_the_browsers_own_bar(page: Page) -> None:
    """As its button does: the track ends, and an event says so."""
    await page.evaluate("window.shared.getVideoTracks()[0].dispatchEvent(new Event('ended'))")


async def test_a_second_camera_goes_by_its_name(server: DemoServer) -> None:
    arguments = [one for one in BROWSER_ARGUMENTS if one != "--use-fake-device-for-media-stream"]
    # Chromium's second fake camera is one for depths and gives no picture; the third does.
    three = [*arguments, "--use-fake-device-for-media-stream=device-count=3"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=HEADLESS_CHROMIUM, args=three)
        async with signed_in(browser, server, "bs.thuha") as specialist, signed_in(browser, server, "bs.bao") as doctor:
            await in_a_room(doctor, specialist)
            page = doctor.page
            await page.click("#more summary")
            await page.click("#add-source")
            await expect(page.locator("#source-device option")).to_have_count(2)
            await page.select_option("#source-device", index=1)
            await expect(page.locator("#source-name")).not_to_have_value("")
            await page.fill("#source-name", "Máy siêu âm")
            await page.click("#source-form [type=submit]")
            await expect(page.locator("#source-dialog")).to_be_hidden()
            shown = specialist.page.locator("video-tile[data-source='device:Máy siêu âm']")
            await expect(shown).to_have_attribute("data-decoded", "true", timeout=20_000)
            await expect(shown).to_contain_text("Máy siêu âm, BS. Lê Quốc Bảo")
            await expect(specialist.page.locator("video-tile[data-source=camera]")).to_have_class("video remote")
            await expect(page.locator("video-tile.self[data-source='device:Máy siêu âm']")).to_be_visible()
            await page.click("#more summary")
            await page.click("#add-source")
            await expect(page.locator("#source-device option")).to_have_count(1)
            await page.click("#source-list button")
            await expect(shown).to_have_count(0)
            await page.click("#source-dialog [data-close]")
            assert not specialist.errors + doctor.errors
            await end(specialist, "Xong.")
        await browser.close()
