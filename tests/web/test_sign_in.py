"""Signing in and out, the lock, the hand-over of a terminal, the first password."""

from __future__ import annotations

from dataclasses import replace

import pytest

from foundation.clock import FakeClock
from identity.model import Role
from identity.trail import TrailQuery
from tests.web.conftest import PASSWORD, Browser, Cast, Site, serve
from web.services import DemoSignIn, Services
from web.views.administration.audit import TRAIL


async def test_one_signs_in_and_out(browser: Browser) -> None:
    response = await browser.sign_in("bs.bao")
    assert response.status == 303
    assert response.headers["Location"] == "/"
    assert "BS. Lê Quốc Bảo" in browser.page
    secret = browser.cookie("hoichan_session")
    assert secret
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    gone = await browser.post("/sign-out")
    assert gone.headers["Location"] == "/sign-in"
    assert browser.cookie("hoichan_session") is None
    again = await browser.get("/password", headers={"Cookie": f"hoichan_session={secret}"})
    assert again.status == 303
    assert again.headers["Location"].startswith("/sign-in")


async def test_a_wrong_password_and_an_unknown_name_read_the_same(browser: Browser) -> None:
    pages = []
    for user_name in ("bs.bao", "bs.khong"):
        await browser.get("/sign-in")
        response = await browser.post("/sign-in", {"user_name": user_name, "password": "sai"})
        assert response.status == 401
        assert f'value="{user_name}"' in browser.page
        assert "sai" not in browser.page.split('id="failure"')[0].split('id="password"')[1]
        pages.append(browser.page.replace(user_name, "-"))
    assert pages[0] == pages[1]


async def test_guessing_is_slowed_down(browser: Browser) -> None:
    for _ in range(5):
        response = await browser.post("/sign-in", {"user_name": "bs.bao", "password": "sai"})
        assert response.status == 401
    response = await browser.post("/sign-in", {"user_name": "bs.bao", "password": PASSWORD})
    assert response.status == 429
    assert int(response.headers["Retry-After"]) > 0


async def test_empty_fields_are_named(browser: Browser) -> None:
    response = await browser.post("/sign-in", {"user_name": " ", "password": ""})
    assert response.status == 422
    assert 'id="user_name-problem"' in browser.page
    assert 'id="password-problem"' in browser.page


async def test_one_goes_on_to_the_page_that_was_asked_for(browser: Browser) -> None:
    response = await browser.get("/password?x=1")
    assert response.headers["Location"] == "/sign-in?next=/password?x%3D1"
    await browser.get(response.headers["Location"])
    assert 'name="next" value="/password?x=1"' in browser.page
    response = await browser.post("/sign-in", {"user_name": "bs.bao", "password": PASSWORD, "next": "/password?x=1"})
    assert response.headers["Location"] == "/password?x=1"


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "evil", ""],
)
async def test_a_redirect_never_leaves_the_site(browser: Browser, target: str) -> None:
    response = await browser.post("/sign-in", {"user_name": "bs.bao", "password": PASSWORD, "next": target})
    assert response.headers["Location"] == "/"
    await browser.get("/password")
    response = await browser.post("/language", {"language": "en", "next": target})
    assert response.headers["Location"] == "/"
    response = await browser.get("/sign-in", params={"next": target})
    assert response.headers["Location"] == "/"


async def test_signing_in_anew_ends_the_session_before(browser: Browser, site: Site) -> None:
    await browser.sign_in("bs.bao")
    first = browser.cookie("hoichan_session")
    response = await browser.post("/sign-in", {"user_name": "dd.hoa", "password": PASSWORD})
    assert response.status == 303
    other = await site.browser()
    assert (await other.get("/password", headers={"Cookie": f"hoichan_session={first}"})).status == 303


async def test_a_session_ends_after_its_hours(browser: Browser, clock: FakeClock) -> None:
    await browser.sign_in("bs.bao")
    clock.advance(12 * 3600 + 1)
    response = await browser.get("/password")
    assert response.status == 303
    assert "ended=1" in response.headers["Location"]
    await browser.get(response.headers["Location"])
    assert "Phiên trước đã kết thúc" in browser.page


async def test_an_idle_session_locks_and_the_password_opens_it(browser: Browser, clock: FakeClock) -> None:
    await browser.sign_in("bs.bao")
    clock.advance(16 * 60)
    response = await browser.get("/password")
    assert response.headers["Location"] == "/lock?next=/password"
    await browser.get("/lock?next=/password")
    assert "BS. Lê Quốc Bảo" in browser.page
    assert "other_user_name" not in browser.page  # no shared terminal, so nothing to hand over
    response = await browser.post("/lock", {"act": "unlock", "password": "sai", "next": "/password"})
    assert response.status == 401
    response = await browser.post("/lock", {"act": "unlock", "password": PASSWORD, "next": "/password"})
    assert response.headers["Location"] == "/password"
    assert (await browser.get("/password")).status == 200


