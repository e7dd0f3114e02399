"""signed minutes and signing keys"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("holder", sa.String(length=40), nullable=False),
        sa.Column("public", sa.String(length=43), nullable=False),
        sa.Column("private_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", foundation.database.Instant(), nullable=False),
        sa.Column("revoked_at", foundation.database.Instant(), nullable=True),
        sa.Column("revoked_by", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.String(length=16), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_keys")),
    )
    op.create_index(
        "uq_signing_keys_holder",
        "signing_keys",
        ["holder"],
        unique=True,
        sqlite_where=sa.text("revoked_at IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL"),
    )

    op.create_table(
        "minutes",
        sa.Column("consult_id", sa.String(length=40), nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("locked_at", foundation.database.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["consult_id"], ["consults.id"], name=op.f("fk_minutes_consult_id")),
        sa.PrimaryKeyConstraint("consult_id", "person", name=op.f("pk_minutes")),
    )
    op.create_table(
        "minutes_addenda",
        sa.Column("consult_id", sa.String(length=40), nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.String(length=40), nullable=False),
        sa.Column("document_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("at", foundation.database.Instant(), nullable=False),
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("signature", sa.String(length=86), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["staff.id"], name=op.f("fk_minutes_addenda_author_id")),
        sa.ForeignKeyConstraint(["consult_id"], ["consults.id"], name=op.f("fk_minutes_addenda_consult_id")),
        sa.ForeignKeyConstraint(["key_id"], ["signing_keys.id"], name=op.f("fk_minutes_addenda_key_id")),
        sa.PrimaryKeyConstraint("consult_id", "person", "number", name=op.f("pk_minutes_addenda")),
    )
    op.create_table(
        "minutes_signatures",
        sa.Column("consult_id", sa.String(length=40), nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.String(length=40), nullable=False),
        sa.Column("seat", sa.String(length=16), nullable=False),
        sa.Column("signers", sa.Integer(), nullable=False),
        sa.Column("at", foundation.database.Instant(), nullable=False),
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("signature", sa.String(length=86), nullable=False),
        sa.ForeignKeyConstraint(["consult_id"], ["consults.id"], name=op.f("fk_minutes_signatures_consult_id")),
        sa.ForeignKeyConstraint(["key_id"], ["signing_keys.id"], name=op.f("fk_minutes_signatures_key_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_minutes_signatures_staff_id")),
        sa.PrimaryKeyConstraint("consult_id", "person", "version", "staff_id", name=op.f("pk_minutes_signatures")),
    )
    op.create_table(
        "minutes_versions",
        sa.Column("consult_id", sa.String(length=40), nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.String(length=40), nullable=False),
        sa.Column("saved_at", foundation.database.Instant(), nullable=False),
        sa.Column("document_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["staff.id"], name=op.f("fk_minutes_versions_author_id")),
        sa.ForeignKeyConstraint(["consult_id"], ["consults.id"], name=op.f("fk_minutes_versions_consult_id")),
        sa.PrimaryKeyConstraint("consult_id", "person", "version", name=op.f("pk_minutes_versions")),
    )


def downgrade() -> None:
    op.drop_table("minutes_versions")
    op.drop_table("minutes_signatures")
    op.drop_table("minutes_addenda")
    op.drop_table("minutes")
    op.drop_table("signing_keys")
