"""Real consults in real browsers, with real media: from the request to the goodbye."""

from __future__ import annotations

import asyncio
import io

from PIL import Image
from playwright.async_api import Browser, expect

from tests.e2e.people import FRAMES, Person, signed_in
from tests.e2e.server import DemoServer

STROKE = "Thần kinh"
CITIZEN = "Nguyễn Văn Lành"
CCCD = "051058004471"
CCCD_TAIL = CCCD[-4:]
BORN = "12/03/1958"
QUESTION = "Huyết áp và đường huyết bây giờ?"


async def test_an_emergency_under_a_temporary_identity(browser: Browser, server: DemoServer) -> None:
    async with signed_in(browser, server, "bs.thuha") as specialist, signed_in(browser, server, "bs.bao") as doctor:
        specialty = await doctor.specialty_id(STROKE)
        consult_id = await doctor.call_emergency(specialty, "Yếu nửa người phải từ 13:20", age="60", sex="male")
        card = specialist.page.locator("ring-card dialog[open]")
        await expect(card).to_contain_text("Yếu nửa người phải từ 13:20")
        await expect(card).to_contain_text("60 tuổi")
        await specialist.accept()
        await doctor.in_room()
        for person in (specialist, doctor):
            await person.sees_other()
            assert await person.hears_other() > 0.01
        await expect(specialist.page.locator("#book")).to_contain_text("Chưa xác định danh tính")
        await expect(specialist.page.locator("#book")).not_to_contain_text("Dị ứng nặng")

        await doctor.say("Đã chụp CT lúc 13:50")
        await expect(specialist.page.locator("#chat-list")).to_contain_text("Đã chụp CT lúc 13:50")

        await _advice_is_read_back(specialist, doctor)
        await _both_draw_on_a_picture(specialist, doctor)
        await _reload_comes_back(doctor, specialist)
        await expect(doctor.page.locator("#chat-list")).to_contain_text("Đã chụp CT lúc 13:50")

        await end(specialist, "Chuyển ngay đến đơn vị đột quỵ.")
        await doctor.page.wait_for_url(f"**/consults/{consult_id}")
        await doctor.go(f"/consults/{consult_id}")
        await expect(doctor.page.locator("body")).to_contain_text("Chuyển ngay đến đơn vị đột quỵ.")
        await doctor.page.click("#thread-list a.attached")  # drawn on, and to be seen afterwards
        await expect(doctor.page.locator(".drawing-canvas img")).to_be_visible()
        kinds = await doctor.page.locator("#timeline li").evaluate_all("items => items.map(item => item.dataset.kind)")
        for kind in ("requested", "rung", "claimed", "joined", "first_frame", "chat", "ended", "closed"):
            assert kind in kinds, (kind, kinds)
        assert kinds.index("requested") < kinds.index("claimed") < kinds.index("first_frame") < kinds.index("ended")
        assert kinds.count("joined") == 2, "a reload is not another entry"
        assert specialist.errors == []
        assert doctor.errors == []


async def _advice_is_read_back(specialist: Person, doctor: Person) -> None:
    """The clinic says that it cannot, and why; the specialist sees it beside the call."""
    page, theirs = specialist.page, doctor.page
    await page.click(".drawer-tabs [data-show=advice]")
    await page.select_option("#kind-new", "drug")
    await page.fill("#text-new", "Aspirin")
    await page.fill("#dose-new", "300 mg, uống ngay")
    await page.click("#advice-form button[type=submit]")
    await expect(page.locator("#text-new")).to_have_value("")
    item = theirs.locator("#advice-list li[data-state=open]")
    await expect(item).to_contain_text("300 mg, uống ngay")
    await expect(theirs.locator(".drawer-tabs [data-advice-count]")).to_have_text("1")
    await item.locator("summary").click()
    await item.locator("[name=reason]").fill("Trạm không có aspirin")
    await item.locator("details button").click()
    await expect(page.locator("#advice-list li[data-state=cannot]")).to_contain_text("Lý do: Trạm không có aspirin")
    await expect(theirs.locator(".drawer-tabs [data-advice-count]")).to_be_hidden()


