"""bookable rooms and devices, held slots, displaced appointments, the waiting list, the waiting room"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_INSTANT = foundation.database.Instant
_FREE = sa.text("appointment_id IS NULL AND withdrawn_at IS NULL")
_HELD = sa.text("held_by IS NOT NULL")
_OPEN = sa.text("state IN ('waiting', 'offered')")


def upgrade() -> None:
    with op.batch_alter_table("slots") as batch:
        batch.add_column(sa.Column("held_by", sa.String(length=40)))
        batch.add_column(sa.Column("held_until", _INSTANT()))
    op.create_index("ix_slots_free", "slots", ["specialty_id", "starts_at"], sqlite_where=_FREE, postgresql_where=_FREE)
    op.create_index("ix_slots_held", "slots", ["held_by"], sqlite_where=_HELD, postgresql_where=_HELD)
    with op.batch_alter_table("appointments") as batch:
        batch.add_column(sa.Column("displaced_at", _INSTANT()))
        batch.add_column(sa.Column("displaced_by", sa.String(length=40)))
        batch.add_column(sa.Column("late_until", _INSTANT()))
        batch.create_foreign_key(op.f("fk_appointments_displaced_by"), "consults", ["displaced_by"], ["id"])
    op.create_table(
        "resources",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("facility_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", _INSTANT(), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facilities.id"], name=op.f("fk_resources_facility_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resources")),
        sa.UniqueConstraint("facility_id", "name", name=op.f("uq_resources_facility_id_name")),
    )
    op.create_table(
        "appointment_resources",
        sa.Column("appointment_id", sa.String(length=40), nullable=False),
        sa.Column("resource_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["appointment_id"], ["appointments.id"], name=op.f("fk_appointment_resources_appointment_id")
        ),
        sa.ForeignKeyConstraint(["resource_id"], ["resources.id"], name=op.f("fk_appointment_resources_resource_id")),
        sa.PrimaryKeyConstraint("appointment_id", "resource_id", name=op.f("pk_appointment_resources")),
    )
    op.create_table(
        "waiting_entries",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("clinic_id", sa.String(length=40), nullable=False),
        sa.Column("requester_id", sa.String(length=40), nullable=False),
        sa.Column("terminal_id", sa.String(length=40)),
        sa.Column("specialty_id", sa.String(length=40), nullable=False),
        sa.Column("hospital_id", sa.String(length=40)),
        sa.Column("level", sa.String(length=16)),
        sa.Column("starts_at", _INSTANT(), nullable=False),
        sa.Column("ends_at", _INSTANT(), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary()),
        sa.Column("idempotency_hash", sa.String(length=64), nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", _INSTANT(), nullable=False),
        sa.Column("slot_id", sa.String(length=40)),
        sa.Column("offered_until", _INSTANT()),
        sa.Column("offers", sa.Integer(), nullable=False),
        sa.Column("appointment_id", sa.String(length=40)),
        sa.ForeignKeyConstraint(
            ["appointment_id"], ["appointments.id"], name=op.f("fk_waiting_entries_appointment_id")
        ),
        sa.ForeignKeyConstraint(["clinic_id"], ["facilities.id"], name=op.f("fk_waiting_entries_clinic_id")),
        sa.ForeignKeyConstraint(["created_by"], ["staff.id"], name=op.f("fk_waiting_entries_created_by")),
        sa.ForeignKeyConstraint(["hospital_id"], ["facilities.id"], name=op.f("fk_waiting_entries_hospital_id")),
        sa.ForeignKeyConstraint(["requester_id"], ["staff.id"], name=op.f("fk_waiting_entries_requester_id")),
        sa.ForeignKeyConstraint(["slot_id"], ["slots.id"], name=op.f("fk_waiting_entries_slot_id")),
        sa.ForeignKeyConstraint(["specialty_id"], ["specialties.id"], name=op.f("fk_waiting_entries_specialty_id")),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminals.id"], name=op.f("fk_waiting_entries_terminal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiting_entries")),
        sa.UniqueConstraint(
            "created_by", "idempotency_hash", name=op.f("uq_waiting_entries_created_by_idempotency_hash")
        ),
    )
    op.create_index("ix_waiting_entries_clinic_state", "waiting_entries", ["clinic_id", "state"])
    op.create_index(
        "ix_waiting_entries_open",
        "waiting_entries",
        ["specialty_id", "created_at"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    op.create_table(
        "waiting_offers",
        sa.Column("entry_id", sa.String(length=40), nullable=False),
        sa.Column("slot_id", sa.String(length=40), nullable=False),
        sa.Column("offered_at", _INSTANT(), nullable=False),
        sa.Column("answer", sa.String(length=16)),
        sa.ForeignKeyConstraint(["entry_id"], ["waiting_entries.id"], name=op.f("fk_waiting_offers_entry_id")),
        sa.ForeignKeyConstraint(["slot_id"], ["slots.id"], name=op.f("fk_waiting_offers_slot_id")),
        sa.PrimaryKeyConstraint("entry_id", "slot_id", name=op.f("pk_waiting_offers")),
    )
    op.create_table(
        "arrivals",
        sa.Column("consult_id", sa.String(length=40), nullable=False),
        sa.Column("staff_id", sa.String(length=40), nullable=False),
        sa.Column("came_at", _INSTANT(), nullable=False),
        sa.Column("seen_at", _INSTANT(), nullable=False),
        sa.ForeignKeyConstraint(["consult_id"], ["consults.id"], name=op.f("fk_arrivals_consult_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_arrivals_staff_id")),
        sa.PrimaryKeyConstraint("consult_id", "staff_id", name=op.f("pk_arrivals")),
    )


def downgrade() -> None:
    for table in ("arrivals", "waiting_offers", "waiting_entries", "appointment_resources", "resources"):
        op.drop_table(table)
    with op.batch_alter_table("appointments") as batch:
        batch.drop_constraint(op.f("fk_appointments_displaced_by"), type_="foreignkey")
        for column in ("late_until", "displaced_by", "displaced_at"):
            batch.drop_column(column)
    op.drop_index("ix_slots_held", table_name="slots")
    op.drop_index("ix_slots_free", table_name="slots")
    with op.batch_alter_table("slots") as batch:
        batch.drop_column("held_until")
        batch.drop_column("held_by")
