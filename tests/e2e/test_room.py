"""What happens in a room besides two people talking: a third person, a cut line, muting, leaving without ending."""

from __future__ import annotations

from playwright.async_api import Browser, expect

from tests.e2e.people import FRAMES, Person, signed_in
from tests.e2e.server import DemoServer
from tests.e2e.test_consult import STROKE, end


async def test_an_observer_is_asked_in_receives_and_sees_no_book(browser: Browser, server: DemoServer) -> None:
    async with (
        signed_in(browser, server, "bs.thuha") as specialist,
        signed_in(browser, server, "bs.bao") as doctor,
        signed_in(browser, server, "bs.hoaian") as observer,
    ):
        consult_id = await _in_a_room(doctor, specialist)
        page = specialist.page
        await page.click("#invite")
        await expect(page.locator("#invitee option", has_text="Nguyễn Hoài An")).to_have_count(1)
        await page.locator("#invitee").select_option(label=await _option(specialist, "Nguyễn Hoài An"))
        await page.check("#invite-form input[value=observer]", force=True)
        await page.click("#invite-form button[type=submit]")
        await expect(page.locator("#invite-dialog")).to_be_hidden()
        await observer.page.click(".toast a")
        await observer.page.click("#enter-room", no_wait_after=True)
        await observer.in_room()
        await expect(observer.page.locator("video-tile[data-participant-id]")).to_have_count(2)
        await observer.sees_other(20)
        await expect(observer.page.locator("#mute")).to_have_count(0)
        await expect(observer.page.locator("#chat-form")).to_be_hidden()
        await expect(observer.page.locator("#book .redline")).to_have_count(0)
        # Nobody sees an observer, everybody knows of one.
        await expect(doctor.page.locator("video-tile[data-participant-id]")).to_have_count(1)
        await expect(doctor.page.locator("#people-chip")).to_contain_text("3")
        await observer.page.click("#leave-room")
        await observer.page.wait_for_url(f"**/consults/{consult_id}")
        await expect(doctor.page.locator("#people-chip")).to_contain_text("2")
        await end(specialist, "Xong.")


async def test_a_third_who_takes_part_is_seen_by_both(browser: Browser, server: DemoServer) -> None:
    async with (
        signed_in(browser, server, "bs.thuha") as specialist,
        signed_in(browser, server, "bs.bao") as doctor,
        signed_in(browser, server, "bs.hoaian") as third,
    ):
        await _in_a_room(doctor, specialist)
        await doctor.page.click("#invite")
        await doctor.page.locator("#invitee").select_option(label=await _option(doctor, "Nguyễn Hoài An"))
        await doctor.page.click("#invite-form button[type=submit]")
        await third.page.click(".toast a")
        await third.page.click("#enter-room", no_wait_after=True)
        await third.in_room()
        for person in (specialist, doctor, third):
            await expect(person.page.locator("video-tile[data-participant-id]")).to_have_count(2)
            await expect(person.page.locator("video-tile[data-participant-id][data-decoded=true]")).to_have_count(
                2, timeout=20_000
            )
        await end(specialist, "Xong.")


async def test_ten_seconds_without_network_and_the_other_side_need_do_nothing(
    browser: Browser, server: DemoServer
) -> None:
    async with signed_in(browser, server, "bs.thuha") as specialist, signed_in(browser, server, "bs.bao") as doctor:
        await _in_a_room(doctor, specialist)
        await doctor.context.set_offline(True)
        await expect(doctor.page.locator("#line-state")).to_contain_text("Mất kết nối")
        await expect(specialist.page.locator("video-tile.remote")).to_have_attribute("data-cover", "reconnecting")
        await doctor.say("Còn nghe rõ không?")  # written while the line is cut, and not lost
        await expect(doctor.page.locator("#chat-list [data-pending]")).to_have_count(1)
        await doctor.page.wait_for_timeout(10_000)  # ten seconds of real time, as the requirement counts them
        await doctor.context.set_offline(False)
        await expect(specialist.page.locator("#chat-list")).to_contain_text("Còn nghe rõ không?", timeout=20_000)
        for person in (doctor, specialist):
            before = int(await person.page.evaluate(FRAMES))
            await person.sees_other(before + 20)
        kinds = await doctor.page.locator("#ribbon li").evaluate_all("items => items.map(item => item.dataset.kind)")
        assert kinds.count("joined") == 2
        assert "left" not in kinds
        await end(specialist, "Xong.")


async def test_speaking_and_muting_are_said_and_leaving_is_not_ending(browser: Browser, server: DemoServer) -> None:
    async with signed_in(browser, server, "bs.thuha") as specialist, signed_in(browser, server, "bs.bao") as doctor:
        consult_id = await _in_a_room(doctor, specialist)
        # The browsers' fake microphones beep: each is heard, and marked by the level that its packets carry.
        for person in (doctor, specialist):
            await expect(person.page.locator("video-tile.remote[data-speaks]")).to_have_count(1)
        await doctor.page.click("#mute")
        await expect(specialist.page.locator("video-tile.remote [data-muted]")).to_be_visible()
        await expect(specialist.page.locator("video-tile.remote[data-speaks]")).to_have_count(0)
        await doctor.page.click("#camera")
        await expect(specialist.page.locator("video-tile.remote")).to_have_attribute("data-cover", "camera_off")
        await doctor.page.click("#camera")
        await doctor.page.click("#mute")
        await expect(specialist.page.locator("video-tile.remote [data-muted]")).to_have_count(0)
        await expect(doctor.page.locator("#end-consult")).to_have_count(0)
        await doctor.page.click("#leave-room")
        await doctor.page.wait_for_url(f"**/consults/{consult_id}")
        await expect(specialist.page.locator(".stage-empty")).to_be_visible()
        await doctor.go(f"/consults/{consult_id}/room")
        await doctor.sees_other(10)
        await specialist.sees_other(10)
        await end(specialist, "Xong.")


async def _in_a_room(doctor: Person, specialist: Person) -> str:
    consult_id = await doctor.call_emergency(await doctor.specialty_id(STROKE))
    await specialist.accept()
    await doctor.in_room()
    for person in (doctor, specialist):
        await person.sees_other(5)
    return consult_id


async def _option(person: Person, name: str) -> str:
    return str(await person.page.locator("#invitee option", has_text=name).first.text_content())
