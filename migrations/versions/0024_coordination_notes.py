"""what coordinators note about a request"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "coordination_notes",
        sa.Column("consult_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.String(length=40), nullable=False),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("at", foundation.database.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["staff.id"], name=op.f("fk_coordination_notes_author_id")),
        sa.ForeignKeyConstraint(["consult_id"], ["consults.id"], name=op.f("fk_coordination_notes_consult_id")),
        sa.PrimaryKeyConstraint("consult_id", "number", name=op.f("pk_coordination_notes")),
    )


def downgrade() -> None:
    op.drop_table("coordination_notes")
