"""The book beside a call: first screen, every tab, by keyboard and on a phone, while the picture never stands still."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, Route, expect

from tests.e2e.axe import violations
from tests.e2e.people import DESKTOP, FRAMES, PHONE, Person, signed_in
from tests.e2e.server import DemoServer
from tests.e2e.test_consult import BORN, CCCD, STROKE

TABS = ("results", "imaging", "visits", "history", "papers", "viewers", "search")
OTHER = ("051197429902", "20/06/1997", "Đặng Thị Ngọc Mơ")
# What has to stand inside the first viewport beside the video; the order of the domain's first ten seconds.
FIRST = (".patient h2", ".redline .first", ".why p", "#book-vitals", "#book-abnormal", ".results tbody tr:nth-child(3)")

WATCH = """
() => {
  const video = document.querySelector("video-tile.remote video");
  const log = (window.watched = { moved: 0, stopped: 0 });
  for (const name of ["pause", "emptied", "ended"]) video.addEventListener(name, () => { log.stopped += 1; });
  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.removedNodes) if (node.contains?.(video)) log.moved += 1;
  }).observe(document.body, { childList: true, subtree: true });
}
"""


async def test_the_book_is_read_beside_a_call_that_goes_on(
    browser: Browser, server: DemoServer, screenshots: Path
) -> None:
    async with signed_in(browser, server, "bs.thuha") as specialist, signed_in(browser, server, "bs.bao") as doctor:
        await _in_a_room_with_a_book(doctor, specialist)
        page = specialist.page
        await page.evaluate(WATCH)
        frames = int(await page.evaluate(FRAMES))

        # The first screen, beside the video, without scrolling.
        assert await _outside(page, FIRST) == []
        await _clean(page, screenshots, "summary")

        # Every tab by keyboard alone; the focus stays with the tabs, and each is sound in light and dark.
        await page.locator(".book-tabs [aria-current]").focus()
        for tab in TABS:
            await page.keyboard.press("ArrowRight")
            await page.keyboard.press("Enter")
            current = page.locator(f".book-tabs a[href*='tab={tab}']")
            await expect(current).to_have_attribute("aria-current", "true")
            await expect(page.locator("#book-query") if tab == "search" else current).to_be_focused()
            await expect(page.locator(".redline .first")).to_be_in_viewport()
            await _clean(page, screenshots, tab)
            await specialist.sees_other(frames + 1)
            frames = int(await page.evaluate(FRAMES))

        # Search by its key, from anywhere; a hit leads to its entry.
        await page.locator("#mute").focus()
        await page.keyboard.press("/")
        await expect(page.locator("#book-query")).to_be_focused()
        await page.keyboard.type("ct so nao")
        await page.keyboard.press("Enter")
        await expect(page.locator(".hits a").first).to_be_focused()
        await _clean(page, screenshots, "hits")
        await page.keyboard.press("Enter")
        await expect(page.locator(".told li:focus")).to_contain_text("CT sọ não")

        # A trend: drawn, zoomed by keys and by its buttons, all of it in a table too.
        await page.click(".book-tabs a[href*='tab=summary']")
        await page.locator(".trend-tile").first.click()
        chart = page.locator(".trend-chart")
        await expect(page.locator(".trend canvas")).to_be_visible()
        await chart.focus()
        whole = await _shown(page)
        await page.keyboard.press("+")
        near = await _shown(page)
        assert near[1] - near[0] < (whole[1] - whole[0]) * 0.7
        await page.keyboard.press("ArrowLeft")
        assert (await _shown(page))[0] < near[0]
        await page.keyboard.press("0")
        assert await _shown(page) == whole
        await page.click("[data-days='31']")
        await expect(page.locator("[data-days='31']")).to_have_attribute("aria-pressed", "true")
        await _clean(page, screenshots, "trend")

        # On a phone: who it is and the red line below the picture; the book as a drawer over it.
        await page.click(".book-tabs a[href*='tab=summary']")
        await page.set_viewport_size(_size(PHONE))
        assert await _outside(page, (".patient h2", ".redline .first", "video-tile.remote")) == []
        assert await _height(page) > 180
        await _clean(page, screenshots, "phone")
        await page.click("#book-handle")
        await expect(page.locator("#book-handle")).to_have_attribute("aria-expanded", "true")
        assert await _outside(page, (".redline .first", "video-tile.remote", ".why p")) == []
        assert await _height(page) < 100
        await _clean(page, screenshots, "phone-open")
        await page.keyboard.press("Escape")
        await expect(page.locator("#book-handle")).to_have_attribute("aria-expanded", "false")
        await page.click(".book-tabs a[href*='tab=results']")  # a tab opens it as well
        await expect(page.locator("#book-handle")).to_have_attribute("aria-expanded", "true")
        await expect(page.locator("#book-results")).to_be_attached()
        await page.locator(".results tbody tr").last.scroll_into_view_if_needed()
        await expect(page.locator(".redline .first")).to_be_in_viewport()
        await page.click("#stage")  # a tap on the small picture
        await expect(page.locator("#book-handle")).to_have_attribute("aria-expanded", "false")
        await page.click("#book-handle")
        await _swipe_down(page)
        await expect(page.locator("#book-handle")).to_have_attribute("aria-expanded", "false")
        await page.set_viewport_size(_size(DESKTOP))

        # A tab that is still on its way when the patient changes: it must not come back over the next one's book.
        held = asyncio.Event()

        async def late(route: Route) -> None:
            response = await route.fetch()
            await held.wait()
            await route.fulfill(response=response)

        await page.route("**/book?tab=visits", late)
        await page.click(".book-tabs a[href*='tab=visits']")

        # What the specialist writes is about this patient, also what was not saved yet when the room turns.
        await page.fill("#opinion-text", "Chuyển tuyến ngay.")

        # The clinic turns to another patient: a new check, and the specialist's panel is that one's, and only that.
        theirs = doctor.page
        await theirs.click("#more summary")
        await theirs.click("#more [data-opens-book]")
        await expect(theirs.locator("#book")).to_contain_text("Nguyễn Văn Lành")
        await _clean(theirs, screenshots, "another")
        await theirs.fill("#patient [name=number]", OTHER[0])
        await theirs.locator("#patient form button[type=submit]").first.click()
        await theirs.fill("#patient [name=birth_date]", OTHER[1])
        await theirs.locator("#patient form button[type=submit]", has_text="Đối chiếu").first.click()
        for person in (specialist, doctor):
            await expect(person.page.locator("#book .patient h2")).to_contain_text(OTHER[2])
            await expect(person.page.locator("#book")).not_to_contain_text("enicillin")
            await expect(person.page.locator("#book")).not_to_contain_text("Yếu nửa người")
        async with page.expect_response(lambda response: "tab=visits" in response.url):
            held.set()
        await page.evaluate("() => new Promise((done) => setTimeout(done, 200))")
        await expect(page.locator("#book .patient h2")).to_contain_text(OTHER[2])
        await expect(page.locator(".book-tabs a[href*='tab=summary']")).to_have_attribute("aria-current", "true")
        await page.unroute("**/book?tab=visits")
        await expect(page.locator("#opinion-title")).to_contain_text(OTHER[2])
        await expect(page.locator("#opinion-text")).to_have_value("")
        await expect(theirs.locator("#opinion-title")).to_contain_text(OTHER[2])
        await page.fill("#opinion-text", "Theo dõi tại trạm.")
        await expect(page.locator("#ribbon")).to_contain_text("chuyển sang người bệnh khác")

        # All that while the picture went on, in the one element that it began in.
        watched: Any = await page.evaluate("window.watched")
        assert watched["moved"] == watched["stopped"] == 0
        await specialist.sees_other(frames + 10)

        # In English the same.
        await _speak(specialist, "en")
        try:
            await page.reload(wait_until="commit")
            await specialist.in_room()
            await expect(page.locator("#book")).to_contain_text("Current drugs")
            for tab in ("summary", *TABS):
                await page.click(f".book-tabs a[href*='tab={tab}']")
                await expect(page.locator(f".book-tabs a[href*='tab={tab}']")).to_have_attribute("aria-current", "true")
                await _clean(page, screenshots, f"en-{tab}", dark=False)
            await page.set_viewport_size(_size(PHONE))
            await page.click("#book-handle")
            await _clean(page, screenshots, "en-phone", dark=False)
        finally:
            await _speak(specialist, "vi")
        await page.set_viewport_size(_size(DESKTOP))
        # An opinion for each, each closed for its own.
        await page.click("#end-consult")
        await page.click("#end-confirm")
        await page.wait_for_url("**/opinion")
        await expect(page.locator("#opinion-form [name=text]")).to_have_value("Theo dõi tại trạm.")
        await _clean(page, screenshots, "opinions")
        await page.click("#opinion-form [name=act][value=close]")
        await expect(page.locator("main .tabs [aria-current]")).to_contain_text("Nguyễn Văn Lành")
        await expect(page.locator("#opinion-form [name=text]")).to_have_value("Chuyển tuyến ngay.")
        await page.click("#opinion-form [name=act][value=close]")
        await page.wait_for_url("**/consults/con_*")
        await _clean(page, screenshots, "two-opinions")
        assert specialist.errors == []
        assert doctor.errors == []


async def _in_a_room_with_a_book(doctor: Person, specialist: Person) -> None:
    page = doctor.page
    specialty = await doctor.specialty_id(STROKE)
    await doctor.go("/requests/new?urgency=emergency")
    await page.check(f"input[name=specialty_id][value='{specialty}']", force=True)
    await doctor.identify(CCCD, BORN)
    await page.fill("[name=situation]", "Yếu nửa người phải, nói khó từ 13:20 (bình thường lần cuối 13:05).")
    await page.fill("[name=recommendation]", "Chỉ định tái tưới máu? Xử trí trên đường chuyển?")
    await page.click("#send-request")
    await page.wait_for_selector("#waiting")
    doctor.called.append(str(await page.get_attribute("#waiting", "data-consult-id")))
    await specialist.accept()
    await doctor.in_room()
    await specialist.sees_other(10)


async def _clean(page: Page, screenshots: Path, name: str, *, dark: bool = True) -> None:
    """No violation in light, nor of contrast in dark; the pictures are left to be looked at."""
    for scheme in ("dark", "light") if dark else ("light",):
        await page.emulate_media(color_scheme=scheme)
        # Colours change over a moment; a rule of contrast would measure the middle of it.
        await page.evaluate("() => Promise.all(document.getAnimations().map((one) => one.finished.catch(() => 0)))")
        assert await violations(page, *(["color-contrast"] if scheme == "dark" else [])) == [], (name, scheme)
    await page.screenshot(path=screenshots / f"panel-{name}.png")


async def _outside(page: Page, selectors: tuple[str, ...]) -> list[str]:
    """Those of the elements that are not wholly inside the viewport, or lie under something else."""
    found: Any = await page.evaluate(
        """selectors => selectors.filter((selector) => {
          const element = document.querySelector(`#book ${selector}`) ?? document.querySelector(selector);
          if (!element) return true;
          const box = element.getBoundingClientRect();
          if (box.top < 0 || box.left < 0 || box.height === 0) return true;
          if (box.bottom > innerHeight || box.right > innerWidth) return true;
          const top = document.elementFromPoint(box.left + box.width / 3, box.top + box.height / 2);
          return !(top && (element.contains(top) || top.contains(element)));
        })""",
        list(selectors),
    )
    return list(found)


async def _shown(page: Page) -> tuple[int, int]:
    """The time that the chart shows, in seconds."""
    await asyncio.sleep(0.1)  # the chart draws in the next turn of the page
    figure = page.locator("figure.trend").first
    return int(await figure.get_attribute("data-from") or 0), int(await figure.get_attribute("data-to") or 0)


async def _height(page: Page) -> float:
    return float(await page.evaluate("document.querySelector('video-tile.remote').clientHeight"))


async def _swipe_down(page: Page) -> None:
    await page.evaluate(
        """() => {
          const handle = document.querySelector("#book-handle");
          const touch = (y) => new Touch({ identifier: 1, target: handle, clientX: 200, clientY: y });
          const send = (type, y, held) => handle.dispatchEvent(new TouchEvent(type, {
            bubbles: true, touches: held ? [touch(y)] : [], changedTouches: [touch(y)],
          }));
          send("touchstart", 100, true);
          send("touchend", 220, false);
        }"""
    )


async def _speak(person: Person, code: str) -> None:
    """Change the language without leaving the room, as another tab would."""
    await person.page.evaluate(
        """code => fetch("/language", { method: "POST", body: new URLSearchParams({
          csrf: document.querySelector("meta[name=csrf]").content, language: code, next: "/",
        }) })""",
        code,
    )


def _size(size: dict[str, int]) -> Any:
    return size
