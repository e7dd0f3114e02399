"""`hoichan audit`: whether the trail and the consults' log are whole, and handing the trail on as FHIR."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import IO
from zoneinfo import ZoneInfo

import click
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from consult_rooms.tables import CONSULT_LOG
from foundation.anchors import AnchorKeys, AnchorSigner, public_keys, public_pem
from foundation.audit import AUDIT, Audit, AuditEntry, audit_entries
from foundation.chain_check import ChainCheck
from foundation.chain_faults import Found
from foundation.database import Database
from foundation.errors import HoichanError
from foundation.i18n import Languages
from foundation.settings import Settings
from hoichan.connections import opened_database
from hoichan.migrate import is_newest
from records_panel.audit_event import Site, audit_event

PAGE = 1_000
_TIME = "A day or an instant (ISO 8601), in HOICHAN_ZONE unless it has an offset."


class Cannot(click.ClickException):
    """Nothing could be verified."""

    exit_code = 2


@click.group()
def audit() -> None:
    """Verify the audit's hash chain, and hand the audit on.

    Rows of the audit and of the consults' log are linked into hash chains; each minute the chains' heads are signed and
    written to HOICHAN_AUDIT_ANCHORS. docs/operations.md tells where to keep those.
    """


@audit.command()
@click.option("--since", default="", help=f"Only what was anchored from then on. {_TIME}")
@click.option("--until", default="", help="Only what was anchored until then.")
@click.option(
    "--public-key",
    "key_files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="File with public keys to trust instead of this installation's own; may be repeated.",
)
@click.option("--anchors", type=click.Path(path_type=Path), help="Folder of anchors instead of HOICHAN_AUDIT_ANCHORS.")
def verify(since: str, until: str, key_files: tuple[Path, ...], anchors: Path | None) -> None:
    """Find every row that was changed, removed, reordered, added or cut off, in the audit and the consults' log.

    One line a fault: its kind, and where. Exit status 0 when all is whole, 1 with a fault, 2 when it cannot be told.
    It only reads and may run while Hoichan does. It needs no HOICHAN_KEYS_FILE and, with --public-key, no signing key.
    """

    async def work(settings: Settings, database: Database) -> None:
        folder = anchors or settings.audit_folder
        check = ChainCheck(database, (AUDIT, CONSULT_LOG), folder, _trusted(settings, key_files))
        count = 0
        try:
            async for fault in check.faults(_instant(since, settings), _instant(until, settings)):
                count += 1
                click.echo(str(fault))
        except (TypeError, ValueError) as error:  # SQLite lets anybody write a word where a number belongs
            raise Cannot("the chains' own tables hold what cannot be read: they were tampered with") from error
        except OSError as error:
            raise Cannot(f"the anchors in {folder} cannot be read: {error.strerror}") from error
        for found in check.found:
            click.echo(_told(found), err=True)
        click.echo(f"{count} {'fault' if count == 1 else 'faults'}" if count else "whole", err=True)
        if count:
            raise click.exceptions.Exit(1)

    _run(work)


@audit.command()
@click.option("--since", default="", help=f"Only rows from then on. {_TIME}")
@click.option("--until", default="", help="Only rows before then.")
@click.option(
    "--output", type=click.File("w", lazy=True), default="-", help="File to write; by default standard output."
)
def export(since: str, until: str, output: IO[str]) -> None:
    """Write the audit as FHIR R4 AuditEvent (IHE BALP profiles), one JSON object a line, with opaque ids only.

    That it was exported is itself on the audit, before the first line is written.
    """

    async def work(settings: Settings, database: Database) -> None:
        begin, end = _instant(since, settings), _instant(until, settings)
        details: dict[str, str | int | bool | None] = {"since": since or None, "until": until or None}
        await Audit(database).commit(AuditEntry("operator", "audit.export", details=details))
        site = Site(sorted(settings.allowed_origins)[0])
        asked = select(audit_entries).order_by(audit_entries.c.number).limit(PAGE)
        if begin:
            asked = asked.where(audit_entries.c.at >= begin)
        if end:
            asked = asked.where(audit_entries.c.at < end)
        last = 0
        while True:
            async with database.reading() as tx:
                rows = (await tx.execute(asked.where(audit_entries.c.number > last))).mappings().all()
            for row in rows:
                output.write(json.dumps(audit_event(dict(row), site), ensure_ascii=False) + "\n")
            if len(rows) < PAGE:
                return
            last = rows[-1]["number"]

    _run(work)


@audit.command()
def key() -> None:
    """Print the public key of the anchors (PEM), for whoever verifies them elsewhere."""
    settings = _settings()
    for one in _signer(settings).public_keys:
        click.echo(public_pem(one), nl=False)


def _told(found: Found) -> str:
    told = f"{found.chain}: {found.rows} rows verified, {found.waiting} not linked yet, {found.anchors} anchors"
    return told + (f", the last of {found.last_anchor:%Y-%m-%dT%H:%M:%SZ}" if found.last_anchor else "")


def _trusted(settings: Settings, files: tuple[Path, ...]) -> AnchorKeys:
    if not files:
        return AnchorKeys(_signer(settings).public_keys)
    keys = []
    for path in files:
        try:
            keys += public_keys(path.read_bytes())
        except OSError as error:
            raise Cannot(f"the key file {path.name} cannot be read: {error.strerror}") from error
        except ValueError:
            raise Cannot(f"the key file {path.name} holds no Ed25519 public key in PEM") from None
    if not keys:
        raise Cannot("there is no public key in these files")
    return AnchorKeys(keys)


def _signer(settings: Settings) -> AnchorSigner:
    path = settings.audit_key
    try:
        return AnchorSigner.from_file(path)
    except OSError as error:
        raise Cannot(f"the key file {path.name} cannot be read: {error.strerror}") from error
    except ValueError:  # whose text would show a key
        raise Cannot(f"the key file {path.name} holds no Ed25519 key in PEM") from None


def _instant(told: str, settings: Settings) -> datetime | None:
    if not told:
        return None
    try:
        found = datetime.fromisoformat(told)
    except ValueError:
        raise click.BadParameter(f"{told} is no day or instant, such as 2026-11-23 or 2026-11-23T14:00") from None
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(settings.zone))


def _settings() -> Settings:
    from hoichan.__main__ import read_settings

    return read_settings()


def _run(work: Callable[[Settings, Database], Awaitable[None]]) -> None:
    settings = _settings()

    async def act() -> None:
        async with opened_database(settings) as database:
            if not await is_newest(database):
                raise Cannot("the database lacks tables of this version: run `hoichan migrate` first")
            await work(settings, database)

    try:
        asyncio.run(act())
    except HoichanError as error:
        raise Cannot(f"{Languages().get('en').error(error)} ({error.code})") from error
    except DBAPIError as error:
        raise Cannot("the database cannot be read") from error
