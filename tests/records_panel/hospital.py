"""A hospital's FHIR R4 server on loopback, written for these tests: it does what it is told, wrong things too.

It asks for a token by SMART Backend Services when it was given a public key. What it was asked stays in `asked`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from foundation.clock import Clock
from foundation.fetch import Fetcher
from foundation.reach import Reach
from records_panel.etags import Etags
from records_panel.fhir_client import FhirBook
from records_panel.fhir_server import FhirServer
from records_panel.links import Links
from records_panel.source_settings import SourceSettings
from tests.conftest import free_port

Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CCCD = "http://fhir.hl7.org.vn/core/sid/cccd"
MOH = "http://fhir.ehealth.gov.vn/core/sid/national_id"
BHYT = "http://fhir.hl7.org.vn/core/sid/bhyt"
LOOPBACK = Reach.read("127.0.0.0/8", "127.0.0.1")


def person(id_: str = "p1", *, system: str = CCCD, number: str = "051058004471", **more: Any) -> Json:
    """The FHIR Patient of `LANH` (tests.records_panel.conftest), as another system has him."""
    return {
        "resourceType": "Patient",
        "id": id_,
        "identifier": [{"system": system, "value": number}],
        "name": [{"family": "Nguyễn", "given": ["Văn", "Lành"]}],
        "birthDate": "1958-03-12",
        **more,
    }


def of(resource: Json, id_: str = "p1") -> Json:
    """The resource as one of this patient's, with an id."""
    field_name = (
        "patient" if resource["resourceType"] in ("AllergyIntolerance", "Immunization", "Consent") else "subject"
    )
    return {
        "id": f"r{abs(hash(json.dumps(resource, sort_keys=True)))}",
        field_name: {"reference": f"Patient/{id_}"},
    } | resource


