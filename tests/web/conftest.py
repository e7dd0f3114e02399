"""The web application over real identity services and SQLite, and a small browser that speaks to it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, fields
from typing import Any

import pytest
from aiohttp import ClientResponse, CookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher
from limits.aio.storage import MemoryStorage

from foundation.audit import Audit
from foundation.bus import Bus
from foundation.clock import FakeClock
from foundation.database import Database
from foundation.ids import FacilityId
from foundation.sealing import Sealer
from foundation.settings import Settings
from identity.accounts import Accounts
from identity.administration import Administration
from identity.authentication import Authentication
from identity.csv_import import CsvImport
from identity.entries import FacilityEntry, StaffEntry, TerminalEntry
from identity.guard import Guard, Operator
from identity.model import Facility, FacilityKind, ManagingLevel, Role, Staff, TechnicalLevel, Terminal
from identity.passwords import Passwords
from identity.sessions import Sessions
from identity.store import Directory
from identity.terminals import Terminals
from identity.throttle import Throttle
from identity.tokens import ApiTokens
from records_panel.glass_reviews import GlassReviews
from records_panel.import_runs import ImportRuns
from records_panel.searches import Searches
from records_panel.viewings import Viewings
from tests.conftest import compiled, languages
from web import application
from web.services import DemoSignIn, Services

ORIGIN = "http://hoichan.test"
PASSWORD = "bốn con vịt qua sông"
OPERATOR = Operator()
SEALER = Sealer({0: bytes(32), 1: bytes(range(32))})


async def ready() -> dict[str, bool]:
    return {"database": True, "bus": True, "media": True}


def build_services(
    database: Database,
    bus: Bus,
    clock: FakeClock,
    *,
    ready: Callable[[], Awaitable[dict[str, bool]]] = ready,
    demo_sign_ins: tuple[DemoSignIn, ...] = (),
) -> Services:
    """Identity whole and real. What these pages never ask (consults, book) is left out; a view that asked fails."""
    audit, directory, guard = Audit(database), Directory(database), Guard(Audit(database))
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))
    throttle = Throttle(MemoryStorage(), per_account=5, per_address=60)
    authentication = Authentication(database, passwords, throttle, audit)
    sessions = Sessions(database, bus, audit, authentication, hours=12, idle_minutes=15)
    terminals = Terminals(database, audit, guard, directory, sessions, throttle)
    given: dict[str, Any] = {
        "settings": Settings(origins=ORIGIN, zone="Asia/Ho_Chi_Minh", coordinator_telephone="0255 000 0115"),
        "clock": clock,
        "languages": languages(),
        "database": database,
        "bus": bus,
        "audit": audit,
        "directory": directory,
        "accounts": Accounts(database, audit, guard, directory, authentication, passwords, sessions, terminals),
        "sessions": sessions,
        "administration": Administration(database, audit, guard, directory, sessions),
        "terminals": terminals,
        "tokens": ApiTokens(database, audit, guard, directory),
        "csv_import": CsvImport(database, audit, passwords, sessions),
        "glass_reviews": GlassReviews(database, audit, guard, directory, SEALER),
        "viewings": Viewings(database, audit, guard, directory, SEALER, Searches(MemoryStorage())),
        "import_runs": ImportRuns(database),
        "ready": ready,
        "watched": dict,
        "is_demo": bool(demo_sign_ins),
        "demo_sign_ins": demo_sign_ins,
    }
    whole: dict[str, Any] = {one.name: given.get(one.name) for one in fields(Services)}
    return Services(**whole)


@dataclass
class Cast:
    """The people and places of these tests. Everyone's password is `PASSWORD`, unless a first one was reset."""

    hospital: Facility
    clinic: Facility
    terminal: Terminal
    chief: Staff
    """Administrator and data protection officer of the whole installation."""
    local: Staff
    """Administrator of the clinic alone."""
    doctor: Staff
    nurse: Staff


