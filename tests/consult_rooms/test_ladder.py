"""The ladder's rules, without a store."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consult_rooms.ladder import Person, Roster, Rung, Snapshot, after_step, all_declined, next_step
from consult_rooms.model import OfferState, Step, Urgency
from foundation.ids import FacilityId, StaffId

SECONDS = {Urgency.EMERGENCY: 30.0, Urgency.URGENT: 120.0, Urgency.ROUTINE: 300.0}
HOSPITAL = FacilityId("h")
REQUESTER = StaffId("requester")


def person(name: str) -> Person:
    return Person(StaffId(name), HOSPITAL)


def climb(
    step: Step | None = None,
    *,
    on_call: str = "",
    specialty: str = "",
    coordinator: str = "",
    rung: str = "",
    urgency: Urgency = Urgency.EMERGENCY,
) -> list[tuple[str, str, float | None]]:
    """Each letter is a person; the result is (step, people, seconds)."""
    roster = Roster(
        {
            Step.ON_CALL: tuple(map(person, on_call)),
            Step.SPECIALTY: tuple(map(person, specialty)),
            Step.COORDINATOR: tuple(map(person, coordinator)),
        }
    )
    started = next_step(Snapshot(urgency, step, REQUESTER, roster, frozenset(map(StaffId, rung))), SECONDS)
    return [(rung.step.value, "".join(p.staff_id for p in rung.people), rung.seconds) for rung in started]


@pytest.mark.parametrize(
    ("urgency", "seconds"), [(Urgency.EMERGENCY, 30), (Urgency.URGENT, 120), (Urgency.ROUTINE, 300)]
)
def test_a_step_lasts_as_the_urgency_says(urgency: Urgency, seconds: float) -> None:
    assert climb(on_call="ab", specialty="abc", urgency=urgency) == [("on_call", "ab", seconds)]


def test_the_next_step_adds_only_new_people() -> None:
    assert climb(Step.ON_CALL, on_call="ab", specialty="abcd", rung="ab") == [
        ("backup", "", 0),
        ("specialty", "cd", 30),
    ]


def test_empty_steps_pass_at_once() -> None:
    assert climb(specialty="c", coordinator="k") == [("on_call", "", 0), ("backup", "", 0), ("specialty", "c", 30)]
    assert climb(Step.ON_CALL, on_call="ab", specialty="ab", coordinator="k", rung="ab") == [
        ("backup", "", 0),
        ("specialty", "", 0),
        ("alternate", "", 0),
        ("coordinator", "k", None),
    ]


def test_the_request_stays_with_the_coordinator_even_when_there_is_none() -> None:
    assert climb(coordinator="k")[-1] == ("coordinator", "k", None)
    assert climb()[-1] == ("coordinator", "", None)
    assert climb(Step.COORDINATOR, on_call="a", specialty="b", coordinator="k") == []


def test_one_who_is_on_call_twice_rings_once_and_the_requester_never() -> None:
    roster = Roster({Step.ON_CALL: (person("a"), person("a"), Person(REQUESTER, HOSPITAL))})
    started = next_step(Snapshot(Urgency.URGENT, None, REQUESTER, roster, frozenset()), SECONDS)
    assert started == (Rung(Step.ON_CALL, (person("a"),), 120),)


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


crowd = st.text("abcdefgh", max_size=8)


@given(crowd, crowd, crowd)
def test_whatever_the_roster_everybody_rings_once_and_it_ends_at_the_coordinator(
    on_call: str, specialty: str, coordinator: str
) -> None:
    step: Step | None = None
    rung = ""
    order = []
    while started := climb(step, on_call=on_call, specialty=specialty, coordinator=coordinator, rung=rung):
        assert all(people == "" and seconds == 0 for _, people, seconds in started[:-1])
        order += [name for name, _, _ in started]
        rung += started[-1][1]
        step = Step(started[-1][0])
    assert order == [each.value for each in Step]
    assert sorted(rung) == sorted(set(on_call + specialty + coordinator))
