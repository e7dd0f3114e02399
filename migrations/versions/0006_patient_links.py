"""links to patients of other systems

Under which id each FHIR server that is asked knows a patient, sealed.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "patient_links",
        sa.Column("patient_id", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.Column("at", foundation.database.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_patient_links_patient_id")),
        sa.PrimaryKeyConstraint("patient_id", "source", name=op.f("pk_patient_links")),
    )


def downgrade() -> None:
    op.drop_table("patient_links")
