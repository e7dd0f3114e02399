"""what is typed into minutes and not saved yet"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "minutes_drafts",
        sa.Column("consult_id", sa.String(length=40), nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.String(length=40), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("base", sa.Integer(), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", foundation.database.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["consult_id"], ["consults.id"], name=op.f("fk_minutes_drafts_consult_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_minutes_drafts_staff_id")),
        sa.PrimaryKeyConstraint("consult_id", "person", "staff_id", name=op.f("pk_minutes_drafts")),
    )


def downgrade() -> None:
    op.drop_table("minutes_drafts")
