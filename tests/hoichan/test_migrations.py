"""Migrations: from nothing to the program's tables on both stores, from several nodes at once, and back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Inspector, inspect, text

from foundation.clock import FakeClock
from foundation.database import Database
from hoichan.migrate import MIGRATIONS, differences, is_newest, upgrade
from hoichan.schema import metadata
from tests.conftest import PostgresServer

LONGEST = 63
"""Bytes of a name in PostgreSQL; what is longer is cut."""


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, without tables."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'hoichan.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return empty(server)


def empty(server: PostgresServer) -> str:
    name = f"empty_{uuid4().hex}"
    server.sql(f"CREATE DATABASE {name}")
    return server.url(name)


@pytest.fixture
async def fresh(address: str) -> AsyncIterator[Database]:
    opened = Database(address, FakeClock())
    yield opened
    await opened.close()


async def names(database: Database) -> set[str]:
    """Every table, constraint and index by its name in the database."""

    def read(connection: Connection) -> set[str]:
        there: Inspector = inspect(connection)
        found = set(there.get_table_names())
        for table in list(found):
            found |= {str(index["name"]) for index in there.get_indexes(table)}
            found |= {str(one["name"]) for one in there.get_unique_constraints(table)}
            found |= {str(one["name"]) for one in there.get_foreign_keys(table)}
            found.add(str(there.get_pk_constraint(table)["name"]))
        return found

    async with database.engine.connect() as connection:
        return await connection.run_sync(read)


async def test_from_nothing_to_the_programs_tables(fresh: Database) -> None:
    assert not await is_newest(fresh)
    assert len(await differences(fresh)) >= len(metadata.tables), "an empty database does differ"
    await upgrade(fresh)
    assert await differences(fresh) == []
    assert await is_newest(fresh)
    before = await names(fresh)
    await upgrade(fresh)
    assert await names(fresh) == before


async def test_a_missing_column_and_a_strange_table_are_differences(fresh: Database) -> None:
    await upgrade(fresh)
    async with fresh.engine.begin() as connection:
        await connection.execute(text("ALTER TABLE installation DROP COLUMN demo_day"))
        await connection.execute(text("CREATE TABLE strange (id INTEGER)"))
    assert len(await differences(fresh)) == 2


async def test_a_later_programs_database_is_left_as_it_is(fresh: Database) -> None:
    """The tables of a release serve the one before it, so an older node starts and migrates nothing."""
    await upgrade(fresh)
    async with fresh.engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert await is_newest(fresh)
    await upgrade(fresh)


async def test_back_to_nothing_and_up_again(fresh: Database) -> None:
    def down(connection: Connection) -> None:
        configuration = Config()
        configuration.set_main_option("script_location", str(MIGRATIONS))
        configuration.attributes["connection"] = connection
        command.downgrade(configuration, "base")

    await upgrade(fresh)
    before = await names(fresh)
    async with fresh.engine.begin() as connection:
        await connection.run_sync(down)
    assert {name for name in await names(fresh) if not name.startswith("alembic_version")} == set()
    assert not await is_newest(fresh)
    await upgrade(fresh)
    assert await names(fresh) == before
    assert await differences(fresh) == []


async def test_two_nodes_at_once(postgres: PostgresServer) -> None:
    url = empty(postgres)
    nodes = [Database(url, FakeClock()) for _ in range(3)]
    await asyncio.gather(*(upgrade(node) for node in nodes))
    assert await differences(nodes[0]) == []
    for node in nodes:
        assert await is_newest(node)
        await node.close()


async def test_names_are_whole_and_the_same_on_both_stores(postgres: PostgresServer, tmp_path: Path) -> None:
    found = []
    for url in (f"sqlite+aiosqlite:///{tmp_path / 'names.db'}", empty(postgres)):
        database = Database(url, FakeClock())
        await upgrade(database)
        found.append({name for name in await names(database) if not name.startswith("alembic_version")})
        await database.close()
    on_sqlite, on_postgres = found
    assert [name for name in on_sqlite if len(name.encode()) > LONGEST] == []
    assert on_sqlite == on_postgres
    assert "None" not in on_sqlite, "every constraint has a name"


async def test_the_consults_log_is_numbered_in_the_order_of_time(fresh: Database) -> None:
    """Rows of before the hash chains get the key that the chainer needs; a way back keeps them too."""

    def to(revision: str, change: Callable[[Config, str], None]) -> Callable[[Connection], None]:
        def run(connection: Connection) -> None:
            configuration = Config()
            configuration.set_main_option("script_location", str(MIGRATIONS))
            configuration.attributes["connection"] = connection
            change(configuration, revision)

        return run

    rows = [("con_b", 1, 5), ("con_a", 2, 9), ("con_a", 1, 3)]
    values = "('{}', {}, '2026-11-23 07:00:0{}+00:00', 'requested', '{{}}')"
    async with fresh.engine.begin() as connection:
        await connection.run_sync(to("0006", command.upgrade))
        await connection.execute(
            text("PRAGMA defer_foreign_keys=ON" if fresh.is_sqlite else "SET session_replication_role = replica")
        )
        for one in rows:
            written = values.format(*one) if not fresh.is_sqlite else values.format(*one).replace("+00:00", ".000000")
            await connection.execute(
                text(f"INSERT INTO consult_log (consult_id, number, at, kind, data) VALUES {written}")
            )
        await connection.run_sync(to("head", command.upgrade))
        found = (await connection.execute(text("SELECT consult_id, number FROM consult_log ORDER BY sequence"))).all()
        assert sorted(tuple(one) for one in found) == sorted(one[:2] for one in rows)
        if fresh.is_sqlite:
            assert [tuple(one) for one in found] == [("con_a", 1), ("con_b", 1), ("con_a", 2)]
        await connection.run_sync(to("0006", command.downgrade))
        asked = text("SELECT count(*) FROM consult_log")
        assert (await connection.execute(asked)).scalar_one() == 3
        await connection.execute(text("DELETE FROM consult_log"))
