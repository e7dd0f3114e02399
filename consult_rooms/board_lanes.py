"""The lanes of the coordinators' board: today's slots by specialist, by one statement, and what of them may be told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import CompoundSelect, Select, String, and_, bindparam, select, union

from consult_rooms.board_rows import Lane, LaneSlot
from consult_rooms.model import ConsultState, Urgency
from consult_rooms.store import Row
from consult_rooms.tables import appointments, consults, slots
from foundation.database import Instant
from foundation.ids import AppointmentId, ConsultId, FacilityId, SlotId, StaffId, TerminalId
from identity.rows import specialty_of
from identity.tables import facilities, links, specialties, staff, terminals

SLOTS = 2_000
"""Slots that one reading of lanes returns at most."""

_OWN = bindparam("own_id", type_=String)
_HUB, _CLINIC = facilities.alias("lane_hub"), facilities.alias("lane_clinic")
_MINE, _THEIRS = links.alias("mine"), links.alias("theirs")


def hubs_in_reach() -> CompoundSelect[Any]:
    """Selects the hospitals whose slots a coordinator of `own_id` sees: the own facility, and those of its clinics."""
    own = select(_HUB.c.id).where(_HUB.c.id == _OWN, _HUB.c.is_hub)
    # Hospitals are few and clinics many: each hospital is asked whether it has one of them, not the other way round.
    shares = (
        select(_THEIRS.c.hub_id)
        .join(_MINE, _MINE.c.spoke_id == _THEIRS.c.spoke_id)
        .where(_MINE.c.hub_id == _OWN)
        .distinct()
    )
    of_own = (
        select(_HUB.c.id)
        .join(links, links.c.hub_id == _HUB.c.id)
        .where(links.c.spoke_id == _OWN, _HUB.c.is_hub, _HUB.c.active)
    )
    shared = select(_HUB.c.id).where(_HUB.c.id.in_(shares), _HUB.c.is_hub, _HUB.c.active)
    return union(own, shared, of_own)


def slots_of(clinics: CompoundSelect[Any]) -> Select[Any]:
    """Today's slots in reach, by specialist and time; takes `own_id`, `starts_at`, `ends_at`.

    What is booked comes along for those of `clinics` alone; of others only that it is.
    """
    told = and_(appointments.c.id == slots.c.appointment_id, appointments.c.clinic_id.in_(clinics))
    return (
        select(
            slots.c.id.label("slot_id"),
            slots.c.specialist_id,
            slots.c.facility_id,
            slots.c.starts_at.label("slot_starts_at"),
            slots.c.ends_at.label("slot_ends_at"),
            slots.c.appointment_id.label("held_by"),
            staff.c.full_name,
            _HUB.c.name.label("hub_name"),
            specialties,
            appointments.c.id.label("appointment_id"),
            appointments.c.version,
            appointments.c.consult_id,
            appointments.c.terminal_id,
            appointments.c.displaced_at,
            consults.c.state,
            consults.c.urgency,
            _CLINIC.c.name.label("clinic_name"),
            terminals.c.name.label("terminal_name"),
            terminals.c.code.label("terminal_code"),
        )
        .join(staff, staff.c.id == slots.c.specialist_id)
        .join(_HUB, _HUB.c.id == slots.c.facility_id)
        .join(specialties, specialties.c.id == slots.c.specialty_id)
        .outerjoin(appointments, told)
        .outerjoin(consults, consults.c.id == appointments.c.consult_id)
        .outerjoin(_CLINIC, _CLINIC.c.id == appointments.c.clinic_id)
        .outerjoin(terminals, terminals.c.id == appointments.c.terminal_id)
        .where(
            slots.c.facility_id.in_(hubs_in_reach()),
            slots.c.withdrawn_at.is_(None),
            slots.c.starts_at >= bindparam("starts_at", type_=Instant),
            slots.c.starts_at < bindparam("ends_at", type_=Instant),
        )
        .order_by(slots.c.facility_id, slots.c.specialist_id, slots.c.starts_at, slots.c.id)
        .limit(SLOTS)
    )


def lanes_of(rows: Iterable[Row]) -> list[Lane]:
    """A lane a specialist, in the order of the rows."""
    lanes: dict[StaffId, tuple[Row, list[LaneSlot]]] = {}
    for row in rows:
        lanes.setdefault(StaffId(row["specialist_id"]), (row, []))[1].append(_slot(row))
    return [
        Lane(staff_id, first["full_name"], FacilityId(first["facility_id"]), first["hub_name"], tuple(found))
        for staff_id, (first, found) in lanes.items()
    ]


def _slot(row: Row) -> LaneSlot:
    told = row["appointment_id"] is not None
    terminal_id = row["terminal_id"]
    return LaneSlot(
        id=SlotId(row["slot_id"]),
        starts_at=row["slot_starts_at"],
        ends_at=row["slot_ends_at"],
        specialty=specialty_of(row),
        booked=row["held_by"] is not None,
        consult_id=ConsultId(row["consult_id"]) if told else None,
        appointment_id=AppointmentId(row["appointment_id"]) if told else None,
        version=row["version"],
        state=ConsultState(row["state"]) if told else None,
        urgency=Urgency(row["urgency"]) if told else None,
        clinic_name=row["clinic_name"],
        terminal_id=None if terminal_id is None else TerminalId(terminal_id),
        terminal_name=None if terminal_id is None else f"{row['terminal_code']} · {row['terminal_name']}",
        displaced=row["displaced_at"] is not None,
    )