async def _both_draw_on_a_picture(specialist: Person, doctor: Person) -> None:
    """An arrow of one is seen by the other at once, and is gone when it is taken back."""
    page, theirs = specialist.page, doctor.page
    picture = io.BytesIO()
    Image.new("RGB", (640, 480), "#345").save(picture, "JPEG")
    content = picture.getvalue()
    await theirs.set_input_files("#attach", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": content})
    for one in (page, theirs):
        await one.click("#chat-list a.attached")
        await expect(one.locator(".drawing-canvas img")).to_be_visible()
    box = await page.locator(".drawing-canvas").bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
    await page.mouse.down()
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await page.mouse.up()
    for one in (page, theirs):
        await expect(one.locator(".drawing-canvas g[data-kind=arrow]")).to_have_count(1)
    await expect(theirs.locator(".drawing-layers")).to_contain_text("Hà")
    await theirs.click("#drawing-undo")  # one's own alone: nothing
    await page.click("#drawing-undo")
    await expect(theirs.locator(".drawing-canvas g[data-kind=arrow]")).to_have_count(0)
    for one in (page, theirs):
        await one.locator(".drawing-bar .button", has_text="Đóng").click()


async def test_a_consult_with_the_patients_book(browser: Browser, server: DemoServer) -> None:
    async with signed_in(browser, server, "bs.thuha") as specialist, signed_in(browser, server, "bs.bao") as doctor:
        specialty = await doctor.specialty_id(STROKE)
        page = doctor.page
        await doctor.go("/requests/new?urgency=urgent")
        await page.check(f"input[name=specialty_id][value='{specialty}']", force=True)
        await _identify(doctor)
        await page.fill("[name=situation]", "Yếu nửa người phải, đang dùng chống đông")
        await page.check("[name=consent_consult]", force=True)
        await page.check("[name=consent_record]", force=True)
        await page.select_option("[name=consent_by]", "proxy")
        await page.click("#send-request")
        await page.wait_for_selector("#waiting")
        card = specialist.page.locator("ring-card dialog[open]")
        await expect(card).to_contain_text("Yếu nửa người phải, đang dùng chống đông")
        await expect(card).not_to_contain_text(CITIZEN)
        await specialist.page.click("ring-card [data-accept]")
        await specialist.page.wait_for_url("**/preview")
        await expect(specialist.page.locator("#level")).to_be_visible()
        await specialist.page.wait_for_function("() => document.querySelector('#level').value > 0")
        await page.wait_for_url("**/preview")
        # Claimed, and nobody has entered: both still stand before the room.
        for person in (doctor, specialist):
            await person.page.reload()
            await expect(person.page.locator("#enter-room")).to_be_visible()
        await specialist.page.click("#enter-room", no_wait_after=True)
        await specialist.in_room()
        book = specialist.page.locator("#book")
        await expect(book).to_contain_text(CITIZEN)
        await expect(book).to_contain_text(CCCD_TAIL)
        await expect(book.locator(".redline")).to_contain_text("enicillin")
        await expect(book).to_contain_text("cenocoumarol")
        await page.click("#enter-room", no_wait_after=True)
        await doctor.in_room()
        for person in (specialist, doctor):
            await person.sees_other()
        await book.get_by_role("link", name="Kết quả").click()
        await expect(book).to_contain_text("INR")
        await specialist.sees_other(frames=90)  # the call went on while one was reading
        await end(specialist, "Đo INR lại, không dùng tiêu sợi huyết.")
        assert specialist.errors == []
        assert doctor.errors == []


async def test_of_two_who_accept_at_once_one_has_the_case_and_the_other_is_told_who(
    browser: Browser, server: DemoServer
) -> None:
    async with (
        signed_in(browser, server, "bs.thuha") as ha,
        signed_in(browser, server, "bs.khai") as khai,
        signed_in(browser, server, "bs.khai") as away,
        signed_in(browser, server, "bs.bao") as doctor,
    ):
        specialty = await doctor.specialty_id(STROKE)
        consult_id = await doctor.call_emergency(specialty)
        await away.page.wait_for_selector("ring-card [data-accept]")
        await away.context.set_offline(True)
        await expect(away.page.locator(".banner.offline")).to_be_attached(timeout=15_000)
        await ha.page.locator("ring-card [data-ask] summary").click()
        await ha.page.fill("ring-card [data-ask] input", QUESTION)
        await ha.page.click("ring-card [data-ask] button")
        await expect(doctor.page.locator("#inquiries")).to_contain_text(QUESTION)
        for person in (ha, doctor):
            await person.page.reload()  # it rings on, with what was asked
        await expect(doctor.page.locator("#inquiries")).to_contain_text(QUESTION)
        for specialist in (ha, khai):
            await expect(specialist.page.locator("ring-card")).to_contain_text(QUESTION)
        # Both pages press at the same moment of the clock that they share.
        press = "at => setTimeout(() => document.querySelector('ring-card [data-accept]').click(), at - Date.now())"
        at = int(await ha.page.evaluate("Date.now()")) + 500
        await asyncio.gather(ha.page.evaluate(press, at), khai.page.evaluate(press, at))
        await doctor.in_room()
        winners = []
        for specialist, other in ((ha, "Trần Thị Thu Hà"), (khai, "Vũ Đình Khải")):
            await specialist.page.wait_for_function(
                "() => location.pathname.endsWith('/room') || document.querySelector('.toast')"
            )
            if specialist.page.url.endswith("/room"):
                winners.append((specialist, other))
        assert len(winners) == 1
        winner, name = winners[0]
        loser = khai if winner is ha else ha
        await expect(loser.page.locator(".toast")).to_contain_text(name)
        await expect(loser.page.locator("ring-card")).to_have_count(0)
        await expect(away.page.locator("ring-card")).to_have_count(1)  # nobody could tell it yet
        await away.context.set_offline(False)
        await expect(away.page.locator("ring-card")).to_have_count(0, timeout=15_000)
        await winner.in_room()
        await loser.go(f"/consults/{consult_id}/room")
        await expect(loser.page.locator("#room")).to_have_count(0)
        await end(winner, "Đã hội chẩn.")


async def test_a_second_tab_takes_over_and_the_first_says_so(browser: Browser, server: DemoServer) -> None:
    async with signed_in(browser, server, "bs.thuha") as specialist, signed_in(browser, server, "bs.bao") as doctor:
        consult_id = await doctor.call_emergency(await doctor.specialty_id(STROKE))
        await specialist.accept()
        await doctor.in_room()
        await doctor.sees_other(10)
        second = Person(server, doctor.context, await doctor.context.new_page(), "bs.bao")
        await second.go(f"/consults/{consult_id}/room")
        await second.sees_other(10)
        await expect(doctor.page.locator("#room-notice")).to_contain_text("thẻ khác")
        await specialist.sees_other(10)
        await end(specialist, "Xong.")


async def _identify(doctor: Person) -> None:
    """Find the citizen by the number on the card, then confirm with the birth date: two identifiers."""
    page = doctor.page
    await page.fill("#patient [name=number]", CCCD)
    await page.locator("#patient form button[type=submit]").first.click()
    await page.fill("#patient [name=birth_date]", BORN)
    assert CCCD not in await page.inner_text("#patient"), "a hit is masked"
    await page.locator("#patient form button[type=submit]", has_text="Đối chiếu").first.click()
    await page.wait_for_selector("#patient input[name=patient]", state="attached")


async def _reload_comes_back(person: Person, other: Person) -> None:
    await person.page.reload(wait_until="commit")
    await person.page.wait_for_selector("#room[data-state=joined]")
    await person.sees_other(10)
    before = await other.page.evaluate(FRAMES)
    await other.sees_other(int(before) + 10)


async def end(specialist: Person, opinion: str) -> None:
    """End for everybody, write the opinion, close it."""
    page = specialist.page
    await page.click("#end-consult")
    await page.click("#end-confirm")
    await page.wait_for_url("**/opinion")
    await page.fill("#opinion-form [name=text]", opinion)
    await page.click("#opinion-form [name=act][value=close]")
    await page.wait_for_url("**/consults/con_*")
