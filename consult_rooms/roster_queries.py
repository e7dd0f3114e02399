"""The two statements of a roster. Each is made once: building them anew took longer than asking them.

Both go by indexes from the clinic on, so their cost grows with its hospitals, not with the country.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BindParameter,
    Select,
    String,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
    true,
    union,
)

from consult_rooms.quiet import quiet_times
from consult_rooms.rota import lifted_on
from consult_rooms.rulebook import newest
from consult_rooms.tables import consults, offers, on_call_shifts
from foundation.database import STORE_TIME
from identity.model import Role
from identity.rows import specialty_list
from identity.tables import facilities, links, specialties, staff, staff_specialties

_LOAD = (
    select(func.count())
    .where(
        consults.c.specialist_id == staff.c.id,
        # Written out, so that the index over these rows alone is used.
        consults.c.state == literal_column("'claimed'"),
    )
    .scalar_subquery()
    .label("load")
)
_LAST_RUNG = select(func.max(offers.c.rung_at)).where(offers.c.staff_id == staff.c.id).scalar_subquery()
_COORDINATES = cast(staff.c.roles, String).contains(Role.COORDINATOR.value)
CLINIC, REQUESTER = facilities.alias("clinic"), staff.alias("requester")
_CLINIC_ID = bindparam("clinic_id", type_=String)
_SPECIALTY_ID = bindparam("specialty_id", type_=String)
_DAYS: BindParameter[list[str]] = bindparam("days", expanding=True)
BEFORE = (
    select(consults.c.specialist_id, consults.c.claimed_at)
    .where(
        consults.c.patient_id == bindparam("patient_id"),  # of somebody unknown it is NULL, and equals none
        consults.c.requester_facility_id == _CLINIC_ID,
        consults.c.specialty_id == _SPECIALTY_ID,
        consults.c.specialist_id.is_not(None),
        consults.c.claimed_at.is_not(None),
    )
    .order_by(consults.c.claimed_at.desc())
    .limit(1)
    .subquery("before")
)
"""Who took the patient's last consult of that field from that clinic."""


def _frame_query() -> Select[Any]:
    """The specialty and its children, and beside them what there is once: rules, clinic, requester, time."""
    held = newest().subquery("held")
    return (
        select(
            specialties,
            held.c.version,
            held.c.rules,
            CLINIC.c.technical_level,
            REQUESTER.c.languages,
            BEFORE.c.specialist_id,
            BEFORE.c.claimed_at,
            STORE_TIME,
        )
        .select_from(specialties)
        .outerjoin(held, true())
        .outerjoin(CLINIC, CLINIC.c.id == _CLINIC_ID)
        .outerjoin(REQUESTER, REQUESTER.c.id == bindparam("requester_id"))
        .outerjoin(BEFORE, true())
        .where(or_(specialties.c.id == _SPECIALTY_ID, specialties.c.parent_id == _SPECIALTY_ID))
    )


def _people_query() -> Select[Any]:
    """Everybody who could be rung, a row for each turn on call of these days that they have at that hospital."""
    hub = facilities.alias("hub")
    linked = (
        select(links.c.hub_id, links.c.rank, links.c.hours, hub.c.zone, hub.c.technical_level)
        .join(hub, hub.c.id == links.c.hub_id)
        .where(links.c.spoke_id == _CLINIC_ID, hub.c.is_hub, hub.c.active)
        .cte("linked")
    )
    holds = (
        select(staff_specialties.c.staff_id)
        .where(
            staff_specialties.c.staff_id == staff.c.id,
            staff_specialties.c.specialty_id.in_(bindparam("family", expanding=True)),
        )
        .exists()
    )
    # Three ways in: works there, is on call there from elsewhere, coordinates the clinic itself.
    works = (
        select(staff.c.id.label("staff_id"), linked.c.hub_id)
        .join(linked, linked.c.hub_id == staff.c.facility_id)
        .where(staff.c.active, or_(holds, _COORDINATES))
    )
    turns = (
        select(on_call_shifts.c.staff_id, on_call_shifts.c.facility_id)
        .join(linked, linked.c.hub_id == on_call_shifts.c.facility_id)
        .where(on_call_shifts.c.day.in_(_DAYS))
    )
    own = select(staff.c.id, _CLINIC_ID).where(staff.c.facility_id == _CLINIC_ID, staff.c.active, _COORDINATES)
    there = union(works, turns.where(on_call_shifts.c.specialty_id == _SPECIALTY_ID), own).subquery("there")
    return (
        select(
            staff.c.id,
            staff.c.roles,
            staff.c.licence_number,
            staff.c.licence_scope,
            staff.c.licence_expires,
            staff.c.languages,
            specialty_list,
            there.c.hub_id,
            linked.c.rank,
            linked.c.hours,
            linked.c.zone,
            linked.c.technical_level,
            quiet_times.c.until,
            _LOAD,
            _LAST_RUNG.label("last_rung"),
            on_call_shifts,
        )
        .select_from(there)
        .join(staff, staff.c.id == there.c.staff_id)
        .outerjoin(linked, linked.c.hub_id == there.c.hub_id)
        .outerjoin(quiet_times, quiet_times.c.staff_id == staff.c.id)
        .outerjoin(
            on_call_shifts,
            and_(
                on_call_shifts.c.staff_id == staff.c.id,
                on_call_shifts.c.facility_id == there.c.hub_id,
                on_call_shifts.c.specialty_id == _SPECIALTY_ID,
                on_call_shifts.c.day.in_(_DAYS),
                on_call_shifts.c.weekday.in_(bindparam("weekdays", expanding=True)),
                ~lifted_on(_DAYS),
            ),
        )
        .where(staff.c.active)
        .order_by(staff.c.id)
    )


FRAME = _frame_query()
"""Told `clinic_id`, `specialty_id`, `requester_id`, `patient_id`. It holds `STORE_TIME`."""
PEOPLE = _people_query()
"""Told `clinic_id`, `specialty_id`, `family` (ids of specialties), and on which `days` and `weekdays` a turn that holds
now began; among the days the empty text, which is that of weekly turns."""
