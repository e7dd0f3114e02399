"""The running process: services, signalling, web application and media put together, started and stopped."""

from __future__ import annotations

import asyncio
import errno
import resource
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import click
from aiohttp import web

from foundation.pauses import settle
from foundation.settings import Settings
from foundation.tasks import Tasks
from hoichan.connections import opened_database, read_secret
from hoichan.media_command import ChildPlan
from hoichan.migrate import is_newest, upgrade
from hoichan.seeding import SIGN_INS, is_demo, read_sign_ins, seed_demo
from hoichan.stopping import stopped_by_signals
from hoichan.wiring import Parts, opened
from media.directory import BusDirectory
from media.nodes import WorkerNodes
from signaling.doors import ConsultDoor
from signaling.gateway import Gateway
from signaling.whip import WhipEdge
from web.application import build
from web.services import DemoSignIn, Services

_BACKLOG = 1_024
"""Connections that may wait to be accepted: after a broken network everybody comes within a second."""
_FILES = 65_536
"""Open files that a node asks for."""
_FEATURED = ("bs.bao", "bs.thuha", "bs.khai", "dp.khue", "qt.hieu")


async def run_embedded(settings: Settings, *, demo: bool) -> int:
    """Everything on this machine, until a signal: migrate, seed when asked, media workers as children, serve."""
    if settings.redis_url:
        raise click.ClickException("`hoichan run` is one process on one machine; with Redis start `hoichan web`")
    with stopped_by_signals():
        settings = await _with_address(settings)
        plan, tasks = ChildPlan(settings), Tasks()
        children = plan.children(tasks)
        try:
            # The workers start first: their libraries load beside the migration and the seeding.
            for child in children:
                await child.start()
            async with opened_database(settings) as database:
                await upgrade(database)
            async with opened(settings) as parts:
                sign_ins: tuple[DemoSignIn, ...] = ()
                if demo:
                    sign_ins = await seed_demo(parts, settings)
                elif await is_demo(parts) and settings.on_loopback:
                    sign_ins = read_sign_ins(settings.var / SIGN_INS)
                nodes = WorkerNodes(BusDirectory(parts.bus), tasks, plan.token, plan.controls)
                await _serve(parts, nodes, tasks, sign_ins, lambda: _greet(settings, sign_ins, demo=demo))
        finally:
            await asyncio.gather(*(child.stop() for child in children))
            await tasks.close()
            plan.close()
    return 0


async def run_node(settings: Settings) -> int:
    """One web and signalling node of a cluster, until a signal."""
    if not settings.database_url or not settings.redis_url:
        raise click.ClickException("`hoichan web` needs HOICHAN_DATABASE_URL and HOICHAN_REDIS_URL")
    token = read_secret(settings.media_token_file)
    if not token:
        raise click.ClickException(
            "`hoichan web` needs HOICHAN_MEDIA_TOKEN_FILE, the secret it shares with the workers"
        )
    with stopped_by_signals():
        async with opened(settings) as parts:
            if not await is_newest(parts.database):
                raise click.ClickException("the database lacks tables of this version: run `hoichan migrate` first")
            tasks = Tasks()
            try:
                nodes = WorkerNodes(BusDirectory(parts.bus), tasks, token)
                await _serve(parts, nodes, tasks, (), lambda: None)
            finally:
                await tasks.close()
    return 0


async def _serve(
    parts: Parts,
    nodes: WorkerNodes,
    tasks: Tasks,
    sign_ins: tuple[DemoSignIn, ...],
    greet: Callable[[], None],
) -> None:
    """Serve until cancelled."""
    settings = parts.settings
    _allow_sockets()
    rounds = Tasks()  # they end before what they ask: a round after that would open the database again
    await nodes.start()
    gateway = build_gateway(parts, nodes, tasks)
    application = build(services_of(parts, nodes.ready, await is_demo(parts), sign_ins))
    gateway.attach(application)
    devices = build_whip(parts, nodes, tasks)
    devices.attach(application)
    runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=3)
    await runner.setup()
    try:
        with _explained(settings):
            await web.TCPSite(runner, settings.host, settings.port, backlog=_BACKLOG).start()
        await gateway.start()
        devices.start()
        rounds.forever("ladder", parts.runner.run_due, pause_s=0.5)
        rounds.forever("claims without a sign of life", parts.pairing.leases.run_due, pause_s=0.5)
        rounds.forever("written cases and uploads", parts.desk.tidy, pause_s=20.0)
        rounds.forever("follow-ups", parts.aftercare.follow_ups.run_due, pause_s=10.0)
        rounds.forever("offers of the waiting list", parts.scheduling.waiting_list.run_due, pause_s=5.0)
        rounds.forever("slots from templates", parts.planning.materialising.run_due, pause_s=20.0)
        rounds.forever("promised answers", parts.pairing.answers.ring_promised, pause_s=1.0)
        if parts.ring_pushes is not None:
            rounds.forever("rings for people who are away", parts.ring_pushes.run_due, pause_s=1.0)
        rounds.forever("notices", parts.told.delivery.run_due, pause_s=1.0)
        rounds.forever("old notices", parts.told.delivery.tidy, pause_s=3_600.0)
        rounds.forever("calendars of busy times", parts.told.telling.busy.run_due, pause_s=10.0)
        rounds.forever("consults into books", parts.write_backs.carrier.run_due, pause_s=5.0)
        rounds.forever("checkpoints", parts.database.checkpoint)
        tasks.forever("audit chain", parts.chainer.run)
        settle()  # while no request goes on: some 200,000 objects
        greet()
        await asyncio.Event().wait()
    finally:
        for site in list(runner.sites):
            await site.stop()  # whoever is hung up on now comes back elsewhere, not here
        await rounds.close()
        await gateway.close()
        await runner.cleanup()
        await parts.chainer.finish()


