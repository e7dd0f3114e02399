"""From table rows to the values of `identity.model`. Mappings are keyed by column, so that joins mix no names up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, cast, func, literal, or_, select, union_all

from foundation.ids import DepartmentId, FacilityId, SessionId, SpecialtyId, StaffId, TerminalId, TokenId
from identity.entries import LinkEntry
from identity.model import (
    Department,
    Facility,
    FacilityKind,
    ManagingLevel,
    Role,
    Scope,
    Sensitivity,
    Session,
    Specialty,
    Staff,
    TechnicalLevel,
    Terminal,
    Token,
)
from identity.tables import (
    api_tokens,
    departments,
    facilities,
    links,
    sessions,
    specialties,
    staff,
    staff_specialties,
    terminals,
)

Row = Mapping[Any, Any]

specialty_list: ColumnElement[str | None] = (
    select(func.aggregate_strings(staff_specialties.c.specialty_id, ","))
    .where(staff_specialties.c.staff_id == staff.c.id)
    .scalar_subquery()
    .label("specialty_list")
)
"""To be selected with `staff`: the ids of a person's specialties in one text, so that one query is enough."""


_link, _hub = links.alias("link"), facilities.alias("hub")


def hubs_of(spoke_id: FacilityId | ColumnElement[str]) -> Select[tuple[str]]:
    """Selects the ids of the active hospitals that consult for that facility."""
    linked = select(_link.c.hub_id).join(_hub, _hub.c.id == _link.c.hub_id)
    return linked.where(_link.c.spoke_id == spoke_id, _hub.c.is_hub, _hub.c.active)


def hub_list(spoke_id: ColumnElement[str]) -> ColumnElement[str | None]:
    """To be selected: the ids of `hubs_of` in one text, for `hub_ids_of`."""
    ids = func.aggregate_strings(_link.c.hub_id, ",")
    return hubs_of(spoke_id).with_only_columns(ids).scalar_subquery().label("hubs")


