"""The REST interface over real services and SQLite, and a client that holds every answer against the document."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from jsonschema import Draft202012Validator, FormatChecker
from limits.aio.storage import MemoryStorage
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from sqlalchemy import select

from consult_rooms.exchange import Exchange
from consult_rooms.scheduling import Scheduling
from consult_rooms.shared_work import SharedWork
from foundation.audit import audit_entries
from foundation.bus import Bus
from foundation.clock import FakeClock
from foundation.database import Database
from foundation.ids import FacilityId, PatientId
from foundation.sealing import Sealer
from identity.entries import StaffEntry
from identity.model import Role, Scope, Staff, Token
from records_panel.citizens import Identity
from records_panel.embedded_book import EmbeddedBook
from records_panel.panel import Panel
from records_panel.patients import Patients
from records_panel.searches import Searches
from records_panel.summary_export import SummaryExport
from tests.conftest import compiled
from tests.consult_rooms.conftest import CLINIC, CONSENT, STROKE, STROKE_HOSPITAL, World
from tests.consult_rooms.conftest import build as build_world
from tests.consult_rooms.conftest import seed as seed_world
from tests.consult_rooms.desk import desk_of
from tests.web.conftest import OPERATOR, PASSWORD, build_services
from web import application
from web.services import Services

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
ALL_SCOPES = frozenset(Scope)
CCCD = "051158004821"
BHYT = "HC4515100012345"
NAME = "Trần Thị Diễm Xưa"
EVIDENCE = {"cccd": CCCD, "birth_date": "02/03/1958"}
QUESTION = {"situation": "Yếu nửa người phải từ 40 phút", "recommendation": "Có tiêu sợi huyết được không?"}
CONSENT_BODY = {"consult": CONSENT.consult, "record_view": CONSENT.record_view, "by": CONSENT.by.value}


@dataclass(frozen=True)
class Reply:
    """An answer, read."""

    status: int
    headers: Any
    body: Any
    text: str

    @property
    def code(self) -> str:
        """The code of a problem."""
        assert self.headers["Content-Type"].startswith("application/problem+json"), self.text
        return str(self.body["code"])


@dataclass
class Hospital:
    """The running interface. `calls` are the paths asked for, as they went over the wire."""

    server: TestServer
    services: Services
    world: World
    patient_id: PatientId
    chief: Staff
    clock: FakeClock
    document: dict[str, Any] = field(default_factory=dict)
    validators: Registry[Any] = field(default_factory=Registry)
    calls: list[str] = field(default_factory=list)
    _clients: list[TestClient[web.Request, web.Application]] = field(default_factory=list)

    async def token(self, facility_id: FacilityId = CLINIC, scopes: frozenset[Scope] = ALL_SCOPES) -> tuple[Token, str]:
        """A fresh token of a facility."""
        return await self.services.tokens.create(self.chief, facility_id=facility_id, name="HIS", scopes=scopes)

    async def system(self, facility_id: FacilityId = CLINIC, *scopes: Scope) -> System:
        """A system with a fresh token; all scopes when none is named."""
        _, secret = await self.token(facility_id, frozenset(scopes) or ALL_SCOPES)
        return self.system_with(secret)

    def system_with(self, secret: str | None) -> System:
        """A system that shows this secret, with a cookie jar of its own."""
        client = TestClient(self.server, cookie_jar=CookieJar(unsafe=True))
        self._clients.append(client)
        return System(self, client, secret)

    async def audited(self, action: str) -> list[Any]:
        """Audit entries of an action, in order."""
        async with self.services.database.reading() as tx:
            return list(
                await tx.execute(
                    select(audit_entries).where(audit_entries.c.action == action).order_by(audit_entries.c.number)
                )
            )

    def slot_times(self) -> tuple[Any, Any]:
        """An hour of tomorrow, on the quarter."""
        starts = self.clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
        return starts, starts + timedelta(hours=1)

    def new_request(self, **changes: Any) -> dict[str, Any]:
        """The body of a request for the patient, complete."""
        return {
            "requester_user_name": "lan",
            "specialty": "stroke",
            "urgency": "urgent",
            "patient": {"identity": "established", "patient_id": self.patient_id, "evidence": EVIDENCE},
            "question": QUESTION,
            "consent": CONSENT_BODY,
            **changes,
        }

    def check(self, method: str, route: str, reply: Reply) -> None:
        """Hold an answer against the document: its status is declared, its body of the declared form."""
        operation = self.document["paths"][route][method.lower()]
        assert str(reply.status) in operation["responses"], f"{reply.status} {reply.text} is not declared"
        declared = operation["responses"][str(reply.status)]
        content = declared.get("content")
        if content is None:
            assert reply.text == ""
            return
        [(media, form)] = content.items()
        assert reply.headers["Content-Type"].split(";")[0] == media
        if media == "application/problem+json":
            assert f"`{reply.body['code']}`" in declared["description"], f"{reply.body['code']} is not declared"
        schema = {"$ref": "urn:document" + form["schema"]["$ref"]}
        Draft202012Validator(schema, registry=self.validators, format_checker=FormatChecker()).validate(reply.body)

    async def close(self) -> None:
        for client in self._clients:
            await client.session.close()
        await self.server.close()


@dataclass
class System:
    """A hospital's system: a token and an HTTP client."""

    hospital: Hospital
    client: TestClient[web.Request, web.Application]
    secret: str | None

    async def get(self, path: str, **options: Any) -> Reply:
        return await self.ask("GET", path, **options)

    async def post(self, path: str, body: Any = None, *, key: str | None = None, **options: Any) -> Reply:
        """Post a JSON body, with an idempotency key when there is one."""
        headers = {**options.pop("headers", {}), **({"Idempotency-Key": key} if key is not None else {})}
        if body is not None:
            options["json"] = body
        return await self.ask("POST", path, headers=headers, **options)

    async def ask(self, method: str, path: str, *, checked: bool = True, **options: Any) -> Reply:
        """Any request below /api/v1; the answer is held against the document unless `checked` is false."""
        headers = {"Accept-Language": "en", **options.pop("headers", {})}
        if self.secret is not None:
            headers.setdefault("Authorization", f"Bearer {self.secret}")
        async with self.client.request(method, "/api/v1" + path, headers=headers, **options) as response:
            text = await response.text()
            body = json.loads(text) if "json" in response.headers.get("Content-Type", "") else None
            reply = Reply(response.status, response.headers, body, text)
            self.hospital.calls.append(str(response.url))
        if checked:
            self.hospital.check(method, _route(self.hospital.document, "/api/v1" + path.split("?")[0]), reply)
        return reply


