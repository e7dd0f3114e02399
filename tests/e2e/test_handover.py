"""Who has the case: a dead browser loses its claim, and a running consult passes from one specialist to another."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from tests.conftest import free_port
from tests.e2e.people import Person, signed_in
from tests.e2e.server import DemoServer
from tests.e2e.test_consult import STROKE, end

LEASE_S = "8"


async def test_a_dead_browser_loses_its_claim_and_the_next_hands_the_case_over(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = DemoServer(tmp_path_factory.mktemp("lease") / "var", free_port(), HOICHAN_CLAIM_LEASE_SECONDS=LEASE_S)
    try:
        await _lost_and_handed_over(browser, server)
    finally:
        assert server.stop() == 0, server.log()[-4000:]


async def _answers_later(khai: Person, doctor: Person) -> None:
    """In five minutes: it is silent at the one page and said on the other, also after both are loaded anew."""
    await khai.page.click("ring-card [data-later]")
    await expect(khai.page.locator("ring-card")).to_have_count(0)
    said = doctor.page.locator("#ladder .what", has_text="hẹn trả lời lúc")
    words = await said.inner_text()
    for person in (khai, doctor):
        await person.page.reload()
    await expect(said).to_have_text(words, use_inner_text=True)
    await khai.page.wait_for_timeout(500)  # in which a ring would have come
    await expect(khai.page.locator("ring-card")).to_have_count(0)


async def _lost_and_handed_over(browser: Browser, server: DemoServer) -> None:
    async with (
        signed_in(browser, server, "bs.thuha") as ha,
        signed_in(browser, server, "bs.khai") as khai,
        signed_in(browser, server, "bs.bao") as doctor,
    ):
        consult_id = await doctor.call_emergency(await doctor.specialty_id(STROKE))
        await _answers_later(khai, doctor)
        # The browser dies on its way into the room.
        await ha.context.route("**/consults/*/room", lambda route: route.abort())
        await ha.page.wait_for_selector("ring-card dialog[open]")
        await ha.page.locator("ring-card [data-accept]").click()
        await doctor.in_room()
        await ha.page.close()
        await doctor.page.wait_for_url(f"**/requests/{consult_id}", timeout=30_000)
        await expect(doctor.page.locator("#ladder")).to_contain_text("Gọi", ignore_case=True)

        await khai.accept()
        await doctor.in_room()
        await expect(doctor.page.locator("#ribbon [data-kind=claim_lost]")).to_contain_text("mất liên lạc")

        await ha.context.unroute("**/consults/*/room")
        ha.page = await ha.context.new_page()
        await ha.go("/")
        await khai.page.click("#more summary")
        await khai.page.click("#hand-over")
        option = khai.page.locator("#colleague option", has_text="Thu Hà")
        await khai.page.select_option("#colleague", await option.get_attribute("value"))
        await khai.page.click("#handover-form button[type=submit]")
        card = ha.page.locator("ring-card dialog[open]")
        await expect(card).to_contain_text("đề nghị quý vị nhận bàn giao")
        assert await khai.page.get_attribute("#room", "data-role") == "specialist"
        await card.locator("[data-accept]").click()
        await ha.in_room()
        assert await ha.page.get_attribute("#room", "data-role") == "specialist"
        await khai.page.wait_for_selector("#room[data-role=invited][data-state=joined]")
        await expect(khai.page.locator("#end-consult")).to_have_count(0)
        await expect(doctor.page.locator("#ribbon [data-kind=handed_over]")).to_contain_text("nhận bàn giao")

        # Out of a running consult for another case: the clinic reads who is away, and since when.
        await ha.page.click("#more summary")
        await ha.page.click("#pause-consult")
        await expect(doctor.page.locator("#pause-notice")).to_contain_text("sẽ trở lại")
        await ha.page.click("#come-back")
        await ha.in_room()
        await expect(doctor.page.locator("#pause-notice")).to_be_hidden()
        await end(ha, "Xong.")
