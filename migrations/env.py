"""Alembic's environment: runs on the connection that `hoichan.migrate` hands over."""

from __future__ import annotations

from alembic import context

from hoichan.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a column in place
    compare_type=True,
    transaction_per_migration=False,
)
context.run_migrations()
