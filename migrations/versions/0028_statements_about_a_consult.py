"""statements about a consult: sheets of questions; templates that are retired"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "statements",
        sa.Column("consult_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("author_id", sa.String(length=40), nullable=False),
        sa.Column("at", foundation.database.Instant(), nullable=False),
        sa.Column("document_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["staff.id"], name=op.f("fk_statements_author_id")),
        sa.ForeignKeyConstraint(["consult_id"], ["consults.id"], name=op.f("fk_statements_consult_id")),
        sa.PrimaryKeyConstraint("consult_id", "number", name=op.f("pk_statements")),
    )
    op.create_index("ix_statements_consult_kind", "statements", ["consult_id", "kind", "code"])
    op.create_table(
        "template_retirements",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("retired_by", sa.String(length=40), nullable=False),
        sa.Column("retired_at", foundation.database.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["retired_by"], ["staff.id"], name=op.f("fk_template_retirements_retired_by")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_template_retirements")),
    )


def downgrade() -> None:
    op.drop_table("template_retirements")
    op.drop_index("ix_statements_consult_kind", table_name="statements")
    op.drop_table("statements")
