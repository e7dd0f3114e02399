"""break glass and scopes for restricted entries

The emergency openings of books with their reviews; and which kinds of restricted entries a person may read.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "break_glass",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("staff_id", sa.String(length=40), nullable=False),
        sa.Column("facility_id", sa.String(length=40), nullable=False),
        sa.Column("patient_id", sa.String(length=64), nullable=False),
        sa.Column("consult_id", sa.String(length=40), nullable=False),
        sa.Column("asking_facility_id", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.Column("at", foundation.database.Instant(), nullable=False),
        sa.Column("until", foundation.database.Instant(), nullable=False),
        sa.Column("due_at", foundation.database.Instant(), nullable=False),
        sa.Column("reviewed_at", foundation.database.Instant(), nullable=True),
        sa.Column("reviewer_id", sa.String(length=40), nullable=True),
        sa.Column("verdict", sa.String(length=16), nullable=True),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["asking_facility_id"], ["facilities.id"], name=op.f("fk_break_glass_asking_facility_id")
        ),
        sa.ForeignKeyConstraint(["consult_id"], ["consults.id"], name=op.f("fk_break_glass_consult_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facilities.id"], name=op.f("fk_break_glass_facility_id")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["staff.id"], name=op.f("fk_break_glass_reviewer_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_break_glass_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_break_glass")),
    )
    with op.batch_alter_table("break_glass", schema=None) as batch_op:
        batch_op.create_index("ix_break_glass_reviewed_at_due_at", ["reviewed_at", "due_at"], unique=False)
        batch_op.create_index("ix_break_glass_staff_id_patient_id", ["staff_id", "patient_id", "until"], unique=False)

    with op.batch_alter_table("staff", schema=None) as batch_op:
        batch_op.add_column(sa.Column("sensitivities", foundation.database.Json, server_default="[]", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("staff", schema=None) as batch_op:
        batch_op.drop_column("sensitivities")

    with op.batch_alter_table("break_glass", schema=None) as batch_op:
        batch_op.drop_index("ix_break_glass_staff_id_patient_id")
        batch_op.drop_index("ix_break_glass_reviewed_at_due_at")

    op.drop_table("break_glass")
