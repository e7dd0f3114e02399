"""emergency openings outside a consult

A doctor may open the book of a patient who was found outside any consult: such an opening belongs to none.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("break_glass", schema=None) as batch_op:
        batch_op.alter_column("consult_id", existing_type=sa.String(length=40), nullable=True)


def downgrade() -> None:
    # Fails when there are such openings: they are not to be thrown away, nor given to a consult that is not theirs.
    with op.batch_alter_table("break_glass", schema=None) as batch_op:
        batch_op.alter_column("consult_id", existing_type=sa.String(length=40), nullable=False)
