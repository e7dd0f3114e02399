"""import runs index rotations"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "import_runs",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("started_at", foundation.database.Instant(), nullable=False),
        sa.Column("ended_at", foundation.database.Instant(), nullable=True),
        sa.Column("facility_code", sa.String(length=16), nullable=False),
        sa.Column("files", sa.Integer(), server_default="0", nullable=False),
        sa.Column("accepted", sa.Integer(), server_default="0", nullable=False),
        sa.Column("superseded", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unchanged", sa.Integer(), server_default="0", nullable=False),
        sa.Column("refused", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problems", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_runs")),
    )
    op.create_table(
        "index_rotations",
        sa.Column("mark", sa.LargeBinary(), nullable=False),
        sa.Column("after", sa.String(length=40), nullable=False),
        sa.Column("done_at", foundation.database.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("mark", name=op.f("pk_index_rotations")),
    )
    with op.batch_alter_table("import_problems", schema=None) as batch_op:
        batch_op.add_column(sa.Column("run_id", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("file", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("resource_type", sa.String(length=64), server_default="", nullable=False))
        batch_op.create_index(batch_op.f("ix_import_problems_run_id"), ["run_id"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_import_problems_run_id"), "import_runs", ["run_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("import_problems", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_import_problems_run_id"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_import_problems_run_id"))
        batch_op.drop_column("resource_type")
        batch_op.drop_column("file")
        batch_op.drop_column("run_id")

    op.drop_table("index_rotations")
    op.drop_table("import_runs")