def _allow_sockets() -> None:
    """Open as many files as the system lets this process: systems begin with 1,024, and each terminal takes one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _with_address(settings: Settings) -> Settings:
    """The settings with the port that will be listened at: with HOICHAN_PORT=0 a free one.

    Bind and let go, so that a taken port is told before anything else is done.
    """
    with _explained(settings):
        loop = asyncio.get_running_loop()
        bound = await loop.create_server(asyncio.Protocol, settings.host, settings.port, start_serving=False)
        port = int(bound.sockets[0].getsockname()[1])
        bound.close()
    return settings.model_copy(update={"port": port})


@contextmanager
def _explained(settings: Settings) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = "another program listens there" if error.errno == errno.EADDRINUSE else error.strerror
        raise click.ClickException(
            f"cannot listen at {settings.host}:{settings.port}: {why}. See HOICHAN_HOST and HOICHAN_PORT."
        ) from error


def build_gateway(parts: Parts, nodes: WorkerNodes, tasks: Tasks) -> Gateway:
    """The Socket.IO edge over these services."""
    return Gateway(
        origins=parts.settings.allowed_origins,
        database=parts.database,
        sessions=parts.sessions,
        directory=parts.directory,
        requests=parts.requests,
        pairing=parts.pairing,
        written=parts.desk.written,
        opinions=parts.opinions,
        rooms=parts.rooms,
        queries=parts.queries,
        board=parts.board.queries,
        shared=parts.shared,
        scheduling=parts.scheduling,
        consult_log=parts.log,
        presence=parts.presence,
        fleet=parts.fleet,
        paces=parts.paces,
        proxied=parts.settings.proxied,
        media=nodes,
        relays=parts.relays,
        bus=parts.bus,
        languages=parts.languages,
        clock=parts.clock,
        zone=parts.zone,
        tasks=tasks,
    )


def build_whip(parts: Parts, nodes: WorkerNodes, tasks: Tasks) -> WhipEdge:
    """WHIP and WHEP over these services."""
    door, origins = ConsultDoor(parts.devices), parts.settings.whip_allowed | parts.settings.allowed_origins
    return WhipEdge(door, nodes, parts.relays, parts.languages, tasks, parts.bus, origins=origins)


def services_of(
    parts: Parts, media_ready: Callable[[], Awaitable[bool]], demo: bool, sign_ins: tuple[DemoSignIn, ...]
) -> Services:
    """What the web application is given."""

    async def ready() -> dict[str, bool]:
        database, bus, media = await asyncio.gather(parts.database.ready(), parts.bus.ready(), media_ready())
        return {"database": database, "bus": bus, "media": media}

    def watched() -> dict[str, bool]:
        return {"audit_chain": parts.chainer.sound}

    return Services(
        settings=parts.settings,
        clock=parts.clock,
        languages=parts.languages,
        database=parts.database,
        bus=parts.bus,
        audit=parts.audit,
        directory=parts.directory,
        accounts=parts.accounts,
        sessions=parts.sessions,
        administration=parts.administration,
        terminals=parts.terminals,
        tokens=parts.tokens,
        csv_import=parts.csv_import,
        requests=parts.requests,
        pairing=parts.pairing,
        intake=parts.intake,
        desk=parts.desk,
        rooms=parts.rooms,
        opinions=parts.opinions,
        shared=parts.shared,
        minutes=parts.minutes,
        aftercare=parts.aftercare,
        scheduling=parts.scheduling,
        queries=parts.queries,
        board=parts.board,
        exchange=parts.exchange,
        devices=parts.devices,
        presence=parts.presence,
        patients=parts.patients,
        panel=parts.panel,
        break_glass=parts.break_glass,
        glass_reviews=parts.glass_reviews,
        viewings=parts.viewings,
        import_runs=parts.import_runs,
        summary_export=parts.summary_export,
        write_backs=parts.write_backs.desk,
        additions=parts.additions,
        planning=parts.planning,
        rota=parts.rota,
        duty=parts.duty,
        figures=parts.figures,
        timelines=parts.timelines,
        rulebook=parts.rulebook,
        forecast=parts.forecast,
        ready=ready,
        watched=watched,
        fleet=parts.fleet,
        paces=parts.paces,
        reaching=parts.reaching,
        telling=parts.told.telling,
        is_demo=demo,
        demo_sign_ins=sign_ins,
    )


def _greet(settings: Settings, sign_ins: tuple[DemoSignIn, ...], *, demo: bool) -> None:
    click.echo(f"\nHoichan: http://{settings.host}:{settings.port}   (Ctrl-C stops it)")
    if demo:
        click.echo(f"Demo data, invented people only. All sign-ins: {settings.var / SIGN_INS}\n")
        for person in sign_ins:
            if person.user_name in _FEATURED:
                click.echo(f"  {person.role:14} {person.user_name:10} {person.password}   {person.facility}")
        click.echo("\nOpen the second role in a private window: one browser holds one sign-in.", nl=True)
    sys.stdout.flush()
