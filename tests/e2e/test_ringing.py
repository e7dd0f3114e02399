"""Being rung: the page to try it, a push with no page open, sound and vibration, a second ring during a consult."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, Worker, async_playwright, expect

from tests.e2e.conftest import BROWSER_ARGUMENTS
from tests.e2e.people import DESKTOP, PHONE, Person, signed_in
from tests.e2e.server import DemoServer
from tests.e2e.test_consult import STROKE, end
from tests.headless import WHOLE_CHROMIUM

NOTED = """
  window.sounded = 0;
  window.vibrated = [];
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...given) { window.sounded += 1; return start.apply(this, given); };
  Navigator.prototype.vibrate = (pattern) => { window.vibrated.push(pattern); return true; };
"""
"""Headless Chromium has neither motor nor ear: what the page asks of them is noted."""
SHOWN = """async () => (await self.registration.getNotifications()).map(
  ({ title, tag, silent, requireInteraction, data }) => ({ title, tag, silent, requireInteraction, data }))"""
PRESSED = """async () => {
  const opened = [];
  self.clients.openWindow = async (url) => { opened.push(url); return null; };
  const [notification] = await self.registration.getNotifications();
  self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
  for (let turn = 0; turn < 100 && opened.length === 0; turn += 1) await new Promise((done) => setTimeout(done, 20));
  return opened;
}"""
"""A press that no person made may not open windows: that the worker asks for it, and for which address, is noted."""
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


@pytest_asyncio.fixture(loop_scope="session")
async def browser(camera: Path) -> AsyncIterator[Browser]:
    """The whole browser: the build without windows shows no notices."""
    arguments = [*BROWSER_ARGUMENTS, f"--use-file-for-fake-video-capture={camera}"]
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=WHOLE_CHROMIUM, args=arguments)
        yield launched
        await launched.close()


async def test_a_specialist_is_rung_with_the_page_closed_open_and_in_a_consult(
    browser: Browser, server: DemoServer, screenshots: Path
) -> None:
    async with (
        signed_in(browser, server, "bs.thuha") as ha,
        signed_in(browser, server, "bs.bao") as doctor,
        signed_in(browser, server, "bs.chuong") as other,
    ):
        allowed = ["camera", "microphone", "notifications"]
        await ha.context.grant_permissions(allowed, origin=server.url)
        await ha.context.add_init_script(NOTED)
        await _tries(ha, screenshots)
        specialty_id = await doctor.specialty_id(STROKE)
        address = await _pushed(ha, doctor, specialty_id)

        ha.page = await ha.context.new_page()
        await ha.page.goto(address)
        await ha.page.wait_for_selector("ring-card dialog[open]")
        await ha.page.locator("ring-card h2").click()
        await ha.page.wait_for_function("() => window.sounded > 0 && window.vibrated.length > 0")
        await ha.page.locator("ring-card [data-accept]").click()
        await ha.in_room()
        await ha.sees_other()

        first = ha.page.url
        second = await other.call_emergency(specialty_id)
        card = ha.page.locator("ring-card dialog.docked[open]")
        await expect(card).to_be_visible()
        await ha.page.screenshot(path=screenshots / "second-ring.png")
        assert await ha.page.evaluate("document.querySelector('ring-card dialog').matches(':modal')") is False
        await ha.sees_other(frames=90)
        assert await ha.page.evaluate("[window.sounded, window.vibrated.length]") == [0, 0]
        # Out of the one for the other: asked first, and the clinic that waits reads it.
        await doctor.in_room()
        paused = doctor.page.locator("#pause-notice")
        await card.locator("[data-accept]").click()
        await card.locator("[data-pause]").wait_for()
        await expect(paused).to_be_hidden()
        await card.locator("[data-pause]").click()
        await ha.page.wait_for_url(f"**/consults/{second}/room", wait_until="commit")
        await ha.in_room()
        await expect(paused).to_contain_text("sẽ trở lại")
        await doctor.page.reload(wait_until="commit")
        await expect(paused).to_contain_text("sẽ trở lại")
        await end(ha, "Xong.")
        await ha.page.goto(first, wait_until="commit")
        await ha.in_room()
        await expect(paused).to_be_hidden()
        await end(ha, "Xong.")
        assert ha.errors == []


async def _tries(ha: Person, screenshots: Path) -> None:
    """The page of one's own ringing, at both sizes."""
    page = ha.page
    for size, name in ((PHONE, "phone"), (DESKTOP, "desktop")):
        viewport: Any = size
        await page.set_viewport_size(viewport)
        await ha.go("/ringing")
        await expect(page.locator("[data-check=permission]")).to_contain_text("đã cho phép", ignore_case=True)
        assert await page.evaluate(FITS)
        await page.screenshot(path=screenshots / f"ringing-{name}.png", full_page=True)
    await page.click("#try-ring")
    await expect(page.locator("[data-check=sound]")).to_have_attribute("data-state", "good")
    await page.wait_for_function("() => window.sounded > 0 && window.vibrated.length > 0")
    await page.wait_for_function("() => window.vibrated.at(-1) === 0", timeout=10_000)
    await page.click("button[name=minutes][value='30']")
    await expect(page.locator("form[action='/ringing/quiet/end']")).to_be_visible()
    await page.screenshot(path=screenshots / "quiet.png")
    await page.click("form[action='/ringing/quiet/end'] button")
    await expect(page.locator("button[name=minutes][value='30']")).to_be_visible()


