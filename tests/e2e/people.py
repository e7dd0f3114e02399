"""People at browsers: what a doctor does by hand, done by Playwright. Tests and benches share it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page

from tests.e2e.server import DemoServer

FRAMES = "document.querySelector('video-tile.remote video').getVideoPlaybackQuality().totalVideoFrames"
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


class Person:
    """One signed-in person with one page. `errors` collects what scripts threw and the console called an error."""

    def __init__(self, server: DemoServer, context: BrowserContext, page: Page, user_name: str) -> None:
        self.server = server
        self.context = context
        self.page = page
        self.user_name = user_name
        self.errors: list[str] = []
        self.called: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)

    async def go(self, path: str) -> None:
        """Open a page of the server; a room's page is not waited for until its pictures run."""
        await self.page.goto(self.server.url + path, wait_until="commit")
        await self.page.wait_for_load_state("domcontentloaded")

    async def sign_in(self) -> None:
        """Through the form."""
        await self.go("/sign-in")
        await self.page.fill("#user_name", self.user_name)
        await self.page.fill("#password", self.server.people()[self.user_name].password)
        await self.page.click("button.primary[type=submit]")
        await self.page.wait_for_url(self.server.url + "/")

    async def call_emergency(self, specialty: str, situation: str = "", age: str = "", sex: str = "") -> str:
        """Ask for a specialist for a patient whom nobody knows yet; gives the consult's id."""
        page = self.page
        await self.go("/requests/new?urgency=emergency")
        await page.check(f"input[name=specialty_id][value='{specialty}']", force=True)
        if situation:
            await page.fill("[name=situation]", situation)
        if age:
            await page.fill("[name=age_years]", age)
        if sex:
            await page.select_option("#temporary-sex", sex)
        await page.click("#send-request")
        await page.wait_for_selector("#waiting")
        self.called.append(str(await page.get_attribute("#waiting", "data-consult-id")))
        return self.called[-1]

    async def cancel_what_rings(self) -> None:
        """Cancel the calls that nobody took, so that they lie over nobody's page in a later test."""
        for consult_id in self.called if self.server.rings() else ():
            page = await self.context.new_page()
            await page.goto(f"{self.server.url}/requests/{consult_id}")
            if await page.locator("#cancel-request").count():
                await page.click("#cancel-request")
                await page.check("#cancel input[name=reason] >> nth=0", force=True)
                await page.click("#confirm-cancel")
                await page.wait_for_url(f"**/consults/{consult_id}")

    async def accept(self) -> None:
        """Press Accept on the card that rings, and be in the room."""
        await self.page.wait_for_selector("ring-card dialog[open]")
        # The newest lies on top, should an earlier test have left a ring behind.
        await self.page.locator("ring-card dialog[open] [data-accept]").last.click()
        await self.in_room()

    async def in_room(self) -> None:
        """Wait until the room is entered."""
        await self.page.wait_for_url("**/consults/*/room", wait_until="commit")
        await self.page.wait_for_selector("#room[data-state=joined]")

    async def sees_other(self, frames: int = 60) -> None:
        """Wait until that many frames of the other side were decoded."""
        await self.page.wait_for_selector("video-tile.remote[data-decoded=true]", timeout=20_000)
        await self.page.wait_for_function(
            f"count => {FRAMES} >= count",
            arg=frames,
        )

    async def hears_other(self) -> float:
        """The loudest sample (0 to 1) of the other side's sound; waits up to ten seconds for sound."""
        loudest: Any = await self.page.evaluate(
            """async () => {
              const stream = document.querySelector('video-tile.remote video').srcObject;
              const context = new AudioContext();
              await context.resume();
              const analyser = context.createAnalyser();
              context.createMediaStreamSource(stream).connect(analyser);
              const samples = new Float32Array(analyser.fftSize);
              let loudest = 0;
              for (let turn = 0; turn < 200 && loudest < 0.01; turn += 1) {
                await new Promise((done) => setTimeout(done, 50));
                analyser.getFloatTimeDomainData(samples);
                for (const sample of samples) loudest = Math.max(loudest, Math.abs(sample));
              }
              await context.close();
              return loudest;
            }"""
        )
        return float(loudest)

    async def identify(self, number: str, born: str) -> None:
        """Find a citizen by the number on the card, then confirm the birth date: two identifiers."""
        page = self.page
        await page.fill("#patient [name=number]", number)
        await page.locator("#patient form button[type=submit]").first.click()
        await page.fill("#patient [name=birth_date]", born)
        await page.locator("#patient form button[type=submit]", has_text="Đối chiếu").first.click()
        await page.wait_for_selector("#patient input[name=patient]", state="attached")

    async def say(self, text: str) -> None:
        """Write a line into the room's chat."""
        await self.page.fill("#chat-form [name=text]", text)
        await self.page.press("#chat-form [name=text]", "Enter")

    async def specialty_id(self, name: str) -> str:
        """The id of a specialty by its Vietnamese name, as the request form offers it."""
        await self.go("/requests/new?urgency=emergency")
        label = self.page.locator("label.choice", has_text=name).locator("input[name=specialty_id]")
        return str(await label.first.get_attribute("value"))


@asynccontextmanager
async def signed_in(
    browser: Browser, server: DemoServer, user_name: str, viewport: dict[str, int] | None = None
) -> AsyncIterator[Person]:
    """A person in a private window of their own."""
    size: Any = viewport or DESKTOP
    context = await browser.new_context(locale="vi-VN", viewport=size, permissions=["camera", "microphone"])
    person = Person(server, context, await context.new_page(), user_name)
    await person.sign_in()
    try:
        yield person
    finally:
        try:
            await context.set_offline(False)
            await person.cancel_what_rings()
        finally:
            await context.close()