@dataclass
class Hospital:
    """`faults` take over for a resource type, or for `token`, `metadata`, `$summary`."""

    resources: list[Json] = field(default_factory=list)
    faults: dict[str, Handler] = field(default_factory=dict)
    summary: Json | None = None
    page_size: int = 1000
    etags: bool = False
    capable: bool = True
    key: ECKey | RSAKey | None = None
    asked: list[tuple[str, str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}/fhir"

    def paths(self, *, method: str | None = None) -> list[str]:
        return [path for verb, path, _, _ in self.asked if method in (None, verb)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        form = dict(parse_qsl((await request.read()).decode(), keep_blank_values=True))
        self.asked.append((request.method, request.path_qs, form, dict(request.headers)))
        name = request.path.removeprefix("/fhir").strip("/").split("/")
        word = "$summary" if name[-1] == "$summary" else name[0]
        if word in self.faults:
            return await self.faults[word](request)
        if word == "token":
            return self._token(form)
        if word == ".well-known":
            return web.json_response({"token_endpoint": f"{self.base}/token"})
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.key is not None and word != "metadata" and given not in self.tokens:
            return web.Response(status=401)
        return self._answer(request, word, name, form)

    def _answer(self, request: web.Request, word: str, name: list[str], form: dict[str, str]) -> web.Response:
        if word == "metadata":
            return fhir(self._statement() if self.capable else {"resourceType": "CapabilityStatement"})
        if word == "$summary":
            return fhir(self.summary) if self.summary else web.Response(status=404)
        asked = dict(request.query) | form
        found = [one for one in self.resources if one["resourceType"] == word and _fits(one, asked)]
        start = int(asked.get("_offset", "0"))
        size = min(self.page_size, int(asked.get("_count", "1000")))
        page = bundle(found[start : start + size], total=len(found))
        if start + size < len(found):
            url = request.url.update_query({"_offset": str(start + size)})
            page["link"] = [{"relation": "next", "url": str(url)}]
        text = json.dumps(page)
        etag = f'W/"{hash(text)}"'
        if self.etags and request.method == "GET":
            if request.headers.get("If-None-Match") == etag:
                return web.Response(status=304, headers={"ETag": etag})
            return fhir(page, ETag=etag)
        return fhir(page)

    def _statement(self) -> Json:
        kinds = {one["resourceType"] for one in self.resources} | {"Patient"}
        resources: list[Json] = [{"type": kind, "interaction": [{"code": "search-type"}]} for kind in sorted(kinds)]
        if self.summary:
            patient = next(one for one in resources if one["type"] == "Patient")
            patient["operation"] = [
                {"name": "summary", "definition": "http://hl7.org/fhir/uv/ips/OperationDefinition/summary"}
            ]
        return {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [{"resource": resources}]}

    def _token(self, form: dict[str, str]) -> web.Response:
        assert self.key is not None
        algorithm = "ES384" if isinstance(self.key, ECKey) else "RS384"
        token = jwt.decode(form["client_assertion"], self.key, algorithms=[algorithm])
        claims = token.claims
        assert claims["iss"] == claims["sub"] == "hoichan"
        assert claims["aud"] == f"{self.base}/token"
        assert 0 < claims["exp"] - claims["iat"] <= 300
        assert form["grant_type"] == "client_credentials"
        assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        assert form["scope"] == "system/*.rs"
        self.tokens.append(claims["jti"])
        return web.json_response({"access_token": claims["jti"], "token_type": "bearer", "expires_in": 300})


def bundle(resources: list[Json], **more: Any) -> Json:
    entries = [{"resource": resource, "search": {"mode": "match"}} for resource in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries, **more}


def fhir(content: object, status: int = 200, **headers: str) -> web.Response:
    return web.Response(status=status, text=json.dumps(content), content_type="application/fhir+json", headers=headers)


async def never(request: web.Request) -> web.StreamResponse:
    """No answer at all."""
    await asyncio.Event().wait()
    raise AssertionError


def held(hospital: Hospital, name: str, until: asyncio.Event) -> None:
    """Let the server keep its answers to `name` to itself until then."""

    async def handle(request: web.Request) -> web.StreamResponse:
        await until.wait()
        hospital.faults.pop(name, None)
        return await hospital.handle(request)

    hospital.faults[name] = handle


def saying(status: int, text: str = "", kind: str = "application/fhir+json", **headers: str) -> Handler:
    """The same answer every time."""

    async def handle(request: web.Request) -> web.Response:
        return web.Response(status=status, text=text, content_type=kind, headers=headers)

    return handle


def in_turn(*handlers: Handler) -> Handler:
    """The first answer first; the last one for good."""
    left = list(handlers)

    async def handle(request: web.Request) -> web.StreamResponse:
        return await (left.pop(0) if len(left) > 1 else left[0])(request)

    return handle


@asynccontextmanager
async def running(hospital: Hospital) -> AsyncIterator[Hospital]:
    application = web.Application(client_max_size=2**26)
    application.router.add_route("*", "/{path:.*}", hospital.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    hospital.port = free_port()
    await web.TCPSite(runner, "127.0.0.1", hospital.port).start()
    try:
        yield hospital
    finally:
        await runner.cleanup()


@asynccontextmanager
async def connected(
    base: str,
    links: Links,
    clock: Clock,
    *,
    slept: list[float] | None = None,
    etags: Etags | None = None,
    **settings: Any,
) -> AsyncIterator[FhirBook]:
    """A client of that server. It does not sleep between attempts; how long it would have is in `slept`."""
    fetcher = Fetcher(LOOPBACK)

    async def sleep(seconds: float) -> None:
        if slept is not None:
            slept.append(seconds)

    read = SourceSettings.model_validate({"id": "songtra", "name": "BV Sông Trà", "base": base} | settings)
    server = FhirServer(read, fetcher, clock, etags or Etags(clock), sleep=sleep)
    yield FhirBook(server, links, clock)
    await fetcher.close()


def _fits(resource: Json, asked: dict[str, str]) -> bool:
    if "identifier" in asked:
        have = {f"{one['system']}|{one['value']}" for one in resource.get("identifier", [])}
        return not have.isdisjoint(asked["identifier"].split(","))
    if "_id" in asked:
        return resource["id"] in asked["_id"].split(",")
    subject = resource.get("subject") or resource.get("patient") or resource.get("beneficiary") or {}
    return bool(subject.get("reference") == asked.get("patient"))
