"""Clinical scores: items, points, formula and source as data (`scores.json`), and the one that adds them. Pure.

A score is a sum of points that people gave, never more: no band, no risk and no advice follows from it here. A recorded
score carries its whole definition, so that what was asked stays readable when a later program asks otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from consult_rooms import bounds
from consult_rooms.bilingual import Words, words
from consult_rooms.question_templates import NO, SAID, YES, Item, ItemKind, checked
from foundation.errors import Invalid
from foundation.i18n import N_

FILE = Path(__file__).with_suffix(".json")
ASSESSED = Item("assessed", ItemKind.MOMENT, Words("Chấm lúc", "Assessed at"))
"""When the patient was assessed, in the zone in which people write times; it may be before it is recorded."""

INCOMPLETE = N_("Answer this item: a score is added up of all its items.")


class Untestable(StrEnum):
    """What an item that could not be tested does to the total."""

    LEFT_OUT = "left_out"
    """It adds nothing, and is named beside the total."""
    NO_TOTAL = "no_total"
    """There is no total; the items alone are shown."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer; `points` is None for what could not be tested, and for what does not count."""

    code: str
    points: float | None
    label: Words


@dataclass(frozen=True, slots=True)
class ScoreItem:
    """One item. What does not count (`counts`) stands beside the total: the minute of an Apgar score."""

    code: str
    label: Words
    choices: tuple[Choice, ...]
    counts: bool


@dataclass(frozen=True, slots=True)
class Score:
    """A score as it was published: how it is added up, and by whom."""

    code: str
    version: int
    title: Words
    formula: Words
    source: str
    untestable: Untestable
    items: tuple[ScoreItem, ...]
    data: Mapping[str, Any]
    """As the file has it; what a recorded score keeps."""

    @property
    def range(self) -> tuple[float, float]:
        """The least and the most that the items can add up to."""
        points = [[c.points for c in one.choices if c.points is not None] for one in self.items if one.counts]
        return sum(map(min, points)), sum(map(max, points))


@dataclass(frozen=True, slots=True)
class Scored:
    """A score with the answers to all its items; `assessed` is local."""

    score: Score
    answers: tuple[tuple[ScoreItem, Choice], ...]
    assessed: datetime

    @property
    def total(self) -> float | None:
        """The sum of the points: see `total`."""
        return total(self.score, {item.code: choice.code for item, choice in self.answers})

    @property
    def untested(self) -> tuple[ScoreItem, ...]:
        """The items that could not be tested."""
        return tuple(item for item, choice in self.answers if item.counts and choice.points is None)

    @property
    def beside(self) -> tuple[Choice, ...]:
        """What stands beside the total without counting."""
        return tuple(choice for item, choice in self.answers if not item.counts)

    def shown(self, language: str) -> str:
        """The total as people of that language write it, a dash where there is none."""
        return points(self.total, language)

    def json(self) -> dict[str, Any]:
        """As it is sealed."""
        return {
            "score": dict(self.score.data),
            "answers": {item.code: choice.code for item, choice in self.answers},
            "assessed": self.assessed.isoformat(timespec="minutes"),
        }


def total(score: Score, given: Mapping[str, str]) -> float | None:
    """The sum of the points of all items that count. None where the score has no total because of an untestable item.

    Raises Invalid `score.incomplete` or `choice.unknown` with the item's code as the field.
    """
    found = [choice.points for item, choice in _chosen(score, given) if item.counts]
    tested = [one for one in found if one is not None]
    return None if score.untestable is Untestable.NO_TOTAL and len(tested) < len(found) else sum(tested)


def scored(score: Score, given: Mapping[str, str], *, until: datetime, now: datetime) -> Scored:
    """A score of the answers to its items, and of `assessed`, `now` where that was left empty; both times are local.

    Raises as `total`, and Invalid `answer.moment` or `answer.future` with the field `assessed`.
    """
    answers = _chosen(score, given)
    at = checked(ASSESSED, given.get(ASSESSED.code, ""), until)
    return Scored(score, answers, datetime.fromisoformat(at) if at else now.replace(tzinfo=None))


def recorded(data: Mapping[str, Any]) -> Scored:
    """The score that was sealed."""
    of = score(data["score"])
    return Scored(of, _chosen(of, data["answers"]), datetime.fromisoformat(data["assessed"]))


@lru_cache(maxsize=1)
def shipped() -> Mapping[str, Score]:
    """The scores of this version of the program, by code, in the order of the file."""
    return {one["code"]: score(one) for one in json.loads(FILE.read_text("utf-8"))}


def score(data: Mapping[str, Any]) -> Score:
    """A score of its JSON; an item with `points` is yes or no. Raises KeyError or ValueError for what is none."""
    return Score(
        code=str(data["code"]),
        version=int(data["version"]),
        title=words(data["title"]),
        formula=words(data["formula"]),
        source=str(data["source"]),
        untestable=Untestable(data.get("untestable", Untestable.LEFT_OUT)),
        items=tuple(
            ScoreItem(str(one["code"]), words(one), _choices(one), bool(one.get("counts", True)))
            for one in data["items"]
        ),
        data=data,
    )


def points(value: float | None, language: str) -> str:
    """Points as people of that language write them, a dash for none."""
    if value is None:
        return "–"
    return f"{value:g}".replace("-", "−").replace(".", "," if language != "en" else ".")


def _choices(data: Mapping[str, Any]) -> tuple[Choice, ...]:
    if "choices" not in data:
        return Choice(NO, 0, SAID[NO]), Choice(YES, data["points"], SAID[YES])
    return tuple(Choice(str(one.get("code", one["points"])), one["points"], words(one)) for one in data["choices"])


def _chosen(score: Score, given: Mapping[str, str]) -> tuple[tuple[ScoreItem, Choice], ...]:
    found = []
    for item in score.items:
        code = given.get(item.code, "")
        if not code:
            raise Invalid("score.incomplete", INCOMPLETE, field=item.code)
        choice = next((one for one in item.choices if one.code == code), None)
        if choice is None:
            raise Invalid("choice.unknown", bounds.UNKNOWN, field=item.code)
        found.append((item, choice))
    return tuple(found)
