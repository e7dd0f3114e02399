"""How long a consult takes to begin, in headless Chromium on loopback, against the real server and real media.

For each of at least 20 emergencies: from the press of “Call now” to the ring on the specialist's screen; from the press
of “Accept” to the first decoded frame of the clinic's camera; from a reload in the room to the first decoded frame;
from the request for the panel of a book to its content in the page, and of that the page's own part; from the clinic's
press of “Save to the book” to the value in the specialist's panel. The pages' own clocks take all times.

    .venv/bin/python -m bench.consult [--json] [--quick]
"""

from __future__ import annotations

import asyncio
import gzip
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright

from bench.report import Figures, arguments, percentiles, show
from tests.conftest import free_port
from tests.e2e.conftest import BROWSER_ARGUMENTS
from tests.e2e.people import Person, signed_in
from tests.e2e.server import REPOSITORY, DemoServer
from tests.headless import HEADLESS_CHROMIUM

AIMS = {
    "request_to_ring_ms": "p95 100",
    "accept_to_first_frame_ms": "p95 1000",
    "join_to_first_frame_ms": "",
    "panel_ms": "p95 100",
    "panel_put_ms": "",
    "added_to_seen_ms": "p95 1000",
    "call_page_script_kb": "100",
}
CCCD, BORN = "051058004471", "12/03/1958"

ADDITIONS = 5
"""Vital signs that the clinic adds in each consult with a book."""

# Marks moments in the pages: a press is kept in the window's name, which outlives a navigation.
MARKS = """
document.addEventListener('click', (event) => {
  if (event.target.closest('#send-request, [data-accept], #adder [type=submit]')) window.name = String(Date.now());
}, true);
window.rungAt = 0;
window.frameAt = 0;
window.added = { count: 0, at: 0 };
const look = () => {
  const count = document.querySelectorAll('#book [data-addition]').length;
  if (count !== window.added.count) window.added = { count, at: Date.now() };
  const rings = document.querySelector('ring-card dialog[open]') !== null;
  if (rings !== (window.rungAt > 0)) window.rungAt = rings ? Date.now() : 0;
};
const start = () => new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true });
if (document.documentElement) start(); else document.addEventListener('readystatechange', start, { once: true });
const ready = new MutationObserver(() => {
  if (!window.frameAt && document.querySelector('video-tile.remote[data-decoded=true]')) window.frameAt = Date.now();
});
ready.observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-decoded'] });
"""
PANEL = """async (address) => {
  const book = document.querySelector('#book');
  const began = performance.now();
  const response = await fetch(address, { headers: { 'X-Fragment': '1' } });
  const text = await response.text();
  const came = performance.now();
  book.innerHTML = text;
  book.getBoundingClientRect();
  if (!response.ok) throw new Error(String(response.status));
  const put = performance.now();
  return [put - began, put - came];
}"""


class Measured:
    """The times in ms, by figure."""

    def __init__(self) -> None:
        self.ring: list[float] = []
        self.accept: list[float] = []
        self.join: list[float] = []
        self.panel: list[float] = []
        self.put: list[float] = []
        self.added: list[float] = []


