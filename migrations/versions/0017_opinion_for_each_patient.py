"""opinion for each patient

A consult that turned to another patient has an opinion for each of them. Those that stand are about whom it was asked
for (0), as their text says: no consult has been closed with two.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("opinions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("person", sa.Integer(), server_default="0", nullable=False))
        batch_op.drop_constraint("pk_opinions", type_="primary")
        batch_op.create_primary_key("pk_opinions", ["consult_id", "person"])


def downgrade() -> None:
    # Fails when a consult has two: neither may be thrown away.
    with op.batch_alter_table("opinions", schema=None) as batch_op:
        batch_op.drop_constraint("pk_opinions", type_="primary")
        batch_op.create_primary_key("pk_opinions", ["consult_id"])
        batch_op.drop_column("person")
