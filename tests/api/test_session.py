"""Signing in by program: strict JSON, throttled, Origin absent or one's own, ended by DELETE with the CSRF token."""

from __future__ import annotations

import pytest

from tests.api.conftest import Hospital
from tests.consult_rooms.conftest import STROKE_HOSPITAL
from tests.web.conftest import ORIGIN, PASSWORD

GOOD = {"user_name": "chief", "password": PASSWORD}


async def test_signing_in_looking_and_signing_out(hospital: Hospital) -> None:
    person = hospital.system_with(None)
    assert (await person.get("/session")).code == "session.needed"
    signed_in = await person.post("/session", GOOD)
    assert signed_in.status == 200
    staff = signed_in.body["staff"]
    assert (staff["user_name"], staff["roles"], staff["facility"]["id"]) == (
        "chief",
        ["administrator"],
        STROKE_HOSPITAL,
    )
    cookie = signed_in.headers["Set-Cookie"]
    assert cookie.startswith("hoichan_session=")
    assert "HttpOnly" in cookie
    assert "SameSite" in cookie
    again = await person.get("/session")
    assert again.body["csrf_token"] == signed_in.body["csrf_token"]
    refused = await person.ask("DELETE", "/session")
    assert (refused.status, refused.code) == (403, "csrf.token")
    ended = await person.ask("DELETE", "/session", headers={"X-CSRF-Token": again.body["csrf_token"]})
    assert (ended.status, ended.text) == (204, "")
    assert (await person.get("/session")).code == "session.needed"
    assert [entry.actor for entry in await hospital.audited("session.end")] == [hospital.chief.id]


async def test_signing_in_again_ends_the_first_session(hospital: Hospital) -> None:
    person = hospital.system_with(None)
    first = await person.post("/session", GOOD)
    second = await person.post("/session", GOOD, headers={"X-CSRF-Token": first.body["csrf_token"]})
    assert second.body["csrf_token"] != first.body["csrf_token"]
    assert [entry.details["reason"] for entry in await hospital.audited("session.end")] == ["signed_in_again"]


async def test_the_own_origin_may_and_others_may_not(hospital: Hospital) -> None:
    person = hospital.system_with(None)
    for origin in ("https://elsewhere.example", "null"):
        refused = await person.post("/session", GOOD, headers={"Origin": origin})
        assert (refused.status, refused.code) == (403, "csrf.origin")
    assert (await person.post("/session", GOOD, headers={"Origin": ORIGIN})).status == 200


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"]
)
async def test_only_json_signs_in(hospital: Hospital, media: str) -> None:
    person = hospital.system_with(None)
    refused = await person.post("/session", data=b'{"user_name": "chief"}', headers={"Content-Type": media})
    assert (refused.status, refused.code) == (415, "request.media_type")


async def test_guessing_is_throttled(hospital: Hospital) -> None:
    person = hospital.system_with(None)
    codes = [(await person.post("/session", {**GOOD, "password": "wrong"})).code for _ in range(6)]
    assert codes[0] == "sign_in.wrong"
    assert codes[-1] == "sign_in.throttled"
    last = await person.post("/session", GOOD)
    assert last.status == 429
    assert int(last.headers["Retry-After"]) > 0


async def test_a_token_is_no_session(hospital: Hospital) -> None:
    system = await hospital.system()
    assert (await system.get("/session")).code == "session.needed"