async def one_consult(doctor: Person, specialist: Person, specialty: str, measured: Measured, *, book: bool) -> None:
    """One emergency from call to end; with `book`, the identity is confirmed in the room and the panel timed."""
    await specialist.go("/")
    await specialist.page.wait_for_timeout(150)  # the socket connects
    consult_id = await doctor.call_emergency(specialty)
    pressed = int(await doctor.page.evaluate("window.name"))
    await specialist.page.wait_for_selector("ring-card dialog[open]")
    measured.ring.append(float(await specialist.page.evaluate("window.rungAt")) - pressed)
    await specialist.accept()
    for person in (specialist, doctor):
        await person.page.wait_for_selector("video-tile.remote[data-decoded=true]")
    times: Any = await specialist.page.evaluate("[window.frameAt, Number(window.name)]")
    measured.accept.append(times[0] - times[1])
    await specialist.page.reload(wait_until="commit")
    await specialist.page.wait_for_selector("video-tile.remote[data-decoded=true]")
    measured.join.append(float(await specialist.page.evaluate("window.frameAt - performance.timeOrigin")))
    if book:
        await _confirm_identity(doctor)
        for _ in range(10):
            whole, put = await specialist.page.evaluate(PANEL, f"/consults/{consult_id}/book")
            measured.panel.append(float(whole))
            measured.put.append(float(put))
        measured.added += [time async for time in _additions(doctor, specialist)]
    await specialist.page.click("#end-consult")
    await specialist.page.click("#end-confirm")
    await specialist.page.wait_for_url("**/opinion")
    await specialist.page.fill("#opinion-form [name=text]", "Bench.")
    await specialist.page.click("#opinion-form [name=act][value=close]")
    await specialist.page.wait_for_url("**/consults/con_*")


async def _confirm_identity(doctor: Person) -> None:
    page = doctor.page
    await page.fill("#book [name=number]", CCCD)
    await page.locator("#book form button[type=submit]").first.click()
    await page.fill("#book [name=birth_date]", BORN)
    await page.locator("#book form[action$='/identity'] button[type=submit]").first.click()
    await page.wait_for_selector("#book .redline")


async def _additions(doctor: Person, specialist: Person) -> AsyncIterator[float]:
    """The clinic measures a pulse again and again: ms from its press to the value in the specialist's panel."""
    await doctor.page.locator(".controls [data-open-adder]").first.click()
    for number in range(1, ADDITIONS + 1):
        await doctor.page.fill("#add-pulse", str(70 + number))
        await doctor.page.click("#adder form[data-kind=vitals] [type=submit]")
        await specialist.page.wait_for_function("count => window.added.count === count", arg=number)
        pressed = float(await doctor.page.evaluate("window.name"))
        yield float(await specialist.page.evaluate("window.added.at")) - pressed
        await specialist.page.wait_for_timeout(200)  # what the press sets off besides comes to its end
    await doctor.page.click("#close-adder")


async def measure(browser: Browser, server: DemoServer, rounds: int) -> Measured:
    """Hold that many consults, one after the other."""
    measured = Measured()
    async with signed_in(browser, server, "bs.thuha") as specialist, signed_in(browser, server, "bs.bao") as doctor:
        for person in (specialist, doctor):
            await person.context.add_init_script(MARKS)
        specialty = await doctor.specialty_id("Thần kinh")
        await one_consult(doctor, specialist, specialty, Measured(), book=False)  # caches warm up
        for number in range(rounds):
            await one_consult(doctor, specialist, specialty, measured, book=number % 6 == 0)
    return measured


def script_kb() -> float:
    """Compressed kilobytes (1,000 bytes, gzip) of all scripts of the room's page."""
    built = REPOSITORY / "web" / "static" / "built"
    return round(sum(len(gzip.compress(path.read_bytes(), 9)) for path in built.glob("room-*.js")) / 1000, 1)


async def main() -> None:
    options = arguments("How long a consult takes to begin, in Chromium on loopback.")
    with tempfile.TemporaryDirectory(prefix="hoichan-bench-") as folder:
        server = DemoServer(Path(folder) / "var", free_port())
        try:
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=HEADLESS_CHROMIUM, args=BROWSER_ARGUMENTS)
                measured = await measure(browser, server, 4 if options.quick else 24)
                await browser.close()
        finally:
            server.stop()
    figures: Figures = {
        "request_to_ring_ms": percentiles(measured.ring),
        "accept_to_first_frame_ms": percentiles(measured.accept),
        "join_to_first_frame_ms": percentiles(measured.join),
        "panel_ms": percentiles(measured.panel),
        "panel_put_ms": percentiles(measured.put),
        "added_to_seen_ms": percentiles(measured.added),
        "call_page_script_kb": script_kb(),
    }
    show(figures, AIMS, as_json=options.json)


if __name__ == "__main__":
    asyncio.run(main())
