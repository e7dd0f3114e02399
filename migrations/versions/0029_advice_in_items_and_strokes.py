"""advice in numbered items, strokes on pictures"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_INSTANT = foundation.database.Instant


def upgrade() -> None:
    op.create_table(
        "advice_items",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("consult_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.String(length=40), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["staff.id"], name=op.f("fk_advice_items_author_id")),
        sa.ForeignKeyConstraint(["consult_id"], ["consults.id"], name=op.f("fk_advice_items_consult_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_advice_items")),
        sa.UniqueConstraint(
            "consult_id", "author_id", "client_id", name=op.f("uq_advice_items_consult_id_author_id_client_id")
        ),
        sa.UniqueConstraint("consult_id", "number", name=op.f("uq_advice_items_consult_id_number")),
    )
    op.create_table(
        "advice_versions",
        sa.Column("advice_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("actor_id", sa.String(length=40), nullable=False),
        sa.Column("at", _INSTANT(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["staff.id"], name=op.f("fk_advice_versions_actor_id")),
        sa.ForeignKeyConstraint(["advice_id"], ["advice_items.id"], name=op.f("fk_advice_versions_advice_id")),
        sa.PrimaryKeyConstraint("advice_id", "version", name=op.f("pk_advice_versions")),
    )
    op.create_table(
        "strokes",
        sa.Column("attachment_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("consult_id", sa.String(length=40), nullable=False),
        sa.Column("author_id", sa.String(length=40), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("shape_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("at", _INSTANT(), nullable=False),
        sa.Column("undone_at", _INSTANT()),
        sa.ForeignKeyConstraint(["attachment_id"], ["attachments.id"], name=op.f("fk_strokes_attachment_id")),
        sa.ForeignKeyConstraint(["author_id"], ["staff.id"], name=op.f("fk_strokes_author_id")),
        sa.ForeignKeyConstraint(["consult_id"], ["consults.id"], name=op.f("fk_strokes_consult_id")),
        sa.PrimaryKeyConstraint("attachment_id", "number", name=op.f("pk_strokes")),
        sa.UniqueConstraint(
            "attachment_id", "author_id", "client_id", name=op.f("uq_strokes_attachment_id_author_id_client_id")
        ),
    )


def downgrade() -> None:
    for name in ("strokes", "advice_versions", "advice_items"):
        op.drop_table(name)
