"""leave by person"""

from __future__ import annotations

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_availability_exceptions_staff_ends", "availability_exceptions", ["staff_id", "ends_at"], unique=False
    )


def downgrade() -> None:
    op.drop_index("ix_availability_exceptions_staff_ends", table_name="availability_exceptions")
