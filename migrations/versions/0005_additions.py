"""additions

What was added to a book during a consult, so that a retry never doubles it and a wrong identity can be taken back.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "additions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("consult_id", sa.String(length=40), nullable=False),
        sa.Column("author_id", sa.String(length=40), nullable=False),
        sa.Column("facility_code", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("at", foundation.database.Instant(), nullable=False),
        sa.Column("patient_id", sa.String(length=40), nullable=True),
        sa.Column("file_id", sa.String(length=40), nullable=True),
        sa.Column("small_id", sa.String(length=40), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("withdrawn_at", foundation.database.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["author_id"], ["staff.id"], name=op.f("fk_additions_author_id")),
        sa.ForeignKeyConstraint(["consult_id"], ["consults.id"], name=op.f("fk_additions_consult_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_additions_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_additions")),
        sa.UniqueConstraint(
            "consult_id", "author_id", "key_hash", name=op.f("uq_additions_consult_id_author_id_key_hash")
        ),
    )
    with op.batch_alter_table("additions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_additions_consult_id"), ["consult_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_additions_patient_id"), ["patient_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("additions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_additions_patient_id"))
        batch_op.drop_index(batch_op.f("ix_additions_consult_id"))

    op.drop_table("additions")
