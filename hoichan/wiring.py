"""The only place that constructs: settings in, services out. Nothing here decides anything else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from consult_rooms.aftercare import Aftercare
from consult_rooms.aftercare_notices import AftercareNotices
from consult_rooms.answers import Answers
from consult_rooms.attachments import Attachments
from consult_rooms.board_acts import BoardActs
from consult_rooms.board_duty import BoardDuty
from consult_rooms.board_queries import BoardQueries
from consult_rooms.claims import Claims
from consult_rooms.coordinator_board import CoordinatorBoard
from consult_rooms.desk import Desk
from consult_rooms.devices import Devices
from consult_rooms.drafts import Drafts
from consult_rooms.duty import Duty
from consult_rooms.exchange import Exchange
from consult_rooms.figures import FiguresDesk
from consult_rooms.follow_up_plan import FollowUpPlan
from consult_rooms.forecast import Forecast
from consult_rooms.handovers import Handovers
from consult_rooms.inquiries import Inquiries
from consult_rooms.intake import Intake
from consult_rooms.ladder_rules import defaults
from consult_rooms.leases import Leases
from consult_rooms.log import ConsultLog
from consult_rooms.minutes import Minutes
from consult_rooms.minutes_drafts import MinutesDrafts
from consult_rooms.minutes_office import MinutesOffice
from consult_rooms.minutes_signing import MinutesSigning
from consult_rooms.opinions import Opinions
from consult_rooms.pairing import Pairing
from consult_rooms.phone_tree import PhoneTrees
from consult_rooms.planning import Planning
from consult_rooms.presence import Presence
from consult_rooms.queries import Queries
from consult_rooms.quiet import Quiet
from consult_rooms.reaching import Reaching
from consult_rooms.requests import Requests
from consult_rooms.ring_pushes import RingPushes
from consult_rooms.rooms import Rooms
from consult_rooms.roster import Rosters
from consult_rooms.rota import Rota
from consult_rooms.rota_dates import RotaDates
from consult_rooms.rota_import import RotaImport
from consult_rooms.rota_weeks import RotaWeeks
from consult_rooms.rulebook import Rulebook
from consult_rooms.runner import LadderRunner
from consult_rooms.scheduling import Scheduling
from consult_rooms.shared_work import SharedWork
from consult_rooms.signing_keys import KeyRing
from consult_rooms.store import ConsultStore
from consult_rooms.swaps import Swaps
from consult_rooms.tables import CONSULT_LOG
from consult_rooms.thread import Threads
from consult_rooms.timelines import Timelines
from consult_rooms.trust_list import TrustList
from consult_rooms.turn_notices import TurnNotices
from consult_rooms.uploads import Bounds, Uploads
from consult_rooms.writing import Writing
from consult_rooms.written import WrittenCases
from foundation.anchors import AnchorFolder
from foundation.audit import AUDIT, Audit
from foundation.bus import Bus
from foundation.chainer import Chainer
from foundation.clock import Clock, SystemClock
from foundation.database import Database
from foundation.fetch import Fetcher
from foundation.files import Files
from foundation.i18n import Languages
from foundation.paces import Paces
from foundation.reach import Reach
from foundation.sealing import Sealer
from foundation.segments import Segments
from foundation.settings import Settings
from hoichan.book_sources import opened_sources
from hoichan.configured import (
    dues_of,
    goals_of,
    pusher_of,
    rates_of,
    relays_of,
    sealer_of,
    signer_of,
    steps_of,
    targets_of,
)
from hoichan.connections import opened_bus, opened_database, redis_address
from hoichan.telling import Told, telling
from hoichan.writing_back import WritingBack, writing_back
from identity.accounts import Accounts
from identity.administration import Administration
from identity.authentication import Authentication
from identity.csv_import import CsvImport
from identity.fleet import Fleet
from identity.guard import Guard
from identity.passwords import Passwords
from identity.sessions import Sessions
from identity.store import Directory
from identity.terminals import Terminals
from identity.throttle import Throttle, counters
from identity.tokens import ApiTokens
from media.api import Relays
from notify.contacts import Contacts
from notify.subscriptions import Subscriptions
from records_panel.additions import Additions
from records_panel.books import Books, EarlyBooks
from records_panel.break_glass import BreakGlass
from records_panel.embedded_book import EmbeddedBook
from records_panel.fhir_client import FhirBook
from records_panel.glass_reviews import GlassReviews
from records_panel.grants import Limits
from records_panel.import_runs import ImportRuns
from records_panel.panel import Panel
from records_panel.patients import Patients
from records_panel.searches import Searches
from records_panel.summary_export import SummaryExport
from records_panel.viewings import Viewings

CHAINED = (AUDIT, CONSULT_LOG)
"""What is linked into hash chains."""


@dataclass(frozen=True)
class Parts:
    """Every service of a process, before the edges (web, signalling, media) are put on."""

    settings: Settings
    clock: Clock
    zone: ZoneInfo
    languages: Languages
    database: Database
    bus: Bus
    audit: Audit
    chainer: Chainer
    sealer: Sealer
    directory: Directory
    passwords: Passwords
    accounts: Accounts
    sessions: Sessions
    terminals: Terminals
    administration: Administration
    tokens: ApiTokens
    csv_import: CsvImport
    log: ConsultLog
    presence: Presence
    rota: Rota
    duty: Duty
    figures: FiguresDesk
    timelines: Timelines
    rulebook: Rulebook
    forecast: Forecast
    runner: LadderRunner
    requests: Requests
    pairing: Pairing
    intake: Intake
    desk: Desk
    shared: SharedWork
    rooms: Rooms
    opinions: Opinions
    minutes: MinutesOffice
    aftercare: Aftercare
    scheduling: Scheduling
    planning: Planning
    queries: Queries
    board: CoordinatorBoard
    exchange: Exchange
    devices: Devices
    book: EmbeddedBook
    sources: tuple[FhirBook, ...]
    patients: Patients
    panel: Panel
    break_glass: BreakGlass
    glass_reviews: GlassReviews
    viewings: Viewings
    import_runs: ImportRuns
    summary_export: SummaryExport
    write_backs: WritingBack
    additions: Additions
    relays: Relays
    paces: Paces
    fleet: Fleet
    reaching: Reaching
    ring_pushes: RingPushes | None
    told: Told


@asynccontextmanager
async def opened(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Parts]:
    """Build every service over an existing, migrated database; everything is closed when the block ends.

    With a `clock` of one's own the database takes its time as well, as the demo's history needs it.
    """
    told, clock = clock, clock or SystemClock()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(opened_database(settings, told=told))
        bus = await stack.enter_async_context(opened_bus(settings, clock))
        zone = ZoneInfo(settings.zone)
        sealer = sealer_of(settings)
        audit = Audit(database)
        counts = counters(redis_address(settings))
        directory = Directory(database)
        languages = Languages()
        fetcher = Fetcher(Reach.read(settings.fetch_networks, settings.fetch_plain_hosts))
        stack.push_async_callback(fetcher.close)
        subscriptions = Subscriptions(database, audit, sealer)
        pusher = pusher_of(settings, fetcher)
        news = telling(settings, database, audit, directory, sealer, fetcher, subscriptions, pusher, languages, clock)
        passwords = Passwords()
        stack.callback(passwords.close)
        throttle = Throttle(
            counts, per_account=settings.sign_in_attempts, per_address=settings.sign_in_attempts_per_address
        )
        authentication = Authentication(database, passwords, throttle, audit)
        sessions = Sessions(
            database,
            bus,
            audit,
            authentication,
            hours=settings.session_hours,
            idle_minutes=settings.idle_lock_minutes,
        )
        guard = Guard(audit)
        terminals = Terminals(database, audit, guard, directory, sessions, throttle)
        log = ConsultLog(database, bus)
        presence = Presence(bus)
        rota = Rota(database, directory, bus, zone)
        rules = defaults(steps_of(settings), settings.coordinator_step_seconds)
        quiet = Quiet(database, bus)
        rosters = Rosters(database, presence, zone, rules)
        turns = TurnNotices(news.telling.outbox, settings.zone)
        writing = Writing(log, dues_of(settings))
        runner = LadderRunner(database, log, rosters, writing)
        store = ConsultStore(sealer)
        claims = Claims(
            store,
            log,
            directory,
            zone,
            settings.claim_lease_seconds,
            away=timedelta(minutes=settings.away_minutes),
            told=news.notices,
        )
        limits = Limits(
            grant=timedelta(hours=settings.grant_hours),
            before=timedelta(minutes=settings.book_before_minutes),
            glass=timedelta(hours=settings.break_glass_hours),
            glass_words=settings.break_glass_characters,
            review=timedelta(hours=settings.break_glass_review_hours),
        )
        searches = Searches(counts)
        book = EmbeddedBook(database, sealer)
        sources = await stack.enter_async_context(opened_sources(settings, database, sealer, clock))
        books = Books(book, sources.books, clock, sources.late) if sources else None
        early = EarlyBooks(books, settings.source_wait_seconds) if books else None
        panel = Panel(database, store, audit, books or book, zone=zone, limits=limits, early=early)
        files = Files(settings.files, sealer, most_bytes=settings.file_megabytes * 1024 * 1024)
        segments = Segments(settings.files, sealer)
        arriving = Bounds(
            most_bytes=settings.attachment_megabytes * 1024 * 1024, unfinished=timedelta(hours=settings.upload_hours)
        )
        uploads = Uploads(database, store, audit, segments, arriving)
        attachments = Attachments(database, store, log, audit, files, segments, uploads)
        additions = Additions(database, store, log, directory, audit, book, files, limits=limits)
        outcomes = AftercareNotices(news.telling.outbox, settings.zone)
        plan = FollowUpPlan(settings.follow_ups, outcomes)
        opinions = Opinions(database, store, log, plan)
        lifetime = timedelta(days=settings.signing_key_days)
        keys = KeyRing(database, sealer, audit, guard, directory, lifetime=lifetime)
        minutes = MinutesOffice(
            Minutes(database, store, log, directory, opinions, audit),
            MinutesDrafts(database, store),
            MinutesSigning(database, store, log, directory, audit, authentication, keys, plan),
            keys,
            TrustList(keys, clock),
        )
        requests = Requests(database, store, log, runner, directory, audit, claims, zone, additions.follow)
        yield Parts(
            settings=settings,
            clock=clock,
            zone=zone,
            languages=languages,
            database=database,
            bus=bus,
            audit=audit,
            chainer=Chainer(
                database,
                bus,
                clock,
                CHAINED,
                AnchorFolder(settings.audit_folder, signer_of(settings)),
                shards=settings.audit_shards,
                anchor_seconds=settings.audit_anchor_seconds,
            ),
            sealer=sealer,
            directory=directory,
            passwords=passwords,
            accounts=Accounts(database, audit, guard, directory, authentication, passwords, sessions, terminals),
            sessions=sessions,
            terminals=terminals,
            administration=Administration(database, audit, guard, directory, sessions),
            tokens=ApiTokens(database, audit, guard, directory),
            csv_import=CsvImport(database, audit, passwords, sessions),
            log=log,
            presence=presence,
            rota=rota,
            figures=FiguresDesk(database, zone, targets_of(settings)),
            timelines=Timelines(database, store, directory, log, audit, goals_of(settings)),
            duty=Duty(
                RotaDates(database, directory, rota),
                RotaWeeks(database, directory, zone),
                Swaps(database, directory, rota, zone, turns),
                RotaImport(database, directory, rota, audit),
            ),
            rulebook=Rulebook(database, audit, rules),
            forecast=Forecast(database, rosters, directory, audit),
            runner=runner,
            requests=requests,
            intake=Intake.over(database, store, log, audit, clock, zone),
            pairing=Pairing(
                Answers(
                    database,
                    store,
                    log,
                    runner,
                    directory,
                    audit,
                    claims,
                    zone,
                    later_s=settings.ring_later_minutes * 60,
                ),
                Inquiries(database, store, log, claims),
                Leases(database, store, log, runner, claims),
                Handovers(database, store, log, directory, audit, claims, zone),
            ),
            desk=Desk(
                WrittenCases(
                    database,
                    store,
                    log,
                    directory,
                    runner,
                    writing,
                    audit,
                    zone,
                    timedelta(minutes=settings.written_after_minutes),
                ),
                Threads(database, store, log, directory, attachments),
                uploads,
                attachments,
                Drafts(database, store, timedelta(hours=settings.draft_hours)),
            ),
            rooms=Rooms(database, store, log, directory, zone),
            opinions=opinions,
            shared=SharedWork.over(database, store, log, directory),
            minutes=minutes,
            aftercare=Aftercare.over(database, store, log, directory, requests, zone, outcomes, audit=audit),
            scheduling=Scheduling(
                database,
                store,
                log,
                directory,
                bus,
                zone,
                timedelta(minutes=settings.room_opens_minutes),
                hold_for=timedelta(minutes=settings.hold_minutes),
                offer_for=timedelta(minutes=settings.waiting_offer_minutes),
                told=news.notices,
            ),
            planning=Planning.over(
                database,
                store,
                directory,
                bus,
                zone,
                ahead=timedelta(days=settings.slots_ahead_days),
                country=settings.holidays_country,
                notices=turns,
            ),
            exchange=Exchange(database, store, log, directory),
            devices=Devices(database, store, audit, bus),
            queries=Queries(database, store, log, directory, rota, presence, zone),
            board=CoordinatorBoard(
                BoardQueries(database, store, zone, targets_of(settings)),
                BoardDuty(database, directory, rota, presence, zone),
                BoardActs(database, store, log, runner, directory, audit, claims, zone),
                PhoneTrees(database, directory, rota, audit, zone, Contacts(database, audit, sealer).mobiles),
            ),
            book=book,
            sources=sources.books if sources else (),
            patients=Patients(database, audit, sealer, searches, clock),
            panel=panel,
            break_glass=BreakGlass(
                database, audit, authentication, directory, panel, searches, sealer, bus, limits=limits
            ),
            glass_reviews=GlassReviews(database, audit, guard, directory, sealer),
            viewings=Viewings(database, audit, guard, directory, sealer, searches),
            import_runs=ImportRuns(database),
            summary_export=SummaryExport(panel, book),
            write_backs=writing_back(database, store, directory, audit, book, sources.books if sources else ()),
            additions=additions,
            relays=relays_of(settings, clock),
            paces=Paces(clock, rates_of(settings)),
            fleet=Fleet(database, bus, directory, clock),
            reaching=Reaching(quiet, subscriptions, pusher),
            ring_pushes=None
            if pusher is None
            else RingPushes(database, presence, quiet, subscriptions, pusher, languages),
            told=news,
        )
