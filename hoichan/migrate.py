"""Brings a database to the newest form of its tables (Alembic)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, NoResultFound

from foundation.database import Database
from hoichan.schema import metadata

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parents[1] / "migrations"
_LOCK = 0x686F6963  # "hoic": one node migrates, the others wait for it


def _configuration(connection: Connection) -> Config:
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS))
    configuration.attributes["connection"] = connection
    return configuration


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = '30s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    from alembic import command

    command.upgrade(_configuration(connection), "head")


async def is_newest(database: Database) -> bool:
    """Whether the last migration has run here, or that of a later program: tables are compatible one release back.

    One query, so that an ordinary start does not load Alembic.
    """
    newest = max(path.name for path in (MIGRATIONS / "versions").glob("[0-9]*.py")).partition("_")[0]
    try:
        async with database.reading() as read:
            found: str = (await read.execute(text("SELECT version_num FROM alembic_version"))).scalar_one()
    except (DBAPIError, NoResultFound):
        return False
    return found >= newest


async def upgrade(database: Database) -> None:
    """Run every migration that the database lacks, in one transaction; several nodes may call it at once."""
    if await is_newest(database):
        return
    async with database.engine.begin() as connection:
        await connection.run_sync(_upgrade)


async def differences(database: Database) -> list[object]:
    """What the tables of the program have that the database's own lack, or the reverse; empty when they agree."""

    def compare(connection: Connection) -> list[object]:
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext

        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    async with database.engine.connect() as connection:
        return await connection.run_sync(compare)


async def write_migration(database: Database, message: str) -> None:
    """Write a new migration file from the difference between the database and the tables of the program."""

    def write(connection: Connection) -> None:
        from alembic import command

        number = f"{len(list((MIGRATIONS / 'versions').glob('[0-9]*.py'))) + 1:04d}"
        command.revision(_configuration(connection), message, autogenerate=True, rev_id=number)

    async with database.engine.begin() as connection:
        await connection.run_sync(write)
