"""Counts what is asked of the database, so that a test fails when somebody adds a read where people wait for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from foundation.database import Database

PERIODIC = ("max(consult_log.number)", "WHERE sessions.id IN")


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """The statements of a database while the block runs, in order; on SQLite `BEGIN` counts too.

    Left out are the looks that every node takes by the clock, whatever people do.
    """
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not any(part in statement for part in PERIODIC):
            seen.append(" ".join(statement.split()))

    engines = [engine.sync_engine for engine in database.engines]
    if not database.is_sqlite:
        engines = engines[:1]  # PostgreSQL's share their events: each statement would count twice
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)
