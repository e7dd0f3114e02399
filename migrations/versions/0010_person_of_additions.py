"""person of additions

Which of the persons that a consult turned to an addition belongs to.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("additions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("person", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("additions", schema=None) as batch_op:
        batch_op.drop_column("person")
