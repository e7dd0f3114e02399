"""What a token opens: nothing without one, its scopes alone, until it ends; a cookie opens nothing here."""

from __future__ import annotations

from datetime import timedelta

import pytest

from identity.model import Scope
from tests.api.conftest import Hospital, System
from tests.consult_rooms.conftest import CLINIC
from tests.web.conftest import PASSWORD

CALLS = [
    ("POST", "/patients/find", Scope.PATIENTS_FIND),
    ("POST", "/requests", Scope.REQUESTS_WRITE),
    ("GET", "/requests/con_01a20792cacb736595588bcfeac3c843", Scope.REQUESTS_READ),
    ("POST", "/requests/con_01a20792cacb736595588bcfeac3c843/cancel", Scope.REQUESTS_WRITE),
    ("POST", "/requests/con_01a20792cacb736595588bcfeac3c843/call", Scope.REQUESTS_WRITE),
    ("GET", "/consults", Scope.CONSULTS_READ),
    ("GET", "/consults/con_01a20792cacb736595588bcfeac3c843", Scope.CONSULTS_READ),
    ("POST", "/consults/con_01a20792cacb736595588bcfeac3c843/opinion", Scope.CONSULTS_WRITE),
    ("POST", "/consults/con_01a20792cacb736595588bcfeac3c843/$summary", Scope.PATIENTS_SUMMARY),
    ("GET", "/slots", Scope.SLOTS_READ),
    ("POST", "/slots/slo_01a20792cacb736595588bcfeac3c843/book", Scope.SLOTS_WRITE),
    ("POST", "/appointments/apt_01a20792cacb736595588bcfeac3c843/move", Scope.SLOTS_WRITE),
    ("POST", "/appointments/apt_01a20792cacb736595588bcfeac3c843/cancel", Scope.SLOTS_WRITE),
]


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
async def test_each_call_needs_its_scope(hospital: Hospital, method: str, path: str, scope: Scope) -> None:
    others = await hospital.system(CLINIC, *(set(Scope) - {scope}))
    refused = await others.ask(method, path)
    assert (refused.status, refused.code) == (403, "token.scope")
    assert scope.value in refused.body["detail"]
    holder = await hospital.system(CLINIC, scope)
    assert (await holder.ask(method, path)).status != 403
    denied = [
        entry for entry in await hospital.audited(await _action(hospital, method, path)) if entry.outcome == "denied"
    ]
    assert [entry.details["code"] for entry in denied] == ["token.scope"]


async def _action(hospital: Hospital, method: str, path: str) -> str:
    from tests.api.conftest import _route

    route = _route(hospital.document, "/api/v1" + path)
    return "api." + str(hospital.document["paths"][route][method.lower()]["operationId"])


async def test_the_token_tells_what_it_is(hospital: Hospital) -> None:
    system = await hospital.system(CLINIC, Scope.SLOTS_READ)
    told = await system.get("/me")
    assert told.body["scopes"] == ["slots:read"]
    assert told.body["facility"] == {"id": CLINIC, "code": "51001", "name": "Trạm Đảo"}


@pytest.mark.parametrize("secret", [None, "hoi_guess", "", "ü"])
async def test_no_token_or_a_wrong_one_is_asked_for(hospital: Hospital, secret: str | None) -> None:
    refused = await hospital.system_with(secret).get("/specialties")
    assert (refused.status, refused.code) == (401, "token.unknown")
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert refused.body["detail"] == "A valid API token is needed."


async def test_another_scheme_is_no_token(hospital: Hospital) -> None:
    _, secret = await hospital.token()
    refused = await hospital.system_with(None).get("/me", headers={"Authorization": f"Basic {secret}"})
    assert refused.code == "token.unknown"


async def test_a_revoked_token_is_over_at_once(hospital: Hospital) -> None:
    token, secret = await hospital.token()
    system = hospital.system_with(secret)
    assert (await system.get("/me")).status == 200
    await hospital.services.tokens.revoke(hospital.chief, token.id)
    assert (await system.get("/me")).code == "token.unknown"


async def test_an_expired_token_is_over(hospital: Hospital) -> None:
    ends = hospital.clock.now() + timedelta(hours=1)
    _, secret = await hospital.services.tokens.create(
        hospital.chief, facility_id=CLINIC, name="HIS", scopes=frozenset({Scope.SLOTS_READ}), expires_at=ends
    )
    system = hospital.system_with(secret)
    assert (await system.get("/slots")).status == 200
    hospital.clock.advance(3601)
    assert (await system.get("/slots")).code == "token.unknown"


async def test_a_cookie_opens_nothing_but_the_session(hospital: Hospital) -> None:
    person = hospital.system_with(None)
    assert (await person.post("/session", {"user_name": "chief", "password": PASSWORD})).status == 200
    for path in ("/me", "/consults", "/slots"):
        assert (await person.get(path)).code == "token.unknown"


async def test_a_token_call_needs_no_origin_and_no_csrf_token(hospital: Hospital, clinic: System) -> None:
    found = await clinic.post(
        "/patients/find",
        {"by": "identifier", "kind": "cccd", "number": "051158000000"},
        headers={"Origin": "https://elsewhere.example"},
    )
    assert found.body == {"items": [], "more": False}