def coordinates(clinic_id: FacilityId | ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a row of `staff` is an active coordinator in charge of a clinic: one of its own or of its hospitals.

    The places are one list, so that an index leads to their people; of two conditions with OR none would.
    """
    own = select(literal(clinic_id) if isinstance(clinic_id, str) else clinic_id)
    return and_(
        staff.c.facility_id.in_(union_all(own, hubs_of(clinic_id))),
        staff.c.active,
        cast(staff.c.roles, String).contains(f'"{Role.COORDINATOR.value}"'),  # a word in a list of JSON
    )


def active_staff() -> Select[tuple[str]]:
    """Selects the ids of everybody who is active."""
    return select(staff.c.id).where(staff.c.active)


def hub_ids_of(text: str | None) -> frozenset[FacilityId]:
    """The ids that `hub_list` selected."""
    return frozenset(map(FacilityId, text.split(","))) if text else frozenset()


def facility_of(row: Row) -> Facility:
    """A row that holds the columns of `facilities`."""
    c = facilities.c
    return Facility(
        id=FacilityId(row[c.id]),
        code=row[c.code],
        name=row[c.name],
        kind=FacilityKind(row[c.kind]),
        technical_level=TechnicalLevel(row[c.technical_level]),
        managing_level=ManagingLevel(row[c.managing_level]),
        province_code=row[c.province_code],
        commune_code=row[c.commune_code],
        address=row[c.address],
        telephone=row[c.telephone],
        emergency_telephone=row[c.emergency_telephone],
        is_hub=row[c.is_hub],
        active=row[c.active],
        zone=row[c.zone],
    )


def link_of(row: Row) -> LinkEntry:
    """A row that holds the columns of `links`."""
    c = links.c
    return LinkEntry(FacilityId(row[c.spoke_id]), FacilityId(row[c.hub_id]), row[c.rank], row[c.hours])


def staff_of(row: Row) -> Staff:
    """A row that holds the columns of `staff` and `specialty_list`."""
    c = staff.c
    department = row[c.department_id]
    held = row[specialty_list]
    return Staff(
        id=StaffId(row[c.id]),
        user_name=row[c.user_name],
        full_name=row[c.full_name],
        facility_id=FacilityId(row[c.facility_id]),
        roles=frozenset(Role(role) for role in row[c.roles]),
        department_id=None if department is None else DepartmentId(department),
        specialties=frozenset(SpecialtyId(part) for part in held.split(",")) if held else frozenset(),
        licence_number=row[c.licence_number],
        licence_scope=row[c.licence_scope],
        licence_expires=row[c.licence_expires],
        active=row[c.active],
        must_change_password=row[c.must_change_password],
        language=row[c.language],
        installation_wide=row[c.installation_wide],
        sensitivities=frozenset(Sensitivity(kind) for kind in row[c.sensitivities]),
        languages=frozenset(row[c.languages]),
    )


def terminal_of(row: Row) -> Terminal:
    """A row that holds the columns of `terminals`."""
    c = terminals.c
    return Terminal(
        id=TerminalId(row[c.id]),
        facility_id=FacilityId(row[c.facility_id]),
        code=row[c.code],
        name=row[c.name],
        active=row[c.active],
        enrolled_at=row[c.enrolled_at],
    )


def department_of(row: Row) -> Department:
    """A row that holds the columns of `departments`."""
    c = departments.c
    return Department(id=DepartmentId(row[c.id]), facility_id=FacilityId(row[c.facility_id]), name=row[c.name])


def specialty_of(row: Row) -> Specialty:
    """A row that holds the columns of `specialties`."""
    c = specialties.c
    parent = row[c.parent_id]
    return Specialty(
        id=SpecialtyId(row[c.id]),
        code=row[c.code],
        name_vi=row[c.name_vi],
        name_en=row[c.name_en],
        parent_id=None if parent is None else SpecialtyId(parent),
        licence_scopes=row[c.licence_scopes],
    )


def token_of(row: Row) -> Token:
    """A row that holds the columns of `api_tokens`."""
    c = api_tokens.c
    return Token(
        id=TokenId(row[c.id]),
        facility_id=FacilityId(row[c.facility_id]),
        name=row[c.name],
        scopes=frozenset(Scope(scope) for scope in row[c.scopes]),
        created_by=StaffId(row[c.created_by]),
        created_at=row[c.created_at],
        expires_at=row[c.expires_at],
        last_used_at=row[c.last_used_at],
        revoked_at=row[c.revoked_at],
    )


def session_of(row: Row, *, locked: bool) -> Session:
    """A row that joins `sessions` with its staff, their facility and, where there is one, the terminal."""
    c = sessions.c
    return Session(
        id=SessionId(row[c.id]),
        staff=staff_of(row),
        facility=facility_of(row),
        terminal=None if row[c.terminal_id] is None else terminal_of(row),
        csrf_token=row[c.csrf_token],
        created_at=row[c.created_at],
        expires_at=row[c.expires_at],
        locked=locked,
    )


def joined_sessions() -> Select[Any]:
    """What `session_of` and `session_lives` read."""
    return (
        select(sessions, staff, specialty_list, facilities, terminals)
        .join(staff, staff.c.id == sessions.c.staff_id)
        .join(facilities, facilities.c.id == staff.c.facility_id)
        .outerjoin(terminals, terminals.c.id == sessions.c.terminal_id)
    )


def living_sessions(now: datetime) -> ColumnElement[bool]:
    """`session_lives` as a condition of a statement that joins the same tables."""
    return and_(
        sessions.c.ended_at.is_(None),
        sessions.c.expires_at > now,
        staff.c.active,
        facilities.c.active,
        or_(sessions.c.terminal_id.is_(None), terminals.c.active),
    )


def session_lives(row: Row, now: datetime) -> bool:
    """Whether it has neither ended nor expired, and person, facility and terminal are active."""
    return bool(
        row[sessions.c.ended_at] is None
        and row[sessions.c.expires_at] > now
        and row[staff.c.active]
        and row[facilities.c.active]
        and (row[sessions.c.terminal_id] is None or row[terminals.c.active])
    )
