"""Who gets what of a viewer's line: by importance, at once downward, with patience upward."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.allocation import AUDIO_BPS, MARGIN, MOST_PATIENCE_S, Choice, Layer, Wanted, allocate, enough
from media.api import Cause, Rung

LAYERS = (Layer("q", 180, 150_000), Layer("h", 360, 500_000), Layer("f", 720, 1_500_000))
CAMERA = Wanted("camera", 0, None, LAYERS)
SCREEN = Wanted("screen", 1, None, (Layer("", 1080, 800_000),))
OTHER = Wanted("other", 2, None, LAYERS)
VOICE = Wanted("voice", -1, None, (), kind="audio")


def one(budget: float, wanted: Wanted = CAMERA) -> tuple[int | None, Rung, Cause]:
    choice = allocate(budget, [VOICE, wanted], {}, 0.0)[wanted.track_id]
    return choice.layer, choice.rung, choice.cause


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (3_000_000, (2, Rung.HD, Cause.NONE)),
        (1_540_000, (2, Rung.HD, Cause.NONE)),
        (1_500_000, (1, Rung.REDUCED, Cause.DOWNLINK)),
        (300_000, (0, Rung.LOW, Cause.DOWNLINK)),
        (80_000, (1, Rung.STILLS, Cause.DOWNLINK)),
        (60_000, (None, Rung.AUDIO, Cause.DOWNLINK)),
        (0, (None, Rung.AUDIO, Cause.DOWNLINK)),
    ],
)
def test_the_ladder_of_a_line(budget: float, expected: tuple[int | None, Rung, Cause]) -> None:
    assert one(budget) == expected


def test_a_publisher_of_one_layer_is_seen_whole_or_in_stills() -> None:
    assert one(900_000, SCREEN) == (0, Rung.HD, Cause.NONE)
    assert one(700_000, SCREEN) == (0, Rung.STILLS, Cause.DOWNLINK)
    assert one(50_000, SCREEN) == (None, Rung.AUDIO, Cause.DOWNLINK)


def test_stills_that_pass_are_not_given_up_for_a_tremble() -> None:
    voice_only = allocate(63_000, [VOICE, CAMERA], {}, 0.0)
    stills = allocate(70_000, [VOICE, CAMERA], {}, 0.0)
    assert over(voice_only, [VOICE, CAMERA], [(67_000, 10.0)])[-1]["camera"].rung is Rung.AUDIO
    assert over(stills, [VOICE, CAMERA], [(61_000, 10.0)])[-1]["camera"].rung is Rung.STILLS
    assert over(stills, [VOICE, CAMERA], [(59_000, 0.1)])[-1]["camera"].rung is Rung.AUDIO


def test_of_two_layers_there_is_no_middle() -> None:
    assert one(3e6, replace(CAMERA, layers=LAYERS[1:]))[1] is Rung.HD
    assert one(6e5, replace(CAMERA, layers=LAYERS[1:]))[1] is Rung.LOW


def test_stills_are_as_sharp_as_passes_every_few_seconds() -> None:
    sharp = replace(CAMERA, layers=(Layer("q", 180, 150_000), Layer("h", 360, 300_000)))
    assert one(AUDIO_BPS + 25_000, sharp) == (1, Rung.STILLS, Cause.DOWNLINK)
    assert one(AUDIO_BPS + 30_000) == (0, Rung.STILLS, Cause.DOWNLINK)
    assert one(AUDIO_BPS + 40_000) == (1, Rung.STILLS, Cause.DOWNLINK)


@pytest.mark.parametrize(
    ("height", "expected"),
    [
        (0, (None, Rung.AUDIO, Cause.WISH)),
        (90, (0, Rung.LOW, Cause.WISH)),
        (200, (0, Rung.LOW, Cause.WISH)),
        (360, (1, Rung.REDUCED, Cause.WISH)),
        (720, (2, Rung.HD, Cause.NONE)),
        (2_160, (2, Rung.HD, Cause.NONE)),
    ],
)
def test_a_tile_gets_what_fills_it(height: int, expected: tuple[int | None, Rung, Cause]) -> None:
    assert one(5e6, replace(CAMERA, height=height)) == expected


def test_unknown_heights_limit_nothing() -> None:
    layers = tuple(replace(layer, height=0) for layer in LAYERS)
    assert one(5e6, replace(CAMERA, height=100, layers=layers)) == (2, Rung.HD, Cause.NONE)


def alive(*living: bool) -> Wanted:
    return replace(CAMERA, layers=tuple(replace(layer, alive=each) for layer, each in zip(LAYERS, living, strict=True)))


def test_what_the_publisher_does_not_send_is_its_lines_fault() -> None:
    assert one(5e6, alive(True, True, False)) == (1, Rung.REDUCED, Cause.UPLINK)
    assert one(5e6, alive(True, False, False)) == (0, Rung.LOW, Cause.UPLINK)
    assert one(5e6, alive(False, False, False)) == (None, Rung.AUDIO, Cause.UPLINK)
    assert one(3e5, alive(True, True, False)) == (0, Rung.LOW, Cause.DOWNLINK)
    assert one(5e6, replace(alive(False, False, True), height=100)) == (2, Rung.HD, Cause.NONE)


def test_each_gets_something_before_anybody_gets_more() -> None:
    def rungs(budget: float) -> list[Rung]:
        choices = allocate(budget, [OTHER, SCREEN, CAMERA, VOICE], {}, 0.0)
        return [choices[track].rung for track in ("camera", "screen", "other")]

    assert rungs(10e6) == [Rung.HD, Rung.HD, Rung.HD]
    assert rungs(2.8e6) == [Rung.HD, Rung.HD, Rung.LOW]
    assert rungs(1.2e6) == [Rung.LOW, Rung.HD, Rung.LOW]
    assert rungs(0.8e6) == [Rung.REDUCED, Rung.STILLS, Rung.LOW]
    assert rungs(0.3e6) == [Rung.LOW, Rung.STILLS, Rung.STILLS]
    assert rungs(0.1e6) == [Rung.STILLS, Rung.STILLS, Rung.AUDIO]


def test_every_voice_has_its_reserve() -> None:
    voices = [replace(VOICE, track_id=str(index)) for index in range(4)]
    choices = allocate(4 * AUDIO_BPS + 149_000, [*voices, CAMERA], {}, 0.0)
    assert choices.keys() == {"camera"}
    assert choices["camera"].rung is Rung.STILLS


def test_with_what_is_called_enough_every_wish_is_granted() -> None:
    wanted = [VOICE, CAMERA, replace(OTHER, height=360)]
    assert enough(wanted) == AUDIO_BPS + MARGIN * 2_000_000
    low = allocate(100_000, wanted, {}, 0.0)
    later = over(low, wanted, [(enough(wanted), 12.0)])[-1]
    assert [later["camera"].rung, later["other"].rung] == [Rung.HD, Rung.REDUCED]


def over(
    choices: dict[str, Choice], wanted: list[Wanted], budgets: Iterable[tuple[float, float]], begin: float = 0.0
) -> list[dict[str, Choice]]:
    """What is chosen, ten times a second, while each budget holds for its seconds."""
    history, now = [], begin
    for budget, seconds in budgets:
        for _ in range(round(seconds * 10)):
            now += 0.1
            choices = allocate(budget, wanted, choices, now)
            history.append(choices)
    return history


def rungs_over(budgets: Iterable[tuple[float, float]], start: float = 2e6) -> list[Rung]:
    wanted = [VOICE, CAMERA]
    first = allocate(start, wanted, {}, 0.0)
    return [choices["camera"].rung for choices in over(first, wanted, budgets)]


def test_down_at_once_and_up_after_a_second() -> None:
    rungs = rungs_over([(300_000, 1.0), (2e6, 3.0)])
    assert set(rungs[:10]) == {Rung.LOW}
    assert rungs[10:20] == [Rung.LOW] * 10
    assert rungs[20:] == [Rung.HD] * 20


def test_up_only_with_room_to_spare() -> None:
    barely, well = AUDIO_BPS + 500_000 * 1.1, AUDIO_BPS + 500_000 * 1.16
    assert Rung.REDUCED not in rungs_over([(300_000, 0.1), (barely, 30.0)])
    assert rungs_over([(300_000, 0.1), (well, 2.0)])[-1] is Rung.REDUCED
    assert set(rungs_over([(barely, 5.0)], start=well)) == {Rung.REDUCED}


def test_a_short_rise_is_not_followed() -> None:
    assert set(rungs_over([(2e6, 0.8), (300_000, 0.2)] * 10, start=300_000)) == {Rung.LOW}


def test_a_rise_goes_as_far_as_it_held() -> None:
    rungs = rungs_over([(700_000, 0.8), (2e6, 0.3), (2e6, 2.0)], start=300_000)
    assert rungs[12] is Rung.REDUCED
    assert rungs[-1] is Rung.HD


def test_a_line_that_breaks_its_promise_is_trusted_less_each_time() -> None:
    wanted = [VOICE, CAMERA]
    choices = allocate(300_000, wanted, {}, 0.0)
    now, rises = 0.0, []
    for _ in range(1_200):
        now += 0.1
        budget = 700_000 if choices["camera"].rung is Rung.LOW else 300_000
        before, choices = choices["camera"].rung, allocate(budget, wanted, choices, now)
        if before is Rung.LOW and choices["camera"].rung is Rung.REDUCED:
            rises.append(now)
    waits = [later - earlier for earlier, later in pairwise(rises)]
    assert waits[0] < 3
    assert all(later > earlier - 0.2 for earlier, later in pairwise(waits))
    assert waits[-1] >= MOST_PATIENCE_S
    assert len(rises) <= 11


def test_trust_returns_when_a_rise_has_held() -> None:
    wanted = [VOICE, CAMERA]
    choices = allocate(300_000, wanted, {}, 0.0)
    history = over(choices, wanted, [(7e5, 1.2), (3e5, 1.0), (7e5, 2.5), (3e5, 0.1)])
    assert history[-1]["camera"].patience_s == 4
    history = over(history[-1], wanted, [(7e5, 45.0), (3e5, 0.1)], 5.0)
    assert history[-1]["camera"].patience_s == 1


def test_a_tile_made_larger_does_not_wait() -> None:
    small, large = replace(CAMERA, height=180), CAMERA
    choices = allocate(2e6, [VOICE, small], {}, 0.0)
    assert choices["camera"].cause is Cause.WISH
    assert allocate(2e6, [VOICE, large], choices, 0.1)["camera"].rung is Rung.HD


def test_a_newcomer_is_shown_before_anybody_is_shown_better() -> None:
    choices = allocate(1.6e6, [VOICE, CAMERA], {}, 0.0)
    assert choices["camera"].rung is Rung.HD
    both = allocate(1.6e6, [VOICE, CAMERA, OTHER], choices, 0.1)
    assert [both["camera"].rung, both["other"].rung] == [Rung.REDUCED, Rung.REDUCED]


def test_a_layer_that_dies_and_returns_is_followed() -> None:
    choices = allocate(2e6, [VOICE, CAMERA], {}, 0.0)
    choices = allocate(2e6, [VOICE, alive(True, True, False)], choices, 0.1)
    assert (choices["camera"].rung, choices["camera"].cause) == (Rung.REDUCED, Cause.UPLINK)
    choices = allocate(2e6, [VOICE, CAMERA], choices, 0.2)
    assert choices["camera"].rung is Rung.HD


def test_a_budget_that_trembles_moves_nothing() -> None:
    chance = random.Random(3)
    for centre in range(100_000, 2_400_000, 50_000):
        history = rungs_over([(centre * chance.uniform(0.94, 1.06), 0.1) for _ in range(600)], start=centre)
        assert sum(one is not other for one, other in pairwise(history)) <= 2


WANTED = st.lists(
    st.builds(
        Wanted,
        st.uuids().map(str),
        st.integers(0, 3),
        st.none() | st.integers(0, 2_000),
        st.lists(
            st.builds(Layer, st.just(""), st.integers(0, 1_080), st.floats(0, 3e6), st.booleans()), max_size=4
        ).map(tuple),
        st.sampled_from(["audio", "video"]),
    ),
    max_size=6,
)


@settings(max_examples=300, deadline=None)
@given(WANTED, st.lists(st.tuples(st.floats(0, 5e6), st.floats(0, 3)), max_size=20))
def test_whatever_is_wanted_the_budget_is_kept(wanted: list[Wanted], budgets: list[tuple[float, float]]) -> None:
    choices: dict[str, Choice] = {}
    now = 0.0
    for budget, elapsed in budgets:
        now += elapsed
        choices = allocate(budget, wanted, choices, now)
        assert choices.keys() == {each.track_id for each in wanted if each.kind == "video"}
        needed = 0.0
        for each in wanted:
            if each.kind == "audio":
                continue
            choice = choices[each.track_id]
            assert (choice.layer is None) == (choice.rung is Rung.AUDIO)
            if choice.layer is None:
                continue
            assert each.layers[choice.layer].alive
            assert each.height != 0
            needed += 20_000 if choice.rung is Rung.STILLS else each.layers[choice.layer].bitrate
        voices = AUDIO_BPS * sum(each.kind == "audio" for each in wanted)
        assert needed <= max(0.0, budget - voices)