async def test_a_locked_session_may_do_nothing_else(browser: Browser) -> None:
    await browser.sign_in("bs.bao")
    response = await browser.post("/lock", {"act": "lock"})
    assert response.headers["Location"] == "/lock"
    await browser.get("/lock")
    response = await browser.post("/password", {"current": PASSWORD, "new": "x" * 20, "again": "x" * 20})
    assert response.headers["Location"] == "/lock"
    fragment = await browser.get("/password", headers={"X-Fragment": "1"})
    assert fragment.status == 401
    await browser.get("/lock")
    assert (await browser.post("/sign-out")).headers["Location"] == "/sign-in"


async def test_the_first_password_must_be_changed(browser: Browser, site: Site, people: Cast) -> None:
    first = await site.services.accounts.reset_password(people.local, people.doctor.id)
    response = await browser.sign_in("bs.bao", first)
    assert response.headers["Location"] == "/password"
    assert (await browser.get("/language")).status == 405
    response = await browser.get("/terminal/none")
    assert response.status == 404
    other = await browser.get("/administration")
    assert other.headers["Location"] == "/password"
    await browser.get("/password")
    response = await browser.post("/password", {"current": first, "new": "ngắn", "again": "ngắn"})
    assert response.status == 422
    assert 'id="new-problem"' in browser.page
    response = await browser.post("/password", {"current": first, "new": PASSWORD, "again": "khác"})
    assert 'id="again-problem"' in browser.page
    response = await browser.post("/password", {"current": "sai", "new": PASSWORD + "!", "again": PASSWORD + "!"})
    assert 'id="current-problem"' in browser.page
    response = await browser.post("/password", {"current": first, "new": PASSWORD + "!", "again": PASSWORD + "!"})
    assert response.status == 303
    fresh = await site.browser()
    assert (await fresh.sign_in("bs.bao", PASSWORD + "!")).headers["Location"] == "/"


async def test_a_computer_is_enrolled_and_handed_over(browser: Browser, site: Site, people: Cast) -> None:
    await browser.get("/terminal")
    response = await browser.post("/terminal", {"code": "AAAAA-AAAAA"})
    assert response.status == 422
    code, _ = await site.services.terminals.issue_code(people.local, people.terminal.id)
    response = await browser.post("/terminal", {"code": code.lower()})
    assert response.status == 303
    assert "HttpOnly" in response.headers["Set-Cookie"]
    await browser.get("/terminal")
    assert "HM-02" in browser.page
    await browser.get("/sign-in")
    assert "Trạm Y tế đảo Hòn Mây" in browser.page
    await browser.sign_in("bs.bao")
    assert "máy HM-02" in browser.page
    first = browser.cookie("hoichan_session")
    await browser.post("/lock", {"act": "lock"})
    await browser.get("/lock")
    response = await browser.post("/lock", {"act": "switch", "other_user_name": "qt.an", "other_password": PASSWORD})
    assert response.status == 409  # of another facility
    response = await browser.post("/lock", {"act": "switch", "other_user_name": "dd.hoa", "other_password": PASSWORD})
    assert response.headers["Location"] == "/"
    await browser.get("/password")
    assert "ĐD. Võ Thị Hoa" in browser.page
    assert browser.cookie("hoichan_session") != first
    other = await site.browser()
    assert (await other.get("/password", headers={"Cookie": f"hoichan_session={first}"})).status == 303


DEMO = (
    DemoSignIn("bs.bao", "mat-khau-1", Role.RURAL_DOCTOR, "Trạm Y tế đảo Hòn Mây", "BS. Lê Quốc Bảo"),
    DemoSignIn("bs.mot", "mat-khau-2", Role.SPECIALIST, "Bệnh viện Sông Trà"),
    DemoSignIn("bs.hai", "mat-khau-3", Role.SPECIALIST, "Bệnh viện Sông Trà"),
    DemoSignIn("bs.ba", "mat-khau-4", Role.SPECIALIST, "Bệnh viện Sông Trà"),
)


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", True), ("192.0.2.1", False)])
async def test_demo_sign_ins_stand_on_loopback_alone(services: Services, host: str, shown: bool) -> None:
    settings = services.settings.model_copy(update={"host": host})
    site = await serve(replace(services, settings=settings, is_demo=True, demo_sign_ins=DEMO))
    browser = await site.browser()
    await browser.get("/sign-in")
    assert "Dữ liệu minh họa" in browser.page
    assert ("mat-khau-1" in browser.page) is shown
    if shown:
        listed, _, folded = browser.page.partition("<summary")
        assert "mat-khau-3" in listed  # two specialists, so that they can race
        assert "mat-khau-4" in folded
    await site.close()


async def test_behind_a_proxy_the_address_is_the_one_that_the_proxy_saw(services: Services, people: Cast) -> None:
    site = await serve(replace(services, settings=services.settings.model_copy(update={"proxied": True})))
    browser = await site.browser()
    forwarded = {"X-Forwarded-For": "10.9.9.9, 203.0.113.7"}
    await browser.post("/sign-in", {"user_name": "bs.bao", "password": PASSWORD}, headers=forwarded)
    assert site.server.app is not None
    trail = site.server.app[TRAIL]
    [entry] = await trail.latest(people.chief, TrailQuery(action="session.start"))
    assert entry.address == "203.0.113.7"
    await site.close()
