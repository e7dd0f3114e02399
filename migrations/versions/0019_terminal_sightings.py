"""when a terminal was last seen, and what it said of itself"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "terminal_sightings",
        sa.Column("terminal_id", sa.String(length=40), nullable=False),
        sa.Column("seen_at", foundation.database.Instant(), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("camera", sa.String(length=16), nullable=False),
        sa.Column("microphone", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminals.id"], name=op.f("fk_terminal_sightings_terminal_id")),
        sa.PrimaryKeyConstraint("terminal_id", name=op.f("pk_terminal_sightings")),
    )


def downgrade() -> None:
    op.drop_table("terminal_sightings")
