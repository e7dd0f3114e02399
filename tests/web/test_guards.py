"""What stands before every view: default deny, headers, forgery, limits, errors in the caller's form."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from tests.web.conftest import ORIGIN, PASSWORD, Browser, Cast, Site, serve
from web.admission import Admission, admission_of
from web.application import BODY_LIMIT
from web.security import local_path
from web.services import Services

PUBLIC = {"/static/{name}", "/service-worker.js", "/healthz", "/readyz", "/sign-in", "/language", "/terminal"}
PUBLIC |= {"/calendar/{secret}.ics"}  # the secret is in the address: calendar programs bring nothing else
PUBLIC |= {"/api/v1/openapi.json", "/api/v1/session"}  # the description, and the programs' sign-in
PUBLIC |= {"/verify", "/verify-worker.js", "/trust-list.json"}  # whoever holds a paper checks its signatures


def routes(application: web.Application) -> Iterator[tuple[str, str, Admission]]:
    for route in application.router.routes():
        assert route.resource is not None
        if not route.resource.canonical.startswith("/socket.io"):
            yield route.method, route.resource.canonical, admission_of(route.handler)


def concrete(application: web.Application) -> dict[str, str]:
    """For each route's path one that it matches: an id, or the first of the words that it takes."""
    found = {}
    for resource in application.router.resources():
        path, info = resource.canonical, resource.get_info()
        for name, form in re.findall(r"\(\?P<(\w+)>([^)]*)\)", info["pattern"].pattern if "pattern" in info else ""):
            prefix = form.partition("_[")[0] if "_[" in form else "con"
            value = form.partition("|")[0] if "|" in form else f"{prefix}_0192f0c1a1b27cd3a4e5f60718293a4b"
            path = path.replace(f"{{{name}}}", value)
        found[resource.canonical] = path
    return found


async def test_every_route_refuses_a_stranger(site: Site) -> None:
    """Not by its mark alone: each is really asked for without a session."""
    browser, asked = await site.browser(), 0
    assert site.server.app is not None
    paths = concrete(site.server.app)
    for method, path, admission in routes(site.server.app):
        if path in PUBLIC:
            continue
        response = await browser.client.request(method, paths[path], headers={"Origin": ORIGIN}, allow_redirects=False)
        asked += 1
        if path.startswith("/api/"):
            assert admission is Admission.TOKEN, path
            assert response.status == 401, f"{method} {path}"
        else:
            assert admission is not Admission.PUBLIC, path
            assert response.status == 303, f"{method} {path}"
            assert response.headers["Location"].startswith("/sign-in"), f"{method} {path}"
    assert asked > 20


@pytest.mark.parametrize("cookie", ["", "x", "a" * 5000, "'; DROP TABLE sessions; --", "\u00e9"])
async def test_a_forged_cookie_is_nobody(browser: Browser, cookie: str) -> None:
    response = await browser.get("/password", headers={"Cookie": f"hoichan_session={cookie}"})
    assert response.status == 303


async def test_every_answer_carries_the_headers(browser: Browser) -> None:
    for path in ("/sign-in", "/", "/nowhere", "/healthz", "/static/favicon.svg"):
        headers = (await browser.get(path)).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "camera=(self)" in headers["Permissions-Policy"]
        assert headers["X-Request-Id"]
        assert headers["Cache-Control"] == ("public, max-age=86400" if "static" in path else "no-store")


async def test_no_page_holds_what_the_policy_forbids(browser: Browser) -> None:
    await browser.sign_in("qt.an")
    for path in ("/password", "/administration/facilities", "/administration/staff", "/nowhere"):
        await browser.get(path)
        assert not re.search(r"<script(?![^>]*\bsrc=)|\bstyle=|\son\w+=|javascript:", browser.page), path
        assert not re.search(r"(src|href|action)=\"(https?:)?//", browser.page), path


async def test_a_change_needs_the_token_of_the_session(browser: Browser) -> None:
    await browser.sign_in("bs.bao")
    token = browser.csrf
    for wrong in ("", "x", token[:-1], "ế" * 10):
        browser.csrf = wrong
        response = await browser.post("/language", {"language": "en"})
        assert response.status == 403, wrong
        assert "csrf.token" in browser.page
    response = await browser.post("/language", headers={"X-CSRF-Token": token}, data={"language": "en"})
    assert response.status == 303
    response = await browser.post("/language", headers={"X-CSRF-Token": "x"}, data={"language": "en", "csrf": token})
    assert response.status == 403


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", ORIGIN + ".evil.example", ORIGIN + ":80", "https://hoichan.test"]
)
async def test_a_change_needs_the_exact_origin(site: Site, origin: str | None) -> None:
    browser = await site.browser()
    headers = {} if origin is None else {"Origin": origin}
    response = await browser.client.post(
        "/sign-in", data={"user_name": "bs.bao", "password": PASSWORD}, headers=headers, allow_redirects=False
    )
    assert response.status == 403
    assert "Set-Cookie" not in response.headers
    assert "csrf.origin" in await response.text()


