"""The audit trail's page: for data protection officers, within their reach, and itself on the trail."""

from __future__ import annotations

from identity.entries import StaffEntry
from identity.model import Role
from identity.trail import PAGE, AuditTrail, TrailQuery
from tests.web.conftest import OPERATOR, PASSWORD, Browser, Cast, Site
from web.views.administration.audit import TRAIL

PATH = "/administration/audit"


async def test_only_data_protection_officers_read_the_trail(browser: Browser, site: Site) -> None:
    for user_name in ("bs.bao", "qt.tram"):
        reader = await site.browser()
        await reader.sign_in(user_name)
        assert (await reader.get(PATH)).status == 403
    await browser.sign_in("qt.an")
    assert f'href="{PATH}"' in browser.page
    await browser.get(f"{PATH}?action=audit.&outcome=denied")
    assert browser.page.count('<code lang="en">audit.read</code>') == 2
    assert "BS. Lê Quốc Bảo" in browser.page
    await browser.get(f"{PATH}?user_name=bs.bao&action=session.start")
    assert browser.page.count('<code lang="en">session.start</code>') == 1
    await browser.get(f"{PATH}?user_name=khong.co")
    assert "Không có mục nào phù hợp." in browser.page
    await browser.get(f"{PATH}?about=001087012345")
    assert "001087012345" not in browser.page


async def test_an_officer_of_one_facility_reads_of_its_people_alone(site: Site, people: Cast) -> None:
    entry = StaffEntry("bv.tram", "Người bảo vệ", people.clinic.id, frozenset({Role.DATA_PROTECTION_OFFICER}))
    await site.services.accounts.create_staff(OPERATOR, entry, password=PASSWORD)
    for user_name in ("bs.bao", "qt.an"):
        await (await site.browser()).sign_in(user_name)
    officer = await site.browser()
    await officer.sign_in("bv.tram")
    await officer.get(f"{PATH}?action=session.start")
    assert "BS. Lê Quốc Bảo" in officer.page
    assert "Phan Thị An" not in officer.page


async def test_the_trail_is_read_page_by_page(site: Site, people: Cast) -> None:
    assert site.server.app is not None
    trail: AuditTrail = site.server.app[TRAIL]
    for number in range(PAGE):
        await site.services.terminals.change(OPERATOR, people.terminal.id, code="HM-02", name=f"phòng {number}")
    first = await trail.latest(people.chief, TrailQuery(action="terminal."))
    assert len(first) == PAGE
    rest = await trail.latest(people.chief, TrailQuery(action="terminal.", before=first[-1].number))
    assert [entry.action for entry in rest] == ["terminal.create"]
    about = await trail.latest(people.chief, TrailQuery(about=people.terminal.id, action="terminal.create"))
    assert [entry.target for entry in about] == [people.terminal.id]
    assert (await trail.latest(people.chief, TrailQuery(action="%")))[:1] == []
