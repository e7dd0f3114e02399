"""The ladder's rules as values: what excludes somebody, what only puts them last, how long each step rings. Pure.

An administrator edits them (`rulebook`); the law is not among them: whoever asks is never rung, nor anybody outside the
field or without a valid licence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from consult_rooms.model import Step, Urgency
from foundation.errors import Invalid
from foundation.i18n import N_


class Condition(StrEnum):
    """What can speak against ringing a person. The order is that in which they weigh when they only put last."""

    REQUESTER = "requester"
    NOT_IN_FIELD = "not_in_field"
    LICENCE_EXPIRED = "licence_expired"
    OUT_OF_SCOPE = "out_of_scope"
    """The specialty names scopes of practice, and the licence bears none of them."""
    CLOSED = "closed"
    """The hospital's hours for this clinic do not hold now."""
    DO_NOT_DISTURB = "do_not_disturb"
    OFFLINE = "offline"
    BUSY = "busy"
    """Runs as many consults as the rules say, or more."""
    NO_COMMON_LANGUAGE = "no_common_language"
    LOWER_LEVEL = "lower_level"
    """The hospital's technical level is below the clinic's."""
    BROADER_FIELD = "broader_field"
    """Holds the specialty above the sub-specialty that is asked."""


FIXED = frozenset({Condition.REQUESTER, Condition.NOT_IN_FIELD, Condition.LICENCE_EXPIRED})
"""Conditions that exclude whatever the rules say."""
EDITABLE = tuple(condition for condition in Condition if condition not in FIXED)
OF_COORDINATORS = frozenset({Condition.REQUESTER, Condition.DO_NOT_DISTURB, Condition.OFFLINE})
"""Conditions that a coordinator can meet: the others speak of specialists."""


class Effect(StrEnum):
    """What a condition does."""

    EXCLUDE = "exclude"
    LAST = "last"
    """Rung with the same step, behind those who do not meet it."""
    IGNORE = "ignore"


SECONDS = (5, 3_600)
COORDINATOR_SECONDS = (5, 86_400)
BUSY_FROM = (1, 20)
RETURN_DAYS = (0, 3_650)
MOST = (1, 1_000)


@dataclass(frozen=True, slots=True)
class Rules:
    """One version of the rules. `version` 0: nobody has edited them yet."""

    version: int
    seconds: Mapping[Urgency, Mapping[Step, float]]
    effects: Mapping[Condition, Mapping[Urgency, Effect]]
    busy_from: int = 1
    """Consults under way from which a person counts as busy."""
    return_days: int = 90
    """How long the specialist of a patient's earlier consult comes first; 0: never."""
    most: int = 100
    """People whom one step rings at most; those left over come with the next."""

    def effect(self, condition: Condition, urgency: Urgency) -> Effect:
        """What the condition does in a request of that urgency."""
        return Effect.EXCLUDE if condition in FIXED else self.effects[condition][urgency]

    def total(self, urgency: Urgency) -> float:
        """Seconds after which a request that nobody took has been through every step."""
        return sum(self.seconds[urgency].values())

    def json(self) -> dict[str, Any]:
        """As stored; `of_json` reads it."""
        return {
            "seconds": {u.value: {s.value: value for s, value in by.items()} for u, by in self.seconds.items()},
            "effects": {c.value: {u.value: e.value for u, e in by.items()} for c, by in self.effects.items()},
            "busy_from": self.busy_from,
            "return_days": self.return_days,
            "most": self.most,
        }


def defaults(seconds: Mapping[Urgency, float], coordinator_seconds: float) -> Rules:
    """The rules while nobody has edited them: everybody rings who may take the case, the likeliest first."""
    last = dict.fromkeys(Urgency, Effect.LAST)
    exclude = dict.fromkeys(Urgency, Effect.EXCLUDE)
    return Rules(
        version=0,
        seconds={
            urgency: {
                step: coordinator_seconds if step is Step.COORDINATOR else float(seconds[urgency]) for step in Step
            }
            for urgency in Urgency
        },
        effects={
            Condition.OUT_OF_SCOPE: exclude,
            # Who is at hand may still answer an emergency when the hospital's hours are over.
            Condition.CLOSED: exclude | {Urgency.EMERGENCY: Effect.LAST},
            Condition.DO_NOT_DISTURB: exclude,
            Condition.OFFLINE: last,
            Condition.BUSY: last,
            Condition.NO_COMMON_LANGUAGE: last,
            Condition.LOWER_LEVEL: last,
            Condition.BROADER_FIELD: last,
        },
    )


def of_json(data: Any, version: int, otherwise: Rules) -> Rules:
    """Stored rules. What an older version did not know yet is as in `otherwise`. Raises `Invalid` as `checked` does."""
    seconds = _mapping(data.get("seconds"))
    effects = _mapping(data.get("effects"))
    return checked(
        Rules(
            version=version,
            seconds={
                urgency: {
                    step: _mapping(seconds.get(urgency.value)).get(step.value, otherwise.seconds[urgency][step])
                    for step in Step
                }
                for urgency in Urgency
            },
            effects={
                condition: {
                    urgency: Effect(
                        _mapping(effects.get(condition.value)).get(urgency.value, otherwise.effects[condition][urgency])
                    )
                    for urgency in Urgency
                }
                for condition in EDITABLE
            },
            busy_from=data.get("busy_from", otherwise.busy_from),
            return_days=data.get("return_days", otherwise.return_days),
            most=data.get("most", otherwise.most),
        )
    )


def checked(rules: Rules) -> Rules:
    """The same rules. Raises `Invalid("rules.range")` with the `field`, its `least` and its `longest`."""
    for urgency in Urgency:
        for step in Step:
            bounds = COORDINATOR_SECONDS if step is Step.COORDINATOR else SECONDS
            _within(rules.seconds[urgency][step], bounds, f"seconds_{urgency}_{step}")
    _within(rules.busy_from, BUSY_FROM, "busy_from")
    _within(rules.return_days, RETURN_DAYS, "return_days")
    _within(rules.most, MOST, "most")
    return rules


def _within(value: float, bounds: tuple[int, int], field: str) -> None:
    least, most = bounds
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise Invalid("rules.range", RANGE, field=field, least=least, most=most)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


RANGE = N_("Write a number from %(least)s to %(most)s.")