def _route(document: dict[str, Any], path: str) -> str:
    """The path template that a path fits."""
    parts = path.split("/")
    for route in document["paths"]:
        wanted = route.split("/")
        if len(wanted) == len(parts) and all(
            one == other or one.startswith("{") for one, other in zip(wanted, parts, strict=True)
        ):
            return str(route)
    raise AssertionError(f"{path} is not in the document")


@pytest.fixture
async def hospital(
    sqlite_database: Database, bus: Bus, clock: FakeClock, sealer: Sealer, tmp_path: Path
) -> AsyncIterator[Hospital]:
    people = await seed_world(sqlite_database)
    world = await build_world(sqlite_database, clock, bus, sealer, people)
    base = build_services(sqlite_database, bus, clock)
    book = EmbeddedBook(sqlite_database, sealer)
    services = replace(
        base,
        summary_export=SummaryExport(Panel(sqlite_database, world.store, base.audit, book, zone=ZONE), book),
        requests=world.requests,
        rooms=world.rooms,
        opinions=world.opinions,
        shared=SharedWork.over(world.database, world.store, world.log, world.directory),
        presence=world.presence,
        rota=world.rota,
        rulebook=world.rulebook,
        forecast=world.forecast,
        scheduling=Scheduling(
            sqlite_database, world.store, world.log, world.directory, bus, ZONE, timedelta(minutes=15)
        ),
        desk=desk_of(world, tmp_path),
        exchange=Exchange(sqlite_database, world.store, world.log, world.directory),
        patients=Patients(sqlite_database, base.audit, sealer, Searches(MemoryStorage()), clock),
    )
    entry = StaffEntry("chief", "Phan Thị An", STROKE_HOSPITAL, frozenset({Role.ADMINISTRATOR}), installation_wide=True)
    chief, _ = await services.accounts.create_staff(OPERATOR, entry, password=PASSWORD)
    patient_id = await services.patients.create(
        world["lan"], Identity(NAME, date(1958, 3, 2), "female", "21548", "Hòn Mây", cccd=CCCD, bhyt=BHYT)
    )
    server = TestServer(application.build(services, compiled()), host="127.0.0.1")
    await server.start_server()
    opened = Hospital(server, services, world, patient_id, chief, clock)
    opened.document = (await opened.system_with(None).ask("GET", "/openapi.json", checked=False)).body
    opened.validators = Registry().with_resource(
        "urn:document", Resource.from_contents(opened.document, default_specification=DRAFT202012)
    )
    yield opened
    await opened.close()


@pytest.fixture
async def clinic(hospital: Hospital) -> System:
    """The clinic's system with every scope."""
    return await hospital.system()


@pytest.fixture
async def slots(hospital: Hospital) -> list[str]:
    """Four free quarters of BS. Hà, tomorrow."""
    starts, ends = hospital.slot_times()
    made = await hospital.services.scheduling.publish(
        hospital.world["dieu"], hospital.world["ha"].id, STROKE, starts, ends, 15
    )
    return [slot.id for slot in made]
