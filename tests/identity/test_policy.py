"""The policy as a table of cases; everything that the table does not allow is denied."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import cast

import pytest

from foundation.errors import Forbidden
from foundation.ids import FacilityId, SpecialtyId, StaffId
from identity.model import Role, Staff
from identity.policy import Action, Target, may, require

HERE, ELSEWHERE = FacilityId("fac_here"), FacilityId("fac_else")
STROKE, BURNS = SpecialtyId("spe_stroke"), SpecialtyId("spe_burns")
TODAY = date(2026, 11, 23)


def person(*roles: Role, wide: bool = False) -> Staff:
    return Staff(
        StaffId("stf_1"),
        "a",
        "A",
        HERE,
        frozenset(roles),
        specialties=frozenset({STROKE}),
        licence_number="1",
        licence_expires=TODAY,
        installation_wide=wide,
    )


RURAL, SPECIALIST = person(Role.RURAL_DOCTOR), person(Role.SPECIALIST)
COORDINATOR, OFFICER = person(Role.COORDINATOR), person(Role.DATA_PROTECTION_OFFICER)
ADMIN, CHIEF = person(Role.ADMINISTRATOR), person(Role.ADMINISTRATOR, wide=True)
AT_HERE, AT_ELSEWHERE = Target(facility_id=HERE), Target(facility_id=ELSEWHERE)

CASES = [
    (RURAL, Action.REQUEST_CONSULT, None, True),
    (RURAL, Action.REQUEST_CONSULT, AT_HERE, True),
    (RURAL, Action.REQUEST_CONSULT, AT_ELSEWHERE, False),
    (SPECIALIST, Action.REQUEST_CONSULT, AT_HERE, False),
    (ADMIN, Action.REQUEST_CONSULT, AT_HERE, False),
    (SPECIALIST, Action.ACCEPT_CONSULT, Target(specialty_id=STROKE, today=TODAY), True),
    (SPECIALIST, Action.ACCEPT_CONSULT, Target(specialty_id=BURNS, today=TODAY), False),
    (SPECIALIST, Action.ACCEPT_CONSULT, Target(specialty_id=STROKE, today=date(2026, 11, 24)), False),
    (COORDINATOR, Action.ACCEPT_CONSULT, Target(specialty_id=BURNS, today=TODAY), True),
    (RURAL, Action.ACCEPT_CONSULT, Target(specialty_id=STROKE, today=TODAY), False),
    (RURAL, Action.TAKE_PART, None, True),
    (SPECIALIST, Action.TAKE_PART, None, True),
    (COORDINATOR, Action.TAKE_PART, None, True),
    (ADMIN, Action.TAKE_PART, None, False),
    (OFFICER, Action.TAKE_PART, None, False),
    (SPECIALIST, Action.WRITE_OPINION, None, True),
    (RURAL, Action.WRITE_OPINION, None, False),
    (COORDINATOR, Action.WRITE_OPINION, None, False),
    (RURAL, Action.FIND_PATIENT, None, True),
    (COORDINATOR, Action.FIND_PATIENT, None, True),
    (SPECIALIST, Action.FIND_PATIENT, None, False),
    (CHIEF, Action.FIND_PATIENT, None, False),
    (OFFICER, Action.FIND_PATIENT, None, False),
    (RURAL, Action.CREATE_PATIENT, None, True),
    (SPECIALIST, Action.CREATE_PATIENT, None, False),
    (COORDINATOR, Action.COORDINATE, None, True),
    (COORDINATOR, Action.COORDINATE, AT_HERE, True),
    (COORDINATOR, Action.COORDINATE, AT_ELSEWHERE, False),
    (COORDINATOR, Action.COORDINATE, Target(facility_id=ELSEWHERE, hub_ids=frozenset({HERE})), True),
    (SPECIALIST, Action.COORDINATE, AT_HERE, False),
    (COORDINATOR, Action.KEEP_CALENDAR, AT_HERE, True),
    (COORDINATOR, Action.KEEP_CALENDAR, Target(facility_id=ELSEWHERE, hub_ids=frozenset({HERE})), False),
    (ADMIN, Action.KEEP_CALENDAR, AT_HERE, True),
    (ADMIN, Action.KEEP_CALENDAR, AT_ELSEWHERE, False),
    (CHIEF, Action.KEEP_CALENDAR, AT_ELSEWHERE, True),
    (SPECIALIST, Action.KEEP_CALENDAR, AT_HERE, False),
    (ADMIN, Action.ADMINISTER_FACILITY, AT_HERE, True),
    (ADMIN, Action.ADMINISTER_FACILITY, AT_ELSEWHERE, False),
    (ADMIN, Action.ADMINISTER_FACILITY, None, False),
    (ADMIN, Action.ADMINISTER_FACILITY, Target(facility_id=HERE, installation_wide=True), False),
    (ADMIN, Action.ADMINISTER_ALL, AT_HERE, False),
    (CHIEF, Action.ADMINISTER_FACILITY, AT_ELSEWHERE, True),
    (CHIEF, Action.ADMINISTER_FACILITY, Target(facility_id=HERE, installation_wide=True), True),
    (CHIEF, Action.ADMINISTER_ALL, None, True),
    (person(Role.COORDINATOR, wide=True), Action.ADMINISTER_ALL, None, False),
    (OFFICER, Action.REVIEW_AUDIT, AT_HERE, True),
    (OFFICER, Action.REVIEW_AUDIT, AT_ELSEWHERE, False),
    (OFFICER, Action.REVIEW_AUDIT, None, False),
    (person(Role.DATA_PROTECTION_OFFICER, wide=True), Action.REVIEW_AUDIT, AT_ELSEWHERE, True),
    (CHIEF, Action.REVIEW_AUDIT, AT_HERE, False),
    (person(), Action.CHANGE_OWN_PASSWORD, None, True),
]


@pytest.mark.parametrize(("who", "action", "target", "allowed"), CASES)
def test_case(who: Staff, action: Action, target: Target | None, allowed: bool) -> None:
    assert may(who, action, target) is allowed


def test_every_action_has_an_allowed_and_all_but_ones_own_password_a_denied_case() -> None:
    allowed = {action for _, action, _, answer in CASES if answer}
    denied = {action for _, action, _, answer in CASES if not answer}
    assert allowed == set(Action)
    assert denied == set(Action) - {Action.CHANGE_OWN_PASSWORD}


@pytest.mark.parametrize("action", Action)
def test_nobody_without_a_role_may_do_anything_else(action: Action) -> None:
    assert may(person(), action, AT_HERE) is (action is Action.CHANGE_OWN_PASSWORD)


@pytest.mark.parametrize("action", Action)
def test_the_deactivated_may_do_nothing(action: Action) -> None:
    assert not may(replace(person(*Role, wide=True), active=False), action, AT_HERE)


@pytest.mark.parametrize("action", Action)
def test_a_first_password_allows_only_its_change(action: Action) -> None:
    newcomer = replace(person(*Role, wide=True), must_change_password=True)
    assert may(newcomer, action, AT_HERE) is (action is Action.CHANGE_OWN_PASSWORD)


def test_require_raises_a_stable_code() -> None:
    with pytest.raises(Forbidden) as caught:
        require(ADMIN, Action.ADMINISTER_ALL)
    assert caught.value.code == "policy.denied"


def test_an_act_that_no_rule_knows_is_denied() -> None:
    assert not may(person(*Role, wide=True), cast("Action", "fly"), AT_HERE)
