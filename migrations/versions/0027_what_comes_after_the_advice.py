"""what comes after the advice: read by the clinic, follow-ups and their answers, ratings"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_INSTANT = foundation.database.Instant
_UNREAD = sa.text("read_at IS NULL")
_UNANSWERED = sa.text("outcome IS NULL")


def upgrade() -> None:
    op.create_table(
        "given_advice",
        sa.Column("consult_id", sa.String(length=40), nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("given_at", _INSTANT(), nullable=False),
        sa.Column("read_at", _INSTANT()),
        sa.Column("read_by", sa.String(length=40)),
        sa.ForeignKeyConstraint(["consult_id"], ["consults.id"], name=op.f("fk_given_advice_consult_id")),
        sa.ForeignKeyConstraint(["read_by"], ["staff.id"], name=op.f("fk_given_advice_read_by")),
        sa.PrimaryKeyConstraint("consult_id", "person", name=op.f("pk_given_advice")),
    )
    op.create_index(
        "ix_given_advice_unread", "given_advice", ["consult_id"], sqlite_where=_UNREAD, postgresql_where=_UNREAD
    )
    op.create_table(
        "follow_ups",
        sa.Column("consult_id", sa.String(length=40), nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("due_at", _INSTANT(), nullable=False),
        sa.Column("told_at", _INSTANT()),
        sa.Column("outcome", sa.String(length=16)),
        sa.ForeignKeyConstraint(["consult_id"], ["consults.id"], name=op.f("fk_follow_ups_consult_id")),
        sa.PrimaryKeyConstraint("consult_id", "person", "day", name=op.f("pk_follow_ups")),
    )
    op.create_index(
        "ix_follow_ups_due", "follow_ups", ["due_at"], sqlite_where=_UNANSWERED, postgresql_where=_UNANSWERED
    )
    op.create_table(
        "follow_up_answers",
        sa.Column("consult_id", sa.String(length=40), nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("note_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", sa.String(length=40), nullable=False),
        sa.Column("at", _INSTANT(), nullable=False),
        sa.ForeignKeyConstraint(["consult_id"], ["consults.id"], name=op.f("fk_follow_up_answers_consult_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_follow_up_answers_staff_id")),
        sa.PrimaryKeyConstraint("consult_id", "person", "day", "number", name=op.f("pk_follow_up_answers")),
    )
    op.create_table(
        "consult_ratings",
        sa.Column("consult_id", sa.String(length=40), nullable=False),
        sa.Column("staff_id", sa.String(length=40), nullable=False),
        sa.Column("usefulness", sa.String(length=16)),
        sa.Column("line", sa.String(length=16)),
        sa.Column("at", _INSTANT(), nullable=False),
        sa.ForeignKeyConstraint(["consult_id"], ["consults.id"], name=op.f("fk_consult_ratings_consult_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_consult_ratings_staff_id")),
        sa.PrimaryKeyConstraint("consult_id", "staff_id", name=op.f("pk_consult_ratings")),
    )


def downgrade() -> None:
    op.drop_table("consult_ratings")
    op.drop_table("follow_up_answers")
    op.drop_index("ix_follow_ups_due", table_name="follow_ups", sqlite_where=_UNANSWERED, postgresql_where=_UNANSWERED)
    op.drop_table("follow_ups")
    op.drop_index("ix_given_advice_unread", table_name="given_advice", sqlite_where=_UNREAD, postgresql_where=_UNREAD)
    op.drop_table("given_advice")
