"""notices, contacts, calendars outside"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contacts",
        sa.Column("staff_id", sa.String(length=40), nullable=False),
        sa.Column("mail_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("mobile_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("wishes", foundation.database.Json, nullable=False),
        sa.Column("quiet_from", sa.Integer(), nullable=True),
        sa.Column("quiet_until", sa.Integer(), nullable=True),
        sa.Column("changed_at", foundation.database.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_contacts_staff_id")),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("pk_contacts")),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("staff_id", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("event", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("about", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", foundation.database.Json, nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("created_at", foundation.database.Instant(), nullable=False),
        sa.Column("due_at", foundation.database.Instant(), nullable=False),
        sa.Column("expires_at", foundation.database.Instant(), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("fault", sa.String(length=40), nullable=True),
        sa.Column("ended_at", foundation.database.Instant(), nullable=True),
        sa.Column("seen_at", foundation.database.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_notices_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("staff_id", "event", "channel", name=op.f("uq_notices_staff_id_event_channel")),
    )
    op.create_index(op.f("ix_notices_about"), "notices", ["about"], unique=False)
    op.create_index(op.f("ix_notices_created_at"), "notices", ["created_at"], unique=False)
    op.create_index(
        "ix_notices_dead",
        "notices",
        ["ended_at"],
        unique=False,
        sqlite_where=sa.text("state = 'dead'"),
        postgresql_where=sa.text("state = 'dead'"),
    )
    op.create_index(
        "ix_notices_due_at",
        "notices",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "calendar_feeds",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("staff_id", sa.String(length=40), nullable=True),
        sa.Column("terminal_id", sa.String(length=40), nullable=True),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", foundation.database.Instant(), nullable=False),
        sa.Column("used_at", foundation.database.Instant(), nullable=True),
        sa.Column("revoked_at", foundation.database.Instant(), nullable=True),
        sa.CheckConstraint("(staff_id IS NULL) <> (terminal_id IS NULL)", name=op.f("ck_calendar_feeds_one_owner")),
        sa.ForeignKeyConstraint(["created_by"], ["staff.id"], name=op.f("fk_calendar_feeds_created_by")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_calendar_feeds_staff_id")),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminals.id"], name=op.f("fk_calendar_feeds_terminal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_feeds")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_calendar_feeds_secret_hash")),
    )
    op.create_index(op.f("ix_calendar_feeds_staff_id"), "calendar_feeds", ["staff_id"], unique=False)
    op.create_index(op.f("ix_calendar_feeds_terminal_id"), "calendar_feeds", ["terminal_id"], unique=False)
    op.create_table(
        "busy_calendars",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("staff_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("content_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("etag", sa.String(length=200), nullable=True),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", foundation.database.Instant(), nullable=False),
        sa.Column("read_at", foundation.database.Instant(), nullable=True),
        sa.Column("fault", sa.String(length=40), nullable=True),
        sa.Column("due_at", foundation.database.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["staff.id"], name=op.f("fk_busy_calendars_created_by")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_busy_calendars_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_busy_calendars")),
    )
    op.create_index(op.f("ix_busy_calendars_due_at"), "busy_calendars", ["due_at"], unique=False)
    op.create_index(op.f("ix_busy_calendars_staff_id"), "busy_calendars", ["staff_id"], unique=False)
    op.create_table(
        "busy_times",
        sa.Column("calendar_id", sa.String(length=40), nullable=False),
        sa.Column("staff_id", sa.String(length=40), nullable=False),
        sa.Column("starts_at", foundation.database.Instant(), nullable=False),
        sa.Column("ends_at", foundation.database.Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["calendar_id"], ["busy_calendars.id"], name=op.f("fk_busy_times_calendar_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_busy_times_staff_id")),
        sa.PrimaryKeyConstraint("calendar_id", "starts_at", name=op.f("pk_busy_times")),
    )
    op.create_index("ix_busy_times_staff_ends", "busy_times", ["staff_id", "ends_at"], unique=False)


def downgrade() -> None:
    op.drop_table("busy_times")
    op.drop_table("busy_calendars")
    op.drop_table("calendar_feeds")
    op.drop_table("notices")
    op.drop_table("contacts")
