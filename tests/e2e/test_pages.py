"""Every page of every role: no script or policy errors, Vietnamese through and through, usable on a phone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from foundation.i18n import Languages
from tests.e2e.people import DESKTOP, PHONE, Person, signed_in
from tests.e2e.server import DemoServer

PAGES = {
    "bs.dan": (
        "/",
        "/requests/new?urgency=emergency",
        "/requests/new?urgency=routine",
        "/agenda",
        "/consults",
        "/password",
        "/terminal",
    ),
    "bs.thuha": ("/", "/agenda", "/consults", "/emergency", "/emergency/patient"),
    "dp.ngan": ("/", "/coordinator", "/slots", "/rota", "/agenda", "/consults"),
    "qt.hieu": (
        "/",
        "/administration",
        "/administration/facilities",
        "/administration/facilities/new",
        "/administration/specialties",
        "/administration/staff",
        "/administration/staff/new",
        "/administration/terminals",
        "/administration/tokens",
        "/administration/import",
        "/administration/import/staff",
    ),
    "bv.linh": ("/", "/administration/audit", "/administration/emergencies", "/administration/views"),
}
FOLLOWED = {
    "bs.thuha": ("/consults", "main table a[href^='/consults/']"),
    "qt.hieu": ("/administration/staff", "main table a[href^='/administration/staff/']"),
    "dp.ngan": ("/slots", "main a[href^='/slots/slo_']"),
}
"""The first link of a list leads to one more kind of page."""

SIZES = """() => {
  const small = [];
  for (const target of document.querySelectorAll("a[href], button, input, select, textarea, summary")) {
    if (target.matches("input[type=hidden], .sr-only, .skip")) continue;
    if (!target.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    if (target.matches("a") && getComputedStyle(target).display === "inline") continue;
    const tick = target.matches("input[type=checkbox], input[type=radio]");
    const box = ((tick && target.closest("label")) || target).getBoundingClientRect();
    if (box.height < 43.5) small.push(`${target.outerHTML.slice(0, 90)}: ${box.height}`);
  }
  return { width: document.documentElement.scrollWidth, small };
}"""

TEXTS = """() => {
  const texts = new Set();
  const foreign = (element) =>
    element.closest("[lang]") !== document.documentElement || element.closest("script, style, [hidden]");
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    if (node.data.trim() && !foreign(node.parentElement)) texts.add(node.data.trim().replace(/\\s+/g, " "));
  for (const element of document.querySelectorAll("[aria-label], [placeholder], [title]"))
    for (const name of ["aria-label", "placeholder", "title"])
      if (element.getAttribute(name) && !foreign(element)) texts.add(element.getAttribute(name));
  texts.add(document.title.replace(/ · Hoichan$/, ""));
  return [...texts];
}"""

FOCUS = """() => {
  const element = document.activeElement;
  const seen = (one) => {
    const style = getComputedStyle(one);
    return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== "none";
  };
  return element === document.body || seen(element) || seen(element.closest("label") || element)
    ? "" : element.outerHTML.slice(0, 120);
}"""

ENGLISH = re.compile(r"\b(the|of|and|is|are|for|your|with|not|yet|from|by|this|was|has)\b", re.IGNORECASE)
"""Words that make an English sentence and are no Vietnamese syllables."""


@pytest.mark.parametrize("user_name", PAGES)
async def test_the_pages_of_a_role(browser: Browser, server: DemoServer, user_name: str) -> None:
    async with signed_in(browser, server, user_name) as person:
        policy = _policy_violations(person)
        paths = [*PAGES[user_name]]
        if user_name in FOLLOWED:
            index, link = FOLLOWED[user_name]
            await person.go(index)
            paths.append(str(await person.page.locator(link).first.get_attribute("href")))
        for path in paths:
            await person.page.set_viewport_size(_size(DESKTOP))
            await _opens(person, path)
            assert await person.page.get_attribute("html", "lang") == "vi", path
            await _is_vietnamese(person, path)
            await _shows_focus(person, path)
            await person.page.set_viewport_size(_size(PHONE))
            await _fits_a_phone(person, path)
        await _in_english(person, PAGES[user_name])
        assert person.errors == []
        assert policy == []


async def test_the_sign_in_page_in_both_languages(browser: Browser, server: DemoServer) -> None:
    context = await browser.new_context(locale="vi-VN", viewport=_size(PHONE))
    person = Person(server, context, await context.new_page(), "")
    await _opens(person, "/sign-in")
    await _is_vietnamese(person, "/sign-in")
    await _fits_a_phone(person, "/sign-in")
    await person.page.click(".language button[value=en]")
    await expect(person.page.locator("h1")).to_have_text("Sign in")
    await _fits_a_phone(person, "/sign-in")
    assert person.errors == []
    await context.close()


async def test_pages_that_are_not_there_or_not_for_one(browser: Browser, server: DemoServer) -> None:
    async with signed_in(browser, server, "bs.dan", PHONE) as person:
        for path, status in (("/nowhere", 404), ("/administration/staff", 403), ("/slots", 403)):
            answer = await person.page.goto(server.url + path)
            assert answer is not None
            assert answer.status == status, path
            await _is_vietnamese(person, path)
            await _fits_a_phone(person, path)
            await expect(person.page.locator("main a[href='/']")).to_be_visible()


async def _in_english(person: Person, paths: tuple[str, ...]) -> None:
    """The pages again on a phone, switched to English, and back: the choice stays with the person."""
    try:
        await person.page.click(".language button[value=en]")
        await expect(person.page.locator("html")).to_have_attribute("lang", "en")
        for path in paths:
            await _opens(person, path)
            assert await person.page.get_attribute("html", "lang") == "en", path
            assert await person.page.locator("nav a", has_text="Trang chính").count() == 0
            await _fits_a_phone(person, path)
    finally:
        await person.page.click(".language button[value=vi]")
        await expect(person.page.locator("html")).to_have_attribute("lang", "vi")


async def _opens(person: Person, path: str) -> None:
    answer = await person.page.goto(person.server.url + path)
    assert answer is not None
    assert answer.status == 200, path


async def _is_vietnamese(person: Person, path: str) -> None:
    """No message of the catalogue in English, and no English sentence beside the catalogue."""
    vietnamese = Languages().get("vi")
    texts: list[str] = await person.page.evaluate(TEXTS)
    assert len(texts) > 5, path
    assert [text for text in texts if vietnamese.text(text) != text or ENGLISH.search(text)] == [], path


async def _shows_focus(person: Person, path: str) -> None:
    for _ in range(14):
        await person.page.keyboard.press("Tab")
        assert await person.page.evaluate(FOCUS) == "", path


async def _fits_a_phone(person: Person, path: str) -> None:
    found: dict[str, Any] = await person.page.evaluate(SIZES)
    assert found["width"] <= PHONE["width"], path
    assert found["small"] == [], path


def _policy_violations(person: Person) -> list[str]:
    """What the browser refused by the content security policy; it is told on the console."""
    found: list[str] = []
    person.page.on(
        "console", lambda message: found.append(message.text) if "Content Security Policy" in message.text else None
    )
    return found


def _size(viewport: dict[str, int]) -> Any:
    return viewport
