"""A booked consult, from the published time to the cancellation, as coordinator, clinic and specialist see it."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from playwright.async_api import Browser, Locator, expect

from tests.e2e.people import Person, signed_in
from tests.e2e.server import DemoServer

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
SPECIALIST = "Phùng Gia Bình"
CITIZEN = "Nguyễn Văn Lành"
CCCD = "051058004471"
BORN = "12/03/1958"
REFUSED = "the server responded with a status of 4"
"""What Chromium's console says when a form comes back with its errors."""


async def test_a_slot_is_published_booked_moved_and_cancelled(browser: Browser, server: DemoServer) -> None:
    async with (
        signed_in(browser, server, "dp.khue") as coordinator,
        signed_in(browser, server, "bs.giabinh") as specialist,
        signed_in(browser, server, "bs.bao") as doctor,
    ):
        await _publish(coordinator, "18:00", "19:00")
        slots = coordinator.page.locator("#slots li", has_text=SPECIALIST).filter(has_text="18:")
        await expect(slots).to_have_count(2)
        await expect(slots.locator("time")).to_have_text(["18:00–18:30", "18:30–19:00"])
        await _publish(coordinator, "18:45", "19:15")
        await expect(coordinator.page.locator("#offer-problem")).to_be_visible()

        consult = await _book(coordinator, _slot(coordinator, "18:00"))
        for person in (specialist, doctor):
            await _sees(person, "18:00")
        await doctor.go(f"{consult}/room")
        await doctor.page.wait_for_url("**/preview")
        await expect(doctor.page.locator(".banner")).to_contain_text("17:45")
        await expect(doctor.page.locator("#enter-room")).to_have_count(0)
        await expect(doctor.page.locator("#level")).to_be_visible()

        await _unfold(coordinator, "18:00")
        await coordinator.page.locator("#slots details[open] [name=slot_id]").select_option(
            label=f"{_day():%d/%m/%Y} 18:30 · BS. {SPECIALIST}"
        )
        await coordinator.page.locator("#slots details[open] form[action$='/move'] button").click()
        await expect(_slot(coordinator, "18:30")).to_have_attribute("data-state", "booked")
        await expect(_slot(coordinator, "18:00")).to_have_attribute("data-state", "free")
        for person in (specialist, doctor):
            await _sees(person, "18:30")
            await expect(_appointment(person, "18:00")).to_have_count(0)

        await _unfold(coordinator, "18:30")
        await coordinator.page.locator("#slots details[open] form[action$='/cancel'] button").click()
        await expect(_slot(coordinator, "18:30")).to_have_attribute("data-state", "free")
        for person in (specialist, doctor):
            await person.go("/")
            await expect(_appointment(person, "18:30")).to_have_count(0)
        await doctor.go(consult)
        await expect(doctor.page.locator(".page-head")).to_contain_text("Đã hủy")

        for time in ("18:00", "18:30"):
            await _slot(coordinator, time).locator("form[action$='/withdraw'] button").click()
            await expect(_slot(coordinator, time)).to_have_count(0)
        for person in (coordinator, specialist, doctor):
            assert [error for error in person.errors if REFUSED not in error] == [], person.user_name


async def test_a_booking_without_a_patient_keeps_what_was_typed(browser: Browser, server: DemoServer) -> None:
    async with signed_in(browser, server, "dp.khue") as coordinator:
        page = coordinator.page
        await coordinator.go("/slots")
        await page.locator("#slots a[href^='/slots/slo_']").first.click()
        await page.fill("#situation", "Đau bụng vùng thượng vị")
        await page.locator(".send-bar button.primary").click()
        await expect(page.locator("#patient-problem")).to_be_visible()
        await expect(page.locator("#requester_id-problem")).to_be_visible()
        await expect(page.locator("#situation")).to_have_value("Đau bụng vùng thượng vị")


def _day() -> datetime:
    """The day of the test's slots: inside the two weeks of the home page, far from the demo's own."""
    return datetime.now(ZONE) + timedelta(days=11)


def _slot(coordinator: Person, starts: str) -> Locator:
    return coordinator.page.locator("#slots li", has_text=SPECIALIST).filter(has_text=f"{starts}–")


def _appointment(person: Person, starts: str) -> Locator:
    return person.page.locator("section[data-live$='part=agenda'] tr", has_text=starts).filter(
        has_text=f"{_day():%d/%m/%Y}"
    )


async def _sees(person: Person, starts: str) -> None:
    await person.go("/")
    await expect(_appointment(person, starts)).to_contain_text(CITIZEN)


async def _publish(coordinator: Person, starts: str, ends: str) -> None:
    page = coordinator.page
    await coordinator.go("/slots")
    offer = page.locator("#offer option", has_text=SPECIALIST).first
    await page.select_option("#offer", str(await offer.get_attribute("value")))
    await page.fill("#day", f"{_day():%Y-%m-%d}")
    await page.fill("#starts", starts)
    await page.fill("#ends", ends)
    await page.select_option("#minutes", "30")
    await page.click("#publish-form button.primary")
    await page.wait_for_load_state()


async def _book(coordinator: Person, slot: Locator) -> str:
    """Book it for the island's doctor and a patient known by two identifiers; gives the consult's path."""
    page = coordinator.page
    await coordinator.go(f"/slots?day={_day():%Y-%m-%d}")
    await slot.get_by_role("link").click()
    await page.locator("#requester_id option", has_text="Lê Quốc Bảo").wait_for(state="attached")
    await page.select_option("#requester_id", label="BS. Lê Quốc Bảo")
    await coordinator.identify(CCCD, BORN)
    await page.fill("#situation", "Tái khám sau nhồi máu não")
    await page.check("[name=consent_consult]", force=True)
    await page.check("[name=consent_record]", force=True)
    await page.select_option("#consent_by", "self")
    await page.locator(".send-bar button.primary").click()
    await page.wait_for_url("**/consults/con_*")
    await expect(page.locator("main")).to_contain_text("18:00")
    return page.url.removeprefix(coordinator.server.url)


async def _unfold(coordinator: Person, starts: str) -> None:
    await coordinator.go(f"/slots?day={_day():%Y-%m-%d}")
    await _slot(coordinator, starts).locator("summary").click()
