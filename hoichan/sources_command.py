"""`hoichan book sources`: whether each FHIR server of the settings answers, in words and without any patient."""

from __future__ import annotations

import asyncio
import sys
from types import MappingProxyType

import click

from foundation.fetch import FAULTS
from foundation.i18n import Language, Languages
from records_panel.source_check import Check, check
from records_panel.source_errors import REASONS

_STEPS = MappingProxyType(
    {
        "metadata": "its CapabilityStatement (metadata)",
        "token": "a token (SMART Backend Services)",
        "search": "a search (POST Patient/_search)",
    }
)


@click.command()
def sources() -> None:
    """Ask each FHIR server of HOICHAN_SOURCES_FILE whether it answers and lets this system in; exit 0 or 1.

    Reads its CapabilityStatement, gets a token, and searches for a number that nobody has. Prints no patient's data.
    """
    from hoichan.__main__ import read_settings
    from hoichan.wiring import opened

    settings = read_settings()

    async def act() -> bool:
        say = Languages().get("en")
        async with opened(settings) as parts:
            if not parts.sources:
                click.echo("No source besides this system's own book: HOICHAN_SOURCES_FILE names none.")
            checks = await asyncio.gather(*(check(book.server) for book in parts.sources))
            for book, told in zip(parts.sources, checks, strict=True):
                click.echo(f"{book.key}: {book.name}, {book.server.settings.base}")
                for line in _lines(told, say):
                    click.echo(f"  {line}")
            return all(told.failure is None for told in checks)

    sys.exit(0 if asyncio.run(act()) else 1)


def _lines(told: Check, say: Language) -> list[str]:
    failure = told.failure
    if failure is not None:
        why = say.text(REASONS[failure.reason])
        more = f" (HTTP {failure.http_status})" if failure.http_status else ""
        lines = [f"FAILED at {_STEPS[told.step]}: it {why}{more}"]
        return [*lines, say.text(FAULTS[failure.fault])] if failure.fault else lines
    version = told.fhir_version or "not told"
    lines = [f"answers; FHIR {version}; {'has' if told.summary else 'has no'} Patient/$summary"]
    if told.fhir_version and not told.fhir_version.startswith("4."):
        lines.append("this system reads FHIR R4 (4.0.1); of another version it reads what has the same form")
    if told.lacking:
        lines.append(f"cannot be searched for {', '.join(told.lacking)}")
    return lines