async def _pushed(ha: Person, doctor: Person, specialty_id: str) -> str:
    """A push reaches the service worker while no page is open; pressing its notice opens the address given back."""
    await ha.page.evaluate("navigator.serviceWorker.register('/service-worker.js', { scope: '/' }).then(() => null)")
    await ha.page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    worker = ha.context.service_workers[0]
    blank = await ha.context.new_page()
    tools = await ha.context.new_cdp_session(blank)
    registered: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def look(event: dict[str, Any]) -> None:
        for one in event["registrations"]:
            if one["scopeURL"] == f"{ha.server.url}/" and not one["isDeleted"] and not registered.done():
                registered.set_result(one["registrationId"])

    tools.on("ServiceWorker.workerRegistrationUpdated", look)
    await tools.send("ServiceWorker.enable")
    await ha.page.close()
    consult_id = await doctor.call_emergency(specialty_id)
    registration = await asyncio.wait_for(registered, 10)

    async def push(kind: str, title: str) -> None:
        told = {"kind": kind, "consult": consult_id, "url": f"/consults/{consult_id}", "title": title, "body": "…"}
        data = json.dumps(told)
        await tools.send(
            "ServiceWorker.deliverPushMessage",
            {"origin": ha.server.url, "registrationId": registration, "data": data},
        )

    await push("stop", "Không còn gọi")
    (notice,) = await _shown(worker, "Không còn gọi")
    assert notice["silent"]
    await push("ring", "Có ca đang gọi")
    (notice,) = await _shown(worker, "Có ca đang gọi")
    assert (notice["tag"], notice["silent"], notice["requireInteraction"]) == (consult_id, False, True)
    (opened,) = await worker.evaluate(PRESSED)
    assert opened == f"{ha.server.url}/consults/{consult_id}"
    assert await worker.evaluate(SHOWN) == []
    await blank.close()
    return str(opened)


async def _shown(worker: Worker, title: str) -> list[dict[str, Any]]:
    """The notices that are shown, once one of them has this title."""
    shown: list[dict[str, Any]] = []
    for _ in range(150):
        shown = await worker.evaluate(SHOWN)
        if any(one["title"] == title for one in shown):
            return shown
        await asyncio.sleep(0.1)
    raise AssertionError(f"no notice: {shown}")
