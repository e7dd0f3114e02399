"""The coordinators' board in a browser: live, by keys and by drag, and still smooth with a thousand rows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import vobject  # type: ignore[import-untyped]  # vobject has no type marker
from playwright.async_api import Browser, expect

from consult_rooms.model import Consent, ConsentBy, Consult, IdentityState, Patient, Question, Urgency
from foundation.ids import PatientId, new_id
from foundation.settings import Settings
from hoichan.wiring import opened
from tests.conftest import free_port
from tests.e2e.axe import violations
from tests.e2e.people import PHONE, signed_in
from tests.e2e.server import DemoServer
from tests.e2e.test_consult import STROKE, end
from tests.notify.outgoing import mail_server

ROWS = 1_000
UPDATES_PER_S = 20
MEASURED_S = 4
FRAME_MS = 50
ZONE = f"Etc/GMT{(datetime.now(UTC).hour + 3) % 24 - 11:+d}"
"""One in which it is about eight in the morning, so that there is a day ahead whenever this runs."""
SMTP_PORT = free_port()
LENGTH = timedelta(minutes=15)
LIVE_MS = 30_000
"""Within this time everybody concerned sees a change."""
FRAMES = """seconds => new Promise((done) => {
  const frames = [];
  let last = performance.now();
  const end = last + seconds * 1000;
  const step = (at) => {
    frames.push(at - last);
    last = at;
    if (at < end) requestAnimationFrame(step);
    else done(frames.slice(1));
  };
  requestAnimationFrame(step);
})"""


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    """A server of this page's own: a thousand open requests would stand in every other test's way."""
    var = tmp_path_factory.mktemp("board") / "var"
    mail = {"HOICHAN_SMTP_HOST": "127.0.0.1", "HOICHAN_SMTP_PORT": str(SMTP_PORT), "HOICHAN_SMTP_TLS": "none"}
    running = DemoServer(var, free_port(), HOICHAN_ZONE=ZONE, HOICHAN_MAIL_FROM="hoichan@example.vn", **mail)
    yield running
    assert running.stop() == 0, running.log()[-4000:]


async def test_a_planned_week_is_booked_mailed_and_overtaken_by_an_emergency_live(
    browser: Browser, own_server: DemoServer
) -> None:
    async with (
        mail_server(SMTP_PORT) as mail,
        signed_in(browser, own_server, "dp.khue") as coordinator,
        signed_in(browser, own_server, "bs.thuha") as specialist,
        signed_in(browser, own_server, "bs.bao") as clinic,
        signed_in(browser, own_server, "bs.chuong") as other,
    ):
        await specialist.go("/notices")
        await specialist.page.fill("#mail", "thuha@example.vn")
        await specialist.page.locator("form[action='/notices'] button.primary").click()
        await specialist.page.wait_for_url("**/notices?done=1")
        await specialist.go("/")

        # A week, from a template: its first time is today, a few minutes from now.
        starts = _next_quarter()
        page = coordinator.page
        await coordinator.go("/availability/new")
        offer = page.locator("#offer option", has_text="Thu Hà").first
        await page.select_option("#offer", str(await offer.get_attribute("value")))
        for day in range(7):
            await page.check(f"[name=weekday][value='{day}']", force=True)
        await page.fill("#starts", f"{starts:%H:%M}")
        await page.fill("#ends", f"{starts + LENGTH:%H:%M}")
        await page.fill("#minutes", "15")
        await page.check("[name=on_holidays]", force=True)
        await page.click("#template-form [value=preview]")
        await expect(page.locator("[data-preview]")).to_contain_text(f"{starts:%H:%M}")
        assert await violations(page) == [], "the preview of a template"
        await page.click("#template-form [value=save]")
        await page.wait_for_url(lambda url: "/availability/new" not in url)
        await coordinator.go("/coordinator")
        await page.wait_for_selector("#board[data-state=live]")

        # The clinic finds the time and books it itself.
        specialty = await clinic.specialty_id(STROKE)
        await clinic.go(f"/free-slots?specialty={specialty}")
        assert await violations(clinic.page) == [], "free times"
        found = clinic.page.locator("li[data-slot]", has_text="Thu Hà").filter(has_text=f"{starts:%H:%M}–").first
        slot_id = await found.get_attribute("data-slot")
        await found.get_by_role("link").click()
        await clinic.page.wait_for_selector("#situation")
        await clinic.page.select_option("#requester_id", label="BS. Lê Quốc Bảo")
        await clinic.identify("051058004471", "12/03/1958")
        await clinic.page.fill("#situation", "Tái khám sau nhồi máu não")
        await clinic.page.check("[name=consent_consult]", force=True)
        await clinic.page.check("[name=consent_record]", force=True)
        await clinic.page.select_option("#consent_by", "self")
        await clinic.page.locator(".send-bar button.primary").click()
        await clinic.page.wait_for_url("**/consults/con_*")
        consult = clinic.page.url.removeprefix(own_server.url)

        # The coordinator's lane and the specialist's agenda show it unasked, and the mail brings the calendar.
        slot = page.locator(f"#lanes [data-slot='{slot_id}']")
        await expect(slot).to_have_attribute("data-state", "booked", timeout=LIVE_MS)
        mine = specialist.page.locator("section[data-live$='part=agenda'] tr", has_text=f"{starts:%H:%M}")
        await expect(mine.first).to_contain_text("Nguyễn Văn Lành", timeout=LIVE_MS)
        async with asyncio.timeout(LIVE_MS / 1000):
            while not mail.received:
                await asyncio.sleep(0.1)
        (told,) = mail.received
        assert told["To"] == "thuha@example.vn"
        assert "Nguyễn Văn Lành" not in str(told)
        (invitation,) = [part for part in told.walk() if part.get_content_type() == "text/calendar"]
        calendar = vobject.readOne(invitation.get_content())
        assert (calendar.method.value, calendar.vevent.dtstart.value) == ("REQUEST", starts)

        # An emergency that she takes overtakes it: the lane says so, and the clinic in the waiting room may choose.
        await clinic.go(f"{consult}/preview")
        await other.call_emergency(specialty, "Yếu nửa người", "60", "male")
        await specialist.accept()
        await expect(slot).to_have_attribute("data-state", "displaced", timeout=LIVE_MS)
        await expect(clinic.page.locator(f"a[href='{consult}']", has_text="Chọn giờ khác")).to_be_visible(
            timeout=LIVE_MS
        )
        await clinic.go(consult)
        await clinic.page.locator("form[action$='/choose'] button").first.click()
        await expect(slot).to_have_count(0, timeout=LIVE_MS)
        await end(specialist, "Chuyển viện ngay")
        for person in (coordinator, specialist, clinic, other):
            assert person.errors == [], person.user_name


async def test_a_coordinator_sees_escalates_and_moves_live(browser: Browser, own_server: DemoServer) -> None:
    first, second, third = await _day(own_server)
    async with (
        signed_in(browser, own_server, "dp.khue") as coordinator,
        signed_in(browser, own_server, "bs.bao") as doctor,
    ):
        page = coordinator.page
        await coordinator.go("/coordinator")
        await page.wait_for_selector("#board[data-state=live]")
        specialty = await doctor.specialty_id("Thần kinh")
        consult_id = await doctor.call_emergency(specialty, "Yếu nửa người", "60", "male")
        row = page.locator(f"#open [data-consult='{consult_id}']")
        await expect(row).to_contain_text("nam, 60 tuổi")
        await expect(row.locator(".breach")).to_contain_text("còn")
        assert await violations(page) == [], "the board"

        await row.focus()
        await page.keyboard.press("e")
        await page.select_option("#act-body [name=reason]", "unanswered")
        await page.fill("#act-body [name=note]", "Trạm gọi lại lần hai")
        assert await violations(page) == []
        await page.click("#act-body [data-act=widen]")
        await expect(page.locator("#act-body .banner")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(row).to_be_focused()
        await expect(row.locator(".held")).to_contain_text("Trạm gọi lại lần hai")

        lane = page.locator("#lanes .lane[data-staff]")
        await page.click("#day-parts [data-part='1']")
        await lane.locator(f"[data-slot='{first}']").press("Enter")
        await page.keyboard.press("ArrowRight")
        await expect(lane.locator(f"[data-slot='{second}']")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(lane.locator(f"[data-slot='{second}']")).to_have_attribute("data-state", "booked")
        await expect(lane.locator(f"[data-slot='{first}']")).to_have_attribute("data-state", "free")
        await lane.locator(f"[data-slot='{second}']").drag_to(lane.locator(f"[data-slot='{third}']"))
        await expect(lane.locator(f"[data-slot='{third}']")).to_have_attribute("data-state", "booked")

        await page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # a plain dict is one
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await violations(page) == []
        await coordinator.go("/coordinator/phones")
        assert await violations(page) == []
        assert coordinator.errors == []


async def test_a_thousand_rows_stay_smooth_while_twenty_a_second_change(
    browser: Browser, own_server: DemoServer
) -> None:
    async with opened(Settings(var=own_server.var, zone=ZONE)) as parts:
        coordinator = await parts.directory.staff_by_user_name("dp.khue")
        doctor = await parts.directory.staff_by_user_name("bs.bao")
        assert coordinator is not None
        assert doctor is not None
        specialty = (await parts.directory.specialties())[0]

        async def ask(number: int) -> Consult:
            return await parts.requests.create(
                doctor,
                terminal_id=None,
                specialty_id=specialty.id,
                urgency=Urgency.ROUTINE,
                patient=Patient(PatientId(new_id("pat")), IdentityState.ESTABLISHED, f"Người thử {number}", sex="male"),
                question=Question(situation=f"Câu hỏi số {number}"),
                consent=Consent(consult=True, record_view=True, by=ConsentBy.SELF),
                idempotency_key=f"board-{number}",
                in_writing=True,
            )

        asked = [await ask(number) for number in range(ROWS)]
        async with signed_in(browser, own_server, "dp.khue") as person:
            page = person.page
            await person.go("/coordinator")
            await expect(page.locator("#open-count")).to_have_text(str(ROWS), timeout=15_000)

            async def change() -> None:
                for number in range(UPDATES_PER_S * MEASURED_S):
                    await parts.board.acts.comment(coordinator, asked[number * 7 % ROWS].id, f"Ghi chú {number}")
                    await asyncio.sleep(1 / UPDATES_PER_S)

            changing = asyncio.create_task(change())
            frames: list[float] = await page.evaluate(FRAMES, MEASURED_S)
            await changing
            await expect(page.locator(f"[data-consult='{asked[0].id}'] .held small")).to_contain_text("Ghi chú 0")
            slow = [frame for frame in frames if frame > FRAME_MS]
            assert len(slow) <= len(frames) // 20, (len(frames), sorted(slow)[-5:])
            assert person.errors == []


def _next_quarter() -> datetime:
    """The next quarter of an hour that is not too near for a form to be filled."""
    soon = datetime.now(ZoneInfo(ZONE)) + timedelta(minutes=3)
    return soon.replace(minute=soon.minute // 15 * 15, second=0, microsecond=0) + LENGTH


async def _day(server: DemoServer) -> list[str]:
    """Three slots of one specialist this morning, the first booked; gives their ids."""
    async with opened(Settings(var=server.var, zone=ZONE)) as parts:
        coordinator = await parts.directory.staff_by_user_name("dp.khue")
        doctor = await parts.directory.staff_by_user_name("bs.bao")
        specialist = await parts.directory.staff_by_user_name("bs.thuha")
        assert coordinator is not None
        assert doctor is not None
        assert specialist is not None
        starts = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1, minutes=15)
        (specialty_id, *_) = sorted(specialist.specialties)
        made = await parts.scheduling.publish(
            coordinator, specialist.id, specialty_id, starts, starts + timedelta(minutes=90), 30
        )
        patient = Patient(PatientId(new_id("pat")), IdentityState.ESTABLISHED, "Người thử", sex="male")
        consent = Consent(consult=True, record_view=True, by=ConsentBy.SELF)
        question = Question(situation="Tái khám")
        await parts.scheduling.book(
            coordinator, made[0].id, doctor.facility_id, None, doctor.id, patient, question, consent, "board-day"
        )
        return [slot.id for slot in made]
