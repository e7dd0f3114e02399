"""closed consults on their way into books"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outgoing",
        sa.Column("consult_id", sa.String(length=40), nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("target", sa.String(length=32), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("written", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", foundation.database.Instant(), nullable=False),
        sa.Column("fault", sa.String(length=40), nullable=True),
        sa.Column("answer_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("patient_id", sa.String(length=40), nullable=True),
        sa.Column("created_at", foundation.database.Instant(), nullable=False),
        sa.Column("ended_at", foundation.database.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["consult_id"], ["consults.id"], name=op.f("fk_outgoing_consult_id")),
        sa.PrimaryKeyConstraint("consult_id", "person", "target", name=op.f("pk_outgoing")),
    )
    op.create_index(
        "ix_outgoing_due_at",
        "outgoing",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "ix_outgoing_fault",
        "outgoing",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("fault IS NOT NULL"),
        postgresql_where=sa.text("fault IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("outgoing")
