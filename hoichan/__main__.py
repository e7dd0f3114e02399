"""The command line: `hoichan run | web | media | migrate | seed | staff | audit`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click
from pydantic import ValidationError

from foundation import logs
from foundation.errors import HoichanError
from foundation.i18n import Languages
from foundation.settings import Settings


def read_settings() -> Settings:
    """The settings of the environment, or a clear end of the program."""
    try:
        return Settings()
    except ValidationError as error:
        found = [(str(e["loc"][0]).upper(), e["msg"]) for e in error.errors(include_input=False)]
        lines = [f"HOICHAN_{name}: {message.removeprefix('Value error, ')}" for name, message in found]
        raise click.ClickException("\n".join(["these settings cannot be used:", *lines])) from None


class Explained(click.Group):
    """A group whose commands end with the sentence of an error rather than with a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), "book", "staff", "audit", "signing"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == "staff":  # loaded only when asked for: a media worker starts without it
            from hoichan.staff_command import staff

            return staff
        if cmd_name == "book":
            from hoichan.book_command import book

            return book
        if cmd_name == "audit":
            from hoichan.audit_command import audit

            return audit
        if cmd_name == "signing":
            from hoichan.signing_command import signing

            return signing
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except HoichanError as error:
            raise click.ClickException(f"{Languages().get('en').error(error)} ({error.code})") from error


