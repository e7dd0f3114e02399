"""do not disturb, browsers that are rung by Web Push, and what each was told"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "push_subscriptions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("staff_id", sa.String(length=40), nullable=False),
        sa.Column("endpoint_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("created_at", foundation.database.Instant(), nullable=False),
        sa.Column("delivered_at", foundation.database.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_push_subscriptions_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_push_subscriptions")),
        sa.UniqueConstraint("endpoint_hash", name=op.f("uq_push_subscriptions_endpoint_hash")),
    )
    with op.batch_alter_table("push_subscriptions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_push_subscriptions_staff_id"), ["staff_id"], unique=False)

    op.create_table(
        "quiet_times",
        sa.Column("staff_id", sa.String(length=40), nullable=False),
        sa.Column("until", foundation.database.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_quiet_times_staff_id")),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("pk_quiet_times")),
    )
    op.create_table(
        "ring_pushes",
        sa.Column("consult_id", sa.String(length=40), nullable=False),
        sa.Column("subscription_id", sa.String(length=40), nullable=False),
        sa.Column("rings", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", foundation.database.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["consult_id"], ["consults.id"], name=op.f("fk_ring_pushes_consult_id")),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["push_subscriptions.id"],
            name=op.f("fk_ring_pushes_subscription_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("consult_id", "subscription_id", name=op.f("pk_ring_pushes")),
    )
    with op.batch_alter_table("ring_pushes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ring_pushes_due_at"), ["due_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_ring_pushes_subscription_id"), ["subscription_id"], unique=False)


def downgrade() -> None:
    op.drop_table("ring_pushes")
    op.drop_table("quiet_times")
    op.drop_table("push_subscriptions")
