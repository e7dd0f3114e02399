"""consults by specialist facility

What a hospital's own system reads of the consults that its specialists hold, newest first, without a scan.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_consults_specialist_facility_created", "consults", ["specialist_facility_id", "created_at"], unique=False
    )


def downgrade() -> None:
    op.drop_index("ix_consults_specialist_facility_created", table_name="consults")