class Browser:
    """A browser without a screen: keeps cookies, sends its Origin, reads the CSRF token off the page it shows."""

    def __init__(self, client: TestClient[web.Request, web.Application]) -> None:
        self.client = client
        self.csrf = ""
        self.page = ""

    async def get(self, path: str, **options: Any) -> ClientResponse:
        return await self._shown(await self.client.get(path, allow_redirects=False, **options))

    async def post(self, path: str, fields: dict[str, Any] | None = None, **options: Any) -> ClientResponse:
        """Post a form of the page that is shown. Pairs in a list value are sent one after the other."""
        headers = {"Origin": ORIGIN} | options.pop("headers", {})
        data = [("csrf", self.csrf)] if self.csrf else []
        for name, value in (fields or {}).items():
            data += [(name, item) for item in (value if isinstance(value, list) else [value])]
        options.setdefault("data", data)
        return await self._shown(await self.client.post(path, allow_redirects=False, headers=headers, **options))

    async def sign_in(self, user_name: str, password: str = PASSWORD) -> ClientResponse:
        """Sign in and read the CSRF token off the next page."""
        await self.get("/sign-in")
        response = await self.post("/sign-in", {"user_name": user_name, "password": password})
        if response.status == 303:
            await self.get("/password")
        return response

    def cookie(self, name: str) -> str | None:
        """The value of a cookie that it holds."""
        return next((morsel.value for morsel in self.client.session.cookie_jar if morsel.key == name), None)

    async def _shown(self, response: ClientResponse) -> ClientResponse:
        if response.content_type == "text/html":
            self.page = await response.text()
            found = re.search(r'<meta name="csrf" content="([^"]+)">', self.page)
            self.csrf = found[1] if found else ""
        return response


@pytest.fixture
def services(sqlite_database: Database, bus: Bus, clock: FakeClock) -> Services:
    return build_services(sqlite_database, bus, clock)


@pytest.fixture
async def people(services: Services) -> Cast:
    hospital = await services.administration.create_facility(
        OPERATOR,
        FacilityEntry(
            code="51001",
            name="Bệnh viện Sông Trà",
            kind=FacilityKind.PROVINCIAL_HOSPITAL,
            technical_level=TechnicalLevel.SPECIALISED,
            managing_level=ManagingLevel.PROVINCIAL,
            province_code="51",
            commune_code="21172",
            emergency_telephone="0255 000 0115",
            is_hub=True,
        ),
    )
    clinic = await services.administration.create_facility(
        OPERATOR,
        FacilityEntry(
            code="51002",
            name="Trạm Y tế đảo Hòn Mây",
            kind=FacilityKind.COMMUNE_STATION,
            technical_level=TechnicalLevel.INITIAL,
            managing_level=ManagingLevel.COMMUNE,
            province_code="51",
            commune_code="21548",
        ),
    )
    await services.administration.link(OPERATOR, clinic.id, hospital.id)
    terminal = await services.terminals.create(OPERATOR, TerminalEntry(clinic.id, "HM-02", "phòng cấp cứu"))

    async def hire(user_name: str, full_name: str, facility: FacilityId, *roles: Role, wide: bool = False) -> Staff:
        entry = StaffEntry(user_name, full_name, facility, frozenset(roles), installation_wide=wide)
        person, _ = await services.accounts.create_staff(OPERATOR, entry, password=PASSWORD)
        return person

    return Cast(
        hospital,
        clinic,
        terminal,
        await hire("qt.an", "Phan Thị An", hospital.id, Role.ADMINISTRATOR, Role.DATA_PROTECTION_OFFICER, wide=True),
        await hire("qt.tram", "Đỗ Văn Trạm", clinic.id, Role.ADMINISTRATOR),
        await hire("bs.bao", "BS. Lê Quốc Bảo", clinic.id, Role.RURAL_DOCTOR),
        await hire("dd.hoa", "ĐD. Võ Thị Hoa", clinic.id, Role.RURAL_DOCTOR),
    )


@dataclass
class Site:
    """One running application."""

    server: TestServer
    services: Services
    _clients: list[TestClient[web.Request, web.Application]] = field(default_factory=list)

    async def browser(self) -> Browser:
        """A fresh browser without cookies."""
        client = TestClient(self.server, cookie_jar=CookieJar(unsafe=True))
        self._clients.append(client)
        return Browser(client)

    async def close(self) -> None:
        for client in self._clients:
            await client.session.close()
        await self.server.close()


async def serve(services: Services) -> Site:
    """Start an application over these services; the caller closes it."""
    server = TestServer(application.build(services, compiled()), host="127.0.0.1")
    await server.start_server()
    return Site(server, services)


@pytest.fixture
async def site(services: Services, people: Cast) -> AsyncIterator[Site]:
    opened = await serve(services)
    yield opened
    await opened.close()


@pytest.fixture
async def browser(site: Site) -> Browser:
    return await site.browser()
