"""What the views are given: the program's services, built by the program's wiring and handed over whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from consult_rooms.aftercare import Aftercare
from consult_rooms.coordinator_board import CoordinatorBoard
from consult_rooms.desk import Desk
from consult_rooms.devices import Devices
from consult_rooms.duty import Duty
from consult_rooms.exchange import Exchange
from consult_rooms.figures import FiguresDesk
from consult_rooms.forecast import Forecast
from consult_rooms.intake import Intake
from consult_rooms.minutes_office import MinutesOffice
from consult_rooms.opinions import Opinions
from consult_rooms.pairing import Pairing
from consult_rooms.planning import Planning
from consult_rooms.presence import Presence
from consult_rooms.queries import Queries
from consult_rooms.reaching import Reaching
from consult_rooms.requests import Requests
from consult_rooms.rooms import Rooms
from consult_rooms.rota import Rota
from consult_rooms.rulebook import Rulebook
from consult_rooms.scheduling import Scheduling
from consult_rooms.shared_work import SharedWork
from consult_rooms.telling import Telling
from consult_rooms.timelines import Timelines
from foundation.audit import Audit
from foundation.bus import Bus
from foundation.clock import Clock
from foundation.database import Database
from foundation.i18n import Languages
from foundation.paces import Paces
from foundation.settings import Settings
from identity.accounts import Accounts
from identity.administration import Administration
from identity.csv_import import CsvImport
from identity.fleet import Fleet
from identity.model import Role
from identity.sessions import Sessions
from identity.store import Directory
from identity.terminals import Terminals
from identity.tokens import ApiTokens
from records_panel.additions import Additions
from records_panel.break_glass import BreakGlass
from records_panel.glass_reviews import GlassReviews
from records_panel.import_runs import ImportRuns
from records_panel.panel import Panel
from records_panel.patients import Patients
from records_panel.summary_export import SummaryExport
from records_panel.viewings import Viewings
from records_panel.writeback_desk import WritebackDesk


@dataclass(frozen=True, slots=True)
class DemoSignIn:
    """A sign-in of the demo installation, shown on the sign-in page so that anyone can try both sides."""

    user_name: str
    password: str
    role: Role
    facility: str
    full_name: str = ""


@dataclass(frozen=True)
class Services:
    """Everything that a page or the REST interface asks. Views get it by `request.app[SERVICES]`."""

    settings: Settings
    clock: Clock
    languages: Languages
    database: Database
    bus: Bus
    audit: Audit
    directory: Directory
    accounts: Accounts
    sessions: Sessions
    administration: Administration
    terminals: Terminals
    tokens: ApiTokens
    csv_import: CsvImport
    requests: Requests
    pairing: Pairing
    intake: Intake
    desk: Desk
    rooms: Rooms
    opinions: Opinions
    shared: SharedWork
    minutes: MinutesOffice
    scheduling: Scheduling
    planning: Planning
    queries: Queries
    board: CoordinatorBoard
    exchange: Exchange
    devices: Devices
    presence: Presence
    patients: Patients
    panel: Panel
    break_glass: BreakGlass
    glass_reviews: GlassReviews
    viewings: Viewings
    import_runs: ImportRuns
    summary_export: SummaryExport
    write_backs: WritebackDesk
    additions: Additions
    rota: Rota
    duty: Duty
    figures: FiguresDesk
    timelines: Timelines
    rulebook: Rulebook
    forecast: Forecast
    ready: Callable[[], Awaitable[dict[str, bool]]]
    """Parts that this process needs, by name: database, bus, media; true when the part answers."""
    watched: Callable[[], dict[str, bool]] = dict
    """Parts that have to be seen to, but without which consults go on, by name: true when all is well."""
    fleet: Fleet | None = None
    """The terminals, and which of them are online."""
    paces: Paces | None = None
    """How much each may ask; None: as much as comes."""
    reaching: Reaching | None = None
    """How people are reached when no page is open, and when not to reach them."""
    aftercare: Aftercare | None = None
    """What comes after the advice: read by the clinic, outcomes, ratings, returns."""
    telling: Telling | None = None
    """Notices, how each person wants them, and calendars outside."""
    is_demo: bool = False
    """Whether this installation holds demo data, which every page then says."""
    demo_sign_ins: tuple[DemoSignIn, ...] = ()


SERVICES: web.AppKey[Services] = web.AppKey("services", Services)