@click.group(cls=Explained, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option("0.1.0", prog_name="hoichan")
def main() -> None:
    """Hoichan: telehealth video consultation with the patient's E Health Book beside the call.

    \b
    To try it:       hoichan run --demo
    A hospital:      hoichan run                  one machine, SQLite, one media worker
    A province:      hoichan migrate              once per version
                     hoichan media                on each media machine
                     hoichan web                  on each web machine, behind a TLS proxy
    First person:    hoichan staff create-admin --user-name NAME --full-name "..."

    Settings are environment variables that begin with HOICHAN_; docs/operations.md lists them all.
    Secrets come as files (…_FILE). Data of an embedded installation lies below HOICHAN_VAR (default: var).
    """


@main.command()
@click.option("--demo", is_flag=True, help="Load invented people and books, and print their sign-ins. Loopback only.")
def run(demo: bool) -> None:
    """Run everything on this machine: database, web server, signalling and one media worker.

    Creates and migrates the SQLite database below HOICHAN_VAR, starts the media worker as a child process and
    restarts it when it dies. Listens on HOICHAN_HOST:HOICHAN_PORT (default 127.0.0.1:8080). Ctrl-C stops it cleanly.
    """
    from hoichan.serving import run_embedded

    settings = read_settings()
    logs.configure(as_json=settings.log_json, level=settings.log_level)
    sys.exit(asyncio.run(run_embedded(settings, demo=demo)))


@main.command()
def web() -> None:
    """Run one web and signalling node of a cluster.

    Needs HOICHAN_DATABASE_URL (PostgreSQL), HOICHAN_REDIS_URL, HOICHAN_KEYS_FILE, HOICHAN_MEDIA_TOKEN_FILE and
    HOICHAN_ORIGINS, a database that `hoichan migrate` has prepared, and at least one `hoichan media`.
    """
    from hoichan.serving import run_node

    settings = read_settings()
    logs.configure(as_json=settings.log_json, level=settings.log_level)
    sys.exit(asyncio.run(run_node(settings)))


@main.command()
@click.option(
    "--check", is_flag=True, help="Ask the running workers of these settings whether they answer; exit 0 or 1."
)
@click.option("--status", is_flag=True, help="Print what each running worker does: all that are registered in Redis.")
@click.option("--drain", is_flag=True, help="Tell running workers to take no new rooms and to end with their last one.")
@click.option(
    "--control", default="", metavar="ADDRESS", help="With --drain: only the worker at HOST:PORT or unix:PATH."
)
@click.option("--open", "is_open", is_flag=True, help="Serve rooms of any name by WHIP and WHEP; see below.")
@click.option("--token", default="", metavar="T", help="With --open: the bearer token that opens every room. Required.")
@click.option("--http", default="127.0.0.1:8090", show_default=True, metavar="HOST:PORT", help="With --open: where.")
@click.option("--child", is_flag=True, hidden=True, help="Stop when standard input ends.")
@click.option("--no-drain", is_flag=True, hidden=True, help="End at the first SIGTERM.")
@click.option("--worker-id", default="", help="The worker's name in the directory; by default a random one.")
def media(
    check: bool,
    status: bool,
    drain: bool,
    control: str,
    is_open: bool,
    token: str,
    http: str,
    child: bool,
    no_drain: bool,
    worker_id: str,
) -> None:
    """Run media workers: each one process and one UDP socket that forwards the packets of its rooms.

    Listens on HOICHAN_MEDIA_BIND:HOICHAN_MEDIA_PORT and tells browsers HOICHAN_MEDIA_ANNOUNCE. Web nodes reach it at
    HOICHAN_MEDIA_CONTROL with the secret of HOICHAN_MEDIA_TOKEN_FILE; with HOICHAN_REDIS_URL it registers itself there.
    HOICHAN_MEDIA_WORKERS starts several: the second has the next UDP port and the next control port (or PATH.1).

    SIGTERM drains: rooms go on for HOICHAN_MEDIA_DRAIN_SECONDS at most, then it ends. A second one, and Ctrl-C, end it.

    \b
    --open needs no other setting and no other part of Hoichan: to try a device, or for a load tool.
      POST http://HOST:PORT/whip/ROOM   an offer to publish into a room of any name (RFC 9725)
      POST http://HOST:PORT/whep/ROOM   an offer to receive: every track that the room has, later ones too
    Whoever has the token sees every room. It listens on loopback unless --http says otherwise; browsers and devices
    on other machines also need HOICHAN_MEDIA_BIND and HOICHAN_MEDIA_ANNOUNCE. docs/media.md tells more.
    """
    settings = read_settings()
    logs.configure(as_json=settings.log_json, level=settings.log_level)
    if check or status or drain:
        from hoichan.media_fleet import check_workers, drain_workers, show_status

        asked = check_workers(settings) if check else show_status(settings) if status else None
        sys.exit(asyncio.run(asked or drain_workers(settings, control)))
    if is_open:
        from hoichan.open_media import run_open_media

        sys.exit(asyncio.run(run_open_media(settings, token, http)))
    from hoichan.media_command import run_media

    sys.exit(asyncio.run(run_media(settings, worker_id, child=child, drains=not no_drain)))


@main.command()
@click.option(
    "--check", is_flag=True, help="Change nothing; exit 1 when the database's tables differ from the program's."
)
@click.option("--new", "message", default="", help="Write a new migration with this message from the difference.")
def migrate(check: bool, message: str) -> None:
    """Bring the database to the newest form of its tables. Safe to run from several nodes at once."""
    from hoichan.connections import opened_database

    settings = read_settings()
    logs.configure(as_json=settings.log_json, level=settings.log_level)

    async def work() -> int:
        from hoichan.migrate import differences, upgrade, write_migration

        async with opened_database(settings) as database:
            if check:
                found = await differences(database)
                for difference in found:
                    click.echo(str(difference))
                return 1 if found else 0
            await upgrade(database)
            if message:
                await write_migration(database, message)
        return 0

    sys.exit(asyncio.run(work()))


@main.command()
@click.option("--demo", is_flag=True, required=True, help="Say that invented data is what you want.")
def seed(demo: bool) -> None:  # noqa: ARG001 - the option has to be given, its value is known
    """Load the demo data into an empty installation, or complete an earlier demo.

    Refuses an address that is not loopback and a database that holds anything but demo data. The sign-ins are
    written to demo-sign-ins.json below HOICHAN_VAR.
    """
    from hoichan.migrate import upgrade
    from hoichan.seeding import seed_demo
    from hoichan.wiring import opened

    settings = read_settings()
    logs.configure(as_json=settings.log_json, level=settings.log_level)

    async def work() -> None:
        async with opened(settings) as parts:
            await upgrade(parts.database)
            sign_ins = await seed_demo(parts, settings)
        click.echo(f"{len(sign_ins)} sign-ins in {Path(settings.var) / 'demo-sign-ins.json'}")

    asyncio.run(work())


if __name__ == "__main__":
    main()
