"""hash chains

Heads and links of the hash chains over the audit and the consults' log. The log gets a number of its own besides the
one within its consult, as the chainer needs rows in the order in which they came.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chains",
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("shards", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("settled", sa.BigInteger(), nullable=False),
        sa.Column("anchored_position", sa.BigInteger(), nullable=False),
        sa.Column("anchored_at", foundation.database.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("source", "shard", name=op.f("pk_chains")),
    )
    op.create_table(
        "chain_links",
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("source", "shard", "position", name=op.f("pk_chain_links")),
        sa.UniqueConstraint("source", "number", name=op.f("uq_chain_links_source_number")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE consult_log ADD COLUMN sequence BIGSERIAL NOT NULL")
        op.execute("ALTER TABLE consult_log DROP CONSTRAINT pk_consult_log")
        op.create_primary_key("pk_consult_log", "consult_log", ["sequence"])
        op.create_unique_constraint("uq_consult_log_consult_id_number", "consult_log", ["consult_id", "number"])
    else:
        _rebuild(
            sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
            sa.PrimaryKeyConstraint("sequence", name="pk_consult_log"),
            sa.UniqueConstraint("consult_id", "number", name="uq_consult_log_consult_id_number"),
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE consult_log DROP CONSTRAINT pk_consult_log")
        op.execute("ALTER TABLE consult_log DROP CONSTRAINT uq_consult_log_consult_id_number")
        op.create_primary_key("pk_consult_log", "consult_log", ["consult_id", "number"])
        op.drop_column("consult_log", "sequence")
    else:
        _rebuild(sa.PrimaryKeyConstraint("consult_id", "number", name="pk_consult_log"))
    op.drop_table("chain_links")
    op.drop_table("chains")


def _rebuild(*keys: sa.schema.SchemaItem) -> None:
    """SQLite cannot change a primary key in place, nor can Alembic's batch."""
    op.rename_table("consult_log", "consult_log_before")
    op.drop_index("ix_consult_log_at", table_name="consult_log_before")
    op.create_table(
        "consult_log",
        *[key for key in keys if isinstance(key, sa.Column)],
        sa.Column("consult_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", foundation.database.Instant(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=40), nullable=True),
        sa.Column("data", foundation.database.Json, nullable=False),
        sa.ForeignKeyConstraint(["consult_id"], ["consults.id"], name="fk_consult_log_consult_id"),
        *[key for key in keys if not isinstance(key, sa.Column)],
    )
    op.execute(
        "INSERT INTO consult_log (consult_id, number, at, kind, actor, data)"
        " SELECT consult_id, number, at, kind, actor, data FROM consult_log_before ORDER BY at, consult_id, number"
    )
    op.drop_table("consult_log_before")
    op.create_index("ix_consult_log_at", "consult_log", ["at"])
