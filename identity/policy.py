"""Who may do what: one pure function. What no rule allows is denied.

A rule here speaks of role, facility and licence only. Whether a person belongs to a consult, and whether its book is
open to them, is decided on top of this by `consult_rooms.access` and `records_panel.grants`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from foundation.errors import Forbidden
from foundation.i18n import N_
from foundation.ids import FacilityId, SpecialtyId
from identity.model import Role, Staff


class Action(StrEnum):
    """What a person can ask to do."""

    REQUEST_CONSULT = "request_consult"
    ACCEPT_CONSULT = "accept_consult"
    TAKE_PART = "take_part"
    WRITE_OPINION = "write_opinion"
    FIND_PATIENT = "find_patient"
    CREATE_PATIENT = "create_patient"
    COORDINATE = "coordinate"
    KEEP_CALENDAR = "keep_calendar"
    """Publish a hospital's free times and keep its on-call rota."""
    ADMINISTER_FACILITY = "administer_facility"
    ADMINISTER_ALL = "administer_all"
    REVIEW_AUDIT = "review_audit"
    CHANGE_OWN_PASSWORD = "change_own_password"  # noqa: S105 - the name of an act, not a password


@dataclass(frozen=True, slots=True)
class Target:
    """What an act is about, as far as it is known. A field left out is not judged, unless the rule needs it."""

    facility_id: FacilityId | None = None
    hub_ids: frozenset[FacilityId] = frozenset()
    """Hospitals that consult for `facility_id`: their coordinators act for it too."""
    specialty_id: SpecialtyId | None = None
    today: date | None = None
    """The day on which a licence to practise has to hold."""
    installation_wide: bool = False
    """Whether the person acted upon is marked installation-wide."""


_CLINICAL = frozenset({Role.RURAL_DOCTOR, Role.SPECIALIST, Role.COORDINATOR})


def _has(*roles: Role) -> Callable[[Staff, Target], bool]:
    wanted = frozenset(roles)
    return lambda staff, _target: not wanted.isdisjoint(staff.roles)


def _own_facility(staff: Staff, target: Target) -> bool:
    return target.facility_id is None or target.facility_id == staff.facility_id


def _request_consult(staff: Staff, target: Target) -> bool:
    return Role.RURAL_DOCTOR in staff.roles and _own_facility(staff, target)


def _accept_consult(staff: Staff, target: Target) -> bool:
    """A specialist within field and licence, or a coordinator, who is the ladder's last step and owns the case then."""
    if Role.COORDINATOR in staff.roles:
        return True
    if Role.SPECIALIST not in staff.roles:
        return False
    if target.specialty_id is not None and target.specialty_id not in staff.specialties:
        return False
    return target.today is None or staff.licence_valid(target.today)


def _coordinate(staff: Staff, target: Target) -> bool:
    return Role.COORDINATOR in staff.roles and (_own_facility(staff, target) or staff.facility_id in target.hub_ids)


def _administer_all(staff: Staff, _target: Target) -> bool:
    return Role.ADMINISTRATOR in staff.roles and staff.installation_wide


def _administer_facility(staff: Staff, target: Target) -> bool:
    """The own facility only, and nobody who could in turn administer more than this person."""
    if _administer_all(staff, target):
        return True
    return (
        Role.ADMINISTRATOR in staff.roles
        and target.facility_id is not None
        and target.facility_id == staff.facility_id
        and not target.installation_wide
    )


def _keep_calendar(staff: Staff, target: Target) -> bool:
    """The hospital's coordinators; and its administrators, since not every hospital has a coordinator.

    Not a neighbour's coordinator: the time of another hospital's doctors is not theirs to give.
    """
    return _administer_facility(staff, target) or (Role.COORDINATOR in staff.roles and _own_facility(staff, target))


def _review_audit(staff: Staff, target: Target) -> bool:
    if Role.DATA_PROTECTION_OFFICER not in staff.roles:
        return False
    return staff.installation_wide or (target.facility_id is not None and target.facility_id == staff.facility_id)


_RULES: Mapping[Action, Callable[[Staff, Target], bool]] = MappingProxyType(
    {
        Action.REQUEST_CONSULT: _request_consult,
        Action.ACCEPT_CONSULT: _accept_consult,
        Action.TAKE_PART: _has(*_CLINICAL),
        Action.WRITE_OPINION: _has(Role.SPECIALIST),
        Action.FIND_PATIENT: _has(Role.RURAL_DOCTOR, Role.COORDINATOR),
        Action.CREATE_PATIENT: _has(Role.RURAL_DOCTOR, Role.COORDINATOR),
        Action.COORDINATE: _coordinate,
        Action.KEEP_CALENDAR: _keep_calendar,
        Action.ADMINISTER_FACILITY: _administer_facility,
        Action.ADMINISTER_ALL: _administer_all,
        Action.REVIEW_AUDIT: _review_audit,
        Action.CHANGE_OWN_PASSWORD: lambda _staff, _target: True,
    }
)


def may(staff: Staff, action: Action, target: Target | None = None) -> bool:
    """Whether this person may do this to that. The inactive may nothing; who has a first password, only change it."""
    if not staff.active:
        return False
    if staff.must_change_password and action is not Action.CHANGE_OWN_PASSWORD:
        return False
    rule = _RULES.get(action)
    return rule is not None and rule(staff, target or Target())


def require(staff: Staff, action: Action, target: Target | None = None) -> None:
    """Raise `Forbidden("policy.denied")` unless `may` says yes."""
    if not may(staff, action, target):
        raise Forbidden("policy.denied", DENIED)


DENIED = N_("You do not have the right to do this. Ask your facility's administrator if you need it.")
