"""The FHIR servers of the settings, ready to be asked."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import click

from foundation.clock import Clock
from foundation.database import Database
from foundation.fetch import Fetcher
from foundation.reach import Reach
from foundation.sealing import Sealer
from foundation.settings import Settings
from foundation.tasks import Tasks
from records_panel.etags import Etags
from records_panel.fhir_client import FhirBook
from records_panel.fhir_server import FhirServer
from records_panel.late_sources import LateSources
from records_panel.links import Links
from records_panel.source_settings import SourceSettings, read_sources

_SWEEP_S = 60.0


@dataclass(frozen=True, slots=True)
class Sources:
    """The servers' books, and what goes on fetching from those that are late."""

    books: tuple[FhirBook, ...]
    late: LateSources


@asynccontextmanager
async def opened_sources(
    settings: Settings, database: Database, sealer: Sealer, clock: Clock
) -> AsyncIterator[Sources | None]:
    """One book for each source of HOICHAN_SOURCES_FILE; none without it. A file with a mistake ends the program."""
    if settings.sources_file is None:
        yield None
        return
    fetcher, etags, tasks = (
        Fetcher(Reach.read(settings.fetch_networks, settings.fetch_plain_hosts)),
        Etags(clock),
        Tasks(),
    )
    links, late = Links(database, sealer), LateSources(tasks, clock)
    try:
        books = tuple(
            FhirBook(FhirServer(source, fetcher, clock, etags, tls=_trust(source)), links, clock)
            for source in read_sources(settings.sources_file)
        )
    except OSError as error:
        name = error.filename or settings.sources_file
        raise click.ClickException(f"a file of the sources, {name}, cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise click.ClickException(f"the sources cannot be used:\n{error}") from None

    async def sweep() -> None:
        etags.sweep()
        late.sweep()

    tasks.forever("what sources answered", sweep, pause_s=_SWEEP_S)
    try:
        yield Sources(books, late)
    finally:
        await tasks.close()
        etags.clear()
        await fetcher.close()


def _trust(source: SourceSettings) -> ssl.SSLContext | None:
    if source.ca_file is None:
        return None
    try:
        # Read here, since an error of the other way would not name the file.
        return ssl.create_default_context(cadata=source.ca_file.read_text(encoding="ascii"))
    except ssl.SSLError:
        raise ValueError(f"{source.ca_file.name} holds no certificate in PEM") from None
