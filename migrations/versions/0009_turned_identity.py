"""what is left with an earlier patient

The question and consent of the patient whom a room turned away from, sealed.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("identity_history", sa.Column("left_sealed", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("identity_history", "left_sealed")
