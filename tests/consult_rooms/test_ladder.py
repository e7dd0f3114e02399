"""The ladder's rules, without a store: which step adds whom, for how long, and where it ends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consult_rooms.candidates import Fact, Field, Person, Roster
from consult_rooms.ladder import Snapshot, after_step, all_declined, next_step, whole
from consult_rooms.ladder_rules import EDITABLE, Effect, Rules, defaults
from consult_rooms.model import Level, OfferState, Step, Urgency
from foundation.ids import FacilityId, StaffId

RULES = defaults({Urgency.EMERGENCY: 30.0, Urgency.URGENT: 120.0, Urgency.ROUTINE: 300.0}, 240.0)
HOSPITAL = FacilityId("h")
REQUESTER = StaffId("requester")


def facts(
    on_call: str = "", backup: str = "", specialty: str = "", alternate: str = "", coordinator: str = ""
) -> Roster:
    """Each letter is a person."""
    return Roster(
        (
            *(Fact(Person(StaffId(name), HOSPITAL), on_call=Level.FIRST) for name in on_call),
            *(Fact(Person(StaffId(name), HOSPITAL), on_call=Level.BACKUP) for name in backup),
            *(Fact(Person(StaffId(name), HOSPITAL)) for name in specialty),
            *(Fact(Person(StaffId(name), HOSPITAL), rank=2) for name in alternate),
            *(Fact(Person(StaffId(name), HOSPITAL), specialist=False, coordinator=True) for name in coordinator),
            # The nearest hospital is there even when nobody of it can be rung.
            Fact(Person(StaffId("nobody"), HOSPITAL), licence=False),
        ),
        RULES,
    )


def climb(
    roster: Roster, step: Step | None = None, rung: str = "", urgency: Urgency = Urgency.EMERGENCY
) -> list[tuple[str, str, float]]:
    """(step, people, seconds)."""
    started = next_step(Snapshot(urgency, step, REQUESTER, roster, frozenset(map(StaffId, rung))))
    return [(one.step.value, "".join(each.person.staff_id for each in one.people), one.seconds) for one in started]


@pytest.mark.parametrize(
    ("urgency", "seconds"), [(Urgency.EMERGENCY, 30), (Urgency.URGENT, 120), (Urgency.ROUTINE, 300)]
)
def test_a_step_lasts_as_the_urgency_says(urgency: Urgency, seconds: float) -> None:
    assert climb(facts("ab", specialty="c"), urgency=urgency) == [("on_call", "ab", seconds)]


def test_each_step_adds_its_own_people_and_the_last_has_a_time_too() -> None:
    roster = facts("a", "b", "c", "d", "k")
    assert climb(roster) == [("on_call", "a", 30)]
    assert climb(roster, Step.ON_CALL, "a") == [("backup", "b", 30)]
    assert climb(roster, Step.BACKUP, "ab") == [("specialty", "c", 30)]
    assert climb(roster, Step.SPECIALTY, "abc") == [("alternate", "d", 30)]
    assert climb(roster, Step.ALTERNATE, "abcd") == [("coordinator", "k", 240)]
    assert climb(roster, Step.COORDINATOR, "abcdk") == []


def test_empty_steps_pass_at_once() -> None:
    assert climb(facts(specialty="c", coordinator="k")) == [
        ("on_call", "", 0),
        ("backup", "", 0),
        ("specialty", "c", 30),
    ]
    assert climb(facts("ab", coordinator="k"), Step.ON_CALL, "ab") == [
        ("backup", "", 0),
        ("specialty", "", 0),
        ("alternate", "", 0),
        ("coordinator", "k", 240),
    ]


def test_where_there_is_no_coordinator_those_who_ring_keep_the_last_time_and_where_nobody_does_it_passes() -> None:
    assert climb(facts("a"), Step.ALTERNATE, "a") == [("coordinator", "", 240)]
    assert climb(facts())[-1] == ("coordinator", "", 0)


def test_beyond_the_number_that_rings_at_once_people_come_with_the_next_step() -> None:
    roster = replace(facts("abc", specialty="d"), rules=replace(RULES, most=2))
    assert climb(roster) == [("on_call", "ab", 30)]
    assert climb(roster, Step.ON_CALL, "ab") == [("backup", "c", 30)]
    assert climb(roster, Step.BACKUP, "abc") == [("specialty", "d", 30)]


def test_one_who_has_come_on_call_since_rings_with_the_next_step() -> None:
    assert climb(facts("ab", coordinator="k"), Step.SPECIALTY, "a") == [("alternate", "b", 30)]


def test_the_order_of_steps() -> None:
    assert [after_step(step) for step in (None, *Step)] == [*Step, None]


@pytest.mark.parametrize(
    ("offers", "expected"),
    [
        ([], False),
        ([(Step.ON_CALL, OfferState.DECLINED)], False),
        ([(Step.ON_CALL, OfferState.RINGING), (Step.SPECIALTY, OfferState.DECLINED)], True),
        ([(Step.SPECIALTY, OfferState.DECLINED), (Step.SPECIALTY, OfferState.RINGING)], False),
        ([(Step.SPECIALTY, OfferState.DECLINED), (Step.SPECIALTY, OfferState.DECLINED)], True),
    ],
)
def test_a_step_is_over_when_all_whom_it_added_declined(offers: list[tuple[Step, OfferState]], expected: bool) -> None:
    assert all_declined(Step.SPECIALTY, offers) is expected


effects = st.sampled_from(Effect)
anybody = st.builds(
    Fact,
    person=st.builds(Person, st.sampled_from("abcdefgh").map(StaffId), st.sampled_from("xy").map(FacilityId)),
    rank=st.integers(0, 3),
    specialist=st.booleans(),
    coordinator=st.booleans(),
    field=st.sampled_from(Field),
    on_call=st.sampled_from([None, *Level]),
    licence=st.booleans(),
    in_scope=st.booleans(),
    open=st.booleans(),
    level_enough=st.booleans(),
    speaks=st.booleans(),
    load=st.integers(0, 3),
    online=st.sampled_from([None, True, False]),
    disturb=st.booleans(),
)
any_rules = st.builds(
    lambda chosen, most: replace(
        RULES,
        most=most,
        effects={condition: dict.fromkeys(Urgency, effect) for condition, effect in zip(EDITABLE, chosen, strict=True)},
    ),
    st.lists(effects, min_size=len(EDITABLE), max_size=len(EDITABLE)),
    st.integers(1, 4),
)


@given(st.lists(anybody, max_size=12), any_rules, st.sampled_from("abz").map(StaffId), st.sampled_from(Urgency))
def test_whatever_the_roster_and_the_rules_steps_only_add_and_it_ends_within_the_sum_of_the_timers(
    people: list[Fact], rules: Rules, requester: StaffId, urgency: Urgency
) -> None:
    roster = Roster(tuple(people), rules, returning=StaffId("a"))
    step: Step | None = None
    rung: list[StaffId] = []
    order: list[Step] = []
    waited = 0.0
    while started := next_step(Snapshot(urgency, step, requester, roster, frozenset(rung))):
        assert all(not one.people and one.seconds == 0 for one in started[:-1])
        added = [candidate.person.staff_id for candidate in started[-1].people]
        assert not set(added) & set(rung)
        assert len(added) == len(set(added)) <= rules.most
        order += [one.step for one in started]
        waited += sum(one.seconds for one in started)
        rung += added
        step = started[-1].step
    assert order == list(Step)
    assert requester not in rung
    assert waited <= rules.total(urgency)
    assert (waited > 0) == bool(rung)
    foretold = whole(Snapshot(urgency, None, requester, roster, frozenset()))
    assert [candidate.person.staff_id for one in foretold for candidate in one.people] == rung
