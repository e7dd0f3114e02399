"""What the commands that work on the database have in common: services of the settings, errors as sentences."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from foundation.errors import HoichanError

if TYPE_CHECKING:
    from hoichan.wiring import Parts


def acting(work: Callable[[Parts], Awaitable[None]]) -> None:
    """Do the work with the services of the settings. An embedded database is migrated first, as `hoichan run` does."""
    from hoichan.__main__ import read_settings
    from hoichan.migrate import upgrade
    from hoichan.wiring import opened

    settings = read_settings()

    async def act() -> None:
        async with opened(settings) as parts:
            if not settings.database_url:
                await upgrade(parts.database)
            try:
                await work(parts)
            except HoichanError as error:
                field = getattr(error, "field", None)
                sentence = f"{parts.languages.get('en').error(error)} ({error.code})"
                raise click.ClickException(f"{field}: {sentence}" if field else sentence) from error

    asyncio.run(act())
