"""Who asks too much hears it at once, with the seconds to wait; the others do not notice."""

from __future__ import annotations

import pytest

from foundation.clock import FakeClock
from foundation.errors import TooMany
from foundation.paces import BURST_S, Asker, Buckets, Paces, Rates

RATES = Rates(person=20, terminal=30, facility=100, address=50, consults=60)


@pytest.fixture
def paces(clock: FakeClock) -> Paces:
    return Paces(clock, RATES)


def asked(paces: Paces, asker: Asker) -> str:
    """`ok`, or the code of the refusal."""
    try:
        paces.ask(asker)
    except TooMany as error:
        return error.code if error.retry_after_s >= 1 else "no time to wait"
    return "ok"


def test_a_thousand_a_second_from_one_facility_are_answered_and_the_others_are_not_slowed(
    paces: Paces, clock: FakeClock
) -> None:
    crowd = [Asker(f"stf_{number}", "fac_a") for number in range(200)]
    answers, others = [], []
    for second in range(20):
        for number in range(1_000):
            answers.append(asked(paces, crowd[number % len(crowd)]))
            clock.advance(0.001)
        others += [asked(paces, Asker(f"stf_b{second}_{n}", "fac_b")) for n in range(50)]
    # What the bucket held and what flowed in since; everything else was refused, and told why.
    assert answers.count("ok") == pytest.approx(RATES.facility * (BURST_S + 20), rel=0.01)
    assert set(answers) == {"ok", "limit.facility"}
    assert set(others) == {"ok"}


def test_one_person_who_goes_wild_takes_nothing_from_the_facility(paces: Paces, clock: FakeClock) -> None:
    wild, calm = Asker("stf_wild", "fac_a"), Asker("stf_calm", "fac_a")
    answers = [asked(paces, wild) for _ in range(2_000)]
    assert answers.count("ok") == RATES.person * BURST_S
    assert asked(paces, wild) == "limit.person"
    assert asked(paces, calm) == "ok"
    clock.advance(1)
    assert [asked(paces, wild) for _ in range(21)] == ["ok"] * 20 + ["limit.person"]


def test_people_of_one_terminal_share_its_bucket(paces: Paces) -> None:
    people = [Asker(f"stf_{number}", "fac_a", "trm_1") for number in range(50)]
    answers = [asked(paces, people[number % 50]) for number in range(400)]
    assert answers.count("ok") == RATES.terminal * BURST_S
    assert answers[-1] == "limit.terminal"
    assert asked(paces, Asker("stf_0", "fac_a", "trm_2")) == "ok"


def test_strangers_are_counted_by_network(paces: Paces, clock: FakeClock) -> None:
    for _ in range(int(RATES.address * BURST_S)):
        paces.look("2001:db8::1")
        paces.stranger("2001:db8::1")
    with pytest.raises(TooMany) as refused:
        paces.look("2001:db8::ffff")  # the same /64
    assert (refused.value.code, refused.value.retry_after_s) == ("limit.address", 1)
    paces.look("192.0.2.1")
    clock.advance(1)
    paces.look("2001:db8::1")


def test_consults_are_counted_by_the_minute(paces: Paces, clock: FakeClock) -> None:
    for _ in range(60):
        paces.consult("fac_a")
    with pytest.raises(TooMany) as refused:
        paces.consult("fac_a")
    assert (refused.value.code, refused.value.retry_after_s) == ("limit.consults", 1)
    paces.consult("fac_b")
    clock.advance(1)
    paces.consult("fac_a")


def test_no_rate_is_no_limit(clock: FakeClock) -> None:
    paces = Paces(clock, Rates())
    assert {asked(paces, Asker("stf_a", "fac_a", "trm_a")) for _ in range(5_000)} == {"ok"}
    for _ in range(1_000):
        paces.consult("fac_a")
        paces.look("192.0.2.1")
        paces.stranger("192.0.2.1")


def test_what_is_full_again_is_forgotten(clock: FakeClock) -> None:
    buckets = Buckets(clock, 1, 10)
    for number in range(1_000):
        buckets.take(number)
        clock.advance(0.5)
    assert len(buckets) <= 5


def test_an_owner_is_remembered_by_digest(paces: Paces) -> None:
    asker = Asker("stf_a", "fac_a")
    paces.remember("secret", asker)
    assert paces.owner("secret") == asker
    assert paces.owner("another") is None
    assert "secret" not in repr(vars(paces))
