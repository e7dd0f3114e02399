"""Who is rung, in which order, and who not and why: a case for each exclusion and each order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from consult_rooms.candidates import Candidate, Fact, Field, Person, Placing, Roster, Why, place
from consult_rooms.ladder_rules import EDITABLE, Condition, Effect, Rules, defaults
from consult_rooms.model import Level, Step, Urgency
from foundation.ids import FacilityId, StaffId

RULES = defaults(dict.fromkeys(Urgency, 30.0), 300.0)
REQUESTER = StaffId("requester")
MEETS: dict[Condition, dict[str, Any]] = {
    Condition.NOT_IN_FIELD: {"field": Field.NONE},
    Condition.LICENCE_EXPIRED: {"licence": False},
    Condition.OUT_OF_SCOPE: {"in_scope": False},
    Condition.CLOSED: {"open": False},
    Condition.DO_NOT_DISTURB: {"disturb": False},
    Condition.OFFLINE: {"online": False},
    Condition.BUSY: {"load": 1},
    Condition.NO_COMMON_LANGUAGE: {"speaks": False},
    Condition.LOWER_LEVEL: {"level_enough": False},
    Condition.BROADER_FIELD: {"field": Field.BROADER},
}
"""The fact by which each condition holds; all but that of the requester, who is one by name."""


def fact(name: str, **known: Any) -> Fact:
    return Fact(Person(StaffId(name), FacilityId("h")), **known)


def placed(*facts: Fact, rules: Rules = RULES, urgency: Urgency = Urgency.ROUTINE, returning: str = "") -> Placing:
    return place(Roster(facts, rules, StaffId(returning) if returning else None), urgency, REQUESTER)


def names(placing: Placing, step: Step = Step.SPECIALTY) -> str:
    return "".join(candidate.person.staff_id for candidate in placing.steps[step])


def every(effect: Effect) -> Rules:
    return replace(RULES, effects={condition: dict.fromkeys(Urgency, effect) for condition in EDITABLE})


@pytest.mark.parametrize("condition", MEETS)
def test_a_condition_excludes_with_its_reason_puts_last_or_is_ignored_as_the_rules_say(condition: Condition) -> None:
    one = fact("a", **MEETS[condition])
    excluded = placed(one, fact("b"), rules=every(Effect.EXCLUDE))
    assert [(each.person.staff_id, each.reasons) for each in excluded.excluded] == [("a", (condition,))]
    assert names(excluded) == "b"
    if condition not in EDITABLE:
        return
    last = placed(one, fact("b"), rules=every(Effect.LAST))
    assert (names(last), last.steps[Step.SPECIALTY][1].behind, last.excluded) == ("ba", (condition,), ())
    ignored = placed(replace(one, load=0), fact("b", load=0), rules=every(Effect.IGNORE))
    assert names(ignored) == "ab"


def test_all_that_speaks_against_somebody_is_told() -> None:
    (only,) = placed(fact("a", licence=False, in_scope=False, disturb=False, online=False)).excluded
    assert only.reasons == (Condition.LICENCE_EXPIRED, Condition.OUT_OF_SCOPE, Condition.DO_NOT_DISTURB)


def test_whoever_asks_is_never_rung_even_on_call_or_as_a_coordinator() -> None:
    me = replace(fact("a", on_call=Level.FIRST, coordinator=True), person=Person(REQUESTER, FacilityId("h")))
    placing = placed(me, rules=every(Effect.IGNORE))
    assert not any(placing.steps.values())
    assert placing.excluded[0].reasons == (Condition.REQUESTER,)


@pytest.mark.parametrize(
    ("known", "step", "why"),
    [
        ({"on_call": Level.FIRST}, Step.ON_CALL, (Why.ON_CALL, Why.OF_FIELD)),
        ({"on_call": Level.BACKUP}, Step.BACKUP, (Why.BACKUP, Why.OF_FIELD)),
        ({}, Step.SPECIALTY, (Why.OF_FIELD,)),
        ({"field": Field.NARROWER}, Step.SPECIALTY, (Why.OF_SUB_SPECIALTY,)),
        ({"rank": 2}, Step.ALTERNATE, (Why.OTHER_HOSPITAL, Why.OF_FIELD)),
        ({"rank": 2, "on_call": Level.FIRST}, Step.ALTERNATE, (Why.ON_CALL, Why.OTHER_HOSPITAL, Why.OF_FIELD)),
        ({"specialist": False, "coordinator": True}, Step.COORDINATOR, (Why.COORDINATOR,)),
        ({"coordinator": True, "licence": False}, Step.COORDINATOR, (Why.COORDINATOR,)),
        ({"rank": 0, "coordinator": True}, Step.COORDINATOR, (Why.COORDINATOR,)),
    ],
)
def test_each_stands_in_the_first_step_that_rings_them_and_says_why(
    known: dict[str, Any], step: Step, why: tuple[Why, ...]
) -> None:
    placing = placed(fact("a", **known), fact("z", on_call=Level.FIRST))
    assert placing.steps[step][0] == Candidate(Person(StaffId("a"), FacilityId("h")), step, why)
    assert sum(len(people) for people in placing.steps.values()) == 2


def test_one_on_call_at_two_hospitals_rings_once_in_the_earlier_step() -> None:
    there = replace(fact("a", rank=2, on_call=Level.FIRST), person=Person(StaffId("a"), FacilityId("far")))
    placing = placed(there, fact("a", on_call=Level.BACKUP))
    assert (names(placing, Step.BACKUP), names(placing, Step.ALTERNATE)) == ("a", "")
    assert placing.steps[Step.BACKUP][0].person.facility_id == "h"


def test_the_nearest_hospital_is_the_one_of_the_lowest_rank_also_when_none_is_first() -> None:
    assert names(placed(fact("a", rank=2), fact("b", rank=3))) == "a"


def test_who_answered_before_goes_first_in_the_first_step() -> None:
    placing = placed(fact("a", on_call=Level.FIRST), fact("b", rank=2), returning="b")
    assert names(placing, Step.ON_CALL) == "ba"
    assert placing.steps[Step.ON_CALL][0].why[0] is Why.ANSWERED_BEFORE


@pytest.mark.parametrize("away", [{"online": False}, {"load": 1}, {"open": False}])
def test_who_answered_before_and_is_away_keeps_the_own_step(away: dict[str, Any]) -> None:
    placing = placed(fact("b", **away), returning="b", urgency=Urgency.EMERGENCY)
    assert (names(placing, Step.ON_CALL), names(placing)) == ("", "b")


def test_of_equals_the_one_with_less_work_comes_first_and_then_the_one_rung_longest_ago() -> None:
    at = [datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2, 3)]
    rules = replace(RULES, busy_from=5)
    crowd = [
        fact("a", last_rung=at[2]),
        fact("b", last_rung=at[0]),
        fact("c"),
        fact("d", load=2, last_rung=at[1]),
        fact("e", load=1, last_rung=at[2]),
    ]
    assert names(placed(*crowd, rules=rules)) == "cbaed"


def test_what_weighs_more_orders_first() -> None:
    crowd = [fact("a", online=False), fact("b", load=1), fact("c", speaks=False), fact("d", level_enough=False)]
    assert names(placed(*crowd)) == "dcba"


def test_people_offline_ring_and_an_unknown_presence_holds_nobody_back() -> None:
    assert names(placed(fact("a", online=False), fact("b", online=None))) == "ba"
    unknown = placed(fact("a", online=None), rules=every(Effect.EXCLUDE))
    assert names(unknown) == "a"


def test_outside_a_hospitals_hours_it_still_rings_for_an_emergency_unless_the_rules_say_otherwise() -> None:
    shut = fact("a", open=False)
    assert names(placed(shut, urgency=Urgency.EMERGENCY)) == "a"
    assert names(placed(shut, urgency=Urgency.ROUTINE)) == ""
