"""dates of the rota, its changes and swaps, an index for figures"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_TURN = ["staff_id", "specialty_id", "facility_id", "weekday", "starts_minute"]


def upgrade() -> None:
    with op.batch_alter_table("consults", schema=None) as batch_op:
        batch_op.create_index("ix_consults_facility_created", ["requester_facility_id", "created_at"], unique=False)

    with op.batch_alter_table("on_call_shifts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("day", sa.String(length=10), server_default="", nullable=False))
        batch_op.drop_index("ix_on_call_shifts_specialty_facility")
        batch_op.create_index(
            "ix_on_call_shifts_specialty_facility_day", ["specialty_id", "facility_id", "day"], unique=False
        )
        batch_op.drop_constraint("uq_on_call_shifts_turn", type_="unique")
        batch_op.create_unique_constraint("uq_on_call_shifts_turn", [*_TURN, "day"])

    op.create_table(
        "lifted_turns",
        sa.Column("shift_id", sa.String(length=40), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(
            ["shift_id"], ["on_call_shifts.id"], name=op.f("fk_lifted_turns_shift_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("shift_id", "day", name=op.f("pk_lifted_turns")),
    )
    op.create_table(
        "rota_changes",
        sa.Column("facility_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", foundation.database.Instant(), nullable=False),
        sa.Column("actor", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("specialty_id", sa.String(length=40), nullable=False),
        sa.Column("staff_id", sa.String(length=40), nullable=False),
        sa.Column("turn", foundation.database.Json, nullable=False),
        sa.ForeignKeyConstraint(["actor"], ["staff.id"], name=op.f("fk_rota_changes_actor")),
        sa.ForeignKeyConstraint(["facility_id"], ["facilities.id"], name=op.f("fk_rota_changes_facility_id")),
        sa.ForeignKeyConstraint(["specialty_id"], ["specialties.id"], name=op.f("fk_rota_changes_specialty_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_rota_changes_staff_id")),
        sa.PrimaryKeyConstraint("facility_id", "version", name=op.f("pk_rota_changes")),
    )
    op.create_table(
        "turn_swaps",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("facility_id", sa.String(length=40), nullable=False),
        sa.Column("specialty_id", sa.String(length=40), nullable=False),
        sa.Column("from_id", sa.String(length=40), nullable=False),
        sa.Column("to_id", sa.String(length=40), nullable=False),
        sa.Column("given", foundation.database.Json, nullable=False),
        sa.Column("taken", foundation.database.Json, nullable=True),
        sa.Column("given_day", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("asked_at", foundation.database.Instant(), nullable=False),
        sa.Column("answered_at", foundation.database.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["facility_id"], ["facilities.id"], name=op.f("fk_turn_swaps_facility_id")),
        sa.ForeignKeyConstraint(["from_id"], ["staff.id"], name=op.f("fk_turn_swaps_from_id")),
        sa.ForeignKeyConstraint(["specialty_id"], ["specialties.id"], name=op.f("fk_turn_swaps_specialty_id")),
        sa.ForeignKeyConstraint(["to_id"], ["staff.id"], name=op.f("fk_turn_swaps_to_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_turn_swaps")),
    )
    with op.batch_alter_table("turn_swaps", schema=None) as batch_op:
        batch_op.create_index("ix_turn_swaps_facility_day", ["facility_id", "given_day"], unique=False)
        batch_op.create_index("ix_turn_swaps_from_state", ["from_id", "state"], unique=False)
        batch_op.create_index("ix_turn_swaps_to_state", ["to_id", "state"], unique=False)


def downgrade() -> None:
    op.drop_table("turn_swaps")
    op.drop_table("rota_changes")
    op.drop_table("lifted_turns")
    # A release back knows weekly turns alone, and would take those of one date for such.
    op.execute("DELETE FROM on_call_shifts WHERE day <> ''")
    with op.batch_alter_table("on_call_shifts", schema=None) as batch_op:
        batch_op.drop_constraint("uq_on_call_shifts_turn", type_="unique")
        batch_op.create_unique_constraint("uq_on_call_shifts_turn", _TURN)
        batch_op.drop_index("ix_on_call_shifts_specialty_facility_day")
        batch_op.create_index("ix_on_call_shifts_specialty_facility", ["specialty_id", "facility_id"], unique=False)
        batch_op.drop_column("day")

    with op.batch_alter_table("consults", schema=None) as batch_op:
        batch_op.drop_index("ix_consults_facility_created")
