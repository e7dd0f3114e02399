"""Alembic's environment: runs on the connection that `hoichan.migrate` hands over."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import JSON

from foundation.database import Instant
from hoichan.schema import metadata


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write the program's own column types by their names."""
    if kind == "type" and isinstance(item, Instant):
        return "foundation.database.Instant()"
    if kind == "type" and isinstance(item, JSON):
        return "foundation.database.Json"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a column in place
    compare_type=True,
    render_item=render_item,
    transaction_per_migration=False,
)
context.run_migrations()