async def test_the_language_is_the_switch_then_the_persons(browser: Browser, site: Site, people: Cast) -> None:
    await browser.get("/sign-in")
    assert '<html lang="vi"' in browser.page
    assert "Đăng nhập" in browser.page
    await browser.post("/language", {"language": "en", "next": "/sign-in"})
    await browser.get("/sign-in")
    assert '<html lang="en"' in browser.page
    await browser.sign_in("bs.bao")
    await browser.post("/language", {"language": "en"})
    assert (await site.services.directory.staff(people.doctor.id)).language == "en"
    elsewhere = await site.browser()
    await elsewhere.sign_in("bs.bao")
    assert '<html lang="en"' in elsewhere.page
    await elsewhere.post("/language", {"language": "<b>"})
    await elsewhere.get("/password")
    assert '<html lang="vi"' in elsewhere.page


async def test_errors_are_pages_fragments_or_problems(browser: Browser) -> None:
    response = await browser.get("/nowhere?cccd=001084218843")
    assert response.status == 404
    assert "Không có trang này." in browser.page
    assert "001084218843" not in browser.page
    assert response.headers["X-Request-Id"] in browser.page
    response = await browser.get("/nowhere", headers={"X-Fragment": "1"})
    assert response.status == 404
    assert "<html" not in browser.page
    assert response.headers["X-Fragment"] == "1", "a script that asked for a fragment stays on its page"
    response = await browser.get("/api/v1/nowhere", headers={"Accept-Language": "en-GB,en"})
    assert response.status == 404
    assert response.content_type == "application/problem+json"
    problem = json.loads(await response.text())
    assert problem["code"] == "page.not_found"
    assert problem["status"] == 404
    assert problem["detail"] == "There is no such page."
    assert problem["request_id"] == response.headers["X-Request-Id"]
    response = await browser.client.put("/sign-in", headers={"Origin": ORIGIN})
    assert response.status == 405
    assert "GET" in response.headers["Allow"]


async def test_a_body_is_bounded(browser: Browser) -> None:
    response = await browser.post("/sign-in", {"user_name": "x" * (BODY_LIMIT + 1)})
    assert response.status == 413
    assert "request.too_large" in browser.page


async def test_a_malformed_body_is_refused(browser: Browser) -> None:
    for kind in (
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "application/x-www-form-urlencoded; charset=q",
    ):
        response = await browser.post("/sign-in", headers={"Content-Type": kind}, data=b"--x\r\nnot a part")
        assert response.status == 422, kind
        assert "request.malformed" in browser.page


async def test_an_unforeseen_fault_tells_nothing_and_is_logged(
    services: Services, people: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> dict[str, bool]:
        raise ValueError("CCCD 001087012345")

    site = await serve(replace(services, ready=broken))
    browser = await site.browser()
    with caplog.at_level(logging.ERROR, "web.middlewares"):
        response = await browser.get("/readyz")
    assert response.status == 500
    assert "001087012345" not in browser.page
    assert "ValueError" not in browser.page
    assert response.headers["X-Request-Id"] in browser.page
    assert any(record.exc_info and record.exc_info[0] is ValueError for record in caplog.records)
    await site.close()


async def test_the_access_log_names_the_route_and_not_the_query(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "web.access"):
        await browser.get("/sign-in?next=/patients?cccd=001087012345")
        await browser.get("/administration/staff/stf_0192f0c1a1b27cd3a4e5f60718293a4b")
    lines = [record.getMessage() for record in caplog.records if record.name == "web.access"]
    assert lines[0].startswith("GET /sign-in 200")
    assert lines[1].startswith("GET /administration/staff/{staff_id} 303")
    assert "001087012345" not in " ".join(lines)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/consults?before=1#x", "/consults?before=1#x"),
        ("//evil", "/"),
        ("/\\evil", "/"),
        ("/a\\b", "/"),
        ("https:/x", "/"),
        ("/\nx", "/"),
        ("", "/"),
        (None, "/"),
        ("/" + "x" * 2001, "/"),
    ],
)
def test_local_path(text: str | None, path: str) -> None:
    assert local_path(text) == path


async def test_static_files_stay_in_their_folder_and_are_compressed(browser: Browser) -> None:
    manifest = json.loads((Path(__file__).parents[2] / "web/static/built/manifest.json").read_text())
    response = await browser.get(f"/static/built/{manifest['style.css']}", headers={"Accept-Encoding": "gzip"})
    assert response.status == 200
    assert response.headers["Content-Encoding"] == "gzip"
    assert "immutable" in response.headers["Cache-Control"]
    for path in ("/static/../application.py", "/static/%2e%2e/application.py", "/static/none", "/static/built"):
        assert (await browser.get(path)).status == 404, path


async def test_health(browser: Browser, services: Services) -> None:
    response = await browser.get("/healthz")
    assert (response.status, response.content_type) == (200, "application/json")
    response = await browser.get("/readyz")
    assert (await response.json())["parts"] == {"database": True, "bus": True, "media": True}


async def test_readiness_names_the_part_that_is_away(services: Services) -> None:
    async def no_media() -> dict[str, bool]:
        return {"database": True, "bus": True, "media": False}

    site = await serve(replace(services, ready=no_media))
    response = await (await site.browser()).get("/readyz")
    assert response.status == 503
    assert (await response.json())["parts"]["media"] is False
    await site.close()


async def test_what_is_to_be_seen_to_stops_no_consult(services: Services) -> None:
    site = await serve(replace(services, watched=lambda: {"audit_chain": False}))
    try:
        response = await (await site.browser()).get("/readyz")
        answer = await response.json()
        assert (response.status, answer["status"], answer["parts"]["audit_chain"]) == (200, "degraded", False)
    finally:
        await site.close()
