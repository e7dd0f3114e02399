"""Everybody's turn comes, a few at a time."""

from media.turns import Turns


def test_everybody_has_a_turn_in_each_round() -> None:
    turns: Turns[int] = Turns(0.1, 8)
    things = list(range(20))
    served: list[int] = []
    steps = []
    for step in range(40):  # four tenths of a second
        now = list(turns.due(things, step / 100))
        steps.append(len(now))
        served += now
    assert max(steps) == 3
    assert all(served.count(thing) == 4 for thing in things)


def test_newcomers_wait_for_the_next_round() -> None:
    turns: Turns[str] = Turns(0.1, 2)
    things = ["a", "b"]
    first = list(turns.due(things, 0.0))
    things.append("c")
    rest = [*turns.due(things, 0.01), *turns.due(things, 0.02)]
    assert sorted(first + rest) == ["a", "b"]
    assert len([*turns.due(things, 0.1), *turns.due(things, 0.11)]) == 3
